"""The coder: plain path against fast path and finite differences, its properties, and a naive implementation."""

from __future__ import annotations

import naive
import numpy as np
import pytest
import torch
from small_models import perturbed_coder, some_image

from groupsc.config.definitions import ModelConfig
from groupsc.models.coder import SparseCoder
from groupsc.models.sizes import number_of_parameters
from groupsc.utils.errors import GroupSCError

PENALTIES = ["l1", "csr", "group"]


@pytest.mark.parametrize(
    "options", [{}, {"similarity_interval": None}, {"middle_averaging": False}, {"shared_similarity": False}], ids=str
)
@pytest.mark.parametrize("masked", [False, True], ids=["whole", "masked"])
@pytest.mark.parametrize("penalty", PENALTIES)
def test_the_coder_is_algorithm_1(penalty, masked, options):
    """Against loops over patches, sources and atoms, with odd and even windows smaller than the image."""
    for channels, window in ((1, 4), (3, 5)):
        model = perturbed_coder(penalty=penalty, channels=channels, window=window, **options)
        image, mask = some_image(channels, 8, 7, masked=masked)
        parameters = {name: value.detach().numpy() for name, value in model.named_parameters()}
        expected = naive.restore(image[0].numpy(), parameters, model.config, None if mask is None else mask[0].numpy())
        with torch.no_grad():
            np.testing.assert_allclose(model(image, mask)[0].numpy(), expected, rtol=0, atol=1e-12)


@pytest.mark.parametrize("masked", [False, True], ids=["whole", "masked"])
@pytest.mark.parametrize(("stride", "weight"), [(2, 6.0), (3, 1.0), (2, 0.5)])
@pytest.mark.parametrize("penalty", PENALTIES)
def test_a_part_of_the_patches_is_the_same_algorithm_on_a_coarser_grid(penalty, stride, weight, masked):
    """Sizes that the grid covers and sizes that need a reflected border, on the plain and on the fast path."""
    model = perturbed_coder(penalty=penalty, channels=3, window=5)
    parameters = {name: value.detach().numpy() for name, value in model.named_parameters()}
    for height, width in ((9, 9), (8, 10)):
        image, mask = some_image(3, height, width, masked=masked)
        measured = None if mask is None else mask[0].numpy()
        expected = naive.restore(image[0].numpy(), parameters, model.config, measured, stride=stride, weight=weight)
        for matmul_dtype in (None, torch.float64):
            with torch.no_grad():
                found = model(image, mask, matmul_dtype=matmul_dtype, patch_stride=stride, source_weight=weight)
            np.testing.assert_allclose(found[0].numpy(), expected, rtol=0, atol=1e-9)


@pytest.mark.parametrize("masked", [False, True], ids=["whole", "masked"])
@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize("penalty", PENALTIES)
def test_fast_path_equals_the_plain_one(penalty, channels, masked):
    model = perturbed_coder(penalty=penalty, channels=channels)
    image, mask = some_image(channels, 9, 8, masked=masked, batch=2)
    for grid in ({}, {"patch_stride": 2, "source_weight": 6.0}):
        results = []
        for matmul_dtype in (None, torch.float64):
            model.zero_grad()
            output = model(image, mask, matmul_dtype=matmul_dtype, **grid)
            (output - 0.5).square().sum().backward()
            results.append([output.detach(), *(parameter.grad.clone() for parameter in model.parameters())])
        for plain, fast in zip(*results, strict=True):
            torch.testing.assert_close(fast, plain, rtol=1e-9, atol=1e-11)


@pytest.mark.parametrize("matmul_dtype", [None, torch.float64], ids=["plain", "fast"])
@pytest.mark.parametrize("penalty", PENALTIES)
def test_gradients_are_finite_differences(penalty, matmul_dtype):
    model = perturbed_coder(penalty=penalty, n_atoms=4, n_iterations=3, similarity_interval=1)
    names = [name for name, _ in model.named_parameters()]
    image, _ = some_image(1, 5, 5)

    def output(*parameters):
        values = dict(zip(names, parameters, strict=True))
        return torch.func.functional_call(model, values, (image,), {"matmul_dtype": matmul_dtype})

    inputs = tuple(parameter.detach().clone().requires_grad_() for parameter in model.parameters())
    assert torch.autograd.gradcheck(output, inputs, eps=1e-7, atol=1e-5)


def test_bfloat16_products_change_little():
    model = perturbed_coder(penalty="group", patch_size=5, n_atoms=32).float()
    image = torch.rand(1, 1, 20, 20, generator=torch.Generator().manual_seed(0))
    with torch.no_grad():
        difference = model(image, matmul_dtype=torch.bfloat16) - model(image)
    assert difference.abs().max() < 5e-3


@pytest.mark.parametrize("penalty", PENALTIES)
def test_a_constant_shift_passes_through(penalty):
    """Patches are centred, so the mean of the image takes no part in the coding."""
    model = perturbed_coder(penalty=penalty)
    image, _ = some_image(1, 9, 8)
    torch.testing.assert_close(model(image + 0.25), model(image) + 0.25)


def test_number_of_parameters_of_the_paper():
    """Tables 3 and 4: 68k parameters for gray, 119k for colour."""
    counted = {
        (channels, penalty): SparseCoder(
            ModelConfig(channels=channels, patch_size=patch, penalty=penalty)
        ).number_of_parameters
        for channels, patch in ((1, 9), (3, 7))
        for penalty in PENALTIES
    }
    assert {round(number / 1000) for (channels, _), number in counted.items() if channels == 1} == {68}
    assert {round(number / 1000) for (channels, _), number in counted.items() if channels == 3} == {119}


def test_first_values_are_the_dictionary():
    dictionary = torch.rand(9, 12)
    model = SparseCoder(ModelConfig(patch_size=3, n_atoms=12), dictionary=dictionary)
    assert all(torch.equal(matrix, dictionary) for matrix in (model.D, model.C, model.W))
    with pytest.raises(GroupSCError, match="learn a dictionary for this model"):
        SparseCoder(ModelConfig(patch_size=3, n_atoms=13), dictionary=dictionary)


@pytest.mark.parametrize("penalty", ["l1", "csr", "group"])
@pytest.mark.parametrize(
    "options",
    [
        {},
        {"channels": 3, "patch_size": 7, "shared_similarity": False},
        {"levels": (5.0, 25.0)},
        {"levels": (5.0, 25.0), "scalar_thresholds": True},
    ],
    ids=["gray", "color", "blind", "scalar"],
)
def test_parameters_are_counted_without_the_model(penalty, options):
    config = ModelConfig(penalty=penalty, n_atoms=16, n_iterations=12, **options)
    assert number_of_parameters(config) == SparseCoder(config).number_of_parameters
