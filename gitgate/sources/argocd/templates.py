"""Templates of ApplicationSets: the old ones in full, of Go's only what is exact here; anything else is unresolved.

Sources: argo-cd, applicationset/utils/utils.go, `Replace`; Go, text/template; Masterminds/sprig, strings.go.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any

from gitgate.sources.effort import LimitError

Parameters = Mapping[str, Any]
MAXIMUM_TEXT = 200_000
"""Characters that one text may become."""
_MAXIMUM_DEPTH = 60
_TAG = re.compile(r"\{\{(.*?)\}\}", re.DOTALL)
_TOKEN = re.compile(
    r"""\s*(?:(?P<field>(?:\.[A-Za-z_][A-Za-z0-9_]*)+)|(?P<dot>\.)|(?P<text>"(?:[^"\\\n]|\\["\\nt])*"|`[^`]*`)"""
    r"""|(?P<number>-?[0-9]{1,9})(?![0-9A-Za-z.])|(?P<word>[A-Za-z][A-Za-z0-9]*)|(?P<sign>[|()]))"""
)
_ESCAPES = {'\\"': '"', "\\\\": "\\", "\\n": "\n", "\\t": "\t"}
_NOT_A_NAME = re.compile(r"[^-a-z0-9.]")
_NAME_LENGTH = 253
_GO_LEAST_POWER, _GO_FIRST_POWER = -4, 6
_MISSING = object()


class UnresolvedError(Exception):
    """A template that is not worked out here; the text says why."""


class TemplateError(Exception):
    """A template that Argo CD refuses, too."""


def replace_deep(value: Any, render: Callable[[str], str], depth: int = 0) -> Any:
    """Every text of a value, keys included, rendered.

    Raises:
        LimitError: It is nested too deep, or a text becomes too long.
        UnresolvedError: A text is not worked out here.
        TemplateError: Argo CD refuses a text.
    """
    if depth > _MAXIMUM_DEPTH:
        raise LimitError("nests its template too deep")
    if isinstance(value, str):
        return render(value)
    if isinstance(value, Mapping):
        return {render(key): replace_deep(one, render, depth + 1) for key, one in value.items()}
    if isinstance(value, list):
        return [replace_deep(one, render, depth + 1) for one in value]
    return value


def plain_text(template: str, parameters: Parameters) -> str:
    """A template of the old kind: `{{name}}`, unknown names stay as they are.

    Raises:
        LimitError: It becomes too long.
    """
    length = len(template)

    def value(match: re.Match[str]) -> str:
        nonlocal length
        name = match[1].strip()
        found = parameters.get(name)
        made = found if name and isinstance(found, str) else match[0]
        length += len(made) - len(match[0])
        _demand(length)
        return made

    if "{{" not in template:
        return template
    return _bounded(_TAG.sub(value, template))


def go_text(template: str, parameters: Parameters, *, missing_is_error: bool) -> str:
    """A Go template of fields, `index` and simple functions.

    Raises:
        LimitError: It becomes too long.
        UnresolvedError: It uses something that is not exact here.
        TemplateError: A field is missing where that is an error.
    """
    if "{{" not in template:
        return template
    made: list[str] = []
    end = length = 0
    trims = False
    for match in _TAG.finditer(template):
        before, inner = template[end : match.start()], match[1]
        before = before.lstrip(" \t\r\n") if trims else before
        if inner.startswith("- "):
            before, inner = before.rstrip(" \t\r\n"), inner[1:]
        trims = inner.endswith(" -")
        inner = inner[:-1] if trims else inner
        made.append(before)
        if not inner.strip().startswith("/*"):
            made.append(go_value(_Expression(inner, parameters, missing_is_error=missing_is_error).evaluate()))
            length += len(made[-1])
            _demand(length)
        end = match.end()
    rest = template[end:]
    if "{{" in rest:
        raise TemplateError("a template action is not closed")
    made.append(rest.lstrip(" \t\r\n") if trims else rest)
    return _bounded("".join(made))


def go_value(value: Any) -> str:
    """How Go's `%v` prints a value that came from JSON.

    Raises:
        UnresolvedError: It is a list or mapping.
    """
    if value is None or value is _MISSING:
        return "<no value>"
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int | float):
        return _number(float(value))
    if isinstance(value, str):
        return value
    raise UnresolvedError("it prints a list or mapping")


def _number(value: float) -> str:
    """The shortest text that is the number again, as Go prints it: strconv, `FormatFloat` with `g`."""
    from decimal import Decimal  # noqa: PLC0415 - only where a number is printed

    if value != value or value in (float("inf"), float("-inf")):  # noqa: PLR0124 - not a number
        raise UnresolvedError("it prints what is no number")
    exact = Decimal(repr(value))
    power = exact.adjusted() if exact else 0
    if _GO_LEAST_POWER <= power < _GO_FIRST_POWER:
        return f"{exact:f}".removesuffix(".0")
    sign, digits, _ = exact.normalize().as_tuple()
    rest = "".join(map(str, digits[1:]))
    return f"{'-' if sign else ''}{digits[0]}{'.' if rest else ''}{rest}e{power:+03d}"


def normalized(name: str) -> str:
    """Source: applicationset/utils/template_functions.go, `SanitizeName`."""
    return _NOT_A_NAME.sub("-", name.lower())[:_NAME_LENGTH].strip("-.")


def _bounded(made: str) -> str:
    _demand(len(made))
    return made


def _demand(length: int) -> None:
    if length > MAXIMUM_TEXT:
        raise LimitError(f"makes a text of more than {MAXIMUM_TEXT} characters")


def _replaced(old: str, new: str, value: str) -> str:
    if not old:
        _give_up("replace")
    _demand(value.count(old) * len(new))
    return value.replace(old, new)


class _Expression:
    """One action of a Go template, evaluated."""

    def __init__(self, written: str, parameters: Parameters, *, missing_is_error: bool) -> None:
        self._written = written.strip()
        self._parameters = parameters
        self._missing_is_error = missing_is_error
        self._tokens = self._scan()
        self._at = 0

    def evaluate(self) -> Any:
        value = self._pipeline(0)
        if self._at < len(self._tokens):
            raise self._unresolved()
        return value

    def _unresolved(self) -> UnresolvedError:
        return UnresolvedError(f"the template uses {{{{ {self._written[:80]} }}}}")

    def _scan(self) -> list[tuple[str, str]]:
        found: list[tuple[str, str]] = []
        position = 0
        while position < len(self._written):
            match = _TOKEN.match(self._written, position)
            if match is None or match.lastgroup is None:
                raise self._unresolved()
            found.append((match.lastgroup, match[match.lastgroup]))
            position = match.end()
        if not found or len(found) > 100:
            raise self._unresolved()
        return found

    def _peek(self) -> tuple[str, str]:
        return self._tokens[self._at] if self._at < len(self._tokens) else ("end", "")

    def _pipeline(self, depth: int) -> Any:
        if depth > 20:
            raise self._unresolved()
        value = self._command(depth, ())
        while self._peek() == ("sign", "|"):
            self._at += 1
            value = self._command(depth, (value,))
        return value

    def _command(self, depth: int, piped: tuple[Any, ...]) -> Any:
        kind, written = self._peek()
        if kind == "word" and written not in {"true", "false", "nil"}:
            self._at += 1
            arguments = []
            while self._peek()[0] != "end" and self._peek() not in {("sign", "|"), ("sign", ")")}:
                arguments.append(self._operand(depth))
            return self._call(written, (*arguments, *piped))
        value = self._operand(depth)
        if piped or (self._peek()[0] != "end" and self._peek() not in {("sign", "|"), ("sign", ")")}):
            raise self._unresolved()
        return value

    def _operand(self, depth: int) -> Any:
        kind, written = self._peek()
        self._at += 1
        if kind == "field":
            return self._field(written[1:].split("."))
        if kind == "text":
            if written.startswith("`"):
                return written[1:-1]
            return re.sub(r'\\["\\nt]', lambda match: _ESCAPES[match[0]], written[1:-1])
        if kind == "number":
            return int(written)
        if kind == "word" and written in {"true", "false"}:
            return written == "true"
        if (kind, written) == ("sign", "("):
            value = self._pipeline(depth + 1)
            if self._peek() != ("sign", ")"):
                raise self._unresolved()
            self._at += 1
            return value
        raise self._unresolved()

    def _field(self, names: list[str]) -> Any:
        value: Any = self._parameters
        for index, name in enumerate(names):
            if not isinstance(value, Mapping):
                raise TemplateError(f"nothing has the field {'.'.join(names[: index + 1])}")
            if name not in value:
                if self._missing_is_error or index + 1 < len(names):
                    raise TemplateError(f"nothing gives {'.'.join(names)} a value")
                return None
            value = value[name]
        return value

    def _call(self, name: str, arguments: tuple[Any, ...]) -> Any:
        if name == "index" and arguments:
            return self._index(arguments)
        function = _FUNCTIONS.get(name)
        if function is None or len(arguments) != function[0]:
            raise self._unresolved()
        if name not in {"default", "toString"} and not all(isinstance(one, str) for one in arguments):
            raise self._unresolved()
        return function[1](*arguments)

    def _index(self, arguments: tuple[Any, ...]) -> Any:
        value, *steps = arguments
        for step in steps:
            if isinstance(value, Mapping) and isinstance(step, str):
                value = value.get(step)
            elif isinstance(value, list) and isinstance(step, int) and not isinstance(step, bool):
                if not 0 <= step < len(value):
                    raise TemplateError("an index is out of range")
                value = value[step]
            else:
                raise TemplateError("what is indexed is neither a list nor a mapping")
        return value


def _is_empty(value: Any) -> bool:
    """Source: sprig, defaults.go, `empty`."""
    return value is None or value is False or value in ("", 0) or (isinstance(value, list | dict) and not value)


_FUNCTIONS: Mapping[str, tuple[int, Callable[..., Any]]] = {
    "default": (2, lambda other, value: other if _is_empty(value) else value),
    "lower": (1, lambda value: value.lower() if value.isascii() else _give_up("lower")),
    "upper": (1, lambda value: value.upper() if value.isascii() else _give_up("upper")),
    "trim": (1, lambda value: value.strip(" \t\n\v\f\r\x85\xa0") if value.isascii() else _give_up("trim")),
    "trimAll": (2, lambda cut, value: value.strip(cut)),
    "trimPrefix": (2, lambda prefix, value: value.removeprefix(prefix)),
    "trimSuffix": (2, lambda suffix, value: value.removesuffix(suffix)),
    "replace": (3, _replaced),
    "normalize": (1, normalized),
    "toString": (1, go_value),
}
"""Functions with the number of their arguments; only those whose result is the same for every argument."""


def _give_up(name: str) -> Any:
    raise UnresolvedError(f"the template calls {name} with a text for which it is not worked out here")
