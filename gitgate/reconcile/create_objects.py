"""Rules for kinds without Pods beyond those that corpora rank highest, and for the names of all.

Sources: k8s.io/kubernetes/pkg/apis/<group>/validation/validation.go, k8s.io/apiextensions-apiserver.
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from typing import Any

from gitgate.location import FieldPath
from gitgate.reconcile.create_pod_details import duplicate
from gitgate.reconcile.failure import Certainty, Failure, forbidden, invalid, required, unsupported
from gitgate.reconcile.labels import DNS_LABEL, LABEL_WORDS, SUBDOMAIN_WORDS, is_subdomain
from gitgate.reconcile.names import (
    ADMISSION,
    APIEXTENSIONS,
    CORE,
    DISCOVERY,
    NETWORKING,
    OBJECT_META,
    RBAC,
    SCHEDULING,
    STORAGE,
)
from gitgate.reconcile.quantity import parse_quantity

Value = Mapping[str, Any]
_KEY = re.compile(r"[-._a-zA-Z0-9]{1,253}\Z")
_KEY_WORDS = (
    "a valid config key must consist of alphanumeric characters, '-', '_' or '.' (e.g. 'key.name',  or 'KEY_NAME',  or "
    "'key-name', regex used for validation is '[-._a-zA-Z0-9]+')"
)
_LABELS = frozenset({("", "Namespace"), ("", "Service")})
"""Kinds whose name is a DNS label; a Service's was narrower before it was relaxed."""
_PATH_SEGMENTS = frozenset({"rbac.authorization.k8s.io"})
_OTHER_NAMES = frozenset({"apiregistration.k8s.io", "authentication.k8s.io", "authorization.k8s.io"})
_OTHER_KINDS = frozenset({("networking.k8s.io", "IPAddress"), ("apiextensions.k8s.io", "CustomResourceDefinition")})


def metadata(value: Value, path: FieldPath, root: Value) -> Iterator[Failure]:
    """`ValidateObjectMeta`: the name of the object itself."""
    name = value.get("name")
    if path != ("metadata",) or not isinstance(name, str) or not name:
        return
    group, kind = str(root.get("apiVersion", "")).rpartition("/")[0], str(root.get("kind"))
    place = (*path, "name")
    if group in _PATH_SEGMENTS:
        yield from _path_segment(name, place)
    elif (group, kind) in _LABELS:
        if len(name) > 63:
            yield invalid(place, f'"{name}"', "must be no more than 63 characters")
        elif not DNS_LABEL.match(name):
            yield invalid(place, f'"{name}"', LABEL_WORDS)
    elif group not in _OTHER_NAMES and (group, kind) not in _OTHER_KINDS and not is_subdomain(name):
        words = SUBDOMAIN_WORDS if len(name) <= 253 else "must be no more than 253 characters"
        yield invalid(place, f'"{name}"', words)


def _path_segment(name: str, place: FieldPath) -> Iterator[Failure]:
    # apimachinery/pkg/api/validation/path, IsValidPathSegmentName
    if name in (".", ".."):
        yield invalid(place, f'"{name}"', f"may not be '{name}'")
    for part in ("/", "%"):
        if part in name:
            yield invalid(place, f'"{name}"', f"may not contain '{part}'")


def configuration(value: Value, path: FieldPath, root: Value) -> Iterator[Failure]:  # noqa: ARG001 - the rule's form
    """`ValidateConfigMap`, and the keys of `ValidateSecret`."""
    data, binary = value.get("data") or {}, value.get("binaryData") or {}
    for field, keys in (("data", data), ("binaryData", binary)):
        for key in keys:
            if not _KEY.match(key) or key in (".", "..") or key.startswith(".."):
                yield _at_key(invalid((*path, field, key), f'"{key}"', _KEY_WORDS), field, key)
    for key in data.keys() & binary.keys():
        yield _at_key(invalid((*path, "data", key), f'"{key}"', "duplicate of key present in binaryData"), "data", key)


def _at_key(failure: Failure, field: str, key: str) -> Failure:
    return replace(failure, place=f"{field}[{key}]")


_SECRET_KEYS: Mapping[str, tuple[str, ...]] = {
    "kubernetes.io/dockercfg": (".dockercfg",), "kubernetes.io/dockerconfigjson": (".dockerconfigjson",),
    "kubernetes.io/ssh-auth": ("ssh-privatekey",), "kubernetes.io/tls": ("tls.crt", "tls.key"),
}  # fmt: skip
_ACCOUNT = "kubernetes.io/service-account.name"


def secret(value: Value, path: FieldPath, root: Value) -> Iterator[Failure]:
    """`ValidateSecret`: which keys a type needs; values are never looked at."""
    yield from configuration(value, path, root)
    data, kind = value.get("data") or {}, value.get("type")
    for key in _SECRET_KEYS.get(str(kind), ()):
        if key not in data:
            yield _at_key(required((*path, "data", key)), "data", key)
    if kind == "kubernetes.io/basic-auth" and not data.keys() & {"username", "password"}:
        for key in ("username", "password"):
            yield _at_key(required((*path, "data", key)), "data", key)
    annotations = (value.get("metadata") or {}).get("annotations") or {}
    if kind == "kubernetes.io/service-account-token" and not annotations.get(_ACCOUNT):
        place = (*path, "metadata", "annotations", _ACCOUNT)
        yield replace(required(place), place=f"metadata.annotations[{_ACCOUNT}]")


def service(spec: Value, path: FieldPath, root: Value) -> Iterator[Failure]:  # noqa: ARG001
    """`validateService`."""
    kind, headless = spec.get("type"), spec.get("clusterIP") == "None"
    if kind in ("LoadBalancer", "NodePort") and headless:
        words = f"may not be set to 'None' for {kind} services"
        yield invalid((*path, "clusterIPs", 0), '"None"', words)
    external = str(spec.get("externalName") or "").removesuffix(".")
    if kind == "ExternalName":
        if external and not is_subdomain(external):
            yield invalid((*path, "externalName"), f'"{external}"', SUBDOMAIN_WORDS)
        if spec.get("clusterIP"):
            yield forbidden((*path, "clusterIPs"), "may not be set for ExternalName services")
    if kind != "LoadBalancer":
        yield from _balancer_only(spec, path)
    if kind not in ("LoadBalancer", "NodePort") and not spec.get("externalIPs") and spec.get("externalTrafficPolicy"):
        words = "may only be set for externally-accessible services"
        yield invalid((*path, "externalTrafficPolicy"), f'"{spec["externalTrafficPolicy"]}"', words)
    yield from _service_ports(spec, path)


def _balancer_only(spec: Value, path: FieldPath) -> Iterator[Failure]:
    words = "may only be used when `type` is 'LoadBalancer'"
    if spec.get("loadBalancerSourceRanges"):
        yield forbidden((*path, "LoadBalancerSourceRanges"), words)
    if spec.get("allocateLoadBalancerNodePorts") is not None:
        yield forbidden((*path, "allocateLoadBalancerNodePorts"), words)
    if spec.get("loadBalancerClass"):
        yield forbidden((*path, "loadBalancerClass"), words)


def _service_ports(spec: Value, path: FieldPath) -> Iterator[Failure]:
    ports, nodes = set(), set()
    for index, port in enumerate(spec.get("ports") or ()):
        place, protocol = (*path, "ports", index), port.get("protocol")
        if (protocol, port.get("port")) in ports:
            yield duplicate(place, f"{port.get('port')}/{protocol}")
        ports.add((protocol, port.get("port")))
        number = port.get("nodePort")
        if not number:
            continue
        if spec.get("type") == "ClusterIP":
            yield forbidden((*place, "nodePort"), "may not be used when `type` is 'ClusterIP'")
        elif (protocol, number) in nodes:
            yield duplicate((*place, "nodePort"), number)
        elif not 30_000 <= number <= 32_767:
            # The range is a flag of the server.
            words = "provided port is not in the valid range. The range of valid ports is 30000-32767"
            yield replace(invalid((*place, "nodePort"), str(number), words), certainty=Certainty.ASSUMED)
        nodes.add((protocol, number))


_VOLUME_DETAILS = frozenset(
    {"accessModes", "capacity", "claimRef", "mountOptions", "nodeAffinity", "persistentVolumeReclaimPolicy",
     "storageClassName", "volumeAttributesClassName", "volumeMode"}
)  # fmt: skip


def volume(spec: Value, path: FieldPath, root: Value) -> Iterator[Failure]:  # noqa: ARG001
    """`ValidatePersistentVolumeSpec`."""
    if not spec.get("accessModes"):
        yield required((*path, "accessModes"))
    yield from _one_pod_alone(spec, path)
    if not spec.get("capacity"):
        yield required((*path, "capacity"))
    sources = sorted(spec.keys() - _VOLUME_DETAILS)
    if not sources:
        yield required(path, "must specify a volume type")
    for extra in sources[1:]:
        yield forbidden((*path, extra), "may not specify more than 1 volume type")


def claim(spec: Value, path: FieldPath, root: Value) -> Iterator[Failure]:  # noqa: ARG001
    """`ValidatePersistentVolumeClaimSpec`; the templates of a StatefulSet are not validated."""
    if "volumeClaimTemplates" in path:
        return
    yield from _one_pod_alone(spec, path)
    amount = ((spec.get("resources") or {}).get("requests") or {}).get("storage")
    parsed = parse_quantity(amount)
    if parsed is not None and parsed[0] <= 0:
        failure = invalid((*path, "resources", "requests", "storage"), f'"{amount}"', "must be greater than zero")
        yield replace(failure, place=f"{'.'.join(map(str, path))}.resources[storage]")


def _one_pod_alone(spec: Value, path: FieldPath) -> Iterator[Failure]:
    modes = spec.get("accessModes") or ()
    if "ReadWriteOncePod" in modes and len(modes) > 1:
        yield forbidden((*path, "accessModes"), "may not use ReadWriteOncePod with other access modes")


def ingress_rule(value: Value, path: FieldPath, root: Value) -> Iterator[Failure]:  # noqa: ARG001
    """`validateIngressRules`."""
    host = value.get("host")
    if isinstance(host, str) and host:
        plain = host.removeprefix("*.")
        if _is_address(host):
            yield invalid((*path, "host"), f'"{host}"', "must be a DNS name, not an IP address")
        elif not is_subdomain(plain):
            words = SUBDOMAIN_WORDS if "*" not in host else "a wildcard DNS-1123 subdomain must start with '*.'"
            yield invalid((*path, "host"), f'"{host}"', words)
    http = value.get("http")
    if isinstance(http, dict) and not http.get("paths"):
        yield required((*path, "http", "paths"))


def _is_address(text: str) -> bool:
    try:
        ipaddress.ip_address(text)
    except ValueError:
        return False
    return True


def ingress_path(value: Value, path: FieldPath, root: Value) -> Iterator[Failure]:  # noqa: ARG001
    """`validateHTTPIngressPath`."""
    text, kind = value.get("path"), value.get("pathType")
    if not isinstance(text, str) or not text:
        return
    if kind == "ImplementationSpecific" and not text.startswith("/"):
        yield invalid((*path, "path"), f'"{text}"', "must be an absolute path")
    if kind in ("Exact", "Prefix"):
        for part in ("//", "/./", "/../", "%2f", "%2F"):
            if part in text:
                yield invalid((*path, "path"), f'"{text}"', f"must not contain '{part}'")
        for end in ("/..", "/."):
            if text.endswith(end):
                yield invalid((*path, "path"), f'"{text}"', f"cannot end with '{end}'")


def ingress_backend(value: Value, path: FieldPath, root: Value) -> Iterator[Failure]:  # noqa: ARG001
    """`validateIngressBackend`."""
    if value.get("service") is not None and value.get("resource") is not None:
        yield invalid(path, '""', "cannot set both resource and service backends")
    port = (value.get("service") or {}).get("port") or {}
    if port.get("name") and port.get("number"):
        yield invalid(path, '""', "cannot set both port name & port number")


def policy_port(value: Value, path: FieldPath, root: Value) -> Iterator[Failure]:  # noqa: ARG001
    """`ValidateNetworkPolicyPort`."""
    port, end = value.get("port"), value.get("endPort")
    if end is None:
        return
    if port is None:
        yield invalid((*path, "endPort"), str(end), "may not be specified when `port` is not specified")
    elif isinstance(port, str):
        yield invalid((*path, "endPort"), str(end), "may not be specified when `port` is non-numeric")
    elif end < port:
        yield invalid((*path, "endPort"), str(port), "must be greater than or equal to `port`")


def policy_peer(value: Value, path: FieldPath, root: Value) -> Iterator[Failure]:  # noqa: ARG001
    """`ValidateNetworkPolicyPeer`, `ValidateIPBlock`."""
    block = value.get("ipBlock")
    if not isinstance(block, dict):
        return
    if len(value) > 1:
        yield forbidden(path, "may not specify both ipBlock and another peer")
    whole = _network(block.get("cidr"))
    if block.get("cidr") and whole is None:
        words = "must be a valid CIDR value, (e.g. 10.9.8.0/24 or 2001:db8::/64)"
        yield invalid((*path, "ipBlock", "cidr"), f'"{block["cidr"]}"', words)
    for index, text in enumerate(block.get("except") or ()):
        part, place = _network(text), (*path, "ipBlock", "except", index)
        if part is None:
            yield invalid(place, f'"{text}"', "must be a valid CIDR value, (e.g. 10.9.8.0/24 or 2001:db8::/64)")
        elif whole is not None and not _is_inside(part, whole):
            yield invalid(place, f'"{text}"', "must be a strict subset of `cidr`")


_Network = ipaddress.IPv4Network | ipaddress.IPv6Network


def _network(text: Any) -> _Network | None:
    if not isinstance(text, str) or "/" not in text:
        return None
    address, _, bits = text.partition("/")
    # Go's lenient parser takes leading zeros, which Python's refuses.
    lenient = ".".join(part.lstrip("0") or "0" for part in address.split(".")) if ":" not in address else address
    try:
        return ipaddress.ip_network(f"{lenient}/{int(bits)}", strict=False)
    except ValueError:
        return None


def _is_inside(part: _Network, whole: _Network) -> bool:
    if isinstance(part, ipaddress.IPv4Network) and isinstance(whole, ipaddress.IPv4Network):
        return part != whole and part.subnet_of(whole)
    if isinstance(part, ipaddress.IPv6Network) and isinstance(whole, ipaddress.IPv6Network):
        return part != whole and part.subnet_of(whole)
    return False


def policy_rule(value: Value, path: FieldPath, root: Value) -> Iterator[Failure]:
    """rbac, `ValidatePolicyRule`."""
    paths = value.get("nonResourceURLs")
    if not paths:
        return
    place, shown = (*path, "nonResourceURLs"), f"{paths}"
    if root.get("kind") == "Role":
        yield invalid(place, shown, "namespaced rules cannot apply to non-resource URLs")
    if value.get("apiGroups") or value.get("resources") or value.get("resourceNames"):
        yield invalid(place, shown, "rules cannot apply to both regular resources and non-resource URLs")


def priority_class(value: Value, path: FieldPath, root: Value) -> Iterator[Failure]:  # noqa: ARG001
    """scheduling, `ValidatePriorityClass`."""
    name, number = str((value.get("metadata") or {}).get("name") or ""), value.get("value") or 0
    if name.startswith("system-"):
        if name not in ("system-cluster-critical", "system-node-critical"):
            words = "priority class names with 'system-' prefix are reserved for system use only."
            yield forbidden((*path, "metadata", "name"), words)
    elif number > 1_000_000_000:
        yield forbidden((*path, "value"), "maximum allowed value of a user defined priority is 1000000000")


def storage_class(value: Value, path: FieldPath, root: Value) -> Iterator[Failure]:  # noqa: ARG001
    """storage, `ValidateStorageClass`."""
    policy = value.get("reclaimPolicy")
    if isinstance(policy, str) and policy and policy not in ("Delete", "Retain"):
        yield unsupported((*path, "reclaimPolicy"), policy, ("Delete", "Retain"))


def endpoint_slice(value: Value, path: FieldPath, root: Value) -> Iterator[Failure]:  # noqa: ARG001
    """discovery, `validateEndpoints`."""
    for index, endpoint in enumerate(value.get("endpoints") or ()):
        place = (*path, "endpoints", index, "addresses")
        if not endpoint.get("addresses"):
            yield required(place, "must contain at least 1 address")
        elif value.get("addressType") in ("IPv4", "IPv6"):
            family = ipaddress.IPv4Address if value["addressType"] == "IPv4" else ipaddress.IPv6Address
            for number, address in enumerate(endpoint["addresses"]):
                try:
                    family(address)
                except ValueError:
                    words = f"must be an {value['addressType']} address"
                    yield invalid((*place, number), f'"{address}"', words)


def webhook(value: Value, path: FieldPath, root: Value) -> Iterator[Failure]:  # noqa: ARG001
    """admissionregistration, `validateValidatingWebhook`, `validateMutatingWebhook`."""
    client = value.get("clientConfig") or {}
    if (client.get("url") is None) == (client.get("service") is None):
        yield required((*path, "clientConfig"), "exactly one of url or service is required")
    effects = value.get("sideEffects")
    if not effects:
        yield required((*path, "sideEffects"), "must specify one of None, NoneOnDryRun")
    elif effects not in ("None", "NoneOnDryRun"):
        yield unsupported((*path, "sideEffects"), effects, ("None", "NoneOnDryRun"))
    if not value.get("admissionReviewVersions"):
        yield required((*path, "admissionReviewVersions"), "must specify one of v1, v1beta1")


def admission_policy(spec: Value, path: FieldPath, root: Value) -> Iterator[Failure]:  # noqa: ARG001
    """`validateValidatingAdmissionPolicySpec`."""
    if not spec.get("validations") and not spec.get("auditAnnotations"):
        yield required((*path, "validations"), "validations or auditAnnotations must contain at least one item")


def definition(value: Value, path: FieldPath, root: Value) -> Iterator[Failure]:  # noqa: ARG001
    """apiextensions, `ValidateCustomResourceDefinition`."""
    spec, name = value.get("spec") or {}, (value.get("metadata") or {}).get("name")
    group, plural = spec.get("group"), (spec.get("names") or {}).get("plural")
    if group and plural and name and name != f"{plural}.{group}":
        yield invalid((*path, "metadata", "name"), f'"{name}"', 'must be spec.names.plural+"."+spec.group')
    if isinstance(group, str) and group and "." not in group:
        yield invalid((*path, "spec", "group"), f'"{group}"', "should be a domain with at least one dot")
    if spec.get("scope") not in (None, "", "Cluster", "Namespaced"):
        yield unsupported((*path, "spec", "scope"), spec["scope"], ("Cluster", "Namespaced"))
    versions, seen = spec.get("versions") or (), set()
    for index, version in enumerate(versions):
        if version.get("name") in seen:
            place = (*path, "spec", "versions", index, "name")
            yield invalid(place, f'"{version["name"]}"', "must be unique")
        seen.add(version.get("name"))
        if not isinstance((version.get("schema") or {}).get("openAPIV3Schema"), dict):
            place = (*path, "spec", "versions", index, "schema", "openAPIV3Schema")
            yield required(place, "schemas are required")
    if sum(version.get("storage") is True for version in versions) != 1:
        words = "must have exactly one version marked as storage version"
        yield invalid((*path, "spec", "versions"), "[...]", words)


RULES: Mapping[str, Callable[[Value, FieldPath, Value], Iterator[Failure]]] = {
    ADMISSION + "MutatingWebhook": webhook,
    ADMISSION + "ValidatingAdmissionPolicySpec": admission_policy,
    ADMISSION + "ValidatingWebhook": webhook,
    APIEXTENSIONS + "CustomResourceDefinition": definition,
    CORE + "ConfigMap": configuration,
    CORE + "PersistentVolumeClaimSpec": claim,
    CORE + "PersistentVolumeSpec": volume,
    CORE + "Secret": secret,
    CORE + "ServiceSpec": service,
    DISCOVERY + "EndpointSlice": endpoint_slice,
    NETWORKING + "HTTPIngressPath": ingress_path,
    NETWORKING + "IngressBackend": ingress_backend,
    NETWORKING + "IngressRule": ingress_rule,
    NETWORKING + "NetworkPolicyPeer": policy_peer,
    NETWORKING + "NetworkPolicyPort": policy_port,
    OBJECT_META: metadata,
    RBAC + "PolicyRule": policy_rule,
    SCHEDULING + "PriorityClass": priority_class,
    STORAGE + "StorageClass": storage_class,
}
