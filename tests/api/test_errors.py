"""Errors of the public functions: each message contains a hint."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from photographs_of_skimage import noisy_camera

import groupsc
from groupsc.utils.errors import GroupSCError


@pytest.mark.parametrize(
    ("call", "hint"),
    [
        (lambda w, x: groupsc.denoise(x, -1), "at least 0"),
        (lambda w, x: groupsc.denoise(x, float("nan")), "at least 0"),
        (lambda w, x: groupsc.denoise(x, 1e6), "give at most"),
        (lambda w, x: groupsc.denoise(np.dstack([x] * 3), 0.1), "channel_axis=-1"),
        (lambda w, x: groupsc.denoise(x[0], 0.1), "channel_axis"),
        (
            lambda w, x: groupsc.denoise(np.stack([x, x * np.nan]), 0.1, weights=w["gray"]),
            "image 1 of the stack: .*NaN",
        ),
        (lambda w, x: groupsc.estimate_noise(x[:5]), "too small"),
        (lambda w, x: groupsc.denoise(np.stack([x] * 4), 0.1, channel_axis=0), "without transparency"),
        (lambda w, x: groupsc.denoise(x * np.nan, 0.1), "NaN or infinite"),
        (lambda w, x: groupsc.denoise(x > 0, 0.1), "give integers or floats"),
        (lambda w, x: groupsc.denoise(x[:0], 0.1), "give integers or floats"),
        (lambda w, x: groupsc.denoise(x[:2, :2], 0.1, weights=w["gray"]), "smaller than a 3×3 patch"),
        (lambda w, x: groupsc.denoise(x[:1, :1]), "give the level"),
        (lambda w, x: groupsc.denoise(x, 0.1, method="magic"), "best, sc, csr, groupsc"),
        (lambda w, x: groupsc.denoise(x, 0.1, weights="gray-magic"), "released are"),
        (lambda w, x: groupsc.denoise(x, 0.1, weights=w["color"]), "choose other weights"),
        (lambda w, x: groupsc.denoise(x, 0.1, weights="absent.safetensors"), "does not exist"),
        (lambda w, x: groupsc.denoise(x, 0.1, device="abacus"), "choose auto or cpu"),
        (lambda w, x: groupsc.demosaick(x, "RGB", weights=w["mosaic"]), "RGGB, BGGR, GRBG, GBRG"),
        (lambda w, x: groupsc.deblock(x, None, weights=w["jpeg"]), "1 to 100"),
        (lambda w, x: groupsc.deblock(x, 0, weights=w["jpeg"]), "1 to 100"),
        (lambda w, x: groupsc.deblock(x, "40", weights=w["jpeg"]), "1 to 100"),
        (lambda w, x: groupsc.denoise(x, "25"), "a number of at least 0"),
        (lambda w, x: groupsc.denoise(x, 25), "did you mean 25/255?"),
        (lambda w, x: groupsc.denoise(np.uint8(255 * x), 300), "at most 255"),
        (lambda w, x: groupsc.denoise(255 * x - 20, 2500), "at most"),
        (lambda w, x: groupsc.deblock(255 * abs(x), 10), "scale floats"),
        (lambda w, x: groupsc.demosaick(255 * x - 20), "scale floats"),
        (lambda w, x: groupsc.deblock(np.int64(255 * x), 10), "int64, whose value of white is not known"),
        (lambda w, x: groupsc.demosaick(np.int16(255 * x)), "give uint8, uint16, or floats"),
        (lambda w, x: groupsc.deblock(np.uint16(255 * x), 10), "convert 8-bit values to uint8"),
        (lambda w, x: groupsc.denoise(x, 0.1, strength=None), "give a factor"),
        (lambda w, x: groupsc.denoise(np.stack([x] * 3), 0.1, channel_axis=3), "channel_axis 3"),
        (lambda w, x: groupsc.denoise(x, 0.1, memory="4GB"), "number of bytes"),
        (lambda w, x: groupsc.denoise(x, 0.1, memory=0), "number of bytes"),
        (lambda w, x: groupsc.denoise(x, 0.1, mode="block", stride=12.0), "whole number of pixels"),
        (lambda w, x: groupsc.denoise(x, 0.1, mode="block", stride=0), "whole number of pixels"),
        (lambda w, x: groupsc.denoise(x, 0.1, mode="block", stride="24"), "whole number of pixels"),
        (lambda w, x: groupsc.denoise(x, 0.1, stride=24), "choose mode 'block'"),
        (lambda w, x: groupsc.load(w["gray"])(torch.zeros(1, 3, 9, 9)), r"\(b, 1, H, W\)"),
        (lambda w, x: groupsc.load(w["gray"])(torch.zeros(3, 1, 9, 9), torch.ones(2)), "one per image"),
    ],
)
def test_inputs_that_cannot_be_restored_give_a_hint(weights, call, hint):
    with pytest.raises(GroupSCError, match=hint):
        call(weights, noisy_camera()[0][:20, :20])
