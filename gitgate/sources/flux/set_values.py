"""One value put at its path among others, in the language of Helm's `--set`, as `targetPath` of a HelmRelease is read.

Sources: helm.sh/helm, pkg/strvals/parser.go; fluxcd/pkg, chartutil/values.go, `ReplacePathValue` and
`ReplacePathLiteralValue`. Path and value are one text, `path=value`, so that a comma in the value begins another path.
"""

from __future__ import annotations

import re
from collections.abc import Collection
from dataclasses import dataclass
from typing import Any

_MAXIMUM_INDEX = 65_536
_MAXIMUM_DEPTH = 30
_INTEGER = re.compile(r"[+-]?[0-9]+", re.ASCII)
_LEAST, _GREATEST = -(1 << 63), (1 << 63) - 1
_SIGNS_OF_VALUES = re.compile(r"[\\,\[\]{}]")


class SetError(Exception):
    """Helm cannot read the path, or not the value; one clause."""


def set_value(values: dict[str, Any], path: str, value: str, *, literal: bool = False) -> None:
    """Put a text at a path; the values are changed in place, and so is what others share with them.

    Raises:
        SetError: Helm refuses it.
    """
    quoted = (value.startswith("'") and value.endswith("'")) or (value.startswith('"') and value.endswith('"'))
    if literal:
        value = _SIGNS_OF_VALUES.sub(r"\\\g<0>", value)
    elif quoted:
        value = value.strip("'\"")
    scanner = _Scanner(f"{path}={value}", as_text=literal or quoted)
    while not scanner.ended:
        scanner.key(values, 0)


@dataclass(slots=True)
class _Scanner:
    """A walk through the text.

    Attributes:
        ended: Has all of the text been read?
    """

    text: str
    as_text: bool
    at: int = 0
    ended: bool = False

    def until(self, stops: Collection[str]) -> tuple[str, str]:
        """The text before the next of some signs, which a backslash hides, and that sign; empty at the end."""
        parts: list[str] = []
        while self.at < len(self.text):
            sign = self.text[self.at]
            self.at += 1
            if sign in stops:
                return "".join(parts), sign
            if sign == "\\":
                if self.at == len(self.text):
                    break
                sign = self.text[self.at]
                self.at += 1
            parts.append(sign)
        return "".join(parts), ""

    def key(self, values: dict[str, Any], depth: int) -> None:
        """One path, or what is left of it, and its value."""
        name, stop = self.until("=[,.")
        if not stop:
            if name:
                raise SetError(f"{name!r} has no value")
            self.ended = True
        elif stop == "[":
            present = values.get(name, [])
            if not isinstance(present, list):
                raise SetError(f"{name!r} is no list")
            _put(values, name, self.item(present, self.index(), depth))
        elif stop == "=":
            _put(values, name, self.value())
        elif stop == ",":
            raise SetError(f"{name!r} has no value")
        else:
            self._inner(values, name, depth + 1)

    def _inner(self, values: dict[str, Any], name: str, depth: int) -> None:
        if depth > _MAXIMUM_DEPTH:
            raise SetError(f"it is nested more than {_MAXIMUM_DEPTH} deep")
        inner = values.get(name, {})
        if not isinstance(inner, dict):
            raise SetError(f"{name!r} is no mapping")
        self.key(inner, depth)
        if inner:
            _put(values, name, inner)
        elif not self.ended:
            raise SetError(f"{name!r} has no value")

    def index(self) -> int:
        """The number in brackets."""
        written, stop = self.until("]")
        if not stop or not _INTEGER.fullmatch(written):
            raise SetError(f"{written!r} is no index")
        return int(written)

    def item(self, held: list[Any], index: int, depth: int) -> list[Any]:
        """The list with one item set, the same one where it is long enough."""
        if not 0 <= index <= _MAXIMUM_INDEX:
            raise SetError(f"there cannot be an item {index}")
        between, stop = self.until("[.=")
        if between:
            raise SetError(f"{between!r} follows an index")
        if not stop:
            self.ended = True
            return held
        present = held[index] if index < len(held) else None
        if stop == "=":
            new = self.value()
        elif stop == "[":
            if present is not None and not isinstance(present, list):
                raise SetError(f"item {index} is no list")
            new = self.item(present or [], self.index(), depth)
        else:
            new = present if isinstance(present, dict) else {}
            if index < len(held):
                held[index] = new
            self.key(new, depth)
            if self.ended:
                return held
        if index >= len(held):
            held = [*held, *[None] * (index + 1 - len(held))]
        held[index] = new
        return held

    def value(self) -> Any:
        """What stands behind the `=`: a list in braces, or text up to a comma."""
        if self.at == len(self.text):
            self.ended = True
            return ""
        if self.text[self.at] != "{":
            return self._typed(self.until(",")[0])
        self.at += 1
        found: list[Any] = []
        while True:
            item, stop = self.until(",}")
            if not stop:
                raise SetError("a list in braces has no end")
            found.append(self._typed(item))
            if stop == "}":
                self.at += self.text[self.at : self.at + 1] == ","
                return found

    def _typed(self, written: str) -> Any:
        """Source: `typedVal`."""
        if self.as_text:
            return written
        lowered = written.lower()
        if lowered in {"true", "false", "null"}:
            return {"true": True, "false": False, "null": None}[lowered]
        if written == "0":
            return 0
        if written[:1] != "0" and _INTEGER.fullmatch(written) and _LEAST <= int(written[:30]) <= _GREATEST:
            return int(written[:30])
        return written


def _put(values: dict[str, Any], name: str, value: Any) -> None:
    if name:
        values[name] = value
