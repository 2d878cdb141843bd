"""PSNR and SSIM against their formulas, written out."""

from __future__ import annotations

import math

import numpy as np
import pytest
import skimage.metrics
import torch

from groupsc.benchmark.metrics import psnr, psnr_channels, ssim
from groupsc.utils.errors import GroupSCError

RNG = np.random.default_rng(0)


def pair(channels=3, height=24, width=31, noise=0.1):
    reference = np.cumsum(RNG.standard_normal((channels, height, width)), axis=2)
    reference = (reference - reference.min()) / np.ptp(reference)
    return (reference + noise * RNG.standard_normal(reference.shape)).clip(0, 1), reference


def naive_ssim(x, y):
    """Wang et al. 2004, window by window: 11×11 Gaussian weights of σ = 1.5, K₁ = 0.01, K₂ = 0.03, data range 1."""
    axis = np.exp(-(np.arange(-5, 6) ** 2) / (2 * 1.5**2))
    weights = np.outer(axis, axis) / axis.sum() ** 2
    c1, c2 = 0.01**2, 0.03**2
    values = []
    for row in range(x.shape[0] - 10):
        for column in range(x.shape[1] - 10):
            a, b = (image[row : row + 11, column : column + 11] for image in (x, y))
            mean_a, mean_b = (weights * a).sum(), (weights * b).sum()
            var_a, var_b = (weights * a**2).sum() - mean_a**2, (weights * b**2).sum() - mean_b**2
            covariance = (weights * a * b).sum() - mean_a * mean_b
            luminance = (2 * mean_a * mean_b + c1) / (mean_a**2 + mean_b**2 + c1)
            values.append(luminance * (2 * covariance + c2) / (var_a + var_b + c2))
    return np.mean(values)


def test_psnr_of_a_constant_error():
    reference = np.full((3, 12, 12), 0.5)
    for error in (0.1, 0.01, 1 / 255):
        for function in (psnr, psnr_channels):
            assert function(reference + error, reference) == pytest.approx(-20 * math.log10(error))


def test_psnr_is_joint_and_psnr_channels_a_mean():
    reference = np.full((3, 12, 12), 0.5)
    x = reference + np.array([0.1, 0.01, 0.001]).reshape(3, 1, 1)
    assert psnr(x, reference) == pytest.approx(-10 * math.log10((0.1**2 + 0.01**2 + 0.001**2) / 3))
    assert psnr_channels(x, reference) == pytest.approx((20 + 40 + 60) / 3)


def test_psnr_agrees_with_scikit_image():
    for channels in (1, 3):
        x, reference = pair(channels)
        expected = skimage.metrics.peak_signal_noise_ratio(reference, x, data_range=1)
        assert psnr(x, reference) == pytest.approx(expected, abs=1e-10)
        assert psnr(x.astype(np.float32), reference.astype(np.float32)) == pytest.approx(expected, abs=1e-4)
    x, reference = pair(1)
    assert psnr_channels(x, reference) == psnr(x, reference)


@pytest.mark.parametrize("function", [psnr, psnr_channels, ssim])
def test_the_restored_image_is_clipped(function):
    x, reference = pair(3, noise=0)
    x = x + 0.8 * RNG.standard_normal(x.shape)
    assert function(x, reference) == function(x.clip(0, 1), reference)
    white = np.ones((1, 16, 16))
    assert function(white + 3, white) == (1 if function is ssim else math.inf)


@pytest.mark.parametrize("function", [psnr, psnr_channels])
def test_no_border_is_cropped(function):
    reference = np.full((1, 40, 40), 0.3)
    for row, column in ((0, 0), (0, 39), (39, 20), (20, 0), (20, 20)):
        x = reference.copy()
        x[0, row, column] += 0.5
        assert function(x, reference) == pytest.approx(-10 * math.log10(0.5**2 / 1600))


def test_equal_images():
    _, reference = pair()
    assert psnr(reference, reference) == math.inf
    assert psnr_channels(reference, reference) == math.inf
    assert ssim(reference, reference) == pytest.approx(1)


def test_ssim_window_by_window():
    x, reference = pair(3)
    by_channel = [naive_ssim(*planes) for planes in zip(x, reference, strict=True)]
    assert ssim(x, reference) == pytest.approx(np.mean(by_channel), abs=1e-9)
    assert ssim(x[:1], reference[:1]) == pytest.approx(by_channel[0], abs=1e-9)
    assert ssim(x[:, :11, :11], reference[:, :11, :11]) == pytest.approx(
        np.mean([naive_ssim(*planes) for planes in zip(x[:, :11, :11], reference[:, :11, :11], strict=True)]), abs=1e-9
    )


def test_ssim_needs_its_window():
    with pytest.raises(GroupSCError, match="11×11"):
        ssim(np.zeros((1, 10, 40)), np.zeros((1, 10, 40)))


def test_tensors_are_taken_as_well():
    x, reference = pair()
    for function in (psnr, psnr_channels, ssim):
        assert function(torch.from_numpy(x), torch.from_numpy(reference)) == function(x, reference)
        assert isinstance(function(x, reference), float)


@pytest.mark.parametrize("function", [psnr, psnr_channels, ssim])
@pytest.mark.parametrize(
    "shapes", [((1, 16, 16), (3, 16, 16)), ((1, 16, 16), (1, 16, 17)), ((16, 16), (16, 16)), ((1, 1, 16, 16),) * 2]
)
def test_images_that_can_not_be_compared(function, shapes):
    x, reference = (np.zeros(shape) for shape in shapes)
    with pytest.raises(GroupSCError, match="can't be compared"):
        function(x, reference)


@pytest.mark.parametrize("function", [psnr, psnr_channels, ssim])
def test_references_of_another_range(function):
    for value in (255, -0.1, np.nan):
        with pytest.raises(GroupSCError, match="divide 8-bit images by 255"):
            function(np.zeros((1, 16, 16)), np.full((1, 16, 16), value))
    with pytest.raises(GroupSCError, match=r"values outside \[0, 1\]"):
        function(np.zeros((1, 0, 16)), np.zeros((1, 0, 16)))
