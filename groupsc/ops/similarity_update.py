"""The similarity matrix of the fast path and its update, with hand-written derivatives (section 3.3, equation 14).

The results are those of `groupsc.models.similarity`; the tests compare both.

Symbols: F features, already multiplied by κ, (b, N, m); Sigma similarity matrix Σ (b, N, N) [source, target]; `fresh`
the similarity matrix of the features alone; `mass` column sums of Σ (b, N); nu the weight ν of `fresh` in the update.
The prefix d denotes the gradient of the loss; T is the gradient of the squared distances.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor
from torch.autograd import Function
from torch.nn import functional

from groupsc.ops.compilation import fused
from groupsc.ops.linear_step import padding


def blended_similarity(
    Sigma: Tensor | None, F: Tensor, nu: Tensor | None, mask: Tensor, matmul_dtype: torch.dtype
) -> tuple[Tensor, Tensor]:
    """Similarity matrix of features, averaged with the similarity matrix before (section 3.3).

    Parameters
    ----------
    Sigma, nu : Tensor (b, N, N), Tensor (), or None
        Similarity matrix before, and the weight ν of the new one, in [0, 1].
    F : Tensor (b, N, m)
        Features, already multiplied by κ. Distances are computed in their type.
    mask : Tensor (N, N)
        Pairs within the window, or weights of the sources.
    matmul_dtype : torch.dtype
        Type in which the result is stored.

    Returns
    -------
    Sigma : Tensor (b, N, N)
        (1 − ν) Σ + ν · mask · exp(−max(0, ‖F_s − F_t‖²)); for Σ = None the second term with ν = 1.
    mass : Tensor (b, N)

    Examples
    --------
    >>> blended_similarity(None, torch.tensor([[[0.0], [1.0]]]), None, torch.ones(2, 2), torch.float32)[1]
    tensor([[1.3679, 1.3679]])
    """
    features = functional.pad(F, (0, padding(F, F.shape[-1])))
    apply: Callable[..., tuple[Tensor, Tensor]] = BlendedSimilarity.apply
    return apply(Sigma, features, nu, mask, matmul_dtype)


class BlendedSimilarity(Function):
    """Similarity matrix of features, averaged with the one before; see `blended_similarity`."""

    @staticmethod
    def forward(
        ctx: Any, Sigma: Tensor | None, F: Tensor, nu: Tensor | None, mask: Tensor, matmul_dtype: torch.dtype
    ) -> tuple[Tensor, Tensor]:
        gram = torch.bmm(F, F.transpose(1, 2))
        compiled = fused(blend, gram, training=any(ctx.needs_input_grad))
        blended, mass, fresh = compiled(Sigma, gram, F.square().sum(-1), nu, mask, matmul_dtype)
        ctx.save_for_backward(Sigma, F, nu, blended if fresh is None else fresh)
        return blended, mass

    @staticmethod
    def backward(ctx: Any, dSigma: Tensor, dmass: Tensor) -> tuple[Tensor | None, ...]:
        Sigma, F, nu, fresh = ctx.saved_tensors
        T, dprevious, dnu = fused(blend_backward, fresh, training=True)(Sigma, fresh, nu, dSigma, dmass)
        length = F.shape[-1]
        # A column of ones adds the row and column sums of T to the products.
        features = functional.pad(F.to(T.dtype), (0, 1 + padding(F, length + 1)), value=1)
        spread = torch.bmm(T, features) + torch.bmm(T.transpose(1, 2), features)
        dF = spread[..., length, None] * F - spread[..., :length]
        return dprevious, 2 * dF, dnu, None, None


def blend(
    Sigma: Tensor | None, gram: Tensor, norms: Tensor, nu: Tensor | None, mask: Tensor, matmul_dtype: torch.dtype
) -> tuple[Tensor, Tensor, Tensor | None]:
    """Similarity matrix of features, averaged with the similarity matrix before (section 3.3, equation 14).

    Parameters
    ----------
    Sigma : Tensor (b, N, N) or None
        Similarity matrix before.
    gram, norms : Tensor (b, N, N), Tensor (b, N)
        Scalar products and squared norms of the features.
    nu : Tensor () or None
        Weight ν of the new similarity matrix, in [0, 1].
    mask : Tensor (N, N)
        Pairs within the window, or weights of the sources.
    matmul_dtype : torch.dtype

    Returns
    -------
    blended : Tensor (b, N, N)
        (1 − ν) Σ + ν · mask · exp(−d), in `matmul_dtype`; for Σ = None the second term with ν = 1.
    mass : Tensor (b, N)
        Column sums of `blended`.
    fresh : Tensor (b, N, N) or None
        mask · exp(−d) in `matmul_dtype`; None when it equals `blended`.
    """
    distance = norms[:, :, None] + norms[:, None, :] - 2 * gram
    fresh = torch.exp(-torch.relu(distance)) * mask
    if Sigma is None or nu is None:
        blended = fresh.to(matmul_dtype)
        return blended, blended.sum(1, dtype=norms.dtype), None
    blended = torch.lerp(Sigma.to(fresh.dtype), fresh, nu).to(matmul_dtype)
    return blended, blended.sum(1, dtype=norms.dtype), fresh.to(matmul_dtype)


def blend_backward(
    Sigma: Tensor | None, fresh: Tensor, nu: Tensor | None, dSigma: Tensor, dmass: Tensor
) -> tuple[Tensor, Tensor | None, Tensor | None]:
    """Gradients of the distances, of the Σ before (both (b, N, N)) and of ν, for `blend`; None for what `blend` lacks.

    Where a distance is zero, the two features are equal, and its gradient has no effect on them.
    """
    fresh_wide = fresh.to(dmass.dtype)
    total = dSigma.to(dmass.dtype) + dmass[:, None, :]
    T = -fresh_wide * total
    if Sigma is None or nu is None:
        return T.to(dSigma.dtype), None, None
    dnu = ((fresh_wide - Sigma.to(dmass.dtype)) * total).sum((1, 2)).sum()
    return (nu * T).to(dSigma.dtype), ((1 - nu) * total).to(dSigma.dtype), dnu
