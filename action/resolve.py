"""Second step of the action: which commits does the event speak of?

The target branch is fetched now, for the event may be old: keys, policies and settings that judge are those of its
current tip. The proposed commit is the one that its author pushed, not GitHub's test merge.
"""

from __future__ import annotations

import base64
import json
import os
import re
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from runner import UndeterminedError, set_outputs, variable

_OBJECT_ID = re.compile(r"[0-9a-f]{40}(?:[0-9a-f]{24})?")
_FETCH_SECONDS = 600
_FULL_HISTORY = "Give actions/checkout `fetch-depth: 0`: the merge is worked out from the history."


@dataclass(frozen=True, slots=True)
class Proposed:
    """What an event proposes.

    Attributes:
        base: A branch to fetch, when `fetched`; else a revision.
        head: A commit, or whatever revision the workflow names.
        pull_request: Its number, from which a missing head can be fetched.
        push: The head replaced the base; it must descend from it.
    """

    base: str
    head: str
    fetched: bool = True
    pull_request: int | None = None
    push: bool = False


def resolve() -> None:
    """Work out base and head, fetch what is missing, and hand both on as outputs.

    Raises:
        UndeterminedError: The event, the checkout or the server does not allow it.
    """
    checkout = Checkout(Path(variable("GITHUB_WORKSPACE")) / os.environ.get("GITGATE_WORKING_DIRECTORY", "."))
    proposed = _with_inputs(os.environ.get("GITGATE_BASE", "").strip(), os.environ.get("GITGATE_HEAD", "").strip())
    base = checkout.fetch_branch(proposed.base) if proposed.fetched else proposed.base
    if proposed.pull_request is not None and not checkout.has(proposed.head):
        checkout.fetch(f"refs/pull/{proposed.pull_request}/head")
    if proposed.push and not checkout.is_ancestor(base, proposed.head):
        raise UndeterminedError(
            "this push rewrote the branch: what it was before is not part of what it is now",
            "Judge it by hand: gitgate check --base BEFORE --head AFTER",
        )
    set_outputs({"base": base, "head": proposed.head, "repository": str(checkout.git_dir)})


def _with_inputs(base: str, head: str) -> Proposed:
    """What is proposed: by the inputs, and by the event where they are silent."""
    if base and head:
        return Proposed(base, head, fetched=_is_branch(base))
    proposed = propose(variable("GITHUB_EVENT_NAME"), _event(), os.environ.get("GITHUB_SHA", ""))
    if base:
        return Proposed(base, proposed.head, _is_branch(base), proposed.pull_request)
    if head:
        return Proposed(proposed.base, head, proposed.fetched)
    return proposed


def _is_branch(base: str) -> bool:
    return not (_OBJECT_ID.fullmatch(base) or base.startswith("refs/"))


def propose(name: str, event: Mapping[str, Any], sha: str) -> Proposed:
    """What an event proposes to merge.

    Args:
        name: GITHUB_EVENT_NAME.
        event: Its payload (docs.github.com, "Webhook events and payloads").
        sha: GITHUB_SHA.

    Raises:
        UndeterminedError: It proposes nothing that could be judged.
    """
    if name in {"pull_request", "pull_request_target"}:
        request = event["pull_request"]
        return Proposed(request["base"]["ref"], _oid(request["head"]["sha"]), pull_request=int(request["number"]))
    if name == "merge_group":
        # The group's base_sha may be another group that is still waiting; what judges is the branch as it is.
        group = event["merge_group"]
        return Proposed(str(group["base_ref"]).removeprefix("refs/heads/"), _oid(group["head_sha"]))
    if name == "push":
        before, after = _oid(event["before"]), _oid(event["after"])
        if not after.strip("0"):
            raise UndeterminedError("this push deleted the branch; there is nothing to judge")
        if not before.strip("0"):
            return Proposed(event["repository"]["default_branch"], after)
        return Proposed(before, after, fetched=False, push=True)
    if name == "workflow_dispatch":
        return Proposed(event["repository"]["default_branch"], _oid(sha))
    raise UndeterminedError(
        f"the event {name} does not say what is proposed", "Give the action the inputs `base` and `head`."
    )


def _event() -> Mapping[str, Any]:
    try:
        event = json.loads(Path(variable("GITHUB_EVENT_PATH")).read_bytes())
    except (OSError, ValueError) as error:
        raise UndeterminedError("the event cannot be read") from error
    if not isinstance(event, dict):
        raise UndeterminedError("the event is no JSON object")
    return event


def _oid(text: object) -> str:
    if not isinstance(text, str) or not _OBJECT_ID.fullmatch(text):
        raise UndeterminedError("the event names no commit where one is expected")
    return text


class Checkout:
    """The repository that actions/checkout made.

    Raises:
        UndeterminedError: There is none, or its history is cut.
    """

    def __init__(self, path: Path) -> None:
        self.path = path.resolve()
        self.git_dir = self.path / ".git"
        if not self.git_dir.exists():
            raise UndeterminedError(
                f"{path} is no checkout", "Put actions/checkout with `fetch-depth: 0` before this step."
            )
        if self._git("rev-parse", "--is-shallow-repository").stdout.strip() != b"false":
            raise UndeterminedError("the checkout has only a part of the history", _FULL_HISTORY)

    def fetch_branch(self, name: str) -> str:
        """Fetch a branch's current tip; the full name of the ref that holds it.

        A full name, as a tag called `origin/main` would win against the short one.
        """
        branch = name.removeprefix("refs/heads/")
        if self._git("check-ref-format", f"refs/heads/{branch}").returncode != 0:
            raise UndeterminedError(f"{name} is no name of a branch")
        target = f"refs/remotes/origin/{branch}"
        self.fetch(f"+refs/heads/{branch}:{target}")
        return target

    def fetch(self, refspec: str) -> None:
        """Fetch from the repository that the event is about, whatever the checkout calls its origin."""
        url = f"{variable('GITHUB_SERVER_URL')}/{variable('GITHUB_REPOSITORY')}"
        fetched = self._git(
            "fetch", "--quiet", "--no-tags", "--no-recurse-submodules", "--no-write-fetch-head",
            "--no-auto-maintenance", "--", url, refspec,
            environment=_credentials(),
        )  # fmt: skip
        if fetched.returncode != 0:
            source = refspec.removeprefix("+").partition(":")[0]
            raise UndeterminedError(
                f"{source} cannot be fetched: {_last_line(fetched.stderr)}",
                "The job needs `permissions: contents: read`.",
            )

    def has(self, oid: str) -> bool:
        """Is this commit here?"""
        return self._git("cat-file", "-e", f"{oid}^{{commit}}").returncode == 0

    def is_ancestor(self, before: str, after: str) -> bool:
        """Is `before` part of `after`?"""
        return self._git("merge-base", "--is-ancestor", before, after).returncode == 0

    def _git(self, *arguments: str, environment: Mapping[str, str] | None = None) -> subprocess.CompletedProcess[bytes]:
        command = ["git", f"--git-dir={self.git_dir}", "-c", "core.hooksPath=/dev/null", *arguments]
        kept = {name: value for name, value in os.environ.items() if name != "GITGATE_TOKEN"}
        try:
            return subprocess.run(
                command,
                cwd=variable("RUNNER_TEMP"),
                env={**kept, "GIT_TERMINAL_PROMPT": "0", "LC_ALL": "C", **(environment or {})},
                stdin=subprocess.DEVNULL,
                capture_output=True,
                check=False,
                timeout=_FETCH_SECONDS,
            )
        except FileNotFoundError:
            raise UndeterminedError("there is no git on this runner") from None
        except subprocess.TimeoutExpired:
            raise UndeterminedError(f"git {arguments[0]} took more than {_FETCH_SECONDS} seconds") from None


def _credentials() -> Mapping[str, str]:
    """The token as configuration in git's environment, so that it is in no argument and no file.

    The empty value first: a header that the checkout stored would otherwise be sent beside this one, and GitHub
    refuses two (git-config(1), `http.extraHeader`: an empty value clears the list).
    """
    token = os.environ.get("GITGATE_TOKEN", "")
    server = variable("GITHUB_SERVER_URL")
    if not token or not server.startswith(("https://", "http://")):
        return {}
    encoded = base64.b64encode(f"x-access-token:{token}".encode()).decode()
    key = f"http.{server}/.extraheader"
    return {
        "GIT_CONFIG_COUNT": "2",
        "GIT_CONFIG_KEY_0": key,
        "GIT_CONFIG_VALUE_0": "",
        "GIT_CONFIG_KEY_1": key,
        "GIT_CONFIG_VALUE_1": f"AUTHORIZATION: basic {encoded}",
    }


def _last_line(stderr: bytes) -> str:
    lines = stderr.decode("utf-8", "replace").strip().splitlines()
    return lines[-1] if lines else "git did not say why"
