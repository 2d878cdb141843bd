"""Stability of the unrolled iterations.

Symbols: D dictionary, C encoder, (m, p).
"""

from __future__ import annotations

import torch
from torch import Tensor


def spectral_radius(D: Tensor, C: Tensor) -> float:
    """ρ(I − D Cᵀ), the factor by which an iteration multiplies the residual where the shrinkage changes little.

    Above 1 large codes grow with every iteration (`groupsc.training.contrast`). Mosaics measure a third of each patch,
    so that their encoder is larger and this number about 4.5 without harm.

    Parameters
    ----------
    D, C : Tensor (m, p)

    Examples
    --------
    >>> D = torch.eye(3)
    >>> round(spectral_radius(D, 0.25 * D), 6)
    0.75
    """
    step = torch.eye(len(D), dtype=torch.float64) - D.detach().cpu().double() @ C.detach().cpu().double().T
    return torch.linalg.eigvals(step).abs().max().item() if step.isfinite().all() else float("inf")
