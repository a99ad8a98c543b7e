"""Rules about who may change what, and about content that hides who changed it."""

from __future__ import annotations

from gitgate.finding import Rule, Severity

_MERGE = "https://git-scm.com/docs/git-merge-tree"
_SOURCE_TRACK = "https://slsa.dev/spec/v1.2/source-requirements"
_CLEAN = "Make the merge again with `git merge -S`, without editing it, and put further changes in commits."

RULES: tuple[Rule, ...] = (
    Rule(
        id="signature/path-not-authorized",
        title="A path that its signer may not change",
        severity=Severity.ERROR,
        what="A commit changes a path, and a rule of the signers file that matches it does not name the signer.",
        why="A stolen key of one person would otherwise open everything, production included.",
        remedy="Let somebody whom the rule names make and sign this commit, or leave the path out of it.",
        references=(_SOURCE_TRACK,),
    ),
    Rule(
        id="signature/threshold-unmet",
        title="Fewer signers than a rule demands",
        severity=Severity.ERROR,
        what="A rule demands several people, and fewer have signed the final state of its paths.",
        why="One stolen key, or one mistake, would be enough to change what needs several people.",
        remedy='Somebody else whom the rule names signs on top: `git commit --allow-empty -S -m "Approve"`.',
        references=(_SOURCE_TRACK,),
    ),
    Rule(
        id="signature/merge-unsigned",
        title="A merge without a signature",
        severity=Severity.ERROR,
        what="A merge commit carries no signature, and `merges.requireSigned` demands one.",
        why="Whoever merges chooses what comes together; nothing proves who that was.",
        remedy="Make the merge again with `git merge -S`.",
        references=("https://git-scm.com/docs/git-merge",),
    ),
    Rule(
        id="signature/merge-octopus",
        title="A merge of more than two parents",
        severity=Severity.ERROR,
        what="A commit has more than two parents.",
        why="Such a merge cannot be made again and compared, so content could hide in it.",
        remedy="Merge the branches one after another.",
        references=(_MERGE,),
    ),
    Rule(
        id="signature/merge-evil",
        title="A merge that changes what its parents do not explain",
        severity=Severity.ERROR,
        what="A merge holds something else than merging its parents gives, in paths that its signer may not change.",
        why=(
            "`git log -p` shows nothing for merges: a change that no parent has, or the silent loss of one parent's "
            "change, passes review unseen."
        ),
        remedy=_CLEAN,
        references=(_MERGE, "https://git-scm.com/docs/gitglossary"),
    ),
    Rule(
        id="signature/submodule-changed",
        title="A submodule that changes",
        severity=Severity.ERROR,
        what="A commit adds or moves a submodule that `submodules` of the signers file does not list.",
        why="Agents check submodules out, and nothing in them was signed, reviewed or judged here.",
        remedy="Copy the files into the repository, or have the administrators list the submodule.",
        references=("https://git-scm.com/docs/gitsubmodules",),
    ),
    Rule(
        id="signature/symlink-escape",
        title="A symbolic link out of the repository",
        severity=Severity.ERROR,
        what="A commit adds a symbolic link whose target is outside of the repository.",
        why="Whatever follows it, such as an agent, reads files of the machine that it runs on.",
        remedy="Link to a path inside of the repository, or copy the file.",
        references=("https://nvd.nist.gov/vuln/detail/CVE-2022-31036",),
    ),
    Rule(
        id="signature/path-collision",
        title="Two paths that are one on some file systems",
        severity=Severity.ERROR,
        what="Two paths of a commit differ only in case or in Unicode form.",
        why="A checkout on another file system holds one of the two, and who may change one may change the other.",
        remedy="Rename one of the two.",
        references=("https://www.unicode.org/reports/tr15/",),
    ),
)
