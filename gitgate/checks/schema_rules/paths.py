"""Rules about the tree: a merge that fails, and names, links and submodules that are not what review shows."""

from __future__ import annotations

from gitgate.finding import Rule, Severity

_VERIFY_PATH = "https://github.com/git/git/blob/master/read-cache.c"

RULES: tuple[Rule, ...] = (
    Rule(
        id="schema/merge-conflict",
        title="A change that cannot be merged",
        severity=Severity.ERROR,
        what="Base and change edit the same place of a file, or one edits what the other deletes.",
        why="There is no merged tree to judge; whoever resolves the conflict later writes what nobody has reviewed.",
        remedy="Merge the base into the branch or rebase it, resolve the conflict there and push again.",
        references=("https://git-scm.com/docs/git-merge-tree",),
    ),
    Rule(
        id="schema/path-reserved",
        title="A path that a checkout cannot or must not write",
        severity=Severity.ERROR,
        what=(
            "A path has a part such as `..` or `.git`, or one that a file system takes for `.git`, has a backslash or "
            "an ending that Windows drops, or is too long."
        ),
        why=(
            "Git refuses to check out such a tree, so the agent stops; a tool that does write it can be made to "
            "overwrite files outside of its directory."
        ),
        remedy="Rename the file; a tree with such a path was not made by an ordinary git.",
        references=(_VERIFY_PATH, "https://nvd.nist.gov/vuln/detail/CVE-2014-9390"),
    ),
    Rule(
        id="schema/path-collision",
        title="Two paths that are one on some file systems",
        severity=Severity.ERROR,
        what="Two paths differ only in case or in the way that Unicode composes a letter.",
        why=(
            "On macOS and Windows one file overwrites the other at checkout. What a reviewer tests there is not what "
            "the agent applies from Linux."
        ),
        remedy="Rename one of the two, or delete the one that is not meant.",
        references=(
            "https://git-scm.com/docs/git-config#Documentation/git-config.txt-coreignoreCase",
            "https://www.unicode.org/reports/tr15/",
        ),
    ),
    Rule(
        id="schema/path-hidden-character",
        title="A path with a character that cannot be seen",
        severity=Severity.ERROR,
        what=(
            "A file name holds a control character, a line break, a zero-width character or one that turns the "
            "direction of writing."
        ),
        why="Lists of changed files show another name than the real one, and patterns over paths miss the file.",
        remedy="Rename the file with visible characters only.",
        references=("https://trojansource.codes/", "https://www.unicode.org/reports/tr36/"),
    ),
    Rule(
        id="schema/path-not-utf8",
        title="A path that is not UTF-8",
        severity=Severity.ERROR,
        what="The bytes of a file name are not valid UTF-8.",
        why="Tools spell such a name in different ways or skip the file, so it may be applied without being judged.",
        remedy="Rename the file; ASCII names are safe everywhere.",
        references=("https://git-scm.com/docs/git-config#Documentation/git-config.txt-corequotePath",),
    ),
    Rule(
        id="schema/symlink-escape",
        title="A symbolic link that leaves the repository",
        severity=Severity.ERROR,
        what="A symbolic link points to an absolute path, through `..` out of the repository, or into a submodule.",
        why=(
            "The agent would read a file of its own machine, among them credentials. Argo CD had such a hole and now "
            "refuses the whole repository, so that nothing is synchronised any more."
        ),
        remedy="Replace the link by the file, or let it point to a relative path inside the repository.",
        references=("https://nvd.nist.gov/vuln/detail/CVE-2022-31036",),
    ),
    Rule(
        id="schema/symlink-loop",
        title="Symbolic links that lead to themselves",
        severity=Severity.ERROR,
        what="Following a symbolic link comes back to the same link, or takes more steps than a file system allows.",
        why="Nothing can be read through the link; a tool that walks the directory fails or never ends.",
        remedy="Delete the link, or let it point to a file or directory that is none.",
        references=("https://man7.org/linux/man-pages/man7/path_resolution.7.html",),
    ),
    Rule(
        id="schema/symlink-dangling",
        title="A symbolic link to nothing",
        severity=Severity.ERROR,
        what="A symbolic link points to a path that the tree does not have.",
        why="The agent fails when it reads the link, or treats as absent what somebody meant to apply.",
        remedy="Add the file that it should point to, correct the target, or delete the link.",
        references=("https://man7.org/linux/man-pages/man7/symlink.7.html",),
    ),
    Rule(
        id="schema/checkout-rewrites",
        title="A file that a checkout writes differently",
        severity=Severity.ERROR,
        what=(
            "A `.gitattributes` gives files that may be manifests a `filter`, an `ident` or a `working-tree-encoding`, "
            "or a manifest is the pointer to a file in Git LFS."
        ),
        why=(
            "An agent that checks the repository out gets other bytes than git holds, while those in git are reviewed "
            "and judged."
        ),
        remedy=(
            "Keep manifests in git as they are applied. If nothing applies the files concerned, list the "
            "`.gitattributes` under `exclude`, or give this rule another weight under `rules`, in "
            ".gitgate/settings.yaml."
        ),
        references=(
            "https://git-scm.com/docs/gitattributes",
            "https://github.com/git-lfs/git-lfs/blob/main/docs/spec.md",
        ),
    ),
    Rule(
        id="schema/submodule",
        title="A submodule among the manifests",
        severity=Severity.ERROR,
        what="The tree names a commit of another repository, whose content is not part of this one.",
        why=(
            "Argo CD checks submodules out and applies what is in them. Those files were not in front of gitgate or "
            "of the reviewers."
        ),
        remedy=(
            "Copy the manifests into this repository, or let the agent apply the other repository by itself. If "
            "nothing applies it, list it under `exclude` in .gitgate/settings.yaml."
        ),
        references=(
            "https://git-scm.com/docs/gitsubmodules",
            "https://argo-cd.readthedocs.io/en/stable/user-guide/private-repositories/#git-submodules",
        ),
    ),
)
