"""OpenPGP signatures, judged by gitgate: gpg reads declared certificates, gpgv does the mathematics.

Both see only a private directory: a ring per declared certificate and one signature packet, no options file, no
agent, no trust database. See docs/adr/0011-openpgp-verification.md.
"""

from __future__ import annotations

import itertools
import shutil
import tempfile
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType

from gitgate.errors import SettingsError, ToolError
from gitgate.process import child_environment, find_program, run
from gitgate.signature.clock import FUTURE_TOLERANCE
from gitgate.signature.gpg_status import Outcome, Status, StatusError, read_status
from gitgate.signature.packets import ALGORITHMS, BINARY_DOCUMENT, DIGESTS, Certificate, SignaturePacket, key_id
from gitgate.signature.strength import Strength
from gitgate.signature.verdict import Code, Failure, Format, SignatureEvidence

REMEDY = "install GnuPG 2.2 or newer (packages gpg and gpgv)"
GPGV_SECONDS = 30.0
_LONGEST_TEMPORARY_PATH = 60
"""Characters; sockets of GnuPG live below its home and have 108 in all."""
_ALGORITHMS = frozenset({"rsa", "ecdsa", "eddsa", "ed25519", "ed448"})
_CURVES = frozenset(
    {"nistp256", "nistp384", "nistp521", "brainpoolP256r1", "brainpoolP384r1", "brainpoolP512r1", "ed25519", "ed448"}
)


@dataclass(frozen=True, slots=True, kw_only=True)
class KeyState:
    """A key of a certificate as gpg reads it, self-signatures checked.

    Attributes:
        created: Seconds since 1970, as `expires`; None means that it does not expire.
        bits: Of the modulus for RSA.
    """

    fingerprint: str
    primary: str
    created: int
    expires: int | None
    revoked: bool
    invalid: bool
    can_sign: bool
    bits: int
    curve: str


class OpenPgpVerifier:
    """Verifies signatures against the certificates that it was made with; safe to use from several threads."""

    def __init__(
        self, home: Path, gpgv: str, certificates: tuple[Certificate, ...], keys: Mapping[str, KeyState]
    ) -> None:
        self._home = home
        self._gpgv = gpgv
        self._keys = keys
        self._by_key_id = {key_id(fingerprint): fingerprint for fingerprint in keys}
        self._rings = {certificate.fingerprint: home / f"{certificate.fingerprint}.gpg" for certificate in certificates}
        self._numbers = itertools.count()

    @property
    def keys(self) -> Mapping[str, KeyState]:
        """Every key that gpg accepts in the certificates, by fingerprint."""
        return self._keys

    def verify(self, payload: bytes, packet: SignaturePacket, now: int, strength: Strength) -> SignatureEvidence:
        """Judge one signature at the time `now`, whatever time the commit claims.

        Raises:
            ToolError: gpgv could not run to its end.
        """
        claimed = packet.issuer or self._by_key_id.get(packet.key_id, "")
        key = self._keys.get(claimed)
        failures = list(_packet_failures(packet, now, strength))
        verified = False
        if key is None:
            name = packet.issuer or f"with key ID {packet.key_id}"
            failures.append(Failure(Code.KEY_UNKNOWN, f"key {name} is not declared"))
        else:
            status = self._run(payload, packet, key)
            if isinstance(status, Failure):
                failures.append(status)
            else:
                verified = status.fingerprint == key.fingerprint
                failures += _status_failures(status, packet, key, explained=bool(failures))
            failures += _key_failures(key, self._keys[key.primary], packet, now, strength)
        return SignatureEvidence(
            format=Format.OPENPGP,
            fingerprint=claimed,
            primary=key.primary if key else "",
            made_at=packet.made_at,
            digest=DIGESTS.get(packet.digest, str(packet.digest)),
            algorithm=ALGORITHMS.get(packet.algorithm, str(packet.algorithm)),
            tool="gpgv",
            verified=verified,
            failures=tuple(dict.fromkeys(failures)),
        )

    def _run(self, payload: bytes, packet: SignaturePacket, key: KeyState) -> Status | Failure:
        file = self._home / f"{next(self._numbers)}.sig"
        file.write_bytes(packet.raw)
        try:
            done = run(
                [
                    *(self._gpgv, "--homedir", str(self._home), "--status-fd", "1", "--logger-fd", "2"),
                    # When things were made is judged at `now`, which need not be gpgv's own clock.
                    *("--weak-digest", "SHA1", "--ignore-time-conflict"),
                    *("--keyring", str(self._rings[key.primary]), "--", str(file), "-"),
                ],
                cwd=self._home,
                stdin=payload,
                expected=(0, 1, 2),
                timeout=GPGV_SECONDS,
                output_limit=1 << 20,
            )
        finally:
            file.unlink(missing_ok=True)
        try:
            return read_status(done.stdout, done.returncode)
        except StatusError as error:
            return Failure(Code.SIG_BAD, f"gpgv did not call it good: {error}")


@contextmanager
def openpgp_verifier(certificates: Iterable[Certificate]) -> Iterator[OpenPgpVerifier]:
    """A verifier for these certificates and no other key on the machine.

    Raises:
        ToolError: gpg or gpgv is missing or fails.
        CertificateError: gpg does not accept a certificate.
    """
    declared = tuple(certificates)
    if not declared:
        # Every key is unknown, so no program is needed to say so.
        yield OpenPgpVerifier(Path("/"), "", (), MappingProxyType({}))
        return
    gpg, gpgv = find_program("gpg", remedy=REMEDY), find_program("gpgv", remedy=REMEDY)
    home = private_home()
    try:
        for certificate in declared:
            (home / f"{certificate.fingerprint}.gpg").write_bytes(certificate.raw)
        keys = _read_keys(gpg, home, declared)
        yield OpenPgpVerifier(home, gpgv, declared, keys)
    finally:
        shutil.rmtree(home, ignore_errors=True)


def ended(keys: Mapping[str, KeyState], primary: str, now: int) -> str:
    """Why a certificate makes no good signature any more (`has expired`); empty where it may make one."""
    first = keys[primary]
    signing = [key for key in keys.values() if key.primary == primary and key.can_sign]
    if first.revoked or (signing and all(key.revoked for key in signing)):
        return "is revoked"
    if first.invalid or not signing:
        return "cannot sign"
    dead = all(key.revoked or key.invalid or _is_over(key, now) for key in signing)
    return "has expired" if _is_over(first, now) or dead else ""


def _is_over(key: KeyState, now: int) -> bool:
    return key.expires is not None and key.expires <= now


class CertificateError(SettingsError):
    """gpg does not accept a declared certificate; the message names it."""


def private_home() -> Path:
    """A new directory that only this user can enter, with a path short enough for GnuPG's sockets."""
    directory = tempfile.gettempdir()
    home = tempfile.mkdtemp(prefix="gg-", dir=directory if len(directory) <= _LONGEST_TEMPORARY_PATH else "/tmp")  # noqa: S108 - mkdtemp makes it 0700 under a fresh name
    Path(home).chmod(0o700)
    return Path(home)


def _read_keys(gpg: str, home: Path, certificates: tuple[Certificate, ...]) -> Mapping[str, KeyState]:
    """Let gpg read the certificates, through python-gnupg, and say what in them is valid."""
    import gnupg  # type: ignore[import-untyped]  # noqa: PLC0415 - only runs that verify OpenPGP signatures need it

    try:
        program = gnupg.GPG(
            gpgbinary=gpg,
            gnupghome=str(home),
            options=[
                *("--no-options", "--no-autostart", "--trust-model", "always", "--no-auto-check-trustdb"),
                "--ignore-time-conflict",
            ],
            env=child_environment({"GNUPGHOME": str(home)}),
        )
        imported = program.import_keys(b"".join(certificate.raw for certificate in certificates))
        listed = program.list_keys()
    except (OSError, ValueError) as error:
        raise ToolError(f"gpg could not read the declared keys: {error}", remedy=REMEDY) from error
    # It ends with 2 where it refuses a certificate, which shows in the list; anything else it did not live to say.
    if imported.returncode not in {0, 2} or listed.returncode != 0:
        raise ToolError("gpg did not come to an end while it read the declared keys", remedy=REMEDY)
    states = {state.fingerprint: state for entry in listed for state in _states(entry)}
    for certificate in certificates:
        if certificate.fingerprint not in states:
            raise CertificateError(
                f"gpg does not accept the certificate {certificate.fingerprint} of the signers file",
                remedy="Export it again: gpg --armor --export FINGERPRINT.",
            )
    declared = {certificate.fingerprint for certificate in certificates}
    if {state.primary for state in states.values()} != declared:
        raise CertificateError("gpg read other certificates than those declared")
    if len({key_id(fingerprint) for fingerprint in states}) != len(states):
        raise CertificateError("two declared keys share a key ID")
    return MappingProxyType(states)


def _states(entry: Mapping[str, object]) -> Iterator[KeyState]:
    primary = str(entry["fingerprint"])
    yield _state(entry, primary, primary)
    information = entry.get("subkey_info")
    subkeys = entry.get("subkeys")
    if not isinstance(information, Mapping) or not isinstance(subkeys, list):
        return
    for identifier, _, fingerprint, *_ in subkeys:
        yield _state(information[identifier], str(fingerprint), primary)


def _state(entry: Mapping[str, object], fingerprint: str, primary: str) -> KeyState:
    trust, capabilities, length = str(entry["trust"]), str(entry["cap"]), str(entry["length"])
    expires = str(entry["expires"])
    return KeyState(
        fingerprint=fingerprint,
        primary=primary,
        created=int(str(entry["date"]) or 0),
        expires=int(expires) if expires else None,
        revoked=trust == "r",
        # i invalid, d disabled, n never; e (expired) is judged at `now`, which need not be gpg's own clock.
        invalid=trust in {"i", "d", "n"},
        can_sign="s" in capabilities,
        bits=int(length) if length.isdigit() else 0,
        curve=str(entry.get("curve", "")),
    )


def _packet_failures(packet: SignaturePacket, now: int, strength: Strength) -> Iterator[Failure]:
    if packet.kind != BINARY_DOCUMENT:
        yield Failure(Code.SIG_CLASS, f"it is of type {packet.kind:#04x}; git makes 0x00 (binary document)")
    digest = DIGESTS.get(packet.digest, f"number {packet.digest}")
    if digest not in strength.digests:
        yield Failure(Code.SIG_DIGEST_WEAK, f"digest {digest}; accepted are {', '.join(sorted(strength.digests))}")
    algorithm = ALGORITHMS.get(packet.algorithm, f"number {packet.algorithm}")
    if algorithm not in _ALGORITHMS:
        yield Failure(Code.SIG_ALGO_WEAK, f"algorithm {algorithm}")
    if packet.made_at > now + FUTURE_TOLERANCE:
        yield Failure(Code.SIG_FUTURE, f"made {packet.made_at - now} seconds from now")
    if packet.expires_after and packet.made_at + packet.expires_after <= now:
        yield Failure(Code.SIG_EXPIRED, "its own expiry has passed")


def _status_failures(status: Status, packet: SignaturePacket, key: KeyState, *, explained: bool) -> Iterator[Failure]:
    """What gpgv's word says against the signature; `explained` where the packet has said why gpgv cannot check it."""
    if status.outcome is Outcome.BAD:
        yield Failure(Code.SIG_BAD, "it was made over other bytes")
        return
    if status.outcome is Outcome.NOT_CHECKED:
        if status.no_public_key:
            yield Failure(Code.KEY_UNKNOWN, f"the certificate has no valid key {key.fingerprint}")
        elif status.bad_public_key:
            detail = f"nothing but weak (SHA-1) signatures binds key {key.fingerprint} to its certificate"
            yield Failure(Code.KEY_NOT_AUTHORIZED, f"{detail}; its owner renews them with `gpg --quick-set-expire`")
        elif not explained:
            yield Failure(Code.SIG_BAD, "gpgv could not check it")
        return
    said = (status.fingerprint, status.primary, status.made_at, status.algorithm, status.digest, status.kind)
    read = (key.fingerprint, key.primary, packet.made_at, packet.algorithm, packet.digest, packet.kind)
    if said != read:
        yield Failure(Code.SIG_BAD, "gpgv verified something else than what the packet says")
    if status.outcome is Outcome.KEY_REVOKED:
        yield Failure(Code.KEY_REVOKED, f"key {key.fingerprint} is revoked")
    if status.outcome is Outcome.SIGNATURE_EXPIRED and not packet.expires_after:
        yield Failure(Code.SIG_EXPIRED, "its own expiry has passed")
    if status.outcome is Outcome.KEY_EXPIRED and key.expires is None:
        yield Failure(Code.KEY_EXPIRED, f"key {key.fingerprint} has expired")


def _key_failures(
    key: KeyState, primary: KeyState, packet: SignaturePacket, now: int, strength: Strength
) -> Iterator[Failure]:
    if key.revoked or primary.revoked:
        yield Failure(Code.KEY_REVOKED, f"key {(key if key.revoked else primary).fingerprint} is revoked")
    for each in dict.fromkeys((key, primary)):
        if each.expires is not None and each.expires <= now:
            yield Failure(Code.KEY_EXPIRED, f"key {each.fingerprint} has expired")
        if each.created > now + FUTURE_TOLERANCE or each.created > packet.made_at:
            yield Failure(Code.KEY_NOT_YET_VALID, f"key {each.fingerprint} is younger than now or than the signature")
    if key.invalid or primary.invalid or not key.can_sign:
        yield Failure(Code.KEY_NOT_AUTHORIZED, f"key {key.fingerprint} may not make signatures")
    algorithm = ALGORITHMS.get(packet.algorithm)
    if algorithm == "rsa":
        if key.bits < strength.rsa_bits:
            yield Failure(Code.SIG_ALGO_WEAK, f"RSA key of {key.bits} bits; accepted are {strength.rsa_bits} or more")
    elif algorithm in _ALGORITHMS and key.curve not in _CURVES:
        yield Failure(Code.SIG_ALGO_WEAK, f"curve {key.curve or 'unknown'}")
