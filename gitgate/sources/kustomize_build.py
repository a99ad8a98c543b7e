"""Running kustomize: a private copy of what one root reads, no network, no plugins, no inherited environment."""

from __future__ import annotations

import json
import os
import posixpath
import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from gitgate.errors import ToolError
from gitgate.process import SHORT_GO_PROGRAM, find_program, run
from gitgate.sources.private_places import ABSENT, PrivatePlaces, size_of
from gitgate.sources.render_cache import RenderCache, key_of
from gitgate.sources.tree_files import parent
from gitgate.yaml_document import DEFAULT_LIMITS, YamlLimits

MINIMUM_VERSION = (5, 0, 0)
"""The first with the present rules for remote references; before, more texts were taken for repositories."""
OUTPUT_LIMIT = 64 * 1024 * 1024
"""Bytes that one root may render to."""
ORIGIN_OPTION = "originAnnotations"
_REMEDY = "install kustomize 5 or kubectl 1.27 or newer: https://kubectl.docs.kubernetes.io/installation/kustomize/"
_NOWHERE = "http://127.0.0.1:1"
"""A proxy that nobody answers for; a second line of defence behind the check of every reference."""
_VERSION = re.compile(r"v(\d+)\.(\d+)\.(\d+)")
_COMPLAINT_LENGTH = 1_000
_IN_FILE = re.compile(r"in File: (\S+)")
_AT_LINE = re.compile(r"yaml: line (\d+)")


@dataclass(frozen=True, slots=True)
class KustomizeProgram:
    """A program that renders kustomizations.

    Attributes:
        command: Absolute path and, for kubectl, its subcommand.
        version: Of kustomize, also inside kubectl.
    """

    command: tuple[str, ...]
    version: tuple[int, int, int]


@dataclass(frozen=True, slots=True, kw_only=True)
class BuildInput:
    """What one root needs.

    Attributes:
        root: Directory of the root; empty for the tree's root.
        root_file: Its kustomization file.
        kustomizations: Value of every kustomization file, by path. They are written anew from these values, so that
            kustomize cannot read anything in them that the check of references did not see.
        files: Bytes of the other files, by path without symbolic links.
        links: Text of symbolic links, by path.
        loose: May a kustomization name files outside of its directory? They are in the private copy or nowhere.
    """

    root: str
    root_file: str
    kustomizations: Mapping[str, Mapping[str, Any]]
    files: Mapping[str, bytes]
    links: Mapping[str, str]
    loose: bool = False


@dataclass(frozen=True, slots=True)
class Built:
    """What kustomize answered.

    Attributes:
        output: The objects as YAML; None when it failed.
        origins: Does the output carry origin annotations that the user did not ask for?
        complaint: Why it failed, without private paths; untrusted text.
        file: The file that it complained about, relative to the root, if it named one.
        line: The line in that file, if it named one.
    """

    output: bytes | None
    origins: bool = False
    complaint: str = ""
    file: str | None = None
    line: int | None = None


@dataclass(slots=True)
class KustomizeBuilder:
    """Finds kustomize once and runs it; what was rendered for one tree serves the other.

    Attributes:
        timeout: Seconds that one root may take.
        output_limit: Bytes that one root may render to.
        limits: For reading the output, those of files widened to the output's size.
        rendered: Whatever the caller keeps of a root, by root and digest of everything that it reads.
        builds: How many times the program was run.
        cache: Renders of earlier runs.
    """

    timeout: float = 120.0
    output_limit: int = OUTPUT_LIMIT
    limits: YamlLimits = DEFAULT_LIMITS
    rendered: dict[tuple[str, str], Any] = field(default_factory=dict)
    builds: int = 0
    cache: RenderCache = field(default_factory=RenderCache)
    _places: PrivatePlaces = field(default_factory=PrivatePlaces)
    _program: KustomizeProgram | None = None

    @property
    def output_limits(self) -> YamlLimits:
        """Limits for reading what a root renders to, which is as large as all its files together."""
        return replace(
            self.limits,
            bytes=max(self.limits.bytes, self.output_limit),
            documents=max(self.limits.documents, 100_000),
            nodes=max(self.limits.nodes, 20_000_000),
        )

    def program(self) -> KustomizeProgram:
        """The program, looked for once.

        Raises:
            ToolError: Neither kustomize nor kubectl is there, or what is there is too old.
        """
        if self._program is None:
            self._program = find_kustomize()
        return self._program

    def build(self, wanted: BuildInput) -> Built:
        """Render one root; whatever goes wrong is in the answer."""
        try:
            program = self.program()
            key = _key(program, wanted)
            known = self.cache.find(key)
            if known is not None and len(known) == 2:
                return Built(known[1], origins=known[0] == b"origins")
            built = self._build(program, _without_parents(wanted))
            if built.output is not None:
                self.cache.keep(key, (b"origins" if built.origins else b"", built.output))
        except ToolError as error:
            return Built(None, complaint=str(error))
        except OSError as error:
            return Built(None, complaint=f"its files could not be written to a private directory: {error.strerror}")
        return built

    def _build(self, program: KustomizeProgram, wanted: BuildInput) -> Built:
        with self._places.place(size_of(wanted.files)) as private:
            return self._run(program, wanted, private)

    def _run(self, program: KustomizeProgram, wanted: BuildInput, private: Path) -> Built:
        tree = private / "tree"
        origins = write_private_copy(wanted, tree)
        self.builds += 1
        restrictor = "LoadRestrictionsNone" if wanted.loose else "LoadRestrictionsRootOnly"
        done = run(
            (*program.command, str(tree / wanted.root), f"--load-restrictor={restrictor}"),
            cwd=private,
            environment=_environment(private),
            expected=(0, 1),
            timeout=self.timeout,
            output_limit=self.output_limit,
        )
        if done.returncode == 0:
            return Built(done.stdout, origins)
        return _failure(done.stderr.decode("utf-8", "replace"), private, tree / wanted.root)


def _without_parents(wanted: BuildInput) -> BuildInput:
    """The same without the directories that all of it lies in, as making them takes longer than rendering.

    Where links lead is a matter of these directories, so that they stay with links.
    """
    paths = [*wanted.kustomizations, *wanted.files]
    common = posixpath.commonpath([wanted.root, *map(posixpath.dirname, paths)]) if not wanted.links else ""
    if not common:
        return wanted
    length = len(common) + 1
    return replace(
        wanted,
        root=wanted.root[length:],
        root_file=wanted.root_file[length:],
        kustomizations={path[length:]: value for path, value in wanted.kustomizations.items()},
        files={path[length:]: data for path, data in wanted.files.items()},
    )


def _key(program: KustomizeProgram, wanted: BuildInput) -> str:
    """Everything that kustomize reads and is told."""
    said = [wanted.root, wanted.root_file, wanted.loose, sorted(wanted.links.items()), dict(wanted.kustomizations)]
    parts = [json.dumps(said).encode()]
    for path, data in sorted(wanted.files.items()):
        parts.extend((path.encode("utf-8", "surrogatepass"), data))
    return key_of((*program.command, repr(program.version)), parts)


def find_kustomize() -> KustomizeProgram:
    """`kustomize` on PATH, or else `kubectl`.

    Raises:
        ToolError: Neither is there, or what is there is too old.
    """
    too_old = None
    for name, version_arguments, subcommand in (
        ("kustomize", ("version",), "build"),
        ("kubectl", ("version", "--client", "--output=yaml"), "kustomize"),
    ):
        try:
            path = find_program(name, remedy=_REMEDY)
        except ToolError:
            continue
        version = _version(path, version_arguments)
        if version is not None and version >= MINIMUM_VERSION:
            return KustomizeProgram((path, subcommand), version)
        too_old = name
    if too_old is not None:
        raise ToolError(f"{too_old} on PATH is older than kustomize 5, or does not say its version", remedy=_REMEDY)
    raise ToolError("neither kustomize nor kubectl was found on PATH", remedy=_REMEDY)


def write_private_copy(wanted: BuildInput, tree: Path) -> bool:
    """Write what a root reads below `tree`, for the owner's eyes only.

    Returns:
        Was kustomize asked for origin annotations that the user did not ask for?

    Raises:
        OSError: The file system refuses, or a path would leave `tree`.
    """
    tree.mkdir(mode=0o700)
    kustomizations = dict(wanted.kustomizations)
    root = kustomizations[wanted.root_file]
    asked = root.get("buildMetadata") or []
    # A kustomization without any field is an error, which the option would hide; one that is itself the content of
    # a generated ConfigMap must stay as it is.
    empty = not any(value is not None for key, value in root.items() if key not in {"apiVersion", "kind"})
    add = isinstance(asked, list) and ORIGIN_OPTION not in asked and not empty and wanted.root_file not in wanted.files
    if add:
        kustomizations[wanted.root_file] = {**root, "buildMetadata": [*asked, ORIGIN_OPTION]}
    contents = {path: json.dumps(value).encode() for path, value in kustomizations.items()}
    contents.update(wanted.files)
    for path, data in sorted(contents.items()):
        if path not in wanted.links:
            _write(_below(tree, path), data)
    for path, target in sorted(wanted.links.items()):
        place = _below(tree, path)
        place.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        place.symlink_to(target)
    (tree / wanted.root).mkdir(mode=0o700, parents=True, exist_ok=True)
    return add


def _below(tree: Path, path: str) -> Path:
    if any(part in {"", ".", ".."} for part in path.split("/")) or "\0" in path:
        raise OSError(0, f"path with an empty, '.' or '..' part below {parent(path)!r}")
    return tree / path


def _write(place: Path, data: bytes) -> None:
    place.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    descriptor = os.open(place, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o600)
    with os.fdopen(descriptor, "wb") as stream:
        stream.write(data)


def _environment(private: Path) -> dict[str, str]:
    """Nothing to find: no programs (so no git, docker or helm), no home, no configuration, no way out."""
    home = str(private / ABSENT)
    proxies = dict.fromkeys(("HTTP_PROXY", "HTTPS_PROXY", "http_proxy", "https_proxy"), _NOWHERE)
    return {
        **SHORT_GO_PROGRAM,
        **proxies,
        "NO_PROXY": "",
        "no_proxy": "",
        "PATH": home,
        "HOME": home,
        "XDG_CONFIG_HOME": home,
        "XDG_CACHE_HOME": home,
        "KUBECONFIG": os.devnull,
        "KUSTOMIZE_PLUGIN_HOME": home,
        "TMPDIR": home,
    }


def _version(path: str, arguments: tuple[str, ...]) -> tuple[int, int, int] | None:
    try:
        with PrivatePlaces().place(0) as private:
            environment = {"HOME": str(private), "KUBECONFIG": os.devnull}
            done = run((path, *arguments), cwd=private, environment=environment, timeout=20)
    except ToolError:
        return None
    text = done.stdout.decode("utf-8", "replace")
    # kubectl names several versions; the one of kustomize follows its name.
    found = _VERSION.search(text[max(text.lower().find("kustomizeversion"), 0) :])
    return (int(found[1]), int(found[2]), int(found[3])) if found else None


def _failure(stderr: str, private: Path, root: Path) -> Built:
    lines = [line.strip() for line in stderr.splitlines() if line.strip() and not line.startswith("# Warning")]
    text = " ".join(lines) or "kustomize failed without saying why"
    for prefix in (f"{root}/", str(root), f"{private / 'tree'}/", str(private)):
        text = text.replace(prefix, "" if prefix.endswith("/") else ".")
    text = re.sub(r"^(?:Error: |error: |E\d{4} [^\]]*\] \"command failed\" err=)", "", text)
    file = _IN_FILE.search(text)
    line = _AT_LINE.search(text)
    return Built(
        None,
        complaint=text[:_COMPLAINT_LENGTH],
        file=file[1] if file else None,
        line=int(line[1]) if line else None,
    )
