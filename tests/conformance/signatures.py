"""Score against commits and tags that others signed: every key with every object, only the matching pairs good.

It runs alone as `python -m tests.conformance.signatures CORPORA`.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

from gitgate.signature.clock import BUILD_TIME
from gitgate.signature.commit import CommitObject, TagObject, parse_commit, parse_tag
from gitgate.signature.judge import SignatureJudge, signature_judge
from gitgate.signature.packets import read_certificate
from gitgate.signature.signers_file import SIGNERS_PATH, load_signers
from gitgate.signature.ssh_wire import read_key_line
from gitgate.signature.verdict import Code
from gitgate.tree import MemoryTree
from tests.conformance.score import Score, report

NOW = BUILD_TIME + timedelta(days=1)
"""The keys do not expire."""


@dataclass(frozen=True)
class Object:
    """A raw commit or tag, and the key that signed it (empty when none did)."""

    name: str
    raw: bytes
    key: str

    def parse(self, raw: bytes) -> CommitObject | TagObject:
        parsed = parse_tag(raw) if "/tag_" in self.name else parse_commit(raw)
        assert isinstance(parsed, CommitObject | TagObject), parsed
        return parsed


def score(corpora: Path) -> Score:
    """Judge every object by every key, and every signed one once more with one byte of its message changed."""
    folder = corpora / "signatures"
    objects = tuple(_objects(folder))
    total = 0
    disagreements: list[str] = []
    for name, data in _keys(folder).items():
        signers = load_signers(MemoryTree({SIGNERS_PATH: _document(name, data), ".gitgate/key": data}))
        assert signers is not None
        with signature_judge(signers, NOW) as judge:
            for each in objects:
                for what, raw, expected in _expectations(each, name):
                    total += 1
                    found = _codes(judge, each.parse(raw))
                    if found != expected:
                        disagreements.append(f"{each.name}{what} by {name}: {sorted(found)}, not {sorted(expected)}")
    return Score("signatures", total - len(disagreements), total, tuple(disagreements))


def _expectations(each: Object, key: str) -> Iterator[tuple[str, bytes, set[Code]]]:
    if not each.key:
        yield "", each.raw, {Code.UNSIGNED}
    elif each.key != key:
        yield "", each.raw, {Code.KEY_UNKNOWN}
    else:
        yield "", each.raw, set()
        yield " with a changed byte", each.raw.replace(b"\nTest ", b"\nTesu ", 1), {Code.SIG_BAD}


def _codes(judge: SignatureJudge, parsed: CommitObject | TagObject) -> set[Code]:
    evidence = judge.judge(parsed)
    found = {failure.code for failure in evidence.failures}
    assert evidence.good == (not found)
    return found


def _objects(folder: Path) -> Iterator[Object]:
    for path in sorted(folder.glob("*/*signed.txt")):
        kind = path.stem.split("_", 1)[1]
        key = "" if kind == "unsigned" else f"{path.parent.name}/{kind.removesuffix('_signed')}"
        yield Object(f"{path.parent.name}/{path.name}", path.read_bytes(), key)


def _keys(folder: Path) -> dict[str, bytes]:
    return {
        f"{path.parent.name}/{path.stem.removeprefix('key_')}": path.read_bytes() for path in folder.glob("*/key_*.pub")
    }


def _document(name: str, data: bytes) -> bytes:
    ssh = name.startswith("ssh/")
    fingerprint = read_key_line(data.decode()).fingerprint if ssh else read_certificate(data).fingerprint
    key = {"type": "ssh" if ssh else "openpgp", "fingerprint": fingerprint, "file": "key"}
    document = {
        "apiVersion": "gitgate.dev/v1",
        "kind": "Signers",
        "version": 1,
        "algorithms": {"rsaMinimumBits": 2048},
        "principals": {"signer": {"keys": [key]}},
        "admins": {"signers": ["signer"]},
    }
    return json.dumps(document).encode()


if __name__ == "__main__":
    sys.exit(1 if report(score(Path(sys.argv[1]))) else 0)
