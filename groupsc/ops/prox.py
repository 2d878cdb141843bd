"""Proximal operators and shrinkages of the penalties (section 3.2).

Symbols:

    B      codes before the shrinkage, (…, N, p)
    lam    thresholds λ of one iteration, (p,)
    G      squared group norms Σᵀ B², (…, N, p), with the similarity matrix Σ (N, N) [source, target]
    mass   column sums of Σ, (…, N)
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from torch import Tensor

NORM_EPSILON = 1e-8
"""Added to squared group norms, so that the square root has a derivative at zero."""
WEIGHT_EPSILON = 1e-12
"""Added to column sums of Σ, for the same reason."""


def soft_threshold(u: Tensor, lam: Tensor | float) -> Tensor:
    """Soft-thresholding S_λ(u) = sign(u) max(0, |u| − λ), the proximal operator of λ|u| (section 2).

    Parameters
    ----------
    u : Tensor
    lam : Tensor or float
        Thresholds λ ≥ 0, of a shape that broadcasts to that of u.

    Returns
    -------
    Tensor
        In the shape of u.

    Examples
    --------
    >>> import torch
    >>> soft_threshold(torch.tensor([-3.0, 0.5, 2.0]), 1.0)
    tensor([-2.,  0.,  1.])
    """
    return u.sign() * (u.abs() - lam).relu()


def csr_prox(u: Tensor, beta: Tensor, lam: Tensor | float, gamma: Tensor | float) -> Tensor:
    """Proximal operator of the CSR penalty λ(|u| + γ|u − β|), elementwise (Proposition 1).

    Parameters
    ----------
    u : Tensor
    beta : Tensor
        Centres β (equation 13), in the shape of u.
    lam, gamma : Tensor or float
        Weights λ ≥ 0 and γ ≥ 0, of a shape that broadcasts to that of u.

    Returns
    -------
    Tensor
        In the shape of u.

    Examples
    --------
    >>> import torch
    >>> csr_prox(torch.tensor([3.0, 1.2]), torch.tensor([1.0, 1.0]), 0.5, 1.0)
    tensor([2., 1.])
    """
    shift = beta + lam * beta.sign()
    return soft_threshold(soft_threshold(u - shift, lam * gamma) + shift, lam)


def group_shrink(B: Tensor, G: Tensor, mass: Tensor, lam: Tensor) -> Tensor:
    """Relaxed Group Lasso shrinkage max(0, 1 − λ √mass / √G) · B (equation 11).

    For the target t, mass is ‖Σ_t‖₁ and √G is ‖B diag(Σ_t)^½‖.

    With Σ the indicator of disjoint groups it is the proximal operator of the Group Lasso (Lemma 1), with thresholds
    multiplied by √|S_i|.

    Parameters
    ----------
    B, G : Tensor (…, N, p)
    mass : Tensor (…, N)
    lam : Tensor (p,)

    Returns
    -------
    Tensor (…, N, p)

    Examples
    --------
    Two equal patches in one group; the first atom is kept and the second one is set to zero:

    >>> import torch
    >>> B, Sigma = torch.tensor([[2.0, 0.1], [2.0, 0.1]]), torch.ones(2, 2)
    >>> group_shrink(B, Sigma.T @ B.square(), Sigma.sum(0), torch.tensor([0.5, 0.5]))
    tensor([[1.5000, 0.0000],
            [1.5000, 0.0000]])
    """
    weight = (mass + WEIGHT_EPSILON).sqrt().unsqueeze(-1)
    return (1 - lam * weight / (G + NORM_EPSILON).sqrt()).relu() * B
