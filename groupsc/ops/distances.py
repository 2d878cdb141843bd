"""Write squared distances between features as one matrix product, exact enough in bfloat16.

Symbols: F features of patches, (N, m); s and t index a source and a target; l and r are the factors of one distance.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable

import torch
from torch import Tensor

ALIGNED = 32
"""Matrix products sum over a multiple of this number of terms, the depth of a CPU's matrix units."""


def distance_factors(F: Tensor, matmul_dtype: torch.dtype) -> tuple[Tensor, Tensor]:
    """Factors of negative squared distances: rows l and r with l_t · r_s = −‖F_s − F_t‖².

    In bfloat16 every number is a sum of bfloat16 parts: two for features and three for norms. Their products keep about
    16 bits. Their sum, the distance, keeps the 8 bits that its exponential needs.

    Parameters
    ----------
    F : Tensor (N, m)
    matmul_dtype : torch.dtype

    Returns
    -------
    left, right : Tensor (N, k)
        k is a multiple of `ALIGNED` in bfloat16, otherwise m + 2.

    Examples
    --------
    >>> left, right = distance_factors(torch.tensor([[0.0], [2.0]]), torch.float32)
    >>> left @ right.T
    tensor([[ 0., -4.],
            [-4.,  0.]])
    """
    norms = F.square().sum(-1, keepdim=True)
    if matmul_dtype != torch.bfloat16:
        ones = torch.ones_like(norms)
        return torch.cat([2 * F, -norms, ones], 1), torch.cat([F, ones, -norms], 1)
    high, low = _split(F, 2)
    norms = torch.cat(_split(-norms, 3), 1)
    ones = torch.ones_like(norms)
    left, right = [2 * high, 2 * high, 2 * low, norms, ones], [high, low, high, ones, norms]
    zeros = norms.new_zeros(len(F), -sum(x.shape[1] for x in left) % ALIGNED)
    return torch.cat([*left, zeros], 1), torch.cat([*right, zeros], 1)


def grid_factors(
    features: Callable[[slice], Tensor], parts: Iterable[slice], matmul_dtype: torch.dtype
) -> tuple[Tensor, Tensor]:
    """Factors of the negative squared distances of all patches of a grid, computed part by part.

    Parameters
    ----------
    features : callable
        `features(part)` returns F (n, m) of the patches in a slice of rows of the grid.
    parts : iterable of slice
        All rows of the grid, in order.
    matmul_dtype : torch.dtype

    Returns
    -------
    left, right : Tensor (N, k)
        As for `distance_factors`.

    Examples
    --------
    >>> F = torch.tensor([[0.0], [2.0]])
    >>> left, right = grid_factors(lambda rows: F[rows], [slice(0, 1), slice(1, 2)], torch.float32)
    >>> left @ right.T
    tensor([[ 0., -4.],
            [-4.,  0.]])
    """
    factors = [distance_factors(features(part), matmul_dtype) for part in parts]
    left, right = (torch.cat(one) for one in zip(*factors, strict=True))
    return left, right


def _split(x: Tensor, number: int) -> list[Tensor]:
    """Split x into a sum of bfloat16 tensors; each is the remainder after the ones before it."""
    parts = []
    for _ in range(number):
        parts.append(x.to(torch.bfloat16))
        x = x - parts[-1].to(x.dtype)
    return parts
