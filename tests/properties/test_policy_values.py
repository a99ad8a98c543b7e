"""What crosses to the process that evaluates expressions is read there as it was written, or is refused."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from gitgate.policy.cel import DEPTH_LIMIT, Engine, Item, Outcome, Source, UnsafeValueError, encode_value

TEXT = st.text(st.characters(codec=None, exclude_categories=()), max_size=6) | st.sampled_from(
    ["\0", "\ud800", "\udfff", "\ud83d\ude00", "\U0001f600", "\\u0000", "\\ud800", "\\\0", "\x7f", "\u2028"]
)
SCALARS = (
    st.none()
    | st.booleans()
    | st.integers(-(2**65), 2**65)
    | st.sampled_from([2**63, 2**64 - 1, 2**64, -(2**63), -(2**63) - 1])
    | st.floats()
    | TEXT
)
FOREIGN = st.binary(max_size=2) | st.tuples(st.integers()) | st.frozensets(st.integers(), max_size=1)
VALUES = st.recursive(
    SCALARS | FOREIGN,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXT, inner, max_size=3),
    max_leaves=8,
)


def depth(value: Any) -> int:
    parts = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
    return 1 + max(map(depth, parts), default=0)


def is_safe(value: Any) -> bool:
    """Does JSON say it, and does the engine read it as the cluster does? The slow and plain way, without the depth."""
    if isinstance(value, dict):
        return all(is_safe(key) and is_safe(part) for key, part in value.items())
    if isinstance(value, list):
        return all(map(is_safe, value))
    if isinstance(value, str):
        return "\0" not in value and not any(0xD800 <= ord(character) <= 0xDFFF for character in value)
    if isinstance(value, float):
        return math.isfinite(value)
    if isinstance(value, int):
        return -(2**63) <= value < 2**64
    return value is None


def nested(value: Any, levels: int, *, lists: bool) -> Any:
    for _ in range(levels):
        value = [value] if lists else {"a": value}
    return value


@given(VALUES)
def test_a_value_is_written_as_it_is_or_refused(value: Any) -> None:
    if not is_safe(value):
        with pytest.raises(UnsafeValueError):
            encode_value(value)
        return
    # repr() tells 1 from 1.0 and True, and -0.0 from 0.0, which are equal.
    assert repr(json.loads(encode_value(value))) == repr(value)


@given(VALUES.filter(is_safe), st.integers(DEPTH_LIMIT - 4, DEPTH_LIMIT + 4), st.booleans())
def test_the_depth_is_bounded(value: Any, levels: int, lists: bool) -> None:  # noqa: FBT001 - drawn
    value = nested(value, levels, lists=lists)
    if depth(value) > DEPTH_LIMIT:
        with pytest.raises(UnsafeValueError, match="levels deep"):
            encode_value(value)
    else:
        assert repr(json.loads(encode_value(value))) == repr(value)


@given(VALUES.filter(is_safe), st.integers(0, 5), st.booleans())
def test_what_holds_itself_is_refused(value: Any, levels: int, lists: bool) -> None:  # noqa: FBT001 - drawn
    loop: dict[str, Any] = {"before": value}
    loop["self"] = nested(loop, levels, lists=lists)
    with pytest.raises(UnsafeValueError):
        encode_value([loop])


@pytest.fixture(scope="module")
def engine() -> Iterator[Engine]:
    with Engine() as engine:
        yield engine
        # Nothing that was handed over has ended the other process.
        assert engine.restarts == 0


IN_THE_ENGINE = settings(max_examples=100, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])


@IN_THE_ENGINE
@given(value=VALUES)
def test_the_engine_takes_what_is_safe_and_never_sees_the_rest(engine: Engine, value: Any) -> None:
    program = engine.compile(Source(names=("object",), validations=(("object.value == null || true", None),)))
    asked = [Item({"object": {"value": part}}, [program.number]) for part in (value, 1)]
    ((outcome,), (other,)) = engine.evaluate(asked)
    assert (outcome.limit is None) == is_safe(value)
    assert other == Outcome()


@IN_THE_ENGINE
@given(text=TEXT.filter(is_safe), number=st.integers(-(2**63), 2**63 - 1))
@example(text="\U0001f600", number=-(2**63))
@example(text="", number=2**63 - 1)
def test_text_and_numbers_come_back_as_they_went(engine: Engine, text: str, number: int) -> None:
    annotations = ("string(object.text)", "string(object.number)", "string(object.text.size())")
    program = engine.compile(Source(names=("object",), annotations=annotations))
    assert program.runnable
    (outcome,) = next(iter(engine.evaluate([Item({"object": {"text": text, "number": number}}, [program.number])])))
    assert outcome.annotations == ((0, text), (1, str(number)), (2, str(len(text))))
