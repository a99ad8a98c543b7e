from __future__ import annotations

import pytest

from gitgate.reconcile.quantity import canonical_quantity, parse_quantity


@pytest.mark.parametrize(
    ("written", "stored"),
    [
        ("1000m", "1"), ("100m", "100m"), ("0.5", "500m"), (0.1, "100m"), ("1.0", "1"), (2, "2"), ("1000", "1k"),
        ("1024Mi", "1Gi"), ("1.5Gi", "1536Mi"), ("0.5Mi", "512Ki"), ("1Ei", "1Ei"), (134217728, "134217728"),
        ("100000k", "100M"), ("1e3", "1e3"), ("1e-1", "100e-3"), ("0", "0"), ("0Gi", "0"), ("-1000m", "-1"),
        (".5", "500m"), ("1.", "1"), ("0.1n", "1n"),
    ],
)  # fmt: skip
def test_a_quantity_is_stored_in_its_shortest_spelling(written: object, stored: str) -> None:
    assert canonical_quantity(written) == stored


@pytest.mark.parametrize("text", ["1GiB", "x", "", "1 Gi", "--1", "1e", True, None, [], "1" * 99])
def test_what_is_no_quantity_is_none_and_stays_as_it_is(text: object) -> None:
    assert parse_quantity(text) is None
    assert canonical_quantity(text) == text


def test_spellings_of_different_families_are_the_same_number_and_stay_different_text() -> None:
    assert parse_quantity("1024")[0] == parse_quantity("1Ki")[0]
    assert canonical_quantity("1024") != canonical_quantity("1Ki")
