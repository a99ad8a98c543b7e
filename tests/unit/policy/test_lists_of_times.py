"""Lists of times and bytes, which objects hold as text: expressions compare what the text stands for."""

from __future__ import annotations

import pytest

from gitgate.policy.cel import Engine, Item, Source

DAY = {"type": "string", "format": "date-time"}
DATA = {"type": "string", "format": "byte"}
SHAPES = {
    "self": {
        "type": "object",
        "properties": {
            "day": DAY, "days": {"type": "array", "items": DAY}, "none": {"type": "array", "items": DAY},
            "data": DATA, "all": {"type": "array", "items": DATA},
        },
    }
}  # fmt: skip
VALUE = {"day": "2024-01-01T00:00:00Z", "days": ["2023-12-31T23:00:00-01:00", "2024-02-01T00:00:00Z"],
         "data": "YWJj", "all": ["YWJj", "eHl6"]}  # fmt: skip


@pytest.mark.parametrize(
    ("expression", "holds"),
    [
        ("self.day in self.days", True),
        ("!(self.day in self.days)", False),
        ("timestamp('2025-01-01T00:00:00Z') in self.days", False),
        ("self.days[0] == self.day", True),
        ("self.days == [self.day, timestamp('2024-02-01T00:00:00Z')]", True),
        ("self.days != self.days + [self.day]", True),
        ("self.day in self.?none.orValue([]) + self.days", True),
        ("sets.contains(self.days, [self.day])", True),
        ("self.days.filter(item, item != self.day) == [self.days[1]]", True),
        ("self.day in (has(self.none) ? self.none : self.days)", True),
        ("self.data in self.all", True),
        ("b'abc' in self.all && !(b'abd' in self.all)", True),
        ("[self.data].exists(item, item == b'abc')", True),
    ],
)
def test_items_are_compared_as_what_they_stand_for(expression: str, *, holds: bool) -> None:
    with Engine() as engine:
        program = engine.compile(Source(names=("self",), validations=((expression, None),), shapes=SHAPES))
        assert program.problems == ()
        ((outcome,),) = engine.evaluate([Item({"self": VALUE}, [program.number])])
    assert (outcome.errors, outcome.limit) == ((), None)
    assert bool(outcome.denials) is not holds
