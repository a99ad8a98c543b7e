"""A repository whose main demands signatures, changes to it, and the codes that they are given."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import yaml

from gitgate.git import MergeConflict, Repository
from gitgate.signature.signers_file import load_signers
from gitgate.signature.verdict import Code, RangeVerdict
from gitgate.signature.verify import VerificationRequest, verify_range
from tests.support.keys import SigningKeys, commit_signed, signers_document, signers_files
from tests.support.repository import RepositoryBuilder

NOW = datetime.now(UTC) + timedelta(hours=1)
"""When tests judge: later than any key or signature that a long run of the tests makes."""
FILES = {"app.yaml": "a: 1\n", "clusters/prod/app.yaml": "a: 1\n", "images/web.yaml": "tag: 1\n"}


@dataclass(slots=True)
class Scene:
    """A repository whose main has signers and files, and the change on a branch that starts there."""

    builder: RepositoryBuilder
    keys: SigningKeys
    document: dict[str, Any]
    base: str
    request: dict[str, Any] = field(default_factory=dict)

    def commit(self, signer: str | None, files: Mapping[str, Any] | None = None, **options: Any) -> str:
        key = None if signer is None else self.keys.gpg.get(signer) or self.keys.ssh[signer]
        return commit_signed(self.builder, key, files, **options)

    def merge(self, signer: str | None, *parents: str, files: Mapping[str, Any] | None = None, **options: Any) -> str:
        """A merge whose tree is what git makes of it, changed by `files`."""
        clean = self.builder.git("merge-tree", "--write-tree", *parents[:2]).splitlines()[0] if files is None else None
        return self.commit(signer, files or {}, parents=parents, **options, **({"tree": clean} if clean else {}))

    def edited(self, change: Callable[[dict[str, Any]], object]) -> bytes:
        """The signers file after an edit."""
        document = yaml.safe_load(yaml.safe_dump(self.document))
        change(document)
        return yaml.safe_dump(document, sort_keys=False).encode()

    def verify(self, head: str, *, base: str | None = None, **options: Any) -> RangeVerdict:
        base = base or self.base
        with Repository.open(self.builder.path) as repository:
            signers = load_signers(repository.tree(base))
            assert signers is not None
            merged = repository.merge(base, head)
            assert not isinstance(merged, MergeConflict)
            options = {"now": NOW, **options}
            request = VerificationRequest(base=base, head=head, signers=signers, merged=merged, **options)
            return verify_range(repository, request)

    def codes(self, head: str, **options: Any) -> set[Code]:
        return all_codes(self.verify(head, **options))


def all_codes(verdict: RangeVerdict) -> set[Code]:
    found = {failure.code for failure in verdict.failures}
    found |= {failure.code for commit in verdict.commits for failure in commit.failures}
    assert verdict.accepted == (not found)
    return found


def make_scene(
    path: Path,
    keys: SigningKeys,
    edit: Callable[[dict[str, Any]], object] = lambda document: None,
    object_format: str = "sha1",
) -> Scene:
    builder = RepositoryBuilder(path, object_format=object_format)
    document = signers_document(keys)
    edit(document)
    base = builder.commit({**signers_files(keys, document), **FILES}, branch="main")
    builder.branch("change", base)
    return Scene(builder, keys, document, base)
