"""Baselines: they restore, they say why where they can't, and their networks are what the files hold."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch
from scipy.signal import correlate2d

from groupsc.baselines import method, methods
from groupsc.baselines.matconvnet import read_convolutions
from groupsc.benchmark.evaluation import evaluate
from groupsc.benchmark.metrics import psnr
from groupsc.data.datasets import load_images
from groupsc.data.degradations import bayer_mask, degrade, noise_generator
from groupsc.data.registry import registry
from groupsc.utils.errors import GroupSCError
from groupsc.utils.resources import data_file

ROOT = Path(__file__).resolve().parents[2]
RAW = ROOT / "data/raw"
LEVELS = {"gray": 25, "color": 25, "jpeg": 10, "mosaic": None}
CASES = [(name, task) for name, found in methods().items() for task in found.tasks]


def able(name, task, level=None):
    """The baseline, or a skipped test that gives its reason."""
    found = method(name, RAW)
    reason = found.skip(task, level or LEVELS[task])
    if reason:
        pytest.skip(reason)
    return found


def photograph(task):
    """A clean piece (c, 37, 45) of a photograph, and its degraded version."""
    images = load_images("Bundled", channels=3 if task in ("color", "mosaic") else 1)
    clean = torch.from_numpy(images["chelsea"][:, 100:137, 120:165].copy())
    degraded, _ = degrade(clean, task, LEVELS[task], noise_generator("test", "chelsea", LEVELS[task]))
    return clean.numpy(), degraded.numpy()


@pytest.mark.parametrize(("name", "task"), CASES)
def test_every_method_restores_an_image_of_odd_size(name, task):
    found = able(name, task)
    clean, degraded = photograph(task)
    given = degraded.copy()
    restored = found.restore(degraded, task, LEVELS[task])
    assert (restored.shape, restored.dtype) == (clean.shape, np.float32)
    assert np.array_equal(degraded, given), "the degraded image was changed"
    assert psnr(restored, clean) > psnr(degraded, clean) + (0.2 if task == "jpeg" else 2)


@pytest.mark.parametrize("level", [15, 50])
def test_total_variation_makes_a_flat_image_flat(level):
    """Its minimum on a flat image with noise is nearly constant; iterations that stop early leave much of the noise."""
    noise = np.random.default_rng(0).standard_normal((1, 128, 128), np.float32)
    restored = method("tv").restore(0.5 + level / 255 * noise, "gray", level)
    assert 255 * restored.std() < level / 10


@pytest.mark.parametrize(("name", "task"), CASES)
def test_every_method_says_what_to_cite(name, task):
    assert "https://doi.org/10." in method(name).reference
    assert (method(name).number_of_parameters(task) > 0) == (method(name).weights(task, LEVELS[task]) is not None)


def test_names_and_data_sets_are_those_of_the_published_numbers_and_of_the_registry():
    published = set(pd.read_csv(data_file("published.csv"))["method"])
    assert {"dncnn", "cdncnn", "dncnn-3", "ffdnet", "bm3d", "cbm3d"} <= set(methods()) & published
    files = {(row.dataset, row.file) for row in registry().itertuples()}
    for found in methods().values():
        for task, dataset in found.dataset.items():
            for level in getattr(found, "levels", [LEVELS[task]]):
                assert found.untrained(task, level) or (dataset, found.weights(task, level).name) in files


@pytest.mark.parametrize(("name", "task"), [case for case in CASES if method(case[0]).dataset])
def test_a_network_has_as_many_parameters_as_it_says(name, task):
    found = able(name, task)
    convolutions = read_convolutions(found.weights(task, LEVELS[task]))
    assert sum(weight.size + bias.size for weight, bias in convolutions) == found.number_of_parameters(task)


def convolve(image, path):
    """A network of a file evaluated by scipy, straight from MATLAB's arrays."""
    import h5py

    with h5py.File(path) as file:
        layers = [file[reference] for reference in file["net/layers"][()].ravel()]
        pairs = [
            [file[part][()].T for part in layer["weights"][()].ravel()]  # Back to (h, w, in, out).
            for layer in layers
            if bytes(layer["type"][()].ravel().astype(np.uint8)) == b"conv"
        ]
    for number, (weight, bias) in enumerate(pairs):
        weight, bias = weight.astype(float).reshape(3, 3, len(image), -1), bias.ravel()
        image = np.maximum(image, 0) if number else image
        image = np.stack(
            [
                bias[out] + sum(correlate2d(plane, weight[:, :, k, out], "same") for k, plane in enumerate(image))
                for out in range(weight.shape[-1])
            ]
        )
    return image


@pytest.mark.slow
@pytest.mark.parametrize("name", ["dncnn", "cdncnn", "dncnn-3"])
def test_dncnn_subtracts_what_its_network_gives(name):
    task = method(name).tasks[0]
    found = able(name, task)
    degraded = photograph(task)[1][:, :5, :6]
    expected = degraded - convolve(degraded.astype(float), found.weights(task, LEVELS[task]))
    assert found.restore(degraded, task, LEVELS[task]) == pytest.approx(expected, abs=2e-5)


@pytest.mark.slow
def test_ffdnet_restores_the_four_images_of_half_the_size():
    found = able("ffdnet", "gray")
    degraded = photograph("gray")[1][:, :6, :8]
    corners = [(0, 0), (1, 0), (0, 1), (1, 1)]  # Of a cell, by columns.
    parts = [degraded[0, i::2, j::2].astype(float) for i, j in corners]
    outputs = convolve(np.stack([*parts, np.full_like(parts[0], 25 / 255)]), found.weights("gray", 25))
    expected = np.zeros((6, 8))
    for (i, j), part in zip(corners, outputs, strict=True):
        expected[i::2, j::2] = part
    assert found.restore(degraded, "gray", 25)[0] == pytest.approx(expected, abs=2e-5)


@pytest.mark.parametrize(
    ("name", "task", "level", "reason"),
    [
        ("dncnn", "gray", 5, "choose one of 10, 15, 25, 50"),
        ("cdncnn", "color", 20, "choose one of 5, 10, 15, 25, 50"),
        ("dncnn-3", "jpeg", 100, "qualities 5 to 99"),
        ("ffdnet", "gray", 80, "σ from 0 to 75"),
        ("bm3d", "mosaic", None, "is for gray, not for mosaic"),
        ("drunet", "color", 60, "up to 50"),
    ],
)
def test_what_a_method_was_not_made_for_is_skipped_with_a_reason(name, task, level, reason):
    assert reason in method(name, RAW).skip(task, level)


def test_an_absent_file_is_skipped_with_a_reason(tmp_path):
    pytest.importorskip("h5py")
    for name in ("dncnn", "ffdnet"):
        reason = method(name, tmp_path).skip("gray", 25)
        assert f"groupsc fetch {method(name).dataset['gray']} --data-dir {tmp_path}" in reason
        assert method(name, tmp_path).unsuited("gray", 25) is None
    with pytest.raises(GroupSCError, match="groupsc fetch peers-dncnn-gray"):
        evaluate("dncnn", "Bundled", task="gray", level=25, data_dir=tmp_path, images=1)


def test_a_damaged_file_is_an_error_that_names_it(tmp_path):
    pytest.importorskip("h5py")
    path = tmp_path / "sigma25.mat"
    path.write_bytes(b"MATLAB 7.3 MAT-file" + bytes(1000))
    with pytest.raises(GroupSCError, match="is not a network of MatConvNet"):
        read_convolutions(path)


@pytest.mark.parametrize(
    ("name", "task", "package"),
    [
        ("dncnn", "gray", "h5py"),
        ("bm3d", "gray", "bm3d"),
        ("bayesshrink", "color", "pywt"),
        ("menon", "mosaic", "colour_demosaicing"),
    ],
)
def test_an_absent_package_is_skipped_with_a_reason(name, task, package):
    code = f"""
import sys

class Blocker:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] == {package!r}:
            raise ModuleNotFoundError(f"No module named {{name!r}}")

sys.meta_path.insert(0, Blocker())
from groupsc.baselines import method
print(method({name!r}).skip({task!r}, {LEVELS[task]}))
"""
    result = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True)
    assert result.returncode == 0, result.stderr
    assert f"the package {package} can't be imported" in result.stdout
    assert "pip install 'groupsc[peers]'" in result.stdout


def test_the_command_measures_a_baseline(groupsc, tmp_path):
    output = tmp_path / "rows.csv"
    words = ("evaluate", "tv", "--dataset", "Bundled", "--task", "gray", "--level", 25, "--images", 1)
    result = groupsc(*words, "--output", output, cwd=ROOT)
    assert result.returncode == 0, result.stderr
    row = pd.read_csv(output).iloc[0]
    assert (row["experiment"], row["method"], row["parameters"]) == ("gray-tv-sigma25", "tv", 0)
    assert row["seconds"] > 0
    noisy = evaluate("input", "Bundled", task="gray", level=25, images=1, progress=False).iloc[0]
    assert row["psnr"] > noisy["psnr"] + 3
    again = evaluate("tv", "Bundled", task="gray", level=25, images=1, progress=False).iloc[0]
    assert row["psnr"] == again["psnr"]


@pytest.mark.slow
@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["dnccn", "--task", "gray", "--level", 25], "there is no method 'dnccn'; choose one of dncnn, cdncnn"),
        (["menon", "--task", "gray", "--level", 25], "menon is for mosaic, not for gray"),
        (["dncnn", "--task", "gray", "--level", 5], "no published weights for level 5"),
        (["tv", "--level", 5], "the task is needed"),
        (["tv", "--task", "gray"], "needs a level"),
    ],
)
def test_what_the_command_cannot_measure_ends_in_one_sentence(groupsc, tmp_path, arguments, sentence):
    result = groupsc("evaluate", *arguments, "--dataset", "Bundled", "--output", tmp_path / "rows.csv", cwd=ROOT)
    assert result.returncode == 2
    assert sentence in result.stderr
    assert len(result.stderr.strip().splitlines()) == 1


@pytest.mark.slow
def test_the_command_lists_methods_and_why_they_cannot_run(groupsc, tmp_path):
    result = groupsc("methods", "--task", "gray", "--level", 5, "--data-dir", tmp_path, "--json", cwd=ROOT)
    assert result.returncode == 0, result.stderr
    found = {entry["method"]: entry for entry in json.loads(result.stdout)}
    assert {"sc", "csr", "groupsc", "dncnn", "ffdnet", "bm3d", "nlm"} <= set(found)
    assert "menon" not in found
    assert "level 5" in found["dncnn"]["skip"]
    assert found["tv"]["skip"] is None
    text = groupsc("methods", "--data-dir", tmp_path, cwd=ROOT).stdout
    assert "https://doi.org/10.1109/TIP.2007.901238" in text or "bm3d can't be imported" in text
    assert groupsc("methods", "--task", "grey", cwd=ROOT).returncode == 2


def test_unknown_method():
    with pytest.raises(GroupSCError, match=r"there is no method 'bm4d'; choose one of .*bm3d"):
        method("bm4d")


@pytest.mark.parametrize("name", ["bilinear", "malvar", "menon"])
def test_demosaicking_takes_our_pattern(name):
    found = able(name, "mosaic")
    mask = bayer_mask(21, 18).numpy()
    plain = np.ones((3, 21, 18), np.float32) * np.float32([[[0.2]], [[0.5]], [[0.9]]])
    restored = found.restore(plain * mask, "mosaic", None)
    assert restored[:, 4:-4, 4:-4] == pytest.approx(plain[:, 4:-4, 4:-4], abs=1e-5)
    if name == "bilinear":
        assert restored == pytest.approx(plain, abs=1e-5)
        values = np.random.default_rng(0).random((3, 21, 18), dtype=np.float32) * mask
        restored = found.restore(values, "mosaic", None)
        assert restored[mask == 1] == pytest.approx(values[mask == 1], abs=1e-6)
        green = np.mean([values[1, 7, 8], values[1, 9, 8], values[1, 8, 7], values[1, 8, 9]])
        assert restored[1, 8, 8] == pytest.approx(green, abs=1e-6)


def write_matconvnet(path, layers, kinds=()):
    """A file like MatConvNet's: (height, width, in, out) by columns, a last axis of one dropped."""
    h5py = pytest.importorskip("h5py")
    with h5py.File(path, "w") as file:
        places = np.empty((len(layers) + len(kinds), 1), h5py.ref_dtype)
        for number, (kernel, bias) in enumerate(layers):
            group = file.create_group(f"#refs#/{number}")
            group["type"] = np.frombuffer(b"conv", np.uint8).astype(np.uint16)[:, None]
            kernel = kernel[..., 0] if kernel.shape[-1] == 1 else kernel
            for part, values in (("k", kernel), ("b", bias[:, None])):
                file[f"#refs#/{number}{part}"] = np.asarray(values, np.float32).T
            references = [file[f"#refs#/{number}{part}"].ref for part in "kb"]
            group.create_dataset("weights", data=np.array(references, h5py.ref_dtype)[:, None])
            places[number] = group.ref
        for number, kind in enumerate(kinds, len(layers)):
            group = file.create_group(f"#refs#/{number}")
            group["type"] = np.frombuffer(kind.encode(), np.uint8).astype(np.uint16)[:, None]
            places[number] = group.ref
        file.create_dataset("net/layers", data=places)
    return path


@pytest.mark.parametrize("task", ["gray", "color"])
def test_ffdnet_of_an_odd_size_repeats_the_last_row_and_column(task, tmp_path):
    rng, channels = np.random.default_rng(1), 1 if task == "gray" else 3
    shapes = [(3, 3, 4 * channels + 1, 5), (3, 3, 5, 4 * channels)]
    layers = [(0.1 * rng.standard_normal(shape), rng.standard_normal(shape[-1])) for shape in shapes]
    (tmp_path / "peers-ffdnet").mkdir()
    path = write_matconvnet(tmp_path / f"peers-ffdnet/FFDNet_{task}.mat", layers, ["relu", "SubP", "concat"])
    degraded = rng.random((channels, 7, 9), dtype=np.float32)
    padded = np.pad(degraded, ((0, 0), (0, 1), (0, 1)), mode="edge").astype(float)
    corners = [(0, 0), (1, 0), (0, 1), (1, 1)]  # Of a cell, by columns.
    parts = [plane[i::2, j::2] for plane in padded for i, j in corners]
    outputs = convolve(np.stack([*parts, np.full_like(parts[0], 25 / 255)]), path)
    expected = np.empty_like(padded)
    for number, part in enumerate(outputs):
        i, j = corners[number % 4]
        expected[number // 4, i::2, j::2] = part
    restored = method("ffdnet", tmp_path).restore(degraded, task, 25)
    assert restored == pytest.approx(expected[:, :7, :9], abs=1e-5)


def test_a_file_with_batch_normalisation_is_refused(tmp_path):
    path = write_matconvnet(tmp_path / "net.mat", [(np.ones((3, 3, 1, 4)), np.ones(4))], ["bnorm"])
    with pytest.raises(GroupSCError, match="'bnorm'"):
        read_convolutions(path)


@pytest.mark.parametrize("failure", ["ctypes.CDLL('libabsent.so')", "raise RuntimeError('libabsent.so')"])
def test_a_package_whose_binaries_do_not_fit_is_skipped_with_a_reason(failure, tmp_path):
    package = tmp_path / "packages/bm3d"
    package.mkdir(parents=True)
    (package / "__init__.py").write_text(f"import ctypes\n{failure}\n")
    command = [sys.executable, "-m", "groupsc", "methods", "--task", "gray", "--level", "25", "--json"]
    environment = {**os.environ, "PYTHONPATH": str(package.parent)}
    result = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True)
    found = {entry["method"]: entry["skip"] for entry in json.loads(result.stdout)}
    assert "the package bm3d can't be imported (" in found["bm3d"]
    assert "libabsent.so" in found["bm3d"]
    assert found["tv"] is None


def test_a_baseline_s_rows_say_that_it_restored_whole_images():
    row = evaluate("tv", "Bundled", task="gray", level=25, images=1, mode="block", progress=False).iloc[0]
    assert row["mode"] == "whole"
    assert pd.isna(row["stride"])
