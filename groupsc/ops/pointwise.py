"""Pointwise functions of the unrolled iterations and their derivatives.

Symbols as in `groupsc.ops.unrolled`. Codes before a shrinkage are passed in two parts, B = A + Q, where A = None stands
for zeros. Gradients of codes are passed as dA = dB − dRD, where dRD = None stands for zeros. The sum is computed where
it is used, which saves one pass over memory. The functions compute in the type of Λ (float32 with bfloat16 products)
and return tensors of the size of the codes in the type of the codes. `groupsc.ops.compilation` compiles each to one
kernel.

Shapes, unless stated otherwise: A, Q, B, G, H and their gradients (b, N, p); `lam`, the thresholds λ of one iteration,
(p,) or (b, 1, p); `mass` (b, N); `weight` = √mass (b, N, 1); `gamma` (1,). Gradients of `lam` have its shape.
"""

from __future__ import annotations

import torch
from torch import Tensor

from groupsc.ops.prox import NORM_EPSILON, csr_prox
from groupsc.ops.workers import Scratch


def plus(A: Tensor | None, Q: Tensor) -> Tensor:
    """A + Q, or Q for A = None."""
    return Q if A is None else A + Q


def minus(dB: Tensor, dRD: Tensor | None) -> Tensor:
    """dB − dRD, or dB for dRD = None."""
    return dB if dRD is None else dB - dRD


def soft(B: Tensor, lam: Tensor) -> Tensor:
    """Soft-thresholding S_λ(B)."""
    return (torch.sign(B) * torch.relu(B.abs() - lam)).to(B.dtype)


def soft_step(A: Tensor | None, Q: Tensor, lam: Tensor) -> Tensor:
    """Codes S_λ(A + Q) of SC after one iteration (equation 3).

    Examples
    --------
    >>> soft_step(None, torch.tensor([[[2.0, 0.5]]]), torch.tensor([1.0, 1.0]))
    tensor([[[1., 0.]]])
    """
    return soft(plus(A, Q), lam)


def soft_backward(dB: Tensor, dRD: Tensor | None, A: Tensor, lam: Tensor) -> tuple[Tensor, Tensor]:
    """Gradients of B and of λ for `soft_step`, from the codes A after the shrinkage."""
    dB = torch.where(A != 0, minus(dB, dRD), 0)
    return dB, -_sum_to(lam, torch.sign(A).to(wide(A)) * dB)


def squared(A: Tensor | None, Q: Tensor) -> tuple[Tensor, Tensor]:
    """B = A + Q and B²."""
    B = plus(A, Q)
    return B, B.square()


def shrink(B: Tensor, G: Tensor, lam: Tensor, weight: Tensor) -> Tensor:
    """Codes max(0, 1 − λ weight / √G) · B of GroupSC (equation 11), with `weight` = √mass.

    Examples
    --------
    >>> B, lam = torch.full((1, 1, 1), 2.0), torch.tensor([1.0])
    >>> shrink(B, B.square(), lam, torch.ones(1, 1, 1))
    tensor([[[1.]]])
    """
    scale = torch.relu(1 - lam * weight * torch.rsqrt(G.to(lam.dtype) + NORM_EPSILON))
    return (scale * B).to(B.dtype)


def negative(lam: Tensor) -> Tensor:
    """Positions of the negative entries of λ (p,). Training can make a threshold negative."""
    return (lam < 0).nonzero().squeeze(1)


def soft_(B: Tensor, lam: Tensor, below: Tensor, scratch: Scratch) -> None:
    """Replace B by S_λ(B) in place, in few passes over memory; for inference only.

    S_λ(B) is B minus B clipped to [−λ, λ], and B − λ sign(B) where λ is negative.

    Parameters
    ----------
    B : Tensor (N, p)
    lam : Tensor (p,)
    below : Tensor, int
        `negative(lam)`, which is computed once per iteration.
    scratch : Scratch

    Examples
    --------
    >>> B, lam = torch.tensor([[2.0, 0.5, -3.0]]), torch.tensor([1.0, 1.0, -1.0])
    >>> soft_(B, lam, negative(lam), Scratch())
    >>> B
    tensor([[ 1.,  0., -4.]])
    """
    bound = lam.relu()
    B.sub_(torch.clamp(B, -bound, bound, out=scratch.empty("clipped", B.shape, bound)))
    if len(below):
        some = B[:, below]
        B[:, below] = (some - lam[below] * some.sign()).to(B.dtype)


def group_shrink_(B: Tensor, G: Tensor, lam: Tensor, weight: Tensor, scratch: Scratch) -> None:
    """Replace B by `shrink(B, G, lam, weight)` in place, in few passes over memory; for inference only.

    Parameters
    ----------
    B, G : Tensor (N, p)
    lam : Tensor (p,)
    weight : Tensor (N, 1)
    scratch : Scratch

    Examples
    --------
    >>> B = torch.full((1, 2), 2.0)
    >>> group_shrink_(B, torch.tensor([[4.0, 1.0]]), torch.tensor([1.0, 1.0]), torch.ones(1, 1), Scratch())
    >>> B
    tensor([[1., 0.]])
    """
    inverse = scratch.empty("inverse", G.shape, lam).copy_(G).add_(NORM_EPSILON).rsqrt_()
    threshold = torch.mul(lam, weight, out=scratch.empty("threshold", G.shape, lam))
    B.mul_(inverse.mul_(threshold).neg_().add_(1).relu_())


def shrink_backward(
    dB: Tensor, dRD: Tensor | None, A: Tensor | None, Q: Tensor, G: Tensor, lam: Tensor, weight: Tensor
) -> tuple[Tensor, Tensor, Tensor, Tensor, Tensor]:
    """Derivatives of `shrink`.

    Returns
    -------
    squares, dG, dB : Tensor (b, N, p)
        B², and the gradients of G and of B. The gradient of B lacks its part through G; see `norm_backward`.
    dlam, dweight : Tensor
        The latter (b, N).
    """
    B, dA = plus(A, Q), minus(dB, dRD)
    B_wide, dA_wide = B.to(lam.dtype), dA.to(lam.dtype)
    G_wide = G.to(lam.dtype) + NORM_EPSILON
    inverse = torch.rsqrt(G_wide)
    scale = 1 - lam * weight * inverse
    X = torch.where(scale > 0, dA_wide * B_wide * inverse, 0)
    dG = 0.5 * lam * weight * X / G_wide
    dB = dA_wide * torch.relu(scale)
    return B_wide.square().to(B.dtype), dG.to(B.dtype), dB.to(B.dtype), -_sum_to(lam, weight * X), -(lam * X).sum(-1)


def csr(u: Tensor, H: Tensor, mass: Tensor, lam: Tensor, gamma: Tensor) -> Tensor:
    """Proximal operator of CSR (Proposition 1) at codes u, with β = H / mass (equation 13).

    Parameters
    ----------
    u, H : Tensor (…, N, p)
        Codes before the shrinkage, and similarity-weighted sums of codes Σᵀ A.
    mass : Tensor (…, N)
        Column sums of Σ.
    lam : Tensor (p,) or (b, 1, p)
    gamma : Tensor (1,)

    Returns
    -------
    Tensor (…, N, p)
        In the type of u.

    Examples
    --------
    >>> csr(torch.tensor([[3.0]]), torch.tensor([[2.0]]), torch.tensor([2.0]), torch.tensor([0.5]), torch.tensor([1.0]))
    tensor([[2.]])
    """
    beta = H.to(lam.dtype) / mass.unsqueeze(-1)
    return csr_prox(u.to(lam.dtype), beta, lam, gamma).to(u.dtype)


def csr_step(A: Tensor | None, Q: Tensor, H: Tensor, mass: Tensor, lam: Tensor, gamma: Tensor) -> Tensor:
    """Codes of CSR after one iteration: `csr` at A + Q."""
    return csr(plus(A, Q), H, mass, lam, gamma)


def csr_backward(
    dB: Tensor,
    dRD: Tensor | None,
    dA_H: Tensor | None,
    A: Tensor | None,
    Q: Tensor,
    H: Tensor,
    mass: Tensor,
    lam: Tensor,
    gamma: Tensor,
) -> tuple[Tensor, Tensor, Tensor, Tensor, Tensor]:
    """Gradients of B and H (b, N, p), of `mass` (b, N), of `lam` and of `gamma`, for `csr_step`.

    The gradient of the codes after the iteration is dB − dRD + dA_H, where dA_H = None stands for zeros.
    """
    u, dA = plus(A, Q), minus(dB, dRD)
    dA = dA if dA_H is None else dA + dA_H
    beta = H.to(lam.dtype) / mass.unsqueeze(-1)
    shift = beta + lam * torch.sign(beta)
    v = u.to(lam.dtype) - shift
    inner = torch.sign(v) * torch.relu(v.abs() - lam * gamma) + shift
    dinner = torch.where(inner.abs() > lam, dA.to(lam.dtype), 0)
    dv = torch.where(v.abs() > lam * gamma, dinner, 0)
    dbeta = dinner - dv
    dproduct = -torch.sign(v) * dv
    drow = _sum_to(lam, gamma * dproduct + torch.sign(beta) * dbeta - torch.sign(inner) * dinner)
    dH = dbeta / mass.unsqueeze(-1)
    dgamma = (lam * dproduct).sum(1).sum().reshape(1)
    return dv.to(u.dtype), dH.to(u.dtype), -(dH * beta).sum(-1), drow, dgamma


def norm_backward(dB: Tensor, A: Tensor | None, Q: Tensor, dS: Tensor) -> Tensor:
    """Gradient of B in GroupSC with its part through G = Σᵀ B², where dS = Σ dG."""
    return (dB + 2 * plus(A, Q) * dS).to(dB.dtype)


def _sum_to(lam: Tensor, x: Tensor) -> Tensor:
    """Sum x (b, N, p) to the shape of the thresholds: (p,), or (b, 1, p) where every sample has its own."""
    return x.sum((0, 1)) if lam.ndim == 1 else x.sum(1, keepdim=True)


def wide(x: Tensor) -> torch.dtype:
    """Type in which the pointwise functions compute for a tensor x.

    Returns
    -------
    torch.dtype
        float32 for bfloat16, otherwise the type of x.

    Examples
    --------
    >>> wide(torch.zeros(1, dtype=torch.bfloat16)), wide(torch.zeros(1, dtype=torch.float64))
    (torch.float32, torch.float64)
    """
    return torch.float32 if x.dtype == torch.bfloat16 else x.dtype
