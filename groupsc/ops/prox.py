"""Proximal operators and shrinkages.

Symbols: B codes before the shrinkage, (…, N, p); Sigma similarities (b, N, N) [source, target]; lam thresholds λ, (p,);
G squared group norms, (…, N, p); w square root of the summed similarities of each target, (…, N, 1).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from torch import Tensor

NORM_EPSILON = 1e-8
WEIGHT_EPSILON = 1e-12


def soft_threshold(u: Tensor, lam: Tensor | float) -> Tensor:
    """S_λ(u) = sign(u) max(0, |u| − λ), the proximal operator of λ|u|."""
    return u.sign() * (u.abs() - lam).relu()


def csr_prox(u: Tensor, beta: Tensor, lam: Tensor | float, gamma: Tensor | float) -> Tensor:
    """Proximal operator of λ(|u| + γ|u − β|), elementwise (Proposition 1)."""
    shift = beta + lam * beta.sign()
    return soft_threshold(soft_threshold(u - shift, lam * gamma) + shift, lam)


def group_weights(Sigma: Tensor) -> Tensor:
    """√(‖Σ_t‖₁) of every target t, (b, N, 1)."""
    return (Sigma.sum(1) + WEIGHT_EPSILON).sqrt().unsqueeze(-1)


def group_shrink(B: Tensor, lam: Tensor, Sigma: Tensor) -> Tensor:
    """Relaxed Group Lasso shrinkage (equation 11): max(0, 1 − λ √‖Σ_t‖₁ / ‖B diag(Σ_t)^½‖) · B.

    With Σ the indicator of disjoint groups it is the proximal operator of the Group Lasso (Lemma 1), up to the factor
    √|S_i|.
    """
    G = Sigma.transpose(1, 2) @ B.square()
    return (1 - lam * group_weights(Sigma) / (G + NORM_EPSILON).sqrt()).relu() * B
