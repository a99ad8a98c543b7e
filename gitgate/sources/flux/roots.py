"""Sources of which this repository is only a directory.

`flux push artifact --path=./kubernetes` makes an OCI artifact, or somebody a bucket, of a directory: paths in the
objects begin there, and nothing in the repository says where. The owners that name such a source lie there, too.
"""

from __future__ import annotations

import posixpath
from collections import Counter
from collections.abc import Iterable, Mapping

from gitgate.sources.owners import Entry
from gitgate.sources.tree_files import TreeFiles, ancestors

_PACKED = ("OCIRepository ", "Bucket ")


def source_roots(files: TreeFiles, entries: Iterable[tuple[str, Entry]], known: Mapping[str, str]) -> dict[str, str]:
    """For each such source the directory that most of its paths begin at; none where that is the tree's root.

    Args:
        files: The tree.
        entries: What owners read, each with the directory of the owner's file.
        known: What was found for the base, which holds as long as one path agrees with it.
    """
    votes: dict[str, Counter[str]] = {}
    for place, entry in entries:
        if entry.source.startswith(_PACKED):
            counter = votes.setdefault(entry.source, Counter())
            for path in filter(None, entry.paths):
                counter.update(one for one in ancestors(place) if posixpath.join(one, path) in files.directories)
    found: dict[str, str] = {}
    for source, counter in votes.items():
        best = min(counter, key=lambda one: (-counter[one], len(one), one), default="")
        root = known.get(source, best)
        found[source] = root if counter[root] else best
    return {source: root for source, root in sorted(found.items()) if root}
