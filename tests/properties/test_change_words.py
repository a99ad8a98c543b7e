"""Whatever changes is told in one line that a terminal can show."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from gitgate.reconcile.change_words import change_line
from gitgate.reconcile.changes import ABSENT, FieldChange

_scalars = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=300)
_values = st.recursive(
    _scalars, lambda inner: st.lists(inner, max_size=5) | st.dictionaries(st.text(max_size=5), inner, max_size=4)
)


@given(_values | st.just(ABSENT), _values)
def test_any_change_is_one_printable_line_of_limited_length(old: object, new: object) -> None:
    for left, right in ((old, new), (new, old)):
        line = change_line(FieldChange(("a",), left, right))
        assert line.isprintable()
        assert len(line) < 400
