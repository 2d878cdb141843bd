"""Test `groupsc denoise` on small pictures with known truth that are unlike photographs with white noise."""

from __future__ import annotations

import numpy as np
import pytest
import tifffile
from PIL import Image


def read(path):
    return np.asarray(tifffile.imread(path) if path.suffix == ".tif" else Image.open(path), dtype=float)


def psnr(restored, clean):
    return 10 * np.log10(255**2 / np.mean((restored - clean) ** 2))


def rms_of_counts(restored, clean):
    return -np.sqrt(np.mean((restored - clean) ** 2))


@pytest.mark.slow
@pytest.mark.parametrize("method", ["sc", "groupsc"])
@pytest.mark.parametrize(
    ("name", "truth", "measure", "least", "words"),
    [
        ("red_on_blue_sigma5.png", "red_on_blue_clean.png", psnr, 36, "replaced by the guard"),
        ("micro_12bit_in_u16.tif", "micro_truth.tif", rms_of_counts, -8, "values from 0 to"),
        ("phone_photo.jpg", "phone_photo_clean.png", psnr, 32, "noise is correlated"),
        ("small48_sigma25.png", "small48_clean.png", psnr, 27, "estimated"),
    ],
)
def test_restored_as_well_as_by_other_methods(shared, groupsc, tmp_path, name, truth, measure, least, words, method):
    target = tmp_path / ("restored" + ".tif" * name.endswith(".tif") + ".png" * (not name.endswith(".tif")))
    ended = groupsc("denoise", shared / "cases" / name, target, "--method", method, cwd=tmp_path)
    assert ended.returncode == 0, ended.said
    assert words in ended.said
    assert measure(read(target), read(shared / "cases" / truth)) > least
