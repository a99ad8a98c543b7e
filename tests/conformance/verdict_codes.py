"""Every code of a verdict: an object or change that must be given it, and the nearest one that must not.

The keys are made when it runs, with the real gpg and ssh-keygen. It runs alone as
`python -m tests.conformance.verdict_codes`, which prints the table.
"""

from __future__ import annotations

import sys
import tempfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import timedelta
from pathlib import Path
from typing import Any
from unittest import mock

from gitgate.errors import ToolError
from gitgate.git import Repository
from gitgate.signature.clock import BUILD_TIME
from gitgate.signature.commit import parse_commit
from gitgate.signature.judge import signature_judge
from gitgate.signature.range import update_failures
from gitgate.signature.signers_file import load_signers
from gitgate.signature.verdict import Code, Failure
from gitgate.signature.verify import VerificationRequest, verify_range
from tests.conformance.score import Score, report
from tests.support.keys import (
    GpgKey,
    SigningKeys,
    armor,
    clock,
    dearmor,
    key_entry,
    make_signers,
    payload,
    signed,
    signers_document,
    temporary_keys,
)
from tests.support.repository import Link, Submodule
from tests.support.signature_scene import NOW, Scene, all_codes, make_scene

NOT_GIVEN = frozenset({Code.WAIVED, Code.WAIVER_EXPIRED})
"""Codes that no object is given, see docs/signatures.md: findings about signatures are never waived."""
_HUNDRED = timedelta(days=100)
_X509 = b"-----BEGIN SIGNED MESSAGE-----\nMIIB\n-----END SIGNED MESSAGE-----\n"


@dataclass(frozen=True, slots=True)
class Case:
    """What must be given the code, and what is as near to it as can be and must not."""

    positive: Callable[[World], set[Code]]
    negative: Callable[[World], set[Code]]


class World:
    """Keys, and repositories as they are needed."""

    def __init__(self, keys: SigningKeys, directory: Path) -> None:
        self.keys = keys
        self._directory = directory
        self._count = 0

    def scene(self, **document: Any) -> Scene:
        """A repository whose signers file has these keys beside the usual ones."""
        self._count += 1
        return make_scene(self._directory / str(self._count), self.keys, lambda made: made.update(document))

    def commit(self, text: bytes | None, raw: bytes = b"", *, now: Any = NOW, **document: Any) -> set[Code]:
        """Codes of one commit object with this signature, by the signers alone."""
        whole = {**signers_document(self.keys), **document}
        for name in ("expired", "revoked"):
            whole["principals"] = {**whole["principals"], name: {"keys": [key_entry(self.keys.gpg[name])]}}
        plain = raw or payload()
        parsed = parse_commit(plain if text is None else signed(plain, text))
        if isinstance(parsed, Failure):
            return {parsed.code}
        with signature_judge(make_signers(self.keys, whole), now) as judge:
            evidence = judge.judge(parsed)
        assert evidence.good == (not evidence.failures)
        return {failure.code for failure in evidence.failures} or {Code.SIGNED}

    def sign(self, *options: str, who: str = "alice", message: str = "Change\n") -> bytes:
        """A signature over the usual commit."""
        key = self.keys.gpg.get(who) or self.keys.ssh[who]
        return key.sign(payload(message=message), *options)

    def change(self, who: str | None, files: Mapping[str, Any], *, name: str = "", **document: Any) -> set[Code]:
        """Codes of a change of one commit, with the outcome where nothing is against it."""
        scene = self.scene(**document)
        return outcome(scene, scene.commit(who, files, who=name))

    def merged(
        self, who: str | None, files: Mapping[str, Any] | None = None, *, name: str = "", **document: Any
    ) -> Any:
        """Codes of a change that ends with a merge of main, which adds `files` or nothing."""
        scene = self.scene(**document)
        head = scene.commit("carol", {"app.yaml": "a: 2\n"})
        tip = scene.builder.commit({"other.yaml": "b: 1\n"}, branch="main", parents=(scene.base,))
        shown = None if files is None else {"other.yaml": "b: 1\n", **files}
        return outcome(scene, scene.merge(who, head, tip, files=shown, who=name), base=tip)


def outcome(scene: Scene, head: str, **options: Any) -> set[Code]:
    verdict = scene.verify(head, **options)
    return all_codes(verdict) or {verdict.commits[0].code}


def _epoch(world: World, *, reached: bool) -> set[Code]:
    scene = world.scene()
    head = scene.commit(None, {"app.yaml": "old\n"})
    with Repository.open(scene.builder.path) as repository:
        signers = load_signers(repository.tree(scene.base))
        assert signers is not None
        signers = replace(signers, epoch=head if reached else scene.base)
        verdict = verify_range(repository, VerificationRequest(base=scene.base, head=head, signers=signers, now=NOW))
    return all_codes(verdict) or {verdict.commits[0].code}


def _octopus(world: World, *, parents: int) -> set[Code]:
    scene = world.scene()
    tips = [scene.commit("carol", {f"{n}.yaml": "x\n"}, branch=f"b{n}", parents=(scene.base,)) for n in range(parents)]
    merge = scene.commit("alice", {f"{n}.yaml": "x\n" for n in range(parents)}, parents=tuple(tips))
    return outcome(scene, merge)


def _window(world: World, key: GpgKey | Any, **window: str) -> set[Code]:
    people = {**signers_document(world.keys)["principals"], key.name: {"keys": [key_entry(key, **window)]}}
    plain = payload(key.name)
    return world.commit(key.sign(plain), plain, principals=people)


def _threshold(world: World, *, approved: bool) -> set[Code]:
    document = signers_document(world.keys)
    document["rules"][0]["threshold"] = 2
    scene = world.scene(rules=document["rules"])
    head = scene.commit("alice", {"clusters/prod/app.yaml": "a: 2\n"})
    return outcome(scene, scene.commit("bob") if approved else head)


def _shallow(world: World, *, shallow: bool) -> set[Code]:
    scene = world.scene()
    scene.commit("carol", {"app.yaml": "1\n"})
    head = scene.commit("carol", {"app.yaml": "2\n"})
    scene.builder.checkout("change")
    clone = scene.builder.path.parent / f"clone-{shallow}-{scene.builder.path.name}"
    place = (scene.builder.shallow_clone(clone) if shallow else scene.builder).path
    with Repository.open(scene.builder.path) as full, Repository.open(place) as repository:
        signers = load_signers(full.tree(scene.base))
        assert signers is not None
        return all_codes(
            verify_range(repository, VerificationRequest(base=scene.base, head=head, signers=signers, now=NOW))
        )


def _rewrite(world: World, *, forced: bool) -> set[Code]:
    scene = world.scene()
    old = scene.commit("carol", {"app.yaml": "1\n"})
    new = scene.commit("carol", {"app.yaml": "2\n"}, parents=(scene.base,) if forced else (old,))
    with Repository.open(scene.builder.path) as repository:
        return {failure.code for failure in update_failures(repository, "refs/heads/main", old, new)}


def _signers(world: World, *people: str, version: int = 2) -> set[Code]:
    scene = world.scene()
    edited = scene.edited(lambda document: document.update(version=version, submodules=["vendor/*"]))
    head = scene.commit(people[0], {".gitgate/signers.yaml": edited})
    for who in people[1:]:
        head = scene.commit(who)
    return outcome(scene, head)


def _tool(world: World, *, now: Any) -> set[Code]:
    try:
        return world.commit(world.sign(), now=now)
    except ToolError:
        return {Code.TOOL_ERROR}


def _limit(world: World, *, most: int) -> set[Code]:
    with mock.patch("gitgate.signature.verify.MAXIMUM_COMMITS", most):
        scene = world.scene()
        scene.commit("carol", {"app.yaml": "1\n"})
        return outcome(scene, scene.commit("carol", {"app.yaml": "2\n"}))


_PROD = {"clusters/prod/app.yaml": "x\n"}
_MOVED = payload().replace(b"\n\n", b"\nevil yes\n\n", 1)

CASES: Mapping[Code, Case] = {
    Code.SIGNED: Case(lambda w: w.change("carol", {"a": "1"}), lambda w: w.change(None, {"a": "1"})),
    Code.MERGE_CLEAN: Case(lambda w: w.merged("carol"), lambda w: w.merged("carol", {"app.yaml": "mine\n"})),
    Code.PRE_EPOCH: Case(lambda w: _epoch(w, reached=True), lambda w: _epoch(w, reached=False)),
    Code.COMMIT_MALFORMED: Case(lambda w: w.commit(None, _MOVED), lambda w: w.commit(None)),
    Code.UNSIGNED: Case(lambda w: w.commit(None), lambda w: w.commit(w.sign())),
    Code.SIG_MULTIPLE: Case(
        lambda w: w.commit(armor(dearmor(w.sign()) * 2)), lambda w: w.commit(armor(dearmor(w.sign())))
    ),
    Code.SIG_MALFORMED: Case(lambda w: w.commit(w.sign() + b"\n\nmore\n"), lambda w: w.commit(w.sign())),
    Code.SIG_FORMAT_NOT_ALLOWED: Case(
        lambda w: w.commit(_X509) & w.commit(w.sign(), formats=["ssh"]),
        lambda w: w.commit(w.sign(), formats=["openpgp"]),
    ),
    Code.SIG_CLASS: Case(lambda w: w.commit(w.sign("--textmode")), lambda w: w.commit(w.sign())),
    Code.SIG_DIGEST_WEAK: Case(
        lambda w: w.commit(w.sign("--digest-algo", "SHA1", "--allow-weak-digest-algos")),
        lambda w: w.commit(w.sign("--digest-algo", "SHA512")),
    ),
    Code.SIG_ALGO_WEAK: Case(
        lambda w: _window(w, w.keys.ssh.get("short") or w.keys.new_ssh("short", "-t", "rsa", "-b", "2048")),
        lambda w: _window(w, w.keys.ssh.get("long") or w.keys.new_ssh("long", "-t", "rsa", "-b", "3072")),
    ),
    Code.SIG_BAD: Case(lambda w: w.commit(w.sign(message="Other\n")), lambda w: w.commit(w.sign())),
    Code.SIG_FUTURE: Case(
        lambda w: w.commit(w.sign(*clock(NOW + _HUNDRED))),
        lambda w: w.commit(w.sign(*clock(NOW + timedelta(seconds=120))), now=NOW),
    ),
    Code.SIG_EXPIRED: Case(
        lambda w: w.commit(w.sign("--default-sig-expire", "2d"), now=NOW + _HUNDRED),
        lambda w: w.commit(w.sign("--default-sig-expire", "2d")),
    ),
    Code.KEY_UNKNOWN: Case(lambda w: w.commit(w.sign(who="mallory")), lambda w: w.commit(w.sign(who="carol"))),
    Code.KEY_REVOKED: Case(
        lambda w: w.commit(w.keys.signed_before_revocation), lambda w: w.commit(w.sign(who="carol"))
    ),
    Code.KEY_EXPIRED: Case(
        lambda w: w.commit(w.sign(*clock(NOW - timedelta(days=250)), who="expired")),
        lambda w: _window(w, w.keys.gpg.get("brief") or w.keys.new_gpg("brief", expire="30d")),
    ),
    Code.KEY_NOT_YET_VALID: Case(
        lambda w: _window(w, w.keys.ssh["bob"], notBefore=f"{NOW + _HUNDRED:%Y-%m-%d}"),
        lambda w: _window(w, w.keys.ssh["bob"], notBefore=f"{NOW - _HUNDRED:%Y-%m-%d}"),
    ),
    Code.KEY_OUT_OF_WINDOW: Case(
        lambda w: _window(w, w.keys.gpg["alice"], notAfter="2024-01-01"),
        lambda w: _window(w, w.keys.gpg["alice"], notAfter=f"{NOW:%Y-%m-%d}"),
    ),
    Code.KEY_NOT_AUTHORIZED: Case(
        lambda w: w.change("carol", {"a": "1"}, default={"signers": ["alice"]}), lambda w: w.change("carol", {"a": "1"})
    ),
    Code.IDENTITY_MISMATCH: Case(
        lambda w: w.change("carol", {"a": "1"}, name="alice"), lambda w: w.change("carol", {"a": "1"}, name="carol")
    ),
    Code.MERGE_UNSIGNED: Case(lambda w: w.merged(None), lambda w: w.merged(None, merges={"requireSigned": False})),
    Code.MERGE_OCTOPUS: Case(lambda w: _octopus(w, parents=3), lambda w: _octopus(w, parents=2)),
    Code.MERGE_EVIL: Case(lambda w: w.merged("carol", _PROD), lambda w: w.merged("alice", _PROD)),
    Code.PLATFORM_KEY_CONTENT: Case(
        lambda w: w.merged("forge", {"app.yaml": "x\n"}, name="carol"), lambda w: w.merged("forge", name="carol")
    ),
    Code.PATH_NOT_AUTHORIZED: Case(lambda w: w.change("carol", _PROD), lambda w: w.change("alice", _PROD)),
    Code.THRESHOLD_UNMET: Case(lambda w: _threshold(w, approved=False), lambda w: _threshold(w, approved=True)),
    Code.SUBMODULE_CHANGED: Case(
        lambda w: w.change("carol", {"vendor/lib": Submodule()}),
        lambda w: w.change("carol", {"vendor/lib": Submodule()}, submodules=["vendor/lib"]),
    ),
    Code.SYMLINK_ESCAPE: Case(
        lambda w: w.change("carol", {"here": Link("../x")}), lambda w: w.change("carol", {"here": Link("app.yaml")})
    ),
    Code.PATH_COLLISION: Case(
        lambda w: w.change("carol", {"App.yaml": "x\n"}), lambda w: w.change("carol", {"App2.yaml": "x\n"})
    ),
    Code.HISTORY_INCOMPLETE: Case(lambda w: _shallow(w, shallow=True), lambda w: _shallow(w, shallow=False)),
    Code.HISTORY_REWRITE: Case(lambda w: _rewrite(w, forced=True), lambda w: _rewrite(w, forced=False)),
    Code.POLICY_CHANGE_UNAUTHORIZED: Case(lambda w: _signers(w, "carol"), lambda w: _signers(w, "alice", "bob")),
    Code.POLICY_INVALID: Case(
        lambda w: _signers(w, "alice", "bob", version=1), lambda w: _signers(w, "alice", "bob", version=2)
    ),
    Code.TOOL_ERROR: Case(lambda w: _tool(w, now=BUILD_TIME - timedelta(days=1)), lambda w: _tool(w, now=NOW)),
    Code.LIMIT: Case(lambda w: _limit(w, most=1), lambda w: _limit(w, most=2)),
}


def judged(world: World, code: Code) -> tuple[bool, bool]:
    """Was the code given where it must be, and not where it must not?"""
    case = CASES[code]
    return code in case.positive(world), code not in case.negative(world)


def score(_corpora: Path | None = None) -> Score:
    """Judge every case, and print the table."""
    disagreements: list[str] = []
    with temporary_keys() as keys, tempfile.TemporaryDirectory() as directory:
        world = World(keys, Path(directory))
        print(f"{'code':28} positive  negative")
        for code in CASES:
            results = judged(world, code)
            print(f"{code:28} {'given' if results[0] else 'MISSING':8}  {'not given' if results[1] else 'GIVEN'}")
            kinds = zip(("positive", "negative"), results, strict=True)
            disagreements += [f"{code}: the {kind} case" for kind, held in kinds if not held]
    total = 2 * len(CASES)
    return Score("verdict codes", total - len(disagreements), total, tuple(disagreements))


if __name__ == "__main__":
    sys.exit(1 if report(score()) else 0)
