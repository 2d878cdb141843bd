"""Noise, mosaics and JPEG against plain definitions."""

from __future__ import annotations

import hashlib
import itertools

import numpy as np
import pytest
import torch
from PIL import Image

from groupsc.benchmark.metrics import psnr
from groupsc.data.datasets import load_images
from groupsc.data.degradations import BAYER_PATTERNS, add_noise, bayer_mask, degrade, jpeg, mosaic, noise_generator
from groupsc.data.fetching import fetch
from groupsc.utils.errors import GroupSCError


def generator(seed=0):
    return torch.Generator().manual_seed(seed)


def photograph(channels=1, side=64):
    ((_, image),) = load_images("Bundled", channels=channels, images=1).items()
    return torch.from_numpy(image[:, 100 : 100 + side, 200 : 200 + side].copy())


def test_noise_has_the_level_that_was_asked_for():
    x = torch.full((4, 1, 200, 250), 0.5)
    for sigma in (5, 25, 50):
        noise = (add_noise(x, sigma, generator(sigma)) - x) * 255
        # Standard errors of the mean and of the deviation of 200,000 draws: 0.22 and 0.16 % of sigma.
        assert abs(noise.mean()) < 0.01 * sigma
        assert abs(noise.std() / sigma - 1) < 0.01
        # White: neighbours, images and the two halves have nothing to do with each other.
        for one, other in (
            (noise[..., 1:], noise[..., :-1]),
            (noise[0], noise[1]),
            (noise[..., 1:, :], noise[..., :-1, :]),
        ):
            assert abs((one * other).mean()) < 0.02 * sigma**2


def test_noise_is_neither_clipped_nor_quantised():
    noisy = add_noise(torch.zeros(1, 50, 50), 25, generator())
    assert (noisy < 0).float().mean() == pytest.approx(0.5, abs=0.05)
    assert len((noisy * 255).frac().unique()) > 2000


def test_noise_is_the_standard_normal_of_its_generator_in_single_precision():
    for dtype in (torch.float32, torch.float64):
        x = torch.rand(2, 3, 5, 7, dtype=dtype, generator=generator(1))
        noisy = add_noise(x, 15, generator(2))
        expected = x + (15 / 255 * torch.randn(2, 3, 5, 7, generator=generator(2))).to(dtype)
        assert noisy.dtype == dtype
        assert torch.equal(noisy, expected)
    assert torch.equal(add_noise(x, 0, generator()), x)


def test_the_generator_depends_on_all_four_and_on_nothing_else():
    def draw(*key):
        return torch.randn(8, generator=noise_generator(*key)).tolist()

    torch.manual_seed(1)
    keys = list(itertools.product(("BSD68", "Set12"), ("01", "02"), (15, 25, 25.5, None), (0, 1)))
    first = [draw(*key) for key in keys]
    assert len({tuple(values) for values in first}) == len(keys)
    torch.manual_seed(2)
    assert [draw(*key) for key in reversed(keys)] == first[::-1]
    assert draw("BSD68", "01", 25) == draw("BSD68", "01", 25.0) == draw("BSD68", "01", 25, 0)


def test_the_seed_can_be_made_by_hand():
    seed = int.from_bytes(hashlib.sha256(b"BSD68/test001/25/0").digest()[:4], "big")
    expected = torch.randn(5, generator=generator(seed))
    assert torch.equal(torch.randn(5, generator=noise_generator("BSD68", "test001", 25)), expected)


def test_the_global_generator_is_neither_read_nor_moved():
    torch.manual_seed(3)
    state = torch.get_rng_state()
    degrade(photograph(), "gray", 25, noise_generator("a", "b", 25))
    assert torch.equal(torch.get_rng_state(), state)
    with pytest.raises(GroupSCError, match="generator of its own"):
        degrade(photograph(), "gray", 25, None)


@pytest.mark.parametrize("sigma", [-1, float("nan"), float("inf")])
def test_impossible_noise_levels(sigma):
    with pytest.raises(GroupSCError, match="sigma is"):
        add_noise(torch.zeros(1, 4, 4), sigma, generator())


def test_noise_is_not_added_to_whole_numbers():
    with pytest.raises(GroupSCError, match=r"floats in \[0, 1\]"):
        add_noise(torch.zeros(1, 4, 4, dtype=torch.uint8), 25, generator())


@pytest.mark.parametrize("pattern", BAYER_PATTERNS)
@pytest.mark.parametrize("offset", [(0, 0), (0, 1), (1, 0), (1, 1), (3, -1)])
def test_bayer_mask_pixel_by_pixel(pattern, offset):
    mask = bayer_mask(5, 6, pattern, offset=offset)
    for row, column in itertools.product(range(5), range(6)):
        letter = pattern[2 * ((row + offset[0]) % 2) + (column + offset[1]) % 2]
        assert mask[:, row, column].tolist() == [float(letter == color) for color in "RGB"]


def test_bayer_mask_measures_red_first():
    assert bayer_mask(2, 2)[0].tolist() == [[1, 0], [0, 0]]
    assert torch.equal(bayer_mask(9, 7), bayer_mask(9, 7, "RGGB"))


def test_bayer_mask_of_a_window_is_the_window_of_the_mask():
    full = bayer_mask(20, 30, "GRBG")
    assert torch.equal(bayer_mask(8, 9, "GRBG", offset=(5, 14)), full[:, 5:13, 14:23])


def test_bayer_mask_of_the_golden_arrays(shared):
    golden = torch.from_numpy(np.load(shared / "golden/masks.npz")["bayer_6x8"][0])
    assert torch.equal(bayer_mask(6, 8, "BGGR"), golden.float())


def test_unknown_bayer_pattern():
    for pattern in ("RGB", "rggb", "RGBG", ""):
        with pytest.raises(GroupSCError, match="choose one of RGGB"):
            bayer_mask(4, 4, pattern)


def test_mosaic_keeps_one_value_a_pixel():
    x = photograph(3, side=33)[None]
    measured, mask = mosaic(x)
    assert mask.shape == (3, 33, 33)
    assert torch.equal(mask.sum(0), torch.ones(33, 33))
    kept = mask.expand_as(x).bool()
    assert torch.equal(measured[kept], x[kept])
    assert not measured[~kept].any()
    assert torch.equal(mosaic(x.double(), "GBRG")[1], bayer_mask(33, 33, "GBRG").double())
    with pytest.raises(GroupSCError, match="three channels"):
        mosaic(x[:, :1])


@pytest.mark.parametrize("quality", [1, 10, 40, 100])
def test_jpeg_is_the_round_trip_of_a_file(tmp_path, quality):
    x = 0.9 * photograph()
    Image.fromarray(np.rint(x[0].numpy() * np.float32(255)).astype(np.uint8)).save(tmp_path / "a.jpg", quality=quality)
    with Image.open(tmp_path / "a.jpg") as file:
        assert file.mode == "L"
        expected = np.asarray(file, dtype=np.float32) / 255
    np.testing.assert_array_equal(jpeg(x, quality)[0], expected)


def test_jpeg_of_a_batch_is_that_of_each_image():
    x = torch.stack([photograph(), photograph().flip(1), photograph().flip(2)])[None]
    compressed = jpeg(x, 20)
    assert compressed.shape == (1, 3, 1, 64, 64)
    for number in range(3):
        assert torch.equal(compressed[0, number], jpeg(x[0, number], 20))
    assert torch.equal(jpeg(x.double(), 20.0).float(), compressed)


def test_jpeg_gets_better_with_its_quality():
    x = photograph()
    quality = [psnr(jpeg(x, level), x) for level in (5, 10, 20, 40, 80, 100)]
    assert quality == sorted(quality)
    assert quality[0] < quality[-1]


@pytest.mark.parametrize("quality", [0, 101, -5, 10.5, float("nan")])
def test_impossible_qualities(quality):
    with pytest.raises(GroupSCError, match="whole number from 1 to 100"):
        jpeg(photograph(), quality)


def test_jpeg_works_on_one_channel():
    for x in (photograph(3), torch.zeros(8, 8)):
        with pytest.raises(GroupSCError, match="one channel"):
            jpeg(x, 10)


@pytest.mark.parametrize(("quality", "published"), [(10, 27.82), (20, 30.12), (30, 31.48), (40, 32.43)])
def test_jpeg_baseline_of_the_paper(shared, tmp_path, quality, published):
    fetch("Classic5", tmp_path, mirror=shared / "mirror", progress=False)
    images = load_images("Classic5", tmp_path, channels=1).values()
    assert len(images) == 5
    baseline = np.mean([psnr(jpeg(torch.from_numpy(image), quality), image) for image in images])
    assert baseline == pytest.approx(published, abs=0.005)


def test_degrade_chooses_by_the_task():
    gray, color = photograph()[None], photograph(3)[None]
    for x, task in ((gray, "gray"), (color, "color")):
        noisy, mask = degrade(x, task, 25, generator(7))
        assert mask is None
        assert torch.equal(noisy, add_noise(x, 25, generator(7)))
    measured, mask = degrade(color, "mosaic", None, None)
    assert torch.equal(measured, color * mask)
    compressed, mask = degrade(gray, "jpeg", 10, None)
    assert mask is None
    assert torch.equal(compressed, jpeg(gray, 10))
    with pytest.raises(GroupSCError, match="no task 'blur'; choose one of gray, color, mosaic, jpeg"):
        degrade(gray, "blur", 1, generator())
