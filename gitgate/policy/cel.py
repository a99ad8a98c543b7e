"""`Engine`: CEL as Kubernetes has it, evaluated in another process that may die; the only seam to it.

The worker (`cel_worker`) is started by the first compilation, lives under limits, and is replaced when it dies or
has grown. Its death is an answer like any other: the program that killed it is found, named and not run again, and
all others go on. Only plain data goes in: what JSON can say, no NUL, no half characters, no deep nesting.
"""

from __future__ import annotations

import hashlib
import json
import re
import signal
import sys
import tempfile
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Self

from gitgate.errors import ToolError
from gitgate.policy.cel_names import BEYOND
from gitgate.process import Coprocess

DEPTH_LIMIT = 100
"""Nesting of a value."""
_BATCH_BYTES = 1 << 20
_BATCH_ITEMS = 500
_MEMORY_KIBIBYTES = 400_000
"""A worker that has grown beyond is replaced: callbacks of the engine lose memory."""
_ANSWER_LIMIT = 16 << 20
_HEADER = 4
_LIFETIME = 600.0
_UNSAFE = re.compile(r"\\u(?:0000|[dD][89aAbBcCdDeEfF][0-9a-fA-F]{2})")


class UnsafeValueError(Exception):
    """Data that the engine would read otherwise than the cluster; the message says what is in it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Source:
    """The expressions of one policy.

    Attributes:
        names: What they may refer to: `object`, `oldObject`, …
        variables: Name and expression, in order; each may use those before it.
        conditions: matchConditions.
        validations: Expression, and its messageExpression if there is one.
        annotations: Value expressions of auditAnnotations.
        typed: Are the names of a known type, so that a validation must be known to be a bool? False for what Kubernetes
            would check against a schema that is not at hand.
        shapes: Schemas of names; what does not fit them is a problem, and text with a format becomes a time or bytes.
        optional: Names that stand for an optional value, handed over as a list of nothing or of one value.
        kinds: What may stand behind the names, as a word for it and schemas by name; what does not fit is a doubt.
    """

    names: tuple[str, ...]
    variables: tuple[tuple[str, str], ...] = ()
    conditions: tuple[str, ...] = ()
    validations: tuple[tuple[str, str | None], ...] = ()
    annotations: tuple[str, ...] = ()
    typed: bool = True
    shapes: Mapping[str, Any] = field(default_factory=dict)
    optional: tuple[str, ...] = ()
    kinds: tuple[tuple[str, Mapping[str, Any]], ...] = ()


@dataclass(frozen=True, slots=True)
class CompileProblem:
    """An expression that Kubernetes would refuse.

    Attributes:
        part: `variables`, `matchConditions`, `validations`, `messages` (messageExpression) or `auditAnnotations`.
        index: Which of them.
        line: In the expression, from 1.
        column: In the expression, from 1.
    """

    part: str
    index: int
    message: str
    line: int = 1
    column: int = 1


@dataclass(frozen=True, slots=True)
class Requirement:
    """An expression that needs a Kubernetes version: `quantity` needs `1.28`. For `line` see `CompileProblem`."""

    part: str
    index: int
    version: str
    what: str
    line: int = 1
    column: int = 1

    def is_met_by(self, version: str) -> bool:
        """Does a Kubernetes version have it?"""
        have, need = (tuple(map(int, one.removeprefix("v").split(".")[:2])) for one in (version, self.version))
        return have >= need


@dataclass(frozen=True, slots=True)
class Doubt:
    """An expression that cannot be right for a kind that it may meet; the API server warns of it.

    Attributes:
        kind: Which, in the words of `Source.kinds`; for the others see `CompileProblem`.
    """

    kind: str
    part: str
    index: int
    message: str
    line: int
    column: int


@dataclass(frozen=True, slots=True)
class Program:
    """A compiled source.

    Attributes:
        number: Its name in `Item.programs`.
        problems: Why it cannot run; empty when it can.
        uses: The names that it refers to.
        requirements: What not every Kubernetes version has.
        limit: How it killed the worker while it was compiled; None when it did not.
        doubts: What does not fit the kinds that it may meet.
    """

    number: int
    problems: tuple[CompileProblem, ...] = ()
    uses: frozenset[str] = frozenset()
    requirements: tuple[Requirement, ...] = ()
    limit: str | None = None
    doubts: tuple[Doubt, ...] = ()

    @property
    def beyond(self) -> bool:
        """May an API server be able to run what cannot be run here?"""
        return self.limit is not None or any(problem.message.startswith(BEYOND) for problem in self.problems)

    @property
    def runnable(self) -> bool:
        """Can it be evaluated?"""
        return not self.problems and self.limit is None

    def is_taken(self, versions: Sequence[str]) -> bool:
        """Is it in force in some of these Kubernetes versions? Where nobody says which there are, it may be."""
        taken = (all(one.is_met_by(version) for one in self.requirements) for version in versions)
        return not versions or any(taken)


@dataclass(frozen=True, slots=True)
class Item:
    """One question: what the names stand for, and the programs to run over them."""

    bindings: Mapping[str, Any]
    programs: Sequence[int]


@dataclass(frozen=True, slots=True)
class EvaluationError:
    """An expression that gave no answer; `part` and `index` as in `CompileProblem`."""

    part: str
    index: int
    message: str


@dataclass(frozen=True, slots=True)
class Outcome:
    """What one program says of one item.

    Attributes:
        matched: False when its conditions say that it does not apply.
        denials: Validations that are false, with what their messageExpression says.
        errors: Expressions that failed.
        annotations: Values of audit annotations.
        limit: How it ended the worker; nothing else is known then.
    """

    matched: bool = True
    denials: tuple[tuple[int, str | None], ...] = ()
    errors: tuple[EvaluationError, ...] = ()
    annotations: tuple[tuple[int, str], ...] = ()
    limit: str | None = None

    @property
    def silent(self) -> bool:
        """Is there nothing to tell of it?"""
        return self.limit is None and not (self.denials or self.errors or self.annotations)


_PASSED = Outcome()
_NOT_MATCHED = Outcome(matched=False)


@dataclass(slots=True)
class _Batch:
    """Items that are sent together, their values each once."""

    values: list[str] = field(default_factory=list)
    known: dict[int, int] = field(default_factory=dict)
    items: list[tuple[dict[str, int], list[int]]] = field(default_factory=list)
    kept: list[Any] = field(default_factory=list)
    size: int = 0

    def add(self, item: Item, programs: Sequence[int]) -> None:
        bindings = {name: self._number(value) for name, value in item.bindings.items()}
        self.items.append((bindings, list(programs)))

    def _number(self, value: Any) -> int:
        number = self.known.get(id(value))
        if number is None:
            text = encode_value(value)
            number = self.known[id(value)] = len(self.values)
            self.values.append(text)
            self.kept.append(value)  # its id must stay its own
            self.size += len(text)
        return number

    @property
    def full(self) -> bool:
        return self.size > _BATCH_BYTES or len(self.items) >= _BATCH_ITEMS

    def message(self, items: Sequence[tuple[dict[str, int], list[int]]], *, together: bool) -> bytes:
        flag = "true" if together else "false"
        return f'{{"values":[{",".join(self.values)}],"items":{json.dumps(items)},"together":{flag}}}'.encode()


class Engine:
    """Compiles and evaluates; a context manager that ends its worker."""

    def __init__(self) -> None:
        self._sources: list[dict[str, Any]] = []
        self._compiled: dict[tuple[str, str], Program] = {}
        self._banned: dict[int, str] = {}
        self._worker: _Worker | None = None
        self.restarts = 0

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._end()

    def start(self) -> None:
        """Start the worker now, so that it loads while other things are done.

        Raises:
            ToolError: The worker could not be started.
        """
        self._running()

    def compile(self, source: Source) -> Program:
        """Check the expressions of a policy and keep them ready; the same expressions are the same program.

        Raises:
            ToolError: The worker could not be started.
        """
        key = _key(source)
        if key not in self._compiled:
            self._compiled[key] = self._compile(source)
        return self._compiled[key]

    def _compile(self, source: Source) -> Program:
        number = len(self._sources)
        document = {
            "id": number,
            "names": source.names,
            "variables": source.variables,
            "conditions": source.conditions,
            "validations": source.validations,
            "annotations": source.annotations,
            "boolean": ["bool"] if source.typed else ["bool", "dyn"],
            "shapes": source.shapes,
            "optional": source.optional,
        }
        self._sources.append(document)
        if any("\0" in text or _has_surrogate(text) for text in _texts(source)):
            return Program(number, limit="an expression contains a character that no YAML file can hold")
        worker = self._running()
        try:
            answer = worker.load({**document, "kinds": source.kinds})
        except ToolError:
            limit = self._ended()
            self._banned[number] = limit
            return Program(number, limit=limit)
        return Program(
            number,
            tuple(CompileProblem(*problem) for problem in answer["problems"]),
            frozenset(answer["uses"]),
            tuple(Requirement(*since) for since in answer["since"]),
            doubts=tuple(Doubt(*doubt) for doubt in answer["doubts"]),
        )

    def evaluate(self, items: Iterable[Item]) -> Iterator[tuple[Outcome, ...]]:
        """Answer each item in order, one outcome for each of its programs.

        Raises:
            ToolError: The worker cannot be started any more.
        """
        batch = _Batch()
        pending: list[Item] = []
        for item in items:
            try:
                batch.add(item, item.programs)
            except UnsafeValueError as error:
                yield from self._answers(batch, pending)
                batch, pending = _Batch(), []
                yield tuple(Outcome(limit=str(error)) for _ in item.programs)
                continue
            pending.append(item)
            if batch.full:
                yield from self._answers(batch, pending)
                batch, pending = _Batch(), []
        yield from self._answers(batch, pending)

    def _answers(self, batch: _Batch, pending: list[Item]) -> Iterator[tuple[Outcome, ...]]:
        position = 0
        together = True
        while position < len(pending):
            left = batch.items[position:]
            answers, died = self._ask(batch, left, together=together)
            if died and together:
                # Answers that were held back are lost with it: ask again in a way that tells where it dies.
                together = False
                continue
            for (_, programs), answer in zip(left, answers, strict=False):
                yield self._merge(programs, answer)
            position += len(answers)
            if died and position < len(pending):
                yield self._one_by_one(batch, batch.items[position])
                position += 1

    def _one_by_one(self, batch: _Batch, item: tuple[dict[str, int], list[int]]) -> tuple[Outcome, ...]:
        """Ask again, a program at a time, to find the one that ends the worker.

        A single one is asked again, too: the worker may have been killed by somebody else.
        """
        bindings, programs = item
        outcomes: list[Outcome] = []
        used = sorted(set(bindings.values()))
        alone = _Batch(values=[batch.values[index] for index in used])
        renamed = {name: used.index(index) for name, index in bindings.items()}
        for program in programs:
            if program not in self._banned:
                answers, died = self._ask(alone, [(renamed, [program])], together=False)
                if died and not answers:
                    self._banned[program] = died
                else:
                    outcomes += self._merge([program], answers[0])
                    continue
            outcomes.append(Outcome(limit=self._banned[program]))
        return tuple(outcomes)

    def _ask(
        self, batch: _Batch, items: list[tuple[dict[str, int], list[int]]], *, together: bool
    ) -> tuple[list[list[Any]], str | None]:
        """Answers, as many as came, and how the worker ended if it did.

        Answers that are given together wake both processes less often, and are lost together if the worker dies.
        """
        allowed = [
            (bindings, [number for number in programs if number not in self._banned]) for bindings, programs in items
        ]
        answers: list[list[Any]] = []
        try:
            worker = self._running()
            for number in sorted({number for _, programs in allowed for number in programs} - worker.loaded):
                worker.load(self._sources[number])
            worker.send(batch.message(allowed, together=together))
            while len(answers) < len(allowed):
                answers += worker.receive()
            memory = worker.receive()
        except ToolError:
            if self._worker is None:
                raise
            return answers, self._ended()
        if memory > _MEMORY_KIBIBYTES:
            self._end()
        return answers, None

    def _merge(self, programs: Sequence[int], answer: Sequence[Any]) -> tuple[Outcome, ...]:
        given = iter(answer)
        return tuple(
            Outcome(limit=self._banned[number]) if number in self._banned else _outcome(next(given))
            for number in programs
        )

    def _running(self) -> _Worker:
        if self._worker is None:
            self._worker = _Worker()
        return self._worker

    def _ended(self) -> str:
        """How the worker came to its end, in words; a new one is started by the next request."""
        code = self._worker.returncode if self._worker is not None else None
        self._end()
        self.restarts += 1
        if code in {-signal.SIGPROF, -signal.SIGXCPU, -signal.SIGKILL}:
            return "took more time than one evaluation may"
        return "took more memory than an evaluation may, or ended the CEL engine"

    def _end(self) -> None:
        if self._worker is not None:
            self._worker.close()
            self._worker = None


class _Worker:
    """One process and its conversation."""

    def __init__(self) -> None:
        self._directory = tempfile.TemporaryDirectory(prefix="gitgate-cel-")
        try:
            self._process = Coprocess(
                (sys.executable, "-I", "-m", "gitgate.policy.cel_worker"),
                cwd=Path(self._directory.name),
                lifetime=_LIFETIME,
            )
        except BaseException:
            self._directory.cleanup()
            raise
        self.loaded: set[int] = set()

    @property
    def returncode(self) -> int | None:
        return self._process.returncode

    def load(self, source: dict[str, Any]) -> Any:
        self.send(json.dumps({"compile": source}).encode())
        answer = self.receive()
        self.loaded.add(source["id"])
        return answer

    def send(self, message: bytes) -> None:
        self._process.send(len(message).to_bytes(_HEADER, "big") + message)

    def receive(self) -> Any:
        size = int.from_bytes(self._process.read_exactly(_HEADER), "big")
        if size > _ANSWER_LIMIT:
            raise ToolError("the CEL worker gave an answer that is too long")
        try:
            return json.loads(self._process.read_exactly(size))
        except ValueError as error:
            raise ToolError("the CEL worker gave an answer that is none") from error

    def close(self) -> None:
        self._process.close()
        self._directory.cleanup()


def _outcome(answer: Any) -> Outcome:
    if answer == 0:
        return _PASSED
    if answer == 1:
        return _NOT_MATCHED
    if isinstance(answer, str):
        exhausted = "teration budget" in answer
        return Outcome(limit="needs more than 10,000 steps for one object" if exhausted else f"ended with: {answer}")
    return Outcome(
        denials=tuple((index, message) for index, message in answer["denials"]),
        errors=tuple(EvaluationError(*error) for error in answer["errors"]),
        annotations=tuple((index, value) for index, value in answer["annotations"]),
    )


def _key(source: Source) -> tuple[str, str]:
    """What tells sources apart: of the kinds a digest, as schemas are large, and two trees may differ in one."""
    kinds = json.dumps(source.kinds).encode() if source.kinds else b""
    return repr(replace(source, kinds=())), hashlib.sha256(kinds).hexdigest() if kinds else ""


def _texts(source: Source) -> Iterator[str]:
    yield from (text for pair in source.variables for text in pair)
    yield from source.conditions
    yield from (text for pair in source.validations for text in pair if text is not None)
    yield from source.annotations


def _has_surrogate(text: str) -> bool:
    return not text.isascii() and any("\ud800" <= character <= "\udfff" for character in text)


def encode_value(value: Any) -> str:
    """The value as JSON, if the engine reads it as the cluster does.

    Raises:
        UnsafeValueError: It holds a NUL or half a character, a number that no 64 bits hold, more than `DEPTH_LIMIT`
            levels, itself, or what JSON has no word for.
    """
    _demand_plain(value)
    text = json.dumps(value, separators=(",", ":"))
    if "\\u" in text and _UNSAFE.search(text):
        _demand_safe_text(value)
    return text


def _demand_plain(value: Any) -> None:  # noqa: C901 - one branch for each type
    """Bounded, acyclic (a cycle has no bound) and of numbers that fit."""
    level = [value]
    for _ in range(DEPTH_LIMIT):
        deeper: list[Any] = []
        for part in level:
            kind = type(part)
            if kind is dict:
                if not all(type(key) is str for key in part):
                    raise UnsafeValueError("the object has a key that is no text")
                deeper += part.values()
            elif kind is list:
                deeper += part
            elif kind is int:
                if not -(2**63) <= part < 2**64:
                    raise UnsafeValueError("the object holds a number that is too large for an expression")
            elif kind is float:
                if part != part or part in {float("inf"), float("-inf")}:  # noqa: PLR0124 - NaN
                    raise UnsafeValueError("the object holds a number that JSON has no word for")
            elif kind is not str and kind is not bool and part is not None:
                raise UnsafeValueError("the object holds a value that is no JSON")
        if not deeper:
            return
        if len(deeper) > 5_000_000:
            raise UnsafeValueError("the object is too large for an expression")
        level = deeper
    raise UnsafeValueError(f"the object is nested more than {DEPTH_LIMIT} levels deep")


def _demand_safe_text(value: Any) -> None:
    pending = [value]
    while pending:
        part = pending.pop()
        if isinstance(part, dict):
            pending += part.keys()
            pending += part.values()
        elif isinstance(part, list):
            pending += part
        elif isinstance(part, str) and ("\0" in part or _has_surrogate(part)):
            raise UnsafeValueError("the object holds a NUL or half a character, which expressions would misread")
