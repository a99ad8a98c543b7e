"""The steps of `action.yml`, run in bash as a GitHub runner runs them, on real repositories and a real remote."""

from __future__ import annotations

import base64
import json
import re
import sys
import threading
from collections.abc import Mapping
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import jsonschema
import pytest
import yaml

from gitgate import bundled
from tests.support.action import ROOT, Ended, Job
from tests.support.manifests import MISSPELT, deployment
from tests.support.repository import RepositoryBuilder

GOOD = {"apps/web.yaml": deployment()}
BAD = {"apps/web.yaml": deployment(extra=MISSPELT)}


class Project:
    """A repository on a server, a contributor's fork of it, and the checkout on a runner."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self.server = RepositoryBuilder(directory / "server", bare=True)
        self.server.configure(uploadpack__allowAnySHA1InWant="true")
        self.base = self.server.commit(GOOD, branch="main")
        self._jobs = 0

    def propose(self, files: Mapping[str, Any], *, number: int = 7, base: str = "main") -> str:
        """A commit that exists on the server only as a pull request's head, as one from a fork does."""
        head = self.server.commit(files, branch=f"fork-{number}", parents=[base])
        self.server.ref(f"refs/pull/{number}/head", head)
        self.server.git("update-ref", "-d", f"refs/heads/fork-{number}")
        return head

    def checkout(self, *, shallow: bool = False, ref: str | None = None) -> Path:
        """What actions/checkout leaves: by default, all history and the pull request's head."""
        path = self.directory / f"checkout-{self._jobs}"
        options = ["--depth=1", "--no-single-branch"] if shallow else []
        clone = self.server.clone(path, "--no-checkout", *options)
        if ref is not None:
            depth = ["--depth=1"] if shallow else []
            clone.git("fetch", "-q", *depth, "origin", ref)
            clone.git("checkout", "-q", "--detach", "FETCH_HEAD")
        return path

    def run(self, event_name: str, event: Mapping[str, Any], workspace: Path | None = None, **options: Any) -> Ended:
        self._jobs += 1
        job_options = {
            key: options.pop(key) for key in ("inputs", "environment", "server_url", "venv") if key in options
        }
        job = Job(self.directory / f"job-{self._jobs}", workspace or self.checkout(), self.server.path, **job_options)
        return job.run(event_name, event, **options)


@pytest.fixture
def project(tmp_path: Path) -> Project:
    return Project(tmp_path)


def pull_request(head: str, *, number: int = 7, base: str = "main", base_sha: str = "0" * 40) -> dict[str, Any]:
    """The part of a pull request's event that matters, and what an attacker writes into the rest."""
    return {
        "action": "synchronize",
        "pull_request": {
            "number": number,
            "title": "::error::title",
            "head": {"ref": "a$(touch canary)", "sha": head, "label": "mallory:x::error::"},
            "base": {"ref": base, "sha": base_sha},
        },
        "repository": {"default_branch": "main"},
    }


def test_a_good_pull_request_is_accepted(project: Project) -> None:
    head = project.propose({"apps/api.yaml": deployment("api")})
    ended = project.run("pull_request", pull_request(head), project.checkout(ref="refs/pull/7/head"))
    assert ended.code == 0, ended.log
    assert ended.outputs["verdict"] == "accepted"
    assert ended.outputs["new-errors"] == "0"
    assert ended.commands == []
    assert "accepted" in ended.log


def test_a_bad_one_is_rejected_and_every_output_is_written(project: Project) -> None:
    head = project.propose(BAD)
    ended = project.run("pull_request", pull_request(head), project.checkout(ref="refs/pull/7/head"))
    assert ended.code == 1, ended.log
    counts = {name: ended.outputs[name] for name in ("new-errors", "new-warnings", "existing", "fixed")}
    assert counts == {"new-errors": "1", "new-warnings": "0", "existing": "0", "fixed": "0"}
    (annotation,) = ended.commands
    assert annotation.startswith("::error file=apps/web.yaml,line=")
    assert "imagePullPolice" in ended.summary
    report = json.loads(Path(ended.outputs["report"]).read_text())
    assert report["verdict"] == ended.outputs["verdict"] == "rejected"
    assert report["change"]["head"] == head
    assert report["change"]["base"] == project.base
    sarif = json.loads(Path(ended.outputs["sarif"]).read_text())
    assert Path(ended.outputs["sarif"]).name == "gitgate.sarif"
    assert len(sarif["runs"][0]["results"]) == 1


def test_annotations_and_summary_can_be_switched_off(project: Project) -> None:
    head = project.propose(BAD)
    ended = project.run("pull_request", pull_request(head), inputs={"annotations": "false", "summary": "false"})
    assert (ended.code, ended.commands, ended.summary) == (1, [], "")


def test_versions_and_weights_are_handed_on(project: Project) -> None:
    head = project.propose(BAD)
    inputs = {"kubernetes-version": "1.33\n1.36", "severity": "schema/unknown-field=warning"}
    ended = project.run("pull_request", pull_request(head), inputs=inputs)
    assert (ended.code, ended.outputs["new-warnings"]) == (0, "1"), ended.log
    assert json.loads(Path(ended.outputs["report"]).read_text())["kubernetesVersions"] == ["1.33", "1.36"]


def test_a_pin_of_the_signers_is_handed_on(project: Project) -> None:
    head = project.propose({"apps/api.yaml": deployment("api")})
    inputs = {"trust-root": f"sha256:{'0' * 64}\nsha256:{'1' * 64}"}
    ended = project.run("pull_request", pull_request(head), inputs=inputs)
    assert (ended.code, ended.outputs["new-errors"]) == (1, "1"), (
        "the base has no signers, so it has not the pinned ones"
    )
    assert "signature/policy-invalid" in ended.log
    mistyped = project.run("pull_request", pull_request(head), inputs={"trust-root": "sha256:abc"})
    assert (mistyped.code, mistyped.outputs["verdict"]) == (2, "undetermined")


def test_the_base_is_the_branch_as_it_is_now_not_as_the_event_says(project: Project) -> None:
    """T2: the event is older than a rule that the target branch has gained."""
    head = project.propose({"apps/api.yaml": deployment("api")})
    workspace = project.checkout(ref="refs/pull/7/head")
    strict = "version: 1\nschema:\n  rejectKinds: [Deployment]\n"
    now = project.server.commit({".gitgate/settings.yaml": strict}, branch="main")
    ended = project.run("pull_request", pull_request(head, base_sha=project.base), workspace)
    assert json.loads(Path(ended.outputs["report"]).read_text())["change"]["base"] == now
    assert ended.code == 1, ended.log


def test_a_tag_that_is_called_like_the_base_does_not_judge(project: Project) -> None:
    project.server.git("update-ref", "refs/tags/origin/main", project.propose(BAD, number=8))
    project.server.git("update-ref", "refs/tags/main", "refs/tags/origin/main")
    head = project.propose(BAD)
    ended = project.run("pull_request", pull_request(head))
    assert json.loads(Path(ended.outputs["report"]).read_text())["change"]["base"] == project.base
    assert ended.code == 1, ended.log


def test_a_fork_is_judged_from_a_checkout_that_does_not_hold_it(project: Project) -> None:
    """`pull_request_target` checks the base out; the proposed commits are fetched as data."""
    head = project.propose(BAD)
    workspace = project.checkout()
    ended = project.run("pull_request_target", pull_request(head), workspace)
    assert ended.code == 1, ended.log
    assert not (workspace / "apps").exists()


def test_it_is_the_proposed_commit_that_is_judged_not_the_test_merge(project: Project) -> None:
    head = project.propose(BAD)
    merge = project.server.commit({}, branch="merge", parents=["main", head])
    project.server.ref("refs/pull/7/merge", merge)
    ended = project.run("pull_request", pull_request(head), project.checkout(ref="refs/pull/7/merge"))
    assert json.loads(Path(ended.outputs["report"]).read_text())["change"]["head"] == head


def test_a_shallow_checkout_is_undetermined_and_says_what_to_write(project: Project) -> None:
    head = project.propose({"apps/api.yaml": deployment("api")})
    ended = project.run("pull_request", pull_request(head), project.checkout(shallow=True, ref="refs/pull/7/head"))
    assert (ended.code, ended.outputs["verdict"]) == (3, "undetermined")
    (annotation,) = ended.commands
    assert annotation.startswith("::error title=gitgate: undetermined::the checkout has only a part of the history")
    assert "fetch-depth: 0" in annotation
    assert "fetch-depth: 0" in ended.summary


def test_a_merge_queue_is_judged_against_the_branch(project: Project) -> None:
    head = project.propose(BAD)
    event = {"merge_group": {"base_ref": "refs/heads/main", "base_sha": "1" * 40, "head_sha": head}}
    ended = project.run("merge_group", event, project.checkout(ref="refs/pull/7/head"))
    assert ended.code == 1, ended.log
    assert json.loads(Path(ended.outputs["report"]).read_text())["change"]["base"] == project.base


def test_a_push_is_judged_against_what_the_branch_was(project: Project) -> None:
    after = project.server.commit(BAD, branch="main")
    event = {"before": project.base, "after": after, "repository": {"default_branch": "main"}}
    ended = project.run("push", event)
    assert (ended.code, ended.outputs["new-errors"]) == (1, "1"), ended.log


def test_a_new_branch_is_judged_against_the_default_branch(project: Project) -> None:
    after = project.server.commit(BAD, branch="feature", parents=["main"])
    event = {"before": "0" * 40, "after": after, "repository": {"default_branch": "main"}}
    assert project.run("push", event).code == 1


@pytest.mark.parametrize("name", ["rewritten", "deleted"])
def test_a_push_that_cannot_be_judged_is_undetermined(project: Project, name: str) -> None:
    other = project.server.commit(GOOD, "Another root", branch="main", parents=())
    after = other if name == "rewritten" else "0" * 40
    event = {"before": project.base, "after": after, "repository": {"default_branch": "main"}}
    ended = project.run("push", event)
    assert (ended.code, ended.outputs["verdict"]) == (3, "undetermined")


@pytest.mark.parametrize("event_name", ["issue_comment", "schedule", "workflow_run"])
def test_an_event_that_proposes_nothing_is_undetermined(project: Project, event_name: str) -> None:
    ended = project.run(event_name, {"repository": {"default_branch": "main"}})
    assert (ended.code, ended.outputs["verdict"]) == (3, "undetermined")
    assert "inputs `base` and `head`" in ended.commands[0]


def test_base_and_head_can_be_named(project: Project) -> None:
    head = project.propose(BAD)
    workspace = project.checkout(ref="refs/pull/7/head")
    assert project.run("schedule", {}, workspace, inputs={"base": "main", "head": head}).code == 1
    assert project.run("schedule", {}, workspace, inputs={"base": project.base, "head": project.base}).code == 0


@pytest.mark.parametrize(
    "name", ["a$(touch canary)", "x::error::", "`touch canary`", "a;touch canary", "--upload-pack=touch canary", "a\nb"]
)
def test_a_hostile_name_is_text(project: Project, name: str) -> None:
    """O1, O6: it reaches no shell, no option and no workflow command, wherever it comes from."""
    head = project.propose(BAD)
    for event, inputs in (
        (pull_request(head, base=name), {}),
        (pull_request(head), {"base": name}),
        (pull_request(head), {"head": name}),
        (pull_request(head), {"kubernetes-version": name}),
        (pull_request(head), {"severity": name}),
        (pull_request(head), {"working-directory": name}),
    ):
        ended = project.run("pull_request", event, inputs=inputs)
        assert ended.code in {2, 3}, ended.log
        assert ended.outputs["verdict"] == "undetermined"
        assert len(ended.commands) == 1
        assert ended.commands[0].startswith("::error title=gitgate: undetermined::")
    assert not list(project.directory.rglob("canary"))


@pytest.mark.parametrize("branch", ["a$(touch,canary)", "x%0A%3A%3Aerror", "`id`", "-x;id"])
def test_a_branch_with_a_hostile_name_is_judged_like_any_other(project: Project, branch: str) -> None:
    project.server.ref(f"refs/heads/{branch}", "main")
    head = project.propose(BAD)
    ended = project.run("pull_request", pull_request(head, base=branch))
    assert ended.code == 1, ended.log
    assert len(ended.commands) == 1
    assert ended.commands[0].startswith("::error file=apps/web.yaml")


def test_a_hostile_file_name_starts_no_command(project: Project) -> None:
    names = (
        "::error::x.yaml",
        "##[error]y.yaml",
        "a\n::set-output name=verdict::accepted\n.yaml",
        "$(touch canary).yaml",
    )
    head = project.propose({name: deployment(f"d{n}", extra=MISSPELT) for n, name in enumerate(names)})
    ended = project.run("pull_request", pull_request(head))
    assert (ended.code, ended.outputs["verdict"]) == (1, "rejected"), ended.log
    assert all(command.startswith(("::error file=", "::warning file=")) for command in ended.commands)
    assert not re.search(r"^\s*::(?!stop-commands|gitgate-|error file=|warning file=)", ended.log, re.MULTILINE)
    assert "##[" not in ended.log
    assert not list(project.directory.rglob("canary"))


def test_t6_nothing_of_the_checkout_is_imported(project: Project) -> None:
    """T6: the checkout is the working directory of every step."""
    canary = f"open({str(project.directory / 'canary')!r}, 'w')\n"
    modules = ("yaml.py", "sitecustomize.py", "json.py", "venv.py", "pip.py", "gitgate/__init__.py", "runner.py")
    head = project.propose({"apps/api.yaml": deployment("api"), **dict.fromkeys(modules, canary)})
    workspace = project.checkout(ref="refs/pull/7/head")
    assert (workspace / "sitecustomize.py").exists()
    ended = project.run("pull_request", pull_request(head), workspace, environment={"PYTHONPATH": "."})
    assert ended.code == 0, ended.log
    assert not (project.directory / "canary").exists()


def test_the_token_reaches_neither_the_log_nor_the_step_that_judges(project: Project) -> None:
    steps = {step["id"]: step for step in yaml.safe_load((ROOT / "action.yml").read_text())["runs"]["steps"]}
    holders = [name for name, step in steps.items() if "token" in json.dumps(step["env"])]
    assert holders == ["resolve"]
    head = project.propose(BAD)
    ended = project.run("pull_request", pull_request(head), inputs={"token": "s3cr3t-canary"})
    assert "s3cr3t-canary" not in ended.log + ended.summary
    for file in (project.directory / "job-1").rglob("*"):
        assert not file.is_file() or file.is_symlink() or b"s3cr3t-canary" not in file.read_bytes()


def test_the_token_is_the_only_credential_that_is_sent(project: Project) -> None:
    """GitHub refuses two headers: the one that actions/checkout stored must not be sent beside the action's own."""
    head = project.propose(BAD)
    workspace = project.checkout()
    project.server.git("update-server-info")
    sent: list[list[str]] = []

    class Handler(SimpleHTTPRequestHandler):
        def do_GET(self) -> None:
            sent.append(self.headers.get_all("Authorization") or [])
            super().do_GET()

        def log_message(self, *_: object) -> None:
            """Nothing: the log of a test is for pytest."""

    handler = partial(Handler, directory=str(project.server.path.parent))
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        url = f"http://127.0.0.1:{server.server_port}"
        clone = RepositoryBuilder(workspace, create=False)
        clone.git("config", f"http.{url}/.extraheader", "AUTHORIZATION: basic c3RvcmVk")
        ended = project.run("pull_request", pull_request(head), workspace, server_url=url)
        server.shutdown()
    assert ended.code == 1, ended.log
    expected = base64.b64encode(b"x-access-token:the-token").decode()
    assert sent
    assert all(header == [f"basic {expected}"] for header in sent), sent


def test_settings_that_are_not_valid_end_with_their_own_exit_code(project: Project) -> None:
    project.server.commit({".gitgate/settings.yaml": "version: 1\nsurces: []\n"}, branch="main")
    head = project.propose({"apps/api.yaml": deployment("api")})
    ended = project.run("pull_request", pull_request(head))
    assert (ended.code, ended.outputs["verdict"]) == (2, "undetermined")
    assert ".gitgate/settings.yaml:2:" in ended.commands[0]
    assert "surces" in ended.summary


def test_a_merge_conflict_is_rejected(project: Project) -> None:
    head = project.propose({"apps/web.yaml": deployment(replicas=3)})
    project.server.commit({"apps/web.yaml": deployment(replicas=4)}, branch="main")
    ended = project.run("pull_request", pull_request(head))
    assert (ended.code, ended.outputs["verdict"]) == (1, "rejected"), ended.log


@pytest.mark.parametrize(
    "ending",
    [
        "exit 0",
        "kill -9 $$",
        "exit 130",
        "exit 77",
        'echo "{}" >"$report"; exit 0',
        'echo "null" >"$report"; exit 0',
        'echo "::error::text" >"$report"; exit 0',
        'echo "{\\"verdict\\": \\"rejected\\"}" >"$report"; exit 0',
        'echo "{\\"verdict\\": \\"accepted\\"}" >"$report"; exit 1',
        'echo "{\\"verdict\\": \\"accepted\\"}" >"$report"; exit 0',
    ],
)
def test_a_run_without_a_report_that_says_the_same_is_never_a_pass(project: Project, ending: str) -> None:
    """E1: whatever becomes of the program, only a whole report that says accepted is a pass."""
    venv = project.directory / "venv" / "bin"
    venv.mkdir(parents=True)
    (venv / "python").write_text(
        "#!/bin/bash\n"
        f'if [ "$3" != gitgate ]; then exec {sys.executable} "$@"; fi\n'
        'for word in "$@"; do case $word in --output=json=*) report=${word#--output=json=} ;; esac; done\n'
        f"echo ::error::from inside\n{ending}\n"
    )
    (venv / "python").chmod(0o755)
    head = project.propose(BAD)
    ended = project.run("pull_request", pull_request(head), venv=venv.parent)
    assert (ended.code, ended.outputs["verdict"]) == (3, "undetermined"), ended.log
    (command,) = ended.commands
    assert command.startswith("::error title=gitgate: undetermined::")
    assert "undetermined" in ended.summary


def test_a_summary_that_github_would_not_show_is_replaced_by_a_line(project: Project) -> None:
    head = project.propose(BAD)
    job = Job(project.directory / "job", project.checkout(), project.server.path)
    ended = job.run("pull_request", pull_request(head), summary="x" * (1024 * 1024 - 100))
    assert ended.code == 1
    assert ended.summary.endswith("too long for this summary; the step's log has all of it.\n")


def test_the_action_installs_itself_from_pinned_versions(project: Project) -> None:
    """The one test that runs the first step: a new environment, dependencies by digest, gitgate from a copy."""
    head = project.propose({**BAD, "venv.py": "raise SystemExit(9)\n", "pip.py": "raise SystemExit(9)\n"})
    workspace = project.checkout(ref="refs/pull/7/head")
    ended = project.run(
        "pull_request",
        pull_request(head),
        workspace,
        inputs={"python": sys.executable},
        environment={"PYTHONPATH": str(workspace)},
        steps=("install", "resolve", "judge"),
    )
    assert ended.code == 1, ended.log
    assert "gitgate 0." in ended.log
    assert Path(ended.outputs["report"]).parts[-3].startswith("gitgate.")


def test_a_python_that_is_not_there_is_undetermined(project: Project) -> None:
    ended = project.run("push", {}, inputs={"python": "python-x"}, steps=("install", "resolve", "judge"))
    assert (ended.code, ended.outputs["verdict"]) == (3, "undetermined")
    assert ended.commands[0].startswith("::error title=gitgate::")


def test_what_is_pinned_is_all_that_gitgate_needs() -> None:
    """A dependency that is added to pyproject.toml and not to the lock would fail on the runner only."""
    import tomllib

    wanted = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["dependencies"]
    pinned = (ROOT / "action" / "requirements.txt").read_text()
    for requirement in [*wanted, "hatchling"]:
        name = re.split(r"[<>=!~ ;\[]", requirement)[0].lower()
        assert re.search(rf"^{re.escape(name)}==", pinned, re.MULTILINE), f"{name}: run `make lock`"


def test_the_report_follows_its_schema(project: Project) -> None:
    head = project.propose(BAD)
    ended = project.run("pull_request", pull_request(head))
    schema = json.loads(bundled.schema_file("report-v1.json").read_bytes())
    jsonschema.validate(json.loads(Path(ended.outputs["report"]).read_text()), schema)
