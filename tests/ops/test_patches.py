"""Patches: order, adjointness, averaging."""

from __future__ import annotations

import pytest
import torch

from groupsc.ops.patches import accumulate, average, counts, extract
from groupsc.utils.errors import GroupSCError


def randn(*shape):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(sum(shape)), dtype=torch.float64)


@pytest.mark.parametrize(
    ("shape", "patch"), [((2, 1, 7, 9), 3), ((1, 3, 6, 5), 4), ((1, 2, 5, 5), 5), ((1, 1, 4, 3), 1)]
)
def test_extract_is_the_loop_over_positions(shape, patch):
    image = randn(*shape)
    rows, columns = shape[2] - patch + 1, shape[3] - patch + 1
    found = extract(image, patch)
    assert found.shape == (shape[0], rows * columns, shape[1] * patch**2)
    for r in range(rows):
        for c in range(columns):
            expected = image[:, :, r : r + patch, c : c + patch].reshape(shape[0], -1)
            torch.testing.assert_close(found[:, r * columns + c], expected, rtol=0, atol=0)


@pytest.mark.parametrize(("shape", "patch"), [((2, 1, 7, 9), 3), ((1, 3, 6, 5), 4)])
def test_accumulate_is_the_adjoint_of_extract(shape, patch):
    image = randn(*shape)
    patches = randn(*extract(image, patch).shape)
    left = (extract(image, patch) * patches).sum()
    right = (image * accumulate(patches, *shape[2:], patch)).sum()
    torch.testing.assert_close(left, right)


def test_averaging_patches_of_an_image_gives_the_image_back():
    image = randn(2, 3, 8, 11)
    torch.testing.assert_close(average(extract(image, 4), 8, 11, 4), image)


def test_counts_are_the_accumulated_ones():
    ones = torch.ones(1, 5 * 7, 9)
    torch.testing.assert_close(counts(7, 9, 3), accumulate(ones, 7, 9, 3)[0, 0])


def test_derivatives():
    image, patches = randn(1, 2, 5, 6).requires_grad_(), randn(1, 12, 18).requires_grad_()
    assert torch.autograd.gradcheck(lambda x: extract(x, 3), image)
    assert torch.autograd.gradcheck(lambda x: average(x, 5, 6, 3), patches)


def test_an_image_smaller_than_a_patch_is_an_error():
    with pytest.raises(GroupSCError, match="smaller than a 9×9 patch"):
        extract(torch.zeros(1, 1, 8, 20), 9)
