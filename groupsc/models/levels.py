"""Which of a blind model's thresholds an image takes (section 3.4)."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional


def shares(level: Tensor, levels: Tensor, *, interpolate: bool) -> Tensor:
    """How much each of the ascending `levels` (S,) counts at `level` (…): (…, S), of sum 1."""
    level = level.clamp(levels[0], levels[-1])
    if not interpolate:
        return functional.one_hot((level.unsqueeze(-1) - levels).abs().argmin(-1), len(levels))
    above = torch.searchsorted(levels, level).clamp(min=1)
    low, high = levels[above - 1], levels[above]
    part = ((level - low) / (high - low)).unsqueeze(-1)
    return torch.lerp(*(functional.one_hot(i, len(levels)).to(part) for i in (above - 1, above)), part)
