"""Objects and definitions that schema tests start from; every call makes new ones."""

from __future__ import annotations

import copy
from typing import Any

from gitgate.location import FieldPath
from gitgate.resource import Origin, Resource, ResourceId
from gitgate.schema.catalog import KindSchema, SchemaCatalog
from gitgate.schema.validation import violations
from gitgate.schema.violation import SchemaViolation

REMOVED = object()
"""As the value of an edit: delete the field."""


def deployment() -> dict[str, Any]:
    return {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"name": "web", "namespace": "shop", "labels": {"app": "web"}},
        "spec": {
            "replicas": 3,
            "selector": {"matchLabels": {"app": "web"}},
            "template": {
                "metadata": {"labels": {"app": "web"}},
                "spec": {
                    "containers": [
                        {
                            "name": "web",
                            "image": "registry.example.com/web:1.2",
                            "args": ["--port", "8080"],
                            "env": [{"name": "MODE", "value": "production"}],
                            "ports": [{"name": "http", "containerPort": 8080}],
                            "resources": {"requests": {"cpu": "100m", "memory": "64Mi"}},
                            "livenessProbe": {"httpGet": {"path": "/healthz", "port": "http"}},
                        }
                    ],
                    "volumes": [{"name": "cache", "emptyDir": {}}],
                },
            },
        },
    }


def service() -> dict[str, Any]:
    return {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": {"name": "web"},
        "spec": {"selector": {"app": "web"}, "ports": [{"name": "http", "port": 80, "targetPort": "http"}]},
    }


def secret() -> dict[str, Any]:
    return {
        "apiVersion": "v1",
        "kind": "Secret",
        "metadata": {"name": "web"},
        "type": "Opaque",
        "data": {"password": "aHVudGVyMg=="},
    }


def config_map() -> dict[str, Any]:
    return {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "web"}, "data": {"mode": "fast"}}


def crd(spec_schema: Any, *, api_version: str = "apiextensions.k8s.io/v1", **version: Any) -> dict[str, Any]:
    """A definition of `example.com/v1 Backup` whose `spec` has the given schema."""
    return {
        "apiVersion": api_version,
        "kind": "CustomResourceDefinition",
        "metadata": {"name": "backups.example.com"},
        "spec": {
            "group": "example.com",
            "scope": "Namespaced",
            "names": {"kind": "Backup", "listKind": "BackupList", "plural": "backups", "singular": "backup"},
            "versions": [
                {
                    "name": "v1",
                    "served": True,
                    "storage": True,
                    "schema": {"openAPIV3Schema": {"type": "object", "properties": {"spec": spec_schema}}},
                    **version,
                }
            ],
        },
    }


def backup(spec: Any) -> dict[str, Any]:
    return {"apiVersion": "example.com/v1", "kind": "Backup", "metadata": {"name": "nightly"}, "spec": spec}


def as_resource(data: dict[str, Any]) -> Resource:
    group, _, version = data["apiVersion"].rpartition("/")
    metadata = data.get("metadata")
    name = metadata.get("name", "") if isinstance(metadata, dict) else ""
    return Resource(ResourceId(group, version, data["kind"], "", name), data, Origin("crd.yaml"))


def edited(data: dict[str, Any], path: FieldPath, value: Any) -> dict[str, Any]:
    """A copy with one field set, added or removed."""
    result = copy.deepcopy(data)
    parent: Any = result
    for step in path[:-1]:
        parent = parent[step]
    if value is REMOVED:
        del parent[path[-1]]
    elif isinstance(parent, list) and path[-1] == len(parent):
        parent.append(value)
    else:
        parent[path[-1]] = value
    return result


def schema_of(data: dict[str, Any], version: str = "1.33") -> KindSchema:
    """The bundled schema of an object's kind."""
    identity = as_resource(data).id
    found = SchemaCatalog.bundled(version).find(identity.group, identity.version, identity.kind)
    assert found is not None
    return found


def judge(data: dict[str, Any], version: str = "1.33") -> tuple[SchemaViolation, ...]:
    return violations(data, schema_of(data, version))


def judge_custom(definition: dict[str, Any], data: dict[str, Any]) -> tuple[SchemaViolation, ...]:
    """Judge a custom resource by a definition."""
    catalog = SchemaCatalog.bundled("1.33").with_custom_resources([as_resource(definition)])
    identity = as_resource(data).id
    schema = catalog.find(identity.group, identity.version, identity.kind)
    assert schema is not None
    return violations(data, schema)


def codes(found: tuple[SchemaViolation, ...]) -> list[str]:
    return [violation.code for violation in found]
