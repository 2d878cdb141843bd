"""Training crops with artificial patterns: stripes, gratings, checkerboards and random blocks.

Photographs contain little energy at the highest spatial frequencies. A model trained on photographs alone therefore has
no atoms for fine regular patterns, removes them as noise, and its output is far worse than its input (bars and
checkerboards of the stress set, `groupsc.data.stress_set`). A small share of such crops in the training corrects this.

All patterns have two colours, and random sizes, angles and phases. `with_patterns` and `with_compressed_patterns`
return crops in [0, 1]; the other functions return masks (h, w) that are true where the first colour is. Their only
random source is the generator of the step.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor

from groupsc.data.degradations import degrade
from groupsc.training.contrast import random_color

LONGEST_PERIOD = 12.0
"""Longest period of stripes and gratings in pixels. The logarithm of the periods is uniform, from 2 pixels on."""

JPEG_BLOCK = 8
"""Side in pixels of the blocks of JPEG."""

LARGEST_CELL = 5
"""Largest side in pixels of the cells of checkerboards and blocks; small cells are more frequent."""


def with_patterns(clean: Tensor, share: float, generator: torch.Generator) -> Tensor:
    """Replace a random share of the crops by patterns.

    Each pattern is, with equal probability, one of `stripes`, `grating`, `checkerboard` and `blocks`.

    Parameters
    ----------
    clean : Tensor (b, c, h, w)
        Clean crops, c = 1 or 3.
    share : float
        Probability in [0, 1] that a crop is replaced.
    generator : torch.Generator
        On the CPU.

    Returns
    -------
    Tensor (b, c, h, w)
        Patterns are in [0, 1].

    Examples
    --------
    >>> crops = with_patterns(torch.zeros(2, 3, 8, 8), 1.0, torch.Generator().manual_seed(0))
    >>> [len(crop.flatten(1).unique(dim=1).T) for crop in crops]
    [2, 2]
    """
    kinds = (stripes, grating, checkerboard, blocks)
    channels, height, width = clean.shape[1:]
    chosen = torch.rand(len(clean), generator=generator) < share
    crops = clean.clone()
    for number in chosen.nonzero().flatten().tolist():
        kind = kinds[int(torch.randint(len(kinds), (), generator=generator))]
        inside = kind(height, width, generator)
        first, second = (random_color(channels, generator) for _ in range(2))
        crops[number] = torch.where(inside, first, second)
    return crops


def with_compressed_patterns(
    clean: Tensor, degraded: Tensor, share: float, quality: float | None, generator: torch.Generator
) -> tuple[Tensor, Tensor]:
    """Replace a random share of clean crops and their JPEG versions by patterns and compressed patterns.

    Each pattern is compressed with a margin and cut at a random phase of the 8×8 grid of JPEG.

    Parameters
    ----------
    clean, degraded : Tensor (b, 1, h, w)
        Clean crops, and the same crops of compressed images.
    share, generator
        As for `with_patterns`.
    quality : float
        JPEG quality factor.

    Returns
    -------
    clean, degraded : Tensor (b, 1, h, w)

    Examples
    --------
    >>> zeros = torch.zeros(2, 1, 16, 16)
    >>> clean, degraded = with_compressed_patterns(zeros, zeros, 1.0, 10, torch.Generator().manual_seed(0))
    >>> degraded.shape
    torch.Size([2, 1, 16, 16])
    """
    height, width = clean.shape[-2:]
    clean, degraded = clean.clone(), degraded.clone()
    chosen = torch.rand(len(clean), generator=generator) < share
    for number in chosen.nonzero().flatten().tolist():
        pattern = with_patterns(clean.new_zeros(1, 1, height + JPEG_BLOCK - 1, width + JPEG_BLOCK - 1), 1.0, generator)
        compressed = degrade(pattern, "jpeg", quality, None)[0]
        top, left = (int(torch.randint(JPEG_BLOCK, (), generator=generator)) for _ in range(2))
        clean[number], degraded[number] = (
            image[0, :, top : top + height, left : left + width] for image in (pattern, compressed)
        )
    return clean, degraded


def stripes(height: int, width: int, generator: torch.Generator) -> Tensor:
    """Vertical or horizontal stripes of whole pixels, (h, w) bool."""
    thickness = max(1, round(_period(generator) / 2))
    rows, columns = _coordinates(height, width)
    vertical = torch.rand((), generator=generator) < 0.5
    along = columns.expand(height, width) if vertical else rows.expand(height, width)
    return (along + _phase(2 * thickness, generator)) // thickness % 2 == 1


def grating(height: int, width: int, generator: torch.Generator) -> Tensor:
    """Stripes at any angle, of any width, (h, w) bool."""
    angle, phase = (math.pi * torch.rand(2, generator=generator)).tolist()
    rows, columns = _coordinates(height, width)
    along = (math.cos(angle) * columns + math.sin(angle) * rows) / _period(generator)
    return torch.sin(2 * math.pi * along + 2 * phase) > 0


def checkerboard(height: int, width: int, generator: torch.Generator) -> Tensor:
    """A checkerboard, (h, w) bool."""
    side = _side(generator)
    rows, columns = _coordinates(height, width)
    down, right = (_phase(2 * side, generator) for _ in range(2))
    return ((rows + down) // side + (columns + right) // side) % 2 == 1


def blocks(height: int, width: int, generator: torch.Generator) -> Tensor:
    """A grid of square cells, of which each has one of the two colours at random, (h, w) bool."""
    side, filled = _side(generator), float(torch.rand((), generator=generator))
    cells = torch.rand(-(-height // side), -(-width // side), generator=generator) < 0.15 + 0.7 * filled
    return cells.repeat_interleave(side, 0).repeat_interleave(side, 1)[:height, :width]


def _coordinates(height: int, width: int) -> tuple[Tensor, Tensor]:
    """Row numbers (h, 1) and column numbers (w,)."""
    return torch.arange(height)[:, None], torch.arange(width)


def _period(generator: torch.Generator) -> float:
    exponent = float(torch.rand((), generator=generator))
    return 2 * float((LONGEST_PERIOD / 2) ** exponent)


def _side(generator: torch.Generator) -> int:
    return 1 + int(LARGEST_CELL * torch.rand((), generator=generator) ** 2)


def _phase(length: int, generator: torch.Generator) -> int:
    return int(torch.randint(length, (), generator=generator))
