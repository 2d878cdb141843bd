"""Training crops with higher contrast and stronger colours than photographs.

Symbols: Y patches, D dictionary, C encoder, A codes of the unrolled coder (`groupsc.models.coder`).

Between two shrinkages the coder computes A ← A + Cᵀ(Y − D A). Where codes are large compared with the thresholds, the
shrinkage hardly changes them, and the residual R = Y − D A of the next iteration is (I − D Cᵀ) R. It grows with every
iteration when the spectral radius ρ(I − D Cᵀ) exceeds 1: after 24 iterations by ρ²⁴, which is 370 for ρ = 1.28.
Training on photographs alone does not reveal this, since their codes stay small, and the validation PSNR even improves
while ρ grows. Crops of higher contrast add large codes to the training. For the robust family, strong colours do the
same for differences between the channels.

All functions take and return clean crops (b, c, h, w). Their only random source is the generator of the step.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor

HIGHEST_GAIN = 5.0
"""Largest gain of a crop. The logarithm of the gains is uniform; the smallest gain is 1."""

VALIDATED_GAIN = 3.0
"""Gain of the validation blocks of high contrast."""

HIGHEST_SATURATION = 8.0
"""Largest factor of the differences between the channels and their mean. Its logarithm is uniform, from 1 on."""

MOST_SHAPES = 12
"""Largest number of shapes in one crop."""


def with_gains(clean: Tensor, share: float, generator: torch.Generator) -> Tensor:
    """Multiply a random share of the crops by gains from 1 to `HIGHEST_GAIN`.

    Parameters
    ----------
    clean : Tensor (b, c, h, w)
        Clean crops in [0, 1].
    share : float
        Probability in [0, 1] that a crop gets a gain.
    generator : torch.Generator
        On the CPU.

    Returns
    -------
    Tensor (b, c, h, w)
        Crops in [0, `HIGHEST_GAIN`].

    Examples
    --------
    >>> crops = torch.ones(4, 1, 2, 2)
    >>> with_gains(crops, 1.0, torch.Generator().manual_seed(0)).amax() <= HIGHEST_GAIN
    tensor(True)
    """
    chosen, exponents = torch.rand(2, len(clean), generator=generator)
    gains = torch.exp(math.log(HIGHEST_GAIN) * exponents).where(chosen < share, 1.0)
    return clean * gains.view(-1, 1, 1, 1)


def with_strong_colors(clean: Tensor, share: float, generator: torch.Generator) -> Tensor:
    """Replace a random share of the crops by crops with strong colours.

    A crop with three channels is replaced, with equal probability, by one of: the crop with its saturation multiplied
    by up to `HIGHEST_SATURATION` and its channels permuted; one channel of each of three crops of the batch, as in
    fluorescence microscopy; flat shapes and lines. A crop with one channel is replaced by flat shapes and lines.

    Parameters
    ----------
    clean : Tensor (b, c, h, w)
        Clean crops in [0, 1], c = 1 or 3.
    share : float
        Probability in [0, 1] that a crop is replaced.
    generator : torch.Generator
        On the CPU.

    Returns
    -------
    Tensor (b, c, h, w)
        Crops in [0, 1].

    Examples
    --------
    >>> with_strong_colors(torch.zeros(4, 3, 8, 8), 0.5, torch.Generator().manual_seed(0)).shape
    torch.Size([4, 3, 8, 8])
    """
    kinds = (saturated, unrelated_channels, flat_shapes) if clean.shape[1] == 3 else (flat_shapes,)
    chosen = torch.rand(len(clean), generator=generator) < share
    drawn = torch.randint(len(kinds), (len(clean),), generator=generator).tolist()
    crops = [
        kinds[kind](clean, number, generator) if replaced else clean[number]
        for number, (kind, replaced) in enumerate(zip(drawn, chosen.tolist(), strict=True))
    ]
    return torch.stack(crops)


def saturated(clean: Tensor, number: int, generator: torch.Generator) -> Tensor:
    """Crop `number` (3, h, w) with higher saturation and permuted channels, clipped to [0, 1]."""
    factor = HIGHEST_SATURATION ** torch.rand(1, generator=generator).item()
    crop = clean[number][torch.randperm(3, generator=generator)]
    gray = crop.mean(0, keepdim=True)
    return (gray + factor * (crop - gray)).clamp(0, 1)


def unrelated_channels(clean: Tensor, number: int, generator: torch.Generator) -> Tensor:
    """A crop (3, h, w) whose channels are those of crop `number` and of two random crops of the batch."""
    others = torch.randint(len(clean), (2,), generator=generator).tolist()
    sources = [number, *others]
    channels = torch.randperm(3, generator=generator).tolist()
    return torch.stack([clean[source, channel] for source, channel in zip(sources, channels, strict=True)])


def flat_shapes(clean: Tensor, number: int, generator: torch.Generator) -> Tensor:
    """Rectangles, discs and lines in uniform colours on a uniform background, (c, h, w).

    `clean` gives the size; `number` is not used. Half of the colours are at the ends of the range.
    """
    channels, height, width = clean.shape[1:]
    rows, columns = torch.arange(height)[:, None], torch.arange(width)
    crop = random_color(channels, generator).expand(channels, height, width).clone()
    for _ in range(1 + int(torch.randint(MOST_SHAPES, (), generator=generator))):
        kind = int(torch.randint(3, (), generator=generator))
        y, x, size, angle = torch.rand(4, generator=generator).tolist()
        y, x, size = y * height, x * width, 1 + size**2 * min(height, width) / 2
        if kind == 0:
            inside = ((rows - y).abs() <= size * angle) & ((columns - x).abs() <= size)
        elif kind == 1:
            inside = (rows - y).square() + (columns - x).square() <= size**2
        else:
            distance = (rows - y) * math.cos(math.pi * angle) + (columns - x) * math.sin(math.pi * angle)
            inside = distance.abs() <= size / 8
        crop = torch.where(inside, random_color(channels, generator), crop)
    return crop


def random_color(channels: int, generator: torch.Generator) -> Tensor:
    """A random colour (c, 1, 1), with probability ½ rounded to the ends of the range."""
    color = torch.rand(channels, 1, 1, generator=generator)
    return color.round() if torch.rand((), generator=generator) < 0.5 else color
