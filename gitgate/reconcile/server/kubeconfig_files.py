"""Which kubeconfig is read, and which context: `--kubeconfig`, or `KUBECONFIG`, or `~/.kube/config`, as kubectl does.

A file inside of the judged repository is read only where the command line names it: whoever wrote the change would
otherwise say which server gets whose credentials.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Iterable
from pathlib import Path

from gitgate.errors import ToolError
from gitgate.reconcile.server.kubeconfig import LARGEST, ClusterAccess, context_names, read_kubeconfig

VARIABLE = "KUBECONFIG"
_SHOWN = 20


def find_access(context: str, *, file: Path | None = None, repository: Iterable[Path] = ()) -> ClusterAccess:
    """How to reach the cluster of a context.

    Args:
        context: Its name.
        file: The kubeconfig that the command line names; None for those of the environment.
        repository: Directories of the judged repository: its work tree and its git directory.

    Raises:
        ToolError: There is no such context, or no kubeconfig that can be read.
    """
    read = {path: _read(path) for path in ([file] if file is not None else _usual(tuple(repository)))}
    known: dict[str, None] = {}
    for path, data in read.items():
        names = context_names(data)
        if context in names:
            return read_kubeconfig(data, context, directory=path.parent)
        known |= dict.fromkeys(names)
    there = sorted(known)
    more = f" and {len(there) - _SHOWN} more" if len(there) > _SHOWN else ""
    said = f"there is {', '.join(there[:_SHOWN])}{more}" if there else "there is none"
    raise ToolError(
        f"the kubeconfig has no context {context!r}; {said}",
        remedy="Name one of these contexts with --cluster, or another file with --kubeconfig.",
    )


def repository_places(start: Path | None) -> tuple[Path, ...]:
    """The directories of the repository that a path belongs to: its work tree, or its git directory.

    Args:
        start: A work tree or anything in it, a `.git`, or a bare repository; the working directory when None.
    """
    here = (start or Path.cwd()).resolve()
    if here.name == ".git":
        return (here.parent,)
    return next(((one,) for one in (here, *here.parents) if (one / ".git").exists()), (here,))


def _usual(repository: tuple[Path, ...]) -> list[Path]:
    """The files of the environment that are there."""
    named = [Path(part) for part in os.environ.get(VARIABLE, "").split(os.pathsep) if part]
    wanted = named or [Path.home() / ".kube" / "config"]
    found = [path for path in wanted if path.exists()]
    if not found:
        places = f"{VARIABLE} names no file that is there" if named else f"there is no {VARIABLE} and no ~/.kube/config"
        raise ToolError(f"there is no kubeconfig: {places}", remedy="Name one with --kubeconfig FILE.")
    for path in found:
        real = path.resolve()
        if any(real.is_relative_to(one.resolve()) for one in repository):
            raise ToolError(
                f"the kubeconfig {path} is inside the repository that is judged",
                remedy="If it is yours, name it with --kubeconfig FILE.",
            )
    return found


def _read(path: Path) -> bytes:
    try:
        with path.open("rb") as stream:
            if stat.S_ISDIR(os.fstat(stream.fileno()).st_mode):
                raise IsADirectoryError(21, os.strerror(21))
            data = stream.read(LARGEST + 1)
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it has a name that no file has"
        raise ToolError(f"the kubeconfig {path} cannot be read: {reason}") from error
    return data
