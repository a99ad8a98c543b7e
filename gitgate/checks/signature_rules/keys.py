"""Rules about the keys that signed, judged by the signers file of the base and at the present time."""

from __future__ import annotations

from gitgate.finding import Rule, Severity

_GPG = "https://www.gnupg.org/documentation/manuals/gnupg/OpenPGP-Key-Management.html"
_DETAILS = "https://github.com/gpg/gnupg/blob/master/doc/DETAILS"
_SSH = "https://man.openbsd.org/ssh-keygen.1"

RULES: tuple[Rule, ...] = (
    Rule(
        id="signature/key-unknown",
        title="A signature by an undeclared key",
        severity=Severity.ERROR,
        what="The key that signed is not declared in `.gitgate/signers.yaml` of the protected branch.",
        why=(
            "Anybody can make a key in any name. A key that the change itself declares does not count before the "
            "administrators have merged it."
        ),
        remedy="Sign with a declared key, or have the administrators add this one first: `gitgate signer add`.",
        references=(_DETAILS,),
    ),
    Rule(
        id="signature/key-revoked",
        title="A signature by a revoked key",
        severity=Severity.ERROR,
        what="The key carries a revocation, or is in the list of revoked keys that the signers file names.",
        why="Keys are revoked when somebody else may have them; the date in a signature can be chosen freely.",
        remedy="Sign the commit again with a key that is still good.",
        references=(_GPG, _SSH),
    ),
    Rule(
        id="signature/key-expired",
        title="A signature by an expired key",
        severity=Severity.ERROR,
        what="The key is no longer valid now, whatever dates the commit and the signature name.",
        why="Dates in a commit are chosen by whoever makes it, so an expired key would never end.",
        remedy="Extend the key (`gpg --quick-set-expire`), have its file updated, or sign with another key.",
        references=(_GPG,),
    ),
    Rule(
        id="signature/key-not-yet-valid",
        title="A signature by a key that is not valid yet",
        severity=Severity.ERROR,
        what="The key begins to be valid later than now, or later than the signature was made.",
        why="A signature that is older than its key has a false date.",
        remedy="Wait until the key is valid, or sign the commit again.",
        references=(_DETAILS,),
    ),
    Rule(
        id="signature/key-out-of-window",
        title="A key outside of its window",
        severity=Severity.ERROR,
        what="`notBefore` or `notAfter` of the signers file does not accept the key at this time.",
        why="The repository's owners have limited when signatures of this key count.",
        remedy="Sign with another declared key, or have the administrators change the window.",
        references=(_SSH,),
    ),
    Rule(
        id="signature/key-not-authorized",
        title="A known key that may not sign this",
        severity=Severity.ERROR,
        what="The key is declared, but no rule of the signers file names its owner, or its platform may not sign.",
        why="To be known is not to be entitled: an owner whom no rule names any more has left.",
        remedy="Let somebody sign whom the rules name.",
        references=("https://slsa.dev/spec/v1.2/source-requirements",),
    ),
    Rule(
        id="signature/identity-mismatch",
        title="A commit in somebody else's name",
        severity=Severity.ERROR,
        what="The committer or author of the commit is not an address of the person whose key signed it.",
        why="Logs, reviews and blame name a person who has not signed, and trust them.",
        remedy="Set `user.email` to an address that the signers file lists for you, and sign the commit again.",
        references=("https://git-scm.com/docs/git-commit",),
    ),
    Rule(
        id="signature/platform-key-content",
        title="A platform's key on content",
        severity=Severity.ERROR,
        what="A commit that changes something is signed by the key of the hosting platform.",
        why=(
            "The platform signs what anybody with a session or a token does on its web pages; that is the credential "
            "which signatures are to protect against."
        ),
        remedy="Make the commit on your own machine and sign it with your own key.",
        references=("https://docs.github.com/en/authentication/managing-commit-signature-verification",),
    ),
)
