"""Algorithm 1 on a whole image with a sliding window: the arithmetic of `groupsc.models.coder`, tile by tile, without
derivatives.

Symbols as in `groupsc.models.coder`; N patches of an image as rows, (N, m) and (N, p).
"""

from __future__ import annotations

import torch
from torch import Tensor

from groupsc.models.coder import SparseCoder
from groupsc.ops import pointwise
from groupsc.ops.patches import average, extract
from groupsc.ops.prox import WEIGHT_EPSILON
from groupsc.ops.unrolled import LinearStep
from groupsc.ops.window import TILE, SlidingWindow, Tile
from groupsc.ops.workers import workers

CHUNK = 4096
"""Patches that go through the linear half of a step together: their codes stay in a processor's cache."""


def restore_whole(
    model: SparseCoder,
    image: Tensor,
    mask: Tensor | None = None,
    *,
    level: float | None = None,
    products: torch.dtype,
    tile: int = TILE,
    advance=None,
) -> Tensor:
    """Restore a whole image; every patch sees the full window around it.

    Parameters
    ----------
    image : Tensor (1, c, H, W)
    mask : Tensor (1, c, H, W), optional
    level : float, optional
        Noise σ in gray levels of 255, for blind models.
    products : torch.dtype
        Type of the codes and of the matrix products.
    advance : callable, optional
        Called once a step.

    Returns
    -------
    Tensor (1, c, H, W)
        For an image no larger than one block, what the coder itself returns.
    """
    config = model.config
    height, width = image.shape[-2:]
    rows, columns = height - config.patch + 1, width - config.patch + 1
    patches = extract(image, config.patch)
    mu = patches.mean(-1, keepdim=True)
    Y = patches - mu
    M = None if mask is None else extract(mask, config.patch)
    window = None
    if config.penalty != "l1":
        window = SlidingWindow(rows, columns, config.window, products, tile=tile, device=image.device)
    steps = _LinearSteps(model, Y, M, products)
    A = None
    refreshes = (0, *config.refreshes)
    with workers(image.device) as each:
        for step, lam in enumerate(model.thresholds_at(level)):
            if window is not None and step in refreshes:
                number = refreshes.index(step)
                E = Y if A is None else model.estimate(A[None], mu, height, width)
                features = model.features(E, number, mosaic=mask is not None)[0]
                window.refresh(features, model.blend(number), each)
            A = _shrunk(model, steps(A, each), A, lam, window, each)
            if advance is not None:
                advance()
    return average(A[None].to(Y.dtype) @ model.W.T + mu, height, width, config.patch)


def _shrunk(model: SparseCoder, B: Tensor, A: Tensor | None, lam: Tensor, window: SlidingWindow | None, each) -> Tensor:
    """Codes after the shrinkage of B (N, p), tile by tile; A are the codes of the step before."""
    after = torch.empty_like(B)
    if window is None:

        def shrink(part: slice) -> None:
            after[part] = pointwise.soft(B[part], lam)

        each(shrink, _parts(len(B)))
        return after
    if model.config.penalty == "group":
        squares = B.square()

        def shrink(tile: Tile) -> None:
            weight = torch.sqrt(tile.mass + WEIGHT_EPSILON).unsqueeze(-1)
            after[tile.targets] = pointwise.shrink(B[tile.targets], tile.sum(squares), lam, weight)

    else:
        gamma = model.penalty.gamma
        before = torch.zeros_like(B) if A is None else A

        def shrink(tile: Tile) -> None:
            after[tile.targets] = pointwise.csr(B[tile.targets], tile.sum(before), tile.mass, lam, gamma)

    each(shrink, window.tiles)
    return after


class _LinearSteps:
    """B = A + (M ⊙ (Y − A Dᵀ)) C for all patches, a chunk at a time."""

    def __init__(self, model: SparseCoder, Y: Tensor, M: Tensor | None, products: torch.dtype):
        D, C = model.D.to(products), model.C.to(products)
        masked = model.penalty.first_step_masked
        self.parts = [
            (
                part,
                LinearStep(*(x if x is None else x[:, part].to(products) for x in (Y, M)), D, C, first_masked=masked),
            )
            for part in _parts(Y.shape[1])
        ]

    def __call__(self, A: Tensor | None, each) -> Tensor:
        def step(part) -> Tensor:
            where, linear = part
            return linear(A if A is None else A[None, where])[0][0]

        return torch.cat(each(step, self.parts))


def _parts(length: int) -> list[slice]:
    return [slice(start, start + CHUNK) for start in range(0, length, CHUNK)]
