"""Which files are meant by folders and patterns, and where the restored ones go."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from groupsc.io.paths import photographs, targets
from groupsc.utils.errors import GroupSCError


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """Six files, two of them no images, and a folder with one more."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "in/deeper.png").mkdir(parents=True)
    for name in ("b.png", "a.JPG", "c.tiff", "notes.txt", ".hidden.png", "d.webp", "deeper.png/e.png"):
        (tmp_path / "in" / name).touch()
    return Path("in")


def names(paths):
    return [path.name for path in paths]


def test_folders_patterns_and_files(folder):
    assert names(photographs([folder])) == ["a.JPG", "b.png", "c.tiff", "d.webp"]
    assert names(photographs([folder / "*"])) == ["a.JPG", "b.png", "c.tiff", "d.webp"]
    assert names(photographs(["in/?.png", "in/[c-d].*"])) == ["b.png", "c.tiff", "d.webp"]
    assert names(photographs(["in/c.tiff", "in"])) == ["c.tiff", "a.JPG", "b.png", "d.webp"]
    assert names(photographs(["in/notes.txt"])) == ["notes.txt"]
    (folder / "x[1].png").touch()
    (folder / "x1.png").touch()
    assert names(photographs(["in/x[1].png"])) == ["x[1].png"]


@pytest.mark.parametrize(
    ("paths", "sentence"),
    [
        (["in/a.JPG", "in/z.png"], r"in/z\.png does not exist"),
        (["in/*.gif"], r"in/\*\.gif matches no image"),
        (["in/*.txt"], r"in/\*\.txt matches no image"),
        (["empty"], "empty contains no image"),
        ([], "no image is given"),
    ],
)
def test_nothing_found(folder, paths, sentence):
    Path("empty").mkdir()
    with pytest.raises(GroupSCError, match=sentence):
        photographs(paths)


def test_a_file_for_one_and_a_folder_for_several(folder):
    inputs = [folder / "a.JPG", folder / "b.png"]
    assert targets(inputs[:1], "out/clean.tif") == [(inputs[0], Path("out/clean.tif"))]
    assert targets(inputs[:1], "out") == [(inputs[0], Path("out/a.JPG"))]
    assert targets(inputs, "out") == [(inputs[0], Path("out/a.JPG")), (inputs[1], Path("out/b.png"))]
    Path("folder.png").mkdir()
    assert targets(inputs[:1], "folder.png") == [(inputs[0], Path("folder.png/a.JPG"))]
    with pytest.raises(GroupSCError, match=r"2 images can't be written to the single file out\.png; name a folder"):
        targets(inputs, "out.png")
    with pytest.raises(GroupSCError, match="is a file but not an image"):
        targets(inputs, "in/notes.txt")


def test_two_of_one_name(folder):
    with pytest.raises(GroupSCError, match=r"in/b\.png and other/b\.png have the same name"):
        targets([folder / "b.png", "other/b.png"], "out")


def test_no_input_is_replaced(folder):
    one = folder / "b.png"
    os.link(one, "hard.png")
    os.symlink(one, "soft.png")
    os.symlink("in", "link")
    os.symlink("in/new.png", "ahead.png")
    for output in ("in/b.png", "in/../in/b.png", "hard.png", "soft.png", "link/b.png", "link", "in", one.absolute()):
        with pytest.raises(GroupSCError, match=r"would replace the input in/b\.png; choose another"):
            targets([one], output)
    with pytest.raises(GroupSCError, match=r"out/b\.png would replace the input out/b\.png"):
        targets([one, "out/b.png", "other/c.png"][1:], "out")
    with pytest.raises(GroupSCError, match="would replace"):
        targets(["in/new.png"], "ahead.png")
    assert targets([one], "in/c.png") == [(one, Path("in/c.png"))]
