"""The linear part of an unrolled iteration, and its derivative.

Symbols as in `groupsc.ops.unrolled`.
"""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional

from groupsc.ops.pointwise import wide
from groupsc.ops.workers import Scratch


class LinearStep:
    """Linear part of an iteration, B = A + (M ⊙ (Y − A Dᵀ)) C (equation 16), and its derivative.

    With `first_masked`, the residual of zero codes (A = None) is masked as well.
    """

    dD: Tensor
    dC: Tensor

    def __init__(self, Y: Tensor, M: Tensor | None, D: Tensor, C: Tensor, *, first_masked: bool = False):
        self.Y, self.M, self.D, self.C, self.first_masked = Y, M, D, C, first_masked

    def residual(self, A: Tensor | None, out: Tensor | None = None) -> Tensor:
        """R = M ⊙ (Y − A Dᵀ), (b, N, m), in the memory of `out` (b·N, m) if given and A is not None."""
        if A is None:
            return self.Y * self.M if self.M is not None and self.first_masked else self.Y
        R = _add_product(self.Y, A, self.D.T, alpha=-1, out=out)
        return R if self.M is None else R.mul_(self.M)

    def advance(self, A: Tensor, scratch: Scratch, *, begun: bool) -> None:
        """Replace A (N, p) of one image by B in place; with `begun` = False, A counts as zero and is not read."""
        out = scratch.empty("residual", self.Y.shape[1:], self.Y) if begun else None
        R = self.residual(A[None] if begun else None, out)[0]
        torch.addmm(A, R, self.C, beta=1 if begun else 0, out=A)

    def change(self, A: Tensor | None) -> tuple[Tensor, Tensor]:
        """Q = B − A (b, N, p), and the residual R (b, N, m) from which it is computed."""
        R = self.residual(A)
        return R @ self.C, R

    def with_gradients(self) -> LinearStep:
        """A copy with gradients dD and dC that are zero; each call of `backward` adds to them."""
        step = LinearStep(self.Y, self.M, self.D, self.C, first_masked=self.first_masked)
        step.dD, step.dC = (torch.zeros_like(x, dtype=wide(x)) for x in (self.D, self.C))
        return step

    def backward(self, A: Tensor | None, R: Tensor, dB: Tensor) -> Tensor | None:
        """Add the gradients of D and C to dD and dC; return dRD, which gives dA = dB − dRD, or None for zero codes."""
        self.dC += R.flatten(0, 1).T @ dB.flatten(0, 1)
        if A is None:
            return None
        dR = dB @ self.C.T
        if self.M is not None:
            dR = dR * self.M
        self.dD -= dR.flatten(0, 1).T @ A.flatten(0, 1)
        return dR @ self.D


def _add_product(x: Tensor, y: Tensor, matrix: Tensor, *, alpha: int = 1, out: Tensor | None = None) -> Tensor:
    return torch.addmm(x.flatten(0, 1), y.flatten(0, 1), matrix, alpha=alpha, out=out).view(x.shape)


def aligned(Y: Tensor, M: Tensor | None, D: Tensor, C: Tensor) -> tuple[Tensor, Tensor | None, Tensor, Tensor]:
    """Y, M, D and C with patches padded by zeros to a length that suits the matrix units of a GPU."""
    extra = padding(D, D.shape[0])
    if not extra:
        return Y, M, D, C
    D, C = (functional.pad(x, (0, 0, 0, extra)) for x in (D, C))
    return functional.pad(Y, (0, extra)), None if M is None else functional.pad(M, (0, extra)), D, C


def padding(x: Tensor, length: int) -> int:
    """Number of zeros that bring `length` to a multiple of 8; other lengths are slow on the matrix units of a GPU."""
    return -length % 8 if x.is_cuda else 0
