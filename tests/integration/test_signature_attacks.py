"""Whole changes in real repositories: attacks on authority, merges, history and the signers themselves.

Rows T1-T8, S3, S11-S15, G5-G8 and G15 of the threat model, each by the code that it must give.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from gitgate.git import Repository
from gitgate.signature.clock import BUILD_TIME
from gitgate.signature.range import new_commits, update_failures
from gitgate.signature.signers_file import load_signers
from gitgate.signature.verdict import Code
from gitgate.signature.verify import VerificationRequest, verify_range, verify_tag
from tests.support.keys import (
    ALWAYS_GOOD,
    SigningKeys,
    key_entry,
    keys,
    payload,
    signed,
)
from tests.support.repository import Link, Submodule
from tests.support.signature_scene import FILES, NOW, Scene, all_codes, make_scene

__all__ = ["keys"]


@pytest.fixture
def scene(tmp_path: Path, keys: SigningKeys) -> Scene:
    return make_scene(tmp_path / "repository", keys)


def test_an_honest_change_of_several_people_is_accepted(scene: Scene) -> None:
    first = scene.commit("carol", {"app.yaml": "a: 2\n"})
    second = scene.commit("alice", {"clusters/prod/app.yaml": "a: 2\n"})
    verdict = scene.verify(scene.commit("deploy", {"images/web.yaml": "tag: 2\n"}))
    assert verdict.accepted
    assert [commit.principal for commit in verdict.commits] == ["deploy", "alice", "carol"]
    assert [commit.code for commit in verdict.commits] == [Code.SIGNED] * 3
    assert [commit.commit for commit in verdict.commits][1:] == [second, first]
    assert [path.rules for path in verdict.commits[1].paths] == [("prod",)]


@pytest.mark.parametrize("who", ["alice", "bob"])
@pytest.mark.parametrize("object_format", ["sha1", "sha256"])
def test_what_git_itself_signs_is_accepted(tmp_path: Path, keys: SigningKeys, who: str, object_format: str) -> None:
    """A commit, a merge and a tag, made by the real git with gpg and with ssh-keygen."""
    scene = make_scene(tmp_path / "r", keys, object_format=object_format)
    builder, key = scene.builder, keys.gpg.get(who) or keys.ssh[who]
    if who == "bob":
        builder.configure(gpg__format="ssh", user__signingKey=str(keys.ssh["bob"].path))
    else:
        builder.configure(user__signingKey=key.fingerprint)
    person = {"GIT_COMMITTER_EMAIL": f"{who}@example.com", "GNUPGHOME": str(keys.home)}

    def git(*arguments: str) -> str:
        return builder.git(*arguments, environment=person)

    builder.checkout("change")
    builder.write_files({"app.yaml": "a: 2\n"})
    git("commit", "-q", "-a", "-S", "-m", "Ein Commit von Jürgen")
    builder.commit({"other.yaml": "b\n"}, branch="main", parents=(scene.base,))
    git("merge", "-q", "--no-ff", "-S", "-m", "Merge main", "main")
    git("tag", "-s", "-m", "Release", "v1")
    verdict = scene.verify(builder.git("rev-parse", "change"), base=builder.git("rev-parse", "main"))
    assert verdict.accepted, verdict.failures
    assert [commit.code for commit in verdict.commits] == [Code.MERGE_CLEAN, Code.SIGNED]
    assert {commit.principal for commit in verdict.commits} == {who}
    with Repository.open(builder.path) as repository:
        signers = load_signers(repository.tree(scene.base))
        signer, evidence = verify_tag(repository, builder.git("rev-parse", "v1"), signers, NOW)
    assert (signer, evidence.good) == (who, True)


def test_a_signature_of_the_other_object_format(tmp_path: Path, keys: SigningKeys) -> None:
    scene = make_scene(tmp_path / "r", keys, object_format="sha256")
    tree = scene.builder.git("rev-parse", "main^{tree}")
    plain = payload("carol", tree=tree, parents=(scene.base,))
    head = scene.builder.write(signed(plain, keys.gpg["carol"].sign(plain), header=b"gpgsig"), "commit")
    assert scene.codes(head) == {Code.SIG_MALFORMED}


# T: trust root and policy


def test_t1_a_change_cannot_bring_the_key_that_judges_it(scene: Scene) -> None:
    mallory = scene.keys.gpg["mallory"]
    entry = {"keys": [{"type": "openpgp", "fingerprint": mallory.fingerprint, "file": mallory.file}]}
    edited = scene.edited(lambda document: document["principals"].update(mallory=entry) or document.update(version=2))
    head = scene.commit("mallory", {".gitgate/signers.yaml": edited})
    verdict = scene.verify(head)
    assert {Code.KEY_UNKNOWN, Code.POLICY_CHANGE_UNAUTHORIZED} <= all_codes(verdict)
    assert f"+ principal mallory key openpgp {mallory.fingerprint}" in verdict.policy_changes
    assert "+ principal mallory" in verdict.policy_changes


def test_t1_a_known_developer_cannot_edit_the_signers(scene: Scene) -> None:
    edited = scene.edited(lambda document: document.update(version=2))
    assert scene.codes(scene.commit("carol", {".gitgate/signers.yaml": edited})) == {
        Code.POLICY_CHANGE_UNAUTHORIZED,
        Code.THRESHOLD_UNMET,
    }


def test_t1_a_rule_for_gitgates_own_directory_replaces_the_administrators_not(
    tmp_path: Path, keys: SigningKeys
) -> None:
    rule = {"id": "all", "paths": ["**"], "signers": ["carol"]}
    scene = make_scene(tmp_path / "r", keys, lambda document: document["rules"].append(rule))
    head = scene.commit("carol", {".gitgate/settings.yaml": "version: 1\n"})
    assert Code.POLICY_CHANGE_UNAUTHORIZED in scene.codes(head)


def test_t2_a_key_removed_after_the_change_was_opened(scene: Scene) -> None:
    head = scene.commit("carol", {"app.yaml": "a: 2\n"})
    assert scene.codes(head) == set()

    def remove(document: dict[str, Any]) -> None:
        document["version"] = 2
        del document["principals"]["carol"]

    tip = scene.builder.commit({".gitgate/signers.yaml": scene.edited(remove)}, branch="main")
    assert Code.KEY_UNKNOWN in scene.codes(head, base=tip)


def test_t2_a_principal_whom_no_rule_names_any_more(scene: Scene) -> None:
    head = scene.commit("carol", {"app.yaml": "a: 2\n"})
    edited = scene.edited(lambda document: document.update(version=2, default={"signers": ["gitops-admins"]}))
    tip = scene.builder.commit({".gitgate/signers.yaml": edited}, branch="main")
    assert scene.codes(head, base=tip) == {Code.KEY_NOT_AUTHORIZED, Code.PATH_NOT_AUTHORIZED}


def test_t3_the_signers_of_the_protected_ref_judge_not_those_of_the_branch_between(scene: Scene) -> None:
    def lax(document: dict[str, Any]) -> None:
        mallory = scene.keys.gpg["mallory"]
        entry = {"type": "openpgp", "fingerprint": mallory.fingerprint, "file": mallory.file}
        document["principals"]["mallory"] = {"keys": [entry]}

    dev = scene.builder.commit({".gitgate/signers.yaml": scene.edited(lax)}, branch="dev", parents=(scene.base,))
    scene.builder.branch("change", dev)
    head = scene.commit("mallory", {"app.yaml": "a: 2\n"})
    assert scene.codes(head, base=dev) == set()
    assert {Code.KEY_UNKNOWN, Code.UNSIGNED} <= scene.codes(head, base=scene.base)


@pytest.mark.parametrize(
    "edit",
    [
        lambda document: document.update(version=1),
        lambda document: document.update(version=3),
        lambda document: document.update(version=2, principals={}),
        lambda document: document.update(version=2, admins={"signers": ["gitops-admins"], "threshold": 3}),
        lambda document: document.update(version=2, admins={"signers": ["deploy"]}),
        lambda document: document.update(version=2, epoch="1" * 40),
        lambda document: document.update(version=2, surprise=True),
        lambda document: (
            document["principals"]["bob"]["keys"][0].update(notAfter="2024-01-01") or document.update(version=2)
        ),
    ],
    ids=[
        "same-version",
        "skipped-version",
        "empty",
        "unreachable",
        "bots-only",
        "epoch",
        "unknown-key",
        "expired-admin",
    ],
)
def test_t4_the_administrators_cannot_leave_signers_that_judge_nothing(
    scene: Scene, edit: Callable[[dict[str, Any]], object]
) -> None:
    edited = scene.edited(edit)
    if edited == scene.edited(lambda document: None):
        edited += b"# the same version, other bytes\n"
    scene.commit("alice", {".gitgate/signers.yaml": edited})
    assert scene.codes(scene.commit("bob")) == {Code.POLICY_INVALID}


@pytest.mark.parametrize("content", [b"", b"{", b"\xff\xfe", b"a: 1\na: 2\n", None])
def test_t4_signers_that_cannot_be_read(scene: Scene, content: bytes | None) -> None:
    scene.commit("alice", {".gitgate/signers.yaml": content})
    assert scene.codes(scene.commit("bob")) == {Code.POLICY_INVALID}


def test_t4_the_administrators_together_can_edit_the_signers(scene: Scene) -> None:
    edited = scene.edited(
        lambda document: document.update(version=2, groups={"gitops-admins": ["alice", "bob", "carol"]})
    )
    scene.commit("alice", {".gitgate/signers.yaml": edited})
    verdict = scene.verify(scene.commit("bob"))
    assert all_codes(verdict) == set()
    assert verdict.policy_changes == (
        "version 1 → 2",
        "+ group gitops-admins: carol",
        "+ rule admins signers: carol",
        "+ rule images signers: carol",
        "+ rule prod signers: carol",
    )


def test_t8_a_clock_before_the_release_undetermines(scene: Scene) -> None:
    verdict = scene.verify(scene.commit("carol", {"app.yaml": "a: 2\n"}), now=BUILD_TIME - timedelta(days=1))
    assert all_codes(verdict) == {Code.TOOL_ERROR}
    assert verdict.undetermined


def test_a_trust_root_from_outside_that_the_base_does_not_have(scene: Scene) -> None:
    head = scene.commit("carol", {"app.yaml": "a: 2\n"})
    with Repository.open(scene.builder.path) as repository:
        digest = load_signers(repository.tree(scene.base)).digest
    assert scene.codes(head, trust_roots=frozenset({digest})) == set()
    assert scene.codes(head, trust_roots=frozenset({"sha256:" + "0" * 64})) == {Code.POLICY_INVALID}


# S: signatures, identity and authority


def test_s3_a_good_signature_in_another_persons_name(scene: Scene) -> None:
    assert scene.codes(scene.commit("carol", {"app.yaml": "x\n"}, who="alice")) == {Code.IDENTITY_MISMATCH}


def test_s3_an_author_whom_nobody_knows(tmp_path: Path, keys: SigningKeys) -> None:
    for author, expected in (
        ("any", set()),
        ("listed", {Code.IDENTITY_MISMATCH}),
        ("must-match", {Code.IDENTITY_MISMATCH}),
    ):
        scene = make_scene(tmp_path / author, keys, lambda document, a=author: document.update(identity={"author": a}))
        plain = payload(
            "carol", author="ceo", tree=scene.builder.git("rev-parse", "main^{tree}"), parents=(scene.base,)
        )
        head = scene.builder.write(signed(plain, keys.gpg["carol"].sign(plain)), "commit")
        assert scene.codes(head) == expected


def test_s3_whom_no_address_binds_names_no_author_whom_nobody_knows(tmp_path: Path, keys: SigningKeys) -> None:
    """A principal without addresses commits in any name; that authors must be listed holds for it all the same."""

    def edit(document: dict[str, Any]) -> None:
        del document["principals"]["carol"]["emails"]
        document.update(identity={"author": "listed"})

    scene = make_scene(tmp_path / "r", keys, edit)
    for author, expected in (("alice", set()), ("ceo", {Code.IDENTITY_MISMATCH})):
        tree = scene.builder.git("rev-parse", "main^{tree}")
        plain = payload("carol", author=author, tree=tree, parents=(scene.base,))
        head = scene.builder.write(signed(plain, keys.gpg["carol"].sign(plain)), "commit")
        assert scene.codes(head) == expected


def test_s11_a_signed_tag_does_not_sign_its_commit(scene: Scene) -> None:
    head = scene.commit(None, {"app.yaml": "x\n"})
    tag = f"object {head}\ntype commit\ntag v1\ntagger alice <alice@example.com> 1700000000 +0000\n\nRelease\n".encode()
    oid = scene.builder.write(tag + scene.keys.gpg["alice"].sign(tag), "tag")
    plain = scene.builder.write(tag, "tag")
    with Repository.open(scene.builder.path) as repository:
        signers = load_signers(repository.tree(scene.base))
        who, evidence = verify_tag(repository, oid, signers, NOW)
        assert (who, evidence.good) == ("alice", True)
        assert [failure.code for failure in verify_tag(repository, plain, signers, NOW)[1].failures] == [Code.UNSIGNED]
        assert [failure.code for failure in verify_tag(repository, head, signers, NOW)[1].failures] == [Code.UNSIGNED]
    assert Code.UNSIGNED in scene.codes(head)


def test_a_principal_that_nobody_confirmed_signs_nothing(tmp_path: Path, keys: SigningKeys) -> None:
    scene = make_scene(tmp_path / "r", keys, lambda document: document["principals"]["carol"].update(unproven=True))
    head = scene.commit("carol", {"app.yaml": "x\n"})
    assert scene.codes(head) == {Code.KEY_NOT_AUTHORIZED, Code.PATH_NOT_AUTHORIZED}
    assert scene.codes(scene.commit("alice", {"app.yaml": "y\n"}), base=head) == set()
    raw = f"object {head}\ntype commit\ntag v1\ntagger carol <carol@example.com> 1700000000 +0000\n\nx\n".encode()
    tag = scene.builder.write(raw + keys.gpg["carol"].sign(raw), "tag")
    with Repository.open(scene.builder.path) as repository:
        _, evidence = verify_tag(repository, tag, load_signers(repository.tree(scene.base)), NOW)
    # Two reasons of one code: nobody confirmed carol, and she is neither an administrator nor a default signer.
    assert {failure.code for failure in evidence.failures} == {Code.KEY_NOT_AUTHORIZED}
    edited = scene.edited(
        lambda document: document["principals"]["carol"].pop("unproven") and document.update(version=2)
    )
    scene.builder.branch("change", scene.base)
    scene.commit("alice", {".gitgate/signers.yaml": edited})
    assert "principal carol: confirmed" in scene.verify(scene.commit("bob")).policy_changes


def advanced(scene: Scene) -> tuple[str, str]:
    """Main goes on after the change was made; both tips."""
    head = scene.commit("carol", {"app.yaml": "a: 2\n"})
    tip = scene.builder.commit({"other.yaml": "b: 1\n"}, branch="main", parents=(scene.base,))
    return head, tip


def test_s12_an_honest_merge_adds_nothing(scene: Scene) -> None:
    head, tip = advanced(scene)
    verdict = scene.verify(scene.merge("carol", head, tip), base=tip)
    assert [commit.code for commit in verdict.commits] == [Code.MERGE_CLEAN, Code.SIGNED]
    assert verdict.accepted


def test_s12_an_unsigned_merge(tmp_path: Path, keys: SigningKeys) -> None:
    for required, expected in ((True, {Code.MERGE_UNSIGNED}), (False, set())):
        edit = {"requireSigned": required}
        scene = make_scene(tmp_path / str(required), keys, lambda document, e=edit: document.update(merges=e))
        head, tip = advanced(scene)
        assert scene.codes(scene.merge(None, head, tip), base=tip) == expected


def test_s12_an_unsigned_merge_with_content_is_refused_even_where_clean_ones_need_no_signature(
    tmp_path: Path, keys: SigningKeys
) -> None:
    scene = make_scene(tmp_path / "r", keys, lambda document: document.update(merges={"requireSigned": False}))
    head, tip = advanced(scene)
    evil = scene.merge(None, head, tip, files={"other.yaml": "b: evil\n"})
    assert scene.codes(evil, base=tip) == {Code.MERGE_UNSIGNED, Code.MERGE_EVIL}


def test_s12_an_evil_merge_brings_what_no_parent_has(scene: Scene) -> None:
    head, tip = advanced(scene)
    evil = scene.merge("carol", head, tip, files={"other.yaml": "b: 1\n", "clusters/prod/app.yaml": "evil\n"})
    verdict = scene.verify(evil, base=tip)
    assert all_codes(verdict) == {Code.MERGE_EVIL}
    assert [path.change.path for path in verdict.commits[0].paths] == ["clusters/prod/app.yaml"]


def test_s12_content_in_a_merge_belongs_to_its_signer(scene: Scene) -> None:
    head, tip = advanced(scene)
    merge = scene.merge("alice", head, tip, files={"other.yaml": "b: 1\n", "clusters/prod/app.yaml": "a: 3\n"})
    verdict = scene.verify(merge, base=tip)
    assert verdict.accepted
    assert verdict.commits[0].code is Code.SIGNED


def test_s12_a_merge_that_silently_drops_mains_change(scene: Scene) -> None:
    head = scene.commit("carol", {"app.yaml": "a: 2\n"})
    tip = scene.builder.commit({"clusters/prod/app.yaml": "fixed: true\n"}, branch="main", parents=(scene.base,))
    kept = scene.builder.git("rev-parse", f"{head}^{{tree}}")
    verdict = scene.verify(scene.commit("carol", parents=(head, tip), tree=kept), base=tip)
    assert all_codes(verdict) == {Code.MERGE_EVIL}
    assert [path.change.path for path in verdict.commits[0].paths] == ["clusters/prod/app.yaml"]


def test_s12_a_conflict_is_resolved_by_somebody_who_may(scene: Scene) -> None:
    head = scene.commit("alice", {"clusters/prod/app.yaml": "a: 2\n"})
    tip = scene.builder.commit({"clusters/prod/app.yaml": "a: 3\n"}, branch="main", parents=(scene.base,))
    for who, expected in (("alice", set()), ("carol", {Code.MERGE_EVIL})):
        merge = scene.merge(who, head, tip, files={"clusters/prod/app.yaml": "a: 4\n"})
        assert scene.codes(merge, base=tip) == expected


def test_s12_resolving_a_conflict_needs_no_authority_over_what_main_changed_elsewhere(scene: Scene) -> None:
    head = scene.commit("carol", {"app.yaml": "a: 2\n"})
    main = {"app.yaml": "a: 3\n", "clusters/prod/app.yaml": "fixed: true\n"}
    tip = scene.builder.commit(main, branch="main", parents=(scene.base,))
    merge = scene.merge("carol", head, tip, files={**main, "app.yaml": "a: 4\n"})
    verdict = scene.verify(merge, base=tip)
    assert verdict.accepted
    assert [path.change.path for path in verdict.commits[0].paths] == ["app.yaml"]
    reverting = scene.merge("carol", head, tip, files={"app.yaml": "a: 4\n"})
    assert scene.codes(reverting, base=tip) == {Code.MERGE_EVIL}, "it drops main's change of production"


def test_s12_committing_a_conflict_with_its_marks_is_no_clean_merge(scene: Scene) -> None:
    head = scene.commit("alice", {"clusters/prod/app.yaml": "a: 2\n"})
    tip = scene.builder.commit({"clusters/prod/app.yaml": "a: 3\n"}, branch="main", parents=(scene.base,))
    marks = scene.builder.git("merge-tree", "--write-tree", head, tip, check=False).splitlines()[0]
    marked = scene.builder.git("cat-file", "blob", f"{marks}:clusters/prod/app.yaml") + "\n"
    assert "<<<<<<<" in marked
    for own in ({}, {"own.yaml": "hers to add\n"}):
        merge = scene.merge("carol", head, tip, files={"clusters/prod/app.yaml": marked, **own})
        assert scene.codes(merge, base=tip) == {Code.MERGE_EVIL}


LONG = "".join(f"line{number}: {number}\n" for number in range(40))


def _moved_on_main(scene: Scene, edit: str = LONG.replace("line5: 5", "line5: 6")) -> tuple[str, str]:
    """Carol's edit of a file that she may change, and main's tip, where it has moved to production since."""
    start = scene.builder.commit({"staging.yaml": LONG}, branch="main")
    side = scene.commit("carol", {"staging.yaml": edit}, parents=(start,))
    return side, scene.builder.commit({"staging.yaml": None, "clusters/prod/live.yaml": LONG}, branch="main")


def test_s12_the_merge_carries_no_edit_of_a_moved_file_into_paths_of_others(scene: Scene) -> None:
    """Git follows renames: no commit names clusters/prod/live.yaml, and yet the merge would change it."""
    side, tip = _moved_on_main(scene)
    verdict = scene.verify(side, base=tip)
    assert all_codes(verdict) == {Code.MERGE_EVIL}
    assert "clusters/prod/live.yaml" in verdict.failures[0].detail


@pytest.mark.parametrize(
    ("who", "expected"),
    [("carol", {Code.MERGE_EVIL}), ("forge", {Code.MERGE_EVIL, Code.PLATFORM_KEY_CONTENT}), ("alice", set())],
)
def test_s12_whoever_merges_a_moved_file_answers_for_where_it_went(scene: Scene, who: str, expected: set[Code]) -> None:
    side, tip = _moved_on_main(scene)
    merge = scene.merge(who, tip, side, who="alice" if who == "alice" else "carol")
    verdict = scene.verify(merge, base=tip)
    assert all_codes(verdict) == expected
    assert [path.change.path for path in verdict.commits[0].paths] == ["clusters/prod/live.yaml"]


def test_s12_new_files_do_not_follow_a_moved_directory_into_paths_of_others(scene: Scene) -> None:
    other = LONG.replace("line", "key")
    start = scene.builder.commit({"staging/a.yaml": LONG, "staging/b.yaml": other}, branch="main")
    side = scene.commit("carol", {"staging/evil.yaml": "evil: 1\n"}, parents=(start,))
    moved = {"clusters/prod/a.yaml": LONG, "clusters/prod/b.yaml": other}
    tip = scene.builder.commit({"staging/a.yaml": None, "staging/b.yaml": None, **moved}, branch="main")
    merge = scene.merge("carol", tip, side, files={"clusters/prod/evil.yaml": "evil: 1\n"})
    verdict = scene.verify(merge, base=tip)
    assert all_codes(verdict) == {Code.MERGE_EVIL}
    assert [path.change.path for path in verdict.commits[0].paths] == ["clusters/prod/evil.yaml"]


def test_s12_moving_ones_own_files_while_main_edits_them_is_honest(scene: Scene) -> None:
    start = scene.builder.commit({"web.yaml": LONG}, branch="main")
    side = scene.commit("carol", {"web.yaml": None, "shop/web.yaml": LONG}, parents=(start,))
    tip = scene.builder.commit({"web.yaml": LONG.replace("line5: 5", "line5: 6")}, branch="main")
    assert scene.codes(side, base=tip) == set()
    assert scene.codes(scene.merge("carol", tip, side), base=tip) == set()


def test_s12_an_octopus(scene: Scene) -> None:
    head, tip = advanced(scene)
    third = scene.commit("carol", {"third.yaml": "c\n"}, branch="third", parents=(scene.base,))
    merge = scene.commit("alice", {"other.yaml": "b: 1\n", "third.yaml": "c\n"}, parents=(head, tip, third))
    assert scene.codes(merge, base=tip) == {Code.MERGE_OCTOPUS}


def test_s12_a_merge_of_an_unrelated_history(scene: Scene) -> None:
    stranger = scene.commit("carol", {"own.yaml": "x\n"}, branch="stranger", parents=())
    merge = scene.commit("carol", {"own.yaml": "x\n"}, parents=(scene.base, stranger))
    assert Code.MERGE_EVIL in scene.codes(merge), "its other parent lacks .gitgate and all else"


def test_s13_a_platform_key_signs_clean_merges_only(scene: Scene) -> None:
    head, tip = advanced(scene)
    clean = scene.merge("forge", head, tip, who="carol")
    assert scene.codes(clean, base=tip) == set()
    evil = scene.merge("forge", head, tip, who="carol", files={"other.yaml": "b: 1\n", "app.yaml": "evil\n"})
    assert scene.codes(evil, base=tip) == {Code.PLATFORM_KEY_CONTENT, Code.MERGE_EVIL}


def test_s13_a_platform_key_signs_no_content(scene: Scene) -> None:
    squash = scene.commit("forge", {"app.yaml": "x\n"}, who="carol")
    assert Code.PLATFORM_KEY_CONTENT in scene.codes(squash)
    scene.builder.branch("change", scene.base)
    assert scene.codes(scene.commit("forge", who="carol")) == {Code.PLATFORM_KEY_CONTENT}, "not even an empty commit"


def test_s13_platform_merges_can_be_switched_off(tmp_path: Path, keys: SigningKeys) -> None:
    off = {"allowCleanPlatformMerge": False}
    scene = make_scene(tmp_path / "r", keys, lambda document: document.update(merges=off))
    head, tip = advanced(scene)
    assert scene.codes(scene.merge("forge", head, tip, who="carol"), base=tip) == {Code.KEY_NOT_AUTHORIZED}


def test_s13_a_bot_leaves_its_paths(scene: Scene) -> None:
    assert scene.codes(scene.commit("deploy", {"app.yaml": "x\n"})) == {Code.PATH_NOT_AUTHORIZED}


def test_a_developer_changes_a_path_of_others(scene: Scene) -> None:
    assert scene.codes(scene.commit("carol", {"clusters/prod/app.yaml": "x\n"})) == {Code.PATH_NOT_AUTHORIZED}


def test_moving_a_file_needs_authority_over_both_paths(scene: Scene) -> None:
    moved = {"clusters/prod/app.yaml": None, "elsewhere.yaml": FILES["clusters/prod/app.yaml"]}
    assert scene.codes(scene.commit("carol", moved)) == {Code.PATH_NOT_AUTHORIZED}


def test_a_name_that_git_would_quote_still_matches_its_rule(scene: Scene) -> None:
    head = scene.commit("carol", {"clusters/prod/über\tapp.yaml": "x\n"})
    assert scene.codes(head) == {Code.PATH_NOT_AUTHORIZED}


def two_for_prod(document: dict[str, Any]) -> None:
    alice = document["principals"]["alice"]["keys"]
    document["rules"][0].update(threshold=2, signers=["gitops-admins", "deploy"])
    carol = document["principals"].pop("carol")
    alice += carol["keys"]
    document["principals"]["alice"]["emails"].append("carol@example.com")


@pytest.fixture
def strict(tmp_path: Path, keys: SigningKeys) -> Scene:
    """Two principals for production; alice has carol's key too."""
    return make_scene(tmp_path / "strict", keys, two_for_prod)


def test_s15_two_keys_of_one_person_are_one_person(strict: Scene) -> None:
    strict.commit("alice", {"clusters/prod/app.yaml": "a: 2\n"})
    assert strict.codes(strict.commit("carol", {"clusters/prod/app.yaml": "a: 3\n"})) == {Code.THRESHOLD_UNMET}


def test_s15_two_people_meet_the_threshold(strict: Scene) -> None:
    strict.commit("alice", {"clusters/prod/app.yaml": "a: 2\n"})
    assert strict.codes(strict.commit("bob")) == set()


def test_s15_a_signature_from_before_the_last_edit_approves_nothing(strict: Scene) -> None:
    strict.commit("bob", {"clusters/prod/harmless.yaml": "b\n"})
    assert strict.codes(strict.commit("alice", {"clusters/prod/app.yaml": "evil\n"})) == {Code.THRESHOLD_UNMET}


def test_s15_an_edit_elsewhere_approves_nothing(strict: Scene) -> None:
    strict.commit("alice", {"clusters/prod/app.yaml": "a: 2\n"})
    assert strict.codes(strict.commit("bob", {"app.yaml": "b\n"})) == {Code.THRESHOLD_UNMET}


def test_s15_an_approval_on_another_branch_does_not_see_the_edit(strict: Scene) -> None:
    edit = strict.commit("alice", {"clusters/prod/app.yaml": "a: 2\n"})
    blind = strict.commit("bob", branch="blind", parents=(strict.base,))
    assert strict.codes(strict.merge("alice", edit, blind)) == {Code.THRESHOLD_UNMET}


@pytest.mark.parametrize("threshold", [1, 2])
def test_s15_the_author_does_not_count_where_a_rule_excludes_them(
    tmp_path: Path, keys: SigningKeys, threshold: int
) -> None:
    """Four eyes of others: alice edits, so of alice, bob and carol only the other two can meet the threshold."""

    def exclude(document: dict[str, Any]) -> None:
        document["rules"][0].update(signers=["alice", "bob", "carol"], threshold=threshold, excludeAuthor=True)

    scene = make_scene(tmp_path / "r", keys, exclude)
    head = scene.commit("alice", {"clusters/prod/app.yaml": "a: 2\n"})
    assert scene.codes(head) == {Code.THRESHOLD_UNMET}
    assert scene.codes(scene.commit("alice")) == {Code.THRESHOLD_UNMET}, "approving one's own edit"
    assert scene.codes(head, approvals=frozenset({"alice"})) == {Code.THRESHOLD_UNMET}
    head = scene.commit("bob")
    assert scene.codes(head) == (set() if threshold == 1 else {Code.THRESHOLD_UNMET})
    assert scene.codes(scene.commit("carol")) == set()


def test_s15_whom_the_commit_names_as_author_is_excluded_too(tmp_path: Path, keys: SigningKeys) -> None:
    """Bob commits alice's work; alice approving it would be one pair of eyes."""

    def exclude(document: dict[str, Any]) -> None:
        document["rules"][0].update(signers=["alice", "bob", "carol"], excludeAuthor=True)

    scene = make_scene(tmp_path / "r", keys, exclude)
    tree = scene.builder.git("rev-parse", scene.builder.commit({"clusters/prod/app.yaml": "x\n"}) + "^{tree}")
    plain = payload("bob", author="alice", tree=tree, parents=(scene.base,))
    scene.builder.branch("change", scene.builder.write(signed(plain, keys.ssh["bob"].sign(plain)), "commit"))
    assert scene.codes(scene.commit("alice")) == {Code.THRESHOLD_UNMET}
    assert scene.codes(scene.commit("carol")) == set()


def test_s15_an_approval_that_was_verified_elsewhere_counts(strict: Scene) -> None:
    head = strict.commit("alice", {"clusters/prod/app.yaml": "a: 2\n"})
    assert strict.codes(head, approvals=frozenset({"bob"})) == set()
    assert strict.codes(head, approvals=frozenset({"alice"})) == {Code.THRESHOLD_UNMET}
    assert strict.codes(head, approvals=frozenset({"carol"})) == {Code.THRESHOLD_UNMET}


def test_s15_bots_alone_meet_no_threshold(tmp_path: Path, keys: SigningKeys) -> None:
    def two_bots(document: dict[str, Any]) -> None:
        robot = key_entry(keys.ssh["stranger"])
        document["principals"]["robot"] = {"kind": "bot", "keys": [robot]}
        document["rules"][1].update(threshold=2, signers=["deploy", "robot", "alice"])

    scene = make_scene(tmp_path / "bots", keys, two_bots)
    head = scene.commit("deploy", {"images/web.yaml": "tag: 2\n"})
    assert scene.codes(head, approvals=frozenset({"robot"})) == {Code.THRESHOLD_UNMET}
    assert scene.codes(head, approvals=frozenset({"alice"})) == set()


# G: git


def test_g5_a_repository_of_another_owner_is_read(scene: Scene) -> None:
    if os.geteuid() != 0:
        pytest.skip("only root can give files away")
    head = scene.commit("carol", {"app.yaml": "x\n"})
    for path in (scene.builder.path, *scene.builder.path.rglob("*")):
        os.chown(path, 12345, 12345)
    assert scene.codes(head) == set()


def test_g6_a_protected_ref_only_grows(scene: Scene) -> None:
    new = scene.commit("carol", {"app.yaml": "x\n"})
    rewritten = scene.commit("carol", {"app.yaml": "y\n"}, branch="other", parents=(scene.base,))
    with Repository.open(scene.builder.path) as repository:

        def update(ref: str, old: str | None, to: str | None) -> list[Code]:
            return [failure.code for failure in update_failures(repository, ref, old, to)]

        assert update("refs/heads/main", scene.base, new) == []
        assert update("refs/heads/main", None, new) == []
        assert update("refs/heads/main", new, scene.base) == [Code.HISTORY_REWRITE]
        assert update("refs/heads/main", new, rewritten) == [Code.HISTORY_REWRITE]
        assert update("refs/heads/main", new, None) == [Code.HISTORY_REWRITE]
        assert update(f"refs/replace/{new}", None, rewritten) == [Code.HISTORY_REWRITE]


def test_g7_a_commit_pushed_to_another_branch_first_is_still_new(scene: Scene) -> None:
    evil = scene.commit("mallory", {"app.yaml": "evil\n"})
    scene.builder.branch("feature", evil)
    with Repository.open(scene.builder.path) as repository:
        assert new_commits(repository, [scene.base], evil) == (evil,)
        assert new_commits(repository, [scene.base, evil], evil) == ()
        assert set(new_commits(repository, [], evil)) == {evil, scene.base}
    assert Code.KEY_UNKNOWN in scene.codes(evil)


def test_g8_a_range_is_named_by_full_object_names(scene: Scene) -> None:
    head = scene.commit("mallory", {"app.yaml": "evil\n"})
    scene.builder.git("update-ref", f"refs/heads/{head}", scene.base)
    assert Code.KEY_UNKNOWN in scene.codes(head), "a branch that is called like the commit does not stand in for it"


def test_g15_a_verdict_belongs_to_the_commit_that_was_judged(scene: Scene) -> None:
    head = scene.commit("carol", {"app.yaml": "a: 2\n"})
    verdict = scene.verify(head)
    pushed_later = scene.commit("mallory", {"app.yaml": "evil\n"})
    assert (verdict.base, verdict.head) == (scene.base, head)
    assert scene.verify(pushed_later).head != verdict.head
    assert Code.KEY_UNKNOWN in scene.codes(pushed_later)


def test_g9_a_submodule(tmp_path: Path, keys: SigningKeys) -> None:
    for allowed, expected in ((["vendor/lib"], set()), ([], {Code.SUBMODULE_CHANGED})):
        scene = make_scene(
            tmp_path / str(len(allowed)), keys, lambda document, a=allowed: document.update(submodules=a)
        )
        assert scene.codes(scene.commit("carol", {"vendor/lib": Submodule()})) == expected


@pytest.mark.parametrize(
    ("target", "expected"),
    [("../app.yaml", set()), ("/etc/passwd", {Code.SYMLINK_ESCAPE}), ("../../x", {Code.SYMLINK_ESCAPE})],
)
def test_g10_a_symbolic_link(scene: Scene, target: str, expected: set[Code]) -> None:
    assert scene.codes(scene.commit("carol", {"links/here": Link(target)})) == expected


def test_g12_names_that_collide(scene: Scene) -> None:
    assert scene.codes(scene.commit("carol", {"App.yaml": "x\n"})) == {Code.PATH_COLLISION}


def test_g1_a_shallow_clone_is_not_judged(scene: Scene, tmp_path: Path) -> None:
    scene.commit("mallory", {"app.yaml": "evil\n"})
    head = scene.commit("carol", {"app.yaml": "good\n"})
    scene.builder.checkout("change")
    shallow = scene.builder.shallow_clone(tmp_path / "shallow")
    with Repository.open(scene.builder.path) as full, Repository.open(shallow.path) as repository:
        signers = load_signers(full.tree(scene.base))
        verdict = verify_range(repository, VerificationRequest(base=scene.base, head=head, signers=signers, now=NOW))
    assert all_codes(verdict) == {Code.HISTORY_INCOMPLETE}
    assert verdict.undetermined


def test_s14_one_malformed_commit_hides_none_of_the_others(scene: Scene) -> None:
    evil = scene.commit("mallory", {"app.yaml": "evil\n"})
    tree = scene.builder.git("rev-parse", f"{evil}^{{tree}}")
    bad = payload("carol", tree=tree, parents=(evil,)).replace(b"\n\n", b"\nauthor x <x@y> 1 +0000\n\n", 1)
    scene.builder.branch("change", scene.builder.write(bad, "commit"))
    verdict = scene.verify(scene.commit("carol", {"app.yaml": "good\n"}))
    assert len(verdict.commits) == verdict.commits_seen == 3
    assert [commit.code for commit in verdict.commits] == [Code.SIGNED, Code.COMMIT_MALFORMED, Code.KEY_UNKNOWN]


def test_commits_up_to_the_epoch_are_not_judged(scene: Scene) -> None:
    old = scene.commit(None, {"app.yaml": "old\n"})
    head = scene.commit("carol", {"app.yaml": "new\n"})
    with Repository.open(scene.builder.path) as repository:
        signers = replace(load_signers(repository.tree(scene.base)), epoch=old)
        verdict = verify_range(repository, VerificationRequest(base=scene.base, head=head, signers=signers, now=NOW))
    assert [commit.code for commit in verdict.commits] == [Code.SIGNED, Code.PRE_EPOCH]
    assert verdict.accepted


def test_a_verdict_that_is_missing_never_passes(scene: Scene) -> None:
    verdict = scene.verify(scene.commit("carol", {"app.yaml": "x\n"}))
    assert verdict.accepted
    assert not replace(verdict, commits=()).accepted
    assert not replace(verdict, commits=verdict.commits * 2, commits_seen=2).accepted
    assert not replace(verdict, commits=verdict.commits * 2, commits_seen=1).accepted


# E: the programs


@pytest.mark.parametrize(
    "program",
    [
        "#!/bin/sh\nexit 0\n",
        "#!/bin/sh\nexit 2\n",
        "#!/bin/sh\nkill -9 $$\n",
        "#!/bin/sh\necho '[GNUPG:] NEWSIG'; echo '[GNUPG:] GOODSIG 0 x'\n",
        "#!/bin/sh\nyes\n",
        ALWAYS_GOOD,
    ],
    ids=["silent", "failing", "killed", "incomplete", "endless", "always-good"],
)
def test_e2_a_gpgv_that_cannot_be_relied_on_undetermines(
    scene: Scene, program: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    head = scene.commit("carol", {"app.yaml": "x\n"})
    (tmp_path / "bin").mkdir()
    (tmp_path / "bin" / "gpgv").write_text(program)
    (tmp_path / "bin" / "gpgv").chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path / 'bin'}:{os.environ['PATH']}")
    verdict = scene.verify(head)
    assert all_codes(verdict) == {Code.TOOL_ERROR}
    assert verdict.undetermined
    if program is ALWAYS_GOOD:
        assert "other-payload.commit was judged good" in verdict.failures[0].detail


def test_e2_a_gpgv_that_is_killed_in_mid_range(scene: Scene, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for number in range(3):
        head = scene.commit("carol", {"app.yaml": f"a: {number}\n"})
    place = tmp_path / "bin"
    place.mkdir()
    count = f"n=$(cat {place}/n 2>/dev/null || echo 0); echo $((n+1)) > {place}/n"
    vectors = 4
    program = f'#!/bin/sh\n{count}\n[ "$n" -gt {vectors} ] && kill -9 $$\nexec /usr/bin/gpgv "$@"\n'
    (place / "gpgv").write_text(program)
    (place / "gpgv").chmod(0o755)
    monkeypatch.setenv("PATH", f"{place}:{os.environ['PATH']}")
    monkeypatch.setattr("gitgate.signature.verify.CONCURRENT_VERIFICATIONS", 1)
    verdict = scene.verify(head)
    assert all_codes(verdict) == {Code.TOOL_ERROR}
    assert int((place / "n").read_text()) > vectors + 1, "some of the range was verified"


def test_s9_the_users_own_gnupg_configuration_takes_no_part(
    scene: Scene, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    head = scene.commit("carol", {"app.yaml": "x\n"})
    home = tmp_path / ".gnupg"
    home.mkdir(mode=0o700)
    for name in ("gpg.conf", "gpgv.conf", "common.conf", "dirmngr.conf"):
        (home / name).write_text("logger-fd 1\nno-such-option\n")
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("GNUPGHOME", str(home))
    before = sorted(path.name for path in home.iterdir())
    assert scene.codes(head) == set()
    assert sorted(path.name for path in home.iterdir()) == before


def test_no_private_directory_and_no_agent_is_left_behind(
    scene: Scene, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import tempfile

    (tmp_path / "t").mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "t"))
    monkeypatch.setattr("gitgate.signature.openpgp._LONGEST_TEMPORARY_PATH", 500)
    assert scene.codes(scene.commit("carol", {"app.yaml": "x\n"})) == set()
    assert list((tmp_path / "t").iterdir()) == []


def test_more_commits_than_are_examined(scene: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
    scene.commit("carol", {"app.yaml": "x\n"})
    head = scene.commit("carol", {"app.yaml": "y\n"})
    monkeypatch.setattr("gitgate.signature.verify.MAXIMUM_COMMITS", 1)
    verdict = scene.verify(head)
    assert all_codes(verdict) == {Code.LIMIT}
    assert verdict.undetermined


def test_a_missing_gpg_undetermines(scene: Scene, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    head = scene.commit("carol", {"app.yaml": "x\n"})
    (tmp_path / "bin").mkdir()
    (tmp_path / "bin" / "git").symlink_to("/usr/bin/git")
    monkeypatch.setenv("PATH", str(tmp_path / "bin"))
    verdict = scene.verify(head)
    assert all_codes(verdict) == {Code.TOOL_ERROR}
    assert "install GnuPG" in verdict.failures[0].detail
