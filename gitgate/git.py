"""Repositories: the clean room from which everything in git is read, and the merge that would be.

git itself never opens the judged repository. It opens a fresh bare repository in a private directory that has the
judged one's objects as alternates, and nothing else of it: no configuration, hook, attribute, replace ref, graft,
shallow file or commit-graph (docs/adr/0004-clean-room.md). What git writes, such as the objects of the prospective
merge, goes into the clean room and disappears with it.
"""

from __future__ import annotations

import contextlib
import functools
import hashlib
import os
import re
import shutil
import zlib
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final, Self

from gitgate.change import OBJECT_ID_LENGTHS
from gitgate.errors import RepositoryError, ToolError, UsageError
from gitgate.git_directory import GitDirectory, find_git_directory, is_ref_name
from gitgate.git_objects import GitTree, ObjectStore
from gitgate.process import Completed, Coprocess, find_program, private_directory, run

MINIMUM_GIT: Final = (2, 38)
"""The first git with `merge-tree --write-tree`."""
DEFAULT_BRANCHES: Final = (
    "refs/remotes/origin/HEAD",
    "refs/remotes/origin/main",
    "refs/remotes/origin/master",
    "refs/remotes/upstream/HEAD",
    "refs/remotes/upstream/main",
    "refs/remotes/upstream/master",
)
_LOCAL_DEFAULT_BRANCHES = ("refs/heads/main", "refs/heads/master")
# gitrevisions(7): where a short name is looked for. HEAD is the only name outside refs/ that is taken.
_REF_PLACES = (
    "refs/{}",
    "refs/tags/{}",
    "refs/heads/{}",
    "refs/remotes/{}",
    "refs/remotes/{}/HEAD",
)
_REVISION = re.compile(r"(?P<name>[^~^]+)(?P<steps>(?:~[0-9]{0,6}|\^[0-9]{0,3}|\^\{commit\})*)\Z", re.DOTALL)
_STEP = re.compile(r"([~^])(\{commit\}|[0-9]*)")
_OID = re.compile(r"(?:[0-9a-f]{40}|[0-9a-f]{64})\Z")
_ABBREVIATED = re.compile(r"[0-9a-f]{4,63}\Z", re.IGNORECASE)
_WALK_LINE = re.compile(rb"([<>])([0-9a-f]{40,64})")
_IDENTITY = "gitgate <gitgate@invalid> 0 +0000"


@dataclass(frozen=True, slots=True)
class MergeConflict:
    """Head cannot be merged into base without a person.

    Attributes:
        paths: Where both sides changed something, sorted; at least one.
        tree: What git made of everything else, with its marks in these paths; nothing to judge a change by.
    """

    paths: tuple[str, ...]
    tree: str = field(default="", compare=False)


class Repository:
    """A clean room on a repository; use it in a `with` statement, as it holds a process and a private directory.

    Args:
        directory: The judged repository.
        extra_object_directories: More places with objects: the quarantine of a push that is being received.

    Raises:
        ToolError: git is missing or too old.
    """

    def __init__(self, directory: GitDirectory, extra_object_directories: Sequence[Path] = ()) -> None:
        self._directory = directory
        self._git = _find_git()
        self._walks: dict[tuple[str, str], tuple[tuple[str, ...], tuple[str, ...]]] = {}
        with contextlib.ExitStack() as stack:
            private = stack.enter_context(private_directory())
            self._room = _build_room(private, directory, extra_object_directories)
            self._cwd = private
            arguments = self._arguments("cat-file", "--batch-command", "--buffer")
            batch = stack.enter_context(Coprocess(arguments, cwd=private, environment=self._environment))
            self._store = ObjectStore(batch, directory)
            self._stack = stack.pop_all()

    @classmethod
    def open(cls, path: Path | None = None, *, extra_object_directories: Sequence[Path] = ()) -> Self:
        """Open the repository that a path belongs to.

        Args:
            path: A work tree or anything in it, a `.git`, or a bare repository; the working directory when None.
            extra_object_directories: More places with objects: the quarantine of a push that is being received.

        Raises:
            UsageError: The path does not exist.
            RepositoryError: There is no repository, or one that cannot be read.
            ToolError: git is missing or too old.
        """
        return cls(find_git_directory(path), extra_object_directories)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """End git and remove the private directory."""
        self._stack.close()

    # Names

    def resolve(self, revision: str) -> str:
        """Full name of the commit that a revision means.

        A revision is a full object name, `HEAD`, `@`, a branch, a tag, a remote branch or any `refs/…`, followed by
        any number of `~N`, `^N`. Nothing else: an abbreviated object name can come to mean another object, and what
        `@{…}` means depends on this machine's reflog.

        Raises:
            UsageError: It is no such revision, or not the name of one commit.
            IncompleteHistoryError: The object is missing.
            RepositoryError: There is no ref of that name.
        """
        match = _REVISION.match(revision)
        if match is None or "@{" in match["name"] or ":" in match["name"]:
            raise UsageError(
                f"{revision!r} is not a revision that gitgate takes",
                remedy="Give a branch, a tag, a remote branch or a full object name, then ~N or ^N if need be.",
            )
        oid = self._commit(self._lookup(match["name"]), revision)
        for kind, number in _STEP.findall(match["steps"]):
            oid = self._step(oid, kind, number, revision)
        return oid

    def default_base(self) -> tuple[str, str] | None:
        """Name and commit of the branch that a change most likely goes into; None when nothing says.

        That is the remote's default branch, or the local `main` or `master` when HEAD is another branch.
        """
        for ref in DEFAULT_BRANCHES:
            oid = self._directory.read_ref(ref)
            if oid is not None:
                shown = self._directory.symbolic_target(ref) or ref
                return shown.removeprefix("refs/remotes/"), self._commit(oid, shown)
        current = self._directory.symbolic_target("HEAD")
        for ref in _LOCAL_DEFAULT_BRANCHES:
            oid = self._directory.read_ref(ref)
            if oid is not None and ref != current:
                return ref.removeprefix("refs/heads/"), self._commit(oid, ref)
        return None

    def ref(self, name: str) -> str | None:
        """Object name that a ref holds, by its full name; None when there is no such ref.

        Raises:
            RepositoryError: The ref is broken.
        """
        return self._directory.read_ref(name)

    def symbolic_target(self, name: str) -> str | None:
        """The ref that a symbolic ref names, `refs/heads/main` for `HEAD`; None when it is not symbolic."""
        return self._directory.symbolic_target(name)

    def is_empty(self) -> bool:
        """Is there no commit at HEAD yet?"""
        return self._directory.read_ref("HEAD") is None

    def has_index(self) -> bool:
        """Is there an index, so that something could be staged? A bare repository has none."""
        return "GIT_INDEX_FILE" in os.environ or self._directory.index.is_file()

    # Objects and trees

    def object(self, oid: str) -> tuple[str, bytes]:
        """Type and content of an object.

        Raises:
            IncompleteHistoryError: It is missing.
        """
        return self._store.object(oid)

    def objects(self, oids: Iterable[str]) -> Iterator[tuple[str, str, bytes]]:
        """Object name, type and content of many objects in the order asked for, at the price of little more than one.

        Raises:
            IncompleteHistoryError: One is missing.
        """
        return self._store.objects(oids)

    def tree(self, commit: str) -> GitTree:
        """The tree of a commit, by the commit's full object name."""
        return GitTree(self._store, self._store.commit(commit).tree)

    def index_tree(self) -> GitTree:
        """The tree that committing the index now would make; `GIT_INDEX_FILE` names another index.

        Raises:
            RepositoryError: There is no index, it has conflicts, or it cannot be read.
            IncompleteHistoryError: A staged object is missing.
        """
        named = os.environ.get("GIT_INDEX_FILE")
        source = Path.cwd() / named if named else self._directory.index
        index = self._cwd / "index"
        try:
            # A copy: write-tree would lock and rewrite the index itself.
            shutil.copyfile(source, index)
            for shared in self._directory.shared_indexes():
                shutil.copyfile(shared, self._room / shared.name)
        except FileNotFoundError:
            if named or self._directory.read_ref("HEAD") is not None:
                raise RepositoryError("the repository has no index", remedy="Give --head instead.") from None
        except OSError as error:
            raise RepositoryError(f"the index cannot be read: {error.strerror}") from error
        done = self._run("write-tree", expected=(0, 128), environment={"GIT_INDEX_FILE": str(index)})
        if done.returncode != 0:
            raise self._index_error(done)
        return GitTree(self._store, self._single_oid(done.stdout.strip()))

    def index_commit(self) -> str:
        """The commit that committing the index now would make, in the clean room only, so that it can be merged.

        Its parents are HEAD and, while a merge is in progress, what is being merged; raises as `index_tree` does.
        """
        head = self._directory.read_ref("HEAD")
        parents = [head, *self._directory.merge_heads()] if head is not None else []
        lines = [f"tree {self.index_tree().oid}"]
        lines += [f"parent {self._commit(parent, parent)}" for parent in parents]
        lines += [f"author {_IDENTITY}", f"committer {_IDENTITY}", "", "The index\n"]
        return self._write_commit("\n".join(lines).encode("ascii"))

    # History

    def merge(self, base: str, head: str) -> GitTree | MergeConflict:
        """The tree that merging a commit into another would make: what is judged.

        Args:
            base: Commit at the tip of the protected branch, full object name.
            head: Proposed commit, full object name.

        Raises:
            IncompleteHistoryError: Objects are missing, so that the merge would be another one.
            RepositoryError: The two have no history in common.
        """
        ahead, behind = self._walk(base, head)
        if not ahead:
            return self.tree(base)
        if not behind:
            return self.tree(head)
        arguments = ("merge-tree", "--write-tree", "-z", "--name-only", "--no-messages", base, head)
        done = self._run(*arguments, expected=(0, 1, 128))
        if b"refusing to merge unrelated histories" in done.stderr:
            raise RepositoryError(
                "base and head have no commit in common, so they cannot be merged",
                remedy="Base the change on the protected branch.",
            )
        if done.returncode == 128 or re.search(rb"^(?:error|fatal): ", done.stderr, re.MULTILINE):
            raise self._history_error(done)
        tree, *paths = done.stdout.decode("utf-8", "surrogateescape").split("\0")
        if paths.pop() if paths else True:
            raise ToolError("git merge-tree gave an incomplete answer")
        oid = self._single_oid(tree.encode("utf-8", "surrogateescape"))
        if done.returncode == 0 and not paths:
            return GitTree(self._store, oid)
        if done.returncode == 1 and paths:
            return MergeConflict(tuple(sorted(set(paths))), oid)
        raise ToolError("git merge-tree contradicts itself: its exit code and its list of conflicts do not agree")

    def commits(self, base: str | None, head: str) -> tuple[str, ...]:
        """Commits that are reachable from head and not from base, newest first; all of head's when there is no base.

        Raises:
            IncompleteHistoryError: The walk met a missing commit: what is there would be fewer, or other, commits.
        """
        if base is not None:
            return self._walk(base, head)[0]
        return tuple(oid for _, oid in self._rev_list(head))

    def _walk(self, base: str, head: str) -> tuple[tuple[str, ...], tuple[str, ...]]:
        """Commits of head that base lacks, and of base that head lacks.

        Both sides at once, as that makes git find their merge bases: should it fail to, then nothing bounds the walk,
        and it runs into what is missing, which is an error (docs/adr/0004-clean-room.md).
        """
        if base == head:
            return (), ()
        if (base, head) not in self._walks:
            found = self._rev_list("--left-right", f"{head}...{base}")
            sides = (tuple(oid for side, oid in found if side == mark) for mark in ("<", ">"))
            ahead, behind = sides
            if (ahead and ahead[0] != head) or (behind and base not in behind) or not (ahead or behind):
                raise ToolError("git rev-list gave an incomplete answer")
            self._walks[base, head] = ahead, behind
        return self._walks[base, head]

    def _rev_list(self, *arguments: str) -> list[tuple[str, str]]:
        done = self._run("rev-list", "--topo-order", *arguments, "--", expected=(0, 128))
        if done.returncode != 0 or re.search(rb"^(?:error|fatal): ", done.stderr, re.MULTILINE):
            raise self._history_error(done)
        lines = done.stdout.split(b"\n")
        matches = [_WALK_LINE.fullmatch(line if line[:1] in b"<>" else b"<" + line) for line in lines[:-1]]
        if lines[-1] or None in matches:
            raise ToolError("git rev-list gave an incomplete answer")
        return [(match[1].decode("ascii"), match[2].decode("ascii")) for match in matches if match is not None]

    # Names, in parts

    def _lookup(self, name: str) -> str:
        if _OID.match(name):
            return name
        places = ("HEAD",) if name in ("HEAD", "@") else tuple(place.format(name) for place in _REF_PLACES)
        if name.startswith("refs/"):
            places = (name, *places)
        found = {place: oid for place in places if (oid := self._directory.read_ref(place)) is not None}
        if len({self._store.peel(oid)[0] for oid in found.values()} if len(found) > 1 else found) > 1:
            raise UsageError(
                f"{name!r} may mean {' or '.join(found)}", remedy="Give the full name of the one you mean."
            )
        if found:
            return next(iter(found.values()))
        if places == ("HEAD",):
            raise RepositoryError("the repository has no commit yet", remedy="Commit something first.")
        if _ABBREVIATED.match(name):
            length = max(OBJECT_ID_LENGTHS) if self._directory.object_format == "sha256" else min(OBJECT_ID_LENGTHS)
            raise UsageError(f"{name!r} is an abbreviated object name", remedy=f"Give all {length} digits.")
        if not is_ref_name(name):
            raise UsageError(f"{name!r} cannot be the name of a branch or tag")
        raise RepositoryError(
            f"there is no branch or tag {name!r} in this repository",
            remedy="Fetch it: `git fetch origin`; in GitHub Actions give actions/checkout `fetch-depth: 0`.",
        )

    def _commit(self, oid: str, revision: str) -> str:
        peeled, kind = self._store.peel(oid)
        if kind != "commit":
            raise UsageError(f"{revision!r} is a {kind}, not a commit")
        return peeled

    def _step(self, oid: str, kind: str, number: str, revision: str) -> str:
        """One `~N` (N first parents back) or `^N` (the N-th parent; `^0` and `^{commit}` are the commit itself)."""
        if number == "{commit}":
            return oid
        count = int(number or 1)
        choices = [1] * count if kind == "~" else [count][: bool(count)]
        for choice in choices:
            parents = self._store.commit(oid).parents
            if choice > len(parents):
                raise UsageError(f"there is no commit {revision!r}: {oid} has {len(parents)} parents")
            oid = parents[choice - 1]
        return self._commit(oid, revision)

    # git

    @property
    def _environment(self) -> dict[str, str]:
        return {
            "HOME": str(self._cwd),
            "XDG_CONFIG_HOME": str(self._cwd),
            "GIT_ALLOW_PROTOCOL": "",
            "GIT_ATTR_NOSYSTEM": "1",
            "GIT_CONFIG_GLOBAL": os.devnull,
            "GIT_CONFIG_NOSYSTEM": "1",
            "GIT_NO_LAZY_FETCH": "1",
            "GIT_NO_REPLACE_OBJECTS": "1",
            "GIT_OPTIONAL_LOCKS": "0",
            "GIT_TERMINAL_PROMPT": "0",
        }

    def _arguments(self, *arguments: str) -> list[str]:
        options = ["-c", "core.commitGraph=false", "-c", "safe.bareRepository=explicit"]
        return [self._git, *options, f"--git-dir={self._room}", *arguments]

    def _run(
        self, *arguments: str, expected: Sequence[int] = (0,), environment: dict[str, str] | None = None
    ) -> Completed:
        return run(
            self._arguments(*arguments),
            cwd=self._cwd,
            environment={**self._environment, **(environment or {})},
            expected=expected,
        )

    def _single_oid(self, text: bytes) -> str:
        oid = text.decode("ascii", "replace")
        if not _OID.match(oid):
            raise ToolError("git gave something else where an object name was expected")
        return oid

    def _history_error(self, done: Completed) -> RepositoryError | ToolError:
        if re.search(
            rb"[Cc]ould not (?:read|parse)|bad object|missing|[Ff]ailed to traverse|unable to read", done.stderr
        ):
            return self._store.missing()
        return ToolError(f"git failed (exit code {done.returncode}): {done.complaint}")

    def _index_error(self, done: Completed) -> RepositoryError | ToolError:
        if b": unmerged (" in done.stderr:
            return RepositoryError("the index has conflicts", remedy="Resolve them and `git add` the files first.")
        if b"invalid object" in done.stderr or b"unable to read" in done.stderr:
            missing = self._store.missing()
            return type(missing)(
                str(missing).replace("commits between base and head", "staged objects"), remedy=missing.remedy
            )
        return RepositoryError(f"the index cannot be read: {done.complaint}", remedy="Check it with `git status`.")

    def _write_commit(self, data: bytes) -> str:
        """Write a loose object. Format: git's Documentation, "Git Internals - Git Objects"."""
        content = b"commit %d\0" % len(data) + data
        if self._directory.object_format == "sha256":
            oid = hashlib.sha256(content).hexdigest()
        else:
            oid = hashlib.sha1(content, usedforsecurity=False).hexdigest()
        place = self._room / "objects" / oid[:2] / oid[2:]
        place.parent.mkdir(exist_ok=True)
        place.write_bytes(zlib.compress(content))
        return oid


def _build_room(private: Path, directory: GitDirectory, extra: Sequence[Path]) -> Path:
    """Make the bare repository by hand: `git init` would cost a process and copy a template's hooks.

    Format: gitrepository-layout(5).
    """
    room = private / "room.git"
    (room / "objects" / "info").mkdir(parents=True)
    (room / "refs").mkdir()
    # A branch that does not exist: a bare repository's attributes may be read from HEAD's tree (git 2.43).
    (room / "HEAD").write_text("ref: refs/heads/nothing\n", encoding="ascii")
    sha256 = directory.object_format == "sha256"
    (room / "config").write_text(
        f"[core]\n\trepositoryformatversion = {int(sha256)}\n\tbare = true\n\tcommitGraph = false\n"
        + ("[extensions]\n\tobjectFormat = sha256\n" if sha256 else ""),
        encoding="ascii",
    )
    alternates = b"".join(_quoted(place.resolve()) + b"\n" for place in (directory.objects, *extra))
    (room / "objects" / "info" / "alternates").write_bytes(alternates)
    return room


def _quoted(path: Path) -> bytes:
    """A path quoted in C style, so that no name can be read as two. Source: git's quote.c, `unquote_c_style`."""
    return b'"%s"' % re.sub(rb'["\\\x00-\x1f]', lambda found: b"\\%03o" % found[0][0], os.fsencode(path))


@functools.cache
def _find_git() -> str:
    """Absolute path of a git that is new enough."""
    remedy = f"Install git {'.'.join(map(str, MINIMUM_GIT))} or newer."
    program = find_program("git", remedy=remedy)
    answer = run([program, "--version"], cwd=Path("/")).stdout.decode("utf-8", "replace").strip()
    match = re.match(r"git version ([0-9]+)\.([0-9]+)", answer)
    if match is None or (int(match[1]), int(match[2])) < MINIMUM_GIT:
        raise ToolError(f"git is too old or is not git: {answer[:100]!r}", remedy=remedy)
    return program
