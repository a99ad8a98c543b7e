"""gpgv's status lines: one exact set of them is good, everything else is not."""

from __future__ import annotations

import pytest

from gitgate.signature.gpg_status import Outcome, StatusError, read_status

KEY = "0123456789ABCDEF0123456789ABCDEF01234567"
PRIMARY = "89ABCDEF0123456789ABCDEF0123456789ABCDEF"
VALID = f"VALIDSIG {KEY} 2026-01-01 1767225600 0 4 0 22 8 00 {PRIMARY}"
GOOD = ("NEWSIG", "GOODSIG 456789ABCDEF0123 Ada", VALID)


def lines(*keywords: str) -> bytes:
    return "".join(f"[GNUPG:] {keyword}\n" for keyword in keywords).encode()


def test_a_good_signature() -> None:
    status = read_status(lines(*GOOD), 0)
    assert status.outcome is Outcome.GOOD
    assert (status.fingerprint, status.primary) == (KEY, PRIMARY)
    assert (status.made_at, status.algorithm, status.digest, status.kind) == (1767225600, 22, 8, 0)


@pytest.mark.parametrize(
    "more", ["KEY_CONSIDERED X 0", "SIG_ID x 2026-01-01 1", "NOTATION_NAME a@b", "SIG_SUBPACKET 24 1 7 hkp://x"]
)
def test_lines_that_change_nothing(more: str) -> None:
    assert read_status(lines(GOOD[0], more, *GOOD[1:]), 0).outcome is Outcome.GOOD


@pytest.mark.parametrize("keyword", ["EXPSIG", "EXPKEYSIG", "REVKEYSIG"])
def test_outcomes_that_come_with_validsig_are_not_good(keyword: str) -> None:
    assert read_status(lines("NEWSIG", f"{keyword} X Ada", VALID), 0).outcome is Outcome(keyword)


def test_an_unknown_key() -> None:
    status = read_status(lines("NEWSIG", "ERRSIG X 22 8 00 1 9 X", "NO_PUBKEY X"), 2)
    assert (status.outcome, status.no_public_key, status.bad_public_key) == (Outcome.NOT_CHECKED, True, False)


@pytest.mark.parametrize(("reason", "expected"), [("6", True), ("5", False), ("-1", False)])
def test_why_a_signature_could_not_be_checked(reason: str, *, expected: bool) -> None:
    status = read_status(lines("NEWSIG", f"ERRSIG X 1 10 00 1 {reason} X"), 2)
    assert (status.outcome, status.no_public_key, status.bad_public_key) == (Outcome.NOT_CHECKED, False, expected)


@pytest.mark.parametrize(
    ("output", "returncode"),
    [
        (b"", 0),
        (lines(*GOOD)[:-1], 0),
        (lines(*GOOD[1:]), 0),
        (lines(*GOOD[:2]), 0),
        (lines("NEWSIG", VALID), 0),
        (lines("NEWSIG", *GOOD), 0),
        (lines(*GOOD, *GOOD), 0),
        (lines(*GOOD, GOOD[1]), 0),
        (lines(*GOOD, "BADSIG X Ada"), 1),
        (lines("NEWSIG", "BADSIG X Ada", *GOOD[1:]), 1),
        (lines(*GOOD, VALID), 0),
        (lines(*GOOD), 1),
        (lines(*GOOD, "KEYREVOKED"), 0),
        (lines(*GOOD, "FAILURE x 1"), 0),
        (lines(*GOOD, "SURPRISE"), 0),
        (lines(*GOOD) + b"gpgv: Good signature\n", 0),
        (b"gpgv: x\n" + lines(*GOOD), 0),
        (lines(*GOOD).replace(b"GOODSIG", b"goodsig"), 0),
        (lines("NEWSIG", "BADSIG X Ada"), 0),
        (lines("NEWSIG", "BADSIG X Ada", VALID), 1),
        (lines(*GOOD[:2], VALID.replace(KEY, KEY[:16])), 0),
        (lines(*GOOD[:2], VALID.replace(PRIMARY, PRIMARY.lower())), 0),
        (lines(*GOOD[:2], VALID + " more"), 0),
        (lines(*GOOD[:2], VALID.replace("1767225600", "-1")), 0),
        (lines(*GOOD[:2], VALID.replace(" 00 ", " zz ")), 0),
        (b"[GNUPG:] NEWSIG\n[GNUPG:] GOODSIG \xff\xfe\n", 0),
    ],
)
def test_everything_else_is_refused(output: bytes, returncode: int) -> None:
    with pytest.raises(StatusError):
        read_status(output, returncode)
