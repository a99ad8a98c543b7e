"""`gitgate coverage` on real repositories."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from gitgate.__main__ import run
from tests.support.repository import RepositoryBuilder

SYNC = """\
apiVersion: kustomize.toolkit.fluxcd.io/v1
kind: Kustomization
metadata: {name: flux-system, namespace: flux-system}
spec: {interval: 1m, path: ./clusters/one, sourceRef: {kind: GitRepository, name: flux-system}}
"""
CONFIG = "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: a}\n"
FILES = {
    "clusters/one/flux-system/gotk-sync.yaml": SYNC,
    "clusters/one/a.yaml": CONFIG,
    "elsewhere/b.yaml": CONFIG,
}


def test_every_file_has_a_verdict_and_its_readers(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    RepositoryBuilder(tmp_path / "app").commit(FILES)
    arguments = ["coverage", "main", "--git-dir", str(tmp_path / "app")]
    assert run([*arguments, "-o", "json"]) == 0
    reader = ["one: Kustomization flux-system/flux-system"]
    assert json.loads(capsys.readouterr().out)["files"] == [
        {"path": "clusters/one/a.yaml", "verdict": "consumed", "readers": reader},
        {"path": "clusters/one/flux-system/gotk-sync.yaml", "verdict": "consumed", "readers": reader},
        {"path": "elsewhere/b.yaml", "verdict": "judged", "readers": []},
    ]
    assert run([*arguments, "--unreached"]) == 0
    assert capsys.readouterr().out.splitlines() == [
        "judged          elsewhere/b.yaml",
        "1 files: 1 judged; 0 of them read by an agent",
    ]


def test_a_file_that_cannot_be_judged_fails_the_command(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    RepositoryBuilder(tmp_path / "app").commit({**FILES, "clusters/one/\x1b[2Jc.yaml": "a: [\n"})
    assert run(["coverage", "main", "--git-dir", str(tmp_path / "app")]) == 1
    said = capsys.readouterr().out
    assert "\x1b" not in said
    assert "failed          clusters/one/a.yaml" in said


@pytest.mark.parametrize(
    "written",
    [
        r'"kustomize.toolkit.fluxcd\x2eio/v1"',
        r'"kustomize.toolkit.flux\u0063d.io/v1"',
        "!!binary a3VzdG9taXplLnRvb2xraXQuZmx1eGNkLmlvL3Yx",
        "!<tag:yaml.org,2002:binary> a3VzdG9taXplLnRvb2xraXQuZmx1eGNkLmlvL3Yx",
    ],
    ids=["hexadecimal-escape", "unicode-escape", "binary", "binary-verbatim"],
)
def test_an_owner_cannot_hide_behind_how_its_group_is_spelt(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], written: str
) -> None:
    sync = SYNC.replace("kustomize.toolkit.fluxcd.io/v1", written)
    RepositoryBuilder(tmp_path / "app").commit({**FILES, "clusters/one/flux-system/gotk-sync.yaml": sync})
    run(["coverage", "main", "--git-dir", str(tmp_path / "app"), "-o", "json"])
    files = json.loads(capsys.readouterr().out)["files"]
    assert [file["readers"] for file in files if file["path"] == "clusters/one/a.yaml"] != [[]]
