"""`gitgate vendor` with the real Helm and a repository of charts on loopback, and what runs make of its archives."""

from __future__ import annotations

import functools
import hashlib
import http.server
import io
import subprocess
import tarfile
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from gitgate.__main__ import run
from gitgate.proposal import Snapshot
from gitgate.sources.vendored import LOCK_PATH
from tests.support.cli import check
from tests.support.rendering import codes, names, render, require_helm
from tests.support.repository import Content, RepositoryBuilder


@pytest.fixture(autouse=True, scope="module")
def _helm() -> None:
    require_helm()


SYNC = """\
apiVersion: kustomize.toolkit.fluxcd.io/v1
kind: Kustomization
metadata: {name: flux-system, namespace: flux-system}
spec: {interval: 1m, prune: true, path: ./clusters/one, sourceRef: {kind: GitRepository, name: flux-system}}
"""
TEMPLATE = "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: settings}\ndata: {a: {{ .Values.a | quote }}}\n"


def packed(version: str = "1.2.0", name: str = "web", template: str = TEMPLATE) -> bytes:
    """An archive as `helm package` writes one."""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w:gz") as archive:
        for path, text in {
            "Chart.yaml": f"apiVersion: v2\nname: {name}\nversion: {version}\n",
            "values.yaml": "a: default\n",
            "templates/a.yaml": template,
        }.items():
            member = tarfile.TarInfo(f"{name}/{path}")
            member.size = len(text)
            archive.addfile(member, io.BytesIO(text.encode()))
    return buffer.getvalue()


def release(url: str, version: str) -> str:
    return f"""\
apiVersion: source.toolkit.fluxcd.io/v1
kind: HelmRepository
metadata: {{name: charts, namespace: shop}}
spec: {{interval: 1h, url: "{url}"}}
---
apiVersion: helm.toolkit.fluxcd.io/v2
kind: HelmRelease
metadata: {{name: web, namespace: shop}}
spec:
  interval: 1h
  chart:
    spec:
      chart: web
      version: "{version}"
      sourceRef: {{kind: HelmRepository, name: charts}}
  values: {{a: mine}}
"""


def lock(data: bytes, *, url: str, requested: str, version: str = "1.2.0", digest: str = "") -> str:
    return (
        f"version: 1\ncharts:\n  - repository: {url}\n    name: web\n    requested: '{requested}'\n"
        f"    version: {version}\n    file: web.tgz\n    sha256: '{digest or hashlib.sha256(data).hexdigest()}'\n"
    )


URL = "https://charts.example.com"


def rendered(asked: str, locked: str, data: bytes) -> Snapshot:
    return render({
        "clusters/one/flux-system/gotk-sync.yaml": SYNC,
        "clusters/one/web.yaml": release(URL, asked),
        LOCK_PATH: locked,
        ".gitgate/charts/web.tgz": data,
    })  # fmt: skip


@pytest.mark.parametrize(("asked", "requested"), [("1.x", "1.x"), ("1.2.0", "1.2.0"), ("1.2.0", ">=1")])
def test_vendored_chart_is_rendered(asked: str, requested: str) -> None:
    data = packed()
    snapshot = rendered(asked, lock(data, url=URL, requested=requested), data)
    assert codes(snapshot) == []
    found = next(one for one in snapshot.resources if one.id.kind == "ConfigMap")
    assert (str(found.id), found.data["data"]) == ("ConfigMap shop/settings", {"a": "mine"})
    assert (found.origin.path, found.origin.cluster) == (".gitgate/charts/web.tgz", "one")


@pytest.mark.parametrize(("asked", "url"), [("2.0.0", URL), ("2.x", URL), ("1.2.0", "https://other.example.com")])
def test_another_version_or_repository_is_not_rendered(asked: str, url: str) -> None:
    data = packed()
    snapshot = rendered(asked, lock(data, url=url, requested="1.2.0"), data)
    assert codes(snapshot) == ["release-not-rendered"]
    assert "ConfigMap shop/settings" not in names(snapshot)


@pytest.mark.parametrize(
    ("locked", "data"),
    [
        (lock(packed(), url=URL, requested="1.2.0", digest="0" * 64), packed()),
        (lock(packed(version="9.9.9"), url=URL, requested="1.2.0"), packed(version="9.9.9")),
        (lock(packed(name="evil"), url=URL, requested="1.2.0"), packed(name="evil")),
        (lock(b"junk", url=URL, requested="1.2.0"), b"junk"),
        (lock(packed(), url=URL, requested="1.2.0").replace("web.tgz", "../web.tgz"), packed()),
        (lock(packed(), url=URL, requested="1.2.0").replace("web.tgz", "absent.tgz"), packed()),
        ("version: 2\ncharts: []\n", packed()),
        ("[", packed()),
    ],
)  # fmt: skip
def test_archive_or_lock_that_is_not_right_is_an_error(locked: str, data: bytes) -> None:
    snapshot = rendered("1.2.0", locked, data)
    assert codes(snapshot) == ["vendored-chart"]
    assert "ConfigMap shop/settings" not in names(snapshot)


@pytest.mark.parametrize(
    "change",
    [
        {"clusters/one/web.yaml": release(URL, "6.6.6")},
        {"clusters/one/web.yaml": release("https://evil.example.com", "1.2.0")},
        {LOCK_PATH: None},
        {LOCK_PATH: "version: 1\ncharts: []\n"},
    ],
    ids=["another version", "another registry", "no lock", "an empty lock"],
)
def test_a_chart_that_was_judged_is_vendored_again_or_rejected(
    change: dict[str, Content | None], repository: RepositoryBuilder
) -> None:
    data = packed()
    repository.commit({
        "clusters/one/flux-system/gotk-sync.yaml": SYNC,
        "clusters/one/web.yaml": release(URL, "1.2.0"),
        LOCK_PATH: lock(data, url=URL, requested="1.2.0"),
        ".gitgate/charts/web.tgz": data,
    })  # fmt: skip
    repository.branch("change")
    repository.commit(change, branch="change")
    ended = check(repository.path, "--base", "main", "--head", "change")
    assert ended.code == 1, ended.stdout
    assert "schema/agent-source-changed" in ended.rules()


@pytest.fixture
def charts(tmp_path: Path) -> Iterator[tuple[str, Path]]:
    """A repository of charts on loopback, and its directory."""
    folder = tmp_path / "charts"
    folder.mkdir()
    handler = functools.partial(_Quiet, directory=str(folder))
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}", folder
    server.shutdown()
    server.server_close()


class _Quiet(http.server.SimpleHTTPRequestHandler):
    def log_message(self, *_: object) -> None:
        pass


def publish(folder: Path, **versions: bytes) -> None:
    entries = ""
    for number, data in versions.items():
        version = number.removeprefix("v").replace("_", ".")
        (folder / f"web-{version}.tgz").write_bytes(data)
        entries += f"    - {{apiVersion: v2, name: web, version: {version}, urls: [web-{version}.tgz]}}\n"
    (folder / "index.yaml").write_text(f"apiVersion: v1\nentries:\n  web:\n{entries}")


def test_charts_are_fetched_locked_kept_and_rendered_offline(
    tmp_path: Path, charts: tuple[str, Path], capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    url, folder = charts
    monkeypatch.setenv("HELM_CACHE_HOME", str(tmp_path / "cache"))
    publish(folder, v1_2_0=packed())
    root = tmp_path / "app"
    builder = RepositoryBuilder(root)
    builder.commit({"clusters/one/flux-system/gotk-sync.yaml": SYNC, "clusters/one/web.yaml": release(url, "1.x")})
    subprocess.run(["git", "-C", str(root), "reset", "--hard", "-q", "main"], check=True)
    assert run(["vendor", "-C", str(root)]) == 0
    assert "fetched  web 1.x of" in capsys.readouterr().out
    publish(folder, v1_2_0=packed(), v1_3_0=packed("1.3.0"))
    assert run(["vendor", "-C", str(root)]) == 0
    assert "kept     web 1.x of" in capsys.readouterr().out
    assert run(["vendor", "-C", str(root), "--update"]) == 0
    assert ": 1.3.0, sha256 " in capsys.readouterr().out
    held = {path.name: path.read_bytes() for path in (root / ".gitgate/charts").iterdir()}
    assert sorted(held) == ["lock.yaml", "web-1.3.0.tgz"]
    snapshot = render({
        "clusters/one/flux-system/gotk-sync.yaml": SYNC,
        "clusters/one/web.yaml": release(url, "1.x"),
        **{f".gitgate/charts/{name}": data for name, data in held.items()},
    })  # fmt: skip
    assert "ConfigMap shop/settings" in names(snapshot)
    publish(folder, v1_3_0=packed("1.3.0", template=f"{TEMPLATE}# replaced\n"))
    assert run(["vendor", "-C", str(root), "--update"]) == 1
    assert "find out who replaced it" in capsys.readouterr().err
    assert (root / ".gitgate/charts/web-1.3.0.tgz").read_bytes() == held["web-1.3.0.tgz"]


@pytest.mark.parametrize("url", ["file:///etc", "http://example.com", "ssh://example.com/x"])
def test_nothing_but_https_and_oci_is_fetched(url: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    root = tmp_path / "app"
    files = {"clusters/one/flux-system/gotk-sync.yaml": SYNC, "clusters/one/web.yaml": release(url, "1.x")}
    RepositoryBuilder(root).commit(files)
    subprocess.run(["git", "-C", str(root), "reset", "--hard", "-q", "main"], check=True)
    assert run(["vendor", "-C", str(root)]) == 1
    assert "only https:// and oci://" in capsys.readouterr().err


def test_second_check_reuses_renders_and_says_the_same_as_without_a_cache(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    data = packed()
    builder = RepositoryBuilder(tmp_path / "app")
    files = {
        "clusters/one/flux-system/gotk-sync.yaml": SYNC,
        "clusters/one/web.yaml": release(URL, "1.2.0"),
        LOCK_PATH: lock(data, url=URL, requested="1.2.0"),
        ".gitgate/charts/web.tgz": data,
    }
    builder.commit(files)
    builder.commit({**files, "clusters/one/web.yaml": release(URL, "1.2.0").replace("mine", "yours")})
    said = []
    for more in ([], [], ["--no-cache"]):
        arguments = ["check", "--base", "main~1", "--head", "main", "-v", "--git-dir", str(tmp_path / "app"), *more]
        code = run(arguments)
        said.append((code, *capsys.readouterr()))
    assert [(code, out) for code, out, _ in said[1:]] == [(code, out) for code, out, _ in said[:2]]
    assert [err.strip().rpartition("\n")[2] for _, _, err in said] == [
        "renders: 0 reused from earlier runs, 4 new",
        "renders: 4 reused from earlier runs, 0 new",
        "",
    ]
