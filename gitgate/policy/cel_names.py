"""How expressions spell the names of fields, and what in them is no name at all."""

from __future__ import annotations

import re

BEYOND = "gitgate's CEL engine does not take it"
"""What the message of a problem starts with that is none to an API server."""
_RESERVED = frozenset({
    "true", "false", "null", "in", "as", "break", "const", "continue", "else", "for", "function", "if", "import", "let",
    "loop", "package", "namespace", "return", "var", "void", "while",
})  # fmt: skip
_ESCAPES = {"__": "__underscores__", ".": "__dot__", "-": "__dash__", "/": "__slash__"}
_ESCAPED = re.compile(r"__|[./-]")
_ACCESSIBLE = re.compile(r"[A-Za-z_][A-Za-z0-9_./-]*\Z")


def escape_name(name: str) -> str | None:
    """How an expression spells a field; None when no expression can.

    Source: k8s.io/apiserver/pkg/cel/escaping.go, `Escape`.
    """
    if not _ACCESSIBLE.match(name):
        return None
    if name in _RESERVED:
        return f"__{name}__"
    return _ESCAPED.sub(lambda found: _ESCAPES[found[0]], name)


_STRING = re.compile(
    r"//[^\n]*|[rRbB]{0,2}(\"\"\".*?\"\"\"|'''.*?'''|\"(?:\\.|[^\"\\])*\"|'(?:\\.|[^'\\])*')", re.DOTALL
)


def without_strings(text: str) -> str:
    """An expression without comments, whose strings are empty; as long as it was, so that places stay."""
    return _STRING.sub(lambda found: ("''" if found[1] else "").ljust(len(found[0])), text)
