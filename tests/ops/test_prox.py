"""Closed forms of the proximal operators against numerical minimisation."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from scipy.optimize import minimize_scalar

from groupsc.models.penalties import GroupLasso
from groupsc.ops.pointwise import group_shrink_, negative, soft_
from groupsc.ops.prox import csr_prox, group_shrink, soft_threshold
from groupsc.ops.workers import Scratch

POINTS = np.linspace(-3, 3, 25)


def minimiser(objective) -> float:
    """The minimiser on the real line of a convex function whose kinks lie among a few candidates, by bracketing."""
    return minimize_scalar(objective, bounds=(-10, 10), method="bounded", options={"xatol": 1e-10}).x


@pytest.mark.parametrize("lam", [0.0, 0.3, 1.1])
def test_soft_threshold_minimises_its_objective(lam):
    for u in POINTS:
        expected = minimiser(lambda z, u=u: 0.5 * (z - u) ** 2 + lam * abs(z))
        assert soft_threshold(torch.tensor(u), lam).item() == pytest.approx(expected, abs=1e-6)


@pytest.mark.parametrize("beta", [-1.5, -0.2, 0.0, 0.4, 2.0])
@pytest.mark.parametrize(("lam", "gamma"), [(0.5, 0.3), (0.2, 3.0), (1.0, 1.0)])
def test_proposition_1(beta, lam, gamma):
    for u in POINTS:
        expected = minimiser(lambda z, u=u: 0.5 * (z - u) ** 2 + lam * (abs(z) + gamma * abs(z - beta)))
        found = csr_prox(torch.tensor(u), torch.tensor(beta, dtype=torch.float64), lam, gamma).item()
        assert found == pytest.approx(expected, abs=1e-6)


def test_csr_prox_with_no_pull_or_no_centre_is_soft_thresholding():
    u = torch.linspace(-2, 2, 41, dtype=torch.float64)
    torch.testing.assert_close(csr_prox(u, torch.full_like(u, 0.7), 0.3, 0.0), soft_threshold(u, 0.3))
    torch.testing.assert_close(csr_prox(u, torch.zeros_like(u), 0.3, 0.5), soft_threshold(u, 0.45))


@pytest.mark.parametrize("dtype", [torch.float64, torch.float32, torch.bfloat16])
def test_shrinkages_in_place_give_the_values_of_the_plain_ones(dtype):
    """Also for negative thresholds and zeros, and in bfloat16, where both round once, from float32."""
    generator = torch.Generator().manual_seed(5)
    wide = torch.float32 if dtype == torch.bfloat16 else dtype
    B = torch.randn(50, 4, generator=generator, dtype=wide).to(dtype)
    B[3] = 0
    lam = torch.tensor([0.3, -0.2, 0.0, 1.5], dtype=wide)
    found, scratch = B.clone(), Scratch()
    soft_(found, lam, negative(lam), scratch)
    torch.testing.assert_close(found, soft_threshold(B, lam).to(dtype), rtol=0, atol=0)

    Sigma = torch.rand(1, 50, 50, generator=generator, dtype=wide)
    G = (Sigma[0].T @ B.to(wide).square()).to(dtype)
    found, mass = B.clone(), Sigma.sum(1).T
    group_shrink_(found, G, lam, mass.sqrt(), scratch)
    tolerance = {torch.float64: 1e-12, torch.float32: 1e-5, torch.bfloat16: 2e-2}[dtype]
    expected = group_shrink(B.to(wide), G.to(wide), mass.squeeze(-1), lam).to(dtype)
    torch.testing.assert_close(found, expected, rtol=tolerance, atol=tolerance)


def test_lemma_1_with_hard_groups():
    """With Σ the indicator of groups, the shrinkage is the prox of λ √|group| ‖row‖₂ in each group."""
    generator = torch.Generator().manual_seed(3)
    groups = [[0, 3, 4], [1, 2]]
    Sigma = torch.zeros(1, 5, 5, dtype=torch.float64)
    for group in groups:
        for s in group:
            Sigma[0, s, group] = 1
    B = torch.randn(1, 5, 4, generator=generator, dtype=torch.float64)
    lam = torch.tensor([0.2, 0.5, 0.9, 3.0], dtype=torch.float64)
    found = GroupLasso().prox(B, None, lam, Sigma)

    def objective(Z):
        penalty = sum((lam * len(group) ** 0.5 * Z[0, group].norm(dim=0)).sum() for group in groups)
        return 0.5 * (Z - B).square().sum() + penalty

    best = objective(found)
    for scale in (1e-1, 1e-2, 1e-3):
        for _ in range(200):
            step = scale * torch.randn(B.shape, generator=generator, dtype=torch.float64)
            assert objective(found + step) >= best - 1e-7
    assert (found[0, :, 3] == 0).all()
    assert (found[0, :, 0] != 0).all()
