"""What a run asks of git: every blob's content once, however many trees, paths and readers share it."""

from __future__ import annotations

from collections import Counter

import pytest

from gitgate.gate import Demand, judge_merge, judge_staged
from gitgate.git import Repository
from gitgate.process import Coprocess
from gitgate.report import Report
from tests.support.manifests import MISSPELT, config_map, crd, deployment, widget
from tests.support.repository import Link, RepositoryBuilder

BASE = {
    ".gitgate/settings.yaml": "version: 1\nschema:\n  allowUnknownGroups: []\n",
    ".gitgate/schemas/widgets.yaml": crd(fields="size: {type: integer}"),
    "apps/web.yaml": deployment(extra=MISSPELT),
    "apps/web-again.yaml": Link("web.yaml"),
    "apps/copy.yaml": config_map("copy"),
    "twin/copy.yaml": config_map("copy"),
    "linked": Link("apps"),
    "crds/widgets.yaml": crd(fields="size: {type: integer}"),
    "widgets/one.yaml": widget("size: 3"),
    "overlay/kustomization.yaml": "resources:\n  - base.yaml\npatches:\n  - path: patch.yaml\n",
    "overlay/base.yaml": deployment("api"),
    "overlay/patch.yaml": "apiVersion: apps/v1\nkind: Deployment\nmetadata:\n  name: api\n  namespace: shop\nspec:\n"
    "  replicas: many\n",
}


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> Counter[str]:
    """How often the content of each object was asked for."""
    counted: Counter[str] = Counter()
    send = Coprocess.send

    def counting(self: Coprocess, request: bytes) -> None:
        lines = request.decode("ascii").splitlines()
        counted.update(line.removeprefix("contents ") for line in lines if line.startswith("contents "))
        send(self, request)

    monkeypatch.setattr(Coprocess, "send", counting)
    return counted


def read_twice(repository: RepositoryBuilder, asked: Counter[str]) -> dict[str, int]:
    """The blobs that were read more than once, by a path that they have."""
    paths = {}
    for revision in ("main", "change"):
        for line in repository.git("ls-tree", "-r", revision).splitlines():
            entry, path = line.split("\t")
            paths[entry.split()[2]] = path
    assert paths.keys() & asked.keys(), "nothing was counted"
    return {path: asked[oid] for oid, path in paths.items() if asked[oid] > 1}


@pytest.fixture
def shop(repository: RepositoryBuilder) -> RepositoryBuilder:
    repository.commit(BASE)
    repository.branch("change")
    repository.commit({"apps/new.yaml": deployment("new", extra=MISSPELT)}, branch="change")
    repository.commit({"unrelated.yaml": config_map("unrelated")})
    return repository


def findings(report: Report) -> set[str]:
    return {finding.rule for result in report.results for finding in result.findings}


def test_a_merge_reads_no_file_twice(shop: RepositoryBuilder, asked: Counter[str]) -> None:
    with Repository.open(shop.path) as repository:
        report = judge_merge(repository, "main", "change", Demand(), lambda _: None)
    assert {"schema/unknown-field", "schema/wrong-type"} <= findings(report), "the locator had nothing to look up"
    assert read_twice(shop, asked) == {}


def test_a_hook_reads_no_file_twice(shop: RepositoryBuilder, asked: Counter[str]) -> None:
    shop.checkout("change")
    (shop.path / "apps/web.yaml").write_text(deployment(replicas=5, extra=MISSPELT))
    shop.git("add", ".")
    with Repository.open(shop.path) as repository:
        report = judge_staged(repository, Demand(), lambda _: None)
    assert "schema/unknown-field" in findings(report)
    assert read_twice(shop, asked) == {}
