"""A model as a torch module: its masks, types, gradients, and tensors on a GPU."""

from __future__ import annotations

import numpy as np
import pytest
import skimage.data
import torch
from small_models import perturbed_coder
from torch._subclasses.fake_tensor import FakeTensorMode

import groupsc
from groupsc.config.definitions import ModelConfig
from groupsc.data.degradations import mosaic
from groupsc.inference.restorer import Restorer
from groupsc.models.coder import SparseCoder
from groupsc.utils.errors import GroupSCError


@pytest.fixture
def denoiser() -> Restorer:
    coder = perturbed_coder(penalty="l1").float().requires_grad_(False)
    return Restorer(coder, {"task": "gray", "level": 25})


@pytest.fixture
def demosaicker() -> Restorer:
    coder = perturbed_coder(penalty="l1", channels=3).float().requires_grad_(False)
    return Restorer(coder, {"task": "mosaic", "level": None})


@pytest.mark.parametrize("levels", [None, (5.0, 25.0)])
def test_what_an_image_is_multiplied_by_lies_where_the_image_does(levels):
    """Torch describes tensors of a GPU that isn't there, and refuses to multiply them with those of a CPU."""
    config = ModelConfig(patch_size=3, n_atoms=12, n_iterations=5, penalty="l1", levels=levels)
    with FakeTensorMode():
        with torch.device("cuda"):
            model = Restorer(SparseCoder(config), {"task": "gray", "level": None if levels else 25})
            x = torch.rand(1, 1, 8, 8)
        gain, share = model.scaling(x, 20.0)
        scaled = torch.lerp(x, x * gain.view(-1, 1, 1, 1), share)
    assert scaled.device.type == "cuda"


@pytest.mark.parametrize("penalty", ["l1", "csr", "group"])
@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
def test_automatic_mixed_precision_around_a_model_changes_nothing(penalty, dtype):
    coder = perturbed_coder(penalty=penalty).float().requires_grad_(False)
    model, x = Restorer(coder, {"task": "gray", "level": 25}), torch.rand(1, 1, 14, 15)
    with torch.autocast("cpu", dtype=dtype):
        found = model(x, 0.1)
    torch.testing.assert_close(found, model(x, 0.1), rtol=0, atol=0)


def test_a_mask_without_a_batch_holds_for_all_images(demosaicker):
    clean = torch.rand(3, 3, 12, 14, generator=torch.Generator().manual_seed(0))
    y, M = mosaic(clean)
    assert M.shape == (3, 12, 14)
    together = demosaicker(y, mask=M)
    torch.testing.assert_close(together, demosaicker(y, mask=M[None]))
    torch.testing.assert_close(together, demosaicker(y, mask=M.expand(3, 3, 12, 14)))
    torch.testing.assert_close(demosaicker.codes(y[:1], mask=M), demosaicker.codes(y[:1], mask=M[None]))


def test_images_of_integers_are_told(denoiser):
    with pytest.raises(GroupSCError, match="give floats"):
        denoiser(torch.zeros(1, 1, 12, 14, dtype=torch.uint8), 0.1)


@pytest.mark.parametrize(
    ("mask", "hint"),
    [(None, "give the mask"), (torch.ones(1, 1, 12, 14), "their shape"), (torch.ones(2, 3, 12, 14), "their shape")],
)
def test_a_wrong_mask_is_told(demosaicker, mask, hint):
    with pytest.raises(GroupSCError, match=hint):
        demosaicker(torch.rand(3, 3, 12, 14), mask=mask)


def test_misspelt_arguments_are_told(denoiser):
    with pytest.raises(GroupSCError, match="takes no sigmas and no masks; it takes x, sigma and mask"):
        denoiser(torch.rand(1, 1, 12, 12), sigmas=0.1, masks=None)


def test_parameters_learn_where_they_shall(denoiser):
    x = torch.rand(2, 1, 12, 12)
    assert not denoiser(x, 0.1).requires_grad
    denoiser.requires_grad_(True)
    denoiser(x, 0.1).square().sum().backward()
    assert denoiser.coder.D.grad.abs().sum() > 0
    with torch.no_grad():
        assert not denoiser(x, 0.1).requires_grad


@pytest.mark.parametrize("dtype", [torch.float64, torch.float16, torch.bfloat16])
@pytest.mark.parametrize("learning", [False, True])
def test_images_of_any_floating_type_come_back_as_such(denoiser, dtype, learning):
    x = torch.rand(1, 1, 12, 12, generator=torch.Generator().manual_seed(1))
    expected = denoiser(x, 0.1)
    found = denoiser(x.to(dtype).requires_grad_(learning), 0.1)
    assert found.dtype == dtype
    torch.testing.assert_close(found.detach().float(), expected, rtol=0, atol=0.02)


@pytest.mark.parametrize("factor", [255, 1e-4])
def test_the_unit_of_tensors_does_not_matter(denoiser, factor):
    x = torch.rand(2, 1, 12, 12, dtype=torch.float64, generator=torch.Generator().manual_seed(1))
    for sigma in (1e-3, 0.02, 0.5):
        torch.testing.assert_close(denoiser(factor * x, factor * sigma) / factor, denoiser(x, sigma))


@pytest.mark.parametrize("sigma", [25.0, -0.1, float("nan"), torch.tensor([0.1, 25.0])])
@pytest.mark.parametrize("learning", [False, True])
def test_noise_levels_that_do_not_fit_are_told(denoiser, sigma, learning):
    with pytest.raises(GroupSCError, match=r"did you mean 25/255\?|a number of at least 0"):
        denoiser.requires_grad_(learning)(torch.rand(2, 1, 12, 12), sigma)


RELEASED = ("gray-sc-sigma5", "gray-sc-sigma25", "gray-sc-sigma50", "gray-sc-blind", "gray-groupsc-sigma25")


@pytest.fixture(scope="module")
def crops() -> torch.Tensor:
    """Two crops of photographs, (2, 1, 40, 40)."""
    photographs = skimage.data.camera()[140:180, 210:250], skimage.data.moon()[200:240, 200:240]
    return torch.from_numpy(np.stack(photographs))[:, None].float() / 255


def noise_like(x: torch.Tensor) -> torch.Tensor:
    return torch.randn(x.shape, generator=torch.Generator().manual_seed(0))


@pytest.mark.parametrize("name", RELEASED)
def test_low_noise_leaves_images_as_good_as_they_are(crops, name):
    model = groupsc.load(name, device="cpu")
    for level in (0.3, 1, 2):
        x = crops + level / 255 * noise_like(crops)
        before, after = (((y - crops) ** 2).mean((1, 2, 3)) for y in (x, model(x, level / 255)))
        assert (after <= before).all(), level


@pytest.mark.parametrize("name", ["gray-sc-sigma5", "gray-sc-sigma25"])
def test_from_the_identity_to_the_trained_level_in_small_steps(crops, name):
    """The change of the image rises with sigma, and its root mean square nowhere faster than twice sigma."""
    model = groupsc.load(name, device="cpu")
    x = crops[:1] + 2 / 255 * noise_like(crops[:1])
    assert torch.equal(model(x, 0), x)
    sigmas = torch.linspace(0, model.card["level"] / 255, 25)
    outputs = model(x.expand(25, -1, -1, -1), sigmas)
    changes = (outputs - x).square().mean((1, 2, 3)).sqrt()
    steps = (outputs[1:] - outputs[:-1]).square().mean((1, 2, 3)).sqrt()
    assert (changes.diff() > -1e-6).all()
    assert (steps < 2 * sigmas[1]).all()
