"""Correlated noise: recognised after resizing, demosaicking and compression, and not in white noise or texture."""

from __future__ import annotations

import io

import numpy as np
import pytest
import skimage.data
from PIL import Image
from scipy.ndimage import uniform_filter

from groupsc.noise.correlation import correlated_noise
from groupsc.noise.noise_level import estimate_noise
from groupsc.noise.sampling import LARGEST, sample


def photograph(name: str) -> np.ndarray:
    image = getattr(skimage.data, name)()[:320, :320] / 255
    return image[None] if image.ndim == 2 else image.transpose(2, 0, 1)


def with_noise(clean: np.ndarray, kind: str, sigma: float) -> np.ndarray:
    noise = np.random.default_rng(0).standard_normal(clean.shape)
    if kind == "smooth":
        noise = uniform_filter(noise, (0, 3, 3))
    if kind == "enlarged":
        size = clean.shape[:0:-1]
        small = noise[:, ::2, ::2].astype(np.float32)
        noise = np.stack([np.asarray(Image.fromarray(c).resize(size, Image.BICUBIC)) for c in small])
    noisy = clean + sigma / 255 * noise / noise.std()
    if kind == "jpeg":
        buffer = io.BytesIO()
        pixels = np.round(255 * noisy.clip(0, 1)).astype(np.uint8)
        Image.fromarray(pixels.transpose(1, 2, 0).squeeze()).save(buffer, "JPEG", quality=80)
        noisy = np.atleast_3d(np.asarray(Image.open(buffer))).transpose(2, 0, 1) / 255
    return noisy


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        (name, kind)
        for name, kinds in (
            ("chelsea", "white smooth enlarged jpeg"),
            ("coffee", "white jpeg"),
            ("camera", "white smooth"),
        )
        for kind in kinds.split()
    ],
)
def test_correlated_and_white_noise_are_distinguished(name, kind):
    noisy = with_noise(photograph(name), kind, 10)
    found = correlated_noise(noisy, estimate_noise(noisy) / 255)
    if kind == "white":
        assert found is None
        return
    assert found is not None
    assert 0.5 < 255 * found.sigma / 10 < 3
    assert (found.half is not None) == (kind == "enlarged")


@pytest.mark.parametrize("name", ["chelsea", "camera", "brick", "grass", "gravel", "rocket"])
def test_texture_is_no_noise(name):
    clean = photograph(name)
    found = correlated_noise(clean, estimate_noise(clean) / 255)
    assert found is None or 255 * found.sigma < 2


def test_a_sample_covers_a_large_image_without_its_invisible_parts():
    height, width = 2000, 1500
    image = np.stack([np.indices((height, width))[0], np.indices((height, width))[1]]).astype(float)
    where = np.ones((height, width), bool)
    where[:, 700:] = False
    part, counted = sample(image, where)
    assert counted.sum() <= LARGEST
    rows, columns = part[:, counted]
    assert columns.max() < 768
    assert np.ptp(rows) > 0.9 * height
    # A pair of counted neighbours was a pair of neighbours.
    pairs = counted[:, 1:] & counted[:, :-1]
    assert (np.diff(part[1])[pairs] == 1).all()
    assert sample(image[:, :100], where[:100])[0].shape == (2, 100, width)
    large = np.tile(photograph("camera"), (1, 5, 5))
    noisy = large + 10 / 255 * np.random.default_rng(0).standard_normal(large.shape)
    assert 255 * estimate_noise(noisy) == pytest.approx(10, rel=0.1)
