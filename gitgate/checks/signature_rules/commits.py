"""Rules about commits and the signatures that they carry."""

from __future__ import annotations

from gitgate.finding import Rule, Severity

_FORMAT = "https://git-scm.com/docs/gitformat-signature"
_COMMIT = "https://git-scm.com/docs/git-commit"
_OPENPGP = "https://www.rfc-editor.org/rfc/rfc9580"
_SSHSIG = "https://github.com/openssh/openssh-portable/blob/master/PROTOCOL.sshsig"
_FSCK = "https://github.com/git/git/blob/master/Documentation/fsck-msgids.adoc"
_SIGN_AGAIN = "Sign the commit again with `git rebase --force-rebase --gpg-sign` and push the branch."

RULES: tuple[Rule, ...] = (
    Rule(
        id="signature/unsigned",
        title="A commit without a signature",
        severity=Severity.ERROR,
        what="A new commit carries no signature, and the protected branch demands one of every new commit.",
        why=(
            "Whoever has stolen a password or a token can push it, under any name. Nothing proves that one of the "
            "people in `.gitgate/signers.yaml` has seen it."
        ),
        remedy=_SIGN_AGAIN,
        references=(_COMMIT, _FORMAT),
    ),
    Rule(
        id="signature/commit-malformed",
        title="A commit that is not built as git builds commits",
        severity=Severity.ERROR,
        what="The headers of a commit are doubled, out of order, unknown or unreadable.",
        why=(
            "Programs resolve such an object differently: one reads the first tree, another the last. What was "
            "signed and reviewed need not be what the agent checks out."
        ),
        remedy="Make the commit again with git, `git cherry-pick -S`, and push that one instead.",
        references=(_FSCK,),
    ),
    Rule(
        id="signature/sig-multiple",
        title="More than one signature",
        severity=Severity.ERROR,
        what="A commit carries several signature headers, several blocks of armor or several signatures in one.",
        why="Programs differ on which one counts, so that a good one can stand in front of a bad one.",
        remedy=_SIGN_AGAIN,
        references=(_FORMAT,),
    ),
    Rule(
        id="signature/sig-malformed",
        title="A signature that cannot be read",
        severity=Severity.ERROR,
        what="The signature of a commit is not exactly one well-formed signature in one block of armor.",
        why="Text that only some programs accept as a signature proves nothing, and may be made to mislead them.",
        remedy=_SIGN_AGAIN,
        references=(_FORMAT, _OPENPGP, _SSHSIG),
    ),
    Rule(
        id="signature/sig-format-not-allowed",
        title="A kind of signature that is not accepted here",
        severity=Severity.ERROR,
        what="A commit is signed with a kind that `formats` of the signers file omits: X.509 (gpgsm, gitsign) unless it"
        " is listed there and `x509` pins what proves it.",
        why="A signature of a kind that nobody has declared keys for says that somebody signed, not who.",
        remedy="Sign with a key that the signers file declares; docs/signatures.md says how to accept signatures of"
        " gitsign.",
        references=(_FORMAT,),
    ),
    Rule(
        id="signature/sig-class",
        title="A signature that was made for something else",
        severity=Severity.ERROR,
        what="The signature is of a text document, a certification, or of another SSH namespace than `git`.",
        why="A signature that somebody gave for another purpose can be moved onto a commit that they never saw.",
        remedy=_SIGN_AGAIN,
        references=(_OPENPGP, _SSHSIG),
    ),
    Rule(
        id="signature/sig-digest-weak",
        title="A signature over a weak digest",
        severity=Severity.ERROR,
        what="The signature uses SHA-1, MD5 or another digest that `algorithms.digests` does not list.",
        why="Two commits with the same digest can be made, so that one signature fits both.",
        remedy="Set `digest-algo SHA512` in gpg.conf, or use a current ssh-keygen, and sign the commit again.",
        references=("https://shattered.io/", _OPENPGP),
    ),
    Rule(
        id="signature/sig-algo-weak",
        title="A signature by a weak key",
        severity=Severity.ERROR,
        what="The key is DSA, too small an RSA key, or of another algorithm that is not accepted.",
        why="Keys of this kind can be computed, or leak through their signatures.",
        remedy="Make an Ed25519 key, have the administrators declare it, and sign the commit again.",
        references=("https://csrc.nist.gov/pubs/fips/186-5/final",),
    ),
    Rule(
        id="signature/sig-bad",
        title="A signature that does not belong to the commit",
        severity=Severity.ERROR,
        what="The signature was made by a declared key, but not over this commit.",
        why="The commit was edited after it was signed, or the signature was copied from another one.",
        remedy="Find out where the commit comes from; if it is yours, sign it again.",
        references=(_FORMAT,),
    ),
    Rule(
        id="signature/sig-future",
        title="A signature from the future",
        severity=Severity.ERROR,
        what="The signature says that it was made later than now.",
        why="A date that is still to come keeps a signature alive longer than its key, and shows a wrong clock.",
        remedy="Set the clock of the machine that signs, and sign the commit again.",
        references=(_OPENPGP,),
    ),
    Rule(
        id="signature/sig-expired",
        title="An expired signature",
        severity=Severity.ERROR,
        what="The signature itself names a time after which it is not valid, and that time has passed.",
        why="Its maker has limited what it is good for.",
        remedy=_SIGN_AGAIN,
        references=(_OPENPGP,),
    ),
)
