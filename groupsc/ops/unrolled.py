"""Unrolled steps and similarities with hand-written derivatives: the fast path of the coder.

The arithmetic is that of `groupsc.models.penalties` and `groupsc.models.similarity`, which the tests hold it against.
Three things make it fast: matrix products in a type of the caller's choice (bfloat16 where the machine multiplies it
fast), few tensors kept for the backward pass (the codes of each step and one sum over similar patches; the rest is
computed again), and pointwise chains compiled to single kernels.

Symbols: Y centred patches (b, N, m); M mask of measured entries (b, N, m) or None; A, B codes after and before a
shrinkage (b, N, p); D, C dictionary and encoder (m, p); lam thresholds Λ, one row a step, (k, p), or (k, b, 1, p) where
every sample has its own; Sigma Σ (b, N, N) [source, target]; mass = Σ_s Σ[s, t] (b, N); G = Σᵀ B² squared group norms,
H = Σᵀ A summed codes of similar patches (b, N, p). A prefixed d is the gradient of the loss.
"""

from __future__ import annotations

import torch
from torch import Tensor
from torch.autograd import Function
from torch.nn import functional

from groupsc.ops import pointwise
from groupsc.ops.pointwise import fused, wide
from groupsc.ops.prox import WEIGHT_EPSILON


def soft_steps(A, Y, M, D, C, lam):
    """Steps with the ℓ1 penalty from codes A, one a row of `lam`; from A = None the first residual is masked too."""
    return SoftSteps.apply(A, *_aligned(Y, M, D, C), lam)


def group_steps(A, Y, M, D, C, lam, Sigma, mass):
    """Steps with the relaxed Group Lasso under fixed similarities; from A = None the first residual is not masked."""
    return GroupSteps.apply(A, *_aligned(Y, M, D, C), lam, Sigma, mass)


def csr_steps(A, Y, M, D, C, lam, Sigma, mass, gamma):
    """Steps with the centralised penalty under fixed similarities; from A = None the first residual is not masked."""
    return CentralisedSteps.apply(A, *_aligned(Y, M, D, C), lam, Sigma, mass, gamma)


def blended_similarity(Sigma, F, nu, mask, products):
    """(1 − ν) Σ + ν exp(−max(0, ‖F_s − F_t‖²)) inside `mask`, and its mass; from Σ = None the exponential alone.

    F (b, N, m) is already weighted by κ. Distances are computed in the type of F, the result is kept in `products`.
    """
    return BlendedSimilarity.apply(Sigma, functional.pad(F, (0, _missing(F, F.shape[-1]))), nu, mask, products)


class SoftSteps(Function):
    """A ← S_λ(A + Cᵀ(M ⊙ (Y − D A))), once a row of `lam`."""

    @staticmethod
    def forward(ctx, A, Y, M, D, C, lam):
        linear = LinearStep(Y, M, D, C, first_masked=True)
        codes = [A]
        for row in lam:
            B, _ = linear(codes[-1])
            codes.append(fused(pointwise.soft, B, training=any(ctx.needs_input_grad))(B, row))
        ctx.linear = linear
        ctx.save_for_backward(lam, *codes)
        return codes[-1]

    @staticmethod
    def backward(ctx, dA):
        lam, *codes = ctx.saved_tensors
        linear, dlam = ctx.linear.with_gradients(), []
        for A, after, row in zip(codes[-2::-1], codes[:0:-1], reversed(lam), strict=True):
            dB, drow = fused(pointwise.soft_backward, dA, training=True)(dA, after, row)
            dlam.append(drow)
            dA = linear.backward(A, linear.residual(A), dB)
        return dA, None, None, linear.dD, linear.dC, torch.stack(dlam[::-1])


class GroupSteps(Function):
    """B = A + Cᵀ(M ⊙ (Y − D A)), then A ← max(0, 1 − λ √mass / √(Σᵀ B²)) · B, once a row of `lam`."""

    @staticmethod
    def forward(ctx, A, Y, M, D, C, lam, Sigma, mass):
        linear = LinearStep(Y, M, D, C)
        weight = torch.sqrt(mass + WEIGHT_EPSILON).unsqueeze(-1)
        codes, norms = [A], []
        for row in lam:
            B, _ = linear(codes[-1])
            norms.append(torch.bmm(Sigma.transpose(1, 2), B.square()))
            codes.append(fused(pointwise.shrink, B, training=any(ctx.needs_input_grad))(B, norms[-1], row, weight))
        ctx.linear = linear
        ctx.save_for_backward(lam, Sigma, weight, *codes[:-1], *norms)
        return codes[-1]

    @staticmethod
    def backward(ctx, dA):
        lam, Sigma, weight, *rest = ctx.saved_tensors
        linear, dweight, dlam, squares, dnorms = ctx.linear.with_gradients(), 0, [], [], []
        for A, G, row in zip(rest[len(lam) - 1 :: -1], rest[: len(lam) - 1 : -1], reversed(lam), strict=True):
            B, R = linear(A)
            S, dG, dB, drow, dw = fused(pointwise.shrink_backward, B, training=True)(dA, B, G, row, weight)
            dweight = dweight + dw
            for kept, new in ((dlam, drow), (squares, S), (dnorms, dG)):
                kept.append(new)
            dB = fused(pointwise.norm_backward, B, training=True)(dB, B, torch.bmm(Sigma, dG))
            dA = linear.backward(A, R, dB)
        dSigma = torch.bmm(torch.cat(squares, 2), torch.cat(dnorms, 2).transpose(1, 2))
        dmass = dweight / (2 * weight.squeeze(-1))
        return dA, None, None, linear.dD, linear.dC, torch.stack(dlam[::-1]), dSigma, dmass


class CentralisedSteps(Function):
    """B as for GroupSteps, then A ← prox of λ(|·| + γ|· − β|) at B with β = Σᵀ A / mass, once a row of `lam`."""

    @staticmethod
    def forward(ctx, A, Y, M, D, C, lam, Sigma, mass, gamma):
        linear = LinearStep(Y, M, D, C)
        codes, sums = [A], []
        for row in lam:
            B, _ = linear(codes[-1])
            sums.append(torch.zeros_like(B) if codes[-1] is None else torch.bmm(Sigma.transpose(1, 2), codes[-1]))
            codes.append(fused(pointwise.csr, B, training=any(ctx.needs_input_grad))(B, sums[-1], mass, row, gamma))
        ctx.linear = linear
        ctx.save_for_backward(lam, Sigma, mass, gamma, *codes[:-1], *sums)
        return codes[-1]

    @staticmethod
    def backward(ctx, dA):
        lam, Sigma, mass, gamma, *rest = ctx.saved_tensors
        linear, dmass, dgamma, dlam, sources, dsums = ctx.linear.with_gradients(), 0, 0, [], [], []
        for A, H, row in zip(rest[len(lam) - 1 :: -1], rest[: len(lam) - 1 : -1], reversed(lam), strict=True):
            B, R = linear(A)
            dB, dH, dm, drow, dg = fused(pointwise.csr_backward, B, training=True)(dA, B, H, mass, row, gamma)
            dmass, dgamma = dmass + dm, dgamma + dg
            dlam.append(drow)
            dA = linear.backward(A, R, dB)
            if A is not None:
                sources.append(A)
                dsums.append(dH)
                dA = dA + torch.bmm(Sigma, dH)
        dSigma = torch.bmm(torch.cat(sources, 2), torch.cat(dsums, 2).transpose(1, 2)) if sources else None
        return dA, None, None, linear.dD, linear.dC, torch.stack(dlam[::-1]), dSigma, dmass, dgamma


class BlendedSimilarity(Function):
    """Similarity of features, blended into the Σ before; see `blended_similarity`."""

    @staticmethod
    def forward(ctx, Sigma, F, nu, mask, products):
        gram = _gram(F)
        blend = fused(pointwise.blend, gram, training=any(ctx.needs_input_grad))
        blended, mass = blend(Sigma, gram, F.square().sum(-1), nu, mask, products)
        ctx.save_for_backward(Sigma, F, nu, mask)
        return blended, mass

    @staticmethod
    def backward(ctx, dSigma, dmass):
        Sigma, F, nu, mask = ctx.saved_tensors
        gram = _gram(F)
        backward = fused(pointwise.blend_backward, gram, training=True)
        T, dprevious, dnu = backward(Sigma, gram, F.square().sum(-1), nu, mask, dSigma, dmass)
        T_sum = T.sum(1, dtype=F.dtype) + T.sum(2, dtype=F.dtype)
        features = F.to(T.dtype)
        spread = torch.bmm(T, features) + torch.bmm(T.transpose(1, 2), features)
        return dprevious, 2 * (T_sum.unsqueeze(-1) * F - spread), dnu, None, None


class LinearStep:
    """The linear half of a step, B = A + (M ⊙ (Y − A Dᵀ)) C, and its derivative; A = None stands for zero codes."""

    def __init__(self, Y, M, D, C, *, first_masked: bool = False):
        self.Y, self.M, self.D, self.C, self.first_masked = Y, M, D, C, first_masked

    def residual(self, A: Tensor | None) -> Tensor:
        if A is None:
            return self.Y * self.M if self.M is not None and self.first_masked else self.Y
        R = _add_product(self.Y, A, self.D.T, alpha=-1)
        return R if self.M is None else R * self.M

    def __call__(self, A: Tensor | None) -> tuple[Tensor, Tensor]:
        """B and the residual R that it came from."""
        R = self.residual(A)
        return (R @ self.C if A is None else _add_product(A, R, self.C)), R

    def with_gradients(self) -> LinearStep:
        """The same step with empty gradients dD and dC, which add up over the calls of `backward`."""
        step = LinearStep(self.Y, self.M, self.D, self.C, first_masked=self.first_masked)
        step.dD, step.dC = (torch.zeros_like(x, dtype=wide(x)) for x in (self.D, self.C))
        return step

    def backward(self, A: Tensor | None, R: Tensor, dB: Tensor) -> Tensor | None:
        """Gradient of A (None for zero codes)."""
        self.dC += R.flatten(0, 1).T @ dB.flatten(0, 1)
        if A is None:
            return None
        dR = dB @ self.C.T
        if self.M is not None:
            dR = dR * self.M
        self.dD -= dR.flatten(0, 1).T @ A.flatten(0, 1)
        return _add_product(dB, dR, self.D, alpha=-1)


def _add_product(x: Tensor, y: Tensor, matrix: Tensor, *, alpha: int = 1) -> Tensor:
    return torch.addmm(x.flatten(0, 1), y.flatten(0, 1), matrix, alpha=alpha).view(x.shape)


def _gram(F: Tensor) -> Tensor:
    return torch.bmm(F, F.transpose(1, 2))


def _aligned(Y, M, D, C):
    """Y, M, D and C with patches padded with zeros to the length that the matrix units want."""
    extra = _missing(D, D.shape[0])
    Y, M = (x if x is None else functional.pad(x, (0, extra)) for x in (Y, M))
    D, C = (functional.pad(x, (0, 0, 0, extra)) for x in (D, C))
    return Y, M, D, C


def _missing(x: Tensor, length: int) -> int:
    """Zeros that bring `length` to a multiple of 8, below which the matrix units of a GPU are slow."""
    return -length % 8 if x.is_cuda else 0
