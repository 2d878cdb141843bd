"""Similarities between the patches of one block, as dense matrices (section 3.3, equation 14).

Symbols:

    F      features: patches as rows, multiplied by κ, (b, N, m)
    Sigma  similarity matrix Σ, (b, N, N) [source, target], 0 outside the window
"""

from __future__ import annotations

import torch
from torch import Tensor

from groupsc.ops.window import within


def window_mask(rows: int, columns: int, window: int, stride: int = 1, *, device: torch.device | None = None) -> Tensor:
    """Mask of the pairs of patches within a window of each other.

    Source s reaches target t when −⌊n/2⌋ ≤ s − t ≤ n − 1 − ⌊n/2⌋ pixels on both axes.

    Parameters
    ----------
    rows, columns : int
        Size of the grid of patches; N = rows · columns patches in raster order.
    window : int
        Side n of the window in pixels.
    stride : int, optional
        Distance between neighbouring patches in pixels.
    device : torch.device, optional

    Returns
    -------
    Tensor (N, N), bool
        [source, target].

    Examples
    --------
    >>> window_mask(1, 3, 2)
    tensor([[ True,  True, False],
            [False,  True,  True],
            [False, False,  True]])
    """

    def along(length: int) -> Tensor:
        position = stride * torch.arange(length, device=device)
        return within(position[:, None] - position[None, :], window)

    return torch.kron(along(rows).to(torch.uint8), along(columns).to(torch.uint8)).bool()


def source_weights(mask: Tensor, weight: float, dtype: torch.dtype) -> Tensor:
    """Weights of the sources of each target, for grids of patches with a stride above 1.

    A grid with stride s contains only one of s² sources of a target, but always the target itself. The part of the
    target in its own sum is therefore too large. A weight above 1 for the other sources compensates for this.

    Parameters
    ----------
    mask : Tensor (N, N), bool
        [source, target]; see `window_mask`.
    weight : float
        Weight of the other sources.
    dtype : torch.dtype

    Returns
    -------
    Tensor (N, N)
        [source, target]; 1 for the target itself, `weight` for other sources in `mask`, 0 elsewhere.

    Examples
    --------
    >>> source_weights(window_mask(1, 3, 2), 4.0, torch.float32)
    tensor([[1., 4., 0.],
            [0., 1., 4.],
            [0., 0., 1.]])
    """
    weights = weight * mask.to(dtype)
    return weights.fill_diagonal_(1.0)


def similarity(F: Tensor, mask: Tensor) -> Tensor:
    """Similarity matrix Σ[s, t] = mask[s, t] · exp(−max(0, ‖F_s − F_t‖²)).

    Parameters
    ----------
    F : Tensor (b, N, m)
        Features, already multiplied by κ.
    mask : Tensor (N, N)
        Weights [source, target]: 0 outside the window and 1 inside (`window_mask`), or the larger weights of
        `source_weights`.

    Returns
    -------
    Tensor (b, N, N)
        [source, target].

    Examples
    --------
    >>> similarity(torch.tensor([[[0.0], [1.0]]]), window_mask(1, 2, 3))
    tensor([[[1.0000, 0.3679],
             [0.3679, 1.0000]]])
    """
    norms = F.square().sum(-1)
    distance = norms[:, :, None] + norms[:, None, :] - 2 * (F @ F.transpose(1, 2))
    return torch.exp(-torch.relu(distance)) * mask
