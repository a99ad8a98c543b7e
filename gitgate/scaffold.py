"""The files that `gitgate init` writes: settings, a workflow and a pre-commit entry, each commented for its reader."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from gitgate import __version__
from gitgate.errors import UsageError
from gitgate.settings import SETTINGS_PATH, Settings

REPOSITORY = "gitgate/gitgate"
"""Where the action and the hook are published."""
CHECKOUT = "actions/checkout@3d3c42e5aac5ba805825da76410c181273ba90b1 # v7.0.1"
UPLOAD_ARTIFACT = "actions/upload-artifact@bbbca2ddaa5d8feaa63e36b76fdaad77386f024f # v7.0.0"
DOWNLOAD_ARTIFACT = "actions/download-artifact@3e5f45b2cfb9172054b4087a40e8e0b5a5461e7c # v8.0.1"
UPLOAD_SARIF = "github/codeql-action/upload-sarif@8aad20d150bbac5944a9f9d289da16a4b0d87c1e # v4.36.2"
"""Actions by the commit of a release tag: a tag can be moved, a commit cannot."""

WORKFLOW_FILE = ".github/workflows/gitgate.yaml"
HOOK_FILE = ".pre-commit-config.yaml"
_SHOWN_SOURCES = 10
_GROUP = re.compile(r"[A-Za-z0-9.-]{1,253}")
"""An API group is a DNS subdomain; what is not one is in no cluster, and is not written into a file of settings."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Survey:
    """What was found in a work tree; names are untrusted.

    Attributes:
        kubernetes_version: The newest version that gitgate ships, `1.37`.
        unknown_groups: API groups in use for which there is no schema.
        kustomizations: Directories of the kustomizations that no other one uses.
        branch: The branch that changes go into.
    """

    kubernetes_version: str
    unknown_groups: tuple[str, ...] = ()
    kustomizations: tuple[str, ...] = ()
    branch: str = "main"


@dataclass(frozen=True, slots=True)
class PlannedFile:
    """A file to write where there is none.

    Attributes:
        path: From the root of the work tree, with `/`.
        content: Its text.
        if_present: What to tell the reader instead, when there is such a file already.
    """

    path: str
    content: str
    if_present: str = ""


def plan(survey: Survey) -> tuple[PlannedFile, ...]:
    """Everything that `gitgate init` would write for what was found."""
    hook = _hook_entry()
    return (
        PlannedFile(SETTINGS_PATH, _settings(survey)),
        PlannedFile(WORKFLOW_FILE, _workflow(survey)),
        PlannedFile(
            HOOK_FILE,
            f"# Checks before a commit; `pre-commit install` switches them on.\nrepos:\n{hook}",
            if_present=f"add this to its repos:\n{hook}".rstrip("\n"),
        ),
    )


def write(root: Path, planned: Sequence[PlannedFile]) -> tuple[str, ...]:
    """Write what is not there yet; nothing is overwritten and nothing is written outside of `root`.

    Returns:
        What was done, a line for each file.

    Raises:
        UsageError: A file cannot be written.
    """
    return tuple(_write(root.resolve(), file) for file in planned)


def _write(root: Path, file: PlannedFile) -> str:
    target = root / file.path
    try:
        # A link among the directories could lead out of the work tree.
        if not (target.parent.resolve() / target.name).is_relative_to(root):
            raise UsageError(f"{file.path} leads out of the work tree; nothing was written there")
        target.parent.mkdir(parents=True, exist_ok=True)
        descriptor = os.open(target, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o666)
        with os.fdopen(descriptor, "w", encoding="utf-8", newline="\n") as stream:
            stream.write(file.content)
    except FileExistsError:
        advice = "" if _names_the_hook(target) else file.if_present
        return f"kept {file.path}, which was there; {advice or 'nothing in it was changed'}"
    except OSError as error:
        raise UsageError(f"{file.path} cannot be written: {error.strerror}") from error
    return f"wrote {file.path}"


def _names_the_hook(file: Path) -> bool:
    """Is there nothing to add any more? Only advice depends on it, so that looking for the name is enough."""
    try:
        return file.is_file() and REPOSITORY.encode() in file.read_bytes()
    except OSError:
        return False


def _settings(survey: Survey) -> str:
    defaults = Settings()
    return f"""\
# What gitgate demands of a change into this branch.
#
# gitgate reads this file from the tip of the branch that a change goes into, never from the change itself: an edit
# counts from its own merge on. Lines that are commented out show the default. `gitgate explain` lists all rules.
version: 1

# Every object must be valid for each of these minor versions: the cluster's, and the next one before an upgrade.
kubernetesVersions: [{_quoted(survey.kubernetes_version)}]

# What the agent applies. By default it is found: every kustomization that no other one uses, and every manifest that
# no kustomization reads. A path that is named here is judged and all others are not.
{_source_lines(survey.kustomizations)}

# Where agents begin to read: a name for reports, and the directory with the cluster's Flux Kustomizations or Argo CD
# Applications. By default they are found.
# clusters:
#   - name: production
#     path: clusters/production

# Files that look like manifests and are none: globs from the root, ** for any number of directories.
# exclude: []

schema:
  # API groups whose objects pass although no schema describes them; these were found in the files. Better than a
  # longer list is a schema: `gitgate schema add CRD.yaml` keeps it in .gitgate/schemas.
{_group_lines(survey.unknown_groups)}
  # Kinds whose findings are reported and do not block, as Secret or v1/Secret.
  # skipKinds: []
  # Kinds that no change may bring, in the same spelling.
  # rejectKinds: []

# Policies that gitgate ships, beside those that the repository has itself; and who is taken to apply the objects.
# policy:
#   sets: []
#   user: {{name: "{defaults.policy.user}"}}

# How the agent applies where no Flux Kustomization or Argo CD Application says it: server-side, client-side or replace.
# reconcile:
#   applyMethod: server-side

# The weight of single rules: error, warning, note or ignore. Only errors keep a change out.
# rules:
#   schema/deprecated-kind: error

# What is too large to judge. A file beyond a limit is a finding; it is never skipped.
# limits:
#   fileBytes: {defaults.limits.bytes}
#   documents: {defaults.limits.documents}
#   depth: {defaults.limits.depth}
#   renderSeconds: {defaults.render_seconds}
"""


def _source_lines(kustomizations: Sequence[str]) -> str:
    paths = sorted(kustomizations)
    shown = paths[:_SHOWN_SOURCES] or ["apps"]
    lines = ["# sources:"]
    for path in shown:
        lines += [f"#   - path: {_quoted(path)}", "#     type: kustomize  # or plain, or auto"]
    if len(paths) > len(shown):
        lines.append(f"#   # and {len(paths) - len(shown)} more were found")
    return "\n".join(lines)


def _group_lines(groups: Iterable[str]) -> str:
    usable = sorted({group for group in groups if _GROUP.fullmatch(group)})
    if not usable:
        return "  allowUnknownGroups: []"
    return "\n".join(["  allowUnknownGroups:", *(f"    - {_quoted(group)}" for group in usable)])


def _quoted(text: str) -> str:
    """A YAML scalar on one line, whatever the text holds: JSON is YAML, and ASCII leaves no line break in it."""
    return json.dumps(text.encode("utf-8", "replace").decode())


def _hook_entry() -> str:
    return f"""\
  - repo: https://github.com/{REPOSITORY}
    rev: v{__version__}
    hooks:
      - id: gitgate
"""


def _workflow(survey: Survey) -> str:
    return f"""\
# Judges every pull request as it would be merged now. Make the job `gitgate` a required check of the branch.
#
# It runs for every change, with no `paths:` filter: a required check that is filtered out waits for ever.
# It needs no secret and only reads, so that it works for pull requests from forks.
name: gitgate

on:
  pull_request:
  merge_group:
  push:
    branches: [{_quoted(survey.branch)}]

permissions:
  contents: read

jobs:
  gitgate:
    runs-on: ubuntu-latest
    timeout-minutes: 15
    steps:
      - uses: {CHECKOUT}
        with:
          fetch-depth: 0  # the merge is worked out from the history; without it gitgate ends undetermined
          persist-credentials: false
      # Better than the tag: the commit that it names, which nobody can move.
      - uses: {REPOSITORY}@v{__version__}
        id: gitgate

      # For GitHub's code scanning, uncomment this step and the job below.
      # - if: always() && steps.gitgate.outputs.sarif
      #   uses: {UPLOAD_ARTIFACT}
      #   with:
      #     name: gitgate-sarif
      #     path: ${{{{ steps.gitgate.outputs.sarif }}}}

  # The upload has a job of its own, so that the one that reads the change cannot write anything. A pull request from
  # a fork has no token that may upload.
  # code-scanning:
  #   needs: gitgate
  #   if: |
  #     always() &&
  #     (github.event_name == 'push' || github.event.pull_request.head.repo.full_name == github.repository)
  #   runs-on: ubuntu-latest
  #   permissions:
  #     security-events: write
  #   steps:
  #     - uses: {DOWNLOAD_ARTIFACT}
  #       with:
  #         name: gitgate-sarif
  #     - uses: {UPLOAD_SARIF}
  #       with:
  #         sarif_file: gitgate.sarif
  #         category: gitgate
"""
