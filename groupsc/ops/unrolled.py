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

ROW_GAP = 32
"""Entries between the rows of a matrix that is about to be transposed."""


def soft_steps(A, Y, M, D, C, lam):
    """Steps with the ℓ1 penalty from codes A, one a row of `lam`; from A = None the first residual is masked too."""
    return SoftSteps.apply(A, *_aligned(Y, M, D, C), lam)


def group_steps(A, Y, M, D, C, lam, Sigma, mass):
    """Steps with the relaxed Group Lasso under fixed similarities; from A = None the first residual is not masked."""
    return GroupSteps.apply(A, *_aligned(Y, M, D, C), lam, Sigma, mass)


def csr_steps(A, Y, M, D, C, lam, Sigma, mass, gamma):
    """Steps with the centralised penalty under fixed similarities; from A = None the first residual is not masked."""
    return CentralisedSteps.apply(A, *_aligned(Y, M, D, C), lam, Sigma, mass, gamma)


def blended_similarity(Sigma, F, nu, mask, matmul_dtype):
    """(1 − ν) Σ + ν · mask · exp(−max(0, ‖F_s − F_t‖²)), and its mass; from Σ = None the second term with ν = 1.

    The mask (N, N) is that of the window, or holds weights of the sources.

    F (b, N, m) is already weighted by κ. Distances are computed in the type of F, the result is kept in `matmul_dtype`.
    """
    return BlendedSimilarity.apply(Sigma, functional.pad(F, (0, _missing(F, F.shape[-1]))), nu, mask, matmul_dtype)


class SoftSteps(Function):
    """A ← S_λ(A + Cᵀ(M ⊙ (Y − D A))), once a row of `lam`."""

    @staticmethod
    def forward(ctx, A, Y, M, D, C, lam):
        linear = LinearStep(Y, M, D, C, first_masked=True)
        codes = [A]
        for row in lam:
            Q, _ = linear.change(codes[-1])
            codes.append(fused(pointwise.soft_step, Q, training=any(ctx.needs_input_grad))(codes[-1], Q, row))
        ctx.linear = linear
        ctx.save_for_backward(lam, *codes)
        return codes[-1]

    @staticmethod
    def backward(ctx, dB):
        lam, *codes = ctx.saved_tensors
        linear, dlam, dQ = ctx.linear.with_gradients(), [], None
        for A, after, row in zip(codes[-2::-1], codes[:0:-1], reversed(lam), strict=True):
            dB, drow = fused(pointwise.soft_backward, dB, training=True)(dB, dQ, after, row)
            dlam.append(drow)
            dQ = linear.backward(A, linear.residual(A), dB)
        return _gradient(codes[0], dB, dQ), None, None, linear.dD, linear.dC, torch.stack(dlam[::-1])


class GroupSteps(Function):
    """B = A + Cᵀ(M ⊙ (Y − D A)), then A ← max(0, 1 − λ √mass / √(Σᵀ B²)) · B, once a row of `lam`."""

    @staticmethod
    def forward(ctx, A, Y, M, D, C, lam, Sigma, mass):
        linear = LinearStep(Y, M, D, C)
        weight = torch.sqrt(mass + WEIGHT_EPSILON).unsqueeze(-1)
        targets, training = _target_major(Sigma), any(ctx.needs_input_grad)
        codes, norms = [A], []
        for row in lam:
            Q, _ = linear.change(codes[-1])
            B, squares = fused(pointwise.squared, Q, training=training)(codes[-1], Q)
            norms.append(torch.bmm(targets, squares))
            codes.append(fused(pointwise.shrink, B, training=training)(B, norms[-1], row, weight))
        ctx.linear = linear
        ctx.save_for_backward(lam, Sigma, weight, *codes[:-1], *norms)
        return codes[-1]

    @staticmethod
    def backward(ctx, dB):
        lam, Sigma, weight, *rest = ctx.saved_tensors
        linear, dweight, dlam, squares, dnorms, dQ = ctx.linear.with_gradients(), 0, [], [], [], None
        for A, G, row in zip(rest[len(lam) - 1 :: -1], rest[: len(lam) - 1 : -1], reversed(lam), strict=True):
            Q, R = linear.change(A)
            backward = fused(pointwise.shrink_backward, Q, training=True)
            S, dG, dB, drow, dw = backward(dB, dQ, A, Q, G, row, weight)
            dweight = dweight + dw
            for kept, new in ((dlam, drow), (squares, S), (dnorms, dG)):
                kept.append(new)
            dB = fused(pointwise.norm_backward, Q, training=True)(dB, A, Q, torch.bmm(Sigma, dG))
            dQ = linear.backward(A, R, dB)
        dSigma = torch.bmm(torch.cat(squares, 2), torch.cat(dnorms, 2).transpose(1, 2))
        dmass = dweight / (2 * weight.squeeze(-1))
        dA = _gradient(A, dB, dQ)
        return dA, None, None, linear.dD, linear.dC, torch.stack(dlam[::-1]), dSigma, dmass


class CentralisedSteps(Function):
    """B as for GroupSteps, then A ← prox of λ(|·| + γ|· − β|) at B with β = Σᵀ A / mass, once a row of `lam`."""

    @staticmethod
    def forward(ctx, A, Y, M, D, C, lam, Sigma, mass, gamma):
        linear = LinearStep(Y, M, D, C)
        targets, training = _target_major(Sigma), any(ctx.needs_input_grad)
        codes, sums = [A], []
        for row in lam:
            Q, _ = linear.change(codes[-1])
            sums.append(torch.zeros_like(Q) if codes[-1] is None else torch.bmm(targets, codes[-1]))
            codes.append(fused(pointwise.csr_step, Q, training=training)(codes[-1], Q, sums[-1], mass, row, gamma))
        ctx.linear = linear
        ctx.save_for_backward(lam, Sigma, mass, gamma, *codes[:-1], *sums)
        return codes[-1]

    @staticmethod
    def backward(ctx, dB):
        lam, Sigma, mass, gamma, *rest = ctx.saved_tensors
        linear, dmass, dgamma, dlam, sources, dsums = ctx.linear.with_gradients(), 0, 0, [], [], []
        dQ = dS = None
        for A, H, row in zip(rest[len(lam) - 1 :: -1], rest[: len(lam) - 1 : -1], reversed(lam), strict=True):
            Q, R = linear.change(A)
            backward = fused(pointwise.csr_backward, Q, training=True)
            dB, dH, dm, drow, dg = backward(dB, dQ, dS, A, Q, H, mass, row, gamma)
            dmass, dgamma = dmass + dm, dgamma + dg
            dlam.append(drow)
            dQ = linear.backward(A, R, dB)
            if A is not None:
                sources.append(A)
                dsums.append(dH)
                dS = torch.bmm(Sigma, dH)
        dSigma = torch.bmm(torch.cat(sources, 2), torch.cat(dsums, 2).transpose(1, 2)) if sources else None
        dA = None if A is None else dB - dQ + dS
        return dA, None, None, linear.dD, linear.dC, torch.stack(dlam[::-1]), dSigma, dmass, dgamma


class BlendedSimilarity(Function):
    """Similarity of features, blended into the Σ before; see `blended_similarity`."""

    @staticmethod
    def forward(ctx, Sigma, F, nu, mask, matmul_dtype):
        gram = torch.bmm(F, F.transpose(1, 2))
        blend = fused(pointwise.blend, gram, training=any(ctx.needs_input_grad))
        blended, mass, fresh = blend(Sigma, gram, F.square().sum(-1), nu, mask, matmul_dtype)
        ctx.save_for_backward(Sigma, F, nu, blended if fresh is None else fresh)
        return blended, mass

    @staticmethod
    def backward(ctx, dSigma, dmass):
        Sigma, F, nu, fresh = ctx.saved_tensors
        T, dprevious, dnu = fused(pointwise.blend_backward, fresh, training=True)(Sigma, fresh, nu, dSigma, dmass)
        length = F.shape[-1]
        # Columns of ones make the products sum T, too.
        features = functional.pad(F.to(T.dtype), (0, 1 + _missing(F, length + 1)), value=1)
        spread = torch.bmm(T, features) + torch.bmm(T.transpose(1, 2), features)
        dF = spread[..., length, None] * F - spread[..., :length]
        return dprevious, 2 * dF, dnu, None, None


class LinearStep:
    """The linear half of a step, B = A + (M ⊙ (Y − A Dᵀ)) C, and its derivative; A = None stands for zero codes."""

    def __init__(self, Y, M, D, C, *, first_masked: bool = False):
        self.Y, self.M, self.D, self.C, self.first_masked = Y, M, D, C, first_masked

    def residual(self, A: Tensor | None) -> Tensor:
        if A is None:
            return self.Y * self.M if self.M is not None and self.first_masked else self.Y
        R = _add_product(self.Y, A, self.D.T, alpha=-1)
        return R if self.M is None else R * self.M

    def advance(self, A: Tensor, *, begun: bool) -> None:
        """A ← B in place, for A (N, p) and Y of one image; codes that have not begun are zero and are not read."""
        R = self.residual(A[None] if begun else None)[0]
        torch.addmm(A, R, self.C, beta=1 if begun else 0, out=A)

    def change(self, A: Tensor | None) -> tuple[Tensor, Tensor]:
        """Q = B − A and the residual R that it came from."""
        R = self.residual(A)
        return R @ self.C, R

    def with_gradients(self) -> LinearStep:
        """The same step with empty gradients dD and dC, which add up over the calls of `backward`."""
        step = LinearStep(self.Y, self.M, self.D, self.C, first_masked=self.first_masked)
        step.dD, step.dC = (torch.zeros_like(x, dtype=wide(x)) for x in (self.D, self.C))
        return step

    def backward(self, A: Tensor | None, R: Tensor, dB: Tensor) -> Tensor | None:
        """dQ of the gradient dA = dB − dQ (None for zero codes)."""
        self.dC += R.flatten(0, 1).T @ dB.flatten(0, 1)
        if A is None:
            return None
        dR = dB @ self.C.T
        if self.M is not None:
            dR = dR * self.M
        self.dD -= dR.flatten(0, 1).T @ A.flatten(0, 1)
        return dR @ self.D


def _add_product(x: Tensor, y: Tensor, matrix: Tensor, *, alpha: int = 1) -> Tensor:
    return torch.addmm(x.flatten(0, 1), y.flatten(0, 1), matrix, alpha=alpha).view(x.shape)


def _gradient(A: Tensor | None, dB: Tensor, dQ: Tensor | None) -> Tensor | None:
    return None if A is None else dB - dQ


def _target_major(Sigma: Tensor) -> Tensor:
    """Σᵀ as products read it fastest: on a CPU, products with a transposed matrix take twice the time."""
    if Sigma.is_cuda:
        return Sigma.transpose(1, 2)
    # Rows a power of two apart would fall into the same few sets of the cache as columns are read.
    apart = functional.pad(Sigma, (0, ROW_GAP))[..., : Sigma.shape[-1]]
    return apart.transpose(1, 2).contiguous()


def _aligned(Y, M, D, C):
    """Y, M, D and C with patches padded with zeros to the length that the matrix units want."""
    extra = _missing(D, D.shape[0])
    Y, M = (x if x is None else functional.pad(x, (0, extra)) for x in (Y, M))
    D, C = (functional.pad(x, (0, 0, 0, extra)) for x in (D, C))
    return Y, M, D, C


def _missing(x: Tensor, length: int) -> int:
    """Zeros that bring `length` to a multiple of 8, below which the matrix units of a GPU are slow."""
    return -length % 8 if x.is_cuda else 0
