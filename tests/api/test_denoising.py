"""`groupsc.denoise`: noise levels, types, units and channels."""

from __future__ import annotations

import numpy as np
import pytest
import skimage.data
import tifffile
from photographs_of_skimage import noisy_camera, psnr

import groupsc
from groupsc.api import denoise_with_facts
from groupsc.data.stress_set import stress_pictures
from groupsc.utils.errors import GroupSCWarning


@pytest.mark.parametrize("sigma", [25 / 255, None])
@pytest.mark.parametrize("method", ["sc", "groupsc"])
def test_released_models_denoise_a_photograph(method, sigma):
    clean, noisy = (image[:80, :80] for image in noisy_camera())
    restored = groupsc.denoise(noisy, sigma, method=method, device="cpu")
    assert restored.shape == noisy.shape
    assert psnr(restored, clean) > psnr(noisy.clip(0, 1), clean) + 7


@pytest.mark.parametrize("sigma", [15, 40])
def test_levels_between_the_trained_ones_are_denoised_as_well(sigma):
    clean, noisy = noisy_camera(sigma)
    restored = groupsc.denoise(noisy, sigma / 255, method="sc", weights="gray-sc-sigma25", device="cpu")
    as_trained = groupsc.denoise(noisy, 25 / 255, method="sc", weights="gray-sc-sigma25", device="cpu")
    assert psnr(restored, clean) > psnr(as_trained, clean) + 0.5


@pytest.mark.parametrize("kind", ["one", "channels", "map"])
def test_strength_multiplies_sigma(kind):
    noisy = skimage.data.chelsea()[100:140, 100:140] / 255
    noisy = noisy + 20 / 255 * np.random.default_rng(0).standard_normal(noisy.shape)
    sigma = {"one": 20 / 255, "channels": np.array([10, 20, 25]) / 255, "map": np.full((40, 40), 20 / 255)}[kind]
    options = {"method": "sc", "channel_axis": -1, "device": "cpu"}
    strong = groupsc.denoise(noisy, sigma, strength=1.5, **options)
    np.testing.assert_allclose(strong, groupsc.denoise(noisy, 1.5 * sigma, **options), rtol=0, atol=1e-5)
    assert np.abs(strong - groupsc.denoise(noisy, sigma, **options)).max() > 0.01


def test_strength_multiplies_an_estimated_sigma():
    _, noisy = (image[:80, :80] for image in noisy_camera())
    restored, facts = denoise_with_facts(noisy, method="sc", device="cpu")
    strong, more = denoise_with_facts(noisy, method="sc", strength=1.5, device="cpu")
    assert more["sigma"] == pytest.approx(1.5 * facts["sigma"])
    expected = groupsc.denoise(noisy, 1.5 * facts["sigma"], method="sc", device="cpu")
    np.testing.assert_allclose(strong, expected, rtol=0, atol=1e-3)
    assert np.abs(strong - restored).max() > 0.01


@pytest.mark.parametrize("sigma", [5, 10, 80])
def test_the_default_improves_photographs_of_little_and_of_much_noise(sigma):
    clean, noisy = noisy_camera(sigma)
    assert psnr(groupsc.denoise(noisy, sigma / 255, device="cpu"), clean) > psnr(noisy, clean)


def test_the_guard_is_not_counted_where_no_noise_is_removed():
    clean = skimage.data.camera()[100:164, 200:264] / 255
    sigma = np.where(np.arange(64)[:, None] < 32, 0, 25 / 255) * np.ones((64, 64))
    noisy = clean + sigma * np.random.default_rng(0).standard_normal(clean.shape)
    restored, facts = denoise_with_facts(noisy, sigma, method="sc", device="cpu")
    assert facts["share"] < 0.1
    np.testing.assert_allclose(restored[:24], noisy[:24], atol=1e-9)


def test_blank_pages_of_a_stack_stay_as_they_are(weights):
    noise = 20 * np.random.default_rng(0).standard_normal((64, 64))
    stack = np.stack([np.zeros((64, 64)), 500 + noise, np.full((64, 64), 7)]).astype(np.float32)
    restored = groupsc.denoise(stack, 20, weights=weights["gray"])
    np.testing.assert_array_equal(restored[[0, 2]], stack[[0, 2]])
    assert restored[1].std() < 15


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16, np.float16, np.float32, np.float64])
def test_what_comes_back_has_the_type_that_was_given(weights, dtype):
    _, noisy = noisy_camera()
    highest = 1 if np.dtype(dtype).kind == "f" else np.iinfo(dtype).max
    given = (noisy.clip(0, 1) * highest).round(0 if highest > 1 else 6).astype(dtype)
    restored = groupsc.denoise(given, 25 / 255 * highest, weights=weights["gray"], device="cpu")
    assert restored.dtype == dtype
    expected = groupsc.denoise(given.astype(np.float64) / highest, 25 / 255, weights=weights["gray"], device="cpu")
    assert np.abs(restored.astype(np.float64) / highest - expected).max() < max(0.51 / highest, 0.004)


@pytest.mark.parametrize(
    ("dtype", "factor", "offset"),
    [
        (np.float32, 2, -1),
        (np.float64, 1000, -300),
        (np.float32, 1e-4, 0),
        (np.uint16, 3000, 1500),
        (np.int32, 5e4, -7e3),
    ],
)
def test_the_units_of_an_image_do_not_matter(weights, dtype, factor, offset):
    noisy = noisy_camera()[1]
    expected = groupsc.denoise(noisy, 25 / 255, weights=weights["gray"], device="cpu")
    other = factor * noisy + offset
    given = (other if np.dtype(dtype).kind == "f" else other.round()).astype(dtype)
    restored = groupsc.denoise(given, 25 / 255 * factor, weights=weights["gray"], device="cpu")
    np.testing.assert_allclose((restored.astype(float) - offset) / factor, expected, rtol=0, atol=3e-3)
    assert groupsc.estimate_noise(given) == pytest.approx(factor * groupsc.estimate_noise(noisy), rel=1e-2)


@pytest.mark.parametrize("sigma", [None, 30])
def test_counts_of_12_bits_in_16_are_restored(shared, sigma):
    """`sigma` in counts, given or estimated. Noise alone has a root-mean-square of 29.7."""
    noisy, clean = (tifffile.imread(shared / f"cases/micro_{name}.tif") for name in ("12bit_in_u16", "truth"))
    restored = groupsc.denoise(noisy, sigma, method="sc", device="cpu")
    assert np.sqrt(np.mean((restored - clean.astype(float)) ** 2)) < 8


@pytest.mark.parametrize(("factor", "sigma"), [(1, 3e-4), (1, None), (0.01, 3e-4), (6e4, 20), (6e4, None)])
def test_noise_far_below_the_range_is_removed(factor, sigma):
    """A field of stars, in [0, 1], dark, and in counts of 16 bits with noise of 20 counts."""
    clean = factor * stress_pictures(1, side=96)["stars"][0].double().numpy()
    noise = sigma or 3e-4 * factor
    noisy = clean + noise * np.random.default_rng(0).standard_normal(clean.shape)
    noisy = noisy.round().astype(np.uint16) if factor > 1 else noisy
    restored = groupsc.denoise(noisy, sigma, method="sc", device="cpu")
    assert np.sqrt(np.mean((restored - clean) ** 2)) < 0.6 * noise


@pytest.mark.parametrize(("factor", "dtype"), [(300, np.int64), (1e-11, np.float64), (1e-11, np.float32)])
@pytest.mark.parametrize("guard", [False, True])
def test_large_integers_and_tiny_floats_are_restored_like_others(factor, dtype, guard):
    clean = factor * skimage.data.camera()[100:148, 200:248].astype(float)
    sigma = 25 * factor
    noisy = (clean + 100 * factor + np.random.default_rng(0).normal(0, sigma, clean.shape)).astype(dtype)
    restored = groupsc.denoise(noisy, sigma, method="sc", device="cpu", guard=guard)
    assert np.sqrt(np.mean((restored - clean - 100 * factor) ** 2)) < 0.6 * sigma


def test_without_noise_nothing_changes(weights):
    image = skimage.data.camera()[120:160, 200:240]
    np.testing.assert_array_equal(groupsc.denoise(image, 0, weights=weights["gray"]), image)


def test_a_level_for_floats_on_integers_is_questioned(weights):
    image = skimage.data.camera()[120:160, 200:240]
    with pytest.warns(GroupSCWarning, match=r"did you mean 25\?"):
        groupsc.denoise(image, 25 / 255, weights=weights["gray"])


@pytest.mark.parametrize("axis", [0, 1, 2, -1])
def test_channels_lie_where_they_are_said_to(weights, axis):
    image = skimage.data.astronaut()[100:140, 100:150] / 255
    expected = groupsc.denoise(image, 0.1, weights=weights["color"], channel_axis=-1, device="cpu")
    moved = groupsc.denoise(
        np.moveaxis(image, -1, axis), 0.1, weights=weights["color"], channel_axis=axis, device="cpu"
    )
    np.testing.assert_array_equal(np.moveaxis(moved, axis, -1), expected)


@pytest.mark.parametrize("axis", [0, -1])
def test_three_equal_channels_are_the_gray_image(axis):
    noisy, _ = noisy_camera()
    gray = groupsc.denoise(noisy[:48, :40], 0.1)
    colored = groupsc.denoise(np.stack([noisy[:48, :40]] * 3, axis), 0.1, channel_axis=axis)
    np.testing.assert_array_equal(colored, np.stack([gray] * 3, axis))
