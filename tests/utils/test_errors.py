"""Errors are of the kinds that callers of a library catch: what is missing, and memory that is too small."""

from __future__ import annotations

import subprocess
import sys

import pytest

from groupsc.benchmark.rows import read_rows
from groupsc.config.files import read_experiment
from groupsc.data.datasets import image_path, image_paths
from groupsc.figures.progress import read_log
from groupsc.io.images import read_image
from groupsc.io.paths import photographs
from groupsc.io.photographs import read_photograph
from groupsc.paper.reproducibility import read_cells
from groupsc.training.queue import read_queue
from groupsc.utils.atomic import replacing
from groupsc.utils.errors import GroupSCError, MissingFileError, TooLittleMemoryError
from groupsc.utils.resources import data_file
from groupsc.weights.cards import read_card
from groupsc.weights.released import find_weights

READERS = {
    "rows": lambda path: read_rows([path]),
    "cells": lambda path: read_cells([path]),
    "photographs": lambda path: photographs([path]),
    "images": lambda path: image_paths("Set12", path),
    "an image": lambda path: image_path("Set12", "01", path),
    "a table": lambda path: data_file(path.name),
    "weights": lambda path: find_weights(path.name),
}
READERS |= {f.__name__: f for f in (read_experiment, read_log, read_image, read_photograph, read_queue, read_card)}


@pytest.mark.parametrize("read", READERS.values(), ids=READERS)
def test_what_is_missing_is_told_as_such_and_what_is_no_such_file_is_not(tmp_path, read):
    with pytest.raises(GroupSCError, match="absent") as failure:
        read(tmp_path / "absent")
    assert isinstance(failure.value, FileNotFoundError)


@pytest.mark.parametrize("read", [read_experiment, read_log, read_image, read_photograph, read_queue, read_card])
def test_what_is_damaged_is_not_missing(tmp_path, read):
    (tmp_path / "damaged").write_bytes(b"\xff\0")
    with pytest.raises(GroupSCError, match="damaged") as failure:
        read(tmp_path / "damaged")
    assert not isinstance(failure.value, OSError)


def test_a_file_that_is_missing_while_another_is_written_keeps_its_sentence(tmp_path):
    with pytest.raises(FileNotFoundError, match="absent does not exist"), replacing(tmp_path / "a.txt"):
        read_photograph(tmp_path / "absent")
    assert not list(tmp_path.iterdir())


def test_both_kinds_are_sentences_as_the_others():
    for kind, builtin in ((MissingFileError, FileNotFoundError), (TooLittleMemoryError, MemoryError)):
        assert issubclass(kind, GroupSCError)
        assert issubclass(kind, builtin)
        assert str(kind("what is wrong")) == "what is wrong"
    command = [sys.executable, "-m", "groupsc", "denoise", "absent.png", "a.png"]
    result = subprocess.run(command, capture_output=True, text=True, check=False)
    assert (result.returncode, result.stderr) == (2, "groupsc: absent.png does not exist; correct the path\n")
