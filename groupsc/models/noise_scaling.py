"""Scale images so that their noise has the level that a model was trained for."""

from __future__ import annotations

import torch
from torch import Tensor

CONTRAST_LIMIT = 0.6
"""Largest contrast of a scaled image, divided by √σ of the trained noise level σ in gray levels of 255. The contrast is
the range of the values without noise. It is almost 1 for most images in [0, 1], and the largest gain is then 1.3 at
σ = 5 and 3 at σ = 25. At higher contrasts, models remove more of a photograph than of its noise
(`benchmarks/gains.py`)."""

GUARDED = 2.0
"""Factor of `CONTRAST_LIMIT` if a guard corrects the restoration."""

PEAKS = 6.0
"""Part of the range of the values of a noisy image that its noise causes, in standard deviations of the noise."""


def gain_and_share(x: Tensor, level: Tensor, goal: Tensor | float, *, guarded: bool = False) -> tuple[Tensor, Tensor]:
    """Compute the factors that bring the noise of images to a level, and the weights of the restored images.

    `groupsc.inference.restorer.Restorer.scaling` describes both.

    Parameters
    ----------
    x : Tensor (b, c, H, W)
        Images with noise.
    level : Tensor (b,), or () for one image
        Noise σ in gray levels of 255 for images in [0, 1].
    goal : float or Tensor of the shape of `level`
        Trained noise level, in the same unit.
    guarded : bool
        Whether a guard corrects the restoration, so that the factors can be higher.

    Returns
    -------
    gain, share : Tensor, of the shape of `level`
        Factors, and weights of the restored images from 0 to 1.

    Examples
    --------
    >>> x = torch.linspace(0, 1, 64).view(1, 1, 8, 8)
    >>> [round(float(value), 2) for value in gain_and_share(x, torch.tensor(2.5), 20.0)]
    [2.85, 0.13]
    """
    needed = goal / level.clamp(min=1e-30)
    spread = value_spread(x).reshape(level.shape)
    # The smallest contrast is relative, so that images of small values are scaled like others.
    contrast = torch.maximum(spread - PEAKS / 255 * level, 1e-6 * spread).clamp(min=1e-30)
    highest = (GUARDED if guarded else 1) * CONTRAST_LIMIT * goal**0.5 / contrast
    share = torch.where(needed > highest, (highest / needed).square(), 1.0)
    return torch.minimum(needed, highest), share


def value_spread(x: Tensor) -> Tensor:
    """Return the range of the values of each image (b, c, H, W), (b,)."""
    return x.amax((1, 2, 3)) - x.amin((1, 2, 3))
