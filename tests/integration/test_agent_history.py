"""Argo CD's strict mode reads all of history: what of it would be refused, and what a seal leaves behind."""

from __future__ import annotations

from pathlib import Path

import pytest

from gitgate.git import Repository
from gitgate.signature.seals import Past, unsealed
from gitgate.signature.signers_file import load_signers
from tests.support.keys import SigningKeys, commit_signed, keys, payload, signed
from tests.support.signature_scene import Scene, make_scene

__all__ = ["keys"]


@pytest.fixture
def scene(tmp_path: Path, keys: SigningKeys) -> Scene:
    return make_scene(tmp_path / "repository", keys)


def sealed(scene: Scene, who: str, parent: str, message: str = "Seal\n\nArgocd-gpg-seal: reviewed\n") -> str:
    """An empty commit that says it seals what is below."""
    plain = payload(who, tree=scene.builder.git("rev-parse", f"{parent}^{{tree}}"), parents=(parent,), message=message)
    key = scene.keys.gpg.get(who) or scene.keys.ssh[who]
    return scene.builder.write(signed(plain, key.sign(plain)), "commit")


def found(scene: Scene, tip: str, *accepted: str) -> list[str]:
    with Repository.open(scene.builder.path) as repository:
        signers = load_signers(repository.tree(scene.base))
        assert signers is not None
        names = frozenset(scene.keys.gpg[name].fingerprint if name in scene.keys.gpg else name for name in accepted)
        return list(unsealed(Past(repository, signers.certificates), (tip,), names))


def test_history_from_before_signatures_is_refused_until_somebody_seals_it(scene: Scene) -> None:
    tip = scene.commit("alice", {"app.yaml": "a: 2\n"})
    assert found(scene, tip, "alice") == [scene.base]
    for message in ("Seal\n\nArgocd-gpg-seal: reviewed\n", "ArgoCD-GPG-Seal: any case, anywhere\n"):
        seal = sealed(scene, "alice", tip, message)
        assert found(scene, seal, "alice") == []
    after = commit_signed(scene.builder, None, {"b": "1"}, parents=(seal,))
    assert found(scene, after, "alice") == [after]


def test_a_seal_needs_an_accepted_signature_itself(scene: Scene) -> None:
    by_carol, by_bob = sealed(scene, "carol", scene.base), sealed(scene, "bob", scene.base)
    assert found(scene, by_carol, "alice") == [by_carol]
    assert found(scene, by_bob, "alice") == [by_bob, scene.base], "Argo CD knows no SSH signatures"


def test_what_a_seal_does_not_reach_stays_judged(scene: Scene) -> None:
    seal = sealed(scene, "alice", scene.base)
    side = commit_signed(scene.builder, None, {"b": "1"}, branch="side", parents=(scene.base,))
    merge = scene.commit("alice", {}, parents=(seal, side), tree=scene.builder.git("rev-parse", f"{side}^{{tree}}"))
    assert found(scene, merge, "alice") == [side]


def test_a_key_that_cannot_be_told_is_not_held_against_a_commit(scene: Scene) -> None:
    """It may be a subkey of an accepted key whose certificate the tree does not show."""
    tip = commit_signed(
        scene.builder, scene.keys.gpg["mallory"], {"b": "1"}, parents=(sealed(scene, "alice", scene.base),)
    )
    assert found(scene, tip, "alice") == [tip], "every accepted certificate is known"
    assert found(scene, tip, "alice", "F" * 40) == []
