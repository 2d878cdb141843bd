"""The fit of variance against mean, on photographs with known gain."""

from __future__ import annotations

import numpy as np
import pytest
import skimage.data

from groupsc.noise.affine_variance import (
    LOWEST,
    LOWEST_QUANTILE,
    MEAN_BELOW,
    MOST_VARIANCE,
    block_moments,
    fit_variance,
)
from groupsc.noise.photon_noise import photon_parameters
from groupsc.utils.errors import GroupSCError


@pytest.mark.parametrize("name", ["camera", "coins", "page"])
@pytest.mark.parametrize(("peak", "gain", "offset", "read_noise"), [(50, 1, 0, 0), (500, 0.1, 5, 0.3), (30, 8, 64, 4)])
def test_gain_of_photographs(name, peak, gain, offset, read_noise):
    rng = np.random.default_rng(0)
    photons = getattr(skimage.data, name)() / 255 * peak
    noisy = gain * rng.poisson(photons) + rng.normal(offset, read_noise, photons.shape)
    found, intercept = fit_variance(noisy)
    mean = gain * photons.mean() + offset
    truth = gain * photons.mean() * gain + read_noise**2
    assert found == pytest.approx(gain, rel=0.2)
    assert found * mean + intercept == pytest.approx(truth, rel=0.25)
    known, _ = fit_variance(noisy, offset, read_noise)
    assert known == pytest.approx(gain, rel=0.2)


@pytest.mark.parametrize("share", [0.05, 0.1, 0.5, 0.9])
@pytest.mark.parametrize("counted", [False, True])
def test_a_black_part_and_pixels_that_do_not_count_have_no_influence(share, counted):
    """A part without light has no noise; pixels that do not count can have any values."""
    rng = np.random.default_rng(0)
    noisy = 3.0 * rng.poisson(np.tile(np.linspace(5, 60, 256)[:, None], (1, 256)))
    dark = np.zeros(noisy.shape, bool)
    dark[:, : round(share * 256)] = True
    where = None
    if counted:
        noisy[dark], where = rng.normal(100, 200, dark.sum()), ~dark
    else:
        noisy[dark] = 0
    gain, _ = fit_variance(noisy, where=where)
    assert gain == pytest.approx(3, rel=0.15)


def test_constants_are_those_of_white_noise():
    variances = block_moments(np.random.default_rng(0).standard_normal((2000, 2000)))[1]
    assert np.quantile(variances, LOWEST) == pytest.approx(LOWEST_QUANTILE, abs=0.01)
    assert (variances > MOST_VARIANCE).mean() == pytest.approx(0.025, abs=0.01)
    assert variances[variances <= MOST_VARIANCE].mean() == pytest.approx(MEAN_BELOW, abs=0.005)


def test_what_is_given_is_used_and_what_is_impossible_is_said():
    image = np.zeros((3, 20, 20))
    gain, intercept = photon_parameters(image, gain=[1, 2, 4], offset=2.0)
    assert gain.ravel().tolist() == [1, 2, 4]
    assert intercept.ravel().tolist() == [-2, -4, -8]
    white = np.random.default_rng(0).normal(np.linspace(200, 1, 64), np.linspace(1, 20, 64), (3, 64, 64))
    for picture, options, hint in (
        (image, {"gain": 0}, "above 0"),
        (image, {"gain": [1, 2]}, "one per channel"),
        (image, {"gain": "a"}, "above 0"),
        (image, {"read_noise": -1}, "at least 0"),
        (image, {"read_noise": np.inf}, "at least 0"),
        (image, {"offset": np.nan}, "without light"),
        (image, {"offset": [1, 2, 3]}, "without light"),
        (white, {"gain": 2, "offset": 300}, "offset is 300, but the values of the image range from"),
        (white, {}, "does not increase"),
        (image[:, :4], {}, "too small"),
        (image, {}, "too few blocks with noise"),
    ):
        with pytest.raises(GroupSCError, match=hint):
            photon_parameters(picture, **options)
