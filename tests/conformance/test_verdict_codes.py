"""Every code of a verdict has an object that must be given it and one that must not, and is described."""

from __future__ import annotations

from pathlib import Path

import pytest

from gitgate.checks.signature_rules import SIGNATURE_RULES
from gitgate.signature.verdict import ACCEPTING, UNDETERMINED, Code
from tests.conformance.verdict_codes import CASES, NOT_GIVEN, World, judged
from tests.support.keys import SigningKeys, keys

__all__ = ["keys"]
DOCS = Path(__file__).resolve().parents[2] / "docs"


def test_no_code_is_left_out() -> None:
    assert set(CASES) | NOT_GIVEN == set(Code)
    assert not set(CASES) & NOT_GIVEN


@pytest.mark.parametrize("code", CASES)
def test_the_code_is_given_where_it_must_be_and_nowhere_else(code: Code, tmp_path: Path, keys: SigningKeys) -> None:
    assert judged(World(keys, tmp_path), code) == (True, True)


@pytest.mark.parametrize("code", Code)
def test_a_code_that_refuses_has_a_page_and_one_that_is_never_given_says_why(code: Code) -> None:
    name = code.value.lower().replace("_", "-")
    if code in NOT_GIVEN:
        assert f"`{code}`" in (DOCS / "signatures.md").read_text(encoding="utf-8").split("No object is given", 1)[1]
    elif code not in ACCEPTING | UNDETERMINED:
        assert name in SIGNATURE_RULES
        assert (DOCS / "rules" / "signature" / f"{name}.md").is_file()
