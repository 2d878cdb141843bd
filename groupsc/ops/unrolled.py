"""Unrolled iterations with hand-written derivatives: the fast path of the coder.

The results are those of `groupsc.models.penalties`; the tests compare both. Three properties make this path fast:
matrix products in a type that the caller chooses (bfloat16 on machines with fast bfloat16 products), few tensors stored
for the backward pass (the codes of each iteration and one sum over similar patches; the rest is computed again), and
pointwise functions compiled to single kernels. `groupsc.ops.similarity_update` computes Σ between the iterations.

Symbols: Y centred patches (b, N, m); M mask of measured entries (b, N, m), None when all were measured; A, B codes
after and before a shrinkage (b, N, p), None for zeros; D, C dictionary and encoder (m, p); lam thresholds Λ, one row
per iteration, (k, p), or (k, b, 1, p) where every sample has its own; Sigma similarity matrix Σ (b, N, N) [source,
target]; mass column sums of Σ (b, N); G = Σᵀ B² squared group norms, H = Σᵀ A similarity-weighted sums of codes
(b, N, p); Q = B − A change of the codes (b, N, p); R residual (b, N, m). The prefix d denotes the gradient of the
loss. Two terms of dA = dB − dRD + dA_H have names: dRD = (M ⊙ dB Cᵀ) D, through the residual, and dA_H = Σ dH,
through H.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor
from torch.autograd import Function
from torch.nn import functional

from groupsc.ops import pointwise
from groupsc.ops.compilation import fused
from groupsc.ops.linear_step import LinearStep, aligned
from groupsc.ops.prox import WEIGHT_EPSILON

ROW_GAP = 32
"""Number of entries between the rows of a matrix that is transposed next; see `_target_major`."""


def soft_steps(A: Tensor | None, Y: Tensor, M: Tensor | None, D: Tensor, C: Tensor, lam: Tensor) -> Tensor:
    """Iterations of SC (equation 3), one per row of `lam`.

    If A is None, the codes before are zero, and the residual of the first iteration is masked as well.

    Parameters
    ----------
    A, Y, M, D, C, lam : Tensor
        See the symbols of this module; A and M may be None.

    Returns
    -------
    Tensor (b, N, p)
        Codes after k iterations.

    Examples
    --------
    >>> Y, D = torch.tensor([[[2.0, 0.1]]]), torch.eye(2)
    >>> soft_steps(None, Y, None, D, D, torch.tensor([[0.5, 0.5]]))
    tensor([[[1.5000, 0.0000]]])
    """
    apply: Callable[..., Tensor] = SoftSteps.apply
    return apply(A, *aligned(Y, M, D, C), lam)


def group_steps(
    A: Tensor | None, Y: Tensor, M: Tensor | None, D: Tensor, C: Tensor, lam: Tensor, Sigma: Tensor, mass: Tensor
) -> Tensor:
    """Iterations of GroupSC (equations 11 and 16) with a fixed similarity matrix.

    If A is None, the codes before are zero, and the residual of the first iteration is not masked. The other parameters
    and the result are those of `soft_steps`; Sigma is (b, N, N) and mass (b, N).

    Examples
    --------
    >>> Y, D, Sigma = torch.tensor([[[2.0, 0.1]]]), torch.eye(2), torch.ones(1, 1, 1)
    >>> group_steps(None, Y, None, D, D, torch.tensor([[0.5, 0.5]]), Sigma, Sigma.sum(1))
    tensor([[[1.5000, 0.0000]]])
    """
    apply: Callable[..., Tensor] = GroupSteps.apply
    return apply(A, *aligned(Y, M, D, C), lam, Sigma, mass)


def csr_steps(
    A: Tensor | None,
    Y: Tensor,
    M: Tensor | None,
    D: Tensor,
    C: Tensor,
    lam: Tensor,
    Sigma: Tensor,
    mass: Tensor,
    gamma: Tensor,
) -> Tensor:
    """Iterations of CSR (equation 13, Proposition 1) with a fixed similarity matrix.

    If A is None, the codes before are zero, and the residual of the first iteration is not masked. The other parameters
    and the result are those of `group_steps`; gamma (1,) is the weight γ of the distance to the mean codes β.

    Examples
    --------
    >>> Y, D, Sigma = torch.tensor([[[2.0, 0.1]]]), torch.eye(2), torch.ones(1, 1, 1)
    >>> csr_steps(None, Y, None, D, D, torch.tensor([[0.5, 0.5]]), Sigma, Sigma.sum(1), torch.tensor([1.0]))
    tensor([[[1., 0.]]])
    """
    apply: Callable[..., Tensor] = CentralisedSteps.apply
    return apply(A, *aligned(Y, M, D, C), lam, Sigma, mass, gamma)


class SoftSteps(Function):
    """A ← S_λ(A + Cᵀ(M ⊙ (Y − D A))), once per row of `lam`."""

    @staticmethod
    def forward(
        ctx: Any, A: Tensor | None, Y: Tensor, M: Tensor | None, D: Tensor, C: Tensor, lam: Tensor
    ) -> Tensor | None:
        linear = LinearStep(Y, M, D, C, first_masked=True)
        codes: list[Tensor | None] = [A]
        for row in lam:
            Q, _ = linear.change(codes[-1])
            codes.append(fused(pointwise.soft_step, Q, training=any(ctx.needs_input_grad))(codes[-1], Q, row))
        ctx.linear = linear
        ctx.save_for_backward(lam, *codes)
        return codes[-1]

    @staticmethod
    def backward(ctx: Any, dB: Tensor) -> tuple[Tensor | None, ...]:
        lam, *codes = ctx.saved_tensors
        linear: LinearStep = ctx.linear.with_gradients()
        dlam: list[Tensor] = []
        dRD: Tensor | None = None
        # dB − dRD is the gradient of the codes after an iteration, at first the gradient of the result.
        for A, after, row in zip(codes[-2::-1], codes[:0:-1], reversed(lam), strict=True):
            dB, drow = fused(pointwise.soft_backward, dB, training=True)(dB, dRD, after, row)
            dlam.append(drow)
            dRD = linear.backward(A, linear.residual(A), dB)
        return _gradient(codes[0], dB, dRD), None, None, linear.dD, linear.dC, torch.stack(dlam[::-1])


class GroupSteps(Function):
    """B = A + Cᵀ(M ⊙ (Y − D A)), then A ← max(0, 1 − λ √mass / √(Σᵀ B²)) · B, once per row of `lam`."""

    @staticmethod
    def forward(
        ctx: Any,
        A: Tensor | None,
        Y: Tensor,
        M: Tensor | None,
        D: Tensor,
        C: Tensor,
        lam: Tensor,
        Sigma: Tensor,
        mass: Tensor,
    ) -> Tensor | None:
        linear = LinearStep(Y, M, D, C)
        weight = torch.sqrt(mass + WEIGHT_EPSILON).unsqueeze(-1)
        targets, training = _target_major(Sigma), any(ctx.needs_input_grad)
        codes: list[Tensor | None] = [A]
        norms: list[Tensor] = []
        for row in lam:
            Q, _ = linear.change(codes[-1])
            B, squares = fused(pointwise.squared, Q, training=training)(codes[-1], Q)
            norms.append(torch.bmm(targets, squares))
            codes.append(fused(pointwise.shrink, B, training=training)(B, norms[-1], row, weight))
        ctx.linear = linear
        ctx.save_for_backward(lam, Sigma, weight, *codes[:-1], *norms)
        return codes[-1]

    @staticmethod
    def backward(ctx: Any, dB: Tensor) -> tuple[Tensor | None, ...]:
        lam, Sigma, weight, *rest = ctx.saved_tensors
        linear: LinearStep = ctx.linear.with_gradients()
        dlam: list[Tensor] = []
        squares: list[Tensor] = []
        dnorms: list[Tensor] = []
        dweight: Tensor | int = 0
        dRD: Tensor | None = None
        # dB − dRD is the gradient of the codes after an iteration, at first the gradient of the result.
        for A, G, row in zip(rest[len(lam) - 1 :: -1], rest[: len(lam) - 1 : -1], reversed(lam), strict=True):
            Q, R = linear.change(A)
            backward = fused(pointwise.shrink_backward, Q, training=True)
            S, dG, dB, drow, dw = backward(dB, dRD, A, Q, G, row, weight)
            dweight = dweight + dw
            dlam.append(drow)
            squares.append(S)
            dnorms.append(dG)
            dB = fused(pointwise.norm_backward, Q, training=True)(dB, A, Q, torch.bmm(Sigma, dG))
            dRD = linear.backward(A, R, dB)
        dSigma = torch.bmm(torch.cat(squares, 2), torch.cat(dnorms, 2).transpose(1, 2))
        dmass = dweight / (2 * weight.squeeze(-1))
        dA = _gradient(A, dB, dRD)
        return dA, None, None, linear.dD, linear.dC, torch.stack(dlam[::-1]), dSigma, dmass


class CentralisedSteps(Function):
    """B as in `GroupSteps`, then A ← prox of λ(|·| + γ|· − β|) at B with β = Σᵀ A / mass, once per row of `lam`."""

    @staticmethod
    def forward(
        ctx: Any,
        A: Tensor | None,
        Y: Tensor,
        M: Tensor | None,
        D: Tensor,
        C: Tensor,
        lam: Tensor,
        Sigma: Tensor,
        mass: Tensor,
        gamma: Tensor,
    ) -> Tensor | None:
        linear = LinearStep(Y, M, D, C)
        targets, training = _target_major(Sigma), any(ctx.needs_input_grad)
        codes: list[Tensor | None] = [A]
        sums: list[Tensor] = []
        for row in lam:
            Q, _ = linear.change(codes[-1])
            before = codes[-1]
            sums.append(torch.zeros_like(Q) if before is None else torch.bmm(targets, before))
            codes.append(fused(pointwise.csr_step, Q, training=training)(before, Q, sums[-1], mass, row, gamma))
        ctx.linear = linear
        ctx.save_for_backward(lam, Sigma, mass, gamma, *codes[:-1], *sums)
        return codes[-1]

    @staticmethod
    def backward(ctx: Any, dB: Tensor) -> tuple[Tensor | None, ...]:
        lam, Sigma, mass, gamma, *rest = ctx.saved_tensors
        linear: LinearStep = ctx.linear.with_gradients()
        dmass, dgamma = torch.zeros_like(mass), torch.zeros_like(gamma)
        dlam: list[Tensor] = []
        sources: list[Tensor] = []
        dsums: list[Tensor] = []
        dRD: Tensor | None = None
        dA_H: Tensor | None = None
        # dB − dRD + dA_H is the gradient of the codes after an iteration, at first the gradient of the result.
        for A, H, row in zip(rest[len(lam) - 1 :: -1], rest[: len(lam) - 1 : -1], reversed(lam), strict=True):
            Q, R = linear.change(A)
            backward = fused(pointwise.csr_backward, Q, training=True)
            dB, dH, dm, drow, dg = backward(dB, dRD, dA_H, A, Q, H, mass, row, gamma)
            dmass, dgamma = dmass + dm, dgamma + dg
            dlam.append(drow)
            dRD = linear.backward(A, R, dB)
            if A is not None:
                sources.append(A)
                dsums.append(dH)
                dA_H = torch.bmm(Sigma, dH)
        dSigma = torch.bmm(torch.cat(sources, 2), torch.cat(dsums, 2).transpose(1, 2)) if sources else None
        dA = None if A is None or dA_H is None else pointwise.minus(dB, dRD) + dA_H
        return dA, None, None, linear.dD, linear.dC, torch.stack(dlam[::-1]), dSigma, dmass, dgamma


def _gradient(A: Tensor | None, dB: Tensor, dRD: Tensor | None) -> Tensor | None:
    return None if A is None else pointwise.minus(dB, dRD)


def _target_major(Sigma: Tensor) -> Tensor:
    """Σᵀ in the layout that products read fastest. On a CPU, products with a transposed matrix take twice the time."""
    if Sigma.is_cuda:
        return Sigma.transpose(1, 2)
    # Without the gap, rows at distances of a power of two share few sets of the cache when columns are read.
    apart = functional.pad(Sigma, (0, ROW_GAP))[..., : Sigma.shape[-1]]
    return apart.transpose(1, 2).contiguous()
