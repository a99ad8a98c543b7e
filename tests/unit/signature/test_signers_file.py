"""The signers file: what it means, and every way in which it is refused, with the place."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Any

import pytest
import yaml
from jsonschema import Draft202012Validator

from gitgate import bundled
from gitgate.errors import SettingsError
from gitgate.signature.commit import CommitObject, parse_commit
from gitgate.signature.judge import signature_judge
from gitgate.signature.openpgp import CertificateError
from gitgate.signature.signers_file import SIGNERS_PATH, SignersError, load_signers
from gitgate.tree import MemoryTree
from tests.support.keys import SigningKeys, key_entry, make_signers, payload, signed, signers_document, signers_files

Edit = Callable[[dict[str, Any]], object]


def test_no_file_means_no_signers() -> None:
    assert load_signers(MemoryTree({"app.yaml": b""})) is None


def test_the_published_schema_is_a_schema() -> None:
    import json

    Draft202012Validator.check_schema(json.loads(bundled.schema_file("signers-v1.json").read_bytes()))


def test_what_a_signers_file_means(keys: SigningKeys) -> None:
    document = signers_document(keys)
    document["principals"]["carol"]["keys"][0].update(notBefore="2026-01-01", notAfter="2026-12-31")
    signers = make_signers(keys, document)
    key = signers.principals["carol"].keys[0]
    assert key.not_before == datetime(2026, 1, 1, tzinfo=UTC)
    assert key.accepted_at(datetime(2026, 12, 31, 23, 59, 59, tzinfo=UTC)), "the last day counts to its end"
    assert not key.accepted_at(datetime(2027, 1, 1, tzinfo=UTC))
    assert signers.default.signers == {"alice", "bob", "carol"}, "bots sign only where a rule names them"
    assert signers.holders[keys.ssh["bob"].fingerprint].name == "bob"
    assert signers.holders[keys.gpg["forge"].fingerprint].principal is None


@pytest.mark.parametrize(
    ("path", "rules"),
    [
        ("app.yaml", ("default",)),
        ("clusters/prod/a/b.yaml", ("prod",)),
        ("clusters/prod", ("default",)),
        ("clusters/Prod/a.yaml", ("default",)),
        ("x/clusters/prod/a.yaml", ("default",)),
        ("images/web.yaml", ("images",)),
        ("images/sub/web.yaml", ("default",)),
        (".gitgate/signers.yaml", ("admins",)),
        (".gitgate", ("admins",)),
        ("a/.gitgate/x", ("default",)),
    ],
)
def test_which_rules_a_path_must_satisfy(keys: SigningKeys, path: str, rules: tuple[str, ...]) -> None:
    assert tuple(rule.id for rule in make_signers(keys).rules_for(path)) == rules


def test_every_matching_rule_counts(keys: SigningKeys) -> None:
    document = signers_document(keys)
    document["rules"].append({"id": "yaml", "paths": ["**/*.yaml"], "signers": ["carol"]})
    signers = make_signers(keys, document)
    assert [rule.id for rule in signers.rules_for("clusters/prod/app.yaml")] == ["prod", "yaml"]
    assert [rule.id for rule in signers.rules_for(".gitgate/x.yaml")] == ["admins", "yaml"]


def test_the_digest_covers_key_files_and_comments(keys: SigningKeys) -> None:
    files = signers_files(keys, signers_document(keys))
    digests = {load_signers(MemoryTree(files)).digest}
    digests.add(load_signers(MemoryTree({**files, SIGNERS_PATH: files[SIGNERS_PATH] + b"# x\n"})).digest)
    path = f".gitgate/{keys.ssh['bob'].file}"
    digests.add(load_signers(MemoryTree({**files, path: files[path] + b"\n"})).digest)
    assert len(digests) == 3


def set_key(**change: str) -> Edit:
    return lambda document: document["principals"]["alice"]["keys"][0].update(change)


REFUSED: Mapping[str, tuple[Edit, str]] = {
    "unknown-field": (lambda d: d.update(surprise=1), "'surprise' is unknown"),
    "no-principals": (lambda d: d.update(principals={}), "principals"),
    "other-kind": (lambda d: d.update(kind="Policy"), "kind"),
    "version-0": (lambda d: d.update(version=0), "version"),
    "shortened-fingerprint": (set_key(fingerprint="0123456789ABCDEF"), "fingerprint"),
    "other-fingerprint": (set_key(fingerprint="0" * 40), "holds the key"),
    "missing-key-file": (set_key(file="keys/none.asc"), "is not there"),
    "key-file-outside": (set_key(file="../keys/alice.asc"), "file"),
    "absolute-key-file": (set_key(file="/keys/alice.asc"), "file"),
    "no-such-date": (set_key(notAfter="2026-02-30"), "no date"),
    "wrong-type": (set_key(type="ssh"), "keys/alice.asc"),
    "x509-key": (set_key(type="x509"), "'issuer' is a required property"),
    "key-type": (set_key(type="pkcs7"), "allowed are openpgp, ssh, x509"),
    "unknown-group-member": (lambda d: d["groups"].update(team=["nobody"]), "no principal 'nobody'"),
    "group-like-principal": (lambda d: d["groups"].update(alice=["bob"]), "a principal and a group"),
    "unknown-signer": (lambda d: d["rules"][0].update(signers=["nobody"]), "no principal or group"),
    "rule-twice": (lambda d: d["rules"][0].update(id="images"), "is taken"),
    "rule-called-admins": (lambda d: d["rules"][0].update(id="admins"), "is taken"),
    "negated-glob": (lambda d: d["rules"][0].update(paths=["clusters/**b"]), "whole segments"),
    "anchored-twice": (lambda d: d["rules"][0].update(paths=["/clusters/**"]), "segment"),
    "threshold-too-high": (lambda d: d["rules"][0].update(threshold=3), "cannot be met"),
    "threshold-0": (lambda d: d["rules"][0].update(threshold=0), "threshold"),
    "bot-everywhere": (lambda d: d["rules"][1].update(paths=["**"]), "narrow paths only"),
    "bot-in-any-directory": (lambda d: d["rules"][1].update(paths=["*/**"]), "narrow paths only"),
    "bot-anywhere-at-the-top": (lambda d: d["rules"][1].update(paths=["???*"]), "narrow paths only"),
    "bot-by-default": (lambda d: d.update(default={"signers": ["deploy"]}), "narrow paths only"),
    "bot-admin": (lambda d: d.update(admins={"signers": ["deploy", "alice"]}), "narrow paths only"),
    "admins-without-keys": (lambda d: d["principals"]["alice"].update(keys=[]), "cannot be met"),
    "admins-unproven": (lambda d: d["principals"]["alice"].update(unproven=True), "cannot be met"),
    "admins-without-the-author": (lambda d: d["admins"].update(excludeAuthor=True), "without the author cannot be met"),
    "missing-revocation-list": (lambda d: d.update(ssh={"revokedKeys": "revoked"}), "is not there"),
    "missing-allowed-signers": (lambda d: d.update(ssh={"allowedSigners": "allowed"}), "is not there"),
    "short-epoch": (lambda d: d.update(epoch="abc123"), "epoch"),
    "weak-digest": (lambda d: d.update(algorithms={"digests": ["sha1"]}), "allowed are sha256"),
    "small-rsa": (lambda d: d.update(algorithms={"rsaMinimumBits": 1024}), "rsaMinimumBits"),
    "unquoted-version": (lambda d: d.update(version="1"), "version"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_is_refused_and_where(keys: SigningKeys, name: str) -> None:
    edit, message = REFUSED[name]
    document = signers_document(keys)
    edit(document)
    with pytest.raises(SignersError) as caught:
        make_signers(keys, document)
    assert message in str(caught.value)
    assert str(caught.value).startswith(f"{SIGNERS_PATH}:")
    assert caught.value.exit_code == 2
    assert isinstance(caught.value, SettingsError)


def test_a_key_that_two_principals_share(keys: SigningKeys) -> None:
    document = signers_document(keys)
    document["principals"]["carol"]["keys"] = document["principals"]["alice"]["keys"]
    with pytest.raises(SignersError, match="declared twice"):
        make_signers(keys, document)


def test_s10_a_key_file_with_two_certificates(keys: SigningKeys) -> None:
    both = keys.gpg["alice"].public + keys.gpg["mallory"].public
    with pytest.raises(SignersError, match="exactly one"):
        make_signers(keys, extra={"keys/alice.asc": both})
    from gitgate.signature.packets import read_certificate

    raw = b"".join(read_certificate(keys.gpg[name].public).raw for name in ("alice", "mallory"))
    with pytest.raises(SignersError, match="exactly one certificate"):
        make_signers(keys, extra={"keys/alice.asc": raw})


def test_a_secret_key_in_the_repository(keys: SigningKeys) -> None:
    from tests.support.keys import gpg

    secret = gpg(keys.home, "--export-secret-keys", keys.gpg["alice"].fingerprint)
    with pytest.raises(SignersError, match="secret key"):
        make_signers(keys, extra={"keys/alice.asc": secret})


@pytest.mark.parametrize("data", [b"", b"garbage", b"-----BEGIN PGP PUBLIC KEY BLOCK-----\n", b"\x99", b"\xff" * 50])
def test_a_damaged_key_file(keys: SigningKeys, data: bytes) -> None:
    with pytest.raises(SignersError):
        make_signers(keys, extra={"keys/alice.asc": data})


def test_a_certificate_without_a_self_signature(keys: SigningKeys) -> None:
    """The fingerprint is right, but nothing in the file says that the key's owner made a certificate of it."""
    from gitgate.signature.packets import packets_of, read_certificate

    (_, body), *_ = packets_of(read_certificate(keys.gpg["alice"].public).raw)
    bare = bytes([0x98, len(body)]) + body
    signers = make_signers(keys, extra={"keys/alice.asc": bare})
    commit = parse_commit(signed(payload("bob"), keys.gpg["carol"].sign(payload("bob"))))
    assert isinstance(commit, CommitObject)
    with signature_judge(signers, datetime.now(UTC)) as judge, pytest.raises(CertificateError):
        judge.judge(commit)


def test_a_link_in_place_of_a_key_file(keys: SigningKeys) -> None:
    files = signers_files(keys, signers_document(keys))
    path = f".gitgate/{keys.gpg['alice'].file}"
    del files[path]
    with pytest.raises(SignersError, match="regular file"):
        load_signers(MemoryTree(files, {path: b"../elsewhere"}))


@pytest.mark.parametrize(
    "data",
    [b"", b"[]", b"a: [", b"\xff", b"a: 1\n---\nb: 2\n", b"version: 1\nversion: 2\n", b"a: &a [*a]\n", b"\0"],
    ids=["empty", "list", "broken", "encoding", "documents", "duplicate", "recursive", "nul"],
)
def test_a_file_that_is_no_single_mapping(data: bytes) -> None:
    with pytest.raises(SignersError):
        load_signers(MemoryTree({SIGNERS_PATH: data}))


# Allowed signers


def with_allowed(keys: SigningKeys, line: str) -> Any:
    document = signers_document(keys)
    document["ssh"] = {"allowedSigners": "allowed_signers"}
    return make_signers(keys, document, {"allowed_signers": line.encode()})


def test_an_allowed_signers_file_adds_keys_to_principals(keys: SigningKeys) -> None:
    public = keys.ssh["stranger"].public.decode()
    line = f'carol@example.com namespaces="git",valid-after="20260101",valid-before="202612312359Z" {public}'
    signers = with_allowed(keys, line)
    holder = signers.holders[keys.ssh["stranger"].fingerprint]
    assert holder.name == "carol"
    assert holder.key.not_before == datetime(2026, 1, 1, tzinfo=UTC)
    assert holder.key.not_after == datetime(2026, 12, 31, 23, 59, tzinfo=UTC)


def test_an_entry_for_another_namespace_is_left_out(keys: SigningKeys) -> None:
    signers = with_allowed(keys, f'carol@example.com namespaces="file" {keys.ssh["stranger"].public.decode()}')
    assert keys.ssh["stranger"].fingerprint not in signers.holders


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("* {key}", "patterns"),
        ("*@example.com {key}", "patterns"),
        ("!carol@example.com {key}", "patterns"),
        ("nobody@example.com {key}", "0 principals"),
        ("carol@example.com cert-authority {key}", "certificate authorities"),
        ('carol@example.com namespaces="*" {key}', "plain names"),
        ('carol@example.com valid-before="tomorrow" {key}', "no time"),
        ('carol@example.com valid-before="20261345" {key}', "line 1"),
        ('carol@example.com surprise="x" {key}', "not supported"),
        ('carol@example.com namespaces="git",namespaces="git" {key}', "twice"),
        ("carol@example.com", "line 1"),
        ("carol@example.com ssh-ed25519 AAAA", "line 1"),
        ("carol@example.com ssh-dss AAAA", "line 1"),
        ("carol@example.com\x00 {key}", "control"),
    ],
)
def test_an_allowed_signers_line_that_is_refused(keys: SigningKeys, line: str, message: str) -> None:
    with pytest.raises(SignersError, match=message):
        with_allowed(keys, line.replace("{key}", keys.ssh["stranger"].public.decode().strip()))


def test_the_example_in_the_documentation_is_what_people_write(keys: SigningKeys) -> None:
    """Dates and names need no quotes."""
    alice, bob = keys.gpg["alice"], keys.ssh["bob"]
    text = f"""\
apiVersion: gitgate.dev/v1
kind: Signers
version: 1
principals:
  alice:
    emails: [alice@example.com]
    keys:
      - type: openpgp
        fingerprint: {alice.fingerprint}
        file: {alice.file}
        notAfter: "2030-12-31"
  bob:
    emails: [bob@example.com]
    keys: [{{type: ssh, fingerprint: "{bob.fingerprint}", file: {bob.file}}}]
groups:
  gitops-admins: [alice, bob]
rules:
  - id: prod
    paths: ["clusters/prod/**"]
    signers: [gitops-admins]
    threshold: 2
admins: {{signers: [gitops-admins], threshold: 2}}
"""
    files = {**signers_files(keys, {}), SIGNERS_PATH: text.encode()}
    signers = load_signers(MemoryTree(files))
    assert signers is not None
    assert yaml.safe_load(text)["version"] == signers.version
    assert key_entry(alice)["fingerprint"] in signers.holders
