"""Similarities between the patches of one block, as dense matrices (section 3.3, equation 14).

Symbols: F features of the patches as rows, weighted by κ, (b, N, m); Sigma Σ, (b, N, N) [source, target], 0 outside the
window.
"""

from __future__ import annotations

import torch
from torch import Tensor


def window_mask(rows: int, columns: int, window: int, *, device=None) -> Tensor:
    """Which source lies in the window of which target, bool (N, N) [source, target], N = rows · columns in raster
    order.

    Source s reaches target t when −⌊n/2⌋ ≤ s − t ≤ n − 1 − ⌊n/2⌋ on both axes, n = `window`.
    """

    def along(length: int) -> Tensor:
        position = torch.arange(length, device=device)
        offset = position[:, None] - position[None, :]
        return (offset >= -(window // 2)) & (offset <= window - 1 - window // 2)

    return torch.kron(along(rows).to(torch.uint8), along(columns).to(torch.uint8)).bool()


def similarity(F: Tensor, mask: Tensor) -> Tensor:
    """Σ[s, t] = exp(−max(0, ‖F_s − F_t‖²)) where `mask` [s, t] holds, else 0; (b, N, N)."""
    norms = F.square().sum(-1)
    distance = norms[:, :, None] + norms[:, None, :] - 2 * (F @ F.transpose(1, 2))
    return torch.exp(-torch.relu(distance)) * mask
