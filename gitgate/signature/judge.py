"""One signed object: from its bytes to what is established about its signature, and to whom the key belongs."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from datetime import datetime
from threading import Lock

from gitgate.signature.armor import read_armor
from gitgate.signature.clock import check_clock
from gitgate.signature.commit import CommitObject, TagObject
from gitgate.signature.openpgp import OpenPgpVerifier, openpgp_verifier
from gitgate.signature.packets import read_signature
from gitgate.signature.self_test import self_test_openpgp, self_test_ssh
from gitgate.signature.signers import Holder, Signers
from gitgate.signature.ssh import NAMESPACE, SSH_MAGIC, read_ssh_signature, verify_ssh
from gitgate.signature.verdict import Code, Failure, Format, SignatureEvidence, in_order
from gitgate.signature.x509 import X509Demand, refuse_x509, verify_x509


class SignatureJudge:
    """Judges signatures by one signers file at one time; safe to use from several threads."""

    def __init__(self, signers: Signers, now: datetime, stack: ExitStack, *, attested: bool = False) -> None:
        self._signers = signers
        self._now = now
        self._seconds = int(now.timestamp()) if attested else check_clock(now)
        self._stack = stack
        self._openpgp: OpenPgpVerifier | None = None
        self._ssh_is_tested = False
        self._lock = Lock()

    def judge(self, signed: CommitObject | TagObject) -> SignatureEvidence:
        """Everything that can be said of the object's signature, every failure included.

        Raises:
            ToolError: A program is missing, unreliable, or could not run to its end.
            CertificateError: gpg does not accept a declared certificate.
        """
        if signed.signature_failure is not None:
            return SignatureEvidence(failures=(signed.signature_failure,))
        if signed.signature is None:
            return SignatureEvidence(failures=(Failure(Code.UNSIGNED, "there is no signature"),))
        armored = read_armor(signed.signature)
        if isinstance(armored, Failure):
            return SignatureEvidence(failures=(armored,))
        if armored.format is Format.X509:
            return self._judge_x509(armored.data, signed.payload)
        return self._judge(armored.format, armored.data, signed.payload, NAMESPACE)

    def judge_detached(self, data: bytes, payload: bytes, namespace: bytes) -> SignatureEvidence:
        """Everything that can be said of a binary signature over other bytes than a git object's.

        Args:
            data: An OpenPGP packet or an SSHSIG blob.
            payload: What was signed.
            namespace: What an SSH signature must be made for.

        Raises:
            ToolError: As `judge`.
            CertificateError: As `judge`.
        """
        kind = Format.SSH if data.startswith(SSH_MAGIC) else Format.OPENPGP
        return self._judge(kind, data, payload, namespace)

    def holder(self, evidence: SignatureEvidence) -> Holder | None:
        """Whose key made a verified signature; None when nobody's that is known."""
        return self._signers.holders.get(evidence.primary) if evidence.verified else None

    def _judge(self, kind: Format, data: bytes, payload: bytes, namespace: bytes) -> SignatureEvidence:
        evidence = self._verify(kind, data, payload, namespace)
        return replace(evidence, failures=in_order((*evidence.failures, *self._demands(evidence))))

    def _judge_x509(self, data: bytes, payload: bytes) -> SignatureEvidence:
        signers = self._signers
        if signers.x509 is None or Format.X509 not in signers.formats:
            return refuse_x509(data)
        names = frozenset(name for name, holder in signers.holders.items() if holder.key.format is Format.X509)
        demand = X509Demand(trust=signers.x509, names=names, now=self._seconds, strength=signers.strength)
        evidence = verify_x509(data, payload, demand)
        return replace(evidence, failures=in_order((*evidence.failures, *self._demands(evidence))))

    def _verify(self, kind: Format, data: bytes, payload: bytes, namespace: bytes) -> SignatureEvidence:
        if kind is Format.OPENPGP:
            packet = read_signature(data)
            if isinstance(packet, Failure):
                return SignatureEvidence(format=kind, failures=(packet,))
            return self._openpgp_verifier().verify(payload, packet, self._seconds, self._signers.strength)
        signature = read_ssh_signature(data)
        if isinstance(signature, Failure):
            return SignatureEvidence(format=kind, failures=(signature,))
        self._test_ssh()
        return verify_ssh(payload, signature, self._signers.ssh_keys, self._signers.strength, namespace)

    def _openpgp_verifier(self) -> OpenPgpVerifier:
        """The keyring, made when the first OpenPGP signature needs it, after gpgv judged known vectors rightly."""
        with self._lock:
            if self._openpgp is None:
                if self._signers.certificates:
                    self_test_openpgp()
                self._openpgp = self._stack.enter_context(openpgp_verifier(self._signers.certificates))
            return self._openpgp

    def _test_ssh(self) -> None:
        with self._lock:
            if not self._ssh_is_tested:
                self_test_ssh()
                self._ssh_is_tested = True

    def _demands(self, evidence: SignatureEvidence) -> Iterator[Failure]:
        """What the signers file adds to the mathematics: formats, windows, revocation."""
        if evidence.format not in self._signers.formats:
            yield Failure(Code.SIG_FORMAT_NOT_ALLOWED, f"{evidence.format} signatures do not count here")
        holder = self._signers.holders.get(evidence.primary)
        if holder is None:
            return
        if holder.principal is not None and holder.principal.unproven:
            yield Failure(Code.KEY_NOT_AUTHORIZED, f"{holder.name} is marked unproven in the signers file")
        key = holder.key
        if key.format is Format.SSH:
            if self._signers.revoked.holds(self._signers.ssh_keys[key.fingerprint]):
                yield Failure(Code.KEY_REVOKED, f"key {key.fingerprint} is in the revocation list")
            # SSH keys carry no dates of their own: their window in the signers file is their lifetime.
            if key.not_after is not None and key.not_after <= self._now:
                yield Failure(Code.KEY_EXPIRED, f"key {key.fingerprint} was valid until {key.not_after:%Y-%m-%d}")
            if key.not_before is not None and key.not_before > self._now:
                yield Failure(Code.KEY_NOT_YET_VALID, f"key {key.fingerprint} is valid from {key.not_before:%Y-%m-%d}")
        elif not key.accepted_at(self._now):
            yield Failure(Code.KEY_OUT_OF_WINDOW, f"{holder.name}'s key {key.fingerprint} is not accepted at this time")


@contextmanager
def signature_judge(signers: Signers, now: datetime, *, attested: bool = False) -> Iterator[SignatureJudge]:
    """A judge, whose private keyring goes away with it.

    Args:
        signers: Who may sign.
        now: The time that keys must be valid at.
        attested: Is the time that of a verified attestation? Then it may lie before this release was made.

    Raises:
        ToolError: The clock cannot be right.
    """
    with ExitStack() as stack:
        yield SignatureJudge(signers, now, stack, attested=attested)
