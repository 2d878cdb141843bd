"""Block mode: padding and averaging against golden arrays and a naive loop, masks, odd sizes, errors."""

from __future__ import annotations

import functools
import json
import re
import subprocess
import sys

import numpy as np
import pytest
import torch
from small_models import perturbed_coder, some_image

from groupsc.config.definitions import ModelConfig
from groupsc.data.degradations import bayer_mask
from groupsc.inference.regions import halo, region_side, regionwise
from groupsc.inference.restoration import blockwise, restore
from groupsc.inference.sliding_window import restore_whole
from groupsc.models.coder import SparseCoder
from groupsc.ops.distances import distance_factors
from groupsc.ops.gathered import GatheredWindow
from groupsc.ops.patches import counts
from groupsc.ops.window import SlidingWindow
from groupsc.utils.errors import GroupSCError, TooLittleMemoryError

PENALTIES = ["l1", "csr", "group"]


def affine_blocks(side: int):
    """The known map that replaces a model in the golden arrays; it depends on the number of the block."""
    place = torch.arange(side, dtype=torch.float64)
    pattern = 5e-4 * place[:, None] - 3e-4 * place + 1e-5 * place[:, None] * place
    number = 0

    def function(blocks, masks):
        nonlocal number
        indices = torch.arange(number, number + len(blocks), dtype=torch.float64)
        number += len(blocks)
        return blocks + 1e-3 * indices[:, None, None, None] + pattern

    return function


@pytest.mark.parametrize("patch", [7, 9])
@pytest.mark.parametrize("stride", [10, 12, 14, 24, 48])
def test_blocks_of_the_golden_arrays(shared, stride, patch):
    arrays = np.load(shared / "golden" / "blocks_affine.npz")
    side = json.loads(str(arrays["config_json"]))["block"]
    image = torch.from_numpy(arrays["input"])
    found = blockwise(
        affine_blocks(side), image, None, side=side, stride=stride, weight=counts(side, side, patch), together=7
    )
    np.testing.assert_allclose(found.numpy(), arrays[f"output_k{patch}_stride{stride}"], rtol=0, atol=1e-12)


def naive_blocks(function, image: np.ndarray, side: int, stride: int, weight: np.ndarray) -> np.ndarray:
    height, width = image.shape
    padded = np.pad(image, side - 1, mode="reflect")
    padded = np.pad(padded, [(0, stride - (length - side) % stride) for length in padded.shape], mode="reflect")
    total, weights = np.zeros_like(padded), np.zeros_like(padded)
    for top in range(0, padded.shape[0] - side + 1, stride):
        for left in range(0, padded.shape[1] - side + 1, stride):
            block = padded[top : top + side, left : left + side]
            total[top : top + side, left : left + side] += weight * function(block)
            weights[top : top + side, left : left + side] += weight
    inside = slice(side - 1, side - 1 + height), slice(side - 1, side - 1 + width)
    return total[inside] / weights[inside]


@pytest.mark.parametrize("shape", [(13, 22), (5, 4), (8, 8)])
@pytest.mark.parametrize("stride", [3, 5, 8])
def test_blocks_against_a_naive_loop(shape, stride):
    side, patch = 8, 3
    image = torch.rand(shape, generator=torch.Generator().manual_seed(5), dtype=torch.float64)
    ramp = torch.linspace(0, 1, side, dtype=torch.float64)
    found = blockwise(
        lambda blocks, masks: blocks**2 + ramp,
        image[None, None],
        None,
        side=side,
        stride=stride,
        weight=counts(side, side, patch),
        together=4,
    )
    weight = counts(side, side, patch, dtype=torch.float64).numpy()
    expected = naive_blocks(lambda block: block**2 + ramp.numpy(), image.numpy(), side, stride, weight)
    np.testing.assert_allclose(found[0, 0].numpy(), expected, rtol=0, atol=1e-12)


def test_a_bayer_mask_stays_one_under_padding():
    """Every block that the function sees has R, G, G, B in each 2×2 cell, with values exactly where the mask is 1."""
    image = torch.rand(1, 3, 11, 14, generator=torch.Generator().manual_seed(1)) + 0.1
    mask = bayer_mask(11, 14)

    def check(blocks, masks):
        cells = masks.unfold(2, 2, 1).unfold(3, 2, 1).sum((-1, -2))
        assert torch.equal(cells[:, 0], torch.ones_like(cells[:, 0]))
        assert torch.equal(cells[:, 1], torch.full_like(cells[:, 1], 2))
        assert torch.equal(cells[:, 2], torch.ones_like(cells[:, 2]))
        assert torch.equal(blocks != 0, masks != 0)
        return blocks

    found = blockwise(
        check, image * mask, mask[None].expand_as(image), side=8, stride=3, weight=counts(8, 8, 3), together=5
    )
    torch.testing.assert_close(found, image * mask)


@pytest.mark.parametrize("penalty", ["l1", "csr", "group"])
def test_block_size_in_one_call_does_not_matter_and_small_images_work(penalty):
    model = SparseCoder(
        ModelConfig(patch_size=3, n_atoms=8, n_iterations=4, window=6, similarity_interval=2, penalty=penalty)
    ).double()
    image = torch.rand(1, 1, 10, 3, generator=torch.Generator().manual_seed(2), dtype=torch.float64)
    found = restore(model, image, mode="block", stride=4)
    alone = blockwise(lambda b, m: model(b), image, None, side=8, stride=4, weight=counts(8, 8, 3), together=100)
    torch.testing.assert_close(found, alone.detach())


@pytest.mark.parametrize("penalty", ["l1", "csr", "group"])
def test_blocks_are_as_large_as_the_stride_where_the_window_is_smaller(penalty):
    """Patches of a block then see the part of their window that lies in it, as in the coder's own window mask."""
    for patch_stride in (1, 2):
        model = perturbed_coder(penalty=penalty, window=4, patch_stride=patch_stride)
        image, _ = some_image(1, 21, 26)
        found = restore(model, image, mode="block", stride=9)
        options = {"side": 9, "stride": 9, "weight": counts(9, 9, 3, patch_stride), "together": 100}
        with torch.no_grad():
            alone = blockwise(lambda b, m, coder=model: coder(b), image, None, **options)
        torch.testing.assert_close(found, alone)


def test_errors_say_what_to_do():
    model = SparseCoder(ModelConfig(patch_size=5, n_atoms=8, n_iterations=2, window=6))
    with pytest.raises(GroupSCError, match="smaller than a 5×5 patch"):
        restore(model, torch.zeros(1, 1, 4, 30))
    with pytest.raises(GroupSCError, match=r"give an image \(1, 1, H, W\)"):
        restore(model, torch.zeros(1, 3, 30, 30))
    with pytest.raises(GroupSCError, match="from 1 to 56, the side of a block"):
        restore(model, torch.zeros(1, 1, 30, 30), mode="block", stride=57)
    with pytest.raises(GroupSCError, match="the stride is 4, but only blocks have a stride; choose mode 'block'"):
        restore(model, torch.zeros(1, 1, 30, 30), stride=4)
    with pytest.raises(GroupSCError, match="choose one of whole, block"):
        restore(model, torch.zeros(1, 1, 30, 30), mode="magic")


@pytest.mark.parametrize("penalty", ["l1", "csr", "group"])
@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize("masked", [False, True], ids=["whole", "masked"])
def test_an_image_within_one_window_is_restored_as_the_coder_does(penalty, channels, masked):
    model = perturbed_coder(penalty=penalty, channels=channels, window=7)
    image, mask = some_image(channels, 10, 9, masked=masked)
    found = restore(model, image, mask)
    with torch.no_grad():
        torch.testing.assert_close(found, model(image, mask), rtol=0, atol=1e-12)


@pytest.mark.parametrize("penalty", ["l1", "csr", "group"])
def test_the_image_of_a_single_patch_stays_as_it_was(penalty):
    """All of its patches are the image itself, in the same memory."""
    model = perturbed_coder(penalty=penalty)
    image, _ = some_image(1, model.config.patch_size, model.config.patch_size)
    before = image.clone()
    restore(model, image)
    assert torch.equal(image, before)


@pytest.mark.parametrize("window", [4, 5])
@pytest.mark.parametrize("penalty", ["csr", "group"])
@pytest.mark.parametrize(("channels", "masked"), [(1, False), (3, True)], ids=["gray", "mosaic"])
@pytest.mark.parametrize("rows", [7, 2048])
def test_whole_image_mode_on_images_larger_than_the_window(penalty, window, channels, masked, rows, monkeypatch):
    """Against the coder with its dense N×N window mask, which knows no tiles and is tested against loops."""
    monkeypatch.setattr("groupsc.ops.workers.CHUNK", rows)
    model = perturbed_coder(penalty=penalty, window=window, channels=channels)
    expect_the_coder(model, *some_image(channels, 17, 29, masked=masked))


@pytest.mark.parametrize(("stride", "window"), [(2, 8), (2, 9), (3, 7)])
@pytest.mark.parametrize("penalty", PENALTIES)
@pytest.mark.parametrize(("channels", "masked"), [(1, False), (3, True)], ids=["gray", "mosaic"])
def test_whole_image_mode_with_a_part_of_the_patches(penalty, stride, window, channels, masked):
    """On an image that the grid covers, and on one that needs a reflected border."""
    options = {"penalty": penalty, "channels": channels, "window": window, "patch_stride": stride, "source_weight": 4}
    for height, width in ((21, 33), (20, 31)):
        expect_the_coder(perturbed_coder(**options), *some_image(channels, height, width, masked=masked))


def expect_the_coder(model, image, mask):
    """Compare whole-image mode, with tiles of many sizes, with the coder."""
    with torch.no_grad():
        expected = model(image, mask)
        sliding = [functools.partial(SlidingWindow, tile=tile) for tile in (1, 2, 3, 8, 40)]
        sizes = [(1, 1), (2, 100), (3, 2), (8, 1), (40, 1)]
        device = torch.device("cpu")
        gathered = [functools.partial(GatheredWindow, tile=a, together=b, device=device) for a, b in sizes]
        for window_of in (*sliding, *gathered):
            found = restore_whole(model, image, mask, matmul_dtype=torch.float64, window=window_of)
            torch.testing.assert_close(found, expected, rtol=0, atol=1e-12)


def test_bfloat16_products_change_little():
    model = perturbed_coder(penalty="group", window=9).float()
    image, _ = some_image(1, 40, 30)
    with torch.no_grad():
        exact = restore_whole(model.double(), image, matmul_dtype=torch.float64)
        fast = restore_whole(model.float(), image.float(), matmul_dtype=torch.bfloat16)
    assert (fast - exact).abs().max() < 1e-2
    assert (fast - exact).square().mean().sqrt() < 1e-3


@pytest.mark.parametrize(("stride", "side"), [(1, 13), (2, 13), (2, 14), (3, 17)])
def test_regions_of_sc_have_no_seams_at_all(stride, side):
    model = perturbed_coder(penalty="l1", patch_stride=stride)
    image, _ = some_image(1, 33, 40)
    whole = restore(model, image)
    pieces = regionwise(model, image, None, matmul_dtype=torch.float64, side=side)
    torch.testing.assert_close(pieces, whole, rtol=0, atol=1e-12)


@pytest.mark.parametrize("stride", [1, 2])
@pytest.mark.parametrize("penalty", ["csr", "group"])
def test_regions_cover_the_image_and_agree(penalty, stride):
    model = perturbed_coder(penalty=penalty, window=8, patch_stride=stride)
    image, _ = some_image(1, 45, 70)
    whole = restore(model, image)
    pieces = regionwise(model, image, None, matmul_dtype=torch.float64, side=2 * halo(model) + 9)
    assert (pieces - whole).abs().max() < 2e-3


def test_too_little_memory_says_how_much_is_needed():
    model = SparseCoder(ModelConfig())
    with pytest.raises(TooLittleMemoryError, match=r"^1 MB are too little; .* allow at least \d+ MB"):
        restore(model, torch.zeros(1, 1, 500, 500), memory=1e6)


@pytest.mark.parametrize("shape", [(500, 500), (20, 4000), (4000, 33), (114, 115), (113, 4000)])
@pytest.mark.parametrize("penalty", ["l1", "group"])
def test_the_memory_that_the_error_names_is_enough(penalty, shape):
    """And a region within it takes no more: a square, or of a narrow image a piece of its length."""
    model = SparseCoder(ModelConfig(penalty=penalty))
    with pytest.raises(GroupSCError) as error:
        region_side(model, torch.float32, 1000, *shape)
    needed = float(re.search(r"at least (\d+) MB", str(error.value))[1]) * 1e6
    side = region_side(model, torch.float32, needed, *shape)
    assert 2 * halo(model) + model.config.patch_size < side
    assert region_side(model, torch.float32, needed, side, min(side, *shape)) == side
    with pytest.raises(GroupSCError):
        region_side(model, torch.float32, needed - 1e6, *shape)


def test_small_images_need_memory_for_themselves_alone():
    """Regions of this model are at least 114 pixels wide; an image of 20 needs no region."""
    model = SparseCoder(ModelConfig())
    assert restore(model, torch.zeros(1, 1, 20, 20), memory=2e7).shape == (1, 1, 20, 20)


def test_threads_change_nothing_but_the_time():
    """Tiles are restored by one thread or several, with and without inference mode, and torch's setting comes back."""
    model = perturbed_coder(penalty="group").float()
    image = torch.rand(1, 1, 40, 45, generator=torch.Generator().manual_seed(0))
    number, window = torch.get_num_threads(), functools.partial(SlidingWindow, tile=7)
    try:
        torch.set_num_threads(1)
        with torch.no_grad():
            expected = restore_whole(model, image, matmul_dtype=torch.float32, window=window)
        torch.set_num_threads(3)
        for mode in (torch.no_grad, torch.inference_mode):
            with mode():
                found = restore_whole(model, image, matmul_dtype=torch.float32, window=window)
            torch.testing.assert_close(found, expected, rtol=0, atol=1e-6)
            assert torch.get_num_threads() == 3
    finally:
        torch.set_num_threads(number)


def test_a_refresh_whose_weight_rounds_to_zero_changes_nothing():
    model = perturbed_coder(penalty="group", window=5).float()
    image = torch.rand(1, 1, 14, 12, generator=torch.Generator().manual_seed(3))
    with torch.no_grad():
        model.nu_logit.fill_(-200.0)
        expected = model(image)
        found = restore_whole(model, image, matmul_dtype=torch.float32, window=functools.partial(SlidingWindow, tile=4))
    torch.testing.assert_close(found, expected, rtol=0, atol=1e-5)


def test_distances_in_bfloat16_keep_more_than_its_eight_bits():
    """Of patches that are nearly alike, whose norms are a thousand times their distance."""
    generator = torch.Generator().manual_seed(4)
    F = 5 + 0.02 * torch.randn(60, 81, generator=generator, dtype=torch.float64)
    exact = -(F[:, None] - F).square().sum(-1)
    left, right = distance_factors(F.float(), torch.bfloat16)
    assert left.dtype == torch.bfloat16
    found = left.double() @ right.double().T
    assert (found - exact).abs().max() < 0.03
    norms, rounded = F.square().sum(-1).bfloat16().double(), F.bfloat16().double()
    assert (2 * rounded @ rounded.T - norms - norms[:, None] - exact).abs().max() > 1


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="only Linux reports the peak memory")
@pytest.mark.parametrize(
    ("penalty", "channels", "size", "most"),
    [
        ("l1", 1, (1500, 1500), 200),
        ("l1", 3, (600, 800), 200),
        ("csr", 1, (150, 200), 500),
        ("group", 3, (120, 160), 400),
    ],
)
def test_the_memory_is_at_most_the_predicted_one(penalty, channels, size, most):
    """With a local prior, the codes of all patches would take 2.3 GB and 0.5 GB."""
    code = f"""
import torch
from groupsc.config.definitions import ModelConfig
from groupsc.inference.regions import full_memory
from groupsc.inference.restoration import restore
from groupsc.models.coder import SparseCoder
from groupsc.utils.memory import PeakMemory

torch.set_num_threads(1)
model = SparseCoder(ModelConfig(patch_size=9, channels={channels}, n_iterations=2, window=32, penalty="{penalty}"))
model.requires_grad_(False)
image = torch.rand(1, {channels}, *{size})
restore(model, image[..., :20, :20], precision="float32")
before, measure = int(open("/proc/self/statm").read().split()[1]) * 4096 / 2**20, PeakMemory(torch.device("cpu"))
restore(model, image, memory=1e9, precision="float32")
print(measure.peak() - before, full_memory(model, torch.float32, *{size}) / 2**20)
"""
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    taken, predicted = map(float, result.stdout.split())
    assert taken < predicted < most
