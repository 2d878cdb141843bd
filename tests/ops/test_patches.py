"""Patches: order, adjointness, averaging."""

from __future__ import annotations

import pytest
import torch

from groupsc.data.degradations import bayer_mask
from groupsc.ops.patches import PatchGrid, accumulate, average, counts, extract
from groupsc.utils.errors import GroupSCError


def randn(*shape):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(sum(shape)), dtype=torch.float64)


@pytest.mark.parametrize("stride", [1, 2, 3])
@pytest.mark.parametrize(
    ("shape", "patch"), [((2, 1, 7, 9), 3), ((1, 3, 6, 5), 4), ((1, 2, 5, 5), 5), ((1, 1, 4, 3), 1)]
)
def test_extract_is_the_loop_over_positions(shape, patch, stride):
    image = randn(*shape)
    rows, columns = (range(0, length - patch + 1, stride) for length in shape[2:])
    found = extract(image, patch, stride)
    assert found.shape == (shape[0], len(rows) * len(columns), shape[1] * patch**2)
    for number, (r, c) in enumerate((r, c) for r in rows for c in columns):
        expected = image[:, :, r : r + patch, c : c + patch].reshape(shape[0], -1)
        torch.testing.assert_close(found[:, number], expected, rtol=0, atol=0)


@pytest.mark.parametrize("stride", [1, 2, 3])
@pytest.mark.parametrize(("shape", "patch"), [((2, 1, 7, 9), 3), ((1, 3, 6, 4), 4)])
def test_accumulate_is_the_adjoint_of_extract(shape, patch, stride):
    height, width = ((length - patch) // stride * stride + patch for length in shape[2:])
    image = randn(*shape)[..., :height, :width]
    patches = randn(*extract(image, patch, stride).shape)
    left = (extract(image, patch, stride) * patches).sum()
    right = (image * accumulate(patches, height, width, patch, stride)).sum()
    torch.testing.assert_close(left, right)


@pytest.mark.parametrize("stride", [1, 2, 3, 4])
def test_averaging_patches_of_an_image_gives_the_image_back(stride):
    """Also where the grid does not cover the image and a reflected border is added."""
    image = randn(2, 3, 8, 11)
    grid = PatchGrid(8, 11, 4, stride)
    assert grid.extract(image).shape[1] == grid.rows * grid.columns
    torch.testing.assert_close(grid.average(grid.extract(image)), image)


def test_a_reflected_border_keeps_the_phase_of_a_mosaic():
    mask = bayer_mask(8, 8)[None].double()
    patches = PatchGrid(8, 8, 3, 2).extract(mask).unflatten(2, (3, 3, 3))
    for patch in patches[0]:
        torch.testing.assert_close(patch, patches[0, 0])


@pytest.mark.parametrize("stride", [1, 2, 3])
def test_counts_are_the_accumulated_ones(stride):
    height, width = 4 * stride + 3, 6 * stride + 3
    ones = torch.ones(1, 5 * 7, 9)
    torch.testing.assert_close(counts(height, width, 3, stride), accumulate(ones, height, width, 3, stride)[0, 0])


def test_derivatives():
    image, patches = randn(1, 2, 5, 6).requires_grad_(), randn(1, 12, 18).requires_grad_()
    assert torch.autograd.gradcheck(lambda x: extract(x, 3), image)
    assert torch.autograd.gradcheck(lambda x: average(x, 5, 6, 3), patches)


def test_an_image_smaller_than_a_patch_is_an_error():
    with pytest.raises(GroupSCError, match="smaller than a 9×9 patch"):
        extract(torch.zeros(1, 1, 8, 20), 9)
