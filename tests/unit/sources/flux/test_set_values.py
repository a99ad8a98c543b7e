"""`targetPath` means what Helm's `--set` means: every line is asked of the real program, too."""

from __future__ import annotations

import copy
import json
import subprocess
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gitgate.sources.flux.set_values import SetError, set_value
from gitgate.sources.helm_build import find_helm

BASE: dict[str, Any] = {"map": {"a": "1", "list": ["x", "y", {"b": "c"}]}, "list": ["p", "q", "r"], "text": "t"}
CASES: list[tuple[str, str, Any]] = [
    ("new", "a", {"new": "a"}),
    ("a.b.c", "1", {"a": {"b": {"c": 1}}}),
    (r"a\.b.c", "1", {"a.b": {"c": 1}}),
    ("hosts[0].host", "a.example.com", {"hosts": [{"host": "a.example.com"}]}),
    ("hosts[1]", "b", {"hosts": [None, "b"]}),
    ("list[1]", "b", {"list": ["p", "b", "r"]}),
    ("list[1].a", "b", {"list": ["p", {"a": "b"}, "r"]}),
    ("map.list[2].b", "d", {"map": {"a": "1", "list": ["x", "y", {"b": "d"}]}}),
    ("deep[0][1]", "b", {"deep": [[None, "b"]]}),
    ("list", "{a,b}", {"list": ["a", "b"]}),
    ("x", "{}", {"x": [""]}),
    ("x", '{"a": 1}', {"x": ['"a": 1']}),
    ("x", "{1,true}", {"x": [1, True]}),
    ("x", "a,y=b", {"x": "a", "y": "b"}),
    ("x", r"a\,b", {"x": "a,b"}),
    ("x", "", {"x": ""}),
    ("x.y", "", {"x": {"y": ""}}),
    ("x[0].y", "", {"x": []}),
    ("x", "TRUE", {"x": True}),
    ("x", "null", {"x": None}),
    ("x", "0", {"x": 0}),
    ("x", "007", {"x": "007"}),
    ("x", "-05", {"x": -5}),
    ("x", "+5", {"x": 5}),
    ("x", "1.5", {"x": "1.5"}),
    ("x", "9223372036854775807", {"x": 9223372036854775807}),
    ("x", "9223372036854775808", {"x": "9223372036854775808"}),
    ("x", "two\nlines", {"x": "two\nlines"}),
    ("x", "a=b", {"x": "a=b"}),
    ("x=y", "b", {"x": "y=b"}),
]
REFUSED = [
    ("x", "a,b"), ("x", "{a"), ("text.a", "b"), ("text[0]", "b"), ("list[-1]", "b"),
    ("list[a]", "b"), ("list[0]x", "b"), ("list[0][0]", "b"), ("x[70000]", "b"), (".".join(["a"] * 40), "b"),
    ("map.a.b", "c"), ("x", "a,.b"),
]  # fmt: skip


@pytest.fixture(scope="module")
def chart(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A chart that prints its values."""
    place = tmp_path_factory.mktemp("chart")
    (place / "templates").mkdir()
    (place / "Chart.yaml").write_text("apiVersion: v2\nname: printer\nversion: 1.0.0\n")
    (place / "templates/x.yaml").write_text("{{ .Values | toJson }}\n")
    (place / "base.json").write_text(json.dumps(BASE))
    return place


def by_helm(chart: Path, *arguments: str) -> Any:
    """What Helm makes of it; None where it refuses."""
    command = [str(find_helm().path), "template", "x", str(chart), "-f", str(chart / "base.json"), *arguments]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    return json.loads(done.stdout.partition("yaml\n")[2]) if done.returncode == 0 else None


@pytest.mark.parametrize(("path", "value", "wanted"), CASES)
def test_a_value_is_put_where_helm_puts_it(path: str, value: str, wanted: dict[str, Any], chart: Path) -> None:
    values = copy.deepcopy(BASE)
    set_value(values, path, value)
    assert values == {**BASE, **wanted}
    assert by_helm(chart, "--set", f"{path}={value}") == values


@pytest.mark.parametrize(("path", "value"), REFUSED)
def test_what_helm_refuses_is_refused(path: str, value: str, chart: Path) -> None:
    with pytest.raises(SetError):
        set_value(copy.deepcopy(BASE), path, value)
    assert by_helm(chart, "--set", f"{path}={value}") is None


def test_quotes_make_text_and_a_literal_is_taken_whole() -> None:
    values: dict[str, Any] = {}
    set_value(values, "a", "'12'")
    set_value(values, "b", '"true"')
    set_value(values, "c", "k=1,2{x}[0]\\", literal=True)
    set_value(values, "d", "'12'", literal=True)
    assert values == {"a": "12", "b": "true", "c": "k=1,2{x}[0]\\", "d": "'12'"}


@settings(max_examples=300)
@given(st.text(alphabet="ab.[]{}=,\\01-'\" ", max_size=14), st.text(alphabet="ab.[]{}=,\\01-'\" ", max_size=8))
def test_no_text_ends_in_anything_else_than_values_or_a_refusal(path: str, value: str) -> None:
    try:
        set_value(copy.deepcopy(BASE), path, value)
    except SetError as error:
        assert str(error)
