"""IP addresses, CIDR ranges and URLs.

Source: k8s.io/apiserver/pkg/cel/library/ip.go, cidr.go and urls.go; Go's net/netip and net/url.
"""

from __future__ import annotations

import ipaddress
import re
from typing import Any
from urllib.parse import quote, unquote, unquote_plus

from gitgate.policy.functions import Opaque, content, kind_of, opaque

Address = ipaddress.IPv4Address | ipaddress.IPv6Address
Network = ipaddress.IPv4Interface | ipaddress.IPv6Interface
_SCHEME = re.compile(r"([A-Za-z][A-Za-z0-9+.-]*):", re.ASCII)
_BAD_ESCAPE = re.compile(r"%(?![0-9A-Fa-f]{2})")
_HOST = re.compile(r"(\[[0-9A-Fa-f:.%a-z]+\]|[^\[\]\s<>\"`{}|\\^/?#@:]*)(:\d*)?", re.ASCII)
_MAPPED = ipaddress.ip_network("::ffff:0:0/96")


def parse_ip(text: str) -> Address:
    """An address without a zone and not IPv4 in IPv6.

    Raises:
        ValueError: It is none.
    """
    if "%" in text:
        raise ValueError(f"IP Address {text!r} parse error: with zone value is not allowed")
    address = ipaddress.ip_address(text)
    if address in _MAPPED:
        raise ValueError(f"IP Address {text!r} parse error: IPv4-mapped IPv6 address is not allowed")
    return address


def ip(text: str) -> Opaque:
    """`ip(string)`."""
    return opaque("ip", _spell(parse_ip(text)))


def is_ip(text: str) -> bool:
    """`isIP(string)`."""
    return _succeeds(parse_ip, text)


def is_canonical(text: str) -> bool:
    """`ip.isCanonical(string)`."""
    return _spell(parse_ip(text)) == text


def _spell(address: Address) -> str:
    return str(address)


def _address(value: Any) -> Address:
    return ipaddress.ip_address(content(value, "ip")[0])


def family(value: Any) -> int:
    """`ip.family()`."""
    return _address(value).version


def is_unspecified(value: Any) -> bool:
    """`ip.isUnspecified()`."""
    return _address(value).is_unspecified


def is_loopback(value: Any) -> bool:
    """`ip.isLoopback()`."""
    return _address(value).is_loopback


def is_link_local_multicast(value: Any) -> bool:
    """`ip.isLinkLocalMulticast()`."""
    address = _address(value)
    if address.version == 4:
        return address in ipaddress.ip_network("224.0.0.0/24")
    packed = address.packed
    return packed[0] == 0xFF and packed[1] & 0x0F == 2


def is_link_local_unicast(value: Any) -> bool:
    """`ip.isLinkLocalUnicast()`."""
    address = _address(value)
    wide = ipaddress.ip_network("169.254.0.0/16" if address.version == 4 else "fe80::/10")
    return address in wide


def is_global_unicast(value: Any) -> bool:
    """`ip.isGlobalUnicast()`: Go's notion, private addresses included."""
    address = _address(value)
    if address.version == 4 and str(address) == "255.255.255.255":
        return False
    return not (address.is_unspecified or address.is_loopback or address.is_multicast or is_link_local_unicast(value))


def parse_cidr(text: str) -> Network:
    """An address with a prefix length.

    Raises:
        ValueError: It is none.
    """
    address, slash, length = text.partition("/")
    if not slash or not re.fullmatch(r"0|[1-9]\d{0,2}", length, re.ASCII):
        raise ValueError(f"network address parse error during conversion from string: {text!r}")
    return ipaddress.ip_interface((parse_ip(address), int(length)))


def cidr(text: str) -> Opaque:
    """`cidr(string)`."""
    return opaque("cidr", str(parse_cidr(text)))


def is_cidr(text: str) -> bool:
    """`isCIDR(string)`."""
    return _succeeds(parse_cidr, text)


def _network(value: Any) -> Network:
    return ipaddress.ip_interface(content(value, "cidr")[0])


def contains_ip(value: Any, address: Any) -> bool:
    """`cidr.containsIP(ip)` and `cidr.containsIP(string)`."""
    return (parse_ip(address) if isinstance(address, str) else _address(address)) in _network(value).network


def contains_cidr(value: Any, other: Any) -> bool:
    """`cidr.containsCIDR(cidr)` and `cidr.containsCIDR(string)`."""
    outer = _network(value).network
    inner = (parse_cidr(other) if isinstance(other, str) else _network(other)).network
    return outer.version == inner.version and inner.subnet_of(outer)  # type: ignore[arg-type]


def cidr_ip(value: Any) -> Opaque:
    """`cidr.ip()`."""
    return opaque("ip", str(_network(value).ip))


def masked(value: Any) -> Opaque:
    """`cidr.masked()`."""
    return opaque("cidr", str(_network(value).network))


def prefix_length(value: Any) -> int:
    """`cidr.prefixLength()`."""
    return _network(value).network.prefixlen


def text_of(value: Any) -> str:
    """`string(ip)` and `string(cidr)`."""
    return str(content(value, kind_of(value))[0]) if kind_of(value) in {"ip", "cidr"} else _no_text()


def _no_text() -> str:
    raise ValueError("no such overload")


def _succeeds(parse: Any, text: str) -> bool:
    try:
        parse(text)
    except ValueError:
        return False
    return True


def url(text: str) -> Opaque:
    """`url(string)`: an absolute URI or an absolute path.

    Raises:
        ValueError: It is neither.
    """
    if not text or any(character < " " or character == "\x7f" for character in text):
        raise ValueError(f"URL parse error during conversion from string: parse {text!r}: invalid URI for request")
    scheme = _SCHEME.match(text)
    rest = text[scheme.end() :] if scheme else text
    rest, _, query = rest.partition("?")
    if not rest.startswith("/"):
        if scheme is None:
            raise ValueError(f"URL parse error during conversion from string: parse {text!r}: invalid URI for request")
        return opaque("url", text, scheme[1].lower(), "", "", query)
    host = ""
    if scheme is not None and rest.startswith("//"):
        authority, slash, path = rest[2:].partition("/")
        rest = slash + path
        host = authority.rpartition("@")[2]
        if not _HOST.fullmatch(host):
            raise ValueError(f"URL parse error during conversion from string: parse {text!r}: invalid host")
    if _BAD_ESCAPE.search(rest) or _BAD_ESCAPE.search(host):
        raise ValueError(f"URL parse error during conversion from string: parse {text!r}: invalid URL escape")
    return opaque("url", text, scheme[1].lower() if scheme else "", host, rest, query)


def is_url(text: str) -> bool:
    """`isURL(string)`."""
    return _succeeds(url, text)


def get_scheme(value: Any) -> str:
    """`url.getScheme()`."""
    return str(content(value, "url")[1])


def get_host(value: Any) -> str:
    """`url.getHost()`."""
    return str(content(value, "url")[2])


def get_hostname(value: Any) -> str:
    """`url.getHostname()`."""
    host = get_host(value)
    if host.startswith("["):
        return host[1:].partition("]")[0]
    return host.rpartition(":")[0] if ":" in host else host


def get_port(value: Any) -> str:
    """`url.getPort()`."""
    host = get_host(value)
    rest = host.rpartition("]")[2]
    return rest.rpartition(":")[2] if ":" in rest else ""


def get_escaped_path(value: Any) -> str:
    """`url.getEscapedPath()`."""
    path = str(content(value, "url")[3])
    return path if _is_escaped(path) else quote(unquote(path), safe="/$&+,:;=@~!*'()")


def _is_escaped(path: str) -> bool:
    return re.fullmatch(r"[A-Za-z0-9\-_.~$&+,/:;=@!'()*\[\]%]*", path, re.ASCII) is not None


def get_query(value: Any) -> dict[str, list[str]]:
    """`url.getQuery()`."""
    found: dict[str, list[str]] = {}
    for pair in str(content(value, "url")[4]).split("&"):
        key, _, item = pair.partition("=")
        if pair and ";" not in pair and not _BAD_ESCAPE.search(pair):
            found.setdefault(unquote_plus(key), []).append(unquote_plus(item))
    return found
