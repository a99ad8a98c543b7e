"""A finding in a rendered object leads to the line that a person would edit."""

from __future__ import annotations

import pytest

from tests.support.cli import gitgate
from tests.support.manifests import deployment

BASE = "resources:\n  - web.yaml\n"
TARGET = "    target:\n      kind: Deployment\n      name: web\n"


def place(folder, files: dict[str, str]) -> tuple[str, int, str, str]:
    """Path, line, precision and text of the only finding in a kustomization `overlay` upon `base`."""
    for name, content in {"base/kustomization.yaml": BASE, "base/web.yaml": deployment(), **files}.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(content)
    ended = gitgate("validate", ".", "--output", "json", cwd=folder)
    (finding,) = ended.report["findings"]
    location = finding["location"]
    line = (folder / location["path"]).read_text().splitlines()[location["line"] - 1]
    return location["path"], location["line"], location["precision"], line.strip()


def overlay(patches: str) -> str:
    return f"resources:\n  - ../base\npatches:\n{patches}"


def test_a_field_of_the_base_leads_to_the_base(tmp_path) -> None:
    path, _, precision, line = place(
        tmp_path,
        {
            "base/web.yaml": deployment(replicas='"two"'),
            "overlay/kustomization.yaml": "namePrefix: x-\nresources: [../base]\n",
        },
    )
    assert (path, precision, line) == ("base/web.yaml", "exact", 'replicas: "two"')


def test_a_field_of_a_patch_file_leads_to_the_patch(tmp_path) -> None:
    patch = (
        "apiVersion: apps/v1\nkind: Deployment\nmetadata:\n  name: web\n  namespace: shop\nspec:\n  replicas: many\n"
    )
    files = {"overlay/kustomization.yaml": overlay("  - path: scale.yaml\n"), "overlay/scale.yaml": patch}
    assert place(tmp_path, files) == ("overlay/scale.yaml", 7, "exact", "replicas: many")


def test_a_json_patch_leads_to_its_operation(tmp_path) -> None:
    patch = "- op: replace\n  path: /spec/replicas\n  value: many\n"
    files = {"overlay/kustomization.yaml": overlay(f"  - path: scale.yaml\n{TARGET}"), "overlay/scale.yaml": patch}
    assert place(tmp_path, files) == ("overlay/scale.yaml", 3, "exact", "value: many")


def test_a_patch_inside_the_kustomization_leads_to_its_line(tmp_path) -> None:
    inline = "  - patch: |-\n      - op: replace\n        path: /spec/replicas\n        value: many\n" + TARGET
    path, line, precision, text = place(tmp_path, {"overlay/kustomization.yaml": overlay(inline)})
    assert (path, line, precision, text) == ("overlay/kustomization.yaml", 7, "exact", "value: many")


def test_a_container_that_a_patch_moved_is_found_by_its_name(tmp_path) -> None:
    patch = (
        "apiVersion: apps/v1\nkind: Deployment\nmetadata:\n  name: web\n  namespace: shop\nspec:\n  template:\n    spec:\n"
        "      containers:\n        - name: proxy\n          image: proxy:1\n"
    )
    files = {
        "base/web.yaml": deployment(extra="          tty: maybe\n"),
        "overlay/kustomization.yaml": overlay("  - path: proxy.yaml\n"),
        "overlay/proxy.yaml": patch,
    }
    path, _, precision, line = place(tmp_path, files)
    assert (path, precision, line) == ("base/web.yaml", "exact", "tty: maybe")


@pytest.mark.parametrize("field", ["namespace: Not_A_Type\nreplicas:\n  - name: web\n    count: 3\n"])
def test_what_only_the_renderer_set_leads_to_the_object_and_says_so(tmp_path, field) -> None:
    files = {
        "base/web.yaml": deployment()
        .replace("  replicas: 2\n", "")
        .replace("spec:\n  sel", "spec:\n  paused: maybe\n  sel"),
        "overlay/kustomization.yaml": f"resources:\n  - ../base\n{field}",
    }
    path, _, precision, line = place(tmp_path, files)
    assert (path, precision, line) == ("base/web.yaml", "exact", "paused: maybe")


def test_a_flood_of_findings_in_one_file_is_placed_in_linear_time(tmp_path) -> None:
    """Looking through the file once for each of them would take minutes, longer than the program is given here."""
    references = "".join(f"- https://example.com/{number}\n" for number in range(20_000))
    (tmp_path / "kustomization.yaml").write_text(f"resources:\n{references}")
    ended = gitgate("validate", ".", "--output", "json", cwd=tmp_path)
    assert (ended.code, len(ended.report["findings"])) == (1, 20_000)
