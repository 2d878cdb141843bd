"""σ per channel and place, with the DCT as the method for one σ."""

from __future__ import annotations

import numpy as np
import pytest
import skimage.data
import torch

from groupsc.inference.dct import dct_denoise
from groupsc.noise.maps import denoise_by_levels, levels, sigma_array
from groupsc.utils.errors import GroupSCError


def white(image, sigma):
    return dct_denoise(torch.from_numpy(image), sigma).numpy()


@pytest.mark.parametrize("kind", ["channels", "places"])
def test_a_map_is_better_than_any_one_level(kind):
    clean = skimage.data.chelsea()[100:196, 100:196].transpose(2, 0, 1) / 255
    if kind == "channels":
        sigma = sigma_array([4 / 255, 12 / 255, 36 / 255], clean.shape, 0)
    else:
        sigma = sigma_array(np.geomspace(4, 36, 96)[None] * np.ones((96, 1)) / 255, clean.shape, 0)
    noisy = clean + sigma * np.random.default_rng(0).standard_normal(clean.shape)

    def error(x):
        return np.log10(np.square(x - clean).mean((0, 1) if kind == "places" else (1, 2))).mean()

    mapped = error(denoise_by_levels(noisy, sigma, white)[0])
    assert all(mapped < error(white(noisy, one / 255)) - 0.05 for one in (4, 8, 12, 20, 36))


def test_one_level_costs_one_restoration_and_zero_changes_nothing():
    image = np.random.default_rng(0).random((3, 16, 16))
    assert len(levels(np.full((3, 1, 1), 7.0))) == 1
    assert len(levels(np.array([1.0, 1.9]))) == 2
    np.testing.assert_allclose(denoise_by_levels(image, np.full(image.shape, 0.1), white)[0], white(image, 0.1))
    half = np.zeros(image.shape)
    half[:, :, 8:] = 0.1
    np.testing.assert_array_equal(denoise_by_levels(image, half, white)[0][:, :, :8], image[:, :, :8])


@pytest.mark.parametrize(
    ("sigma", "axis", "hint"),
    [([1, 2], -1, "one per channel"), (np.ones((7, 9)), -1, "map of the shape"), ([1, -1, 1], -1, "negative"),
     ([0, 0, 0], -1, "all 0"), ([1, 1, np.nan], -1, "finite")],
)  # fmt: skip
def test_maps_that_do_not_fit_are_refused(sigma, axis, hint):
    with pytest.raises(GroupSCError, match=hint):
        sigma_array(sigma, (8, 9, 3), axis)
    assert sigma_array(np.ones((8, 9)), (8, 9, 3), axis).shape == (3, 8, 9)
    assert sigma_array(np.ones((8, 9, 3)), (8, 9, 3), axis).shape == (3, 8, 9)
