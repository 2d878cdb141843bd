"""The plugin of napari, without a window: its manifest, and layers as napari passes them."""

from __future__ import annotations

import subprocess
import sys
import threading
import tomllib
from pathlib import Path

import numpy as np
import pytest

import groupsc
from groupsc.napari_plugin import denoise_layer, in_background
from groupsc.utils.errors import GroupSCError

ROOT = Path(__file__).resolve().parents[1]
RANDOM = np.random.default_rng(0)
ATTRIBUTES = {"name": "cells", "scale": (0.5, 0.25), "colormap": "green", "metadata": {"microscope": 3}}


def noisy(*shape, dtype=np.uint8):
    return RANDOM.normal(100, 20, shape).clip(0, 255).astype(dtype)


LAYERS = {
    "image": (noisy(24, 30), {}),
    "hyperstack of counts": (noisy(2, 1, 20, 24, dtype=np.uint16) * 16, {}),
    "floats": (noisy(24, 30, dtype=np.float64) / 255, {}),
    "colours": (noisy(24, 30, 3), {"rgb": True}),
    "stack of colours with transparency": (noisy(2, 20, 24, 4), {"rgb": True}),
    "scales": ([noisy(24, 30), noisy(12, 15)], {"multiscale": True}),
}
"""Kinds of layers: data and attributes."""


@pytest.mark.parametrize("kind", LAYERS)
def test_a_layer_is_restored_as_its_images_are(kind):
    data, attributes = LAYERS[kind]
    image = data[0] if "multiscale" in attributes else data
    axis = -1 if "rgb" in attributes else None
    sigma = 20 * float(image.max()) / 255
    shares = []
    restored, found, layer_type = denoise_layer(
        (data, ATTRIBUTES | attributes, "image"), sigma, "fast", device="cpu", advance=shares.append
    )
    colors = image[..., :3] if axis else image
    (weights,) = {name for facts in found["metadata"]["groupsc"] for name in facts["weights"]}
    # Which of them is faster depends on the machine.
    assert "-sc-" in weights or "-groupsc-fast-" in weights
    expected = groupsc.denoise(colors, sigma, weights=weights, channel_axis=axis, device="cpu")
    np.testing.assert_array_equal(restored[..., :3] if axis else restored, expected)
    np.testing.assert_array_equal(restored[..., 3:] if axis else 0, image[..., 3:] if axis else 0)
    assert (restored.dtype, restored.shape, layer_type) == (image.dtype, image.shape, "image")
    assert found.pop("name") == "cells denoised"
    images = int(np.prod(image.shape[: -3 if axis else -2]))
    assert len(found["metadata"].pop("groupsc")) == images
    assert found == {"scale": (0.5, 0.25), "colormap": "green", "metadata": {"microscope": 3}} | (
        {"rgb": True} if axis else {}
    )
    assert shares == sorted(shares)
    assert shares[0] == 0
    assert shares[-1] == pytest.approx(1)


def result(work, words):
    """Run a generator to its end, collect what it yields, and return its result."""
    while True:
        try:
            words.append(next(work))
        except StopIteration as end:
            return end.value


def test_work_in_the_background_reports_its_progress_and_can_be_stopped():
    layer = (noisy(3, 40, 44), {"name": "cells"}, "image")
    words = []
    _, found, _ = result(in_background(layer, None, "fast", threading.Event()), words)
    assert all("%" in word for word in words)
    assert found["metadata"]["groupsc"][2]["sigma"] == pytest.approx(20, rel=0.3)
    stop = threading.Event()
    stopped = in_background(layer, 20, "fast", stop)
    next(stopped)
    stop.set()
    assert result(stopped, []) is None
    with pytest.raises(GroupSCError, match="choose an image layer"):
        result(in_background((np.zeros((4, 4), int), {}, "labels"), 20, "fast", threading.Event()), [])


@pytest.mark.filterwarnings("ignore::DeprecationWarning")  # npe2 uses old names of pydantic.
def test_the_manifest_of_the_entry_point_is_valid():
    npe2 = pytest.importorskip("npe2", reason="needs the extra napari")
    pyproject = tomllib.loads((ROOT / "pyproject.toml").read_text())
    package, _, name = pyproject["project"]["entry-points"]["napari.manifest"]["groupsc"].partition(":")
    assert package in pyproject["tool"]["hatch"]["build"]["targets"]["wheel"]["packages"]
    manifest = npe2.PluginManifest.from_file(ROOT / package / name)
    manifest.validate_imports()
    commands = {command.id: command.python_name for command in manifest.contributions.commands}
    assert [commands[widget.command] for widget in manifest.contributions.widgets] == [
        "groupsc.napari_plugin:denoise_widget"
    ]


def test_the_plugin_is_imported_without_napari_and_torch():
    code = "import sys, groupsc.napari_plugin; print({'napari', 'magicgui', 'torch', 'numpy'} & set(sys.modules))"
    assert subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True).stdout == "set()\n"
