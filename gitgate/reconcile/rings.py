"""Rings in what depends on what."""

from __future__ import annotations

from collections.abc import Iterator, Mapping


def rings(edges: Mapping[str, tuple[str, ...]]) -> Iterator[list[str]]:
    """The groups of names that all reach one another, and the names that reach themselves.

    Tarjan's algorithm without recursion, so that neither time nor depth is in the hands of whoever wrote the names.
    """
    order: dict[str, int] = {}
    low: dict[str, int] = {}
    open_names: list[str] = []
    is_open: set[str] = set()
    for start in edges:
        ways = [(start, iter(edges[start]))] if start not in order else []
        while ways:
            name, ahead = ways[-1]
            if name not in order:
                order[name] = low[name] = len(order)
                open_names.append(name)
                is_open.add(name)
            for following in ahead:
                if following in edges and following not in order:
                    ways.append((following, iter(edges[following])))
                    break
                if following in is_open:
                    low[name] = min(low[name], order[following])
            else:
                ways.pop()
                if ways:
                    low[ways[-1][0]] = min(low[ways[-1][0]], low[name])
                if low[name] == order[name]:
                    ring = _closed(open_names, name)
                    is_open.difference_update(ring)
                    if len(ring) > 1 or name in edges[name]:
                        yield ring


def _closed(open_names: list[str], name: str) -> list[str]:
    """Take everything down to a name from the stack."""
    ring = [open_names.pop()]
    while ring[-1] != name:
        ring.append(open_names.pop())
    return ring
