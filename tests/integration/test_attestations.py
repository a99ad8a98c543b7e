"""`--attest` and `gitgate audit`: evidence that is signed, reproduced, and refused when anything is wrong with it."""

from __future__ import annotations

import base64
import hashlib
import json
import shutil
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import yaml
from jsonschema import Draft202012Validator

from gitgate import bundled
from gitgate.attestations import TIME_FORMAT, Run, facts_of, statement
from gitgate.enforcement import verify_revisions
from gitgate.git import Repository
from gitgate.report import Verdict
from gitgate.signature.dsse import STATEMENT_TYPE, pre_authentication_encoding
from tests.support.cli import Ended, gitgate
from tests.support.keys import (
    GpgKey,
    SigningKeys,
    SshKeyPair,
    clock,
    commit_signed,
    gpg,
    key_entry,
    keys,
    signers_document,
    signers_files,
)
from tests.support.repository import RepositoryBuilder

__all__ = ["keys"]
CONFIG = "apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: app\ndata:\n  a: '{}'\n"
SCHEMA = json.loads(bundled.schema_file("attestation-v1.json").read_bytes())
FILE = "gate.intoto.json"


def make_shop(path: Path, keys: SigningKeys, document: dict[str, Any] | None = None) -> RepositoryBuilder:
    builder = RepositoryBuilder(path)
    files = signers_files(keys, document or signers_document(keys))
    builder.commit({**files, "app.yaml": CONFIG.format(1)}, branch="main")
    builder.branch("change", "main")
    builder.checkout("main")
    return builder


@pytest.fixture
def shop(tmp_path: Path, keys: SigningKeys) -> RepositoryBuilder:
    """Alice (OpenPGP) and bob (SSH) administrate, so their attestations count."""
    builder = make_shop(tmp_path / "shop", keys)
    commit_signed(builder, keys.gpg["carol"], {"app.yaml": CONFIG.format(2)})
    return builder


def attest(
    builder: RepositoryBuilder, key: GpgKey | SshKeyPair | str, *arguments: str, command: str = "verify"
) -> Ended:
    name = key if isinstance(key, str) else key.fingerprint if isinstance(key, GpgKey) else str(key.path)
    ends = ("main..change",) if command == "verify" else ("--base", "main", "--head", "change")
    options = ("--attest", FILE, "--attest-key", name)
    home = {} if isinstance(key, str | SshKeyPair) else {"GNUPGHOME": str(key.home)}
    return gitgate(command, *ends, *options, *arguments, cwd=builder.path, environment=home)


def audit(builder: RepositoryBuilder, *arguments: str | Path) -> Ended:
    return gitgate("audit", FILE, "--base", "main", *arguments, cwd=builder.path)


def envelope(builder: RepositoryBuilder) -> dict[str, Any]:
    return json.loads((builder.path / FILE).read_bytes())


def payload(builder: RepositoryBuilder) -> dict[str, Any]:
    return json.loads(base64.b64decode(envelope(builder)["payload"]))


def write(builder: RepositoryBuilder, document: object) -> None:
    (builder.path / FILE).write_text(json.dumps(document))


def sign_again(builder: RepositoryBuilder, key: GpgKey | SshKeyPair, value: object, namespace: str = "") -> None:
    """Write another statement, signed by that key's own program."""
    data = value if isinstance(value, bytes) else json.dumps(value).encode()
    signed = pre_authentication_encoding(STATEMENT_TYPE, data)
    if isinstance(key, GpgKey):
        armor = key.sign(signed)
        body = armor.split(b"\n\n", 1)[1]
    else:
        armor = key.sign(signed, namespace=namespace or "attestation@gitgate.dev")
        body = armor.split(b"\n", 1)[1]
    lines = [line for line in body.split(b"\n") if line and line[:1] not in b"-="]
    signature = {"keyid": key.fingerprint, "sig": b"".join(lines).decode()}
    document = {"payloadType": STATEMENT_TYPE, "payload": base64.b64encode(data).decode(), "signatures": [signature]}
    write(builder, document)


@pytest.mark.parametrize("name", ["alice", "bob"])
@pytest.mark.parametrize("command", ["verify", "check"])
def test_what_is_accepted_is_attested_and_audited(
    shop: RepositoryBuilder, keys: SigningKeys, name: str, command: str
) -> None:
    key = keys.gpg.get(name) or keys.ssh[name]
    ended = attest(shop, key, "--attest-resource", "git+https://example.com/shop.git", command=command)
    assert ended.code == 0, ended
    value = payload(shop)
    assert not list(Draft202012Validator(SCHEMA).iter_errors(value))
    head, base = shop.git("rev-parse", "change"), shop.git("rev-parse", "main")
    tree = shop.git("rev-parse", "change^{tree}")
    assert value["subject"] == [
        {"name": "head", "digest": {"gitCommit": head}},
        {"name": "merge", "digest": {"gitTree": tree}},
    ]
    predicate = value["predicate"]
    assert predicate["verificationResult"] == "PASSED"
    assert predicate["resourceUri"] == "git+https://example.com/shop.git"
    assert predicate["policy"]["digest"]["gitCommit"] == predicate["gitgate_change"]["base"] == base
    assert [each["code"] for each in predicate["gitgate_change"]["commits"]] == ["SIGNED"]
    assert envelope(shop)["signatures"][0]["keyid"] == key.fingerprint
    audited = audit(shop)
    assert audited.code == 0, audited
    assert f"attested by {name}" in audited.stdout
    assert audited.stdout.endswith("accepted: genuine, and the repository shows the same\n")
    shop.git("update-ref", "refs/heads/main", head)
    assert audit(shop).code == 0


def test_a_change_that_cannot_be_merged_is_reported_and_not_attested(
    shop: RepositoryBuilder, keys: SigningKeys
) -> None:
    """No tree would come of it, so there is nothing that an attestation could be of."""
    commit_signed(shop, keys.gpg["carol"], {"app.yaml": CONFIG.format(3)}, branch="main", who="carol")
    ended = attest(shop, keys.gpg["alice"], command="check")
    assert ended.code == 1, ended
    assert "rejected" in ended.stdout
    assert "nothing is attested" in ended.stderr
    assert not (shop.path / FILE).exists()


def test_the_report_that_is_kept_beside_it_is_bound_to_it(shop: RepositoryBuilder, keys: SigningKeys) -> None:
    ended = attest(shop, keys.ssh["bob"], "-o", "json")
    assert (
        payload(shop)["predicate"]["gitgate_run"]["report"]["sha256"]
        == hashlib.sha256(ended.stdout.encode()).hexdigest()
    )


@pytest.mark.parametrize("command", ["verify", "check"])
def test_a_refusal_is_attested_as_failed_and_never_audited_as_good(
    shop: RepositoryBuilder, keys: SigningKeys, command: str
) -> None:
    commit_signed(shop, None, {"app.yaml": CONFIG.format(3)})
    assert attest(shop, keys.ssh["bob"], command=command).code == 1
    value = payload(shop)
    assert not list(Draft202012Validator(SCHEMA).iter_errors(value))
    assert (value["predicate"]["verificationResult"], value["predicate"]["verifiedLevels"]) == ("FAILED", ["FAILED"])
    audited = audit(shop)
    assert audited.code == 1
    assert "what it attests is FAILED" in audited.stdout


def test_what_the_other_checks_refuse_is_failed_though_its_commits_are_signed(
    shop: RepositoryBuilder, keys: SigningKeys
) -> None:
    commit_signed(shop, keys.gpg["carol"], {"app.yaml": CONFIG.replace("data", "dta")})
    assert attest(shop, keys.ssh["bob"], command="check").code == 1
    predicate = payload(shop)["predicate"]
    assert (predicate["gitgate_change"]["verdict"], predicate["gitgate_run"]["verdict"]) == ("accepted", "rejected")
    assert predicate["verificationResult"] == "FAILED"
    assert audit(shop).code == 1


def test_settings_that_ignore_signatures_give_no_passed(tmp_path: Path, keys: SigningKeys) -> None:
    shop = make_shop(tmp_path / "shop", keys)
    commit_signed(shop, None, {"app.yaml": CONFIG.format(3)})
    ended = attest(
        shop,
        keys.ssh["bob"],
        "--severity",
        "signature/unsigned=ignore",
        "--severity",
        "signature/path-not-authorized=ignore",
        command="check",
    )
    assert ended.code == 0, ended.stdout
    assert payload(shop)["predicate"]["verificationResult"] == "FAILED"


@pytest.mark.parametrize(
    ("arguments", "reason"),
    [
        (("--attest-key", "x"), "go with --attest"),
        (("--attest", FILE), "needs --attest-key"),
        (("--attest", FILE, "--attest-key", "missing"), "neither the fingerprint"),
        (("--attest", "nowhere/x", "--attest-key", "missing"), "directory does not exist"),
        (("--attest", "app.yaml", "--attest-key", "missing"), "never overwritten"),
        (("--attest", FILE, "--attest-key", "x", "--now", "2030-01-01T00:00:00"), "another time"),
        (("--attest", FILE, "--attest-key", "x", "--attest-resource", "a b"), "no URI"),
    ],
)
def test_what_makes_no_sense_writes_nothing(shop: RepositoryBuilder, arguments: tuple[str, ...], reason: str) -> None:
    for command in (("verify", "main..change"), ("check", "--base", "main", "--head", "change")):
        ended = gitgate(*command, *arguments, cwd=shop.path)
        assert (ended.code, ended.stdout) == (2, "")
        assert reason in ended.stderr
        assert not (shop.path / FILE).exists()


def test_a_key_that_would_not_be_believed_writes_nothing(shop: RepositoryBuilder, keys: SigningKeys) -> None:
    for key, reason in (
        (keys.gpg["mallory"], "KEY_UNKNOWN"),
        (keys.ssh["stranger"], "KEY_UNKNOWN"),
        (keys.gpg["carol"], "none of its attesters"),
        (keys.gpg["forge"], "none of its attesters"),
    ):
        ended = attest(shop, key)
        assert ended.code == 2, ended
        assert reason in ended.stderr
        assert not (shop.path / FILE).exists()


def test_a_key_that_cannot_sign_writes_nothing(shop: RepositoryBuilder, keys: SigningKeys, tmp_path: Path) -> None:
    empty = tmp_path / "g"
    empty.mkdir(mode=0o700)
    broken = tmp_path / "broken"
    broken.write_text("-----BEGIN OPENSSH PRIVATE KEY-----\nAAAA\n-----END OPENSSH PRIVATE KEY-----\n")
    broken.chmod(0o600)
    absent = gitgate(
        *("verify", "main..change", "--attest", FILE, "--attest-key", keys.gpg["alice"].fingerprint),
        cwd=shop.path,
        environment={"GNUPGHOME": str(empty)},
    )
    for ended in (
        absent,
        attest(shop, keys.gpg["revoked"]),
        attest(shop, keys.gpg["expired"]),
        attest(shop, str(broken)),
    ):
        assert ended.code == 3, ended
        assert not (shop.path / FILE).exists()


def test_what_is_staged_is_not_attested(shop: RepositoryBuilder, keys: SigningKeys) -> None:
    shop.stage({"app.yaml": CONFIG.format(9)})
    options = ("--attest", FILE, "--attest-key", str(keys.ssh["bob"].path))
    assert gitgate("check", "--staged", *options, cwd=shop.path).code == 2
    assert gitgate("check", "--base", "main", *options, cwd=shop.path).code == 3
    assert not (shop.path / FILE).exists()


def test_a_base_without_signers_believes_nobody(tmp_path: Path, keys: SigningKeys) -> None:
    builder = RepositoryBuilder(tmp_path / "plain")
    builder.commit({"app.yaml": CONFIG.format(1)}, branch="main")
    builder.commit({"app.yaml": CONFIG.format(2)}, branch="change")
    assert attest(builder, keys.ssh["bob"], command="check").code == 2
    assert not (builder.path / FILE).exists()


def _other_byte(text: str) -> str:
    data = bytearray(base64.b64decode(text))
    data[len(data) // 2] ^= 1
    return base64.b64encode(bytes(data)).decode()


def _payload_type(document: dict[str, Any]) -> None:
    document["payloadType"] = "application/json"


def _payload_byte(document: dict[str, Any]) -> None:
    document["payload"] = _other_byte(document["payload"])


def _signature_byte(document: dict[str, Any]) -> None:
    document["signatures"][0]["sig"] = _other_byte(document["signatures"][0]["sig"])


def _two(document: dict[str, Any]) -> None:
    document["signatures"] *= 2


def _none(document: dict[str, Any]) -> None:
    document["signatures"] = []


def _more(document: dict[str, Any]) -> None:
    document["comment"] = "x"


def _loose_base64(document: dict[str, Any]) -> None:
    document["payload"] = document["payload"].replace("e", "e\n", 1)


def _no_text(document: dict[str, Any]) -> None:
    document["payload"] = 7


@pytest.mark.parametrize(
    "tamper", [_payload_type, _payload_byte, _signature_byte, _two, _none, _more, _loose_base64, _no_text]
)
@pytest.mark.parametrize("name", ["alice", "bob"])
def test_a_tampered_envelope_is_refused(
    shop: RepositoryBuilder, keys: SigningKeys, name: str, tamper: Callable[[dict[str, Any]], None]
) -> None:
    attest(shop, keys.gpg.get(name) or keys.ssh[name])
    document = envelope(shop)
    tamper(document)
    write(shop, document)
    ended = audit(shop)
    assert ended.code == 1, ended
    assert ended.stdout.endswith("rejected: not to be relied on\n")


@pytest.mark.parametrize(
    "text",
    ["", "{", "[]", "null", '{"payloadType": NaN}', '{"a": 1, "a": 1}', "[" * 100_000, "\udcff", "\x1b[31m::error::x"],
)
def test_what_is_no_envelope_is_refused_and_not_obeyed(shop: RepositoryBuilder, text: str) -> None:
    (shop.path / FILE).write_bytes(text.encode("utf-8", "surrogateescape"))
    ended = audit(shop)
    assert (ended.code, ended.stderr) == (1, "")
    assert "\x1b" not in ended.stdout


def test_a_file_that_is_not_there_is_a_mistake(shop: RepositoryBuilder) -> None:
    assert audit(shop).code == 2


def test_passed_cannot_be_put_over_failed_even_by_an_attester(shop: RepositoryBuilder, keys: SigningKeys) -> None:
    commit_signed(shop, None, {"app.yaml": CONFIG.format(3)})
    attest(shop, keys.ssh["bob"])
    value = payload(shop)
    value["predicate"]["verificationResult"] = "PASSED"
    value["predicate"]["verifiedLevels"] = ["ORG_SOURCE_GITGATE_SIGNED"]
    sign_again(shop, keys.ssh["bob"], value)
    assert audit(shop).code == 1
    value["predicate"]["gitgate_change"]["verdict"] = value["predicate"]["gitgate_run"]["verdict"] = "accepted"
    for commit in value["predicate"]["gitgate_change"]["commits"]:
        commit["code"] = "SIGNED"
    sign_again(shop, keys.ssh["bob"], value)
    ended = audit(shop)
    assert ended.code == 1
    assert "commits: it says" in ended.stdout


def test_signing_it_again_by_hand_is_no_different(shop: RepositoryBuilder, keys: SigningKeys) -> None:
    for key in (keys.gpg["alice"], keys.ssh["bob"]):
        (shop.path / FILE).unlink(missing_ok=True)
        attest(shop, key)
        sign_again(shop, key, payload(shop))
        assert audit(shop).code == 0, key


@pytest.mark.parametrize(
    ("place", "value"),
    [
        (("subject", 1, "digest", "gitTree"), "0" * 40),
        (("predicate", "gitgate_change", "tree"), "0" * 40),
        (("predicate", "gitgate_change", "signers", "digest"), "sha256:" + "0" * 64),
        (("predicate", "gitgate_change", "rulebook", "files", 0, "sha256"), "0" * 64),
        (("predicate", "gitgate_change", "commits", 0, "digest", "sha256"), "0" * 64),
        (("predicate", "gitgate_change", "commits"), []),
        (("predicate", "policy", "digest", "sha256"), "0" * 64),
        (("predicate", "timeVerified"), "2099-01-01T00:00:00Z"),
        (("predicate", "timeVerified"), "2026-13-01T00:00:00Z"),
        (("predicate", "verifiedLevels"), ["ORG_SOURCE_GITGATE_CHECKED"]),
        (("predicate", "surprise"), 1),
        (("_type",), "https://in-toto.io/Statement/v0.1"),
        (("predicateType",), "https://slsa.dev/provenance/v1"),
    ],
)
def test_what_the_repository_does_not_show_is_refused(
    shop: RepositoryBuilder, keys: SigningKeys, place: tuple[str | int, ...], value: object
) -> None:
    attest(shop, keys.ssh["bob"])
    document: Any = payload(shop)
    target = document
    for step in place[:-1]:
        target = target[step]
    target[place[-1]] = value
    sign_again(shop, keys.ssh["bob"], document)
    assert audit(shop).code == 1


def test_a_commit_signature_is_no_attestation_nor_one_for_files(shop: RepositoryBuilder, keys: SigningKeys) -> None:
    attest(shop, keys.ssh["bob"])
    for namespace in ("git", "file"):
        sign_again(shop, keys.ssh["bob"], payload(shop), namespace)
        ended = audit(shop)
        assert ended.code == 1
        assert "SIG_CLASS" in ended.stdout


def test_unknown_and_unentitled_keys_are_refused(shop: RepositoryBuilder, keys: SigningKeys) -> None:
    attest(shop, keys.ssh["bob"])
    value = payload(shop)
    for key, reason in (
        (keys.gpg["mallory"], "KEY_UNKNOWN"),
        (keys.ssh["stranger"], "KEY_UNKNOWN"),
        (keys.gpg["carol"], "none of the attesters"),
        (keys.ssh["deploy"], "none of the attesters"),
        (keys.gpg["forge"], "none of the attesters"),
    ):
        sign_again(shop, key, value)
        ended = audit(shop)
        assert ended.code == 1, ended
        assert reason in ended.stdout


def test_a_branch_cannot_bring_the_attesters_that_vouch_for_it(shop: RepositoryBuilder, keys: SigningKeys) -> None:
    """An attestation whose base is the attacker's own commit, with the attacker's own signers file."""
    document = signers_document(keys)
    document["attesters"] = {"signers": ["mallory"]}
    document["principals"]["mallory"] = {"emails": ["m@example.com"], "keys": [key_entry(keys.gpg["mallory"])]}
    document["version"] = 2
    shop.commit(signers_files(keys, document), branch="own", parents=["main"])
    shop.branch("change", "own")
    commit_signed(shop, keys.gpg["carol"], {"app.yaml": CONFIG.format(5)})
    options = ("--attest", FILE, "--attest-key", keys.gpg["mallory"].fingerprint)
    made = gitgate("verify", "own..change", *options, cwd=shop.path, environment={"GNUPGHOME": str(keys.home)})
    assert made.code == 0, made
    ended = audit(shop)
    assert ended.code == 1
    assert "KEY_UNKNOWN" in ended.stdout
    public = shop.path / "mallory.asc"
    public.write_bytes(keys.gpg["mallory"].public)
    ended = audit(shop, "--key", public)
    assert ended.code == 1
    assert "not in the history of the protected branch" in ended.stdout


def test_attesters_are_who_the_signers_file_names(tmp_path: Path, keys: SigningKeys) -> None:
    document = signers_document(keys)
    document["attesters"] = {"signers": ["deploy"]}
    shop = make_shop(tmp_path / "shop", keys, document)
    commit_signed(shop, keys.gpg["carol"], {"app.yaml": CONFIG.format(2)})
    assert attest(shop, keys.ssh["bob"]).code == 2
    assert attest(shop, keys.ssh["deploy"]).code == 0
    assert audit(shop).code == 0


def test_a_key_that_the_branch_no_longer_names_attests_nothing(shop: RepositoryBuilder, keys: SigningKeys) -> None:
    assert attest(shop, keys.ssh["bob"]).code == 0
    document = signers_document(keys)
    document["attesters"] = {"signers": ["alice"]}
    document["version"] = 2
    shop.commit(signers_files(keys, document), branch="main")
    assert audit(shop).code == 1
    public = shop.path / "bob.pub"
    public.write_bytes(keys.ssh["bob"].public)
    assert audit(shop, "--key", public).code == 0
    other = shop.path / "alice.asc"
    other.write_bytes(keys.gpg["alice"].public)
    assert audit(shop, "--key", other).code == 1
    assert audit(shop, "--key", public, "--key", other).code == 0
    assert audit(shop, "--key", shop.path / "app.yaml").code == 2
    assert audit(shop, "--key", shop.path / "none").code == 2


@pytest.mark.parametrize("how", ["window", "revoked", "expired"])
def test_a_key_that_is_no_longer_good_attests_nothing(shop: RepositoryBuilder, keys: SigningKeys, how: str) -> None:
    attest(shop, keys.ssh["bob"])
    document = signers_document(keys)
    extra = {}
    if how == "window":
        document["principals"]["bob"]["keys"][0]["notAfter"] = "2026-01-01"
    elif how == "revoked":
        document["ssh"] = {"revokedKeys": "revoked"}
        extra = {"revoked": keys.ssh["bob"].public}
    else:
        gone = keys.gpg["expired"]
        document["principals"]["erin"] = {"emails": ["erin@example.com"], "keys": [key_entry(gone)]}
        document["attesters"] = {"signers": ["erin"]}
        signed = pre_authentication_encoding(STATEMENT_TYPE, json.dumps(payload(shop)).encode())
        when = clock(datetime.now(UTC) - timedelta(days=290))
        data = gpg(keys.home, *when, "--local-user", gone.fingerprint, "--output", "-", "-b", stdin=signed)
        write(
            shop,
            {
                "payloadType": STATEMENT_TYPE,
                "payload": base64.b64encode(json.dumps(payload(shop)).encode()).decode(),
                "signatures": [{"sig": base64.b64encode(data).decode()}],
            },
        )
    document["version"] = 2
    shop.commit(signers_files(keys, document, extra), branch="main")
    ended = audit(shop)
    assert ended.code == 1
    assert {"window": "KEY_EXPIRED", "revoked": "KEY_REVOKED", "expired": "KEY_EXPIRED"}[how] in ended.stdout


def test_the_range_is_judged_as_of_the_attested_time(tmp_path: Path, keys: SigningKeys) -> None:
    """The key's window has ended since, and this release may be younger than the attestation: it stays true."""
    document = signers_document(keys)
    end = datetime.now(UTC) - timedelta(days=1)
    document["principals"]["deploy"]["keys"][0]["notAfter"] = f"{end:%Y-%m-%dT%H:%M:%SZ}"
    document["rules"].append({"id": "app", "paths": ["app.yaml"], "signers": ["deploy"]})
    shop = make_shop(tmp_path / "shop", keys, document)
    commit_signed(shop, keys.ssh["deploy"], {"app.yaml": CONFIG.format(2)})
    codes = {}
    for days in (2, 0):
        time = (datetime.now(UTC) - timedelta(days=days)).replace(microsecond=0)
        with Repository.open(shop.path) as repository:
            verification = verify_revisions(repository, "main", "change", now=time, attested=True)
            facts = facts_of(repository, verification)
        run = Run(
            command="verify",
            verdict=verification.verdict,
            checks={},
            report="0" * 64,
            resource="",
            time=time.strftime(TIME_FORMAT),
            version="0.0.1",
        )
        sign_again(shop, keys.ssh["bob"], statement(facts, run))
        codes[days] = audit(shop).code, facts["commits"][0]["code"]
    assert codes == {2: (0, "SIGNED"), 0: (1, "KEY_EXPIRED")}
    assert gitgate("verify", "main..change", cwd=shop.path).code == 1


def test_pinned_signers_vouch_and_others_do_not(shop: RepositoryBuilder, keys: SigningKeys) -> None:
    attest(shop, keys.ssh["bob"])
    digest = payload(shop)["predicate"]["gitgate_change"]["signers"]["digest"]
    assert audit(shop, "--trust-root", digest).code == 0
    assert audit(shop, "--trust-root", "sha256:" + "0" * 64).code == 1
    public = shop.path / "bob.pub"
    public.write_bytes(keys.ssh["bob"].public)
    assert audit(shop, "--trust-root", digest, "--key", public).code == 2


def test_commits_of_another_repository_are_undetermined(
    shop: RepositoryBuilder, keys: SigningKeys, tmp_path: Path
) -> None:
    attest(shop, keys.ssh["bob"])
    other = RepositoryBuilder(tmp_path / "other")
    other.commit({**signers_files(keys, signers_document(keys)), "b.yaml": CONFIG.format(1)}, branch="main")
    shutil.copy(shop.path / FILE, other.path / FILE)
    ended = audit(other)
    assert (ended.code, ended.stdout) == (3, "")


def test_missing_objects_are_undetermined(shop: RepositoryBuilder, keys: SigningKeys, tmp_path: Path) -> None:
    commit_signed(shop, keys.ssh["bob"], {"app.yaml": CONFIG.format(6)})
    attest(shop, keys.ssh["bob"])
    shallow = shop.shallow_clone(tmp_path / "shallow")
    shutil.copy(shop.path / FILE, shallow.path / FILE)
    ended = gitgate("audit", FILE, "--base", "origin/main", cwd=shallow.path)
    assert (ended.code, ended.stdout) == (3, "")
    blob = shop.git("rev-parse", "change^{tree}")
    (shop.path / ".git" / "objects" / blob[:2] / blob[2:]).unlink()
    assert audit(shop).code == 3


def test_a_branch_without_signers_believes_nobody(shop: RepositoryBuilder, keys: SigningKeys) -> None:
    attest(shop, keys.ssh["bob"])
    shop.commit({".gitgate/signers.yaml": None}, branch="main")
    assert audit(shop).code == 2
    (shop.path / ".gitgate").mkdir(exist_ok=True)
    shop.commit({".gitgate/signers.yaml": yaml.safe_dump({"kind": "Signers"})}, branch="main")
    assert audit(shop).code == 2


def test_passed_is_said_of_accepted_verdicts_only() -> None:
    run = Run(command="check", verdict=Verdict.ACCEPTED, checks={}, report="", resource="", time="", version="")
    facts = {"base": "0" * 40, "head": "1" * 40, "tree": "2" * 40, "rulebook": {"sha256": ""}}
    for signed in Verdict:
        for judged in Verdict:
            made = statement({**facts, "verdict": signed.value}, replace(run, verdict=judged))
            passed = made["predicate"]["verificationResult"] == "PASSED"
            assert passed == (signed is judged is Verdict.ACCEPTED)


def test_g15_what_was_merged_is_compared_with_what_was_judged(shop: RepositoryBuilder, keys: SigningKeys) -> None:
    """The judged change, the same with a commit pushed after the check, and a base that moved on."""
    assert attest(shop, keys.gpg["alice"]).code == 0
    head, base = shop.git("rev-parse", "change"), shop.git("rev-parse", "main")
    tree = shop.git("rev-parse", "change^{tree}")

    def merged(**options: Any) -> Ended:
        shop.branch("main", base)
        commit_signed(shop, keys.gpg["alice"], {}, branch="main", **options)
        return audit(shop, "--merged", "main")

    assert merged(parents=(base, head), tree=tree).code == 0
    assert merged(parents=(base,), tree=tree).code == 0, "a squash of just that"
    late = shop.commit({"late.yaml": CONFIG.format(9)}, branch="change")
    ended = merged(parents=(base, late), tree=shop.git("rev-parse", "change^{tree}"))
    assert ended.code == 1
    assert "what was merged is not what was judged" in ended.stdout
    outside = commit_signed(shop, keys.gpg["alice"], {}, branch="aside", parents=(base,), tree=tree)
    ended = audit(shop, "--merged", outside)
    assert ended.code == 1
    assert "not in the history of the protected branch" in ended.stdout


@pytest.mark.parametrize("genuine", [True, False])
def test_an_audit_for_programs_is_as_its_schema_says(
    shop: RepositoryBuilder, keys: SigningKeys, *, genuine: bool
) -> None:
    assert attest(shop, keys.ssh["bob"]).code == 0
    if not genuine:
        write(shop, {**envelope(shop), "payload": "e30="})
    ended = audit(shop, "-o", "json")
    document = json.loads(ended.stdout)
    Draft202012Validator(json.loads(bundled.schema_file("audit-v1.json").read_bytes())).validate(document)
    assert ended.code == document["exitCode"] == (0 if genuine else 1)
    assert (document["attester"], bool(document["problems"])) == (("bob", False) if genuine else (None, True))
