"""`groupsc.demosaick`: the masks of the Bayer patterns."""

from __future__ import annotations

import numpy as np
import pytest
import skimage.data
import torch

import groupsc
from groupsc.data.degradations import bayer_mask
from groupsc.inference.restoration import restore


@pytest.mark.parametrize("pattern", ["RGGB", "BGGR", "GRBG", "GBRG"])
def test_mosaics_are_restored_with_the_mask_of_their_pattern(weights, pattern):
    image = skimage.data.astronaut()[100:121, 100:124].transpose(2, 0, 1) / 255
    mask = bayer_mask(21, 24, pattern).double()
    model = groupsc.load(weights["mosaic"], device="cpu").coder
    measured = torch.from_numpy(image) * mask
    expected = restore(model, measured[None], mask).clamp(0, 1)[0].permute(1, 2, 0)
    restored = groupsc.demosaick(measured.sum(0).numpy(), pattern, weights=weights["mosaic"], device="cpu", guard=False)
    np.testing.assert_allclose(restored, expected, rtol=0, atol=1e-12)
