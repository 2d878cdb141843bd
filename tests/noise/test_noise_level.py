"""The noise estimator: on photographs with known noise, its properties, and its definition written in loops."""

from __future__ import annotations

import numpy as np
import pytest
import skimage.data
from scipy.signal import convolve2d
from scipy.stats import gamma

from groupsc.inference.units import ValueRange
from groupsc.noise.noise_level import FLAT_TEXTURE, PATCH, _texture, estimate_noise, noise_and_range
from groupsc.utils.errors import GroupSCError, GroupSCWarning


def noisy(clean, sigma: float, seed: int = 0) -> np.ndarray:
    return clean + sigma / 255 * np.random.default_rng(seed).standard_normal(clean.shape)


@pytest.mark.parametrize("sigma", [2, 5, 15, 25, 50])
@pytest.mark.parametrize("name", ["camera", "coins", "astronaut", "chelsea"])
def test_noise_of_photographs(name, sigma):
    image = getattr(skimage.data, name)() / 255
    image = image[None] if image.ndim == 2 else image.transpose(2, 0, 1)
    assert 255 * estimate_noise(noisy(image, sigma)) == pytest.approx(sigma, abs=0.7 + 0.02 * sigma)


def test_noise_alone_is_known_to_five_percent():
    assert 255 * estimate_noise(noisy(np.full((1, 256, 256), 0.5), 20)) == pytest.approx(20, rel=0.05)


def test_a_flat_image_has_no_noise():
    assert estimate_noise(np.full((3, 40, 40), 0.25)) == pytest.approx(0, abs=1e-6)


def test_estimate_scales_turns_and_ignores_the_order_of_channels():
    image = noisy(skimage.data.chelsea().transpose(2, 0, 1) / 255, 15)
    sigma = estimate_noise(image)
    assert estimate_noise(0.5 * image) == pytest.approx(0.5 * sigma, rel=1e-6)
    assert estimate_noise(image.transpose(0, 2, 1)) == pytest.approx(sigma, rel=1e-6)
    assert estimate_noise(image[::-1, ::-1, ::-1]) == pytest.approx(sigma, rel=1e-6)
    each = [estimate_noise(channel) for channel in image]
    assert sigma == pytest.approx(np.sqrt(np.mean(np.square(each))), rel=1e-6)


def test_texture_is_the_sum_of_squared_differences_inside_a_patch():
    image = np.random.default_rng(0).random((11, 13))
    found = _texture(image)
    assert found.shape == (5, 7)
    for row in range(5):
        for column in range(7):
            patch = image[row : row + PATCH, column : column + PATCH]
            across = sum(((patch[i, j + 1] - patch[i, j - 1]) / 2) ** 2 for i in range(7) for j in range(1, 6))
            down = sum(((patch[i + 1, j] - patch[i - 1, j]) / 2) ** 2 for i in range(1, 6) for j in range(7))
            assert found[row, column] == pytest.approx(across + down)


def test_the_limit_of_texture_is_a_quantile_of_the_gamma_distribution():
    kernel = np.array([[-0.5, 0, 0.5]])
    units = np.eye(PATCH**2).reshape(-1, PATCH, PATCH)
    rows = [[convolve2d(unit, k, mode="valid").ravel() for k in (kernel, kernel.T)] for unit in units]
    differences = np.array([np.concatenate(row) for row in rows])
    form = differences @ differences.T
    rank, trace = np.linalg.matrix_rank(form), np.trace(form)
    assert gamma.ppf(1 - 1e-6, rank / 2, scale=2 * trace / rank) == pytest.approx(FLAT_TEXTURE, rel=1e-12)


def test_noise_alone_almost_never_counts_as_texture():
    noise = np.random.default_rng(1).standard_normal((400, 400))
    texture = _texture(noise)
    assert (texture > FLAT_TEXTURE).mean() < 1e-3
    assert (texture > 0.5 * FLAT_TEXTURE).mean() > 0.01


@pytest.mark.parametrize(
    ("image", "hint"),
    [
        (np.zeros((1, 10, 200)), None),
        (np.zeros((1, 6, 200)), "too small"),
        (np.zeros((1, 12, 12)), "give the level"),
        (np.zeros((40, 40), dtype=bool), "give integers or floats"),
        (np.zeros((2, 1, 40, 40)), r"\(c, H, W\)"),
    ],
)
def test_what_cannot_be_estimated_is_said(image, hint):
    if hint is None:
        assert estimate_noise(image) == 0
        return
    with pytest.raises(GroupSCError, match=hint):
        estimate_noise(image)


@pytest.mark.parametrize(("dtype", "highest"), [(np.uint8, 255), (np.uint16, 4095), (np.uint16, 65535)])
def test_integers_are_estimated_in_their_own_units(dtype, highest):
    """Clipped values are left out at the highest value of the range, not of the type."""
    bright = noisy(1.8 * skimage.data.chelsea().transpose(2, 0, 1) / 255, 20).clip(0, 1)
    counts = np.round(highest * bright).astype(dtype)
    assert estimate_noise(counts) == pytest.approx(highest * estimate_noise(bright), rel=0.02)


@pytest.mark.parametrize("sigma", [5, 25])
def test_clipping_and_frames_hide_no_noise(sigma):
    """As 8-bit files hold it, and as scans and screenshots frame it."""
    image = noisy(skimage.data.chelsea().transpose(2, 0, 1) / 255, sigma).clip(0, 1)
    image = np.round(255 * image) / 255
    expected = pytest.approx(sigma / 255, rel=0.04)
    assert estimate_noise(image) == expected
    for shade in (0, 0.5, 1):
        assert estimate_noise(np.pad(image, ((0, 0), (70, 40), (0, 90)), constant_values=shade)) == expected
    bright = noisy(1.8 * skimage.data.chelsea().transpose(2, 0, 1) / 255, sigma).clip(0, 1)
    assert (bright == 1).mean() > 0.2
    assert estimate_noise(bright) == pytest.approx(sigma / 255, rel=0.2)


def test_pixels_that_do_not_count_are_ignored():
    image = noisy(skimage.data.camera()[None] / 255, 10)
    where = np.ones(image.shape[1:], bool)
    where[:, 300:] = False
    half = estimate_noise(image[:, :, :300])
    image[:, :, 300:] = noisy(np.full((1, 512, 212), 0.5), 60, seed=1)
    assert estimate_noise(image, where) == pytest.approx(half, rel=1e-9)


@pytest.mark.parametrize("fill", [0.0, 0.5, 1.0])
def test_little_of_a_large_canvas_is_enough(fill):
    """Two pictures in the corners of a transparent canvas, of which they take a twentieth."""
    image = np.full((1, 640, 640), fill)
    where = np.zeros(image.shape[1:], bool)
    for corner in (slice(0, 100), slice(540, 640)):
        where[corner, corner] = True
        part = image[:, corner, corner] = noisy(skimage.data.camera()[None, :100, :100] / 255, 15)
    assert estimate_noise(image, where) == pytest.approx(estimate_noise(part), rel=0.02)


@pytest.mark.parametrize("shade", [0.3, 1.0])
def test_drawings_have_no_noise(shade):
    image = np.full((1, 120, 150), shade)
    image[:, 20:60, 30:90] = 0.7
    image[:, 80:84, ::7] = 0
    assert estimate_noise(image) == pytest.approx(0, abs=4e-5)


def test_strips_make_no_difference(monkeypatch):
    image = noisy(skimage.data.camera()[None, :100] / 255, 10)
    whole = estimate_noise(image)
    monkeypatch.setattr("groupsc.noise.noise_level.STRIP", 600)
    assert estimate_noise(image) == pytest.approx(whole, rel=1e-9)


@pytest.mark.parametrize("estimate", [0.0, 0.3])
def test_an_estimate_that_was_made_before_is_not_questioned(recwarn, estimate):
    image = np.random.default_rng(0).integers(0, 256, (1, 40, 40), dtype=np.uint8)
    assert noise_and_range(image, estimate=estimate) == (estimate, ValueRange(0.0, 255.0, guessed=False))
    assert not recwarn.list
    with pytest.warns(GroupSCWarning, match="did you mean 76.5"):
        noise_and_range(image, 0.3)
