"""Real git repositories for tests: small, deterministic, one `git fast-import` per commit.

    repository = RepositoryBuilder(tmp_path / "app")
    base = repository.commit({"app.yaml": "kind: …"})
    head = repository.commit({"app.yaml": "…", "old.yaml": None}, branch="change")   # None deletes
    repository.checkout("change")                       # only this writes the work tree

Identity and dates are fixed and no configuration of the machine is read, so that object names are the same everywhere.
"""

from __future__ import annotations

import os
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Self

ENVIRONMENT = {
    "PATH": os.environ.get("PATH", os.defpath),
    "LC_ALL": "C",
    "TZ": "UTC",
    "GIT_CONFIG_NOSYSTEM": "1",
    "GIT_CONFIG_GLOBAL": os.devnull,
    "GIT_TERMINAL_PROMPT": "0",
    "GIT_AUTHOR_NAME": "Ada Author",
    "GIT_AUTHOR_EMAIL": "ada@example.com",
    "GIT_AUTHOR_DATE": "1700000000 +0000",
    "GIT_COMMITTER_NAME": "Carl Committer",
    "GIT_COMMITTER_EMAIL": "carl@example.com",
    "GIT_COMMITTER_DATE": "1700000000 +0000",
}
_PERSON = {
    kind: f"{ENVIRONMENT[f'GIT_{kind}_NAME']} <{ENVIRONMENT[f'GIT_{kind}_EMAIL']}> {ENVIRONMENT[f'GIT_{kind}_DATE']}"
    for kind in ("AUTHOR", "COMMITTER")
}


@dataclass(frozen=True, slots=True)
class Link:
    """A symbolic link."""

    target: str | bytes


@dataclass(frozen=True, slots=True)
class Executable:
    """A file with the executable bit."""

    content: str | bytes


@dataclass(frozen=True, slots=True)
class Submodule:
    """A gitlink; the commit need not exist."""

    oid: str = "1" * 40


Content = str | bytes | Link | Executable | Submodule
"""What may stand at a path; None in a commit deletes the path."""
Nested = Mapping[str | bytes, "Content | Nested"]
"""A tree for `raw_tree`: names are single components, unchecked, so that anything hostile can be written."""


def encode(text: str | bytes) -> bytes:
    """A name or content as bytes; lone surrogates stand for undecodable bytes."""
    return text if isinstance(text, bytes) else text.encode("utf-8", "surrogateescape")


class RepositoryBuilder:
    """A git repository under construction.

    Args:
        path: Where to make it; created when missing.
        bare: Without a work tree.
        object_format: `sha1` or `sha256`.
        branch: Name of the first branch.
    """

    def __init__(
        self, path: Path, *, bare: bool = False, object_format: str = "sha1", branch: str = "main", create: bool = True
    ) -> None:
        self.path = path
        self.bare = bare
        if create:
            path.mkdir(parents=True, exist_ok=True)
            options = ["--bare"] if bare else []
            self.git("init", "-q", f"--object-format={object_format}", f"--initial-branch={branch}", *options, ".")

    @property
    def git_dir(self) -> Path:
        return self.path if self.bare else self.path / ".git"

    def git(
        self,
        *arguments: str | bytes,
        stdin: bytes = b"",
        environment: Mapping[str, str] | None = None,
        check: bool = True,
    ) -> str:
        """Run git in the repository; its standard output without the last newline."""
        done = subprocess.run(
            ["git", *arguments],
            cwd=self.path,
            env={**ENVIRONMENT, **(environment or {})},
            input=stdin,
            capture_output=True,
            check=False,
        )
        if check and done.returncode != 0:
            command = " ".join(os.fsdecode(argument) for argument in arguments)
            raise AssertionError(f"git {command}: {done.returncode}\n{done.stderr.decode('utf-8', 'replace')}")
        return done.stdout.decode("utf-8", "surrogateescape").removesuffix("\n")

    # Commits

    def commit(
        self,
        files: Mapping[str, Content | None] | None = None,
        message: str = "Change",
        *,
        branch: str | None = None,
        parents: Sequence[str] | None = None,
    ) -> str:
        """Commit files on top of a branch and move the branch; the commit's object name.

        Args:
            files: Path to content; None deletes. Paths that are not named stay.
            message: Commit message.
            branch: The checked-out branch when None. A new branch starts at the checked-out one.
            parents: Revisions; the branch's tip when None, `()` for a root commit. The first gives the tree.
        """
        name = branch or self.git("symbolic-ref", "--short", "HEAD")
        ref = f"refs/heads/{name}"
        if parents is None:
            tip = self.git("rev-parse", "--verify", "-q", ref, check=False)
            parents = [tip or self.git("rev-parse", "--verify", "-q", "HEAD", check=False)]
        commits = [self.git("rev-parse", "--verify", f"{parent}^0") for parent in parents if parent]
        lines = [b"feature done\n"]
        if not commits:
            lines.append(f"reset {ref}\n".encode())
        lines.append(f"commit {ref}\nauthor {_PERSON['AUTHOR']}\ncommitter {_PERSON['COMMITTER']}\n".encode())
        lines.append(_data(encode(message)))
        lines += [f"{'merge' if index else 'from'} {oid}\n".encode() for index, oid in enumerate(commits)]
        lines += [_file_command(path, content) for path, content in (files or {}).items()]
        lines.append(b"\ndone\n")
        self.git("fast-import", "--quiet", "--force", stdin=b"".join(lines))
        self._refresh_index(ref)
        return self.git("rev-parse", "--verify", ref)

    def merge(
        self,
        other: str,
        files: Mapping[str, Content | None] | None = None,
        message: str = "Merge",
        *,
        branch: str | None = None,
    ) -> str:
        """A merge commit with `other` as second parent, holding first parent's tree changed by `files`."""
        name = branch or self.git("symbolic-ref", "--short", "HEAD")
        return self.commit(files, message, branch=name, parents=[f"refs/heads/{name}", other])

    def raw_tree(self, entries: Nested) -> str:
        """Write a tree from unchecked names (`..`, `.git`, newlines, bytes); its object name."""
        lines: list[bytes] = []
        for name, content in entries.items():
            mode, kind, oid = self._raw_entry(content)
            lines.append(f"{mode} {kind} {oid}\t".encode() + encode(name) + b"\0")
        return self.git("mktree", "-z", "--missing", stdin=b"".join(lines))

    def raw_commit(
        self, tree: Nested | str, message: str = "Raw", *, branch: str | None = None, parents: Sequence[str] = ()
    ) -> str:
        """Commit a raw tree and move the branch to it."""
        name = branch or self.git("symbolic-ref", "--short", "HEAD")
        oid = tree if isinstance(tree, str) else self.raw_tree(tree)
        options = [option for parent in parents for option in ("-p", parent)]
        commit = self.git("commit-tree", *options, oid, stdin=encode(message))
        self.git("update-ref", f"refs/heads/{name}", commit)
        self._refresh_index(f"refs/heads/{name}")
        return commit

    def write(self, content: str | bytes, kind: str = "blob") -> str:
        """Write one object without checking it; its object name."""
        return self.git("hash-object", "-w", "--literally", "-t", kind, "--stdin", stdin=encode(content))

    # Refs

    def branch(self, name: str, at: str = "HEAD") -> str:
        """Set a branch to a commit, without asking whether the name is wise."""
        return self.ref(f"refs/heads/{name}", at)

    def ref(self, name: str, at: str = "HEAD") -> str:
        """Set any ref, `refs/remotes/origin/main`; the object name."""
        oid = self.git("rev-parse", "--verify", at)
        self.git("update-ref", name, oid)
        return oid

    def tag(self, name: str, at: str = "HEAD", *, annotated: bool = False) -> str:
        """Set a tag; its object name."""
        self.git("-c", "tag.gpgSign=false", "tag", "-f", *(["-a", "-m", name] if annotated else []), "--", name, at)
        return self.git("rev-parse", "--verify", f"refs/tags/{name}")

    def symbolic_ref(self, name: str, target: str) -> None:
        """Set a symbolic ref, `HEAD` or `refs/remotes/origin/HEAD`."""
        self.git("symbolic-ref", name, target)

    # Work tree and index

    def checkout(self, branch: str) -> None:
        """Check a branch out into the work tree."""
        self.git("checkout", "-q", "-f", branch, "--")

    def stage(self, files: Mapping[str, Content | None]) -> None:
        """Put content in the index, as `git add` and `git rm --cached` do; the work tree stays as it is."""
        lines: list[bytes] = []
        for path, content in files.items():
            mode, oid = ("0", "0" * self._oid_length) if content is None else self._raw_entry(content)[::2]
            lines.append(f"{mode} {oid}\t".encode() + encode(path) + b"\0")
        self.git("update-index", "-z", "--index-info", stdin=b"".join(lines))

    def write_files(self, files: Mapping[str, str | bytes]) -> None:
        """Write files into the work tree only."""
        for path, content in files.items():
            target = self.path / path
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_bytes(encode(content))

    # Copies

    def clone(self, path: Path, *options: str) -> RepositoryBuilder:
        """Clone over `file://`, so that `--depth=1`, `--filter=blob:none` and `--bare` mean something."""
        self.git("config", "uploadpack.allowFilter", "true")
        self.git("clone", "-q", *options, self.path.resolve().as_uri(), str(path))
        return RepositoryBuilder(path, bare="--bare" in options, create=False)

    def shallow_clone(self, path: Path, depth: int = 1) -> RepositoryBuilder:
        """A clone with cut history, as `actions/checkout` makes it."""
        return self.clone(path, f"--depth={depth}", "--no-single-branch")

    def worktree(self, path: Path, branch: str) -> RepositoryBuilder:
        """A linked work tree."""
        self.git("worktree", "add", "-q", "-f", str(path), branch)
        return RepositoryBuilder(path, create=False)

    def configure(self, **values: str) -> Self:
        """Set configuration; `core__fsmonitor="…"` means `core.fsmonitor`."""
        for key, value in values.items():
            self.git("config", key.replace("__", "."), value)
        return self

    @property
    def _oid_length(self) -> int:
        return 64 if self.git("rev-parse", "--show-object-format") == "sha256" else 40

    def _raw_entry(self, content: Content | Nested) -> tuple[str, str, str]:
        if isinstance(content, Mapping):
            return "040000", "tree", self.raw_tree(content)
        if isinstance(content, Submodule):
            return "160000", "commit", content.oid
        mode, data = _mode_and_data(content)
        return mode, "blob", self.write(data)

    def _refresh_index(self, ref: str) -> None:
        """Keep the index at HEAD's tree, where HEAD was moved; hostile names make git refuse, and that is fine."""
        if not self.bare and self.git("symbolic-ref", "-q", "HEAD", check=False) == ref:
            self.git("read-tree", "HEAD", check=False)


def _mode_and_data(content: str | bytes | Link | Executable) -> tuple[str, bytes]:
    if isinstance(content, Link):
        return "120000", encode(content.target)
    if isinstance(content, Executable):
        return "100755", encode(content.content)
    return "100644", encode(content)


def _file_command(path: str, content: Content | None) -> bytes:
    name = _quote(path)
    if content is None:
        return b"D " + name + b"\n"
    if isinstance(content, Submodule):
        return f"M 160000 {content.oid} ".encode() + name + b"\n"
    mode, data = _mode_and_data(content)
    return f"M {mode} inline ".encode() + name + b"\n" + _data(data)


def _quote(path: str) -> bytes:
    escaped = encode(path).replace(b"\\", b"\\\\").replace(b'"', b'\\"').replace(b"\n", b"\\n")
    return b'"' + escaped + b'"'


def _data(data: bytes) -> bytes:
    return b"data " + str(len(data)).encode() + b"\n" + data + b"\n"
