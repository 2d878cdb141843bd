"""Dictionary learning: size, scale, and codes that are sparser than those of atoms nobody learned."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from groupsc.config.experiments import experiments
from groupsc.data.datasets import load_images
from groupsc.ops.patches import extract
from groupsc.ops.prox import soft_threshold
from groupsc.training.dictionary_learning import learn_dictionary
from groupsc.training.initialization import first_model
from groupsc.utils.errors import GroupSCError, MissingFileError


def lasso_objective(D: torch.Tensor, Y: torch.Tensor, lam: float) -> float:
    """Mean of ½‖y − Dα‖² + λ‖α‖₁ over the rows of Y, each minimised over α by FISTA with unit-norm atoms."""
    D = D / D.norm(dim=0)
    step = 1 / torch.linalg.matrix_norm(D, 2) ** 2
    A = Z = torch.zeros(len(Y), D.shape[1])
    t = 1.0
    for _ in range(150):
        before, A = A, soft_threshold(Z + step * (Y - Z @ D.T) @ D, step * lam)
        t, last = (1 + (1 + 4 * t**2) ** 0.5) / 2, t
        Z = A + (last - 1) / t * (A - before)
    return float((0.5 * (Y - A @ D.T).square().sum(1) + lam * A.abs().sum(1)).mean())


@pytest.mark.parametrize(("channels", "patch", "atoms"), [(1, 6, 48), (3, 4, 64)])
def test_learned_atoms_code_unseen_patches_better(channels, patch, atoms):
    images = list(load_images("Bundled", channels=channels, images=6).values())
    D = learn_dictionary(images[1:], channels=channels, patch_size=patch, n_atoms=atoms, patches=6000)
    assert D.shape == (channels * patch**2, atoms)
    assert D.dtype == torch.float32
    assert torch.linalg.matrix_norm(D, 2).item() == pytest.approx(1, abs=1e-5)

    Y = extract(torch.from_numpy(images[0])[None], patch)[0][::97]
    Y = Y - Y.mean(1, keepdim=True)
    generator = torch.Generator().manual_seed(0)
    random = torch.randn(D.shape, generator=generator)
    assert lasso_objective(D, Y, 0.1) < 0.8 * lasso_objective(random, Y, 0.1)


def test_atoms_have_no_mean_and_their_channels_are_in_order():
    """Only the first channel has structure, so the atoms are constant in the others."""
    image = np.zeros((3, 40, 40), np.float32)
    image[0] = np.random.default_rng(0).random((40, 40))
    D = learn_dictionary([image], channels=3, patch_size=4, n_atoms=6, patches=1000)
    assert D.mean(0).abs().max() < 1e-5
    deviations = D.view(3, 16, 6).std(1)
    assert deviations[1:].max() < 1e-5 < 1e-2 < deviations[0].min()


def test_the_same_seed_gives_the_same_dictionary():
    images = list(load_images("Bundled", channels=1, images=2).values())
    options = {"channels": 1, "patch_size": 4, "n_atoms": 12, "patches": 1500}
    first, again = learn_dictionary(images, **options), learn_dictionary(images, **options)
    assert torch.equal(first, again)
    assert not torch.equal(first, learn_dictionary(images, **options, seed=1))


def test_unusable_images_are_one_sentence():
    with pytest.raises(GroupSCError, match="3 channels and 4×4 patches"):
        learn_dictionary([np.zeros((1, 20, 20), np.float32)], channels=3, patch_size=4, n_atoms=8)
    with pytest.raises(GroupSCError, match="too few to learn 8 atoms"):
        learn_dictionary([np.zeros((1, 20, 20), np.float32)], channels=1, patch_size=4, n_atoms=8)


def test_a_missing_dictionary_is_named_with_its_command(tmp_path):
    experiment = experiments({"budget": "cpu", "tasks": {"gray": {"methods": ["sc"], "levels": [25]}}})
    with pytest.raises(MissingFileError, match=r"none.safetensors does not exist; .* `groupsc dictionary`"):
        first_model(experiment["gray-sc-sigma25"], tmp_path / "none.safetensors", None)
