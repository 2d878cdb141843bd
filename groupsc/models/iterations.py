"""The iterations of the coder and the update of its similarity, on two paths with the same results.

The plain path uses the proximal operators of `groupsc.models.penalties` and is differentiated by torch. The fast path
(`groupsc.ops.unrolled`, `groupsc.ops.similarity_update`) has hand-written derivatives, and matrix products in a type of
its own. Symbols as in `groupsc.models.coder`; B codes before a shrinkage, R residual, F features, lam one row of Λ.
"""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

from groupsc.models.penalties import Penalty
from groupsc.models.similarity import similarity
from groupsc.ops import unrolled
from groupsc.ops.similarity_update import blended_similarity

FAST_STEPS: dict[str, Callable[..., Tensor]] = {
    "l1": unrolled.soft_steps,
    "csr": unrolled.csr_steps,
    "group": unrolled.group_steps,
}
"""Iterations of the fast path, by penalty; other penalties use the plain path."""

Similarities = Tensor | tuple[Tensor, Tensor]
"""Σ of the plain path; Σ and its column sums of the fast path."""


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


def refreshed(
    similarities: Similarities | None,
    F: Tensor,
    nu: Tensor | None,
    inside: Tensor,
    matmul_dtype: torch.dtype | None,
) -> Similarities:
    """Update Σ ← (1 − ν) Σ + ν · the similarity of features (section 3.3).

    Parameters
    ----------
    similarities : Tensor (b, N, N), (Tensor (b, N, N), Tensor (b, N)) or None
        Σ before, on the fast path with its column sums; None for the first similarity.
    F : Tensor (b, N, m)
        Features, already multiplied by κ.
    nu : Tensor () or None
        Weight ν; None for the first similarity.
    inside : Tensor (N, N)
        Pairs within the window, or weights of the sources.
    matmul_dtype : torch.dtype or None
        Type of the matrix products of the fast path; None for the plain path.

    Returns
    -------
    Tensor (b, N, N), or (Tensor (b, N, N), Tensor (b, N))

    Examples
    --------
    >>> refreshed(None, torch.tensor([[[0.0], [1.0]]]), None, torch.ones(2, 2), None)
    tensor([[[1.0000, 0.3679],
             [0.3679, 1.0000]]])
    """
    if matmul_dtype is not None:
        before = similarities[0] if isinstance(similarities, tuple) else None
        return blended_similarity(before, F, nu, inside, matmul_dtype)
    fresh = similarity(F, inside)
    return fresh if nu is None or not isinstance(similarities, Tensor) else (1 - nu) * similarities + nu * fresh
