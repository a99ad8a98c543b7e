"""What templates decide by something that nobody knows before an agent installs the chart.

Rendering shows one outcome of such a decision, so the other one is not judged. What is followed is the text of the
templates: from the clock, a random source, the number of the release or an exact version, through variables and named
templates, to whatever compares it. What is merely printed decides nothing.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from enum import StrEnum
from functools import lru_cache

from gitgate.sources.helm_scan import CALLS, CLOCK, RANDOM, RENDERED, Action, Token, renders_texts


class Unknown(StrEnum):
    """What is not known, as messages say it."""

    TIME = "the time"
    CHANCE = "chance"
    NUMBER = "a random number"
    REVISION = "how often the release was installed"
    KUBERNETES = "the exact version of Kubernetes"
    HELM = "the exact version of Helm"
    APIS = "the list of everything that the cluster serves"
    TEMPLATE = "a template that is put together while rendering"
    FILE = "a file of the chart"
    """Known, but not looked through unless it is rendered."""


@dataclass(frozen=True, slots=True)
class Decision:
    """Where templates decide by what is not known.

    Attributes:
        unknown: What they decide by.
        path: The template.
        line: Of the action, from 1.
    """

    unknown: Unknown
    path: str
    line: int


_VERSIONS = frozenset((Unknown.KUBERNETES, Unknown.HELM))
_CONTROL = frozenset(("if", "with", "range"))
_COMPARES = frozenset((
    "eq", "ne", "lt", "le", "gt", "ge", "has", "mustHas", "contains", "hasPrefix", "hasSuffix", "regexMatch",
    "mustRegexMatch", "regexFind", "mustRegexFind", "regexFindAll", "mustRegexFindAll", "semverCompare", "any", "all",
    "pluck", "pick", "omit", "slice", "mustSlice", "rest", "mustRest", "initial", "mustInitial", "without",
    "mustWithout", "repeat", "until", "untilStep", "seq", "mod", "replace", "regexReplaceAll", "mustRegexReplaceAll",
    "regexReplaceAllLiteral", "mustRegexReplaceAllLiteral", "fail",
))  # fmt: skip
"""Functions that make something else of one value than of another."""
_OF_NUMBERS = frozenset(("default", "coalesce", "and", "or", "not", "empty", "ternary"))
"""Those that do so for nought, which no text of chance is."""
_TAKES = frozenset(("index", "get", "hasKey", "dig"))
"""Those that do so for what they are given after the first, in which they look."""
_OF_VERSIONS = frozenset((
    "eq", "ne", "has", "mustHas", "hasKey", "contains", "hasPrefix", "hasSuffix", "get", "dig", "pluck", "last",
    "mustLast", "repeat", "until", "untilStep",
))  # fmt: skip
_PATTERNS = frozenset((
    "regexMatch", "mustRegexMatch", "regexFind", "mustRegexFind", "regexFindAll", "mustRegexFindAll",
))  # fmt: skip
_ORDERS = frozenset(("lt", "le", "gt", "ge"))
_EXACT = re.compile(r"\.(?:Patch|Prerelease|Metadata|Original|_2)$")
_CLASS_OF_CHARACTERS = re.compile(r"\\{1,2}[WDS]|\[[^\]]*\][+*]?")
"""A pattern that drops characters wherever they stand, as passwords are cleaned."""
_FORM_OF_VERSIONS = re.compile(r"(?:[v^$.+*?()|-]|\\\\?[dD.]|\[[^\]]*\]|\{[^}]*\})*")
"""A pattern that tells no version from another one."""
_OLDEST_HELM = (3, 12)
"""No agent that is still looked after renders with an older one."""
_VERSION = re.compile(r"(?P<sign>[<>=!~^]*)\s*v?(?P<major>\d+)(?:\.(?P<minor>\d+))?(?:\.(?P<patch>\d+))?")
_VARIABLE = re.compile(r"\$\w+")
_NAMED: tuple[tuple[re.Pattern[str], Unknown], ...] = (
    (re.compile(r"\.Release\.Revision$"), Unknown.REVISION),
    (re.compile(r"\.Capabilities\.KubeVersion(?:\.(?!Major$|Minor$)\w+)?$"), Unknown.KUBERNETES),
    (re.compile(r"\.Capabilities\.HelmVersion(?:\.\w+)?$"), Unknown.HELM),
    (re.compile(r"\.Capabilities\.APIVersions$"), Unknown.APIS),
    (re.compile(r"\.Files(?:\.\w+)?$"), Unknown.FILE),
)
_LITERALS = {
    "Revision": Unknown.REVISION, "KubeVersion": Unknown.KUBERNETES, "GitVersion": Unknown.KUBERNETES,
    "HelmVersion": Unknown.HELM, "APIVersions": Unknown.APIS,
}  # fmt: skip
"""Names by which `index` and its kind reach the same."""
_JOINS = frozenset(
    ("printf", "print", "println", "cat", "join", "replace", "regexReplaceAll", "regexReplaceAllLiteral")
)
_DECODES = frozenset(("b64dec", "b32dec", "decryptAES"))
_CLEANS = frozenset(("regexReplaceAll", "regexReplaceAllLiteral", "mustRegexReplaceAllLiteral"))
_CHOOSES = frozenset(("list", "first", "last", "default", "coalesce", "ternary", "index", "get"))
"""Functions that give one of the values that they are given, none that is new."""
_REACHES = frozenset(("index", "get", "dig", "pluck", "pick"))
_CHANGES = frozenset(("set", "merge", "mustMerge", "mergeOverwrite", "mustMergeOverwrite"))
"""Functions that change the dictionary that they are given first."""


def decisions(actions: Sequence[Action], minors: Iterable[int]) -> tuple[Decision, ...]:
    """Where the actions of a chart decide by what is not known, sorted by place.

    Args:
        actions: All that rendering reaches.
        minors: Of the Kubernetes versions that the chart is rendered for; the others compare alike whatever the patch.
    """
    knowledge = _Knowledge.of(actions)
    written = (word.literal for action in actions for word in action.words if word.literal is not None)
    chart = _Chart(frozenset(minors), tuple(literal for literal in written if _VERSION.search(literal)))
    found = {
        Decision(unknown, action.path, action.line)
        for action in actions
        for unknown in knowledge.of_action(action) - {Unknown.FILE}
        if _decides(action, unknown, knowledge, chart)
    }
    found.update(Decision(Unknown.APIS, action.path, action.line) for action in actions if _asks_for_any(action))
    return tuple(sorted(found, key=lambda one: (one.path, one.line, one.unknown)))


def renders_files(actions: Sequence[Action]) -> bool:
    """May `tpl` be given a file of the chart?"""
    if not renders_texts(actions):
        return False
    knowledge = _Knowledge.of(actions)
    return any(Unknown.FILE in knowledge.of_text(action) for action in actions if renders_texts((action,)))


@dataclass(frozen=True, slots=True)
class _Chart:
    """What all templates of a chart share.

    Attributes:
        minors: Of the Kubernetes versions that it is rendered for.
        literals: All that is written with a version in it: what a constraint that is handed on may be.
    """

    minors: frozenset[int]
    literals: tuple[str, ...]


@dataclass(slots=True)
class _Knowledge:
    """What variables hold and named templates print of what is not known."""

    variables: dict[tuple[str, str | None, str], set[Unknown]] = field(default_factory=dict)
    scopes: dict[str | None, set[Unknown]] = field(default_factory=dict)

    @staticmethod
    def of(actions: Iterable[Action]) -> _Knowledge:
        """Follow all actions until nothing more is learned."""
        knowledge = _Knowledge()
        actions = tuple(actions)
        if not any(knowledge.of_tokens(action, action.words) for action in actions):
            return knowledge
        followed = [(_without_comparisons(action), _assigned(action)) for action in actions if not _first(action)]
        while knowledge._grows(followed):
            pass
        return knowledge

    def _grows(self, followed: Iterable[tuple[Action, tuple[str, ...]]]) -> bool:
        """Follow every action once; was anything learned?"""
        before = sum(map(len, (*self.variables.values(), *self.scopes.values())))
        for action, names in followed:
            unknown = self.of_action(action)
            if not unknown:
                continue
            for name in names:
                self.variables.setdefault(_variable(action, name), set()).update(unknown)
            if not names:
                self.scopes.setdefault(action.scope, set()).update(unknown)
        return before != sum(map(len, (*self.variables.values(), *self.scopes.values())))

    def of_action(self, action: Action) -> set[Unknown]:
        """What is not known of all that an action names."""
        return self.of_tokens(action, action.words).union(*(self.of_included(name) for name in action.included))

    def of_text(self, action: Action) -> set[Unknown]:
        """The same without what comes of texts that are rendered: that is no text to be rendered any more."""
        names = (name for name in action.included if name != RENDERED)
        return self.of_tokens(action, action.words).union(*map(self.of_included, names))

    def of_included(self, name: str | None) -> set[Unknown]:
        """What a named template prints; an empty name is the body of a file, None may be any."""
        if name is None:
            return set().union(*self.scopes.values())
        return self.scopes.get(name or None, set())

    def of_tokens(self, action: Action, tokens: Iterable[Token]) -> set[Unknown]:
        """What is not known of some tokens themselves."""
        found: set[Unknown] = set()
        for token in tokens:
            written = token.written
            if token.kind == "word":
                found.update(_of_function(written))
            elif token.kind == "text":
                found.update(_of_literal(token, action))
            elif token.kind == "field":
                found.update(_of_field(written))
                found.update(self._of_variable(action, written))
        return found

    def _of_variable(self, action: Action, written: str) -> set[Unknown]:
        name = _VARIABLE.match(written)
        held = self.variables.get(_variable(action, name.group()), set()) if name is not None else set()
        if written.endswith((".Major", ".Minor")):
            return held - {Unknown.KUBERNETES}
        return held - {Unknown.APIS} if written.endswith(".Has") else held


def _variable(action: Action, name: str) -> tuple[str, str | None, str]:
    return ("" if action.scope is not None else action.path, action.scope, name)


def _of_literal(token: Token, action: Action) -> Iterator[Unknown]:
    written = token.written
    if ("{" in written or "}" in written or "%c" in written or "\\" in written) and _is_part_of_template(token, action):
        yield Unknown.TEMPLATE
    name = written[1:-1]
    if name in _LITERALS and any(word.kind == "word" and word.written in _REACHES for word in action.words):
        yield _LITERALS[name]


def _is_part_of_template(token: Token, action: Action) -> bool:
    """Braces that are not closed, a whole template into which something is put, or a character by its number."""
    text = token.literal or ""
    puts = any(word.kind == "word" and word.written in _JOINS for word in action.words)
    return not is_closed(text) or ("{{" in text and puts) or text in {"{", "}"} or "%c" in text


def is_closed(text: str) -> bool:
    """Are the braces of its actions in pairs?"""
    return text.count("{{") == text.count("}}")


@lru_cache(maxsize=10_000)
def _of_field(written: str) -> frozenset[Unknown]:
    return frozenset(unknown for pattern, unknown in _NAMED if pattern.search(written))


@lru_cache(maxsize=1_000)
def _of_function(name: str) -> frozenset[Unknown]:
    return frozenset(_unknown_of(name))


def _unknown_of(name: str) -> Iterator[Unknown]:
    if name in CLOCK:
        yield Unknown.TIME
    elif name == "randInt":
        yield Unknown.NUMBER
    elif name in RANDOM and name not in {"keys", "values"}:
        yield Unknown.CHANCE
    elif name in _DECODES:
        yield Unknown.TEMPLATE


def _assigned(action: Action) -> tuple[str, ...]:
    """The variables that an action gives a value to, or changes what they hold."""
    if any(word.written in _CHANGES for word in action.words):
        return tuple(_VARIABLE.findall(" ".join(word.written for word in action.words)))
    sign = next((index for index, token in enumerate(action.tokens) if token.written in {":=", "="}), 0)
    return tuple(token.written for token in action.tokens[:sign] if token.kind == "field")


def _decides(action: Action, unknown: Unknown, knowledge: _Knowledge, chart: _Chart) -> bool:
    if unknown in _VERSIONS:
        return _tells_versions_apart(action, unknown, knowledge, chart)
    words = {word.written for word in action.words if word.kind == "word"}
    if unknown is Unknown.TEMPLATE:
        return "tpl" in words and unknown in knowledge.of_text(action)
    if _is_handed_on(action, unknown, knowledge):
        return True
    if unknown is Unknown.APIS:
        plain = bool(_assigned(action)) and not words
        return not (words & {"has"} or plain)
    if words & (_COMPARES - _cleaning(action)) or _first(action) in {"with", "range"}:
        return True
    numbers = unknown is Unknown.NUMBER and (words & _OF_NUMBERS or _first(action))
    return bool(numbers) or any(unknown in knowledge.of_tokens(action, tokens) for tokens in _looked_up(action))


def _asks_for_any(action: Action) -> bool:
    """Does it ask whether the cluster serves what is put together while rendering?"""
    calls = (_call(action.tokens, index) for index, token in enumerate(action.tokens)
             if token.kind == "field" and token.written.endswith(".Has"))  # fmt: skip
    return any(token.kind == "word" and token.written not in _CHOOSES for call in calls for token in call)


def _is_handed_on(action: Action, unknown: Unknown, knowledge: _Knowledge) -> bool:
    """Is it given to what is not followed: as an argument to a named template, or put into the values?"""
    return unknown in knowledge.of_tokens(action, _arguments(action)) or _changes_values(action)


def _looked_up(action: Action) -> Iterator[Sequence[Token]]:
    """What functions that look something up look for."""
    for index, token in enumerate(action.tokens):
        if token.kind == "word" and token.written in _TAKES:
            if index and action.tokens[index - 1].written == "|":
                yield action.tokens[: index - 1]
            yield list(_call(action.tokens, index))[1:]


def _call(tokens: Sequence[Token], index: int) -> Iterator[Token]:
    """What the function at a place is given in its own parentheses."""
    depth = 0
    for later in tokens[index + 1 :]:
        depth += {"(": 1, ")": -1}.get(later.written, 0) if later.kind == "sign" else 0
        if depth < 0 or (depth == 0 and later.written == "|"):
            return
        if later.kind != "sign":
            yield later


def _comparisons(tokens: Sequence[Token]) -> Iterator[Sequence[Token]]:
    """What each `semverCompare` is given."""
    for index, token in enumerate(tokens):
        if token.kind == "word" and token.written == "semverCompare":
            piped = tokens[: index - 1] if index and tokens[index - 1].written == "|" else ()
            yield (*piped, *_call(tokens, index))


def _without_comparisons(action: Action) -> Action:
    """The action with an answer in the place of each `semverCompare` of a version."""
    if all(token.written != "semverCompare" for token in action.tokens):
        return action
    tokens = list(action.tokens)
    for part in _comparisons(action.tokens):
        for token in part:
            if token in tokens:
                tokens.remove(token)
    return replace(action, tokens=tuple(tokens), words=tuple(one for one in tokens if one.kind != "sign"), lines=())


def _compares_alike(part: Sequence[Token], unknown: Unknown, chart: _Chart) -> bool:
    """Does the comparison come to the same for every version that the one rendered for may stand for?"""
    if any(token.kind == "word" and token.written in _OF_VERSIONS | _PATTERNS for token in part):
        return False
    constraints = [literal for token in part if (literal := token.literal) is not None and _VERSION.search(literal)]
    return all(_says_the_same(literal, unknown, chart.minors) for literal in constraints or chart.literals)


def _tells_versions_apart(action: Action, unknown: Unknown, knowledge: _Knowledge, chart: _Chart) -> bool:
    """Does it make something else of one version than of another that the one rendered for may stand for?"""
    compared = [part for part in _comparisons(action.tokens) if unknown in knowledge.of_tokens(action, part)]
    if any(not _compares_alike(part, unknown, chart) for part in compared):
        return True
    action = _without_comparisons(action)
    if unknown not in knowledge.of_action(action):
        return False
    words = {word.written for word in action.words if word.kind == "word"}
    patterns = [next(_call(action.tokens, index), None) for index, token in enumerate(action.tokens)
                if token.kind == "word" and token.written in _PATTERNS]  # fmt: skip
    literals = [word.literal for word in action.words if word.literal is not None]
    return (
        _is_handed_on(action, unknown, knowledge)
        or bool(words & _OF_VERSIONS)
        or any(word.kind == "field" and _EXACT.search(word.written) for word in action.words)
        or not all(one and one.literal is not None and _FORM_OF_VERSIONS.fullmatch(one.literal) for one in patterns)
        or (bool(words & _ORDERS) and any(re.search(r"\d+\.\d+", literal) for literal in literals))
        or _first(action) in {"with", "range"}
    )


def _changes_values(action: Action) -> bool:
    """Does it put something into what all templates see?"""
    pairs = zip(action.words, action.words[1:], strict=False)
    return any(one.written in _CHANGES and other.written.startswith((".", "$.")) for one, other in pairs)


def _first(action: Action) -> str:
    """`if`, also of `else if`; empty where an action controls nothing."""
    names = [word.written for word in action.words[:2] if word.kind == "word"]
    return next((name for name in names if name in _CONTROL), "")


def _cleaning(action: Action) -> frozenset[str]:
    """Functions that only drop characters of a kind."""
    cleans = any(_CLASS_OF_CHARACTERS.fullmatch(word.literal) for word in action.words if word.literal is not None)
    return _CLEANS if cleans else frozenset()


def _arguments(action: Action) -> Iterator[Token]:
    """What an action hands to the named templates that it includes."""
    for index, token in enumerate(action.tokens):
        if token.kind != "word" or token.written not in CALLS | {"tpl"}:
            continue
        if index and action.tokens[index - 1].written == "|":
            yield from action.tokens[: index - 1]
        yield from _call(action.tokens, index)


def _says_the_same(constraint: str, unknown: Unknown, minors: frozenset[int]) -> bool:
    """Does `semverCompare` answer alike for every version that the one rendered for may stand for?"""
    for match in _VERSION.finditer(constraint):
        minor, patch = int(match["minor"] or 0), int(match["patch"] or 0)
        bound = match["sign"] in {">=", "<", "~", "^", "~>"}
        if unknown is Unknown.HELM:
            if (int(match["major"]), minor) > _OLDEST_HELM and (minor or patch or not bound):
                return False
        elif minor in minors and (patch or not bound):
            return False
    return True
