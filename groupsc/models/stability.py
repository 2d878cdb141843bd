"""Stability of the unrolled iterations.

Symbols: D dictionary, C encoder, (m, p).
"""

from __future__ import annotations

import torch
from torch import Tensor


def spectral_radius(D: Tensor, C: Tensor) -> float:
    """Spectral radius ρ(I − D Cᵀ).

    It is the factor by which an iteration multiplies the residual when the shrinkage changes little.
    Above 1, large codes grow in every iteration (`groupsc.training.contrast`). Mosaics measure one third of each patch;
    their encoder is therefore larger, and values up to 5.4 are harmless.

    Parameters
    ----------
    D, C : Tensor (m, p)

    Returns
    -------
    float
        Infinite when D or C is not finite.

    Examples
    --------
    >>> D = torch.eye(3)
    >>> round(spectral_radius(D, 0.25 * D), 6)
    0.75
    """
    step = torch.eye(len(D), dtype=torch.float64) - D.detach().cpu().double() @ C.detach().cpu().double().T
    return torch.linalg.eigvals(step).abs().max().item() if step.isfinite().all() else float("inf")
