"""The development of linear mosaics, against the picture from which they were made."""

from __future__ import annotations

import numpy as np
import pytest
import skimage.data

import groupsc
from groupsc.noise.developing import decoded, encoded
from groupsc.utils.errors import GroupSCError

GAINS = np.array([2.0, 1.0, 1.6])
SLOPE, OFFSET = 5e-3, 1e-5


def picture():
    return skimage.data.astronaut()[60:156, 170:266] / 255


def sensor(noise):
    """A mosaic of 12 bits with a black level of 256, as a camera measures the picture."""
    linear = decoded(picture()) / GAINS
    mosaic = linear[..., 1].copy()
    mosaic[::2, ::2], mosaic[1::2, 1::2] = linear[::2, ::2, 0], linear[1::2, 1::2, 2]
    if noise:
        rng = np.random.default_rng(0)
        mosaic += np.sqrt(SLOPE * mosaic + OFFSET) * rng.standard_normal(mosaic.shape)
    return (256 + (4095 - 256) * mosaic).round().clip(0, 4095).astype(np.uint16)


def psnr(found):
    return -10 * np.log10(np.mean((found - picture()) ** 2))


LEVELS = {"black_level": 256, "white_level": 4095, "white_balance": tuple(GAINS), "method": "sc", "device": "cpu"}


def test_a_mosaic_without_noise():
    whole = groupsc.develop(sensor(False), "RGGB", denoised=False, **LEVELS)
    assert whole.dtype == np.float32
    assert psnr(whole) > 34
    naive = groupsc.demosaick(sensor(False), "RGGB", method="sc", device="cpu") / 4095
    assert psnr(whole) > psnr(naive) + 15
    linear = groupsc.develop(sensor(False), "RGGB", denoised=False, linear=True, **LEVELS)
    np.testing.assert_allclose(encoded(linear), whole, atol=1e-5)


@pytest.mark.parametrize("noise", [None, [(SLOPE, OFFSET)] * 3], ids=["estimated", "of the file"])
def test_noise_is_removed_before_the_colors_are_reconstructed(noise):
    found = groupsc.develop(sensor(True), "RGGB", noise=noise, **LEVELS)
    assert psnr(found) > psnr(groupsc.develop(sensor(True), "RGGB", denoised=False, **LEVELS)) + 1.5


def test_each_color_has_its_own_noise_profile():
    """Red has a hundred times the noise of green and blue; profiles in another order remove less noise or detail."""
    profiles = np.array([(2e-2, 1e-4), (2e-4, 1e-6), (2e-4, 1e-6)])
    clean = (sensor(False) - 256.0) / (4095 - 256)
    color = np.full(clean.shape, 1)
    color[::2, ::2], color[1::2, 1::2] = 0, 2
    variance = profiles[color, 0] * clean.clip(0) + profiles[color, 1]
    noisy = clean + np.sqrt(variance) * np.random.default_rng(0).standard_normal(clean.shape)

    def quality(order):
        balance = tuple(GAINS)
        found = groupsc.develop(
            noisy, white_level=1, white_balance=balance, noise=profiles[order], method="sc", device="cpu"
        )
        return psnr(found)

    assert quality([0, 1, 2]) > max(quality([1, 0, 2]), quality([2, 1, 0])) + 1


def test_the_matrix_multiplies_linear_colors():
    matrix = np.array([[0.7, 0.2, 0.1], [0.0, 0.9, 0.1], [0.05, 0.15, 0.8]])
    options = {**LEVELS, "denoised": False, "linear": True}
    plain = groupsc.develop(sensor(False), "RGGB", **options)
    found = groupsc.develop(sensor(False), "RGGB", matrix=matrix, **options)
    np.testing.assert_allclose(found, np.einsum("ij,hwj->hwi", matrix, plain), atol=1e-5)


def test_highlights_stay_neutral():
    """Beyond the saturation of green, red and blue are known to be larger, but the colour of the light is not."""
    mosaic = np.full((48, 48), 4095, np.uint16)
    gray = (256 + (4095 - 256) * 0.25 / GAINS).round()
    left = mosaic[:, :24]
    left[...] = gray[1]
    left[::2, ::2], left[1::2, 1::2] = gray[0], gray[2]
    found = groupsc.develop(mosaic, "RGGB", denoised=False, **LEVELS)
    np.testing.assert_allclose(found[8:-8, 32:-8], 1, atol=0.02)
    assert np.ptp(found, axis=-1)[8:-8, 8:-8].max() < 0.05


@pytest.mark.parametrize(
    ("options", "hint"),
    [
        ({"white_level": 100, "black_level": 256}, "the white level 100 is not above the black level 256"),
        ({"white_balance": (1, 0, 1)}, "three factors above 0"),
        ({"pattern": "RGB"}, "RGGB, BGGR"),
        ({"noise": [[0, 1e-4]] * 3}, "give S > 0 and O"),
        ({"noise": [1e-3, 1e-4]}, "give S > 0 and O"),
        ({"matrix": np.eye(4)}, "give 3×3 finite numbers"),
        ({"matrix": "x"}, "the matrix is 'x'; give numbers"),
        ({"white_balance": "x"}, "the white balance is 'x'; give numbers"),
        ({"white_level": "x"}, "not above the black level"),
        ({"mosaic": np.zeros((8, 8, 3))}, r"shape \(8, 8, 3\)"),
        ({"mosaic": np.zeros(8)}, r"give \(H, W\)"),
        ({"mosaic": np.ones((8, 8), bool)}, "the type bool"),
    ],
)
def test_levels_that_can_not_be_right(options, hint):
    with pytest.raises(GroupSCError, match=hint):
        groupsc.develop(**{"mosaic": sensor(False), **options})
