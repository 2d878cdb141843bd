"""The methods of the benchmark: what they restore, what they refuse and why, and the networks read from files."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import scipy.signal
import skimage.data
import torch

from groupsc import baselines, data
from groupsc.baselines.matconvnet import read_convolutions, read_network
from groupsc.degradations import add_noise, bayer_mask, degrade, noise_generator
from groupsc.errors import GroupSCError
from groupsc.evaluation import COLUMNS, evaluate
from groupsc.images import read_image
from groupsc.metrics import psnr
from groupsc.tables import read_published

ROOT = Path(__file__).resolve().parents[1]
MIRROR = ROOT.parent / "shared/mirror"
LEVELS = {"gray": 25.0, "color": 25.0, "mosaic": None, "jpeg": 10.0}
PAIRS = [(name, task) for name, found in baselines.methods().items() for task in found.tasks]
NETWORKS = [(name, task) for name, task in PAIRS if baselines.method(name).dataset]
GAINS = {"gray": 4.0, "color": 4.0, "jpeg": 0.3}
"""Decibels that any method must gain on the photograph."""

HIDE = """
import sys
class Hidden:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] == {package!r}:
            raise ModuleNotFoundError(f"No module named {{name!r}}", name=name)
sys.meta_path.insert(0, Hidden())
"""


def run(*command, cwd, **environment):
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "PYTHONPATH": str(ROOT), **environment}
    return subprocess.run(
        [sys.executable, *map(str, command)], cwd=cwd, env=environment, capture_output=True, text=True
    )


def complaint(result):
    """The one sentence of a command that failed for a reason its user can mend."""
    assert result.returncode == 2, result.stdout + result.stderr
    (line,) = [line for line in result.stderr.splitlines() if line]
    assert line.startswith("groupsc: ")
    return line


@pytest.fixture(scope="session")
def raw(tmp_path_factory) -> Path:
    """A folder with the authors' files, as far as they can be had without a network."""
    if (ROOT / "data/raw/peers-ffdnet").is_dir():
        return ROOT / "data/raw"
    folder = tmp_path_factory.mktemp("raw")
    for dataset in {found.dataset for found in baselines.methods().values() if found.dataset}:
        if MIRROR.is_dir():
            data.fetch(dataset, folder, mirror=MIRROR, progress=False)
    return folder


def runnable(name, task, raw, level=None):
    """A method, ready; a test is skipped for the reason that the method gives."""
    found = baselines.method(name, raw)
    reason = found.skip(task, LEVELS[task] if level is None else level)
    if reason is not None:
        pytest.skip(reason)
    return found


def photograph(task, height=37, width=45):
    """A crop (c, H, W) of a photograph, and its degraded version."""
    clean = skimage.data.chelsea()[100 : 100 + height, 120 : 120 + width].transpose(2, 0, 1) / np.float32(255)
    clean = torch.from_numpy(clean if task in ("color", "mosaic") else clean.mean(axis=0, keepdims=True))
    degraded, _ = degrade(clean, task, LEVELS[task], torch.Generator().manual_seed(3))
    return clean.numpy(), degraded.numpy()


@pytest.mark.parametrize(("name", "task"), PAIRS)
def test_every_method_restores_an_image_of_odd_size(name, task, raw):
    method = runnable(name, task, raw)
    clean, degraded = photograph(task)
    given = degraded.copy()
    restored = method.restore(degraded, task, LEVELS[task])
    assert restored.shape == clean.shape
    assert restored.dtype == np.float32
    np.testing.assert_array_equal(degraded, given)
    if task == "mosaic":
        assert psnr(restored, clean) > 30
    else:
        assert psnr(restored, clean) > psnr(degraded, clean) + GAINS[task]


@pytest.mark.parametrize("name", [name for name, task in PAIRS if task == "gray"])
def test_stronger_noise_is_smoothed_more(name, raw):
    """The level reaches the method in the right unit: too little of it leaves noise, too much takes the image."""
    clean, _ = photograph("gray")
    for level in (10.0, 50.0):
        method = runnable(name, "gray", raw, level)
        noisy = add_noise(torch.from_numpy(clean), level, torch.Generator().manual_seed(0)).numpy()
        told = {sigma: psnr(method.restore(noisy, "gray", sigma), clean) for sigma in (10.0, 50.0)}
        assert told[level] == max(told.values())


def test_names_are_those_of_the_published_figures():
    published = set(read_published()["method"])
    assert {"bm3d", "cbm3d", "dncnn", "cdncnn", "dncnn-3", "ffdnet"} <= published & set(baselines.names())
    for found in baselines.methods().values():
        assert re.search(r"https://doi\.org/10\.\d{4,}/\S", found.reference), found.name


def test_total_variation_keeps_the_noise_s_distance():
    clean, noisy = photograph("gray")
    restored = baselines.method("tv").restore(noisy, "gray", 25.0)
    assert np.sqrt(np.mean((restored - noisy) ** 2)) == pytest.approx(25 / 255, rel=0.011)
    assert np.abs(np.diff(restored)).sum() < np.abs(np.diff(clean)).sum()


@pytest.mark.parametrize("name", ["bilinear", "malvar", "menon"])
def test_demosaicking_takes_our_pattern(name, raw):
    method = runnable(name, "mosaic", raw)
    mask = bayer_mask(21, 18).numpy()
    plain = np.ones((3, 21, 18), np.float32) * np.float32([[[0.2]], [[0.5]], [[0.9]]])
    np.testing.assert_allclose(method.restore(plain * mask, "mosaic", None), plain, atol=1e-5)
    if name == "bilinear":
        values = np.random.default_rng(0).random((3, 21, 18), dtype=np.float32) * mask
        restored = method.restore(values, "mosaic", None)
        np.testing.assert_allclose(restored[mask == 1], values[mask == 1], atol=1e-6)
        green = np.mean([values[1, 7, 8], values[1, 9, 8], values[1, 8, 7], values[1, 8, 9]])
        assert restored[1, 8, 8] == pytest.approx(green, abs=1e-6)


def matlab_layers(path):
    """Kernels (height, width, in, out) and biases of a file, as MATLAB has them."""
    h5py = pytest.importorskip("h5py")
    with h5py.File(path) as file:
        for reference in file["net/layers"][:].ravel():
            if bytes(file[reference]["type"][:].ravel().astype(np.uint8)) == b"conv":
                kernel, bias = (np.array(file[place]).T for place in file[reference]["weights"][:].ravel())
                yield kernel.reshape(*kernel.shape[:3], bias.size).astype(float), bias.ravel()


def evaluate_network(path, x):
    """A file's convolutions on x (H, W, c), by scipy: zeros beyond the border, ReLU between."""
    layers = list(matlab_layers(path))
    for number, (kernel, bias) in enumerate(layers):
        padded = np.pad(x, ((1, 1), (1, 1), (0, 0)))
        maps = [scipy.signal.correlate(padded, kernel[..., o], mode="valid")[..., 0] for o in range(bias.size)]
        x = np.stack(maps, axis=2) + bias
        if number + 1 < len(layers):
            x = np.maximum(x, 0)
    return x


def split(x):
    """MATLAB's rearrangement of an even image (H, W, c) into its phases (H/2, W/2, 4c), down the columns."""
    return np.stack([x[i % 2 :: 2, i // 2 :: 2, c] for c in range(x.shape[2]) for i in range(4)], axis=2)


def join(phases):
    height, width, channels = phases.shape
    x = np.empty((2 * height, 2 * width, channels // 4))
    for number in range(channels):
        i = number % 4
        x[i % 2 :: 2, i // 2 :: 2, number // 4] = phases[..., number]
    return x


@pytest.mark.parametrize(("name", "task"), NETWORKS)
def test_networks_compute_what_their_files_say(name, task, raw):
    method = runnable(name, task, raw)
    _, degraded = photograph(task, 9, 7)
    x, level = degraded.transpose(1, 2, 0).astype(float), LEVELS[task]
    if name == "ffdnet":
        phases = split(np.pad(x, ((0, 1), (0, 1), (0, 0)), mode="edge"))
        sigma = np.full((*phases.shape[:2], 1), level / 255)
        expected = join(evaluate_network(method.file(task, level), np.concatenate([phases, sigma], axis=2)))[:9, :7]
    else:
        expected = x - evaluate_network(method.file(task, level), x)
    restored = method.restore(degraded, task, level)
    np.testing.assert_allclose(restored.transpose(1, 2, 0), expected, atol=2e-5)


@pytest.mark.parametrize(("name", "task"), NETWORKS)
def test_parameters_are_those_of_the_files(name, task, raw):
    method = runnable(name, task, raw)
    for level in method.levels or [LEVELS[task]]:
        layers = read_convolutions(method.file(task, level))
        assert method.parameters(task) == sum(weights.size + bias.size for weights, bias in layers)


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


def test_a_file_of_ones_own_is_read(tmp_path):
    rng = np.random.default_rng(1)
    shapes = [(3, 3, 2, 4), (3, 3, 4, 4), (3, 3, 4, 1)]
    layers = [(rng.standard_normal(shape), rng.standard_normal(shape[-1])) for shape in shapes]
    path = write_matconvnet(tmp_path / "net.mat", layers, ["relu"])
    x = rng.standard_normal((6, 5, 2))
    with torch.inference_mode():
        found = read_network(path)(torch.from_numpy(x.transpose(2, 0, 1)).float())
    np.testing.assert_allclose(found.numpy().transpose(1, 2, 0), evaluate_network(path, x), rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("damage", ["text", "cut", "empty", "normalisation"])
def test_damaged_files_end_in_a_sentence(damage, tmp_path):
    h5py = pytest.importorskip("h5py")
    path = tmp_path / "net.mat"
    if damage == "text":
        path.write_text("no network")
    elif damage == "empty":
        h5py.File(path, "w").close()
    else:
        write_matconvnet(path, [(np.ones((3, 3, 1, 4)), np.ones(4))], ["bnorm"] if damage == "normalisation" else [])
    if damage == "cut":
        path.write_bytes(path.read_bytes()[:900])
    with pytest.raises(GroupSCError, match="bnorm" if damage == "normalisation" else "groupsc fetch"):
        read_convolutions(path)


@pytest.mark.parametrize(("name", "task"), NETWORKS)
def test_a_missing_file_is_a_reason_with_its_cure(name, task, tmp_path):
    pytest.importorskip("h5py")
    method = baselines.method(name, tmp_path)
    reason = method.skip(task, LEVELS[task])
    assert f"groupsc fetch {method.dataset} --root {tmp_path}" in reason
    assert str(method.file(task, LEVELS[task])) in reason
    assert method.dataset in data.datasets()
    assert method.skip(task, LEVELS[task], files=False) is None


@pytest.mark.parametrize(
    ("name", "task", "level", "words"),
    [
        ("dncnn", "gray", 20, "trained for 10, 15, 25, 50 only"),
        ("cdncnn", "color", 12.5, "not 12.5"),
        ("ffdnet", "gray", 90, "up to 75"),
        ("drunet", "color", 60, "up to 50"),
        ("bm3d", "color", 25, "gray images, not color"),
        ("menon", "gray", 25, "mosaic images"),
    ],
)
def test_what_a_method_was_not_made_for_is_a_reason(name, task, level, words, tmp_path):
    assert words in baselines.method(name, tmp_path).skip(task, level)
    with pytest.raises(GroupSCError, match=re.escape(words)):
        evaluate(name, "Bundled", task=task, level=level, raw=tmp_path, progress=False)


@pytest.mark.parametrize(
    ("name", "package"),
    [
        ("bm3d", "bm3d"),
        ("bm3d", "bm4d"),
        ("dncnn", "h5py"),
        ("menon", "colour_demosaicing"),
        ("wavelet", "pywt"),
        ("drunet", "deepinv"),
    ],
)
def test_a_package_that_is_not_installed_is_a_reason(name, package, tmp_path):
    method = baselines.method(name, tmp_path)
    task = method.tasks[0]
    level = [] if LEVELS[task] is None else ["--level", "25"]
    arguments = ["groupsc", "evaluate", name, "--task", task, *level, "--dataset", "Bundled", "--output", "r.csv"]
    code = f"{HIDE.format(package=package)}\nsys.argv = {arguments!r}\nfrom groupsc.cli import main\nmain()"
    said = complaint(run("-c", code, cwd=tmp_path))
    assert f"the package {method.package} can't be imported" in said
    assert "pip install" in said
    assert not list(tmp_path.iterdir())


def test_a_package_whose_binaries_do_not_fit_is_a_reason(tmp_path):
    package = tmp_path / "packages/bm3d"
    package.mkdir(parents=True)
    (package / "__init__.py").write_text("import ctypes\nctypes.CDLL('libabsent.so')\n")
    path = os.pathsep.join([str(package.parent), str(ROOT)])
    found = json.loads(run("-m", "groupsc", "methods", "--json", cwd=tmp_path, PYTHONPATH=path).stdout)
    assert "libabsent.so" in found["bm3d"]["skip"]["gray"]
    assert found["tv"]["skip"]["gray"] is None


def test_the_command_measures_a_method_like_a_model(tmp_path):
    arguments = ("tv", "--dataset", "Bundled", "--images", 1, "--task", "gray", "--level", 25, "--mode", "block")
    result = run("-m", "groupsc", "evaluate", *arguments, "--output", "rows.csv", cwd=tmp_path)
    assert result.returncode == 0, result.stderr
    rows = pd.read_csv(tmp_path / "rows.csv")
    assert list(rows.columns) == COLUMNS
    row = rows.iloc[0]
    assert row[["experiment", "method", "mode", "level"]].tolist() == ["gray-tv-sigma25", "tv", "whole", 25]
    assert row["parameters"] == 0
    assert row["seconds"] > 0
    assert pd.isna(row["stride"])
    assert pd.isna(row["weights_sha256"])
    (path,) = data.image_paths("Bundled", images=1)
    clean = read_image(path, channels=1)
    noisy = add_noise(torch.from_numpy(clean), 25, noise_generator("Bundled", path.stem, 25.0, 0)).numpy()
    restored = baselines.method("tv").restore(noisy, "gray", 25.0)
    assert row["psnr"] == pytest.approx(psnr(restored, clean), abs=1e-3)


def test_a_network_s_rows_name_its_file(raw):
    method = runnable("dncnn-3", "jpeg", raw)
    row = evaluate("dncnn-3", "Bundled", level=10, raw=raw, images=1, progress=False).iloc[0]
    registry = data.registry().set_index("dataset")
    assert row["weights_sha256"] == registry.loc[method.dataset, "sha256"]
    assert (row["task"], row["parameters"]) == ("jpeg", method.parameters("jpeg"))


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("bm5d", "--task", "gray", "--level", 25), ("no baseline 'bm5d'", "bm3d", "ffdnet")),
        (("tv", "--level", 25), ("task",)),
        (("tv", "--task", "gray"), ("level",)),
        (("dncnn", "--level", 33), ("trained for",)),
        (("cdncnn", "--level", 25), ("peers-dncnn-color",)),
    ],
    ids=lambda value: value[0],
)
def test_mistakes_end_in_one_sentence(arguments, words, tmp_path):
    pytest.importorskip("h5py")
    said = complaint(
        run("-m", "groupsc", "evaluate", *arguments, "--dataset", "Bundled", "--output", "r", cwd=tmp_path)
    )
    for word in words:
        assert word in said
    assert not list(tmp_path.iterdir())


def test_methods_are_listed_with_what_they_can_do(tmp_path):
    found = json.loads(run("-m", "groupsc", "methods", "--json", cwd=tmp_path).stdout)
    assert list(found)[:3] == ["sc", "csr", "groupsc"]
    assert set(found) == {"sc", "csr", "groupsc", *baselines.names()}
    assert "gray-sc-sigma25" in found["sc"]["weights"]
    assert found["sc"]["parameters"]["gray"] == 68_352
    assert found["groupsc"]["skip"]["gray"] is None
    assert "is missing" in found["dncnn"]["skip"]["gray"] or "h5py" in found["dncnn"]["skip"]["gray"]
    chosen = json.loads(run("-m", "groupsc", "methods", "--task", "gray", "--level", 33, "--json", cwd=tmp_path).stdout)
    assert "menon" not in chosen
    assert "trained for" in chosen["dncnn"]["skip"]["gray"]
    assert "sigma 33" in chosen["csr"]["skip"]["gray"]
    text = run("-m", "groupsc", "methods", "--raw", "empty", cwd=tmp_path).stdout
    assert "dncnn: gray (555,137 parameters)" in text
    assert "https://doi.org/10.1109/TIP.2017.2662206" in text


@pytest.mark.parametrize(
    ("arguments", "words"), [(("--task", "grey"), "choose one of gray"), (("--level", "25"), "belongs to a task")]
)
def test_wrong_questions_about_methods_end_in_one_sentence(arguments, words, tmp_path):
    assert words in complaint(run("-m", "groupsc", "methods", *arguments, cwd=tmp_path))


def test_the_guide_s_method_is_found_and_measured(tmp_path):
    """The example of CONTRIBUTING.md, put where it says, is a method like the others."""
    guide = (ROOT / "CONTRIBUTING.md").read_text()
    name, example = re.search(r"`groupsc/baselines/(\w+\.py)`.*?```python\n(.*?)```", guide, re.S).groups()
    ignored = shutil.ignore_patterns("__pycache__")
    shutil.copytree(ROOT / "groupsc", tmp_path / "groupsc", ignore=ignored)
    (tmp_path / "groupsc/baselines" / name).write_text(example)
    arguments = ("--dataset", "Bundled", "--images", 1, "--task", "gray", "--level", 25, "--output", "rows.csv")
    result = run("-m", "groupsc", "evaluate", "median", *arguments, cwd=tmp_path, PYTHONPATH=str(tmp_path))
    assert result.returncode == 0, result.stderr
    row = pd.read_csv(tmp_path / "rows.csv").iloc[0]
    assert (row["method"], row["experiment"]) == ("median", "gray-median-sigma25")
    assert row["psnr"] > 22
