"""Weights of a blind model's noise levels for the noise of an image (section 3.4)."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional


def shares(level: Tensor, levels: Tensor, *, interpolate: bool) -> Tensor:
    """Weights of the known noise levels at given noise levels.

    Parameters
    ----------
    level : Tensor (…)
        Noise levels; values outside the range of `levels` are clipped to it.
    levels : Tensor (S,)
        Known noise levels, ascending, in the same unit.
    interpolate : bool
        Interpolate linearly between the two neighbours; otherwise take the nearest level.

    Returns
    -------
    Tensor (…, S)
        Weights in [0, 1] with sum 1; integers without interpolation.

    Examples
    --------
    >>> levels = torch.tensor([0.0, 10.0, 30.0])
    >>> shares(torch.tensor(15.0), levels, interpolate=True)
    tensor([0.0000, 0.7500, 0.2500])
    >>> shares(torch.tensor(15.0), levels, interpolate=False)
    tensor([0, 1, 0])
    """
    level = level.clamp(levels[0], levels[-1])
    if not interpolate:
        return functional.one_hot((level.unsqueeze(-1) - levels).abs().argmin(-1), len(levels))
    above = torch.searchsorted(levels, level).clamp(min=1)
    low, high = levels[above - 1], levels[above]
    part = ((level - low) / (high - low)).unsqueeze(-1)
    before, after = (functional.one_hot(i, len(levels)).to(part) for i in (above - 1, above))
    return torch.lerp(before, after, part)
