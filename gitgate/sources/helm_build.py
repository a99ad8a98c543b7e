"""Running Helm: a private copy of one chart, no cluster, no network, no plugins, no inherited environment."""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import re
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from gitgate.errors import ToolError
from gitgate.process import SHORT_GO_PROGRAM, find_program, run
from gitgate.sources.private_places import ABSENT, SMALL, PrivatePlaces, size_of
from gitgate.sources.render_cache import RenderCache, key_of

MINIMUM_VERSION = (3, 16, 0)
"""The first that can leave out the JSON Schema of values, which may make Helm send requests."""
OUTPUT_LIMIT = 64 * 1024 * 1024
"""Bytes that one release may render to."""
MEMORY_LIMIT = 1024 * 1024 * 1024
"""Bytes that one run of Helm may take; the largest known charts need a fifth of it."""
_REMEDY = "install Helm 3.16 or newer, or Helm 4: https://helm.sh/docs/intro/install/"
_NOWHERE = "http://127.0.0.1:1"
_VERSION = re.compile(r"v(\d+)\.(\d+)(?:\.(\d+))?")
_COMPLAINT_LENGTH = 1_000
_OUT_OF_MEMORY = re.compile(r"out of memory|cannot allocate memory")


@dataclass(frozen=True, slots=True)
class HelmProgram:
    """Helm on this machine.

    Attributes:
        path: Absolute.
        version: `(3, 19, 2)`; a patch release that it does not tell is 0.
    """

    path: str
    version: tuple[int, int, int]


@dataclass(frozen=True, slots=True, kw_only=True)
class HelmInput:
    """What one run needs.

    Attributes:
        files: The chart's, by path.
        values_files: Contents of values files, in order.
        values: Values that win over the files.
        settings: Arguments for `--set` and `--set-string`, as `("--set", "a=b")`.
        file_settings: Name and content for `--set-file`.
        options: Other arguments, checked by the caller.
        release_name: Checked by the caller.
        cases: What to add to these arguments in each rendering, nothing in the first.
        twice: May a second rendering of the same differ?
    """

    files: Mapping[str, bytes]
    values_files: tuple[bytes, ...]
    values: Mapping[str, Any]
    settings: tuple[tuple[str, str], ...]
    file_settings: tuple[tuple[str, bytes], ...]
    options: tuple[str, ...]
    release_name: str
    cases: tuple[tuple[str, ...], ...] = ((),)
    twice: bool = False


@dataclass(frozen=True, slots=True)
class Printed:
    """What Helm answered in one run.

    Attributes:
        output: The objects as YAML; None when it failed.
        complaint: Why it failed, without private paths; untrusted text.
    """

    output: bytes | None
    complaint: str = ""


def find_helm() -> HelmProgram:
    """`helm` on PATH.

    Raises:
        ToolError: It is not there, or too old.
    """
    path = find_program("helm", remedy=_REMEDY)
    try:
        with PrivatePlaces().place(0) as private:
            done = run((path, "version", "--short"), cwd=private, environment=_environment(private), timeout=20)
    except ToolError as error:
        raise ToolError(f"helm on PATH does not say its version: {error}", remedy=_REMEDY) from error
    found = _VERSION.search(done.stdout.decode("utf-8", "replace"))
    version = (int(found[1]), int(found[2]), int(found[3] or 0)) if found else (0, 0, 0)
    if version < MINIMUM_VERSION:
        raise ToolError("helm on PATH is older than 3.16, or does not say its version", remedy=_REMEDY)
    return HelmProgram(path, version)


@dataclass(slots=True)
class HelmRunner:
    """Renders releases; may be asked by several threads at once.

    Attributes:
        program: What renders.
        timeout: Seconds that one release may take, all runs together.
        cache: Renders of earlier runs.
    """

    program: HelmProgram
    timeout: float
    cache: RenderCache = field(default_factory=RenderCache)
    _places: PrivatePlaces = field(default_factory=PrivatePlaces)
    _charts: dict[str, Path] = field(default_factory=dict)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def template(self, wanted: HelmInput) -> tuple[Printed, ...]:
        """Render one release; whatever goes wrong is in the answer.

        Returns:
            One for each case; then, where a second rendering may differ, that of each case. Where the first one fails
            there are no others.
        """
        try:
            key = _key(self.program, wanted)
            known = self.cache.find(key)
            number = len(wanted.cases) * (1 + wanted.twice)
            if known is not None and len(known) == number:
                return tuple(map(_unpacked, known))
            with self._chart(wanted.files) as chart, self._values(wanted) as (arguments, stdin):
                printed = tuple(self._run(wanted, chart, arguments, stdin))
            if len(printed) == number:
                self.cache.keep(key, list(map(_packed, printed)))
        except ToolError as error:
            return (Printed(None, str(error)),)
        except OSError as error:
            return (Printed(None, f"the chart could not be written to a private directory: {error.strerror}"),)
        except (ValueError, TypeError, RecursionError):
            return (Printed(None, "the values cannot be written as JSON"),)
        return printed

    @contextlib.contextmanager
    def _chart(self, files: Mapping[str, bytes]) -> Iterator[Path]:
        """A copy of a chart; one that is small serves all its releases."""
        size = size_of(files)
        if size > SMALL:
            with self._places.place(size) as place:
                _write_all(place / "chart", files)
                yield place
            return
        name = _digest(files)
        with self._lock:
            if name not in self._charts:
                with self._places.place(size) as place:
                    _write_all(place / "chart", files)
                self._charts[name] = place
        yield self._charts[name]

    @contextlib.contextmanager
    def _values(self, wanted: HelmInput) -> Iterator[tuple[Sequence[str], bytes]]:
        """Arguments that name values, and what is read from standard input: values of the owner alone need no file."""
        own = json.dumps(wanted.values, allow_nan=False).encode() if wanted.values else b""
        settings = tuple(f"{option}={text}" for option, text in wanted.settings)
        if not wanted.values_files and not wanted.file_settings:
            yield (("--values=-",) if own else ()) + settings, own
            return
        texts = [*wanted.values_files, *([own] if own else [])]
        with self._places.place(sum(map(len, texts)) + size_of(dict(wanted.file_settings))) as place:
            arguments = []
            for index, data in enumerate(texts):
                _write(place, f"{index}.yaml", data)
                arguments.append(f"--values={place}/{index}.yaml")
            arguments.extend(settings)
            for index, (name, data) in enumerate(wanted.file_settings):
                _write(place, f"{index}.txt", data)
                arguments.append(f"--set-file={name}={place}/{index}.txt")
            yield arguments, b""

    def _run(self, wanted: HelmInput, chart: Path, values: Sequence[str], stdin: bytes) -> Sequence[Printed]:
        arguments = (self.program.path, "template", wanted.release_name, "chart", *wanted.options, *values)
        end = time.monotonic() + self.timeout
        first = self._once(arguments, chart, stdin, end)
        if first.output is None:
            return (first,)
        others = (self._once((*arguments, *options), chart, stdin, end) for options in wanted.cases[1:])
        printed = [first, *others]
        if not wanted.twice:
            return printed
        # A case in which nothing is different needs no second look.
        again = [
            self._once((*arguments, *options), chart, stdin, end) if index == 0 or printed[index] != first else first
            for index, options in enumerate(wanted.cases)
        ]
        return [*printed, *again]

    def _once(self, arguments: Sequence[str], private: Path, stdin: bytes, end: float) -> Printed:
        try:
            done = run(
                arguments,
                cwd=private,
                environment=_environment(private),
                stdin=stdin,
                expected=(0, 1, 2),
                timeout=end - time.monotonic(),
                output_limit=OUTPUT_LIMIT,
                memory_limit=MEMORY_LIMIT,
            )
        except ToolError as error:
            if time.monotonic() < end:
                raise
            raise ToolError(f"helm took longer than {self.timeout:g} seconds") from error
        if done.returncode == 0:
            return Printed(done.stdout)
        return Printed(None, _complaint(done.stderr.decode("utf-8", "replace"), private))


def _packed(printed: Printed) -> bytes:
    return b"-" + printed.complaint.encode() if printed.output is None else b"+" + printed.output


def _unpacked(entry: bytes) -> Printed:
    return Printed(entry[1:]) if entry[:1] == b"+" else Printed(None, entry[1:].decode("utf-8", "replace"))


def _key(program: HelmProgram, wanted: HelmInput) -> str:
    """Everything that Helm reads and is told."""
    said = [
        wanted.release_name, wanted.options, wanted.settings, wanted.cases, wanted.twice, len(wanted.values_files),
        [name for name, _ in wanted.file_settings], dict(wanted.values),
    ]  # fmt: skip
    parts = [json.dumps(said, allow_nan=False).encode(), *wanted.values_files]
    parts.extend(data for _, data in wanted.file_settings)
    for path, data in sorted(wanted.files.items()):
        parts.extend((path.encode("utf-8", "surrogatepass"), data))
    return key_of((program.path, repr(program.version)), parts)


def _digest(files: Mapping[str, bytes]) -> str:
    found = hashlib.sha256()
    for path, data in sorted(files.items()):
        name = path.encode("utf-8", "surrogatepass")
        found.update(f"{len(name)} {len(data)} ".encode() + name)
        found.update(data)
    return found.hexdigest()


def _write_all(folder: Path, files: Mapping[str, bytes]) -> None:
    for path, data in files.items():
        _write(folder, path, data)


def _write(folder: Path, path: str, data: bytes) -> None:
    if any(part in {"", ".", ".."} for part in path.split("/")) or "\0" in path:
        raise OSError(0, f"path with an empty, '.' or '..' part: {path!r}")
    place = folder / path
    place.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    descriptor = os.open(place, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o600)
    with os.fdopen(descriptor, "wb") as stream:
        stream.write(data)


def _environment(private: Path) -> dict[str, str]:
    """Nothing to find: no programs, no home, no cluster, no plugins, no repositories, no way out."""
    home = str(private / ABSENT)
    proxies = dict.fromkeys(("HTTP_PROXY", "HTTPS_PROXY", "http_proxy", "https_proxy"), _NOWHERE)
    places = dict.fromkeys(
        (
            "HOME", "XDG_CONFIG_HOME", "XDG_CACHE_HOME", "XDG_DATA_HOME", "HELM_CACHE_HOME", "HELM_CONFIG_HOME",
            "HELM_DATA_HOME", "HELM_PLUGINS", "DOCKER_CONFIG",
        ),
        home,
    )  # fmt: skip
    return {
        **SHORT_GO_PROGRAM,
        **proxies,
        **places,
        "NO_PROXY": "",
        "no_proxy": "",
        "PATH": home,
        "KUBECONFIG": os.devnull,
        "HELM_NO_PLUGINS": "1",
        "TMPDIR": home,
        # Two threads are enough, and a soft limit makes Go collect before the hard one ends it.
        "GOMAXPROCS": "2",
        "GOMEMLIMIT": str(MEMORY_LIMIT * 3 // 4),
    }


def _complaint(stderr: str, private: Path) -> str:
    if _OUT_OF_MEMORY.search(stderr[:2_000]):
        return f"helm took more than {MEMORY_LIMIT // 1024 // 1024} MiB of memory"
    lines = [
        line.strip()
        for line in stderr.splitlines()
        if line.strip() and not line.startswith(("WARNING:", "level=", "Use --debug", "walk.go:"))
    ]
    start = next((index for index, line in enumerate(lines) if line.startswith("Error:")), 0)
    text = " ".join(lines[start:]) or "helm failed without saying why"
    text = re.sub(rf"{re.escape(str(private.parent))}/[^/\s]+(?:/|\b)", "", text)
    return text.removeprefix("Error: ")[:_COMPLAINT_LENGTH]
