"""The order of findings is the same in every format, and does not depend on the order they were found in."""

from __future__ import annotations

from itertools import permutations

from gitgate.reporters.order import in_report_order, path_of
from tests.support.reports import EXISTING, FIXED, PORT, REMOVED, SUPPRESSED, TYPO

_EXPECTED = (TYPO, PORT, REMOVED, SUPPRESSED, EXISTING, FIXED)


def test_what_blocks_comes_first_then_by_place_whatever_order_it_was_found_in():
    assert {in_report_order(findings) for findings in permutations(_EXPECTED)} == {_EXPECTED}


def test_path_comes_from_the_origin_where_no_location_was_resolved():
    assert path_of(FIXED) == "apps/shop/old.yaml"
