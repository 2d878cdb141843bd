"""Own functions and networks, measured beside the models."""

from __future__ import annotations

import importlib.metadata
import os
import subprocess
import sys
from functools import partial
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn

import groupsc
from groupsc import baselines
from groupsc.baselines.identity import identity
from groupsc.baselines.own import OwnMethod
from groupsc.benchmark.metrics import psnr
from groupsc.data.degradations import add_noise, bayer_mask, noise_generator
from groupsc.io.images import read_image, write_image
from groupsc.models.coder import SparseCoder
from groupsc.utils.errors import GroupSCError, TooLittleMemoryError


@pytest.fixture
def folder(tmp_path):
    place = tmp_path / "photos"
    for name in ("a", "b"):
        pixels = np.random.default_rng(ord(name)).random((3, 20, 26)).astype(np.float32)
        write_image(place / f"{name}.png", pixels)
    return place


class Smooth(nn.Module):
    """A network that averages neighbours, more for more noise; with a layer that differs in training."""

    def __init__(self):
        super().__init__()
        self.conv, self.drop = nn.Conv2d(1, 1, 3, padding=1, bias=False), nn.Dropout(0.5)
        self.drop.eval()
        nn.init.constant_(self.conv.weight, 1 / 9)

    def forward(self, x, sigma):
        assert not torch.is_grad_enabled()
        assert not self.training
        return self.drop(torch.lerp(x, self.conv(x), min(1.0, 10 * sigma)))


def test_a_network_gets_the_images_of_the_tables(folder):
    network = Smooth()
    rows = groupsc.evaluate(network, folder, sigma=15, progress=False, repetitions=2)
    clean = read_image(folder / "b.png", channels=1)
    noisy = add_noise(torch.from_numpy(clean), 15, noise_generator("photos", "b.png", 15.0, 1))
    with torch.no_grad():
        weight = 150 / 255
        expected = psnr(((1 - weight) * noisy + weight * network.conv(noisy[None])[0]).numpy(), clean)
    row = rows.query("image == 'b.png' and repetition == 1").iloc[0]
    assert row["psnr"] == pytest.approx(expected, abs=1e-3)
    assert (row["method"], row["experiment"], row["parameters"]) == ("smooth", "gray-smooth-sigma15", 9)
    assert row["weights_sha256"] == identity(network)
    assert "thread" in row["device"]
    assert (network.training, network.conv.training, network.drop.training) == (True, True, False)


def scaled(x, factor):
    return factor * x


def closure(factor):
    def changed(x):
        return factor * x

    return changed


class Scale(nn.Module):
    def __init__(self, factor):
        super().__init__()
        self.factor = factor

    def forward(self, x):
        return self.factor * x


class HiddenScale(Scale):
    def __init__(self, factor):
        super().__init__(1.0)
        self.register_buffer("_hidden", torch.tensor(factor), persistent=False)
        self._factor = np.float32(factor)

    def forward(self, x):
        return self._factor * x


@pytest.mark.parametrize(
    "method",
    [closure, Scale, HiddenScale, lambda factor: partial(scaled, factor=np.float32(factor))],
    ids=["closure", "module", "private attribute", "partial"],
)
def test_results_of_a_changed_method_are_not_reused(folder, tmp_path, method):
    options = {"sigma": 25, "name": "mine", "progress": False, "output": tmp_path / "rows.csv"}
    first, again, other = (groupsc.evaluate(method(factor), folder, **options) for factor in (1.0, 1.0, 0.5))
    assert first.equals(again)  # Also the seconds.
    assert (other["psnr"] < first["psnr"] - 3).all()


def test_results_of_code_without_a_file_are_not_reused():
    space = {}
    exec("def typed(x): return x", space)
    assert identity(space["typed"]) != identity(space["typed"])
    assert identity(closure(1)) == identity(closure(1)) != identity(closure(2))


@pytest.mark.parametrize(
    "values",
    [
        (torch.float32, torch.float64), (Path("a"), Path("b")), ({1, 2}, {1, 3}), (range(3), range(4)),
        (torch.ones(2, dtype=torch.bfloat16), torch.zeros(2, dtype=torch.bfloat16)), (np.int64(1), np.int64(2)),
    ],
)  # fmt: skip
def test_values_of_all_kinds_are_told_apart(values):
    one, other = (identity(partial(scaled, factor=value)) for value in values)
    assert one != other
    assert one == identity(partial(scaled, factor=values[0]))


def test_arguments_are_given_by_their_names():
    seen = {}

    def method(x, level=None, sigma=None, mask=None):
        seen.update(level=level, sigma=sigma, mask=mask)
        return x[0].numpy()

    image = np.zeros((3, 4, 6), np.float32)
    OwnMethod(method).restore(image, "color", 51.0)
    assert (seen["level"], seen["sigma"], seen["mask"]) == (51.0, 0.2, None)
    OwnMethod(method).restore(image, "jpeg", 10)
    assert (seen["level"], seen["sigma"]) == (10, None)
    OwnMethod(method).restore(image, "mosaic", None)
    assert torch.equal(seen["mask"][0], bayer_mask(4, 6))
    assert OwnMethod(lambda x, full_output=False: x).restore(image, "color", 5).shape == image.shape


def test_a_loaded_model_is_measured_as_its_file_is(folder, tmp_path):
    from groupsc.config.definitions import ModelConfig
    from groupsc.weights.files import save_weights

    coder = SparseCoder(ModelConfig(patch_size=3, n_atoms=8, n_iterations=2, penalty="l1"))
    save_weights(tmp_path / "w.safetensors", coder, {"name": "small", "task": "gray", "method": "sc", "level": 25.0})
    columns = ["experiment", "image", "psnr", "parameters"]
    results = [
        groupsc.evaluate(what, folder, progress=False, **options)[columns]
        for what in (tmp_path / "w.safetensors", groupsc.load(tmp_path / "w.safetensors", device="cpu"))
        for options in ({}, {"sigma": 20})
    ]
    assert results[0].equals(results[2])
    assert results[1].equals(results[3])
    assert set(results[1]["experiment"]) == {"gray-sc-trained25-sigma20"}


def full(x):
    raise RuntimeError("[enforce fail at alloc_cpu.cpp] DefaultCPUAllocator: can't allocate memory")


@pytest.mark.parametrize(
    ("function", "options", "error", "words"),
    [
        (lambda x: x[..., :5], {}, GroupSCError, r"a\.png can't be restored: mine returns the shape"),
        (full, {}, TooLittleMemoryError, r"a\.png can't be restored: the memory is too small for mine"),
        (
            lambda x: x * float("nan"),
            {},
            GroupSCError,
            "mine restores .*a.png to .* not finite; correct it",
        ),
        (lambda x: None, {}, GroupSCError, r"a\.png can't be restored: mine returns a NoneType"),
        (
            lambda x, a, b=1: x,
            {},
            GroupSCError,
            "mine needs a, but .*'gray' it gets the image and nothing else",
        ),
        (lambda x, sigma, *, a, **b: x, {}, GroupSCError, "mine needs a, but .* it gets the image and sigma"),
        (lambda x, sigma, /: x, {}, GroupSCError, "mine needs sigma, but"),
        (lambda x: x, {"name": "bm3d"}, GroupSCError, "there is another method 'bm3d'"),
        (lambda x: x, {"name": "groupsc"}, GroupSCError, "there is another method 'groupsc'"),
        (lambda x: x, {"level": 25}, GroupSCError, "sigma and level are one setting"),
    ],
)
def test_errors_name_method_and_file(folder, function, options, error, words):
    with pytest.raises(error, match=words):
        groupsc.evaluate(function, folder, sigma=25, progress=False, **{"name": "mine", **options})


def test_an_error_of_a_function_keeps_its_type_and_gets_the_name_of_the_file(folder):
    def broken(x):
        raise ValueError("my own error")

    with pytest.raises(ValueError, match="my own error") as caught:
        groupsc.evaluate(broken, folder, sigma=25, progress=False)
    assert caught.value.__notes__ == [f"broken was restoring {folder / 'a.png'}"]


def test_the_command_takes_a_function_of_a_file(folder, tmp_path):
    (tmp_path / "networks.py").write_text("def same(x):\n    return x\n")
    command = [sys.executable, "-m", "groupsc", "evaluate", "--dataset", str(folder), "--task", "gray", "--sigma", "25"]

    def run(*options):
        environment = {**os.environ, "PYTHONPATH": os.getcwd()}
        return subprocess.run(
            [*command, *options], cwd=tmp_path, capture_output=True, text=True, env=environment, check=False
        )

    found = run("--method", "networks:same", "--output", "rows.csv")
    assert found.returncode == 0, found.stderr
    assert found.stdout.startswith("photos: 20.")
    assert ",same," in (tmp_path / "rows.csv").read_text()
    assert "is no function" in run("--method", "os:path").stderr
    for method, sentence in [
        ("networks:other", "networks has no function other"),
        ("nets:same", "nets:same can't be imported"),
        ("./networks.py:same", "write MODULE:FUNCTION"),
        (".networks:same", "write MODULE:FUNCTION"),
    ]:
        missing = run("--method", method)
        assert missing.returncode == 2
        assert sentence in missing.stderr


def test_packages_add_methods_to_the_grid(monkeypatch):
    points = [
        importlib.metadata.EntryPoint("mine", "test_own:Smooth", "groupsc.methods"),
        importlib.metadata.EntryPoint("wiener", "scipy.signal:wiener", "groupsc.methods"),
    ]
    monkeypatch.setattr(baselines, "_entry_points", lambda: points)
    monkeypatch.syspath_prepend(os.path.dirname(__file__))
    found = baselines.methods()
    assert {"mine", "wiener", "bm3d"} <= set(found)
    assert found["mine"].number_of_parameters("gray") == 9
    points[:] = [importlib.metadata.EntryPoint("absent", "absent_package:x", "groupsc.methods")]
    assert {"absent", "bm3d"} <= set(baselines.methods())
    with pytest.raises(GroupSCError, match=r"'absent' = absent_package:x can't be loaded \(No module named"):
        groupsc.evaluate("absent", "Bundled", task="gray", sigma=25, images=1, progress=False)
    points[:] = [importlib.metadata.EntryPoint("pi", "math:pi", "groupsc.methods")]
    assert (
        baselines.methods()["pi"]
        .skip("gray", 25)
        .endswith(
            "is no function and no torch module; give one that restores an image); repair or uninstall its package"
        )
    )
    points[:] = [importlib.metadata.EntryPoint("tv", "absent_package:x", "groupsc.methods")]
    with pytest.raises(GroupSCError, match="has the name of another method"):
        baselines.methods()
