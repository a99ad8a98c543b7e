"""YAML and JSON files as kubectl reads them, with every place where another reader would read something else.

`read_yaml` takes the bytes of a file and never raises: whatever they hold, the answer is documents, problems, or the
reason why nothing in it can be judged. docs/adr/0002-reading-yaml.md says how the rules were chosen, and
docs/adr/0003-positions-on-demand.md why positions are worked out when they are asked for.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from functools import lru_cache
from itertools import islice
from typing import Any

import yaml
from yaml._yaml import CParser
from yaml.events import AliasEvent, DocumentEndEvent, ScalarEvent

from gitgate.location import FieldPath, Position
from gitgate.yaml_builder import Budget, Builder
from gitgate.yaml_problem import DEFAULT_LIMITS, Unreadable, YamlLimits, YamlProblem
from gitgate.yaml_scalars import InvalidScalarError, resolve_key
from gitgate.yaml_syntax import syntax_problem, template_position, template_problem
from gitgate.yaml_text import (
    UTF8_BOM,
    Chunk,
    check_characters,
    is_json,
    json_rest,
    opaque_reason,
    split,
    without_surrogate_escapes,
)

__all__ = ["DEFAULT_LIMITS", "YamlDocument", "YamlFile", "YamlLimits", "YamlProblem", "read_yaml"]

_BRACES = re.compile(rb"\{\{|\{%")
_DOUBTFUL_ESCAPE = re.compile(rb"\\(?:/|N|x85|u0085|U00000085)")
_ESCAPED_BACKSLASH = re.compile(r"\\\\")
_BLANK_LINES = rb"(?:[ \t]*+(?:#[^\n]*+|\r)?\n)*+"
_DIRECTIVE = re.compile(_BLANK_LINES + rb"%")
_BLANK = re.compile(_BLANK_LINES + rb"[ \t]*+(?:#[^\n]*+)?\Z")


@dataclass(frozen=True, slots=True, kw_only=True)
class YamlDocument:
    """One document that could be read.

    Attributes:
        index: Its place among the documents of the file, from 0; empty ones do not count.
        value: JSON data as kubectl reads it. Parts that aliases repeat are shared; never modify it.
        line: Line of the file that the value starts on, from 1.
        encrypted: SOPS encrypted every value that matters, so nothing in it can be judged but its names.
        chunk: The text of the document and the line that it starts on.
    """

    index: int
    value: Any
    line: int
    encrypted: bool
    chunk: Chunk = field(repr=False)

    def position(self, path: FieldPath, *, key: bool = False) -> Position | None:
        """Where a field's value starts in the file, or its key; None when the text does not write the field there.

        The item of a list has no key: its `-` is not told apart from its value. Fields that an alias or a merge key
        brings have no place of their own. Of a repeated key the last one counts.
        """
        places = _positions(self.chunk).get(path)
        return None if places is None else places[0 if key else 1]

    def nearest(self, path: FieldPath, *, key: bool = False) -> Position:
        """Where the field is, or else the closest thing around it that the text writes."""
        places = _positions(self.chunk)
        for length in range(len(path), -1, -1):
            if path[:length] in places:
                return places[path[:length]][0 if key else 1]
        return Position(self.line, 1)


@dataclass(frozen=True, slots=True, kw_only=True)
class YamlFile:
    """What reading a file came to.

    Attributes:
        documents: Those with a value, in order. Null ones are left out, as kubectl skips them.
        problems: In the order of their positions.
        opaque: Why nothing in it can be judged (`encrypted by git-crypt`, `binary`); None for a readable file.
    """

    documents: tuple[YamlDocument, ...] = ()
    problems: tuple[YamlProblem, ...] = ()
    opaque: str | None = None


def read_yaml(data: bytes, limits: YamlLimits = DEFAULT_LIMITS) -> YamlFile:
    """Read a YAML or JSON file. Total: nothing that the file holds makes it raise."""
    try:
        return _read(data, limits)
    except Unreadable as unreadable:
        return YamlFile(problems=(unreadable.problem,))
    except Exception as error:  # noqa: BLE001 - a file that trips the reader is refused, it does not end the run
        problem = YamlProblem(
            code="yaml-limit",
            message=f"the file cannot be read within the limits ({type(error).__name__})",
            fix="Split the file, or write it more simply.",
            fatal=True,
        )
        return YamlFile(problems=(problem,))


def _read(data: bytes, limits: YamlLimits) -> YamlFile:
    if len(data) > limits.bytes:
        message = f"the file has {len(data):,} bytes, and {limits.bytes:,} are allowed"
        fix = "Split the file."
        raise Unreadable(YamlProblem(code="yaml-limit", message=message, fix=fix, fatal=True))
    reason = opaque_reason(data)
    if reason is not None:
        return YamlFile(opaque=reason)
    problems = check_characters(data)
    parts = list(islice(split(data.removeprefix(UTF8_BOM)), limits.documents + 1))
    chunks = [part for part in parts if isinstance(part, Chunk) and not _BLANK.match(part.source)]
    if isinstance(parts[-1], YamlProblem):
        # Where documents begin is not certain any more, so none of them can be trusted.
        problems.append(replace(parts[-1], document=len(chunks)))
        return YamlFile(problems=_in_order(problems, limits))
    if len(parts) > limits.documents:
        message = f"the file holds more than {limits.documents:,} documents"
        place = Position(parts[-1].line, 1)
        raise Unreadable(
            YamlProblem(code="yaml-limit", message=message, position=place, fix="Split the file.", fatal=True)
        )
    problems.extend(_json_problems(chunks))
    budget = Budget(limits)
    documents: list[YamlDocument] = []
    for index, chunk in enumerate(chunks):
        document, found = _read_chunk(chunk, index, budget)
        problems.extend(found)
        if document is not None and document.value is not None:
            documents.append(document)
    return YamlFile(documents=tuple(documents), problems=_in_order(problems, limits))


def _in_order(problems: list[YamlProblem], limits: YamlLimits) -> tuple[YamlProblem, ...]:
    """Sorted by place; past the limit the fatal ones are kept and the rest is summed up."""
    if len(problems) > limits.problems:
        fatal = [problem for problem in problems if problem.fatal]
        others = [problem for problem in problems if not problem.fatal]
        kept = (fatal + others)[: limits.problems]
        message = f"the file has more than {limits.problems} problems; the rest is not listed"
        last = max(problem.position for problem in kept)
        problems = [*kept, YamlProblem(code="yaml-limit", message=message, position=last)]
    return tuple(sorted(problems, key=lambda problem: (problem.position, problem.code)))


def _json_problems(chunks: list[Chunk]) -> list[YamlProblem]:
    """More than one value in a file that Kubernetes reads as JSON: some readers take the second, some refuse it."""
    if not chunks or not is_json(chunks[0].source):
        return []
    found, rest = json_rest(chunks[0].source)
    places: list[tuple[int, Position]] = []
    if rest is not None:
        places.append((0, Position(rest.line + chunks[0].line - 1, rest.column)))
    if found and chunks[0].line == 1:
        places.extend((index, Position(chunk.line, 1)) for index, chunk in enumerate(chunks) if index > 0)
    return [
        YamlProblem(
            code="yaml-split-ambiguous",
            message="a second value follows the JSON value of this file: some readers take it, some do not",
            position=place,
            document=index,
            fix="Put each object into a file of its own, or all of them into one List.",
        )
        for index, place in places
    ]


def _read_chunk(chunk: Chunk, index: int, budget: Budget) -> tuple[YamlDocument | None, list[YamlProblem]]:
    source, line = chunk.source, chunk.line
    match = _DIRECTIVE.match(source)
    if match is not None:
        # kubectl cuts a directive off from its document; libyaml takes quadratic time for many of them.
        position = Position(line + source.count(b"\n", 0, match.end()), 1)
        problem = YamlProblem(
            code="yaml-syntax",
            message="kubectl refuses lines that start with %, YAML's directives",
            position=position,
            document=index,
            fix="Remove the directive.",
            fatal=True,
        )
        return None, [_as_template(chunk, problem)]
    if b"\\u" in source and is_json(source):
        source = without_surrogate_escapes(source)
        chunk = Chunk(source, line)
    builder = Builder(source, line, index, budget)
    try:
        built = builder.build()
    except Unreadable as unreadable:
        return None, [*builder.problems, _as_template(chunk, unreadable.problem)]
    except yaml.YAMLError as error:
        return None, [*builder.problems, _as_template(chunk, syntax_problem(error, source, line, index))]
    if built is None:
        return None, builder.problems
    value, first = built
    if _DOUBTFUL_ESCAPE.search(source):
        escapes = _escape_problems(chunk, index)
        builder.problems.extend(escapes)
        if any(problem.fatal for problem in escapes):
            return None, builder.problems
    document = YamlDocument(index=index, value=value, line=first, encrypted=is_encrypted(value), chunk=chunk)
    return document, builder.problems


def _escape_problems(chunk: Chunk, index: int) -> list[YamlProblem]:
    """Escapes in double quotes that libyaml reads and another reader refuses or reads as something else."""
    text = chunk.source.decode("utf-8")
    problems: list[YamlProblem] = []
    next_event: Callable[[], Any] = CParser(chunk.source).get_event
    while (event := next_event()) is not None:
        if not isinstance(event, ScalarEvent) or event.style != '"':
            continue
        start: Any = event.start_mark
        end: Any = event.end_mark
        raw = _ESCAPED_BACKSLASH.sub("", text[start.index : end.index])
        position = Position(start.line + chunk.line, start.column + 1)
        if "\\/" in raw and not is_json(chunk.source):
            message, code, fix = "kubectl does not know the escape \\/ in YAML", "yaml-syntax", "Write a plain /."
            problems.append(
                YamlProblem(code=code, message=message, position=position, document=index, fix=fix, fatal=True)
            )
        elif "\x85" in event.value:
            message = "kubectl reads the escaped U+0085 as that character, kustomize as a space"
            code, fix = "yaml-ambiguous-scalar", "Write a space or \\n."
            problems.append(YamlProblem(code=code, message=message, position=position, document=index, fix=fix))
    return problems


def _as_template(chunk: Chunk, problem: YamlProblem) -> YamlProblem:
    """A text that cannot be read because it is a template is called one."""
    if problem.code not in ("yaml-syntax", "yaml-invalid-value") or not _BRACES.search(chunk.source):
        return problem
    position = template_position(chunk.source.decode("utf-8"), chunk.line, problem.position)
    return problem if position is None else template_problem(position, problem.document)


_PLAIN_IN_SOPS = frozenset({"apiVersion", "kind", "metadata", "type", "immutable", "sops"})
_ENCRYPTED = re.compile(r"ENC\[[A-Z0-9_]+,data:[A-Za-z0-9+/=]*,iv:[A-Za-z0-9+/=]+,tag:[A-Za-z0-9+/=]+,type:[a-z]+\]\Z")


def is_encrypted(value: Any) -> bool:
    """Did SOPS encrypt the document? A `sops` key alone proves nothing: every value must be a ciphertext.

    What names and types the object may be readable; SOPS also leaves null, empty text and empty collections alone.
    """
    if not isinstance(value, dict) or not isinstance(value.get("sops"), dict):
        return False
    stamp = value["sops"]
    if not _ENCRYPTED.match(str(stamp.get("mac", ""))) or not isinstance(stamp.get("version"), str):
        return False
    waiting: list[Any] = [part for key, part in value.items() if key not in _PLAIN_IN_SOPS]
    found = False
    while waiting:
        node = waiting.pop()
        if isinstance(node, Mapping):
            waiting.extend(node.values())
        elif isinstance(node, list):
            waiting.extend(node)
        elif isinstance(node, str) and _ENCRYPTED.match(node):
            found = True
        elif node not in (None, ""):
            return False
    return found


@lru_cache(maxsize=64)
def _positions(chunk: Chunk) -> Mapping[FieldPath, tuple[Position, Position]]:
    """Position of the key and of the value of every field that the text writes; of an item, of the item twice."""
    places: dict[FieldPath, tuple[Position, Position]] = {}
    path: list[str | int] = []
    in_map: list[bool] = []
    key_at: list[Position | None] = []
    next_event: Callable[[], Any] = CParser(chunk.source).get_event
    next_event()
    next_event()
    while (event := next_event()) is not None and event.__class__ is not DocumentEndEvent:
        if not hasattr(event, "anchor"):
            in_map.pop()
            key_at.pop()
            path = path[: len(in_map)]
            if in_map and in_map[-1]:
                key_at[-1] = None
            continue
        place = Position(event.start_mark.line + chunk.line, event.start_mark.column + 1)
        if in_map and in_map[-1] and key_at[-1] is None:
            path = [*path[: len(in_map) - 1], _key_step(event)]
            key_at[-1] = place
            continue
        if in_map and not in_map[-1]:
            last = path[len(in_map) - 1] if len(path) >= len(in_map) else -1
            path = [*path[: len(in_map) - 1], int(last) + 1]
        places[tuple(path)] = (key_at[-1] or place if in_map else place, place)
        if event.__class__ is ScalarEvent or event.__class__ is AliasEvent:
            if in_map and in_map[-1]:
                key_at[-1] = None
        else:
            in_map.append(hasattr(event, "flow_style") and "Mapping" in event.__class__.__name__)
            key_at.append(None)
    return places


def _key_step(event: Any) -> str:
    if event.__class__ is AliasEvent:
        return f"*{event.anchor}"
    text: str = event.value
    if event.tag is None and event.implicit[0]:
        try:
            return resolve_key(text)
        except InvalidScalarError:
            return text
    return text
