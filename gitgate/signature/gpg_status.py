"""The status lines of gpgv under a strict grammar; the exit code alone is never a verdict.

gpgv ends with 0 for revoked keys, for expired keys and for two signatures at once, and prints VALIDSIG with all of
them. Only one exact set of lines is good. Source: gnupg/doc/DETAILS, "Format of the --status-fd output".
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import StrEnum

_PREFIX = b"[GNUPG:] "
_OUTCOMES = frozenset({"GOODSIG", "EXPSIG", "EXPKEYSIG", "REVKEYSIG", "BADSIG", "ERRSIG"})
"""Exactly one of them stands for every signature."""
_WITH_VALIDSIG = frozenset({"GOODSIG", "EXPSIG", "EXPKEYSIG", "REVKEYSIG"})
_HARMLESS = frozenset(
    {"NEWSIG", "KEY_CONSIDERED", "SIG_ID", "VALIDSIG", "KEYEXPIRED", "SIGEXPIRED", "KEYREVOKED", "NO_PUBKEY"}
    | {"NOTATION_NAME", "NOTATION_FLAGS", "NOTATION_DATA", "POLICY_URL", "VERIFICATION_COMPLIANCE_MODE"}
    | {"FAILURE", "ASSERT_SIGNER", "SIG_SUBPACKET"}
)
_KEYWORD = re.compile(r"[A-Z0-9_]+\Z")
_FINGERPRINT = re.compile(r"(?:[0-9A-F]{40}|[0-9A-F]{64})\Z")
_NUMBER = re.compile(r"[0-9]{1,10}\Z")
_BAD_PUBLIC_KEY = "6"
"""GPG_ERR_BAD_PUBKEY of libgpg-error: nothing that counts binds the key to its certificate."""


class Outcome(StrEnum):
    """What gpgv says of one signature."""

    GOOD = "GOODSIG"
    SIGNATURE_EXPIRED = "EXPSIG"
    KEY_EXPIRED = "EXPKEYSIG"
    KEY_REVOKED = "REVKEYSIG"
    BAD = "BADSIG"
    NOT_CHECKED = "ERRSIG"


@dataclass(frozen=True, slots=True, kw_only=True)
class Status:
    """One signature, as gpgv judged it.

    Attributes:
        no_public_key: gpgv found no key for it.
        bad_public_key: gpgv found the key, and nothing that counts binds it to its certificate.
        fingerprint: Of the signing key, and the following fields, only where the mathematics held.
    """

    outcome: Outcome
    no_public_key: bool = False
    bad_public_key: bool = False
    fingerprint: str = ""
    primary: str = ""
    made_at: int = 0
    algorithm: int = 0
    digest: int = 0
    kind: int = 0


class StatusError(ValueError):
    """The lines are not what gpgv writes about exactly one signature."""


def read_status(output: bytes, returncode: int) -> Status:
    """Read everything that gpgv wrote to its status pipe.

    Raises:
        StatusError: Several signatures, unknown or contradicting lines, an incomplete last line.
    """
    lines = _lines(output)
    if (count := _count(lines, {"NEWSIG"})) != 1 or lines[0][0] != "NEWSIG":
        raise StatusError(f"it examined {count} signatures where one was given")
    outcomes = [Outcome(keyword) for keyword, _ in lines if keyword in _OUTCOMES]
    if len(outcomes) != 1:
        raise StatusError(f"it gave {len(outcomes)} outcomes for one signature")
    outcome = outcomes[0]
    valid = [arguments for keyword, arguments in lines if keyword == "VALIDSIG"]
    if outcome.value not in _WITH_VALIDSIG:
        if valid or returncode == 0:
            raise StatusError(f"it contradicts itself: {outcome} and success")
        # `ERRSIG keyid algorithm digest class time reason fingerprint`
        reasons = [arguments[5] for keyword, arguments in lines if keyword == "ERRSIG" and len(arguments) > 5]
        return Status(
            outcome=outcome,
            no_public_key=_count(lines, {"NO_PUBKEY"}) > 0,
            bad_public_key=reasons == [_BAD_PUBLIC_KEY],
        )
    if len(valid) != 1:
        raise StatusError(f"it gave {len(valid)} VALIDSIG lines for one signature")
    if outcome is Outcome.GOOD and (returncode or _count(lines, {"KEYREVOKED", "FAILURE", "NO_PUBKEY"})):
        raise StatusError("it contradicts itself: GOODSIG and a failure")
    return _valid(outcome, valid[0])


def _lines(output: bytes) -> list[tuple[str, tuple[str, ...]]]:
    if not output.endswith(b"\n"):
        raise StatusError("its answer is empty or cut off")
    found: list[tuple[str, tuple[str, ...]]] = []
    for line in output[:-1].split(b"\n"):
        if not line.startswith(_PREFIX):
            raise StatusError("it wrote something else than status lines")
        keyword, *arguments = line[len(_PREFIX) :].decode("utf-8", "surrogateescape").split(" ")
        if not _KEYWORD.match(keyword) or keyword not in _OUTCOMES | _HARMLESS:
            raise StatusError("it wrote a status line that is not known")
        found.append((keyword, tuple(arguments)))
    return found


def _count(lines: list[tuple[str, tuple[str, ...]]], keywords: set[str]) -> int:
    return sum(keyword in keywords for keyword, _ in lines)


def _valid(outcome: Outcome, arguments: tuple[str, ...]) -> Status:
    """`VALIDSIG fingerprint date timestamp expires version reserved algorithm digest class primary`."""
    if len(arguments) != 10:
        raise StatusError("its VALIDSIG line has an unexpected number of fields")
    fingerprint, _, made_at, _, _, _, algorithm, digest, kind, primary = arguments
    numbers = (made_at, algorithm, digest)
    if not _FINGERPRINT.match(fingerprint) or not _FINGERPRINT.match(primary):
        raise StatusError("its VALIDSIG line holds no full fingerprints")
    if not all(_NUMBER.match(number) for number in numbers) or not re.fullmatch(r"[0-9A-Fa-f]{2}", kind):
        raise StatusError("its VALIDSIG line holds no numbers where numbers must be")
    return Status(
        outcome=outcome,
        fingerprint=fingerprint,
        primary=primary,
        made_at=int(made_at),
        algorithm=int(algorithm),
        digest=int(digest),
        kind=int(kind, 16),
    )
