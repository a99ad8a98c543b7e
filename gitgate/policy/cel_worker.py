"""The process that evaluates CEL: reads requests, answers them, and is killed rather than trusted.

Expressions and data come from a pull request, and the engine is native code without limits of its own on time and
memory. So it runs here, under limits that the kernel holds, and `cel.Engine` deals with its death. A message is four
bytes of length and that much JSON. `python -I -m gitgate.policy.cel_worker` starts it.
"""

from __future__ import annotations

import contextlib
import json
import os
import resource
import signal
import sys
from collections.abc import Mapping
from typing import Any

from gitgate.policy.cel_environment import CompileError, Environment, conjunction, is_true, place_of, result_value
from gitgate.policy.field_types import Shape, read_fields, shape_of

MEMORY_LIMIT = 1 << 30
"""Bytes of address space."""
CPU_LIMIT = 600
"""Seconds for the life of the process; one request has `REQUEST_SECONDS`."""
REQUEST_SECONDS = 0.2
"""CPU seconds for one compilation, and for one object with all its programs."""
_HEADER = 4
_TOGETHER = 50
"""Items that are answered in one message: it has to stay far below `cel._ANSWER_LIMIT`."""


def main() -> None:
    """Answer requests until standard input ends."""
    _limit()
    source, sink = os.fdopen(0, "rb"), os.fdopen(1, "wb", buffering=0)
    worker = _Worker()
    while header := source.read(_HEADER):
        request = json.loads(source.read(int.from_bytes(header, "big")))
        for answer in worker.answers(request):
            data = json.dumps(answer, separators=(",", ":")).encode()
            sink.write(len(data).to_bytes(_HEADER, "big") + data)


def _limit() -> None:
    limits = (
        (resource.RLIMIT_AS, MEMORY_LIMIT),
        (resource.RLIMIT_CPU, CPU_LIMIT),
        (resource.RLIMIT_CORE, 0),
        # The engine writes complaints to standard error, which is a file.
        (resource.RLIMIT_FSIZE, 1 << 20),
    )
    for kind, value in limits:
        # macOS knows RLIMIT_AS and does not hold it; the timers below work everywhere.
        with contextlib.suppress(OSError, ValueError):
            resource.setrlimit(kind, (value, value))
    _protect_none()


def _protect_none() -> None:
    """Give None more references than the engine can lose.

    The engine gives one away for each null that it converts. From Python 3.12 on None is never freed; before, the
    process aborts after some thousands of them.
    """
    if sys.version_info < (3, 12) and sys.implementation.name == "cpython":
        import ctypes  # noqa: PLC0415 - only old versions need it

        ctypes.c_ssize_t.from_address(id(None)).value += 1 << 40


class _Worker:
    def __init__(self) -> None:
        self._programs: dict[int, _Program] = {}
        self._joints: dict[tuple[int, ...], _Joint] = {}

    def answers(self, request: dict[str, Any]) -> Any:
        if "compile" in request:
            _arm()
            yield self._compile(request["compile"])
            _disarm()
        else:
            values = request["values"]
            most = _TOGETHER if request["together"] else 1
            answers: list[list[Any]] = []
            for bindings, programs in request["items"]:
                _arm()
                activation = Environment.activation({name: values[index] for name, index in bindings.items()})
                answers.append(self._run(tuple(programs), activation))
                if len(answers) >= most:
                    _disarm()
                    yield answers
                    answers = []
            _disarm()
            if answers:
                yield answers
            yield _resident_kibibytes()

    def _run(self, numbers: tuple[int, ...], activation: Any) -> list[Any]:
        joint = self._joints.get(numbers)
        if joint is None:
            joint = self._joints[numbers] = _Joint(numbers, self._programs)
        return joint.run(activation)

    def _compile(self, source: dict[str, Any]) -> dict[str, Any]:
        shapes = {name: shape_of(schema) for name, schema in source.get("shapes", {}).items()}
        optional = source.get("optional", ())
        shapes |= {name: Shape("optional", shapes[name]) for name in optional if name in shapes}
        environment = Environment(source["names"], shapes, optional)
        parts: list[tuple[str, int]] = []
        problems: list[list[Any]] = []
        sinces: list[list[Any]] = []

        def attempt(part: str, index: int, text: str, kinds: list[str]) -> Any:
            try:
                compiled = environment.compile(text)
                parts.append((part, index))
                if kinds and compiled.kind not in kinds:
                    # Source: k8s.io/apiserver/pkg/admission/plugin/cel/compile.go, CompileCELExpression
                    raise CompileError(f"must evaluate to {' or '.join(kinds)} but gives {compiled.kind}")  # noqa: TRY301
            except CompileError as error:
                problems.append([part, index, str(error), error.line, error.column])
                return None
            if compiled.since is not None:
                sinces.append([part, index, *compiled.since])
            return compiled

        for index, (name, text) in enumerate(source["variables"]):
            try:
                since = environment.declare(name, text)
            except CompileError as error:
                problems.append(["variables", index, str(error), error.line, error.column])
            else:
                parts.append(("variables", index))
                if since is not None:
                    sinces.append(["variables", index, *since])
        boolean = source["boolean"]
        self._programs[source["id"]] = _Program(
            [attempt("matchConditions", index, text, ["bool"]) for index, text in enumerate(source["conditions"])],
            [
                (
                    attempt("validations", index, text, boolean),
                    None if message is None else attempt("messages", index, message, ["string"]),
                )
                for index, (text, message) in enumerate(source["validations"])
            ],
            [
                attempt("auditAnnotations", index, text, ["string", "null"])
                for index, text in enumerate(source["annotations"])
            ],
        )
        return {
            "problems": problems,
            "since": sinces,
            "uses": sorted(environment.used),
            "doubts": list(_doubts(source, environment, parts)),
        }


def _doubts(source: dict[str, Any], environment: Environment, parts: list[tuple[str, int]]) -> Any:
    """What does not fit the schemas of the kinds that a policy means; see `cel.Doubt`."""
    variables = [name for name, _ in source["variables"]]
    for label, schemas in source.get("kinds", ()):
        shapes = {name: shape_of(schema) for name, schema in schemas.items()}
        for (part, index), (text, checked) in zip(parts, environment.checked, strict=False):
            reading = read_fields(checked, shapes, converts=False)
            if part == "variables":
                shapes[f"variables.{variables[index]}"] = reading.shape
            for message, node in reading.problems:
                yield [label, part, index, message, *place_of(text, checked.positions.get(node, 0))]


class _Joint:
    """Programs that are asked together: those that mostly hold are asked as one, as that is sooner done.

    The one only ever says that all is well. Whatever else comes of it, its programs are asked one by one.
    """

    _FROM = 16
    """Objects after which it is worth compiling."""

    def __init__(self, numbers: tuple[int, ...], programs: Mapping[int, _Program]) -> None:
        self._programs = [programs[number] for number in numbers]
        self._joined = [program.parts is not None for program in self._programs]
        self._one: Any = None
        self._asked = 0
        self._held = 0

    def run(self, activation: Any) -> list[Any]:
        """What each program says of an object."""
        self._asked += 1
        if self._asked == self._FROM:
            self._join()
        if self._one is not None and self._holds(activation):
            return [
                0 if joined else program.run(activation)
                for program, joined in zip(self._programs, self._joined, strict=True)
            ]
        answers = [program.run(activation) for program in self._programs]
        if self._asked < self._FROM:
            self._joined = [joined and answer == 0 for joined, answer in zip(self._joined, answers, strict=True)]
        return answers

    def _join(self) -> None:
        pairs = zip(self._programs, self._joined, strict=True)
        parts = [part for program, joined in pairs if joined for part in program.parts or ()]
        self._one = conjunction(parts) if len(parts) > 1 else None

    def _holds(self, activation: Any) -> bool:
        try:
            held = is_true(self._one.eval(activation))
        except (RuntimeError, MemoryError):
            held = False
        self._held += held
        if self._held * 2 < self._asked - 4 * self._FROM:
            self._one = None  # where much is wrong it is asked in vain
        return held


class _Program:
    """What one policy asks of one object, in the order in which the API server asks.

    Source: k8s.io/apiserver/pkg/admission/plugin/policy/validating/validator.go and
    k8s.io/apiserver/pkg/admission/plugin/webhook/matchconditions/matcher.go.
    """

    def __init__(self, conditions: list[Any], validations: list[tuple[Any, Any]], annotations: list[Any]) -> None:
        self._conditions = conditions
        self._validations = validations
        self._annotations = annotations
        plain = not conditions and not annotations and all(compiled is not None for compiled, _ in validations)
        self.parts = [compiled.bound for compiled, _ in validations] if plain else None
        """Its validations, when there is nothing else to it."""

    def run(self, activation: Any) -> Any:
        """0: all is well. 1: it does not apply. A text: a limit of the engine. Else lists of what is not well."""
        try:
            return self._run(activation)
        except (RuntimeError, MemoryError) as error:
            return f"{error}".split("\n", 1)[0][:300] or "out of memory"

    def _run(self, activation: Any) -> Any:
        if self._conditions:
            verdict = self._match(activation)
            if verdict is not None:
                return verdict
        errors: list[list[Any]] = []
        denials: list[list[Any]] = []
        for index, (program, message) in enumerate(self._validations):
            result = program.evaluate(activation)
            # The common answer first: asking for the type of every result takes half as long again.
            if is_true(result):
                continue
            value, error = result_value(result)
            if error is not None or value is not False:
                errors.append(["validations", index, error or "did not evaluate to a bool"])
            else:
                denials.append([index, None if message is None else _message(message, activation)])
        annotations = []
        for index, program in enumerate(self._annotations):
            value, error = result_value(program.evaluate(activation))
            if error is not None:
                errors.append(["auditAnnotations", index, error])
            elif isinstance(value, str):
                annotations.append([index, value])
        if not (errors or denials or annotations):
            return 0
        return {"errors": errors, "denials": denials, "annotations": annotations}

    def _match(self, activation: Any) -> Any:
        errors = []
        for index, program in enumerate(self._conditions):
            value, error = result_value(program.evaluate(activation))
            if value is False and error is None:
                return 1
            if value is not True:
                errors.append(["matchConditions", index, error or "did not evaluate to a bool"])
        return {"errors": errors, "denials": [], "annotations": []} if errors else None


def _message(program: Any, activation: Any) -> str | None:
    """What a messageExpression says; None where it says nothing that can be shown."""
    value, error = result_value(program.evaluate(activation))
    if error is not None or not isinstance(value, str) or not value.strip() or "\n" in value:
        return None
    return value[:1024]


def _resident_kibibytes() -> int:
    """Memory in use now. On Linux the peak that getrusage knows begins with that of the program that forked."""
    try:
        with open("/proc/self/statm", "rb") as status:  # noqa: PTH123 - asked after every batch
            pages = int(status.read().split()[1])
    except (OSError, ValueError, IndexError):
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return pages * resource.getpagesize() // 1024


def _arm() -> None:
    signal.setitimer(signal.ITIMER_PROF, REQUEST_SECONDS)


def _disarm() -> None:
    signal.setitimer(signal.ITIMER_PROF, 0)


if __name__ == "__main__":
    main()
