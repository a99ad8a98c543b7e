from __future__ import annotations

import pytest

from gitgate import bundled


def test_schemas_and_policies_are_found_in_a_checkout():
    assert bundled.schema_file("MANIFEST.json").is_file()
    assert bundled.schema_files("kubernetes-*.json.gz")
    assert all(path.suffix == ".yaml" for path in bundled.policy_files())


def test_the_wheels_data_wins_over_a_checkout(tmp_path, monkeypatch):
    package = tmp_path / "gitgate"
    for folder in (package / "_data" / "schemas", tmp_path / "schemas"):
        folder.mkdir(parents=True)
        (folder / "x.json").write_text(folder.parent.name)
    monkeypatch.setattr(bundled, "_PACKAGE", package)
    assert bundled.schema_file("x.json").read_text() == "_data"


@pytest.mark.parametrize("name", ["../pyproject.toml", "/etc/passwd", "a/b.json", "", ".."])
def test_only_plain_file_names_are_found(name):
    with pytest.raises(FileNotFoundError):
        bundled.schema_file(name)
