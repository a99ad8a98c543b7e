"""Rules for webhooks and admission policies, beyond those that corpora rank highest.

Source: k8s.io/kubernetes/pkg/apis/admissionregistration/validation/validation.go. Expressions are not compiled here.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from gitgate.location import FieldPath
from gitgate.reconcile.create_pod_details import duplicate
from gitgate.reconcile.failure import Failure, invalid, required, unsupported
from gitgate.reconcile.labels import LABEL_1035, LABEL_1035_WORDS, SUBDOMAIN_WORDS, is_subdomain, qualified_problem
from gitgate.reconcile.names import ADMISSION

Value = Mapping[str, Any]
_REASONS = ("Unauthorized", "Forbidden", "Invalid", "RequestEntityTooLarge")
_IDENTIFIER = re.compile(r"[_a-zA-Z][_a-zA-Z0-9]*\Z")
_LISTS = ("operations", "apiGroups", "apiVersions", "resources")


def rule(value: Value, path: FieldPath, root: Value) -> Iterator[Failure]:  # noqa: ARG001 - the rule's form
    """`validateRuleWithOperations`, `validateRule`."""
    for field in _LISTS:
        items = value.get(field) or ()
        if not items:
            yield required((*path, field))
        elif len(items) > 1 and "*" in items and field != "resources":
            shown = "[" + ",".join(f'"{item}"' for item in items) + "]"
            yield invalid((*path, field), shown, "if '*' is present, must not specify other " + _OTHERS[field])
        for index, item in enumerate(items):
            if item == "" and field in ("apiVersions", "resources"):
                yield required((*path, field, index))


_OTHERS: Mapping[str, str] = {
    "operations": "operations", "apiGroups": "API groups", "apiVersions": "API versions",
}  # fmt: skip


def webhook(value: Value, path: FieldPath, root: Value) -> Iterator[Failure]:  # noqa: ARG001
    """`validateValidatingWebhook`, `validateMutatingWebhook`, `ValidateWebhookURL`."""
    name = value.get("name") or ""
    if name and not is_subdomain(name):
        words = SUBDOMAIN_WORDS if len(name) <= 253 else "must be no more than 253 characters"
        yield invalid((*path, "name"), f'"{name}"', words)
    elif name and len(name.split(".")) < 3:
        words = "should be a domain with at least three segments separated by dots"
        yield invalid((*path, "name"), f'"{name}"', words)
    yield from _review_versions(value.get("admissionReviewVersions") or (), (*path, "admissionReviewVersions"))
    client = value.get("clientConfig") or {}
    address = client.get("url")
    if isinstance(address, str) and not address.lower().startswith("https://"):
        words = "'https' is the only allowed URL scheme; desired format: https://host[/path]"
        scheme = address.partition("://")[0] if "://" in address else ""
        yield invalid((*path, "clientConfig", "url"), f'"{scheme}"', words)
    port = (client.get("service") or {}).get("port")
    if isinstance(port, int) and not 1 <= port <= 65_535:
        words = "port is not valid: must be between 1 and 65535, inclusive"
        yield invalid((*path, "clientConfig", "service", "port"), str(port), words)

    yield from _service_path((client.get("service") or {}).get("path"), (*path, "clientConfig", "service", "path"))
    yield from _conditions(value.get("matchConditions") or (), path)


def _service_path(text: Any, path: FieldPath) -> Iterator[Failure]:
    """`ValidateWebhookService`."""
    if not isinstance(text, str) or text == "/":
        return
    shown = f'"{text}"'
    if not text:
        return
    if not text.startswith("/"):
        yield invalid(path, shown, "must start with a '/'")
    if "?" in text:
        yield invalid(path, shown, "must not contain a '?'")
    for index, step in enumerate(text.removeprefix("/").removesuffix("/").split("/")):
        if not step:
            yield invalid(path, shown, f"segment[{index}] may not be empty")
        elif not is_subdomain(step):
            yield invalid(path, shown, f"segment[{index}]: {SUBDOMAIN_WORDS}")


def _conditions(conditions: Any, path: FieldPath) -> Iterator[Failure]:
    """`validateMatchConditions`, of webhooks and policies."""
    seen = set()
    for index, one in enumerate(conditions):
        place, name = (*path, "matchConditions", index), one.get("name") or ""
        if not (one.get("expression") or "").strip():
            yield required((*place, "expression"))
        if name in seen and name:
            yield duplicate((*place, "name"), name)
        seen.add(name)
        if not name:
            yield required((*place, "name"))
        elif words := qualified_problem(name):
            yield invalid((*place, "name"), f'"{name}"', words)


def _review_versions(versions: Any, path: FieldPath) -> Iterator[Failure]:
    if versions and not {"v1", "v1beta1"} & set(versions):
        yield invalid(path, json.dumps(list(versions)), "must include at least one of v1, v1beta1")
    seen = set()
    for index, version in enumerate(versions):
        if version in seen:
            yield invalid((*path, index), f'"{version}"', "duplicate version")
        seen.add(version)
        if not LABEL_1035.match(version):
            yield invalid((*path, index), f'"{version}"', LABEL_1035_WORDS)


def configuration(value: Value, path: FieldPath, root: Value) -> Iterator[Failure]:  # noqa: ARG001
    """`validateValidatingWebhookConfiguration`: names are told apart."""
    seen = set()
    for index, one in enumerate(value.get("webhooks") or ()):
        if one.get("name") in seen:
            yield duplicate((*path, "webhooks", index, "name"), one["name"])
        seen.add(one.get("name"))


def policy(spec: Value, path: FieldPath, root: Value) -> Iterator[Failure]:  # noqa: ARG001
    """`validateValidatingAdmissionPolicySpec`, `validateParamKind`, `validateVariable`."""
    constraints = spec.get("matchConstraints")
    if isinstance(constraints, dict) and not constraints.get("resourceRules"):
        yield required((*path, "matchConstraints", "resourceRules"))
    kind = spec.get("paramKind")
    if isinstance(kind, dict):
        for field in ("apiVersion", "kind"):
            if not kind.get(field):
                yield required((*path, "paramKind", field))
    for index, variable in enumerate(spec.get("variables") or ()):
        name = variable.get("name") or ""
        if name and not _IDENTIFIER.match(name):
            yield invalid((*path, "variables", index, "name"), f'"{name}"', "must be a valid CEL identifier")
    yield from _conditions(spec.get("matchConditions") or (), path)


def validation(value: Value, path: FieldPath, root: Value) -> Iterator[Failure]:  # noqa: ARG001
    """`validateValidation`."""
    reason = value.get("reason")
    if isinstance(reason, str) and reason not in _REASONS:
        yield unsupported((*path, "reason"), reason, _REASONS)


def binding(spec: Value, path: FieldPath, root: Value) -> Iterator[Failure]:  # noqa: ARG001
    """`validateValidatingAdmissionPolicyBindingSpec`, `validateParamRef`, `validateValidationActions`."""
    reference = spec.get("paramRef")
    if isinstance(reference, dict):
        if not reference.get("name") and reference.get("selector") is None:
            yield required((*path, "paramRef"), "one of name or selector must be specified")
        elif not reference.get("parameterNotFoundAction"):
            yield required((*path, "paramRef", "parameterNotFoundAction"))
    actions = spec.get("validationActions") or ()
    if not actions:
        yield required((*path, "validationActions"))
    elif "Deny" in actions and "Warn" in actions:
        words = "must not contain both Deny and Warn (repeating the same validation failure information in the API response and headers serves no purpose)"  # noqa: E501 - the server's words
        yield invalid((*path, "validationActions"), str(list(actions)), words)


RULES: Mapping[str, Callable[[Value, FieldPath, Value], Iterator[Failure]]] = {
    ADMISSION + "MutatingWebhook": webhook,
    ADMISSION + "MutatingWebhookConfiguration": configuration,
    ADMISSION + "NamedRuleWithOperations": rule,
    ADMISSION + "RuleWithOperations": rule,
    ADMISSION + "ValidatingAdmissionPolicyBindingSpec": binding,
    ADMISSION + "ValidatingAdmissionPolicySpec": policy,
    ADMISSION + "ValidatingWebhook": webhook,
    ADMISSION + "ValidatingWebhookConfiguration": configuration,
    ADMISSION + "Validation": validation,
}
