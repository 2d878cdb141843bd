"""Run Algorithm 1 on a whole image, for a non-local prior with a sliding window.

The results are those of `groupsc.models.coder`, computed tile by tile and without derivatives. Models with a local
prior are passed to `groupsc.inference.local_prior`. Symbols as in `groupsc.models.coder`, for one image of N patches,
which are rows:

    Y      centred patches of the degraded image, (N, m); mu their means (N, 1)
    M      1 where a patch entry was measured, (N, m); None if all were
    A      codes, (N, p)
    D C W  dictionary, encoder (used as Cᵀ), decoder, (m, p)
    lam    Λ, thresholds of one iteration, (p,)
    Σ      similarities within the window of each patch; `mass` their sums, (N, 1)
"""

from __future__ import annotations

import ctypes
import functools
from collections.abc import Callable
from typing import Any, Protocol, runtime_checkable

import torch
from torch import Tensor

from groupsc.inference.compiled.library import Grid, library
from groupsc.inference.compiled.window import CompiledWindow, window_sizes
from groupsc.inference.local_prior import LocalCoding, functions_for, tiles
from groupsc.models.coder import SparseCoder
from groupsc.models.penalties import Centralised, GroupLasso, NonLocalPenalty
from groupsc.ops import pointwise
from groupsc.ops.gathered import GatheredWindow
from groupsc.ops.linear_step import LinearStep, aligned
from groupsc.ops.prox import WEIGHT_EPSILON
from groupsc.ops.window import TILE, Features, SlidingWindow
from groupsc.ops.workers import Each, Scratch, chunks, workers
from groupsc.utils.device import has_matrix_tiles
from groupsc.utils.errors import GroupSCError


class Window(Protocol):
    """The similarities of a whole image; see `groupsc.ops.window.SlidingWindow`."""

    mass: Tensor

    def update(self, features: Features, nu: Tensor | float | None, each: Each, /) -> None: ...

    def sum(self, x: Tensor, out: Tensor, each: Each, /) -> None: ...


@runtime_checkable
class ShrinkingWindow(Window, Protocol):
    """A window that sums and shrinks at once; see `groupsc.inference.compiled.window.CompiledWindow`."""

    def take(self, values: Tensor, each: Each, /, *, squares: bool) -> None: ...

    def shrink(self, codes: Tensor, lam: Tensor, each: Each, /, *, gamma: float | None = None) -> None: ...


def window_for(device: torch.device, matmul_dtype: torch.dtype) -> Callable[..., Window]:
    """The constructor of the fastest window of this machine, with the arguments of `SlidingWindow`.

    Examples
    --------
    >>> window_for(torch.device("cpu"), torch.float64).__name__
    'SlidingWindow'
    """
    if device.type != "cpu":
        return functools.partial(GatheredWindow, device=device)
    functions = _functions(matmul_dtype)
    return SlidingWindow if functions is None else functools.partial(CompiledWindow, functions=functions)


def similarities_of_a_patch(window: int, device: torch.device, matmul_dtype: torch.dtype) -> int:
    """Number of similarities that the window of `window_for` stores for a patch far from the borders of an image.

    Parameters
    ----------
    window : int
        Side of the window, in patch positions.
    device, matmul_dtype
        As for `window_for`.

    Examples
    --------
    >>> similarities_of_a_patch(32, torch.device("cpu"), torch.float64)
    2209
    """
    functions = _functions(matmul_dtype) if device.type == "cpu" else None
    return (TILE + window - 1) ** 2 if functions is None else window_sizes(functions, Grid(1, 1, window))[4]


def _functions(matmul_dtype: torch.dtype) -> ctypes.CDLL | None:
    """The compiled functions of a window; none on processors with matrix units (AMX), which torch alone uses."""
    return None if matmul_dtype == torch.bfloat16 and has_matrix_tiles() else library(matmul_dtype)


def restores_whole(model: SparseCoder) -> bool:
    """Return whether whole images can be restored: a non-local penalty must be a `NonLocalPenalty` without own `prox`.

    Examples
    --------
    >>> from groupsc.config.definitions import ModelConfig
    >>> restores_whole(SparseCoder(ModelConfig(patch_size=3, n_atoms=8, n_iterations=2, window=5)))
    True
    """
    penalty = model.penalty
    return not penalty.nonlocal_ or (isinstance(penalty, NonLocalPenalty) and not penalty.has_own_prox)


@torch.no_grad()
def restore_whole(
    model: SparseCoder,
    image: Tensor,
    mask: Tensor | None = None,
    *,
    level: float | None = None,
    matmul_dtype: torch.dtype,
    window: Callable[..., Window] | None = None,
    compiled: bool = True,
    advance: Callable[[int], object] | None = None,
) -> Tensor:
    """Restore a whole image; every patch sees the full window around it.

    Parameters
    ----------
    model : SparseCoder
    image : Tensor (1, c, H, W)
        Degraded image in [0, 1], zeros where nothing was measured.
    mask : Tensor (1, c, H, W), optional
        1 where a value was measured.
    level : float, optional
        Noise σ in gray levels of 255, for blind models.
    matmul_dtype : torch.dtype
        Type of the codes and of the matrix products.
    window : callable, optional
        Constructor of Σ with the arguments of `SlidingWindow`; by default that of `window_for`.
    compiled : bool, optional
        Use compiled functions on a CPU where this machine has them, instead of the operations of torch. Without effect
        on Σ if `window` is given.
    advance : callable, optional
        `advance(n)` is called after n of the steps that `number_of_steps` counts.

    Returns
    -------
    Tensor (1, c, H, W)
        Restored image, not clipped; for an image no larger than one block the same as the output of the coder.

    Raises
    ------
    GroupSCError
        If the penalty is non-local and is no `groupsc.models.penalties.NonLocalPenalty`.

    Examples
    --------
    >>> from groupsc.config.definitions import ModelConfig
    >>> model = SparseCoder(ModelConfig(patch_size=3, n_atoms=8, n_iterations=2, window=5))
    >>> restore_whole(model, torch.full((1, 1, 12, 10), 0.5), matmul_dtype=torch.float32).shape
    torch.Size([1, 1, 12, 10])
    """
    options: dict[str, Any] = {"level": level, "matmul_dtype": matmul_dtype, "advance": advance}
    if window is None and not compiled and image.device.type == "cpu":
        window = SlidingWindow
    with workers(image.device) as each:
        if not model.kind.nonlocal_:
            functions = functions_for(model, image, matmul_dtype) if compiled else None
            return LocalCoding(model, image, mask, **options, each=each, functions=functions).restored()
        return _coded(model, image, mask, **options, window=window, each=each).image(each)


def number_of_steps(model: SparseCoder, height: int, width: int, device: torch.device) -> int:
    """Return the number of steps in which `restore_whole` reports its progress for an image of this size.

    The steps are the iterations of a non-local prior, and the tiles of the image for a local prior.

    Examples
    --------
    >>> from groupsc.config.definitions import ModelConfig
    >>> model = SparseCoder(ModelConfig(patch_size=3, n_atoms=8, n_iterations=2, window=5))
    >>> number_of_steps(model, 12, 10, torch.device("cpu"))
    2
    """
    if model.kind.nonlocal_:
        return model.config.n_iterations
    return len(tiles(model.patch_grid(height, width), device))


@torch.no_grad()
def codes_of(model: SparseCoder, image: Tensor, mask: Tensor | None = None, *, level: float | None = None) -> Tensor:
    """Compute the codes of all patches of a whole image, with products in the type of the image.

    Parameters
    ----------
    model, image, mask, level
        As for `restore_whole`.

    Returns
    -------
    Tensor (R, C, p)
        Codes after the last iteration; R × C is the grid of patches.

    Raises
    ------
    GroupSCError
        As `restore_whole`.

    Examples
    --------
    >>> from groupsc.config.definitions import ModelConfig
    >>> model = SparseCoder(ModelConfig(patch_size=3, n_atoms=8, n_iterations=2, window=5))
    >>> codes_of(model, torch.full((1, 1, 12, 10), 0.5)).shape
    torch.Size([10, 8, 8])
    """
    options: dict[str, Any] = {"level": level, "matmul_dtype": image.dtype}
    with workers(image.device) as each:
        if not model.kind.nonlocal_:
            return LocalCoding(model, image, mask, **options, each=each).codes()
        coding = _coded(model, image, mask, **options, each=each)
    found: Tensor = coding.A.unflatten(0, (coding.grid.rows, coding.grid.columns))
    return found


def _coded(
    model: SparseCoder,
    image: Tensor,
    mask: Tensor | None,
    *,
    level: float | None,
    matmul_dtype: torch.dtype,
    each: Each,
    window: Callable[..., Window] | None = None,
    advance: Callable[[int], object] | None = None,
) -> _Coding:
    """Run all iterations; the arguments are those of `restore_whole`."""
    if not restores_whole(model):
        raise GroupSCError(
            f"whole-image mode does not support the non-local penalty {model.config.penalty!r}; use mode='block', or "
            "derive its class from groupsc.models.penalties.NonLocalPenalty"
        )
    coding = _Coding(model, image, mask, level, matmul_dtype, window)
    refreshes = (0, *model.config.similarity_updates)
    for step, lam in enumerate(model.thresholds_at(level)):
        if step in refreshes:
            coding.update(refreshes.index(step), each)
        coding.step(lam, each)
        if advance is not None:
            advance(1)
    return coding


class _Coding:
    """Codes A (N, p) of all patches of an image for a non-local prior, which each iteration changes in place.

    `summand` (N, p) contains the values that are summed over similar patches, and `H` (N, p) their sums; `shrinking`,
    a window that shrinks the codes of GroupSC and CSR, needs neither. All arrays are allocated once, because a new
    allocation takes more time.
    """

    def __init__(
        self,
        model: SparseCoder,
        image: Tensor,
        mask: Tensor | None,
        level: float | None,
        matmul_dtype: torch.dtype,
        window: Callable[..., Window] | None,
    ):
        config = model.config
        self.model, self.mosaic, self.begun = model, mask is not None, False
        self.factor = model.kappa_factor(level)
        self.grid = model.patch_grid(image.shape[-2], image.shape[-1])
        Y = self.grid.extract(image)[0]
        self.mu = Y.mean(-1, keepdim=True)
        self.Y = Y - self.mu
        M = None if mask is None else self.grid.extract(mask)[0]
        D, C = model.D.to(matmul_dtype), model.C.to(matmul_dtype)
        masked = model.kind.first_step_masked
        self.parts, self.scratch = chunks(len(Y), image.device), Scratch()
        self.linear = [
            LinearStep(
                *aligned(
                    self.Y[None, part].to(matmul_dtype), None if M is None else M[None, part].to(matmul_dtype), D, C
                ),
                first_masked=masked,
            )
            for part in self.parts
        ]
        self.A = torch.zeros(len(Y), config.n_atoms, dtype=matmul_dtype, device=image.device)
        size = self.grid.rows, self.grid.columns, config.grid_window
        window = window or window_for(image.device, matmul_dtype)
        self.window = made = window(*size, matmul_dtype, weight=config.source_weight)
        known = type(model.penalty) in (GroupLasso, Centralised)
        self.shrinking = made if known and isinstance(made, ShrinkingWindow) else None
        if self.shrinking is None:
            self.summand, self.H = torch.zeros_like(self.A), torch.empty_like(self.A)

    def update(self, number: int, each: Each) -> None:
        """Compute similarity `number` and blend it into Σ; `each` is the function of `groupsc.ops.workers.workers`."""
        estimate, nu = self._estimate(each), self.model.nu(number)

        def features(rows: slice) -> Tensor:
            return self.model.features(estimate(rows), number, mosaic=self.mosaic) * self.factor

        self.window.update(features, nu if nu is None else nu.item(), each)

    def _estimate(self, each: Each) -> Features:
        """Return a function that computes the centred patches (n, m) of some rows of the grid of patches.

        The patches are those of the current estimate; before the first iteration this is the degraded image.
        """

        def some(x: Tensor, rows: slice) -> Tensor:
            chosen: Tensor = x.unflatten(0, (self.grid.rows, self.grid.columns))[rows].flatten(0, 1)
            return chosen

        if not self.begun:
            return lambda rows: some(self.Y, rows)
        if not self.model.config.middle_averaging:
            return lambda rows: some(self.A, rows).to(self.Y.dtype) @ self.model.W.T
        image = self.image(each)
        return lambda rows: self.grid.extract(image, rows)[0] - some(self.mu, rows)

    def image(self, each: Each) -> Tensor:
        """Compute the estimate (1, c, H, W): each pixel is the mean of all patches A Wᵀ + μ that contain it (eq. 6)."""
        # Stored transposed, because the sum over overlapping patches reads the entries in this order.
        E = self.mu.new_empty(1, self.model.config.dimension, len(self.A))

        def decode(part: slice) -> None:
            torch.addmm(self.mu[part].T, self.model.W, self.A[part].to(self.mu.dtype).T, out=E[0, :, part])

        each(decode, self.parts)
        return self.grid.average(E.transpose(1, 2))

    def step(self, lam: Tensor, each: Each) -> None:
        """Run one iteration of Algorithm 1; GroupSC and CSR have functions that change the codes in place."""
        penalty = self.model.penalty
        assert isinstance(penalty, NonLocalPenalty)  # `restores_whole` was checked.
        group, begun, self.begun = type(penalty) is GroupLasso, self.begun, True

        def advance(number: int) -> None:
            self.linear[number].advance(self.A[self.parts[number]], self.scratch, begun=begun)

        if self.shrinking is not None:
            gamma = penalty.gamma.item() if isinstance(penalty, Centralised) else None
            if not group:
                self.shrinking.take(self.A, each, squares=False)  # The codes of the iteration before.
            each(advance, range(len(self.parts)))
            if group:
                self.shrinking.take(self.A, each, squares=True)
            self.shrinking.shrink(self.A, lam, each, gamma=gamma)
            return

        def advance_and_keep(number: int) -> None:
            B, summand = self.A[self.parts[number]], self.summand[self.parts[number]]
            if not group:
                summand.copy_(B)  # The codes of the iteration before.
            advance(number)
            if group:
                torch.square(B, out=summand)
            else:
                summand.copy_(penalty.summand(summand if begun else None, B))

        each(advance_and_keep, range(len(self.parts)))
        self.window.sum(self.summand, self.H, each)
        mass = self.window.mass

        def shrink(part: slice) -> None:
            B, H = self.A[part], self.H[part]
            if group:
                pointwise.group_shrink_(B, H, lam, torch.sqrt(mass[part] + WEIGHT_EPSILON), self.scratch)
            else:
                B.copy_(penalty.shrink(B, H, mass[part].squeeze(-1), lam))

        each(shrink, self.parts)
