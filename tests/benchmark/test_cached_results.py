"""Cached results: reused by digest, complete, and with nothing loaded."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from groupsc.baselines import methods
from groupsc.benchmark.cached_results import cache_is_complete, cached_rows
from groupsc.benchmark.evaluation import evaluate_to_csv
from groupsc.benchmark.rows import measured_places, read_rows
from groupsc.config.files import complete_grid
from groupsc.data.registry import registry
from groupsc.io.images import write_image
from groupsc.utils.errors import GroupSCError
from groupsc.weights.released import releases

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
    found = cached_rows(path, *DNCNN, images=5)
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
    assert cached_rows(path, *DNCNN, images=5) is None


def test_more_is_asked_than_was_measured(file):
    path, change = file
    assert cached_rows(path, *DNCNN, times=2) is None
    change(slice(0, 5))
    assert cached_rows(path, *DNCNN) is None
    assert len(cached_rows(path, *DNCNN, images=5)) == 5
    assert cached_rows(path, "drunet", *DNCNN[1:]) is None
    assert cached_rows(path, "gray-sc-sigma25.safetensors", *DNCNN[1:]) is None


def test_the_repository_has_what_its_release_asks_of_others():
    tasks = {"gray": {"methods": ["sc"], "levels": [25], "datasets": ["BSD68"]}}
    config = complete_grid({"tasks": tasks, "cached_results": str(MEASURED), "images": {"BSD68": 5}})
    for name, dataset, task, level in (
        DNCNN,
        ("input", "CBSD68", "color", 10),
        ("menon", "Kodak24", "mosaic", None),
        ("dncnn-3", "Classic5", "jpeg", 40),
    ):
        assert cache_is_complete(config, name, dataset, task, level)
    models = {name: releases([ROOT / "data"])[name].find() for name in ("gray-groupsc-sigma25", "color-sc-blind")}
    blind = models["color-sc-blind"], "CBSD68", "color", 10
    assert cache_is_complete(config, models["gray-groupsc-sigma25"], "BSD68", "gray", 25)
    assert cache_is_complete(config, *blind)
    for changed in ({"mode": "block"}, {"repetitions": 9}):
        assert not cache_is_complete({**config, **changed}, *blind)
    assert not cache_is_complete(config, *blind[:3], 30), "no rows of this level"
    assert not cache_is_complete(config, models["gray-groupsc-sigma25"], "BSD68-stride24", "gray", 25)
    assert not cache_is_complete(config, "nlm", "BSD68", "gray", 25)
    assert not cache_is_complete({**config, "cached_results": None}, *DNCNN)


def test_digests_are_those_of_the_registry_whether_the_files_are_there_or_not(tmp_path):
    files = registry().set_index(["dataset", "file"])["sha256"]
    for found in methods(tmp_path).values():
        for task, dataset in found.dataset.items():
            path = found.weights(task, 25)
            assert found.digest(task, 25) == files[dataset, path.name]
    assert methods(tmp_path)["bm3d"].digest("gray", 25) is None
    assert methods(tmp_path)["drunet"].digest("gray", 25) is None


@pytest.mark.parametrize("name", ["gray-dncnn-sigma25/BSD68", "gray-sc-sigma25/BSD68", "mosaic-input/Kodak24"])
def test_measured_places_are_those_of_the_rows(name):
    path = MEASURED / f"{name}.csv"
    rows = read_rows([path])
    places = set(zip(rows["image"], rows["repetition"], strict=True))
    first = rows.iloc[0].to_dict()
    assert measured_places(path) == measured_places(path, first) == places
    assert measured_places(path, {**first, "dataset": "BSD86"}) == set()
    assert measured_places(path, {**first, "task": None}) == set()


def test_a_damaged_file_is_told(file):
    path, _ = file
    path.write_text(path.read_text()[:-9])
    with pytest.raises(GroupSCError, match="damaged in line 69"):
        measured_places(path)


@pytest.mark.parametrize(
    ("weights", "name"), [("dncnn", "gray-dncnn-sigma25"), (None, "gray-groupsc-sigma25")], ids=["baseline", "model"]
)
def test_the_command_takes_over_without_packages_and_images(weights, name, tmp_path):
    measured = pd.read_csv(MEASURED / name / "BSD68.csv")["psnr"]
    weights = weights or releases([ROOT / "data"])[name].find()
    given = ["evaluate", weights, "--dataset", "BSD68", "--task", "gray", "--level", "25", "--data-dir", "nowhere"]
    given += ["--output", "rows.csv", "--cached-results"]
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}

    def groupsc(*more):
        command = [sys.executable, "-c", WITHOUT, *map(str, [*given, *more])]
        return subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True)

    result = groupsc(MEASURED / name / "BSD68.csv")
    assert result.returncode == 0, result.stderr
    assert f"{measured.mean():.2f} dB over {len(measured)} images, measured before" in result.stdout
    assert len(pd.read_csv(tmp_path / "rows.csv")) == 68
    assert groupsc(MEASURED / "gray-dncnn-sigma15/BSD68.csv").returncode != 0
    assert groupsc(MEASURED / name / "BSD68.csv", "--noise", "known").returncode != 0


def test_of_own_images_only_those_that_did_not_change_keep_their_results(tmp_path):
    mine, cached, output = tmp_path / "mine", tmp_path / "gray-input-sigma25/mine.csv", tmp_path / "rows.csv"
    for name, level in (("a.png", 0.2), ("b.png", 0.3)):
        write_image(mine / name, np.full((1, 16, 16), level, np.float32))
    evaluate_to_csv(cached, "input", str(mine), task="gray", level=25, progress=False)
    rows = pd.read_csv(cached, dtype=str).assign(psnr="12.34")
    rows.to_csv(cached, index=False)
    write_image(mine / "b.png", np.full((1, 16, 16), 0.9, np.float32))
    after = cached.stat().st_mtime + 1
    os.utime(mine / "b.png", (after, after))
    tasks, own = {"gray": {"baselines": ["input"], "datasets": ["mine"]}}, {"mine": {"path": str(mine)}}
    config = complete_grid({"tasks": tasks, "cached_results": str(tmp_path), "datasets": own})
    assert cached_rows(cached, "input", str(mine), "gray", 25) is None
    assert not cache_is_complete(config, "input", "mine", "gray", 25)
    found = evaluate_to_csv(
        output, "input", str(mine), task="gray", level=25, progress=False, cached_results=cached
    ).set_index("image")["psnr"]
    assert found["a.png"] == 12.34
    assert found["b.png"] != 12.34
