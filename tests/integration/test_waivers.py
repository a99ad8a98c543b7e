"""Waivers on real changes: what they excuse, for how long, and what nothing excuses."""

from __future__ import annotations

import json

import pytest

from tests.support.cli import Ended, check, gitgate
from tests.support.manifests import MISSPELT, config_map, deployment
from tests.support.repository import Link, RepositoryBuilder

PATH = ".gitgate/waivers.yaml"
NOW = "2026-12-01T12:00:00"
WEB = "{group: apps, kind: Deployment, namespace: shop, name: web}"


def waivers(*entries: str) -> str:
    if not entries:
        return "version: 1\nwaivers: []\n"
    return "version: 1\nwaivers:\n" + "".join(f"  - {{{entry}}}\n" for entry in entries)


def waiver(
    rule: str = "schema/unknown-field", subject: str = f"resource: {WEB}", expires: str = "2026-12-31", extra: str = ""
) -> str:
    return f"rule: {rule}, {subject}, owner: team-shop, reason: 'waits for 2.0', expires: {expires}{extra}"


def proposed(repository: RepositoryBuilder, base: str | None, change: str | None = None) -> RepositoryBuilder:
    """A base with these waivers, and a change that misspells a field."""
    repository.commit({"web.yaml": deployment(), "settings.yaml": config_map(), PATH: base})
    repository.branch("change")
    files = {"web.yaml": deployment(extra=MISSPELT)}
    if change is not None:
        files[PATH] = change
    repository.commit(files, branch="change")
    return repository


def judge(repository: RepositoryBuilder, *arguments: str, now: str = NOW) -> Ended:
    return check(repository.path, "--base", "main", "--head", "change", "--now", now, *arguments)


def test_a_waiver_of_the_base_excuses_and_the_finding_stays_in_every_report(repository, tmp_path) -> None:
    proposed(repository, waivers(waiver()))
    ended = judge(repository, *(f"--output={name}={tmp_path / name}" for name in ("text", "sarif", "markdown")))
    assert ended.code == 0
    (finding,) = ended.report["findings"]
    assert (finding["state"], finding["blocking"]) == ("new", False)
    assert finding["suppression"] == {
        "kind": "waiver",
        "justification": "waived by team-shop until 2026-12-31: waits for 2.0",
        "owner": "team-shop",
        "expires": "2026-12-31",
    }
    assert ended.report["summary"]["waived"] == ended.report["summary"]["suppressed"] == 1
    assert "1 waived finding" in (tmp_path / "text").read_text()
    assert "waived by team-shop" in (tmp_path / "markdown").read_text()
    (result,) = json.loads((tmp_path / "sarif").read_text())["runs"][0]["results"]
    (suppression,) = result["suppressions"]
    assert suppression["kind"] == "external"
    assert suppression["properties"] == {"owner": "team-shop", "expires": "2026-12-31"}


def test_the_verbose_text_says_who_waived_what(repository) -> None:
    proposed(repository, waivers(waiver()))
    ended = gitgate("check", "-v", "--base=main", "--head=change", f"--now={NOW}", cwd=repository.path)
    assert "waived by team-shop until 2026-12-31: waits for 2.0" in " ".join(ended.stdout.split())


def test_t7_a_change_cannot_waive_its_own_findings(repository) -> None:
    ended = judge(proposed(repository, None, waivers(waiver())))
    assert ended.code == 1
    assert ended.rules() == ["schema/rulebook-changed", "schema/unknown-field"]


@pytest.mark.parametrize(
    "entry",
    [
        waiver("schema/wrong-type"),
        waiver(subject="resource: {group: apps, kind: Deployment, namespace: shop, name: api}"),
        waiver(subject="resource: {kind: Deployment, namespace: shop, name: web}"),
        waiver(subject="resource: {group: apps, kind: Deployment, name: web}"),
        waiver(subject="path: web.yml"),
        waiver(subject="path: '**'"),
        waiver(subject=f"path: other.yaml, resource: {WEB}"),
        waiver(extra=f", fingerprint: '{'0' * 32}'"),
    ],
)
def test_a_waiver_for_something_else_excuses_nothing_and_is_unused(repository, entry) -> None:
    ended = judge(proposed(repository, waivers(entry)))
    assert (ended.code, ended.rules()) == (1, ["schema/unknown-field", "waiver/unused"])


@pytest.mark.parametrize("subject", ["path: web.yaml", f"path: web.yaml, resource: {WEB}"])
def test_a_path_is_enough(repository, subject) -> None:
    assert judge(proposed(repository, waivers(waiver(subject=subject)))).code == 0


def test_the_last_day_counts_and_the_next_one_does_not(repository) -> None:
    proposed(repository, waivers(waiver()))
    assert judge(repository, now="2026-12-31T23:59:59").code == 0
    ended = judge(repository, now="2027-01-01T00:00:00")
    assert (ended.code, ended.rules()) == (1, ["schema/unknown-field", "waiver/expired"])


def test_t7_an_expired_waiver_blocks_while_what_it_excused_is_there(repository) -> None:
    repository.commit({"web.yaml": deployment(extra=MISSPELT), PATH: waivers(waiver())})
    repository.branch("change")
    repository.commit({"settings.yaml": config_map()}, branch="change")
    assert judge(repository).code == 0
    ended = judge(repository, now="2027-01-02T00:00:00")
    assert (ended.code, ended.rules(), ended.rules("existing")) == (1, ["waiver/expired"], ["schema/unknown-field"])
    line = next(item for item in ended.report["findings"] if item["rule"] == "waiver/expired")["location"]
    assert (line["path"], line["line"]) == (PATH, 3)


@pytest.mark.parametrize(
    "files",
    [
        {PATH: waivers(waiver(expires="2027-02-01"))},
        {PATH: None, "web.yaml": deployment()},
        {"web.yaml": deployment()},
    ],
    ids=["renewed", "removed", "mended"],
)
def test_an_expired_waiver_does_not_block_the_change_that_settles_it(repository, files) -> None:
    repository.commit({"web.yaml": deployment(extra=MISSPELT), PATH: waivers(waiver())})
    repository.branch("change")
    repository.commit(files, branch="change")
    assert judge(repository, now="2027-01-02T00:00:00").code == 0


def test_ninety_days_are_allowed_and_no_more(repository) -> None:
    proposed(repository, waivers(waiver(expires="2027-03-01")))
    assert judge(repository).code == 0
    ended = judge(repository, now="2026-11-30T12:00:00")
    assert ended.code == 1
    assert (ended.rules(), ended.rules("existing")) == (["schema/unknown-field"], ["waiver/too-long"])


def test_a_change_that_adds_a_waiver_for_too_long_is_rejected(repository) -> None:
    repository.commit({"web.yaml": deployment()})
    repository.branch("change")
    repository.commit({PATH: waivers(waiver(expires="2036-01-01"))}, branch="change")
    ended = judge(repository)
    assert (ended.code, ended.rules()) == (1, ["schema/rulebook-changed", "waiver/too-long"])


@pytest.mark.parametrize(
    "rule",
    [
        "signature/unsigned",
        "signature/key-unknown",
        "waiver/expired",
        "schema/settings-invalid",
        "schema/rulebook-changed",
        "schema/merge-conflict",
        "schema/yaml-duplicate-key",
        "schema/kustomize-failed",
        "policy/limit",
        "policy/policy-changed",
    ],
)
def test_t7_what_is_about_trust_cannot_be_waived(repository, rule) -> None:
    ended = judge(proposed(repository, waivers(waiver(rule, subject="path: web.yaml"))))
    assert ended.code == 2
    assert f"{PATH}:3:12: findings of {rule} cannot be waived" in ended.stderr


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", f"{PATH} must hold one YAML mapping"),
        ("version: 2\nwaivers: []\n", ":1:10: version is 2; this gitgate reads 1"),
        ("version: 1\nwaivers: [\n", ":3:1: "),
        ("version: 1\nwaivers: []\nwaivers: []\n", ":3:1: "),
        ("version: 1\nwaivers: [{}]\n", ":2:11: waivers[0] lacks"),
        (waivers(waiver("schema/unknown-feild")), "did you mean 'schema/unknown-field'?"),
        (waivers("rule: schema/unknown-field, owner: a, reason: b, expires: 2026-12-31"), "lacks 'resource' or 'path'"),
        (waivers(waiver(expires="2026-02-30")), "'2026-02-30' is no day"),
        (waivers(waiver(expires="soon")), ":3:"),
        (waivers(waiver().replace("owner: team-shop, ", "")), "lacks 'owner'"),
        (waivers(waiver().replace("team-shop", "' '")), "owner"),
        (waivers(waiver(extra=", glob: '*'")), "'glob' is not a part of a waiver"),
    ],
)
def test_waivers_that_cannot_be_read_end_with_usage_in_the_base_and_block_in_a_change(
    repository, text, message
) -> None:
    ended = judge(proposed(repository, text))
    assert (ended.code, ended.stdout) == (2, "")
    assert message in ended.stderr


@pytest.mark.parametrize("content", ["version: 1\n", waivers(waiver("signature/unsigned")), Link("web.yaml")])
def test_a_change_that_breaks_the_waivers_is_rejected(repository, content) -> None:
    repository.commit({"web.yaml": deployment(), PATH: waivers()})
    repository.branch("change")
    repository.commit({PATH: content}, branch="change")
    ended = judge(repository)
    assert ended.code == 1
    assert "waiver/invalid" in ended.rules()


def test_a_clock_that_was_set_back_revives_no_waiver(repository) -> None:
    proposed(repository, waivers(waiver()))
    assert judge(repository, now="2026-01-01T00:00:00").code == 3


def test_staged_content_is_judged_by_the_waivers_of_head(repository) -> None:
    proposed(repository, waivers(waiver()))
    repository.checkout("main")
    (repository.path / "web.yaml").write_text(deployment(extra=MISSPELT))
    repository.git("add", "web.yaml")
    assert check(repository.path, "--staged", "--now", NOW).code == 0
    assert check(repository.path, "--staged", "--now", "2027-01-01T00:00:00").code == 1


TERMS = ("--owner", "team-shop", "--reason", "waits for 2.0", "--expires", "2026-12-31", "--now", NOW)


def fingerprint_of(ended: Ended, rule: str = "schema/unknown-field") -> str:
    return next(item["fingerprint"] for item in ended.report["findings"] if item["rule"] == rule)


@pytest.mark.parametrize(
    "present",
    [
        None,
        "version: 1\nwaivers: []  # none yet\n",
        f"# ours\nversion: 1\nwaivers:  # the list\n  # the first\n  - {{{waiver('schema/wrong-type')}}}\n# the end\n",
        f"version: 1\nwaivers:\n- {{{waiver('schema/wrong-type')}}}\n",
    ],
    ids=["none", "empty", "commented", "flush"],
)
@pytest.mark.parametrize("saved", [True, False], ids=["report", "judged-again"])
def test_an_added_waiver_excuses_the_finding_and_keeps_what_was_there(repository, tmp_path, present, saved) -> None:
    proposed(repository, present)
    repository.checkout("main")
    source = ["--base=main", "--head=change"]
    if saved:
        source = [f"--report={tmp_path / 'report.json'}"]
        judge(repository, f"--output=json={tmp_path / 'report.json'}")
    name = fingerprint_of(judge(repository))
    ended = gitgate("waiver", "add", name[:12], *TERMS, *source, cwd=repository.path)
    assert (ended.code, ended.stderr) == (0, "")
    text = (repository.path / PATH).read_text()
    for line in (present or "").splitlines():
        assert line.removesuffix("[]  # none yet") in text
    repository.commit({PATH: text}, branch="main")
    assert judge(repository).code == 0


def test_what_could_be_waived_is_listed(repository) -> None:
    proposed(repository, None)
    ended = gitgate("waiver", "add", "--base=main", "--head=change", cwd=repository.path)
    assert ended.code == 0
    assert ended.stdout.split()[:4] == [
        fingerprint_of(judge(repository)),
        "schema/unknown-field",
        "Deployment",
        "shop/web",
    ]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("f" * 32, *TERMS), "no finding has the fingerprint"),
        (("", *TERMS), "findings have the fingerprint"),
        (("{}", *TERMS[:-4], "--expires=2027-12-31", f"--now={NOW}"), "within 90 days"),
        (("{}", *TERMS[:-4], "--expires=2026-11-30", f"--now={NOW}"), "within 90 days"),
        (("{}", *TERMS[2:]), "--owner"),
        (("{}", "--owner= ", *TERMS[2:]), "an owner and a reason"),
        (("{}", *TERMS, "--report=web.yaml"), "is no JSON report"),
        (("{}", *TERMS, "--report=nothing.json"), "cannot be read"),
    ],
)
def test_a_waiver_that_cannot_be_written_changes_nothing(repository, arguments, message) -> None:
    repository.commit({"web.yaml": deployment(), "other.yaml": deployment("other")})
    repository.branch("change")
    files = {name: deployment(name.removesuffix(".yaml"), extra=MISSPELT) for name in ("web.yaml", "other.yaml")}
    repository.commit(files, branch="change")
    repository.checkout("main")
    name = fingerprint_of(judge(repository))
    filled = [argument.format(name) for argument in arguments]
    ended = gitgate("waiver", "add", *filled, "--base=main", "--head=change", cwd=repository.path)
    assert ended.code == 2
    assert message in ended.stderr
    assert not (repository.path / PATH).exists()


def test_a_signature_finding_cannot_be_waived(repository, tmp_path) -> None:
    report = {"kind": "Report", "findings": [{
        "rule": "signature/unsigned", "fingerprint": "a" * 32, "state": "new", "message": "unsigned", "location": None,
        "resource": None,
    }]}  # fmt: skip
    (tmp_path / "report.json").write_text(json.dumps(report))
    repository.commit({"web.yaml": deployment()})
    ended = gitgate("waiver", "add", "a" * 32, *TERMS, f"--report={tmp_path / 'report.json'}", cwd=repository.path)
    assert (ended.code, ended.stderr.splitlines()[0]) == (2, "gitgate: findings of signature/unsigned cannot be waived")
    ended = gitgate("waiver", "add", f"--report={tmp_path / 'report.json'}", cwd=repository.path)
    assert (ended.code, ended.stdout) == (0, "")


@pytest.mark.parametrize(
    "text",
    [
        "[]",
        "{}",
        "[" * 100_000,
        '{"kind": "Report", "findings": {}}',
        '{"kind": "Report", "findings": [3]}',
        '{"kind": "Report", "findings": [{"rule": 3}]}',
        '{"kind": "Report", "findings": [{"rule": "", "fingerprint": "", "state": "", "message": "", "location": []}]}',
        '{"kind": "Report", "findings": [{"rule": "", "fingerprint": "", "state": "", "message": "", "resource": 1}]}',
        '{"kind": "Report", "findings": [{"rule": "", "fingerprint": "", "state": "", "message": "", "resource": {"name": 1}}]}',
    ],
)
def test_what_is_no_report_is_refused(repository, tmp_path, text) -> None:
    (tmp_path / "report.json").write_text(text)
    repository.commit({"web.yaml": deployment()})
    ended = gitgate("waiver", "add", "a", *TERMS, f"--report={tmp_path / 'report.json'}", cwd=repository.path)
    if text.endswith("[]}]}"):  # An empty location is none.
        assert (ended.code, "no finding has" in ended.stderr) == (2, True)
    else:
        assert (ended.code, "is no JSON report of gitgate" in ended.stderr) == (2, True)
