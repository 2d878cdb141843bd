"""Sums over similar patches with derivatives, in memory that grows linearly with the image.

The similarity matrix is a mixture of the similarities of several features (section 3.3),

    Σ[s, t] = w[s, t] Σ_j c_j exp(−max(0, ‖F_j,s − F_j,t‖²)),

where w is 0 outside the window, 1 for s = t, and otherwise the weight of the sources.

It is never stored: the sums and their derivatives compute it again for each square of targets.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NamedTuple

import torch
from torch import Tensor
from torch.autograd import Function
from torch.autograd.function import once_differentiable

from groupsc.ops.window import TILE, reach, within


class WindowShape(NamedTuple):
    """Rows and columns of the grid of patches, side n of the window in patch positions, and weight of the sources."""

    rows: int
    columns: int
    window: int
    weight: float = 1.0


def window_sum(X: Tensor, coefficients: Tensor, features: list[Tensor], grid: WindowShape) -> tuple[Tensor, Tensor]:
    """Σᵀ X and the column sums of Σ.

    Parameters
    ----------
    X : Tensor (N, p)
        One row per patch, in raster order.
    coefficients : Tensor (J,)
        Weights c_j.
    features : list of J tensors (N, m_j)
        Features, already multiplied by κ.
    grid : WindowShape

    Returns
    -------
    sums : Tensor (N, p)
    mass : Tensor (N,)

    Examples
    --------
    >>> X, F = torch.tensor([[1.0], [2.0], [4.0]]), torch.zeros(3, 1)
    >>> window_sum(X, torch.ones(1), [F], WindowShape(1, 3, 3))
    (tensor([[3.],
            [7.],
            [6.]]), tensor([2., 3., 2.]))
    """
    found: tuple[Tensor, Tensor] = WindowSum.apply(X, coefficients, grid, *features)  # type: ignore[no-untyped-call]
    return found


class WindowSum(Function):
    """See `window_sum`; first derivatives only."""

    @staticmethod
    def forward(X: Tensor, coefficients: Tensor, grid: WindowShape, *features: Tensor) -> tuple[Tensor, Tensor]:
        sums, mass = torch.empty_like(X), X.new_empty(len(X))
        for targets, sources, weights in _tiles(grid, X.device):
            parts = [_similarity(F[targets], F[sources], weights) for F in features]
            Sigma = _mixed(coefficients, parts)
            sums[targets], mass[targets] = Sigma @ X[sources], Sigma.sum(1)
        return sums, mass

    @staticmethod
    def setup_context(ctx: Any, inputs: tuple[Any, ...], output: tuple[Tensor, Tensor]) -> None:
        X, coefficients, ctx.grid, *features = inputs
        ctx.save_for_backward(X, coefficients, *features)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, dsums: Tensor, dmass: Tensor) -> tuple[Tensor | None, ...]:
        X, coefficients, *features = ctx.saved_tensors
        dX, dcoefficients = torch.zeros_like(X), torch.zeros_like(coefficients)
        dfeatures = [torch.zeros_like(F) for F in features]
        for targets, sources, weights in _tiles(ctx.grid, X.device):
            parts = [_similarity(F[targets], F[sources], weights) for F in features]
            dX.index_add_(0, sources, _mixed(coefficients, parts).T @ dsums[targets])
            dSigma = dsums[targets] @ X[sources].T + dmass[targets, None]
            for number, (F, part, dF) in enumerate(zip(features, parts, dfeatures, strict=True)):
                T = part.mul_(dSigma)
                dcoefficients[number] += T.sum()
                T.mul_(-2 * coefficients[number])  # Twice the gradient of the squared distances.
                near, far = F[targets], F[sources]
                dF[targets] += T.sum(1, keepdim=True) * near - T @ far
                dF.index_add_(0, sources, T.sum(0)[:, None] * far - T.T @ near)
        return dX, dcoefficients, None, *dfeatures


def _tiles(grid: WindowShape, device: torch.device) -> Iterator[tuple[Tensor, Tensor, Tensor]]:
    """Yield the positions of the targets (t,) and sources (s,) of each tile, and the weights w (t, s)."""
    rows, columns, window, weight = grid
    position = torch.arange(rows * columns, device=device).view(rows, columns)
    # `high` and `wide` are the rows and columns of the targets, `above` and `beside` those of their sources.
    for down in range(0, rows, TILE):
        high, above = reach(down, TILE, rows, window)
        for across in range(0, columns, TILE):
            wide, beside = reach(across, TILE, columns, window)
            vertical = _within(above, high, window, device)
            horizontal = _within(beside, wide, window, device)
            inside = vertical[:, None, :, None] & horizontal[None, :, None, :]
            targets, sources = position[high, wide].flatten(), position[above, beside].flatten()
            weights = torch.where(targets[:, None] == sources, 1.0, weight)
            yield targets, sources, weights * inside.reshape(len(targets), len(sources))


def _within(sources: slice, targets: slice, window: int, device: torch.device) -> Tensor:
    """Whether each source of a range reaches each target of another one, on one axis, (targets, sources)."""
    first = torch.arange(sources.start, sources.stop, device=device)
    second = torch.arange(targets.start, targets.stop, device=device)
    return within(first[None, :] - second[:, None], window)


def _similarity(near: Tensor, far: Tensor, weights: Tensor) -> Tensor:
    """w exp(−max(0, ‖F_s − F_t‖²)), (t, s)."""
    norms = near.square().sum(1)[:, None] + far.square().sum(1)
    distance = torch.addmm(norms, near, far.T, alpha=-2).relu_()
    return distance.neg_().exp_().mul_(weights)


def _mixed(coefficients: Tensor, parts: list[Tensor]) -> Tensor:
    total = coefficients[0] * parts[0]
    for c, part in zip(coefficients[1:], parts[1:], strict=True):
        total += c * part
    return total
