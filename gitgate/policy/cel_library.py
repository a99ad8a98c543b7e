"""The CEL functions of Kubernetes: their types, the version that brought them, and what runs them.

Source: k8s.io/apiserver/pkg/cel/environment/base.go for the versions, and the files of k8s.io/apiserver/pkg/cel/library
for names and types. What is not here and not in CEL itself (`cel.bind`, `math.*`, `base64.*`, `sort`, …) does not exist
in Kubernetes, so an expression that uses it does not compile.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

from gitgate.policy.functions import formats, lists, network, quantity, text, versions

Type = tuple[Any, ...]
"""`("int",)`, `("list", ("int",))`, `("param", "T")`."""

BOOL, INT, DOUBLE, STRING, DYN = ("bool",), ("int",), ("double",), ("string",), ("dyn",)
ITEM = ("param", "T")
ITEMS, STRINGS = ("list", ITEM), ("list", STRING)
QUANTITY, IP, CIDR, URL, SEMVER, FORMAT = (
    (f"kubernetes.{name}",) for name in ("Quantity", "IP", "CIDR", "URL", "Semver", "NamedFormat")
)
OPTIONAL_STRINGS = ("optional_type", STRINGS)
OPTIONAL_FORMAT = ("optional_type", FORMAT)
_ANY_VERSION = "1.0"


@dataclass(frozen=True, slots=True)
class Function:
    """One overload.

    Attributes:
        name: As it is called.
        parameters: Types; the first one is the target of a member.
        result: Its type.
        run: What computes it; None where `REWRITTEN` says which function stands in for it.
        member: `x.f()` rather than `f(x)`.
        since: The Kubernetes version that brought it.
        merged: CEL has other overloads of this name.
    """

    name: str
    parameters: tuple[Type, ...]
    result: Type
    run: Callable[..., Any] | None
    member: bool = True
    since: str = _ANY_VERSION
    merged: bool = False

    @property
    def id(self) -> str:
        """Unique among all overloads, and recognizable in a checked expression."""
        return f"k8s_{self.name}_{'_'.join(_spell(parameter) for parameter in self.parameters)}"


def _spell(kind: Type) -> str:
    return "_".join(part if isinstance(part, str) else _spell(part) for part in kind)


def _functions() -> Iterator[Function]:
    yield from _list_functions()
    yield from _url_functions()
    yield from _quantity_functions()
    yield from _network_functions()
    yield from _format_functions()
    yield from _version_functions()


def _list_functions() -> Iterator[Function]:
    yield Function("isSorted", (ITEMS,), BOOL, lists.is_sorted)
    yield Function("sum", (ITEMS,), ITEM, lists.total)
    yield Function("min", (ITEMS,), ITEM, lists.smallest)
    yield Function("max", (ITEMS,), ITEM, lists.largest)
    anything = ("list", DYN)
    yield Function("indexOf", (anything, DYN), INT, lists.index_of, merged=True)
    yield Function("lastIndexOf", (anything, DYN), INT, lists.last_index_of, merged=True)
    yield Function("find", (STRING, STRING), STRING, None)
    yield Function("findAll", (STRING, STRING), STRINGS, None)
    yield Function("findAll", (STRING, STRING, INT), STRINGS, None)


def _url_functions() -> Iterator[Function]:
    yield Function("url", (STRING,), URL, network.url, member=False)
    yield Function("isURL", (STRING,), BOOL, network.is_url, member=False)
    yield Function("getScheme", (URL,), STRING, network.get_scheme)
    yield Function("getHost", (URL,), STRING, network.get_host)
    yield Function("getHostname", (URL,), STRING, network.get_hostname)
    yield Function("getPort", (URL,), STRING, network.get_port)
    yield Function("getEscapedPath", (URL,), STRING, network.get_escaped_path)
    yield Function("getQuery", (URL,), ("map", STRING, STRINGS), network.get_query)


def _quantity_functions() -> Iterator[Function]:
    since = "1.28"
    yield Function("quantity", (STRING,), QUANTITY, quantity.quantity, member=False, since=since)
    yield Function("isQuantity", (STRING,), BOOL, quantity.is_quantity, member=False, since=since)
    # The documentation shows it as a member; `cel.Overload` makes it none.
    yield Function("sign", (QUANTITY,), INT, quantity.sign, member=False, since=since)
    yield Function("isInteger", (QUANTITY,), BOOL, quantity.is_integer, since=since)
    yield Function("asInteger", (QUANTITY,), INT, quantity.as_integer, since=since)
    yield Function("asApproximateFloat", (QUANTITY,), DOUBLE, quantity.as_float, since=since)
    for other in (QUANTITY, INT):
        yield Function("add", (QUANTITY, other), QUANTITY, quantity.add, since=since)
        yield Function("sub", (QUANTITY, other), QUANTITY, quantity.subtract, since=since)
    yield from _comparisons(QUANTITY, since)


def _comparisons(kind: Type, since: str) -> Iterator[Function]:
    yield Function("isLessThan", (kind, kind), BOOL, versions.is_less, since=since)
    yield Function("isGreaterThan", (kind, kind), BOOL, versions.is_greater, since=since)
    yield Function("compareTo", (kind, kind), INT, versions.compare, since=since)


def _network_functions() -> Iterator[Function]:
    since = "1.30"
    yield Function("ip", (STRING,), IP, network.ip, member=False, since=since)
    yield Function("isIP", (STRING,), BOOL, network.is_ip, member=False, since=since)
    yield Function("ip.isCanonical", (STRING,), BOOL, network.is_canonical, member=False, since=since)
    yield Function("family", (IP,), INT, network.family, since=since)
    yield Function("isUnspecified", (IP,), BOOL, network.is_unspecified, since=since)
    yield Function("isLoopback", (IP,), BOOL, network.is_loopback, since=since)
    yield Function("isLinkLocalMulticast", (IP,), BOOL, network.is_link_local_multicast, since=since)
    yield Function("isLinkLocalUnicast", (IP,), BOOL, network.is_link_local_unicast, since=since)
    yield Function("isGlobalUnicast", (IP,), BOOL, network.is_global_unicast, since=since)
    yield Function("cidr", (STRING,), CIDR, network.cidr, member=False, since=since)
    yield Function("isCIDR", (STRING,), BOOL, network.is_cidr, member=False, since=since)
    yield Function("containsIP", (CIDR, IP), BOOL, network.contains_ip, since=since)
    yield Function("containsIP", (CIDR, STRING), BOOL, network.contains_ip, since=since)
    yield Function("containsCIDR", (CIDR, CIDR), BOOL, network.contains_cidr, since=since)
    yield Function("containsCIDR", (CIDR, STRING), BOOL, network.contains_cidr, since=since)
    yield Function("ip", (CIDR,), IP, network.cidr_ip, since=since)
    yield Function("masked", (CIDR,), CIDR, network.masked, since=since)
    yield Function("prefixLength", (CIDR,), INT, network.prefix_length, since=since)
    for kind in (IP, CIDR):
        yield Function("string", (kind,), STRING, network.text_of, member=False, since=since)


def _format_functions() -> Iterator[Function]:
    since = "1.31"
    yield Function("format.named", (STRING,), OPTIONAL_FORMAT, None, member=False, since=since)
    for name in formats.FORMATS:
        yield Function(f"format.{name}", (), FORMAT, _format(name), member=False, since=since)
    yield Function("validate", (FORMAT, STRING), OPTIONAL_STRINGS, None, since=since)


def _format(name: str) -> Callable[[], Any]:
    return lambda: formats.named(name)


def _version_functions() -> Iterator[Function]:
    since = "1.33"
    for parameters in ((STRING,), (STRING, BOOL)):
        yield Function("semver", parameters, SEMVER, versions.semver, member=False, since=since)
        yield Function("isSemver", parameters, BOOL, versions.is_semver, member=False, since=since)
    yield Function("major", (SEMVER,), INT, versions.major, since=since)
    yield Function("minor", (SEMVER,), INT, versions.minor, since=since)
    yield Function("patch", (SEMVER,), INT, versions.patch, since=since)
    yield from _comparisons(SEMVER, since)


FUNCTIONS: tuple[Function, ...] = tuple(_functions())
"""Every overload that Kubernetes adds."""

STANDARD_STRING = tuple(
    Function("string", ((kind,),), STRING, None, member=False)
    for kind in ("string", "bool", "int", "uint", "double", "bytes", "timestamp", "duration")
)
"""What CEL itself converts; declared again, as the engine tells no two opaque types apart in a function of its own."""

TIMES = {"sum": lists.total, "min": lists.smallest, "max": lists.largest}
"""Asked of lists of durations or timestamps, too, whose results the engine takes only from functions of that type."""

INTERNAL: tuple[Function, ...] = (
    *(
        Function(f"gitgate_{kind}_{name}", (ITEMS,), (kind,), run, member=False)
        for kind in ("duration", "timestamp")
        for name, run in TIMES.items()
    ),
    Function("gitgateMapInsert", (("map", DYN, DYN), DYN, DYN), ("map", DYN, DYN), lists.map_insert, member=False),
    Function(
        "gitgateMapInsert", (("map", DYN, DYN), ("map", DYN, DYN)), ("map", DYN, DYN), lists.map_merge, member=False
    ),
    *(
        Function("gitgateBytes", ((kind,),), ("bytes",), formats.base64_bytes, member=False)
        for kind in ("string", "bytes")
    ),
    Function("gitgateText", (STRING, ("list", DYN)), STRING, text.formatted, member=False),
    Function("gitgateMilliseconds", (("duration",),), INT, lists.milliseconds, member=False),
    Function("gitgateIsInteger", (STRING,), BOOL, quantity.is_held_as_integer, member=False),
    Function("gitgateAsInteger", (STRING,), INT, quantity.held_integer, member=False),
    Function("gitgateFormat", (STRING,), ("map", DYN, DYN), formats.named, member=False),
    Function("gitgateValidate", (("map", DYN, DYN), STRING), STRINGS, formats.validate, member=False),
)
"""What stands in for functions that a callback cannot give; no expression can name them."""

_INTRODUCED = {
    # ext.Strings version 2, against version 0 before
    **dict.fromkeys(("string_format", "list_join", "list_join_string", "strings_quote"), "1.29"),
    # ext.Lists version 3; the last two belong to version 2 of the optional types, which came with cel-go
    **dict.fromkeys(
        ("list_slice", "list_flatten", "list_flatten_int", "list_distinct", "list_range", "list_reverse"), "1.34"
    ),
    **dict.fromkeys(("list_first", "list_last"), "1.33"),
    **dict.fromkeys(("list_sets_contains_list", "list_sets_equivalent_list", "list_sets_intersects_list"), "1.29"),
}
_INTRODUCED_PREFIXES = (
    ("optional_", "1.28"),
    ("select_optional", "1.28"),
    ("list_optindex", "1.28"),
    ("map_optindex", "1.28"),
)
_BY_ID = {function.id: function.since for function in FUNCTIONS}


def introduced(overload: str) -> str:
    """The Kubernetes version that introduced an overload of a checked expression; `1.0` for what was always there.

    The next version is the first that takes it in new expressions, see `cel_environment`.
    """
    for prefix, version in _INTRODUCED_PREFIXES:
        if overload.startswith(prefix):
            return version
    if overload.endswith(("_sort", "_sortByAssociatedKeys")):
        return "1.34"
    return _BY_ID.get(overload) or _INTRODUCED.get(overload, _ANY_VERSION)
