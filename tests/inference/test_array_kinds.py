"""Stacks, masked arrays, tensors and dask arrays against one image at a time."""

from __future__ import annotations

import numpy as np
import pytest
import skimage.data
import torch
from small_models import perturbed_coder

import groupsc
from groupsc.utils.errors import GroupSCError
from groupsc.weights.files import save_weights


@pytest.fixture(scope="module")
def weights(tmp_path_factory):
    found = {}
    for task, level in (("gray", 25), ("color", 25), ("mosaic", None), ("jpeg", 10)):
        model = perturbed_coder(channels=3 if task in ("color", "mosaic") else 1, penalty="l1")
        found[task] = tmp_path_factory.mktemp("weights") / f"{task}.safetensors"
        save_weights(found[task], model, {"name": task, "task": task, "method": "sc", "level": level})
    return found


def denoise(x, weights, axis):
    sigma = 25 if "int" in str(x.dtype) else 25 / 255
    return groupsc.denoise(x, sigma, weights=weights, channel_axis=axis, device="cpu", guard=False)


CALLS = {
    "gray": denoise,
    "mosaic": lambda x, w, axis: groupsc.demosaick(x, "GRBG", weights=w, device="cpu", guard=False),
    "jpeg": lambda x, w, axis: groupsc.deblock(x, 10, weights=w, channel_axis=axis, device="cpu", guard=False),
}
CALLS["color"] = denoise


def images(task, number=3):
    clean = skimage.data.astronaut()[100:140, 100:150] / 255
    rng = np.random.default_rng(0)
    noisy = np.stack([np.roll(clean, 5 * n, 1) + 0.1 * rng.standard_normal(clean.shape) for n in range(number)])
    return noisy if task == "color" else noisy[..., 1]


@pytest.mark.parametrize("task", CALLS)
def test_images_of_a_stack_are_restored_one_by_one(weights, task):
    stack = images(task, 4)
    axis = -1 if task == "color" else None
    expected = np.stack([CALLS[task](image, weights[task], axis) for image in stack])
    np.testing.assert_array_equal(CALLS[task](stack, weights[task], axis), expected)
    shaped = CALLS[task](stack.reshape(2, 2, *stack.shape[1:]), weights[task], axis)
    np.testing.assert_array_equal(shaped, expected.reshape(2, 2, *expected.shape[1:]))
    if axis is not None:
        moved = CALLS[task](np.moveaxis(stack, -1, 0), weights[task], 0)
        np.testing.assert_array_equal(np.moveaxis(moved, 0, -1), expected)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64, torch.bfloat16, torch.uint8])
def test_tensors_give_tensors(weights, dtype):
    stack = torch.from_numpy(images("gray", 2).clip(0, 1))
    stack = (stack * (1 if dtype.is_floating_point else 255)).to(dtype)
    found = CALLS["gray"](stack.requires_grad_() if dtype.is_floating_point else stack, weights["gray"], None)
    assert (found.dtype, found.shape, found.requires_grad) == (dtype, stack.shape, False)
    given = stack.detach() if dtype != torch.bfloat16 else stack.detach().float()
    expected = torch.from_numpy(CALLS["gray"](given.numpy(), weights["gray"], None)).to(dtype)
    torch.testing.assert_close(found, expected, rtol=0, atol=0)


@pytest.mark.parametrize("task", ["gray", "color", "mosaic"])
def test_masks_stay_and_what_is_masked_has_no_influence(weights, task):
    stack = images(task, 2)
    mask = np.zeros(stack.shape, bool)
    mask[0, 10:14, 20:23] = True
    stack[mask] = np.nan
    given = np.ma.MaskedArray(stack, mask, fill_value=7)
    axis = -1 if task == "color" else None
    found = CALLS[task](given, weights[task], axis)
    wide = np.broadcast_to(mask[..., None], found.shape) if task == "mosaic" else mask
    np.testing.assert_array_equal(np.ma.getmaskarray(found), wide)
    assert np.isnan(found.data[wide]).all()
    assert found.fill_value == 7
    assert np.isfinite(found.data[~wide]).all()
    np.testing.assert_array_equal(found.data[1], CALLS[task](stack[1], weights[task], axis))
    assert abs(found.data[~wide] - CALLS[task](np.nan_to_num(stack, nan=0.5), weights[task], axis)[~wide]).max() < 0.5


@pytest.mark.parametrize("hole", [np.s_[0], np.s_[0, 10:22, 10:22]], ids=["a whole channel", "a part of a channel"])
def test_masked_values_of_one_channel_leave_the_other_channels(hole):
    clean = np.moveaxis(skimage.data.astronaut()[100:148, 180:228].astype(float), -1, 0)
    noisy = np.ma.MaskedArray(clean + np.random.default_rng(0).normal(0, 25, clean.shape), False)
    noisy[hole] = np.ma.masked
    restored = groupsc.denoise(noisy, 25, method="sc", channel_axis=0, device="cpu")
    np.testing.assert_array_equal(restored.mask, noisy.mask)
    for found, given, truth in zip(restored[1:], noisy[1:], clean[1:], strict=True):
        assert np.square(found - truth).mean() < 0.6 * np.square(given - truth).mean()
        assert np.abs(found - truth).max() < 100


@pytest.mark.parametrize("axis", [None, 0, 1, -1])
def test_maps_of_a_stack_are_those_of_its_images(weights, axis):
    rng = np.random.default_rng(0)
    stack = rng.random((2, 20, 22) if axis is None else (2, 3, 20, 22))
    sigma = 0.05 + 0.1 * rng.random(stack.shape)
    given = {"weights": weights["gray" if axis is None else "color"], "device": "cpu", "guard": False}
    own = None if axis is None else 0
    image, maps = (x if axis is None else np.moveaxis(x, 1, axis) for x in (stack, sigma))
    first = np.moveaxis(sigma[0], 0, -1) if axis == -1 else sigma[0]
    for one, of in ((maps, sigma), (first, [sigma[0]] * 2)):
        found = groupsc.denoise(image, one, channel_axis=axis, **given)
        found = found if axis is None else np.moveaxis(found, axis, 1)
        expected = [groupsc.denoise(x, level, channel_axis=own, **given) for x, level in zip(stack, of, strict=True)]
        np.testing.assert_array_equal(found, expected)
    with pytest.raises(GroupSCError, match="of the shape of the stack"):
        groupsc.denoise(image, np.ones((2, 5, 7, 9)), channel_axis=axis, **given)


def test_masked_pixels_of_a_mosaic_are_filled_from_their_own_color(weights):
    colors = np.broadcast_to(np.array([0.2, 0.5, 0.8]), (20, 24, 3))
    mosaic = np.where(np.add.outer(np.arange(20), np.arange(24)) % 2 == 0, colors[..., 1], colors[..., 0])
    mosaic[1::2, ::2] = 0.8
    mask = np.zeros(mosaic.shape, bool)
    mask[6:11, 7:12] = True
    covered = np.ma.MaskedArray(np.where(mask, 0.0, mosaic), mask)
    np.testing.assert_array_equal(
        CALLS["mosaic"](covered, weights["mosaic"], None).data[~mask],
        CALLS["mosaic"](mosaic, weights["mosaic"], None)[~mask],
    )


@pytest.mark.parametrize("chunks", [(1, 13, 50), (2, 40, 17), (2, 9, 9)])
@pytest.mark.parametrize("task", CALLS)
def test_dask_arrays_are_restored_block_by_block_without_borders(weights, task, chunks):
    array = pytest.importorskip("dask.array", reason="needs dask")
    stack = images(task, 2).clip(0, 1)
    axis = -1 if task == "color" else None
    lazy = array.from_array(stack, (*chunks, 2) if task == "color" else chunks)
    found = CALLS[task](lazy, weights[task], axis)
    assert isinstance(found, array.Array)
    expected = CALLS[task](stack, weights[task], axis)
    assert (found.shape, found.dtype) == (expected.shape, expected.dtype)
    np.testing.assert_allclose(found.compute(scheduler="synchronous"), expected, rtol=0, atol=1e-6)


@pytest.mark.parametrize("task", ["mosaic", "jpeg"])
def test_the_guard_leaves_no_borders_between_blocks_of_dask(weights, task):
    array = pytest.importorskip("dask.array", reason="needs dask")
    image = skimage.data.camera()[100:500, 150:200]
    call = groupsc.demosaick if task == "mosaic" else lambda x, **given: groupsc.deblock(x, 10, **given)
    given = {"weights": weights[task], "device": "cpu"}
    lazy = call(array.from_array(image / 255, (120, 50)), **given)
    assert lazy.numblocks[0] > 1
    expected = call(image / 255, **given)
    assert np.abs(expected - call(image / 255, **given, guard=False)).max() > 0.01
    np.testing.assert_allclose(lazy.compute(scheduler="synchronous"), expected, rtol=0, atol=1e-6)


def test_a_dask_array_can_have_images_that_are_smaller_than_the_margin(weights):
    array = pytest.importorskip("dask.array", reason="needs dask")
    stack = images("gray", 2).clip(0, 1)[:, :12, :30]
    found = CALLS["gray"](array.from_array(stack, (1, 5, 7)), weights["gray"], None)
    expected = CALLS["gray"](stack, weights["gray"], None)
    np.testing.assert_allclose(found.compute(scheduler="synchronous"), expected, rtol=0, atol=1e-6)


def test_poisson_noise_of_a_dask_array_is_removed_from_whole_images(weights):
    array = pytest.importorskip("dask.array", reason="needs dask")
    stack = np.uint16(100 + 2.1 * np.random.default_rng(0).poisson(30, (2, 3, 24, 26)))
    known = {"noise": "poisson", "gain": 2.1, "offset": 100, "weights": weights["gray"], "device": "cpu"}
    lazy = array.from_array(stack, (2, 1, 12, 13))
    pages = lazy.rechunk({-2: -1, -1: -1}).map_blocks(groupsc.denoise, dtype=lazy.dtype, **known)
    np.testing.assert_array_equal(pages.compute(scheduler="synchronous"), groupsc.denoise(stack, **known))
    with pytest.raises(GroupSCError, match="map_blocks"):
        groupsc.denoise(lazy, **known)


def test_what_dask_can_not_do_is_said(weights):
    array = pytest.importorskip("dask.array", reason="needs dask")
    lazy = array.from_array(images("gray"))
    with pytest.raises(GroupSCError, match="give sigma"):
        groupsc.denoise(lazy, weights=weights["gray"])
    with pytest.raises(GroupSCError, match="compute"):
        groupsc.estimate_noise(lazy)


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16, np.float32])
def test_noise_of_all_types_and_layouts(dtype):
    rng = np.random.default_rng(0)
    sigmas, highest = np.array([5.0, 20.0]), 1 if dtype == np.float32 else np.iinfo(dtype).max
    stack = (128 + sigmas[:, None, None, None] * rng.standard_normal((2, 64, 70, 3))) / 255 * highest
    stack = stack.astype(dtype)
    found = groupsc.estimate_noise(stack, channel_axis=-1)
    np.testing.assert_allclose(found, sigmas / 255 * highest, rtol=0.15)
    np.testing.assert_allclose(groupsc.estimate_noise(np.moveaxis(stack, -1, 0), channel_axis=0), found, rtol=1e-6)
    one = groupsc.estimate_noise(stack[1, ..., 0])
    assert isinstance(one, float)
    if dtype != np.uint16:
        assert groupsc.estimate_noise(torch.from_numpy(stack[1, ..., 0])) == pytest.approx(one, rel=1e-6)
    half = np.ma.MaskedArray(stack[1, ..., 0].copy(), np.zeros((64, 70), bool))
    half[:, 35:] = 0
    half[:, 35:] = np.ma.masked
    assert groupsc.estimate_noise(half) == pytest.approx(groupsc.estimate_noise(stack[1, :, :35, 0]), rel=0.15)
