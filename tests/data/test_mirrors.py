"""Mirrors in a folder or at an address, and what a registry may ask for."""

from __future__ import annotations

import os
import re

import pytest
from faulty_server import CONTENTS, PATHS, listing, table

from groupsc.data.fetching import fetch
from groupsc.utils.errors import GroupSCError

pytestmark = pytest.mark.usefixtures("no_mirror")


def test_the_setting_of_the_environment_and_the_argument_before_it(server, tmp_path, monkeypatch):
    monkeypatch.setenv("GROUPSC_MIRROR", f"{server.mirror}/")
    fetch("Four", tmp_path / "a", images=1, progress=False, files=table())
    assert server.requests == [PATHS["01.png"]]
    monkeypatch.setenv("GROUPSC_MIRROR", str(tmp_path / "nowhere"))
    fetch("Four", tmp_path / "b", images=1, progress=False, mirror=server.mirror, files=table())
    assert server.requests == [PATHS["01.png"]] * 2


@pytest.fixture
def folder(tmp_path):
    folder = tmp_path / "mirror"
    place = folder / "lab/photos" / ("c" * 40) / "set one"
    place.mkdir(parents=True)
    for name, content in CONTENTS.items():
        (place / f"#{name}").write_bytes(content)
    return folder, place


def test_a_folder_as_mirror(folder, tmp_path):
    manifest = fetch("Four", tmp_path, mirror=folder[0], progress=False, files=table())
    assert [row["file"] for row in manifest["files"]] == sorted(CONTENTS)
    assert (tmp_path / "Four/04.png").read_bytes() == CONTENTS["04.png"]


def test_an_incomplete_or_altered_mirror(folder, tmp_path):
    (folder[1] / "#02.png").unlink()
    with pytest.raises(GroupSCError, match=r"02\.png .*No such file.*complete that mirror"):
        fetch("Four", tmp_path, mirror=folder[0], progress=False, files=table())
    (folder[1] / "#02.png").write_bytes(b"another photograph")
    with pytest.raises(GroupSCError, match=r"expected 3002 bytes .* got 18 bytes"):
        fetch("Four", tmp_path, mirror=folder[0], progress=False, files=table())
    assert "02.png" not in listing(tmp_path)
    assert not [name for name in listing(tmp_path) if name.endswith(".partial")]


@pytest.mark.parametrize(
    "mirror", ["http://[::1", "http://127.0.0.1:port", f"http://{'a' * 99}.invalid", "ftp://a", "\0"]
)
def test_a_mirror_that_is_none(tmp_path, mirror):
    with pytest.raises(GroupSCError, match=r"01\.png could not be fetched .*; (check|complete)"):
        fetch("Four", tmp_path, images=1, mirror=mirror, progress=False, files=table())
    assert listing(tmp_path) == []


@pytest.mark.parametrize("options", [{"workers": 0}, {"timeout": 0}, {"timeout": -1}, {"timeout": float("nan")}])
def test_impossible_options(tmp_path, options):
    with pytest.raises(GroupSCError, match="at least one worker and a timeout above 0 s"):
        fetch("Four", tmp_path / "new", files=table(), **options)
    assert not (tmp_path / "new").exists()


NAMES = [
    "../01.png",
    "..",
    ".",
    "",
    "a/01.png",
    "/etc/01.png",
    r"..\01.png",
    "C:01.png",
    ".git",
    "-rf",
    "a\n.png",
    "a\0b",
]


@pytest.mark.parametrize("name", NAMES)
def test_no_name_of_a_registry_leaves_its_folder(folder, tmp_path, name):
    for files in (table({name: b"x"}), table(dataset=name)):
        with pytest.raises(GroupSCError, match="point outside the folder"):
            fetch(files["dataset"][0], tmp_path / "deep/root", mirror=folder[0], progress=False, files=files)
    assert [path.name for path in tmp_path.iterdir()] == ["mirror"]


def test_a_place_that_is_no_folder(folder, tmp_path):
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(GroupSCError, match="choose another folder"):
        fetch("Four", tmp_path / "file", mirror=folder[0], progress=False, files=table())


def test_a_folder_in_place_of_a_file(folder, tmp_path):
    (tmp_path / "Four/01.png").mkdir(parents=True)
    with pytest.raises(GroupSCError, match=r"01\.png could not be fetched .*the file can't be written"):
        fetch("Four", tmp_path, mirror=folder[0], progress=False, files=table())
    assert not [name for name in os.listdir(tmp_path / "Four") if name.endswith(".partial")]


def test_progress_is_shown_on_demand(folder, tmp_path, capfd):
    fetch("Four", tmp_path / "a", mirror=folder[0], progress=False, files=table())
    assert capfd.readouterr().err == ""
    fetch("Four", tmp_path / "b", mirror=folder[0], files=table())
    assert re.search(r"Four.*100%.*4/4", capfd.readouterr().err)
