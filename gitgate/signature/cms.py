"""CMS signatures as gitsign and gpgsm make them, read strictly: one signer, signed attributes, nothing inside.

The structure is read by asn1crypto. Sources: RFC 5652 §5 (SignedData), §11 (attributes); sigstore/gitsign,
internal/rekor/oid (the log entry among the unsigned attributes).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from gitgate.signature.verdict import Code, Failure

if TYPE_CHECKING:
    from cryptography import x509

LOG_ENTRY = "1.3.6.1.4.1.57264.3.1"
"""OID under which gitsign keeps the entry of the transparency log."""
_SIGNED_ATTRIBUTES = frozenset({"content_type", "message_digest", "signing_time"})
_DIGESTS = frozenset({"sha256", "sha384", "sha512"})


class _Refused(Exception):  # noqa: N818 - a way out of the reader, never seen outside of this module
    def __init__(self, failure: Failure) -> None:
        self.failure = failure


@dataclass(frozen=True, slots=True, kw_only=True)
class CmsSignature:
    """What a CMS block holds, before anything in it is believed.

    Attributes:
        certificate: The signer's.
        others: Further certificates; candidates for the way to a root, never roots.
        attributes: What was signed: the signed attributes as a DER SET.
        message_digest: Of the payload, by `digest`.
        scheme: `ecdsa` or `rsassa_pkcs1v15`.
        log_entry: Of a transparency log; None when there is none.
    """

    certificate: x509.Certificate
    others: tuple[x509.Certificate, ...]
    attributes: bytes
    message_digest: bytes
    digest: str
    scheme: str
    value: bytes
    log_entry: bytes | None


def read_cms(data: bytes) -> CmsSignature | Failure:
    """Read a detached CMS signature by exactly one signer."""
    try:
        return _read(data)
    except _Refused as refused:
        return refused.failure
    except Exception as error:  # noqa: BLE001 - a parser of hostile bytes raises whatever it likes; the answer is no
        return Failure(Code.SIG_MALFORMED, f"the CMS block is malformed ({type(error).__name__})")


def _read(data: bytes) -> CmsSignature:
    from asn1crypto import cms  # type: ignore[import-untyped]  # noqa: PLC0415 - for a rare format

    block = cms.ContentInfo.load(data, strict=True)
    if block["content_type"].native != "signed_data":
        raise _malformed("it is no SignedData")
    signed = block["content"]
    inner = signed["encap_content_info"]
    if inner["content_type"].native != "data" or inner["content"].native is not None:
        raise _malformed("it holds content of its own, where it must be detached")
    if len(signed["signer_infos"]) != 1:
        raise _Refused(Failure(Code.SIG_MULTIPLE, f"it has {len(signed['signer_infos'])} signers where one must be"))
    signer = signed["signer_infos"][0]
    attributes = _attributes(signer["signed_attrs"])
    if not {"content_type", "message_digest"} <= attributes.keys() <= _SIGNED_ATTRIBUTES:
        raise _malformed("its signed attributes are not those of a signature over data")
    if attributes["content_type"].native != "data":
        raise _malformed("it was made over another type of content")
    digest = signer["digest_algorithm"]["algorithm"].native
    algorithm = signer["signature_algorithm"]
    scheme = algorithm.signature_algo
    if digest not in _DIGESTS:
        raise _Refused(Failure(Code.SIG_DIGEST_WEAK, f"digest {digest}"))
    # The key's bare algorithm, as some programs write, leaves the digest to the signer's digest algorithm.
    named = None if algorithm["algorithm"].native in {"ecdsa", "rsassa_pkcs1v15"} else algorithm.hash_algo
    if scheme not in {"ecdsa", "rsassa_pkcs1v15"} or named not in {None, digest}:
        raise _Refused(Failure(Code.SIG_ALGO_WEAK, f"signature algorithm {scheme} with {named}"))
    unsigned = _attributes(signer["unsigned_attrs"])
    entry = unsigned.get(LOG_ENTRY)
    certificate, others = _certificates(signed, signer["sid"])
    return CmsSignature(
        certificate=certificate,
        others=others,
        attributes=signer["signed_attrs"].untag().dump(),
        message_digest=attributes["message_digest"].native,
        digest=digest,
        scheme=scheme,
        value=signer["signature"].native,
        log_entry=None if entry is None else _octets(entry),
    )


def _attributes(found: Any) -> dict[str, Any]:
    """Attributes by name, each once and with one value."""
    by_name: dict[str, Any] = {}
    for attribute in found if found.native is not None else ():
        name = attribute["type"].native
        if name in by_name or len(attribute["values"]) != 1:
            raise _malformed("an attribute stands twice in it")
        by_name[name] = attribute["values"][0]
    return by_name


def _octets(value: Any) -> bytes:
    from asn1crypto import core  # noqa: PLC0415 - see _read

    return bytes(core.OctetString.load(value.dump(), strict=True).native)


def _certificates(signed: Any, signer: Any) -> tuple[x509.Certificate, tuple[x509.Certificate, ...]]:
    """The signer's certificate, and the others."""
    from cryptography import x509  # noqa: PLC0415 - 40 ms

    mine: list[x509.Certificate] = []
    others: list[x509.Certificate] = []
    for choice in signed["certificates"]:
        if choice.name != "certificate":
            raise _malformed("it holds a certificate of another kind than X.509")
        read = choice.chosen
        if signer.name == "issuer_and_serial_number":
            named = signer.chosen
            same = read.issuer.dump() == named["issuer"].dump() and read.serial_number == named["serial_number"].native
        else:
            same = read.key_identifier is not None and read.key_identifier == signer.chosen.native
        (mine if same else others).append(x509.load_der_x509_certificate(read.dump()))
    if len(mine) != 1:
        raise _malformed(f"it holds {len(mine)} certificates of its signer where one must be")
    return mine[0], tuple(others)


def _malformed(detail: str) -> _Refused:
    return _Refused(Failure(Code.SIG_MALFORMED, detail))
