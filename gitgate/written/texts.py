"""Files of one tree, taken apart for finding lines in them; texts that stand inside other texts."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from gitgate.location import FieldPath, Position
from gitgate.resource import Origin, Resource
from gitgate.sources.documents import DocumentReader
from gitgate.tree import Tree
from gitgate.yaml_document import YamlDocument, read_yaml

ABSENT = object()
"""What a value has at a path that leads nowhere."""
_SECRET_KIND = re.compile(rb"[\"']?kind[\"']?\s*:\s*[\"']?Secret\b")


@dataclass(frozen=True, slots=True)
class Text:
    """A file taken apart.

    Attributes:
        lines: Without their ends.
        secret: Whether it may hold a Secret.
    """

    lines: tuple[bytes, ...]
    secret: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """A field whose line is looked for.

    Attributes:
        resource: The object as it was rendered.
        field: The field in it.
        value: What it has; `ABSENT` where it is not there.
        at_key: Is it the field's name that matters, not its value?
    """

    resource: Resource
    field: FieldPath
    value: Any
    at_key: bool = False

    @staticmethod
    def of(resource: Resource, field: FieldPath, *, at_key: bool = False) -> Asked:
        """The question for a field of an object."""
        return Asked(resource=resource, field=field, value=descend(resource.data, field), at_key=at_key)


class Texts:
    """The files of one tree.

    Args:
        tree: The tree.
        reader: Has read its files.
    """

    def __init__(self, tree: Tree, reader: DocumentReader) -> None:
        self.tree = tree
        self._reader = reader
        self._last: tuple[str, Text] = ("", Text((), secret=False))
        self.spelled: dict[tuple[str, int], tuple[tuple[FieldPath, int, int, str], ...]] = {}
        """Keys that a template spells from a line on, so that one with many findings is read once."""

    def documents(self, path: str) -> tuple[YamlDocument, ...]:
        """The documents of a file; none where it cannot be read."""
        return self._reader.read(self.tree, path).documents if path in self.tree.entries else ()

    def document(self, origin: Origin) -> YamlDocument | None:
        """The document that an object was read from."""
        return next((one for one in self.documents(origin.path) if one.index == origin.document), None)

    def is_readable(self, path: str) -> bool:
        """Is it a file of the tree, and small enough to read?"""
        return path in self.tree.entries and self._reader.source(self.tree, path) is not None

    def text(self, path: str) -> Text:
        """The file that was asked for last is kept: one with many findings is looked through once."""
        if self._last[0] != path:
            data = self._reader.source(self.tree, path) or b""
            self._last = path, Text(tuple(data.split(b"\n")), _SECRET_KIND.search(data) is not None)
        return self._last[1]

    def line(self, path: str, number: int) -> str:
        """One line, counted from 1; empty where there is none."""
        lines = self.text(path).lines
        return lines[number - 1].decode("utf-8", "replace").rstrip("\r") if 0 < number <= len(lines) else ""

    def inside(self, path: str, start: Position, line: int) -> Position:
        """Line `line` of a text that a file holds as a block from `start` on; where the text starts in any other."""
        if not self.line(path, start.line)[start.column - 1 :].startswith(("|", ">")):
            return start
        spelt = self.line(path, start.line + line)
        return Position(start.line + line, len(spelt) - len(spelt.lstrip()) + 1)


@lru_cache(maxsize=64)
def embedded(text: str) -> tuple[YamlDocument, ...]:
    """The documents of a text that a field holds."""
    return read_yaml(text.encode("utf-8", "surrogatepass")).documents


def descend(value: Any, path: FieldPath) -> Any:
    """What stands at a path; `ABSENT` where it leads nowhere."""
    for step in path:
        try:
            value = value[step]
        except (KeyError, IndexError, TypeError):
            return ABSENT
    return value


def same(one: Any, other: Any) -> bool:
    """Equal, types included: 1 is not true."""
    return type(one) is type(other) and bool(one == other)


def corresponding(written: Any, rendered: Any, field: FieldPath) -> FieldPath | None:
    """The way to a rendered field in the text that it was made of; None where the text lacks it.

    Items of lists are found by their name, as patches move them; without one by their place.
    """
    path: list[str | int] = []
    for step in field:
        own_step = step
        if isinstance(step, int) and isinstance(written, list) and isinstance(rendered, list) and step < len(rendered):
            own_step = _same_item(written, rendered[step], step)
        rendered, written = descend(rendered, (step,)), descend(written, (own_step,))
        if written is ABSENT:
            return None
        path.append(own_step)
    return tuple(path)


def follow(written: Any, rendered: Any, field: FieldPath) -> FieldPath | None:
    """As `corresponding`, and None, too, where the text says otherwise than what was rendered."""
    path = corresponding(written, rendered, field)
    return path if path is not None and same(descend(written, path), descend(rendered, field)) else None


def _same_item(items: list[Any], item: Any, index: int) -> int:
    name = item.get("name") if isinstance(item, dict) else None
    if name is None:
        return index
    named = (place for place, other in enumerate(items) if isinstance(other, dict) and other.get("name") == name)
    return next(named, index)


def entries(value: Any) -> Iterator[tuple[int, Any]]:
    """The items of a list with their places; none of anything else."""
    return enumerate(value) if isinstance(value, list) else iter(())
