"""Cached results of baselines: reused by digest, complete, and with nothing loaded."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pandas as pd
import pytest

from groupsc.baselines import methods
from groupsc.benchmark.earlier import rows_of_method, taken_over
from groupsc.config.files import complete_grid
from groupsc.data.datasets import registry

ROOT = Path(__file__).resolve().parents[2]
MEASURED = ROOT / "data/measured"
DNCNN = ("dncnn", "BSD68", "gray", 25)
WITHOUT = """
import sys
sys.modules.update(dict.fromkeys(("torch", "h5py", "skimage"), None))
from groupsc.cli import main
main()
"""
"""The command where these packages can't be imported."""


@pytest.fixture
def file(tmp_path):
    """Rows of DnCNN on BSD68, and a function that changes them."""
    path = tmp_path / "rows.csv"
    rows = pd.read_csv(MEASURED / "gray-dncnn-sigma25/BSD68.csv", dtype=str)

    def change(keep=slice(None), **columns):
        rows.assign(**columns)[keep].to_csv(path, index=False)
        return path

    change()
    return path, change


def test_rows_are_taken_over_as_they_are_and_beyond_the_first_images(file):
    path, _ = file
    found = rows_of_method(path, *DNCNN, images=5)
    pd.testing.assert_series_equal(found["psnr"].astype(float), pd.read_csv(path)["psnr"])
    assert found["image"].tolist() == sorted(found["image"])
    assert len(found) == 68


@pytest.mark.parametrize(
    "changed",
    [
        {"weights_sha256": "0" * 64},
        {"parameters": "1"},
        {"level": "15.0"},
        {"mode": "block"},
        {"keep": slice(1, None)},
    ],
    ids=lambda changed: next(iter(changed)),
)
def test_rows_of_others_and_incomplete_ones_are_not(file, changed):
    path, change = file
    change(**changed)
    assert rows_of_method(path, *DNCNN, images=5) is None


def test_more_is_asked_than_was_measured(file):
    path, change = file
    assert rows_of_method(path, *DNCNN, times=2) is None
    change(slice(0, 5))
    assert rows_of_method(path, *DNCNN) is None
    assert len(rows_of_method(path, *DNCNN, images=5)) == 5
    assert rows_of_method(path, "drunet", *DNCNN[1:]) is None
    assert rows_of_method(path, "gray-sc-sigma25.safetensors", *DNCNN[1:]) is None


def test_the_repository_has_what_its_release_asks_of_others():
    tasks = {"gray": {"methods": ["sc"], "levels": [25], "datasets": ["BSD68"]}}
    config = complete_grid({"tasks": tasks, "cached_results": str(MEASURED), "images": {"BSD68": 5}})
    for name, dataset, task, level in (
        DNCNN,
        ("input", "CBSD68", "color", 10),
        ("menon", "Kodak24", "mosaic", None),
        ("dncnn-3", "Classic5", "jpeg", 40),
    ):
        assert taken_over(config, name, dataset, task, level)
    assert not taken_over(config, "bm3d", "BSD68", "gray", 25)
    assert not taken_over({**config, "cached_results": None}, *DNCNN)


def test_digests_are_those_of_the_registry_whether_the_files_are_there_or_not(tmp_path):
    files = registry().set_index(["dataset", "file"])["sha256"]
    for found in methods(tmp_path).values():
        for task, dataset in found.dataset.items():
            path = found.weights(task, 25)
            assert found.digest(task, 25) == files[dataset, path.name]
    assert methods(tmp_path)["bm3d"].digest("gray", 25) is None
    assert methods(tmp_path)["drunet"].digest("gray", 25) is None


def test_the_command_takes_over_without_packages_weights_and_images(tmp_path):
    words = ["evaluate", "dncnn", "--dataset", "BSD68", "--task", "gray", "--level", "25", "--data-dir", "nowhere"]
    words += ["--output", "rows.csv", "--cached-results"]
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}

    def groupsc(*more):
        command = [sys.executable, "-c", WITHOUT, *words, *map(str, more)]
        return subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True)

    result = groupsc(MEASURED / "gray-dncnn-sigma25/BSD68.csv")
    assert result.returncode == 0, result.stderr
    assert "29.24 dB over 68 images, measured before" in result.stdout
    assert len(pd.read_csv(tmp_path / "rows.csv")) == 68
    assert groupsc(MEASURED / "gray-dncnn-sigma15/BSD68.csv").returncode != 0
