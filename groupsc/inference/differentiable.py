"""Restore images of any size with derivatives, in memory that grows linearly with the number of pixels.

The plain coder stores similarities of all pairs of patches for every iteration. Here, each iteration is computed again
in the backward pass, from its codes, and similarities are computed tile by tile (`groupsc.ops.differentiable_window`).
The results and first derivatives are those of the plain coder. Symbols as in `groupsc.models.coder`.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor
from torch.utils.checkpoint import checkpoint

from groupsc.inference.sliding_window import restores_whole
from groupsc.models.coder import SparseCoder
from groupsc.models.iterations import before_shrinkage
from groupsc.models.penalties import NonLocalPenalty
from groupsc.ops.differentiable_window import WindowShape, window_sum
from groupsc.ops.patches import PatchGrid

PLAIN_PATCHES = 48**2
"""Number of patches up to which the plain coder is used: that of a training crop. It also has second derivatives."""
CHECKPOINT: dict[str, Any] = {"use_reentrant": False, "preserve_rng_state": False}
"""Options of torch's `checkpoint`: iterations are computed again for the derivatives, without random numbers."""


def restore_with_gradients(
    model: SparseCoder, image: Tensor, mask: Tensor | None = None, *, level: Tensor | float | None = None
) -> Tensor:
    """Restore a batch of images with derivatives of images, noise levels and parameters.

    Parameters
    ----------
    model : SparseCoder
    image : Tensor (b, c, H, W)
    mask : Tensor (b or 1, c, H, W), optional
        1 where a value was measured.
    level : float or Tensor (b,), optional
        Noise σ in gray levels of 255, for blind models.

    Returns
    -------
    Tensor (b, c, H, W)
        The same as `model(image, mask, level=level)`.

    Raises
    ------
    GroupSCError
        As `SparseCoder.forward`.

    Examples
    --------
    >>> from groupsc.config.definitions import ModelConfig
    >>> model = SparseCoder(ModelConfig(patch_size=3, n_atoms=8, n_iterations=2, window=5))
    >>> restore_with_gradients(model, torch.full((1, 1, 60, 62), 0.5)).requires_grad
    True
    """
    grid = model.patch_grid(image.shape[-2], image.shape[-1])
    if grid.rows * grid.columns <= PLAIN_PATCHES or not restores_whole(model):
        restored: Tensor = model(image, mask, level=level)
        return restored
    levels = [level] * len(image) if not isinstance(level, Tensor) or level.ndim == 0 else list(level)
    masks = [mask] * len(image) if mask is None or len(mask) == 1 else list(mask.split(1))
    each = zip(image.split(1), masks, levels, strict=True)
    return torch.cat([_restored(model, one, own_mask, own_level) for one, own_mask, own_level in each])


def _restored(model: SparseCoder, image: Tensor, mask: Tensor | None, level: Tensor | float | None) -> Tensor:
    """Restore one image (1, c, H, W)."""
    config, grid = model.config, model.patch_grid(image.shape[-2], image.shape[-1])
    patches = grid.extract(image)
    mu = patches.mean(-1, keepdim=True)
    Y = patches - mu
    M = None if mask is None else grid.extract(mask.to(image.dtype).expand_as(image))[0]
    window = WindowShape(grid.rows, grid.columns, config.grid_window, config.source_weight)
    updates = (0, *config.similarity_updates)
    coefficients, features = Y.new_ones(1), list[Tensor]()
    A: Tensor | None = None
    for step, lam in enumerate(model.thresholds_at(level)):
        if model.kind.nonlocal_ and step in updates:
            number = updates.index(step)
            given = (model, A, Y, mu, grid, number, mask is not None, level)
            features.append(checkpoint(_features, *given, **CHECKPOINT))
            nu = model.nu(number)
            if nu is not None:
                coefficients = torch.cat([(1 - nu) * coefficients, nu.view(1)])
        A = checkpoint(_iterate, model, A, Y[0], M, lam, coefficients, window, *features, **CHECKPOINT)
    assert A is not None  # A model has at least one iteration.
    return grid.average((A @ model.W.T)[None] + mu)


def _features(
    model: SparseCoder,
    A: Tensor | None,
    Y: Tensor,
    mu: Tensor,
    grid: PatchGrid,
    number: int,
    mosaic: bool,
    level: Tensor | float | None,
) -> Tensor:
    """Features (N, m) of similarity `number`."""
    E = Y if A is None else model.estimate((A @ model.W.T)[None], mu, grid)
    return (model.features(E, number, mosaic=mosaic) * model.kappa_factor(level))[0]


def _iterate(
    model: SparseCoder,
    A: Tensor | None,
    Y: Tensor,
    M: Tensor | None,
    lam: Tensor,
    coefficients: Tensor,
    window: WindowShape,
    *features: Tensor,
) -> Tensor:
    """Codes (N, p) after one iteration."""
    penalty = model.penalty
    B = before_shrinkage(A, Y, M, model.D, model.C, first_masked=penalty.first_step_masked)
    if not isinstance(penalty, NonLocalPenalty):
        return penalty.prox(B, None, lam, None)
    H, mass = window_sum(penalty.summand(A, B), coefficients, list(features), window)
    return penalty.shrink(B, H, mass, lam)
