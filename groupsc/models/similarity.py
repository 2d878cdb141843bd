"""Similarities between the patches of one block, as dense matrices (section 3.3, equation 14).

Symbols: F features of the patches as rows, weighted by κ, (b, N, m); Sigma Σ, (b, N, N) [source, target], 0 outside the
window.
"""

from __future__ import annotations

import torch
from torch import Tensor

from groupsc.ops.window import within


def window_mask(rows: int, columns: int, window: int, stride: int = 1, *, device=None) -> Tensor:
    """Which source lies in the window of which target, bool (N, N) [source, target], N = rows · columns in raster
    order.

    Source s reaches target t when −⌊n/2⌋ ≤ s − t ≤ n − 1 − ⌊n/2⌋ pixels on both axes, n = `window`. Neighbouring
    patches lie `stride` pixels apart.
    """

    def along(length: int) -> Tensor:
        position = stride * torch.arange(length, device=device)
        return within(position[:, None] - position[None, :], window)

    return torch.kron(along(rows).to(torch.uint8), along(columns).to(torch.uint8)).bool()


def source_weights(mask: Tensor, weight: float, dtype: torch.dtype) -> Tensor:
    """Weights of sources, (N, N) [source, target]: 1 for the target itself, `weight` for others in `mask`, else 0.

    A grid of patches at stride s holds only one of s² sources of a target, but always the target itself, whose part of
    its own sum is therefore too large. A weight above 1 for the other sources compensates.
    """
    weights = weight * mask.to(dtype)
    return weights.fill_diagonal_(1.0)


def similarity(F: Tensor, mask: Tensor) -> Tensor:
    """Σ[s, t] = mask[s, t] · exp(−max(0, ‖F_s − F_t‖²)), (b, N, N); the mask is that of the window, or its weights."""
    norms = F.square().sum(-1)
    distance = norms[:, :, None] + norms[:, None, :] - 2 * (F @ F.transpose(1, 2))
    return torch.exp(-torch.relu(distance)) * mask
