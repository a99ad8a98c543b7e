"""Reading YAML, for any input: it never raises, JSON comes back as it is, positions point at what they name."""

from __future__ import annotations

import json
from typing import Any

import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from gitgate.location import FieldPath
from gitgate.yaml_document import YamlFile, YamlLimits, read_yaml

SMALL = YamlLimits(bytes=2000, depth=6, nodes=60, documents=4, alias_weight=20, scalar_length=40, problems=5)

# Characters that a file may hold as they are.
VISIBLE = st.characters(
    codec="utf-8",
    exclude_categories=("Cs", "Cc", "Cf", "Zl", "Zp", "Cn"),
    exclude_characters="\u115f\u1160\u17b4\u17b5\u180b\u180c\u180d\u3164\uffa0",
)
ANY_TEXT = st.text(st.characters(exclude_categories=("Cs",)), max_size=12)
NUMBERS = st.integers(-(2**63), 2**63 - 1) | st.floats(allow_nan=False, allow_infinity=False)
SCALARS = st.none() | st.booleans() | NUMBERS | ANY_TEXT


def nested(scalars: st.SearchStrategy[Any], keys: st.SearchStrategy[str]) -> st.SearchStrategy[Any]:
    return st.recursive(
        scalars,
        lambda inner: st.lists(inner, max_size=4) | st.dictionaries(keys, inner, max_size=4),
        max_leaves=15,
    )


JSON_VALUES = nested(SCALARS, ANY_TEXT)
YAML_PIECES = st.sampled_from(
    [
        "a: ", "b: ", "- ", "? ", ": ", "\n", "  ", "    ", "---\n", "...\n", "\t", "{", "}", "[", "]", ",", "&x ", "*x", "<<: ",
        "!!int ", "!foo ", "! ", "'", '"', "\\", "|\n", ">-\n", "#", " # c\n", "yes", "1", "0o7", "1e3", "2024-01-01", ".inf",
        "~", "%YAML", "{{ x }}", "\r", "\r\n", "\ufeff", "\u2028", "\x85", "\u200d", "é", "\0", "@", "sops: ", "ENC[x]", "=",
    ]
)  # fmt: skip


def sound(file: YamlFile, data: bytes) -> None:
    """What holds of every answer."""
    assert file == read_yaml(data, SMALL)
    lines = data.count(b"\n") + 1
    fatal = {problem.document for problem in file.problems if problem.fatal}
    for problem in file.problems:
        assert 1 <= problem.position.line <= lines + 1
        assert problem.position.column >= 1
        assert problem.message
        assert "\n" not in problem.message
    for document in file.documents:
        assert document.index not in fatal
        json.dumps(document.value, allow_nan=False)
        assert document.position(()) is not None
    indices = [document.index for document in file.documents]
    assert indices == sorted(set(indices))
    assert list(file.problems) == sorted(file.problems, key=lambda problem: problem.position)


@given(st.binary(max_size=300))
def test_any_bytes_are_answered(data: bytes) -> None:
    sound(read_yaml(data, SMALL), data)


@given(st.lists(YAML_PIECES, max_size=40).map("".join))
@settings(max_examples=600)
def test_anything_that_looks_like_yaml_is_answered(text: str) -> None:
    data = text.encode()
    sound(read_yaml(data, SMALL), data)


@given(st.text(max_size=200))
def test_any_text_is_answered(text: str) -> None:
    data = text.encode("utf-8", "surrogatepass")
    sound(read_yaml(data, SMALL), data)


def equal(ours: Any, theirs: Any) -> bool:
    """Equal as JSON is to Kubernetes: an integral float is an integer, a boolean is no number."""
    if isinstance(ours, dict) and isinstance(theirs, dict):
        return ours.keys() == theirs.keys() and all(equal(ours[key], theirs[key]) for key in ours)
    if isinstance(ours, list) and isinstance(theirs, list):
        return len(ours) == len(theirs) and all(map(equal, ours, theirs))
    if isinstance(ours, bool) or isinstance(theirs, bool) or ours is None or theirs is None:
        return ours is theirs
    if isinstance(theirs, float) and abs(theirs) > 2**53:
        return float(ours) == theirs
    return type(ours) in (type(theirs), int) and ours == theirs


def value_of(text: str) -> Any:
    file = read_yaml(text.encode())
    assert [problem for problem in file.problems if problem.fatal or problem.code == "yaml-duplicate-key"] == []
    return file.documents[0].value if file.documents else None


@given(JSON_VALUES, st.sampled_from([None, 2, "\t"]))
def test_json_reads_as_it_is(value: Any, indent: int | str | None) -> None:
    assert equal(value_of(json.dumps({"root": value}, indent=indent)), {"root": value})


@given(nested(st.none() | st.booleans() | NUMBERS | st.text(VISIBLE, max_size=12), st.text(VISIBLE, max_size=12)))
def test_json_that_is_not_escaped_reads_as_it_is(value: Any) -> None:
    assert equal(value_of(json.dumps({"root": value}, ensure_ascii=False)), {"root": value})


@given(JSON_VALUES)
def test_yaml_in_double_quotes_and_tags_reads_as_it_is(value: Any) -> None:
    text = yaml.safe_dump({"root": value}, default_style='"', allow_unicode=False, width=40)
    assert equal(value_of(text), {"root": value})


NOT_PLAIN = ("yes", "no", "on", "off", "null", "true", "false")
KEYS = st.from_regex(r"[a-z]{2,6}", fullmatch=True).filter(lambda key: key not in NOT_PLAIN)
WORDS = st.from_regex(r"v[a-z0-9]{1,8}", fullmatch=True)


def fields(value: Any, path: FieldPath = ()) -> list[tuple[FieldPath, Any]]:
    """Every path of a value, and what is there."""
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    return [(path, value), *(pair for key, child in items for pair in fields(child, (*path, key)))]


@given(st.dictionaries(KEYS, nested(WORDS, KEYS), min_size=1), st.sampled_from([None, False, True]), st.integers(0, 3))
def test_positions_point_at_the_text_of_keys_and_values(value: Any, flow: bool | None, above: int) -> None:  # noqa: FBT001
    text = "# é\n" * above + "---\n" * (above % 2) + yaml.safe_dump(value, default_flow_style=flow, width=30)
    (document,) = read_yaml(text.encode()).documents
    lines = text.split("\n")
    for path, child in fields(document.value):
        place = document.position(path)
        assert place is not None
        assert document.nearest((*path, "absent")) == place
        here = lines[place.line - 1][place.column - 1 :]
        expected = child if isinstance(child, str) else None
        assert here.startswith(expected) if expected else here
        key_place = document.position(path, key=True)
        if path and isinstance(path[-1], str):
            assert key_place is not None
            assert lines[key_place.line - 1][key_place.column - 1 :].startswith(f"{path[-1]}")
