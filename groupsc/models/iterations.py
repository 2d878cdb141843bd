"""The iterations of the coder and the update of its similarity, on two paths with the same results.

`PlainPath` uses the proximal operators of `groupsc.models.penalties` and is differentiated by torch. `FastPath` uses
`groupsc.ops.unrolled` and `groupsc.ops.similarity_update`. Symbols as in `groupsc.models.coder`; B codes before a
shrinkage, R residual, lam one row of Λ.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

import torch
from torch import Tensor

from groupsc.models.penalties import Centralised, Penalty
from groupsc.models.similarity import similarity
from groupsc.ops import unrolled
from groupsc.ops.similarity_update import blended_similarity

FAST_STEPS: dict[str, Callable[..., Tensor]] = {
    "l1": unrolled.soft_steps,
    "csr": unrolled.csr_steps,
    "group": unrolled.group_steps,
}
"""Iterations of the fast path, by penalty; other penalties use the plain path."""


def plain(
    A: Tensor | None,
    Y: Tensor,
    M: Tensor | None,
    D: Tensor,
    C: Tensor,
    thresholds: Tensor,
    Sigma: Tensor | None,
    penalty: Penalty,
) -> Tensor:
    """Iterate A ← prox(A + Cᵀ(M ⊙ (Y − D A))) on the plain path (Algorithm 1, equation 16).

    Parameters
    ----------
    A : Tensor (b, N, p) or None
        Codes before; None stands for zeros.
    Y, M : Tensor (b, N, m)
        Centred patches, and their mask or None.
    D, C : Tensor (m, p)
    thresholds : Tensor (k, p), or (k, b, 1, p)
        One row per iteration, at least one.
    Sigma : Tensor (b, N, N) or None
        Similarity matrix; None for a penalty that is not non-local.
    penalty : Penalty

    Returns
    -------
    Tensor (b, N, p)
        Codes after k iterations.

    Examples
    --------
    >>> from groupsc.models.penalties import L1
    >>> Y, D = torch.tensor([[[2.0, 0.1]]]), torch.eye(2)
    >>> plain(None, Y, None, D, D, torch.tensor([[0.5, 0.5]]), None, L1())
    tensor([[[1.5000, 0.0000]]])
    """
    for lam in thresholds:
        B = before_shrinkage(A, Y, M, D, C, first_masked=penalty.first_step_masked)
        A = penalty.prox(B, A if penalty.nonlocal_ else None, lam, Sigma)
    assert A is not None  # There is at least one iteration.
    return A


def before_shrinkage(
    A: Tensor | None, Y: Tensor, M: Tensor | None, D: Tensor, C: Tensor, *, first_masked: bool
) -> Tensor:
    """Return B = A + Cᵀ(M ⊙ (Y − D A)), the codes before the proximal operator (equation 16).

    With A = None, codes are zero, and M is used only if `first_masked`. Other parameters as for `plain`.
    """
    R = Y if A is None else Y - A @ D.T
    if M is not None and (A is not None or first_masked):
        R = M * R
    return R @ C if A is None else A + R @ C


class IterationPath(Protocol):
    """One way to compute Algorithm 1 for a batch of images, which keeps the similarity matrix between the calls."""

    @property
    def Sigma(self) -> Tensor | None: ...

    def update(self, F: Tensor, nu: Tensor | None, inside: Tensor) -> None: ...

    def iterate(self, A: Tensor | None, thresholds: Tensor) -> Tensor: ...


class PlainPath:
    """Algorithm 1 by plain operations, in the type of the image.

    Parameters
    ----------
    Y, M : Tensor (b, N, m)
        Centred patches, and their mask or None.
    D, C : Tensor (m, p)
    penalty : Penalty

    Attributes
    ----------
    Sigma : Tensor (b, N, N) or None
        Similarity matrix; None before the first update.

    Examples
    --------
    >>> from groupsc.models.penalties import GroupLasso
    >>> Y, D = torch.tensor([[[2.0, 0.1]]]), torch.eye(2)
    >>> path = PlainPath(Y, None, D, D, GroupLasso())
    >>> path.update(Y, None, torch.ones(1, 1))
    >>> path.iterate(None, torch.tensor([[0.5, 0.5]]))
    tensor([[[1.5000, 0.0000]]])
    """

    def __init__(self, Y: Tensor, M: Tensor | None, D: Tensor, C: Tensor, penalty: Penalty):
        self.Y, self.M, self.D, self.C, self.penalty = Y, M, D, C, penalty
        self.Sigma: Tensor | None = None

    def update(self, F: Tensor, nu: Tensor | None, inside: Tensor) -> None:
        """Update Σ ← (1 − ν) Σ + ν · the similarity of features (section 3.3).

        Parameters
        ----------
        F : Tensor (b, N, m)
            Features, already multiplied by κ.
        nu : Tensor () or None
            Weight ν; None for the first similarity.
        inside : Tensor (N, N)
            Pairs within the window, or weights of the sources.
        """
        fresh = similarity(F, inside)
        self.Sigma = fresh if nu is None or self.Sigma is None else (1 - nu) * self.Sigma + nu * fresh

    def iterate(self, A: Tensor | None, thresholds: Tensor) -> Tensor:
        """Codes after one iteration per row of `thresholds`; see `plain`."""
        return plain(A, self.Y, self.M, self.D, self.C, thresholds, self.Sigma, self.penalty)


class FastPath:
    """Algorithm 1 with hand-written derivatives, and matrix products in a type of its own.

    Parameters
    ----------
    Y, M, D, C, penalty
        As for `PlainPath`.
    steps : callable
        The iterations, one of `FAST_STEPS`.
    matmul_dtype : torch.dtype

    Attributes
    ----------
    Sigma : Tensor (b, N, N) or None
        As for `PlainPath`, in `matmul_dtype`.

    Examples
    --------
    >>> from groupsc.models.penalties import L1
    >>> Y, D = torch.tensor([[[2.0, 0.1]]]), torch.eye(2)
    >>> path = FastPath(Y, None, D, D, L1(), FAST_STEPS["l1"], torch.float32)
    >>> path.iterate(None, torch.tensor([[0.5, 0.5]]))
    tensor([[[1.5000, 0.0000]]])
    """

    def __init__(
        self,
        Y: Tensor,
        M: Tensor | None,
        D: Tensor,
        C: Tensor,
        penalty: Penalty,
        steps: Callable[..., Tensor],
        matmul_dtype: torch.dtype,
    ):
        self.Y, self.D, self.C, self.steps, self.matmul_dtype = Y, D, C, steps, matmul_dtype
        self.M = None if M is None else M.to(matmul_dtype)
        self.gamma = (penalty.gamma,) if isinstance(penalty, Centralised) else ()
        self.Sigma: Tensor | None = None
        self.mass: Tensor | None = None

    def update(self, F: Tensor, nu: Tensor | None, inside: Tensor) -> None:
        """Update Σ and its column sums, as `PlainPath.update` does."""
        self.Sigma, self.mass = blended_similarity(self.Sigma, F, nu, inside, self.matmul_dtype)

    def iterate(self, A: Tensor | None, thresholds: Tensor) -> Tensor:
        """Codes (b, N, p) in `matmul_dtype` after one iteration per row of `thresholds`."""
        # Converted in every call, so that the gradients of the calls are added in the type of the parameters.
        Y, D, C = (x.to(self.matmul_dtype) for x in (self.Y, self.D, self.C))
        sums = () if self.Sigma is None else (self.Sigma, self.mass)
        return self.steps(A, Y, self.M, D, C, thresholds, *sums, *self.gamma)
