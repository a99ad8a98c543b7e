"""Rules for Services and what they lead to, beyond those that corpora rank highest: addresses, families, selectors.

Source: k8s.io/kubernetes/pkg/apis/core/validation/validation.go.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from gitgate.location import FieldPath
from gitgate.reconcile.failure import Failure, forbidden, invalid, required, unsupported
from gitgate.reconcile.labels import LABEL_WORDS, is_label, label_failures, qualified_problem
from gitgate.reconcile.names import CORE

Value = Mapping[str, Any]
IP_WORDS = "must be a valid IP address, (e.g. 10.9.8.7 or 2001:db8::ffff)"
CIDR_WORDS = "must be a valid CIDR value, (e.g. 10.9.8.0/24 or 2001:db8::/64)"
_DISTRIBUTIONS = ("PreferClose", "PreferSameZone", "PreferSameNode")
_NO_ADDRESS = ("clusterIPs", "ipFamilies", "ipFamilyPolicy")


def is_address(text: Any) -> bool:
    """Is it an IP address? Go's lenient parser takes leading zeros, which Python's refuses."""
    try:
        ipaddress.ip_address(_lenient(str(text)))
    except ValueError:
        return False
    return True


def is_network(text: Any) -> bool:
    """Is it a network in CIDR notation?"""
    address, slash, bits = str(text).partition("/")
    try:
        ipaddress.ip_network(f"{_lenient(address)}/{int(bits)}", strict=False)
    except ValueError:
        return False
    return bool(slash)


def _lenient(text: str) -> str:
    return ".".join(part.lstrip("0") or "0" if part.isdigit() else part for part in text.split("."))


def service(spec: Value, path: FieldPath, root: Value) -> Iterator[Failure]:  # noqa: ARG001 - the rule's form
    """`ValidateService`, `ValidateServiceClusterIPsRelatedFields`."""
    kind = spec.get("type")
    yield from label_failures(spec.get("selector"), (*path, "selector"))
    for index, address in enumerate(spec.get("externalIPs") or ()):
        if not is_address(address):
            yield invalid((*path, "externalIPs", index), f'"{address}"', IP_WORDS)
    yield from _families(spec, path)
    if kind != "LoadBalancer" and spec.get("loadBalancerClass") == "":
        yield forbidden((*path, "loadBalancerClass"), "may only be used when `type` is 'LoadBalancer'")
    if kind == "LoadBalancer":
        for index, block in enumerate(spec.get("loadBalancerSourceRanges") or ()):
            if not is_network(str(block).strip()):
                yield invalid((*path, "LoadBalancerSourceRanges", index), f'"{block}"', CIDR_WORDS)
    check = spec.get("healthCheckNodePort")
    if check and not (kind == "LoadBalancer" and spec.get("externalTrafficPolicy") == "Local"):
        words = "may only be set when `type` is 'LoadBalancer' and `externalTrafficPolicy` is 'Local'"
        yield invalid((*path, "healthCheckNodePort"), str(check), words)
    yield from _routing(spec, path)


def _routing(spec: Value, path: FieldPath) -> Iterator[Failure]:
    distribution = spec.get("trafficDistribution")
    if isinstance(distribution, str) and distribution not in _DISTRIBUTIONS:
        yield unsupported((*path, "trafficDistribution"), distribution, _DISTRIBUTIONS)
    for index, port in enumerate(spec.get("ports") or ()):
        protocol = port.get("appProtocol")
        if isinstance(protocol, str) and (words := qualified_problem(protocol)):
            yield invalid((*path, "ports", index, "appProtocol"), f'"{protocol}"', words)


def _families(spec: Value, path: FieldPath) -> Iterator[Failure]:
    if spec.get("type") == "ExternalName":
        for field in _NO_ADDRESS:
            if spec.get(field):
                yield forbidden((*path, field), "may not be set for ExternalName services")
        return
    for index, family in enumerate(spec.get("ipFamilies") or ()):
        if family not in ("IPv4", "IPv6"):
            yield unsupported((*path, "ipFamilies", index), family, ("IPv4", "IPv6"))
    addresses = spec.get("clusterIPs") or ()
    if addresses and addresses[0] != "None" and not is_address(addresses[0]):
        yield invalid((*path, "clusterIPs"), f'["{addresses[0]}"]', "first value must match `clusterIP`")


def endpoint_subset(value: Value, path: FieldPath, root: Value) -> Iterator[Failure]:  # noqa: ARG001
    """`validateEndpointSubsets`."""
    if not value.get("addresses") and not value.get("notReadyAddresses"):
        yield required(path, "must specify `addresses` or `notReadyAddresses`")
    ports = value.get("ports") or ()
    for index, port in enumerate(ports):
        place, name = (*path, "ports", index), port.get("name") or ""
        if len(ports) > 1 and not name:
            yield required((*place, "name"))
        elif name and not is_label(name):
            words = LABEL_WORDS if len(name) <= 63 else "must be no more than 63 characters"
            yield invalid((*place, "name"), f'"{name}"', words)
        number = port.get("port") or 0
        if not 1 <= number <= 65_535:
            yield invalid((*place, "port"), str(number), "must be between 1 and 65535, inclusive")


def host_alias(value: Value, path: FieldPath, root: Value) -> Iterator[Failure]:  # noqa: ARG001
    """`ValidateHostAliases`."""
    if not is_address(value.get("ip") or ""):
        yield invalid((*path, "ip"), f'"{value.get("ip") or ""}"', IP_WORDS)


RULES: Mapping[str, Callable[[Value, FieldPath, Value], Iterator[Failure]]] = {
    CORE + "EndpointSubset": endpoint_subset,
    CORE + "HostAlias": host_alias,
    CORE + "ServiceSpec": service,
}
