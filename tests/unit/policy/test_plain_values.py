"""Only what JSON can say goes to the engine."""

from __future__ import annotations

import pytest

from gitgate.policy.cel import UnsafeValueError, encode_value


@pytest.mark.parametrize("key", [1, True, None, 1.5, ("a", 1), b"a"], ids=repr)
@pytest.mark.parametrize("around", [lambda value: value, lambda value: {"a": [value]}], ids=["top", "below"])
def test_a_key_that_is_no_text_is_refused(key, around) -> None:
    with pytest.raises(UnsafeValueError, match="a key that is no text"):
        encode_value(around({key: "b"}))


def test_keys_of_text_are_kept() -> None:
    assert encode_value({"1": {"": None}}) == '{"1":{"":null}}'
