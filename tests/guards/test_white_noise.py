"""The DCT estimate against loops, and the guard: never below the noisy image, and nothing taken from photographs."""

from __future__ import annotations

import numpy as np
import pytest
import scipy.fft
import torch
from torch.nn import functional

import groupsc
from groupsc.api import denoise_with_facts
from groupsc.data.datasets import load_images
from groupsc.data.stress_set import stress_pictures
from groupsc.guards import white_noise as guards
from groupsc.guards.white_noise import guard, structure
from groupsc.inference.dct import SIDE, STRIDE, THRESHOLD, dct_denoise
from groupsc.io.images import read_image
from groupsc.utils.errors import GroupSCError

GRAY, COLOR = stress_pictures(1), stress_pictures(3)


def psnr(x, reference) -> float:
    return -10 * float(torch.log10((x - reference).square().mean()))


def noisy(clean, sigma, seed=0):
    return clean + sigma * torch.randn(clean.shape, generator=torch.Generator().manual_seed(seed), dtype=clean.dtype)


def with_means(gain):
    """Gains of a patch that keep the mean of each frequency across channels."""
    gain[:, 0, 0] = 1
    return gain


def naive_dct_denoise(image, sigma):
    """Both steps patch by patch, with the transform of scipy."""
    border = SIDE - 1
    padded = np.pad(image, ((0, 0), (border, border), (border, border)), mode="reflect")
    more = [-(length - SIDE) % STRIDE for length in padded.shape[1:]]
    padded = np.pad(padded, ((0, 0), (0, more[0]), (0, more[1])), mode="reflect")
    places = [
        (r, c)
        for r in range(0, padded.shape[1] - SIDE + 1, STRIDE)
        for c in range(0, padded.shape[2] - SIDE + 1, STRIDE)
    ]

    def averaged(gains, size):
        total, weights = np.zeros_like(padded), np.zeros_like(padded)
        for (r, c), gain in zip(places, gains, strict=True):
            here = (slice(None), slice(r, r + SIDE), slice(c, c + SIDE))
            weight = 1 / (gain**2).sum()
            total[here] += weight * scipy.fft.idctn(gain * scipy.fft.dctn(padded[here], norm="ortho"), norm="ortho")
            weights[here] += weight
        restored = (total / weights)[:, : size[0], : size[1]]
        return np.pad(
            restored, [(0, 0), *((0, n - m) for n, m in zip(padded.shape[1:], size, strict=True))], mode="reflect"
        )

    def coefficients(of):
        return [scipy.fft.dctn(of[:, r : r + SIDE, c : c + SIDE], norm="ortho") for r, c in places]

    size = [length + 2 * border for length in image.shape[1:]]
    thresholded = [np.float64(np.abs(C) > THRESHOLD * sigma) for C in coefficients(padded)]
    first = averaged([with_means(gain) for gain in thresholded], size)
    second = averaged([with_means(C**2 / (C**2 + sigma**2)) for C in coefficients(first)], size)
    height, width = image.shape[1:]
    return second[:, border : border + height, border : border + width]


@pytest.mark.parametrize("shape", [(1, 12, 15), (3, 11, 10)])
def test_the_second_estimate_is_the_one_of_loops(shape):
    image = torch.rand(shape, generator=torch.Generator().manual_seed(1), dtype=torch.float64)
    expected = naive_dct_denoise(image.numpy(), 0.1)
    np.testing.assert_allclose(dct_denoise(image, 0.1).numpy(), expected, rtol=0, atol=1e-6)


@pytest.mark.parametrize("shape", [(1, 1, 1), (1, 3, 40), (3, 8, 5), (1, 17, 9)])
def test_images_of_any_size(shape):
    image = torch.rand(shape, generator=torch.Generator().manual_seed(2))
    guarded, weights = guard(image, image.clone(), 0.1)
    assert guarded.shape == image.shape
    assert weights.shape == image.shape[1:]
    assert guarded.isfinite().all()


@pytest.mark.parametrize("broken", [float("nan"), float("inf")])
def test_values_that_are_not_finite_are_replaced(broken):
    y = noisy(GRAY["photograph x1"], 0.1)
    h = y.clone()
    h[0, 20, 20] = broken
    guarded, weights = guard(y, h, 0.1)
    assert guarded.isfinite().all()
    assert weights[20, 20] == 1
    torch.testing.assert_close(guarded[:, :2, :2], guard(y, y, 0.1)[0][:, :2, :2], rtol=0, atol=0.05)


def test_a_value_that_is_not_finite_is_replaced_in_a_result_that_is_kept():
    clean = GRAY["photograph x1"]
    good = clean.clone()
    good[0, 20, 20] = float("nan")
    guarded, weights = guard(noisy(clean, 0.1), good, 0.1)
    assert guarded.isfinite().all()
    assert weights[20, 20] == 1
    assert weights[5, 5] < 0.5


@pytest.mark.parametrize("level", [0.05, 0.5])
def test_the_brightness_of_a_dark_image_stays(level):
    clean = torch.full((3, 48, 48), level) + torch.tensor([0.0, 0.05, 0.0]).view(3, 1, 1)
    means = torch.stack([dct_denoise(noisy(clean, 50 / 255, seed), 50 / 255) for seed in range(5)]).mean((0, 2, 3))
    torch.testing.assert_close(means, clean.mean((1, 2)), rtol=0, atol=2 / 255)


@pytest.mark.parametrize("sigma", [0.0, -1.0, float("nan")])
def test_a_noise_level_must_be_above_0(sigma):
    with pytest.raises(GroupSCError, match="above 0"):
        guard(torch.zeros(1, 16, 16), torch.zeros(1, 16, 16), sigma)


def test_gray_images_as_colour_are_tested_once():
    """Equal channels have equal noise."""
    clean = load_images("Bundled", channels=1, images=1).popitem()[1][0, 100:148, 100:148]
    image = clean + 25 / 255 * np.random.default_rng(0).standard_normal(clean.shape).astype(np.float32)
    colour = np.repeat(image[..., None], 3, axis=-1)
    _, facts = denoise_with_facts(colour, 25 / 255, weights="color-sc-sigma25", channel_axis=-1, device="cpu")
    assert facts["share"] < 0.2


def test_white_noise_has_little_structure():
    """Coefficients beyond 3σ hold 2 (3 φ(3) + Q(3)) σ² of white noise, 0.029 σ²."""
    r = noisy(torch.zeros(3, 256, 256), 0.2)
    assert float(structure(r, 0.2).mean()) == pytest.approx(0.0293, rel=0.1)


def test_regions_leave_no_seams(monkeypatch):
    clean = torch.from_numpy(load_images("Bundled", channels=1, images=1).popitem()[1][:, :150, :180].copy())
    y = noisy(clean, 0.1)
    h = functional.avg_pool2d(y[None], 5, 1, padding=2)[0]
    whole, weights = guard(y, h, 0.1)
    assert 0 < float(weights.mean()) < 1
    monkeypatch.setattr(guards, "REGION", 64)
    pieces, _ = guard(y, h, 0.1)
    torch.testing.assert_close(pieces, whole, rtol=0, atol=1e-5)


@pytest.mark.parametrize("sigma", [0.5, 5, 25, 50])
@pytest.mark.parametrize("model", ["blur", "black", "explosion"])
def test_a_model_that_fails_is_never_below_the_noisy_image(model, sigma):
    """Mean of five seeds, at most 0.02 dB below."""
    broken = {
        "blur": lambda y: functional.avg_pool2d(y[None], 5, 1, padding=2, count_include_pad=False)[0],
        "black": torch.zeros_like,
        "explosion": lambda y: 20 * y,
    }[model]
    for name, clean in (GRAY | {f"{name}, color": picture for name, picture in COLOR.items()}).items():
        gains = []
        for seed in range(5):
            y = noisy(clean, sigma / 255, seed)
            gains.append(psnr(guard(y, broken(y), sigma / 255)[0], clean) - psnr(y, clean))
        assert np.mean(gains) > -0.02, name


@pytest.mark.parametrize("name", ["gray-sc-sigma5", "gray-sc-sigma25", "color-sc-sigma5", "color-sc-sigma25"])
def test_released_models_are_never_below_the_noisy_image(name):
    model = groupsc.load(name, device="cpu")
    sigma = model.card["level"] / 255
    for picture, clean in (GRAY if name.startswith("gray") else COLOR).items():
        y = noisy(clean, sigma)
        h = torch.from_numpy(model.restore(y.numpy(), level=model.card["level"]))
        assert psnr(guard(y, h, sigma)[0], clean) > psnr(y, clean) - 0.05, picture


@pytest.mark.parametrize("name", ["gray-sc-sigma25", "color-sc-sigma25"])
def test_photographs_stay_as_the_model_restored_them(name):
    model = groupsc.load(name, device="cpu")
    channels, level = model.coder.config.channels, model.card["level"]
    for picture, photograph in load_images("Bundled", channels=channels, images=3).items():
        clean = torch.from_numpy(photograph[:, 60:156, 60:156].copy())
        y = noisy(clean, level / 255)
        h = torch.from_numpy(model.restore(y.numpy(), level=level))
        assert psnr(guard(y, h, level / 255)[0], clean) > psnr(h, clean) - 0.02, picture


def test_saturated_text(shared):
    """34.2 dB before, 19.6 by the models alone, 38.1 by BM3D."""
    image, clean = (read_image(shared / f"cases/red_on_blue_{kind}.png", channels=3) for kind in ("sigma5", "clean"))
    pixels = [np.moveaxis(x, 0, 2) for x in (image, clean)]
    for guarded, expected in ((True, 36), (False, 0)):
        restored = groupsc.denoise(pixels[0], 5 / 255, channel_axis=-1, guard=guarded, method="sc", device="cpu")
        found = -10 * np.log10(np.mean((restored - pixels[1]) ** 2))
        assert found > expected
        assert guarded or found < 30, "without the guard the models fail here"
