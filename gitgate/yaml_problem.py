"""What can be wrong with a YAML file, as values, and the limits that keep a hostile one from costing much."""

from __future__ import annotations

from dataclasses import dataclass

from gitgate.location import FieldPath, Position


@dataclass(frozen=True, slots=True, kw_only=True)
class YamlLimits:
    """How much of a file is read before it is refused; each is far above what real manifests need.

    Attributes:
        bytes: Size of a file.
        documents: Documents in a file.
        nodes: Values in a file: scalars and aliases count once, mappings and lists twice (they start and end); what
            4 MiB of ordinary manifests hold.
        depth: Levels of mappings and sequences, those that aliases bring included.
        alias_weight: Nodes that the aliases of a file stand for when each is replaced by what it refers to. The
            API machinery refuses more than about 400,000 (go-yaml v2, `allowedAliasRatio`).
        scalar_length: Characters of one scalar; etcd refuses objects over 1.5 MiB.
        problems: Problems that are kept of one file; the last one then says that there are more.
    """

    bytes: int = 4 * 1024 * 1024
    documents: int = 5_000
    nodes: int = 400_000
    depth: int = 100
    alias_weight: int = 100_000
    scalar_length: int = 1_500_000
    problems: int = 200


DEFAULT_LIMITS = YamlLimits()
FILE_START = Position(1, 1)


@dataclass(frozen=True, slots=True, kw_only=True)
class YamlProblem:
    """Something that keeps a file from being read in one way only, or at all.

    Attributes:
        code: Kebab-case name: `yaml-syntax`, `yaml-template`, `yaml-duplicate-key`, `yaml-merge-order`,
            `yaml-ambiguous-scalar`, `yaml-custom-tag`, `yaml-hidden-character`, `yaml-split-ambiguous`,
            `yaml-limit`, `yaml-encoding`, `yaml-alias` or `yaml-invalid-value`.
        message: One sentence without the place; may quote the file, so printers encode.
        position: Where in the file.
        document: Index of the document, from 0.
        path: The field, as far as the reader had come.
        fix: What to do, one sentence.
        fatal: The document has no value that can be trusted; it is absent from the file's documents.
    """

    code: str
    message: str
    position: Position = FILE_START
    document: int = 0
    path: FieldPath = ()
    fix: str | None = None
    fatal: bool = False


class Unreadable(Exception):  # noqa: N818 - carries a problem of the judged content; never leaves the YAML modules
    """Ends the reading of one document or file.

    Attributes:
        problem: Why, with `fatal` set.
    """

    def __init__(self, problem: YamlProblem) -> None:
        super().__init__(problem.message)
        self.problem = problem
