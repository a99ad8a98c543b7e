"""One YAML document: from libyaml's events to the value that kubectl would read, within limits.

Events are pulled one by one and no call nests, so the depth of the input costs a check and no stack. Nothing in a
document is instantiated: tags only decide how a scalar is read.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from functools import lru_cache
from typing import Any, Final

from yaml._yaml import CParser
from yaml.events import (
    AliasEvent,
    DocumentEndEvent,
    DocumentStartEvent,
    MappingEndEvent,
    MappingStartEvent,
    ScalarEvent,
    SequenceEndEvent,
    SequenceStartEvent,
    StreamEndEvent,
)

from gitgate.location import FieldPath, Position
from gitgate.yaml_problem import Unreadable, YamlLimits, YamlProblem
from gitgate.yaml_scalars import (
    CORE_TAGS,
    HINTS,
    MERGE_TAG,
    WORDS,
    InvalidScalarError,
    kustomize_reading,
    parse_number,
    resolve_key,
    resolve_plain,
    resolve_tagged,
)

_MERGE: Final = "<<"
_SPECIAL: Final = HINTS | {"", "<"}
"""First characters of plain scalars that need a closer look; of the empty one it is the empty string."""
_CACHED_LENGTH = 64
_CACHED_KEYS = 10_000

# (container, key that waits for its value, is the container a mapping, is it in flow style, does `<<` wait)
_Frame = tuple[Any, str | None, bool, bool, bool]
_Place = tuple[Any, str | None, bool]
"""The first three of a frame: where a value will go."""


class Budget:
    """What one file may still cost; shared by its documents."""

    __slots__ = ("alias_weight", "limits", "nodes")

    def __init__(self, limits: YamlLimits) -> None:
        self.limits = limits
        self.nodes = limits.nodes
        self.alias_weight = limits.alias_weight


class Builder:
    """Builds the value of one document and collects what is wrong with it."""

    def __init__(self, source: bytes, line: int, document: int, budget: Budget) -> None:
        self.problems: list[YamlProblem] = []
        self._next: Callable[[], Any] = CParser(source).get_event
        self._line = line
        self._document = document
        self._budget = budget
        self._limits = budget.limits
        self._check_length = len(source) > budget.limits.scalar_length
        self._stack: list[_Frame] = []
        self._anchors: dict[str, tuple[Any, ScalarEvent | None]] = {}
        self._measures: dict[str, tuple[Any, int, int]] = {}
        # The container itself is kept beside its merged keys, so that its id is not given to another one.
        self._merged: dict[int, tuple[Any, set[str]]] = {}

    def build(self) -> tuple[Any, int] | None:
        """The value and the line that it starts on; None for a text that holds nothing but comments.

        Raises:
            Unreadable: The document has no value that can be trusted.
            yaml.YAMLError: It is not YAML.
        """
        self._next()
        start: Any = self._next()
        if start.__class__ is not DocumentStartEvent or start.start_mark is None:
            return None
        root: list[Any] = []
        self._fill(root)
        return root[0], start.start_mark.line + self._line

    def _fill(self, root: list[Any]) -> None:  # noqa: C901, PLR0912, PLR0915 - the hot loop, where a call costs most
        get_event = self._next
        stack = self._stack
        known_keys = _known_keys
        check_length, depth, nodes = self._check_length, self._limits.depth, self._budget.nodes
        container: Any = root
        key: str | None = None
        in_map = flow = merging = False
        value: Any
        for count in range(nodes):
            event = get_event()
            kind = event.__class__
            if in_map:
                if kind is ScalarEvent:
                    text = event.value
                    if event.tag is not None or event.anchor is not None:
                        key, merging = self._slow_key(event, container)
                    else:
                        key = known_keys.get(text)
                        if key is None:
                            key, merging = self._new_key(event, text, container)
                    if key in container and not merging:
                        self._repeated_key(event, container, key)
                elif kind is MappingEndEvent:
                    value = container
                    container, key, in_map, flow, merging = stack.pop()
                    if merging:
                        self._merge(event, container, value, from_alias=False)
                        merging = False
                    continue
                elif kind is AliasEvent:
                    key = self._alias_key(event, container)
                else:
                    raise self._invalid_key(event, container, "a mapping or list cannot be a key in Kubernetes")
                event = get_event()
                kind = event.__class__
            if kind is ScalarEvent:
                text = value = event.value
                if check_length and len(text) > self._limits.scalar_length:
                    raise self._limit(event, f"a scalar is longer than {self._limits.scalar_length:,} characters")
                if event.tag is not None or event.anchor is not None:
                    place = (container, key, in_map)
                    value = self._slow_value(event, place, implicit_null=flow and in_map and not text)
                elif text[:1] in _SPECIAL and event.implicit[0]:
                    value, reading, error = _plain(text) if len(text) < _CACHED_LENGTH else _read_plain(text)
                    if reading is not None or error is not None or (not text and flow and in_map):
                        self._report_plain(event, (container, key, in_map), reading, error)
            elif kind is MappingStartEvent or kind is SequenceStartEvent:
                is_mapping = kind is MappingStartEvent
                value = {} if is_mapping else []
                if len(stack) >= depth:
                    raise self._limit(event, f"mappings and lists nest deeper than {depth} levels")
                if event.tag is not None or event.anchor is not None:
                    self._note_collection(event, value, self._path(container, key, in_map))
                stack.append((container, key, in_map, flow, merging))
                if not in_map:
                    container.append(value)
                elif not merging:
                    container[key] = value
                container, in_map, flow, merging = value, is_mapping, event.flow_style, False
                continue
            elif kind is SequenceEndEvent:
                value = container
                container, key, in_map, flow, merging = stack.pop()
                if merging:
                    self._merge(event, container, value, from_alias=False)
                    merging = False
                continue
            elif kind is AliasEvent:
                value, _ = self._alias(event, self._path(container, key, in_map), container)
            else:
                self._expect_end(event)
                self._budget.nodes = nodes - count
                return
            if not in_map:
                container.append(value)
            elif merging:
                self._merge(event, container, value, from_alias=kind is AliasEvent)
                merging = False
            else:
                container[key] = value
        raise self._limit(self._next(), f"the file holds more than {self._limits.nodes:,} values")

    # What follows is off the common way; clarity counts more than speed.

    def _expect_end(self, event: Any) -> None:
        """One document is all that may be there: kubectl reads the first of a text and drops the rest in silence."""
        following: Any = self._next() if event.__class__ is DocumentEndEvent else event
        if following.__class__ is not StreamEndEvent:
            raise Unreadable(
                self._problem(
                    following,
                    "yaml-split-ambiguous",
                    "the text goes on after the document's end marker, and kubectl would drop the rest in silence",
                    fix="Separate documents with a line that holds only ---.",
                    fatal=True,
                )
            )

    def _new_key(self, event: Any, text: str, container: Any) -> tuple[str, bool]:
        """Key of a scalar without tag and anchor that was not met before, and whether it is a merge key."""
        if self._check_length and len(text) > self._limits.scalar_length:
            raise self._limit(event, f"a key is longer than {self._limits.scalar_length:,} characters")
        if text[:1] in _SPECIAL:
            if text == _MERGE and not event.implicit[0]:
                self._quoted_merge(event, container)
            elif event.implicit[0]:
                return self._plain_key(event, text, container)
        if len(text) < _CACHED_LENGTH and len(_known_keys) < _CACHED_KEYS and _means_itself(text):
            _known_keys[text] = text
        return text, False

    def _alias_key(self, event: Any, container: Any) -> str:
        _, scalar = self._alias(event, self._path(container, None, in_map=True), container)
        if scalar is None:
            raise self._invalid_key(event, container, "a mapping or list cannot be a key in Kubernetes")
        key = self._key_of(scalar, container)
        if key in container:
            self._repeated_key(event, container, key)
        return key

    def _plain_key(self, event: Any, text: str, container: Any) -> tuple[str, bool]:
        """Key of a plain scalar that may be more than text, and whether it is a merge key."""
        if text == _MERGE:
            if id(container) in self._merged:
                path = self._path(container, _MERGE, in_map=True)
                self._report(event, "yaml-duplicate-key", "the merge key << occurs twice in one mapping", path)
            return _MERGE, True
        try:
            key = resolve_key(text)
        except InvalidScalarError as error:
            raise self._invalid_key(event, container, f'the key "{_shorten(text)}" {error}') from error
        if key == text and len(text) < _CACHED_LENGTH and len(_known_keys) < _CACHED_KEYS and _means_itself(text):
            _known_keys[text] = text
        reading = kustomize_reading(text) if key != text else None
        if reading is not None:
            path = self._path(container, key, in_map=True)
            self._ambiguous(event, path, f'kubectl reads the key {text} as "{key}", kustomize as {reading}', text)
        return key, False

    def _slow_key(self, event: Any, container: Any) -> tuple[str, bool]:
        """Key of a scalar with a tag or an anchor, and whether it is a merge key."""
        if event.anchor is not None:
            self._anchors[event.anchor] = (None, event)
        if event.value == _MERGE and (event.implicit[0] or event.tag == MERGE_TAG):
            if event.style:
                self._quoted_merge(event, container)
            return _MERGE, True
        self._note_tag(event, self._path(container, None, in_map=True))
        key = self._key_of(event, container)
        if event.anchor is not None:
            value = resolve_plain(event.value) if event.tag is None and event.implicit[0] else event.value
            self._anchors[event.anchor] = (value, event)
        return key, False

    def _key_of(self, event: Any, container: Any) -> str:
        """The JSON key that a scalar becomes, whatever its style and tag."""
        text = event.value
        if event.tag is not None:
            try:
                value = resolve_tagged(event.tag, text)
            except InvalidScalarError as error:
                raise self._invalid_key(event, container, f'the key "{_shorten(text)}" {error}') from error
            if isinstance(value, str):
                return value
            return self._plain_key(event, text, container)[0]
        return self._plain_key(event, text, container)[0] if event.implicit[0] else text

    def _slow_value(self, event: Any, place: _Place, *, implicit_null: bool) -> Any:
        """Value of a scalar with a tag or an anchor."""
        text = event.value
        reading = error = None
        value: Any = text
        if event.tag is not None:
            self._note_tag(event, self._path(*place))
            try:
                value = resolve_tagged(event.tag, text)
            except InvalidScalarError as refused:
                error = str(refused)
            if event.tag.endswith(":timestamp"):
                reading = kustomize_reading(text)
        elif event.implicit[0]:
            value, reading, error = _read_plain(text)
            if implicit_null:
                reading = "an empty string"
        if reading is not None or error is not None:
            self._report_plain(event, place, reading, error)
        if event.anchor is not None:
            self._anchors[event.anchor] = (value, event)
        return value

    def _report_plain(self, event: Any, place: _Place, reading: str | None, error: str | None) -> None:
        if error is None and self._is_full():
            return
        path = self._path(*place)
        text = _shorten(event.value)
        if error is not None:
            raise Unreadable(
                self._problem(
                    event,
                    "yaml-invalid-value",
                    f"the value {error}, so kubectl refuses the document",
                    path=path,
                    fix=f'Quote it if text is meant: "{text}".',
                    fatal=True,
                )
            )
        if not event.value:
            message = "kubectl reads a missing value between braces as null, kustomize as an empty string"
            self._report(event, "yaml-ambiguous-scalar", message, path, 'Write null or "".')
            return
        value = resolve_plain(event.value)
        seen = f'the string "{text}"' if isinstance(value, str) else str(value).lower()
        self._ambiguous(event, path, f"kubectl reads {text} as {seen}, kustomize as {reading}", text)

    def _ambiguous(self, event: Any, path: FieldPath, message: str, text: str) -> None:
        canonical = {True: "true", False: "false"}.get(resolve_plain(event.value))
        other = f", or write {canonical}" if canonical else ""
        self._report(event, "yaml-ambiguous-scalar", message, path, f'Quote it: "{text}"{other}.')

    def _quoted_merge(self, event: Any, container: Any) -> None:
        message = 'kubectl reads the quoted "<<" as a field or a merge, kustomize drops it'
        self._report(event, "yaml-ambiguous-scalar", message, self._path(container, _MERGE, in_map=True), "Rename it.")

    def _repeated_key(self, event: Any, container: Any, key: str) -> None:
        """A key that is there already is a duplicate unless a merge brought the first one."""
        _, merged = self._merged.get(id(container), (None, set()))
        if key in merged:
            merged.discard(key)
            return
        if self._is_full():
            return
        message = (
            f'the key "{_shorten(key)}" occurs twice in one mapping: kubectl takes the last one, kustomize refuses'
        )
        self._report(
            event,
            "yaml-duplicate-key",
            message,
            self._path(container, key, in_map=True),
            "Remove one of them, or merge what they hold.",
        )

    def _merge(self, event: Any, container: Any, value: Any, *, from_alias: bool) -> None:
        """Bring merged keys into a mapping in document order, as go-yaml v2 does (decode.go, `merge`)."""
        sources: Iterable[Any] = [value]
        if isinstance(value, list) and not from_alias:
            sources = reversed(value)
        _, merged = self._merged.setdefault(id(container), (container, set()))
        own = set(container) - merged
        overridden: list[str] = []
        for source in sources:
            if not isinstance(source, dict):
                raise Unreadable(
                    self._problem(
                        event,
                        "yaml-invalid-value",
                        "the merge key << needs a mapping, or a list of mappings",
                        path=self._path(container, _MERGE, in_map=True),
                        fix="Merge an anchor that stands before a mapping.",
                        fatal=True,
                    )
                )
            overridden.extend(key for key in source if key in own)
            container.update(source)
            merged.update(key for key in source if key not in own)
        if overridden:
            names = ", ".join(f'"{_shorten(key)}"' for key in dict.fromkeys(overridden))
            message = f"<< stands after {names}: kubectl takes the merged value, kustomize the one that is written here"
            path = self._path(container, overridden[0], in_map=True)
            self._report(event, "yaml-merge-order", message, path, "Move << to the top of the mapping.")

    def _alias(self, event: Any, path: FieldPath, container: Any) -> tuple[Any, ScalarEvent | None]:
        """What an alias stands for, charged with its expanded weight."""
        name = event.anchor
        if name not in self._anchors:
            raise Unreadable(
                self._problem(
                    event,
                    "yaml-alias",
                    f"the alias *{_shorten(name)} refers to an anchor that the document does not define above it",
                    path=path,
                    fix="Define the anchor first, or quote the value if it is meant to start with *.",
                    fatal=True,
                )
            )
        value, scalar = self._anchors[name]
        if scalar is None and (container is value or any(frame[0] is value for frame in self._stack)):
            raise Unreadable(
                self._problem(
                    event,
                    "yaml-alias",
                    f"the anchor &{_shorten(name)} contains itself",
                    path=path,
                    fix="Write the value out.",
                    fatal=True,
                )
            )
        known = self._measures.get(name)
        if known is None or known[0] is not value:
            known = (value, *measure(value, self._budget.alias_weight + 1))
            self._measures[name] = known
        _, weight, height = known
        self._budget.alias_weight -= weight
        if self._budget.alias_weight < 0:
            raise self._limit(event, f"aliases stand for more than {self._limits.alias_weight:,} values")
        if len(self._stack) + height > self._limits.depth:
            raise self._limit(event, f"mappings and lists nest deeper than {self._limits.depth} levels")
        return value, scalar

    def _note_collection(self, event: Any, value: Any, path: FieldPath) -> None:
        if event.anchor is not None:
            self._anchors[event.anchor] = (value, None)
        self._note_tag(event, path)

    def _note_tag(self, event: Any, path: FieldPath) -> None:
        if event.tag is not None and event.tag not in CORE_TAGS and event.tag != "!":
            tag = event.tag.replace("tag:yaml.org,2002:", "!!")
            message = f"Kubernetes ignores the tag {_shorten(tag)}: the value is taken as if it were not there"
            self._report(event, "yaml-custom-tag", message, path, "Remove the tag.")

    def _path(self, container: Any, key: str | None, in_map: bool) -> FieldPath:  # noqa: FBT001 - as in the loop
        steps: list[str | int] = []
        for parent, parent_key, parent_in_map, _, merging in self._stack[1:]:
            steps.append((_MERGE if merging else parent_key or "") if parent_in_map else len(parent) - 1)
        if self._stack:
            if in_map:
                steps.extend([] if key is None else [key])
            else:
                steps.append(len(container))
        return tuple(steps)

    def _problem(  # noqa: PLR0913 - the fields of a problem
        self,
        event: Any,
        code: str,
        message: str,
        *,
        path: FieldPath = (),
        fix: str | None = None,
        fatal: bool = False,
    ) -> YamlProblem:
        mark = event.start_mark
        position = Position(mark.line + self._line, mark.column + 1)
        return YamlProblem(
            code=code, message=message, position=position, document=self._document, path=path, fix=fix, fatal=fatal
        )

    def _report(self, event: Any, code: str, message: str, path: FieldPath, fix: str | None = None) -> None:
        if not self._is_full():
            self.problems.append(self._problem(event, code, message, path=path, fix=fix))

    def _is_full(self) -> bool:
        """Are there more problems than will be told? A hostile file could have a million of them."""
        return len(self.problems) > self._limits.problems

    def _invalid_key(self, event: Any, container: Any, message: str) -> Unreadable:
        path = self._path(container, None, in_map=True)
        fix = "Quote the key, or quote the value if it starts with { or [."
        return Unreadable(self._problem(event, "yaml-invalid-value", message, path=path, fix=fix, fatal=True))

    def _limit(self, event: Any, message: str) -> Unreadable:
        fix = "Split the file, or write it more simply."
        return Unreadable(self._problem(event, "yaml-limit", message, fix=fix, fatal=True))


def measure(value: Any, most: int) -> tuple[int, int]:
    """Nodes of a value when every shared part is counted each time, and its levels; stops counting at `most`."""
    weight = height = 0
    waiting = [(value, 0)]
    while waiting and weight < most:
        node, level = waiting.pop()
        weight += 1
        if isinstance(node, dict | list):
            height = max(height, level + 1)
            weight += len(node) if isinstance(node, dict) else 0
            waiting.extend((child, level + 1) for child in (node.values() if isinstance(node, dict) else node))
    return weight, height


def _read_plain(text: str) -> tuple[Any, str | None, str | None]:
    """Value of a plain scalar, kustomize's reading where it differs, and why Kubernetes refuses it."""
    try:
        value = resolve_plain(text)
    except InvalidScalarError as error:
        return None, None, str(error)
    return value, kustomize_reading(text), None


_plain = lru_cache(maxsize=8192)(_read_plain)


# Keys that mean the same plain and quoted; they are few, they repeat, and this keeps one copy of each.
_known_keys: dict[str, str] = {}


def _means_itself(text: str) -> bool:
    """Is the key what it says whether it is quoted or not?"""
    return text != _MERGE and text not in WORDS and parse_number(text) is None


def _shorten(text: str) -> str:
    """Untrusted text for a message: one line, not too long."""
    line = " ".join(text.split())
    return line if len(line) <= 60 else line[:57] + "..."
