"""Objects that a controller makes out of others: the Secret of an ExternalSecret is not in git, and is no gap."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from gitgate.reconcile.places import Place
from gitgate.resource import Resource

ANY_NAMESPACE = "*"
"""The namespace of what a controller makes in many namespaces."""

# Group and kind: what is made, and where its name is written; without a name there the object's own counts.
_MAKERS: Mapping[tuple[str, str], tuple[tuple[str, tuple[str, ...]], ...]] = {
    ("bitnami.com", "SealedSecret"): (("Secret", ("spec", "template", "metadata", "name")),),
    ("cert-manager.io", "Certificate"): (("Secret", ("spec", "secretName")),),
    ("external-secrets.io", "ExternalSecret"): (("Secret", ("spec", "target", "name")),),
    ("infisical.com", "InfisicalSecret"): (("Secret", ("spec", "managedSecretReference", "secretName")),),
    ("objectbucket.io", "ObjectBucketClaim"): (("Secret", ()), ("ConfigMap", ())),
    ("onepassword.com", "OnePasswordItem"): (("Secret", ()),),
    ("ricoberger.de", "VaultSecret"): (("Secret", ()),),
    ("secrets-store.csi.x-k8s.io", "SecretProviderClass"): (("Secret", ("spec", "secretObjects", "[]", "secretName")),),
    ("secrets.doppler.com", "DopplerSecret"): (("Secret", ("spec", "managedSecret", "name")),),
    ("secrets.hashicorp.com", "VaultDynamicSecret"): (("Secret", ("spec", "destination", "name")),),
    ("secrets.hashicorp.com", "VaultStaticSecret"): (("Secret", ("spec", "destination", "name")),),
    ("isindir.github.com", "SopsSecret"): (("Secret", ("spec", "secretTemplates", "[]", "name")),),
    ("source.extensions.fluxcd.io", "ArtifactGenerator"): (("ExternalArtifact", ("spec", "artifacts", "[]", "name")),),
    ("spv.no", "AzureKeyVaultSecret"): (("Secret", ("spec", "output", "secret", "name")),),
}  # fmt: skip
_EVERYWHERE: Mapping[tuple[str, str], tuple[tuple[str, tuple[str, ...]], ...]] = {
    ("external-secrets.io", "ClusterExternalSecret"): (("Secret", ("spec", "externalSecretName")),),
    ("trust.cert-manager.io", "Bundle"): (("ConfigMap", ()), ("Secret", ())),
}
_ISSUERS = ("cert-manager.io/cluster-issuer", "cert-manager.io/issuer", "kubernetes.io/tls-acme")


def made_by(resource: Resource) -> Iterator[Place]:
    """What a controller makes out of an object; total, whatever it holds."""
    key = (resource.id.group, resource.id.kind)
    for namespace, makers in ((resource.id.namespace, _MAKERS), (ANY_NAMESPACE, _EVERYWHERE)):
        for kind, path in makers.get(key, ()):
            names = [name for name in _values(resource.data, path) if isinstance(name, str) and name] if path else []
            yield from ((kind, namespace, name) for name in names or [resource.id.name])
    if resource.id.kind in ("Ingress", "Gateway"):
        yield from _certificates(resource)
    if resource.id.kind == "StatefulSet":
        yield from _claims(resource)


def _values(data: Any, path: tuple[str, ...]) -> Iterator[Any]:
    if not path:
        yield data
    elif path[0] == "[]":
        for item in data if isinstance(data, list) else ():
            yield from _values(item, path[1:])
    elif isinstance(data, Mapping):
        yield from _values(data.get(path[0]), path[1:])


def _certificates(resource: Resource) -> Iterator[Place]:
    """cert-manager makes the TLS Secrets of an annotated Ingress."""
    annotations = next(_values(resource.data, ("metadata", "annotations")), None)
    if isinstance(annotations, Mapping) and any(name in annotations for name in _ISSUERS):
        for path in (("spec", "tls", "[]", "secretName"),
                     ("spec", "listeners", "[]", "tls", "certificateRefs", "[]", "name")):  # fmt: skip
            yield from (("Secret", resource.id.namespace, name) for name in _values(resource.data, path) if
                        isinstance(name, str))  # fmt: skip


_REPLICAS = 100


def _claims(resource: Resource) -> Iterator[Place]:
    """The claims of a StatefulSet: `<template>-<name>-<ordinal>`."""
    replicas = next(_values(resource.data, ("spec", "replicas")), None)
    count = replicas if isinstance(replicas, int) and 0 <= replicas <= _REPLICAS else 1
    for name in _values(resource.data, ("spec", "volumeClaimTemplates", "[]", "metadata", "name")):
        for ordinal in range(count):
            yield ("PersistentVolumeClaim", resource.id.namespace, f"{name}-{resource.id.name}-{ordinal}")
