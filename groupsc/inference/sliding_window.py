"""Algorithm 1 on a whole image with a sliding window: the arithmetic of `groupsc.models.coder`, tile by tile, without
derivatives.

Symbols as in `groupsc.models.coder`; N patches of an image as rows, (N, m) and (N, p).
"""

from __future__ import annotations

import functools

import torch
from torch import Tensor

from groupsc.models.coder import SparseCoder
from groupsc.ops import pointwise
from groupsc.ops.gathered import GatheredWindow
from groupsc.ops.patches import average, extract
from groupsc.ops.prox import WEIGHT_EPSILON
from groupsc.ops.unrolled import LinearStep
from groupsc.ops.window import SlidingWindow
from groupsc.ops.workers import chunks, workers
from groupsc.utils.errors import GroupSCError

SUMMED = ("csr", "group")
"""Penalties that look at similar patches in a way that `_Coding.step` knows."""


@torch.no_grad()
def restore_whole(
    model: SparseCoder,
    image: Tensor,
    mask: Tensor | None = None,
    *,
    level: float | None = None,
    matmul_dtype: torch.dtype,
    window=None,
    advance=None,
) -> Tensor:
    """Restore a whole image; every patch sees the full window around it.

    Parameters
    ----------
    image : Tensor (1, c, H, W)
    mask : Tensor (1, c, H, W), optional
    level : float, optional
        Noise σ in gray levels of 255, for blind models.
    matmul_dtype : torch.dtype
        Type of the codes and of the matrix products.
    window : callable, optional
        What makes Σ, of the arguments of `SlidingWindow`; left out, what suits the device.
    advance : callable, optional
        Called once a step.

    Returns
    -------
    Tensor (1, c, H, W)
        For an image no larger than one block, what the coder itself returns.

    Raises
    ------
    GroupSCError
        For a prior that looks at similar patches in a way that is not written here.
    """
    if model.kind.nonlocal_ and model.config.penalty not in SUMMED:
        raise GroupSCError(
            f"whole images are restored with {', '.join(SUMMED)} or a prior of single patches, not yet with "
            f"{model.config.penalty!r}; use mode='block', or write its step in groupsc/inference/sliding_window.py"
        )
    coding = _Coding(model, image, mask, matmul_dtype, window)
    refreshes = (0, *model.config.similarity_updates)
    with workers(image.device) as each:
        for step, lam in enumerate(model.thresholds_at(level)):
            if coding.window is not None and step in refreshes:
                coding.refresh(refreshes.index(step), each)
            coding.step(lam, each)
            if advance is not None:
                advance()
        return coding.image(each)


class _Coding:
    """Codes A (N, p) of all patches of an image, which each step changes in place.

    Beside them stand `shared` (N, p), what a shrinkage sums over similar patches, which are the squares of
    B = A + Cᵀ(Y − D A) or for CSR the codes before the step, and the sums, `summed`. All stay where they are in memory,
    which costs less than to ask for it anew.
    """

    def __init__(self, model: SparseCoder, image: Tensor, mask: Tensor | None, matmul_dtype, window):
        config = model.config
        self.model, self.size, self.mosaic, self.begun = model, image.shape[-2:], mask is not None, False
        self.grid = tuple(length - config.patch_size + 1 for length in self.size)
        Y = extract(image, config.patch_size)[0]
        self.mu = Y.mean(-1, keepdim=True)
        self.Y = Y - self.mu
        M = None if mask is None else extract(mask, config.patch_size)[0]
        D, C = model.D.to(matmul_dtype), model.C.to(matmul_dtype)
        masked = model.kind.first_step_masked
        self.parts = chunks(len(Y), image.device)
        self.linear = [
            LinearStep(
                *(x if x is None else x[None, part].to(matmul_dtype) for x in (self.Y, M)), D, C, first_masked=masked
            )
            for part in self.parts
        ]
        self.A = torch.zeros(len(Y), config.n_atoms, dtype=matmul_dtype, device=image.device)
        self.window = self.shared = self.summed = None
        if model.kind.nonlocal_:
            if window is None:
                window = SlidingWindow
                if image.device.type != "cpu":
                    window = functools.partial(GatheredWindow, device=image.device)
            self.window = window(*self.grid, config.window, matmul_dtype)
            self.shared, self.summed = torch.zeros_like(self.A), torch.empty_like(self.A)

    def refresh(self, number: int, each) -> None:
        """Blend similarity `number` into Σ; `each` as `groupsc.ops.workers` gives it."""
        estimate, nu = self._estimate(each), self.model.blend(number)

        def features(rows: slice) -> Tensor:
            return self.model.features(estimate(rows), number, mosaic=self.mosaic)

        self.window.refresh(features, nu if nu is None else nu.item(), each)

    def _estimate(self, each):
        """A function that gives the centred patches (n, m) of some rows of the estimate, which at first is the image
        itself."""

        def some(x: Tensor, rows: slice) -> Tensor:
            return x.unflatten(0, self.grid)[rows].flatten(0, 1)

        if not self.begun:
            return lambda rows: some(self.Y, rows)
        if not self.model.config.middle_averaging:
            return lambda rows: some(self.A, rows).to(self.Y.dtype) @ self.model.W.T
        image, patch_size = self.image(each), self.model.config.patch_size
        return lambda rows: (
            extract(image[:, :, rows.start : rows.stop + patch_size - 1], patch_size)[0] - some(self.mu, rows)
        )

    def image(self, each) -> Tensor:
        """The estimate, the mean of all patches A Wᵀ + μ that hold a pixel (1, c, H, W)."""
        # Transposed, as the sum over overlapping patches reads them.
        E = self.mu.new_empty(1, self.model.config.dimension, len(self.A))

        def decode(part: slice) -> None:
            torch.addmm(self.mu[part].T, self.model.W, self.A[part].to(self.mu.dtype).T, out=E[0, :, part])

        each(decode, self.parts)
        return average(E.transpose(1, 2), *self.size, self.model.config.patch_size)

    def step(self, lam: Tensor, each) -> None:
        """One step of Algorithm 1."""

        def advance(number: int) -> None:
            part = self.parts[number]
            A = self.A[part]
            if self.model.config.penalty == "csr":
                self.shared[part] = A
            self.linear[number].advance(A, begun=self.begun)
            if self.window is None:
                A.copy_(self.model.penalty.prox(A, None, lam, None))
            elif self.model.config.penalty == "group":
                torch.square(A, out=self.shared[part])

        def shrink(part: slice) -> None:
            A, summed, mass = self.A[part], self.summed[part], self.window.mass[part]
            if self.model.config.penalty == "group":
                A.mul_(pointwise.group_scale(summed, lam * torch.sqrt(mass + WEIGHT_EPSILON)))
            else:
                A.copy_(pointwise.csr(A, summed, mass.squeeze(-1), lam, self.model.penalty.gamma))

        each(advance, range(len(self.parts)))
        self.begun = True
        if self.window is not None:
            self.window.sum(self.shared, self.summed, each)
            each(shrink, self.parts)
