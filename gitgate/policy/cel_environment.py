"""The CEL environment of Kubernetes on the engine: an expression is checked as the API server does, then made to run.

Checking and running use two environments. The first declares Kubernetes' functions with their true types, among them
opaque ones (`Quantity`), which the engine cannot compute with. The second runs the checked expression with mappings in
their place. In between, a few nodes are put in other terms (`_Rewriter`): what a callback cannot give, and the
variables of a policy, which become lazy bindings, so that an expression computes each one at most once and only when
it is reached, as in the API server. This module runs in the worker only (`cel_worker`).
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cache
from itertools import count
from typing import Any

from cel_expr_python import cel

from gitgate.policy.cel_library import FUNCTIONS, INTERNAL, STANDARD_STRING, TIMES, Function, Type, introduced
from gitgate.policy.cel_literals import literal_errors
from gitgate.policy.cel_names import BEYOND, without_strings
from gitgate.policy.checked_expression import CheckedExpression, Node
from gitgate.policy.field_types import LIST_OF, Shape, read_fields

_TOO_DEEP = re.compile(r"recursion (?:depth|limit)", re.IGNORECASE)
_ERROR = re.compile(r"ERROR: <input>:(\d+):(\d+): ([^\n]*)")
_EXTENSIONS = [
    {"name": "strings", "version": 2},
    {"name": "optional"},
    {"name": "sets"},
    {"name": "lists"},
    {"name": "two-var-comprehensions"},
]
_NUMBERS = (cel.Type.INT, cel.Type.UINT, cel.Type.DOUBLE)
_PLAIN = (cel.Type.BOOL, cel.Type.STRING, cel.Type.BYTES, cel.Type.DYN, cel.Type.DURATION, cel.Type.TIMESTAMP)
_STANDARD = {kind.name().lower(): kind for kind in (*_NUMBERS, *_PLAIN)}
_OPAQUE = cel.Type.Map(cel.Type.DYN, cel.Type.DYN)
_TIMES = {b"\x28\x02": "timestamp", b"\x28\x03": "duration"}
"""Types, as checked expressions encode them."""
_MAP_INSERT = "cel.@mapInsert"
_ZERO = b"\x18\x00"
"""The number 0, as checked expressions encode it."""
_FALSE = b"\x10\x00"
_DYNAMIC = b"\n\x00"
_OPTIONAL = b"r"
"""What the encoded type of an optional value starts with."""
_TYPE = b"Z"
"""What the encoded type of a type starts with."""
_OF_QUANTITY = {
    "k8s_isInteger_kubernetes.Quantity": "gitgateIsInteger",
    "k8s_asInteger_kubernetes.Quantity": "gitgateAsInteger",
}
"""Functions that ask how a quantity is held, which its spelling decides; its value does not tell."""
_BACKTICKS = "1.37"
"""The version with cel-go 0.29; those before have 0.26."""
_UNKNOWN = frozenset({"dyn", "unknown"})
"""Kinds of shapes that tell nothing."""
_EXISTS_ONE = re.compile(r"\bexists_one(?=\s*\()")
_SELECTING = (
    "Applying SELECT to non-message type",
    "No matching overloads found : _?._",
    "No matching overloads found : _[?_]",
)
LONGEST_EXPRESSION = 100_000
"""Characters."""


Since = tuple[str, str, int, int]


class CompileError(Exception):
    """An expression that Kubernetes would not take: message, line and column, both from 1, in the expression."""

    def __init__(self, message: str, line: int = 1, column: int = 1) -> None:
        super().__init__(message)
        self.line = line
        self.column = column


@dataclass(frozen=True, slots=True)
class Compiled:
    """An expression that can run.

    Attributes:
        program: The engine's.
        kind: Name of the type that it gives: `bool`, `string`, `dyn`.
        since: The first Kubernetes version that has everything in it, what that is, and its line and column; None for
            any version.
        bound: What the engine was given.
        guard: Makes the program that selects from anything, see `_Rewriter`; it costs more.
    """

    program: Any
    kind: str
    since: Since | None
    bound: CheckedExpression
    guard: Callable[[], Any]

    def evaluate(self, activation: Any) -> Any:
        """What it gives, as the API server has it.

        Raises:
            RuntimeError: It meets a limit of the engine.
        """
        try:
            result = self.program.eval(activation)
        except RuntimeError as error:
            if not _selects(str(error)):
                raise
            return self.guard().eval(activation)
        if is_true(result):
            return result
        _, words = result_value(result)
        return self.guard().eval(activation) if words is not None and _selects(words) else result


@dataclass(slots=True)
class Variable:
    """A variable of a policy, checked; its own variables are not yet bound."""

    name: str
    checked: CheckedExpression
    kind: Any
    since: Since | None
    uses: frozenset[str]


class Environment:
    """Compiles expressions over some names, and the variables that a policy declares one after the other."""

    def __init__(self, names: Sequence[str], shapes: Mapping[str, Shape], optional: Sequence[str]) -> None:
        self._names = dict.fromkeys(names, cel.Type.DYN)
        self._shapes = dict(shapes)
        self._optional = frozenset(optional)
        self._variables: dict[str, Variable] = {}
        self.used: set[str] = set()
        self.checked: list[tuple[str, CheckedExpression]] = []
        """Every expression that is valid, in the order in which they came."""

    def declare(self, name: str, text: str) -> Since | None:
        """Declare a variable; later expressions may use it as `variables.NAME`.

        Returns:
            See `Compiled.since`.

        Raises:
            CompileError: Its expression is not valid; expressions that use it are not, either.
        """
        checked, kind, since, uses = self._check(text)
        self._variables[name] = Variable(name, checked, kind, since, uses)
        self.checked.append((text, checked))
        # What a variable gives is converted already.
        self._shapes[f"variables.{name}"] = replace(read_fields(checked, self._shapes).shape, text=False)
        return since

    def compile(self, text: str) -> Compiled:
        """Check an expression and make it run.

        Raises:
            CompileError: It is not valid.
        """
        checked, kind, since, uses = self._check(text)
        bound = _Rewriter(self._variables, self._optional).bind(checked, uses)

        @cache
        def guard() -> Any:
            guarded = _Rewriter(self._variables, self._optional, guards=True).bind(checked, uses)
            return _runner().deserialize(guarded.encode())

        try:
            program = _runner().deserialize(bound.encode())
        except RuntimeError as error:
            raise CompileError(f"{BEYOND}: {_first_line(error)}") from error
        self.checked.append((text, checked))
        name = kind.name().lower()
        if name == "dyn":
            known = read_fields(checked, self._shapes).shape.kind if self._shapes else name
            name = known if known not in {"unknown", "object"} else name
        return Compiled(program, name, since, bound, guard)

    def _check(self, text: str) -> tuple[CheckedExpression, Any, Since | None, frozenset[str]]:
        if len(text) > LONGEST_EXPRESSION or "\0" in text or not text.strip():
            raise CompileError("the expression is empty, too long, or contains a NUL character")
        variables = {f"variables.{variable.name}": variable.kind for variable in self._variables.values()}
        # The engine mistakes a declared optional type for another one; `dyn` takes the same members.
        safe = {name: kind if "optional" not in kind.name() else cel.Type.DYN for name, kind in variables.items()}
        checker = _cached_checker({**self._names, **safe})
        try:
            expression = _compiled(checker, text)
            checked = CheckedExpression.decode(expression.serialize())
        except (RuntimeError, UnicodeError, RecursionError) as error:
            raise _compile_error(error) from error
        known = {name for name, shape in self._shapes.items() if shape.kind not in _UNKNOWN}
        untyped = frozenset({*self._names, *variables} - known)
        for message, node in literal_errors(checked, _accepts, untyped):
            line, column = place_of(text, checked.positions.get(node, 0))
            raise CompileError(message, line, column)
        if self._shapes:
            reading = read_fields(checked, self._shapes)
            for message, node in reading.problems:
                line, column = place_of(text, checked.positions.get(node, 0))
                raise CompileError(message, line, column)
            checked.conversions = reading.conversions
        self.used.update(name for name, _ in checked.references.values() if name in self._names)
        uses = frozenset(
            name.removeprefix("variables.") for name, _ in checked.references.values() if name.startswith("variables.")
        )
        return checked, expression.return_type(), _since(text, checked), uses

    @staticmethod
    def activation(data: Mapping[str, Any]) -> Any:
        """What the names stand for; shared by all expressions of one object."""
        return _runner().Activation(data)


def _compiled(checker: Any, text: str) -> Any:
    """Compile it; with two loop variables the engine knows `exists_one` by its other name only."""
    try:
        return checker.compile(text)
    except RuntimeError:
        renamed = _EXISTS_ONE.sub("existsOne ", text)  # as long, so that places stay
        if renamed == text:
            raise
        try:
            return checker.compile(renamed)
        except RuntimeError:
            pass
        raise


def conjunction(parts: Sequence[CheckedExpression]) -> Any:
    """A program that is true if every part is, and else says nothing of use; None where the engine cannot run it."""
    rewriter = _Rewriter({}, frozenset())
    try:
        return _runner().deserialize(rewriter.join(parts).encode())
    except RuntimeError:
        return None


def _selects(error: str) -> bool:
    """Is it an error of asking a value for a field that can have none? To the API server that has no such field."""
    return any(words in error for words in _SELECTING)


class _Rewriter:
    """Puts a checked expression in terms that the engine can run.

    Args:
        variables: Those of the policy.
        optional: Names that stand for an optional value.
        guards: Make `has(x.y)`, `x.?y` and `x[?y]` look first whether `x` can have fields? The engine fails where it
            is null, a number or text, and the API server says that there is no such field
            (github.com/google/cel-go/interpreter/attributes.go, `refQualify`).
    """

    def __init__(self, variables: Mapping[str, Variable], optional: frozenset[str], *, guards: bool = False) -> None:
        self._guards = guards
        self._variables = variables
        self._optional_names = optional
        self._ids = count(1)

    def bind(self, checked: CheckedExpression, uses: frozenset[str]) -> CheckedExpression:
        """The expression inside lazy bindings of the variables that it uses, directly or not."""
        result = CheckedExpression(Node(0, "constant"), {}, {}, {})
        needed: set[str] = set()
        pending = list(uses)
        while pending:
            name = pending.pop()
            if name not in needed:
                needed.add(name)
                pending.extend(self._variables[name].uses)
        root = self._copy(checked.root, checked, result)
        for name in reversed(list(self._variables)):
            if name in needed:
                variable = self._variables[name].checked
                root = self._binding(name, self._copy(variable.root, variable, result), root)
        result.root = root
        return result

    def join(self, parts: Sequence[CheckedExpression]) -> CheckedExpression:
        """Bound expressions with `&&` between them, as a tree that is as low as can be."""
        result = CheckedExpression(Node(0, "constant"), {}, {}, {})
        nodes = [self._copy(part.root, part, result) for part in parts]
        while len(nodes) > 1:
            pairs = [nodes[index : index + 2] for index in range(0, len(nodes), 2)]
            nodes = [self._call("_&&_", pair) if len(pair) > 1 else pair[0] for pair in pairs]
        result.root = nodes[0]
        return result

    def _guarded(self, copy: Node, kind: bytes, result: CheckedExpression) -> Node:
        """A selection that gives nothing where there is nothing to select from."""
        indexed = copy.name == "_[?_]"
        if kind == _DYNAMIC:
            optional = False
        elif kind.startswith(_OPTIONAL):
            optional = True
        else:
            return copy
        place = f"@guarded{next(self._ids)}"

        def value() -> Node:
            whole = Node(next(self._ids), "identifier", name=_bound(place))
            return self._targeted("value", whole) if optional else whole

        fits = self._is_a("map", value(), result)
        if indexed:
            fits = self._call("_||_", [fits, self._is_a("list", value(), result)])
        if optional:
            present = self._targeted("hasValue", Node(next(self._ids), "identifier", name=_bound(place)))
            fits = self._call("_&&_", [present, fits])
        absent = Node(next(self._ids), "constant", literal=_FALSE) if copy.test else self._call("optional.none", [])
        source = copy.children[0]
        copy.children = [Node(next(self._ids), "identifier", name=_bound(place)), *copy.children[1:]]
        return self._binding(place, source, self._call("_?_:_", [fits, copy, absent]))

    def _is_a(self, kind: str, value: Node, result: CheckedExpression) -> Node:
        """`type(value) == kind`."""
        name = Node(next(self._ids), "identifier", name=kind)
        result.references[name.id] = (kind, ())
        return self._call("_==_", [self._call("type", [value]), name])

    def _targeted(self, function: str, target: Node) -> Node:
        return Node(next(self._ids), "call", name=function, children=[target], targeted=True)

    def _binding(self, name: str, value: Node, body: Node) -> Node:
        """What the macro `cel.bind` makes; the engine knows it by its shape and computes the value when it is read."""
        return Node(
            next(self._ids),
            "comprehension",
            name="#unused",
            accumulator=_bound(name),
            children=[
                Node(next(self._ids), "list"),
                value,
                Node(next(self._ids), "constant", literal=b"\x10\x00"),
                Node(next(self._ids), "identifier", name=_bound(name)),
                body,
            ],
        )

    def _copy(self, node: Node, source: CheckedExpression, result: CheckedExpression) -> Node:
        copy = self._copy_plain(node, source, result)
        if node.kind == "identifier" and source.references.get(node.id, ("",))[0] in self._optional_names:
            # It is held as a list of nothing or of one value: no optional can be handed over.
            first = Node(next(self._ids), "constant", literal=_ZERO)
            copy = self._call("_[?_]", [copy, first])
        conversion = source.conversions.get(node.id)
        if conversion is None:
            return copy
        result.types.pop(copy.id, None)
        kind = conversion.removeprefix(LIST_OF)
        function = "gitgateBytes" if kind == "bytes" else kind
        return self._call(function, [copy]) if kind == conversion else self._each(function, copy)

    def _each(self, function: str, items: Node) -> Node:
        """`items.map(item, function(item))`."""

        def name(text: str) -> Node:
            return Node(next(self._ids), "identifier", name=text)

        item = Node(next(self._ids), "list", children=[self._call(function, [name("@item")])])
        children = [
            items,
            Node(next(self._ids), "list"),
            Node(next(self._ids), "constant", literal=b"\x10\x01"),
            self._call("_+_", [name("@items"), item]),
            name("@items"),
        ]
        return Node(next(self._ids), "comprehension", name="@item", accumulator="@items", children=children)

    def _copy_plain(self, node: Node, source: CheckedExpression, result: CheckedExpression) -> Node:
        number = next(self._ids)
        name, overloads = source.references.get(node.id, ("", ()))
        if node.id in source.types:
            result.types[number] = source.types[node.id]
        if name.startswith("variables."):
            return Node(number, "identifier", name=_bound(name.removeprefix("variables.")))
        entries = [(next(self._ids), key, optional) for _, key, optional in node.entries]
        children = [self._copy(child, source, result) for child in node.children]
        copy = replace(node, id=number, children=children, entries=entries)
        if node.kind == "call":
            replaced = self._replace(copy, overloads, source.types.get(node.id, b""), result)
            if replaced is not None:
                result.types.pop(number, None)
                return replaced
        if name or overloads:
            result.references[number] = (name, overloads)
        if self._guards and children and not name.startswith("variables."):
            kind = source.types.get(node.children[0].id, b"")
            selects = node.kind == "select" and (node.test or kind.startswith(_OPTIONAL))
            if selects or (node.kind == "call" and node.name in ("_?._", "_[?_]")):
                return self._guarded(copy, kind, result)
        return copy

    def _replace(  # noqa: PLR0911 - one for each kind of call
        self, call: Node, overloads: tuple[str, ...], kind: bytes, result: CheckedExpression
    ) -> Node | None:
        """What stands in for a call that cannot run as it is; None for all others."""
        arguments = call.children
        if call.name == _MAP_INSERT:
            return self._call("gitgateMapInsert", arguments)
        overload = overloads[0] if overloads else ""
        if kind in _TIMES and overload.startswith("k8s_") and call.name in TIMES:
            return self._call(f"gitgate_{_TIMES[kind]}_{call.name}", arguments)
        if overload == "string_format" and _is_printable(arguments[1], result):
            return self._call("gitgateText", arguments)
        if overload == "duration_to_milliseconds":
            return self._call("gitgateMilliseconds", arguments)
        if overload in _OF_QUANTITY and arguments[0].name == "quantity":
            return self._call(_OF_QUANTITY[overload], arguments[0].children)
        if overload.startswith("k8s_validate_"):
            return self._optional(self._call("gitgateValidate", arguments))
        if overload.startswith("k8s_format.named_"):
            return self._optional(self._call("gitgateFormat", arguments[-1:]))
        if overload.startswith("k8s_find_"):
            return self._call("gitgateFind", arguments)
        if overload.startswith("k8s_findAll_"):
            return self._call("gitgateFindAll", arguments)
        return None

    def _call(self, name: str, arguments: list[Node]) -> Node:
        return Node(next(self._ids), "call", name=name, children=arguments)

    def _optional(self, value: Node) -> Node:
        """`optional.ofNonZeroValue(value)`."""
        return Node(next(self._ids), "call", name="optional.ofNonZeroValue", children=[value])


def _is_printable(values: Node, result: CheckedExpression) -> bool:
    """Are there no types and no optionals among what a format prints? Those cannot be handed to a callback."""
    return not any(result.types.get(node.id, b"")[:1] in (_TYPE, _OPTIONAL) for node in values.walk())


def _bound(name: str) -> str:
    """What a variable is called inside; no expression can spell it."""
    return f"@variables.{name}"


_CHECKERS: dict[tuple[tuple[str, str], ...], Any] = {}


def _cached_checker(names: Mapping[str, Any]) -> Any:
    """Making an environment costs as much as checking ten expressions, and many policies have the same names."""
    key = tuple(sorted((name, kind.name()) for name, kind in names.items()))
    if key not in _CHECKERS:
        _CHECKERS[key] = _checker(names)
    return _CHECKERS[key]


def _checker(names: Mapping[str, Any]) -> Any:
    declared: dict[str, list[Function]] = {}
    for function in (*STANDARD_STRING, *FUNCTIONS):
        if not function.merged:
            declared.setdefault(function.name, []).append(function)
    config = {
        "name": "kubernetes",
        "stdlib": {"exclude_functions": [{"name": "string"}]},
        "extensions": _EXTENSIONS,
        "functions": [
            {"name": name, "overloads": [_declaration(function) for function in functions]}
            for name, functions in declared.items()
        ],
    }
    merged: dict[str, list[Any]] = {}
    for function in FUNCTIONS:
        if function.merged:
            merged.setdefault(function.name, []).append(_overload(function, run=None))
    for name in ("_<_", "_<=_", "_>_", "_>=_"):
        # CrossTypeNumericComparisons, on since Kubernetes 1.28; the engine compares so anyway once it runs.
        merged[name] = [
            cel.Overload(
                id=f"cross_{name}_{left.name()}_{right.name()}".lower(),
                parameters=[left, right], return_type=cel.Type.BOOL, is_member=False,
            )
            for left in _NUMBERS for right in _NUMBERS if left != right
        ]  # fmt: skip
    extension = cel.CelExtension("merged", [cel.FunctionDecl(name, overloads) for name, overloads in merged.items()])
    return cel.NewEnv(
        config=cel.NewEnvConfigFromYaml(json.dumps(config)), variables=dict(names), extensions=[extension]
    )


def _declaration(function: Function) -> dict[str, Any]:
    parameters = [_described(parameter) for parameter in function.parameters]
    overload: dict[str, Any] = {"id": function.id, "return": _described(function.result)}
    if function.member:
        overload["target"], parameters = parameters[0], parameters[1:]
    return {**overload, "args": parameters}


def _described(kind: Type) -> dict[str, Any]:
    if kind[0] == "param":
        return {"type_name": kind[1], "is_type_param": True}
    described: dict[str, Any] = {"type_name": kind[0]}
    if len(kind) > 1:
        described["params"] = [_described(part) for part in kind[1:]]
    return described


def _overload(function: Function, *, run: Any) -> Any:
    result = function.result
    return cel.Overload(
        id=function.id,
        parameters=[_running_type(parameter, opaque=run is not None) for parameter in function.parameters],
        return_type=_running_type(result, opaque=run is not None),
        is_member=function.member,
        **({"impl": run} if run is not None else {}),
    )


def _running_type(kind: Type, *, opaque: bool) -> Any:
    if kind[0] in _STANDARD:
        return _STANDARD[kind[0]]
    if kind[0] == "list":
        return cel.Type.List(_running_type(kind[1], opaque=opaque))
    if kind[0] == "param":
        return cel.Type.DYN
    if kind[0] == "map" or opaque:
        return _OPAQUE
    return cel.Type.AbstractType(kind[0])


_RUNNER: list[Any] = []


def _runner() -> Any:
    """The environment that expressions run in; it knows no names, as checked expressions need none declared."""
    if not _RUNNER:
        functions: dict[str, dict[tuple[Any, ...], Any]] = {}
        for function in (*FUNCTIONS, *INTERNAL):
            if function.run is None:
                continue
            # The engine tells overloads apart by the kind of their arguments: all opaque types are one.
            kinds = (function.member, *(_running_type(part, opaque=True).name() for part in function.parameters))
            functions.setdefault(function.name, {}).setdefault(kinds, _overload(function, run=function.run))
        declarations = [cel.FunctionDecl(name, list(overloads.values())) for name, overloads in functions.items()]
        declarations += _regular_expressions()
        config = {"name": "running", "extensions": _EXTENSIONS}
        _RUNNER.append(
            cel.NewEnv(
                config=cel.NewEnvConfigFromYaml(json.dumps(config)),
                extensions=[cel.CelExtension("kubernetes", declarations)],
            )
        )
    return _RUNNER[0]


def _regular_expressions() -> list[Any]:
    """`find` and `findAll` on the engine's own RE2; a Python pattern could be made to run for ever."""
    text, count_type = cel.Type.STRING, cel.Type.INT
    config = {"name": "regex", "extensions": [{"name": "optional"}, {"name": "regex"}]}
    environment = cel.NewEnv(
        config=cel.NewEnvConfigFromYaml(json.dumps(config)), variables={"text": text, "pattern": text}
    )
    extract = environment.compile("regex.extractAll(text, pattern)")

    def find_all(target: str, pattern: str) -> list[str]:
        result = extract.eval(environment.Activation({"text": target, "pattern": _without_groups(pattern)}))
        if result.type() == cel.Type.ERROR:
            raise ValueError(_first_line(result.plain_value()))
        found: list[str] = result.plain_value()
        return found

    def find_some(target: str, pattern: str, limit: int) -> list[str]:
        return find_all(target, pattern)[: limit if limit >= 0 else None]

    def find(target: str, pattern: str) -> str:
        return next(iter(find_all(target, pattern)), "")

    strings = cel.Type.List(text)
    both = [text, text]
    return [
        cel.FunctionDecl(
            "gitgateFind",
            [cel.Overload(id="find", parameters=both, return_type=text, is_member=False, impl=find)],
        ),
        cel.FunctionDecl(
            "gitgateFindAll",
            [
                cel.Overload(id="find_all", parameters=both, return_type=strings, is_member=False, impl=find_all),
                cel.Overload(
                    id="find_some", parameters=[*both, count_type], return_type=strings, is_member=False, impl=find_some
                ),
            ],
        ),
    ]


_TOKEN = re.compile(r"\\Q.*?(?:\\E|\Z)|\\.|\[\^?\]?(?:\[:\^?\w+:\]|\\.|[^\]\\])*\]|\(\?P?<\w+>|\(\?|\(|.", re.DOTALL)


def _without_groups(pattern: str) -> str:
    """The pattern with groups that capture nothing: Go's `FindString` gives the whole match."""
    return "".join(
        "(?:" if part == "(" or part.startswith(("(?P<", "(?<")) else part for part in _TOKEN.findall(pattern)
    )


def _accepts(function: str, literal: str) -> str | None:
    """Why the engine does not take a literal pattern, duration or timestamp; None when it does."""
    programs = {
        "matches": "''.matches(literal)",
        "duration": "duration(literal)",
        "timestamp": "timestamp(literal)",
    }
    if function not in _LITERALS:
        environment = cel.NewEnv(variables={"literal": cel.Type.STRING})
        _LITERALS[function] = environment.compile(programs[function])
    result = _LITERALS[function].eval(data={"literal": literal})
    return _first_line(result.plain_value()) if result.type() == cel.Type.ERROR else None


_LITERALS: dict[str, Any] = {}


def _since(text: str, checked: CheckedExpression) -> Since | None:
    latest: tuple[str, str, int] | None = None
    names = {node.id: node.name for node in checked.root.walk() if node.kind == "call"}
    for node, (_, overloads) in checked.references.items():
        for overload in overloads:
            if overload in {"list_index_optional", "optional_list_index_int"}:
                continue
            latest = _later(latest, (introduced(overload), names.get(node, overload), node))
    for part in checked.root.walk():
        if part.kind == "comprehension" and part.second:
            latest = _later(latest, ("1.32", "a comprehension with two variables", part.id))
        if part.kind == "call" and part.name in {"_?._", "_[?_]"}:
            latest = _later(latest, ("1.28", "an optional field selection", part.id))
    quoted = without_strings(text).find("`")
    if quoted >= 0:  # a matter of the parser, which nothing holds back for the version before it
        return (_BACKTICKS, "a field name in backticks", *place_of(text, quoted))
    if latest is None or latest[0] == "1.0":
        return None
    version, what, number = latest
    # An API server takes in new expressions what the version before it knows, so that it can be taken back:
    # k8s.io/apiserver/pkg/cel/environment/base.go, `DefaultCompatibilityVersion`.
    major, minor = _number(version)
    return (f"{major}.{minor + 1}", what, *place_of(text, checked.positions.get(number, 0)))


def _later(left: tuple[str, str, int] | None, right: tuple[str, str, int]) -> tuple[str, str, int]:
    return left if left is not None and _number(left[0]) >= _number(right[0]) else right


def _number(version: str) -> tuple[int, ...]:
    return tuple(int(part) for part in version.split("."))


def is_true(result: Any) -> bool:
    """Is the result of an evaluation the truth value?"""
    try:
        return result.plain_value() is True
    except TypeError:  # a type that Python has no word for
        return False


def result_value(result: Any) -> tuple[Any, str | None]:
    """What an evaluation gave, as a plain value or as an error's message."""
    kind = result.type()
    if kind in (cel.Type.BOOL, cel.Type.STRING):
        return result.plain_value(), None
    if kind == cel.Type.ERROR:
        return None, _first_line(result.plain_value())
    if kind == cel.Type.NULL:
        return None, None
    if kind == cel.Type.UNKNOWN:
        return None, "no such key"
    return None, f"gives {kind.name().lower()}"


def _compile_error(error: Exception) -> CompileError:
    match = _ERROR.search(str(error))
    if _TOO_DEEP.search(str(error)):
        return CompileError(f"{BEYOND}: it is nested more than 32 levels deep")
    if match is None:
        return CompileError(f"{BEYOND}: {_first_line(error)}")
    return CompileError(match[3].replace(" (in container '')", ""), int(match[1]), int(match[2]))


def place_of(text: str, offset: int) -> tuple[int, int]:
    """Line and column of a character, both from 1."""
    before = text[:offset]
    return before.count("\n") + 1, offset - (before.rfind("\n") + 1) + 1


def _first_line(error: object) -> str:
    text = str(error).split("\n", 1)[0]
    return re.sub(r"^[A-Z_]+: ", "", text)[:300]
