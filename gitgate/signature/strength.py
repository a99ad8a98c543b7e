"""What is strong enough: digests and key sizes that a signature may use."""

from __future__ import annotations

from dataclasses import dataclass

ACCEPTED_DIGESTS = ("sha256", "sha384", "sha512", "sha3-256", "sha3-512")


@dataclass(frozen=True, slots=True, kw_only=True)
class Strength:
    """What the signers file demands of every signature.

    Attributes:
        rsa_bits: Least size of an RSA modulus.
    """

    digests: frozenset[str] = frozenset(ACCEPTED_DIGESTS)
    rsa_bits: int = 3072
