"""Private directories: nobody else enters them, large ones go at once, and all go with what gave them."""

import tempfile
from pathlib import Path

import pytest

from gitgate.sources.private_places import SMALL, PrivatePlaces


@pytest.fixture
def temporary(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    return tmp_path


def test_places_are_apart_and_private(temporary: Path) -> None:
    places = PrivatePlaces()
    with places.place(0) as one, places.place(0) as other:
        assert one != other
        assert [oct(path.stat().st_mode & 0o777) for path in (one, other, one.parent)] == ["0o700"] * 3
        assert temporary in one.parents


def test_small_places_go_with_what_gave_them(temporary: Path) -> None:
    places = PrivatePlaces()
    with places.place(SMALL) as place:
        (place / "chart").mkdir()
        (place / "chart" / "a.yaml").write_text("a")
    assert place.is_dir()
    del places
    assert list(temporary.iterdir()) == []


def test_a_large_place_goes_at_once(temporary: Path) -> None:
    places = PrivatePlaces()
    with places.place(SMALL + 1) as place:
        (place / "chart").mkdir()
    assert not place.exists()
    assert temporary.is_dir()


def test_a_place_in_a_linked_directory_has_no_link_in_its_path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "real").mkdir()
    (tmp_path / "link").symlink_to("real")
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "link"))
    with PrivatePlaces().place(0) as place:
        assert place.resolve() == place
