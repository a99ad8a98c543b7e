"""Many objects and many programs at once: whatever is done to be quick, the answers are those of each asked alone."""

from __future__ import annotations

from typing import Any

import pytest

from gitgate.policy.cel import Engine, Item, Outcome, Source

EXPRESSIONS = (
    "object.a > 0",
    "object.a % 7 != 3",
    "variables.b.all(c, c < 50)",
    "has(object.c) || object.a < 40",
    "object.a / (object.a - 45) >= -45",
    "object.missing == 1 || object.a >= 0",
    "true",
)
OBJECTS = [{"a": number, "b": [number, number + 1], **({"c": 1} if number % 2 else {})} for number in range(120)]


def _source(*expressions: str, conditions: tuple[str, ...] = ()) -> Source:
    return Source(
        names=("object",),
        variables=(("b", "object.b"),),
        conditions=conditions,
        validations=tuple((text, "'a is ' + string(object.a)") for text in expressions),
    )


def _answers(sources: list[Source], objects: list[Any]) -> list[tuple[Outcome, ...]]:
    with Engine() as engine:
        numbers = [engine.compile(source).number for source in sources]
        return list(engine.evaluate(Item({"object": one}, numbers) for one in objects))


@pytest.mark.parametrize("order", [1, -1])
def test_many_programs_say_what_each_of_them_says_alone(order: int) -> None:
    sources = [_source(text) for text in EXPRESSIONS]
    sources += [_source(*EXPRESSIONS[:3]), _source("object.a != 30", conditions=("object.a > 20",))]
    objects = OBJECTS[::order]
    together = _answers(sources, objects)
    alone = [_answers([source], objects) for source in sources]
    assert together == [tuple(answers[position][0] for answers in alone) for position in range(len(objects))]
    assert any(outcome.errors for outcomes in together for outcome in outcomes)
    assert any(outcome.denials for outcomes in together for outcome in outcomes)


def test_what_ends_the_worker_is_found_among_many_objects_and_the_others_are_answered() -> None:
    harmless = _source("object.a != 77")
    bomb = _source("object.a != 77 || [0,1,2,3,4,5,6,7,8,9].all(x, 'a'.matches('(a+)+$')) && variables.b.exists(x, "
                   "object.text.replace('a', object.text).replace('a', object.text).replace('a', object.text) == '')")  # fmt: skip
    objects = [{**one, "text": "a" * 300} for one in OBJECTS]
    with Engine() as engine:
        numbers = [engine.compile(source).number for source in (harmless, bomb)]
        answers = list(engine.evaluate(Item({"object": one}, numbers) for one in objects))
        restarts = engine.restarts
    assert 1 <= restarts <= 4
    assert [position for position, (first, _) in enumerate(answers) if first.denials] == [77]
    assert all(first.limit is None for first, _ in answers)
    assert answers[77][1].limit is not None
    assert all(second.limit is None for _, second in answers[:77])


def test_the_same_expressions_are_one_program() -> None:
    with Engine() as engine:
        assert engine.compile(_source("object.a > 0")) is engine.compile(_source("object.a > 0"))
        assert engine.compile(_source("object.a > 0")) is not engine.compile(_source("object.a > 1"))
