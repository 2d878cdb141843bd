"""Ranges of values, and noise levels that don't fit them."""

from __future__ import annotations

import warnings

import numpy as np
import pytest

import groupsc
from groupsc.inference.units import check_sigma, rounding_noise, value_range
from groupsc.utils.errors import GroupSCError, GroupSCWarning


@pytest.mark.parametrize(
    ("values", "dtype", "sigma", "low", "high", "guessed"),
    [
        ((3, 40), np.uint8, 5, 0, 255, False),
        ((3, 255), np.uint16, 5, 0, 255, True),
        ((3, 256), np.uint16, 5, 0, 1023, True),
        ((3, 4000), np.uint16, 5, 0, 4095, True),
        ((3, 60000), np.uint16, 5, 0, 65535, False),
        ((3, 20000), np.int16, 5, 0, 32767, False),
        ((-1024, 3000), np.int16, 5, -1024, 3000, True),
        ((3, 10**6), np.uint32, 5, 0, 2**20 - 1, True),
        ((3, 10**6), np.int64, 5, 0, 2**20 - 1, True),
        ((3, 2**32 - 1), np.uint32, 5, 0, 2**32 - 1, False),
        ((0, 0.001), np.float32, 0, 0, 1, False),
        ((-0.4, 1.3), np.float32, 0.1, 0, 1, False),
        ((-0.5, 0.25), np.float32, 0.02, -0.5, 0.25, True),
        ((0, 200), np.float64, 25, 0, 200, True),
        ((7, 7), np.float64, 0.1, 7, 8, True),
    ],
)
def test_the_range_of_an_image(values, dtype, sigma, low, high, guessed):
    found = value_range(np.array(values, dtype), sigma)
    assert (found.low, found.high, found.guessed) == pytest.approx((low, high, guessed))


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16, np.float32])
@pytest.mark.parametrize("sigma", [-1, float("nan"), float("inf"), True, None, "25", 1e6])
def test_noise_levels_that_do_not_fit(dtype, sigma):
    with pytest.raises(GroupSCError, match="give"):
        check_sigma(sigma, np.array([0, 1], dtype))


@pytest.mark.parametrize(
    ("values", "dtype", "sigma", "question"),
    [
        ((0, 255), np.uint8, 0.1, "did you mean 25.5"),
        ((0, 65535), np.uint16, 0.1, "did you mean 6554"),
        ((0, 1), np.float32, 25, "did you mean 25/255"),
        ((-0.2, 1.1), np.float32, 25, "did you mean 25/255"),
        ((-4, 4), np.float32, 25, r"did you mean 25/255\*8"),
        ((0, 255), np.uint8, 0.5, None),
        ((0, 255), np.uint8, 0, None),
        ((0, 4095), np.uint16, 3000, None),
        ((-20, 300), np.float32, 25, None),
    ],
)
def test_noise_levels_in_other_units_are_questioned(values, dtype, sigma, question):
    """An error for floats, a warning for integers, whose noise can be that low."""
    image = np.array(values, dtype)
    with warnings.catch_warnings():
        warnings.simplefilter("error", GroupSCWarning)
        if question is None:
            check_sigma(sigma, image)
            return
        with pytest.raises(GroupSCWarning if image.dtype.kind in "iu" else GroupSCError, match=question):
            check_sigma(sigma, image)


@pytest.mark.parametrize("side", [24, 48, 90, 160])
@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
def test_rounding_is_not_taken_for_noise(side, dtype):
    y, x = np.indices((side, side)) / 20
    estimates = []
    for seed in range(6):
        a, b, c = np.random.default_rng(seed).uniform(0.2, 1, 3)
        smooth = (a * np.sin(2 * x + c) + b * np.cos(3 * y + x)) / (a + b) * 100 + 120
        estimates.append(groupsc.estimate_noise(smooth.round().astype(dtype)))
    assert 0.2 < max(estimates) < rounding_noise(np.dtype(dtype))
