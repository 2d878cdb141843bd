"""The spectral radius of an iteration of the coder."""

from __future__ import annotations

import pytest
import torch
from small_models import perturbed_coder, some_image

from groupsc.models.iterations import plain
from groupsc.models.stability import spectral_radius
from groupsc.ops.patches import extract


def test_residuals_grow_by_it_where_nothing_is_shrunk():
    """The coder's own iterations with thresholds of 0, long enough for the largest eigenvalue to win."""
    model = perturbed_coder(penalty="l1")
    with torch.no_grad():
        model.C *= 6
    patches = extract(some_image(1, 9, 9)[0], model.config.patch_size)
    Y = patches - patches.mean(-1, keepdim=True)
    A, norms, unshrunk = None, [], torch.zeros(1, model.config.n_atoms, dtype=Y.dtype)
    for _ in range(60):
        A = plain(A, Y, None, model.D, model.C, unshrunk, None, model.penalty)
        norms.append((Y - A @ model.D.T).norm())
    growth = (norms[-1] / norms[30]) ** (1 / 29)
    assert spectral_radius(model.D, model.C) == pytest.approx(growth.item(), rel=0.02)
    assert growth > 1


def test_a_model_that_is_not_finite_has_no_finite_radius():
    D = torch.full((3, 4), float("nan"))
    assert spectral_radius(D, D) == float("inf")
