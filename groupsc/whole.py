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
from groupsc.ops.window import TILE, SlidingWindow, Strip
from groupsc.ops.workers import chunks, workers

TILES_IN_CACHE, TILES_TOGETHER = 2, 64
"""Tiles whose codes go through an operation together: on a processor, and where no cache limits them."""


@torch.no_grad()
def restore_whole(
    model: SparseCoder,
    image: Tensor,
    mask: Tensor | None = None,
    *,
    level: float | None = None,
    products: torch.dtype,
    tile: int = TILE,
    together: int | None = None,
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
    tile, together : int
        Side of a tile of targets, and tiles whose codes go through an operation together; see `groupsc.ops.window`.
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
    Y = extract(image, config.patch)
    mu = Y.mean(-1, keepdim=True)
    Y = Y - mu
    M = None if mask is None else extract(mask, config.patch)
    window = None
    if config.penalty != "l1":
        if together is None:
            together = TILES_IN_CACHE if image.device.type == "cpu" else TILES_TOGETHER
        window = SlidingWindow(
            rows, columns, config.window, products, tile=tile, together=together, device=image.device
        )
    coding = _Coding(model, Y, M, window, products)
    refreshes = (0, *config.refreshes)
    with workers(image.device) as each:
        for step, lam in enumerate(model.thresholds_at(level)):
            if window is not None and step in refreshes:
                number = refreshes.index(step)
                E = Y if step == 0 else model.estimate(coding.decoded(each), mu, height, width)
                features = model.features(E, number, mosaic=mask is not None)[0]
                nu = model.blend(number)
                window.refresh(features, nu if nu is None else nu.item(), each)
            coding.step(lam, each)
            if advance is not None:
                advance()
        return average(coding.decoded(each) + mu, height, width, config.patch)


class _Coding:
    """Codes A (N, p) of all patches, which each step changes in place.

    Beside them stands `shared` (N, p), what a shrinkage sums over similar patches: the squares of B = A + Cᵀ(Y − D A),
    or for CSR the codes before the step. Both stay where they are in memory, which costs less than to ask for it anew.
    """

    def __init__(self, model: SparseCoder, Y: Tensor, M: Tensor | None, window: SlidingWindow | None, products):
        self.model, self.window, self.begun, self.E = model, window, False, torch.empty_like(Y)
        D, C = model.D.to(products), model.C.to(products)
        masked = model.penalty.first_step_masked
        self.parts = chunks(Y.shape[1])
        self.linear = [
            LinearStep(*(x if x is None else x[:, part].to(products) for x in (Y, M)), D, C, first_masked=masked)
            for part in self.parts
        ]
        self.A = torch.zeros(Y.shape[1], model.config.atoms, dtype=products, device=Y.device)
        self.shared = None if window is None else torch.zeros_like(self.A)

    def step(self, lam: Tensor, each) -> None:
        """One step of Algorithm 1; `each` as `groupsc.ops.workers` gives it."""

        def multiply(number: int) -> None:
            part = self.parts[number]
            A = self.A[part]
            B = self.linear[number](A[None] if self.begun else None)[0]
            if self.window is None:
                B = pointwise.soft(B, lam)
            else:
                self.shared[part] = B.square() if self.model.config.penalty == "group" else A
            self.A[part] = B

        each(multiply, range(len(self.parts)))
        self.begun = True
        if self.window is not None:
            each(lambda strip: self._shrink(strip, lam), self.window.strips)

    def decoded(self, each) -> Tensor:
        """The patches A Wᵀ (1, N, m)."""

        def decode(part: slice) -> None:
            self.E[0, part] = self.A[part].to(self.E.dtype) @ self.model.W.T

        each(decode, self.parts)
        return self.E

    def _shrink(self, strip: Strip, lam: Tensor) -> None:
        """Shrink the codes of a strip in place."""
        grid = self.window.rows, self.window.columns
        A, sources = self.A.unflatten(0, grid), strip.sources(self.shared.unflatten(0, grid))
        for tiles in strip.tiles:
            own, summed = tiles.own(A, strip.columns), tiles.sum(sources)
            # Copying brings codes into the cache several times faster than arithmetic on them would.
            codes = own.flatten(1, 2)
            if self.model.config.penalty == "group":
                codes.mul_(pointwise.group_scale(summed, lam * torch.sqrt(tiles.mass + WEIGHT_EPSILON)))
            else:
                codes = pointwise.csr(codes, summed, tiles.mass.squeeze(-1), lam, self.model.penalty.gamma)
            own.copy_(codes.view(own.shape))
