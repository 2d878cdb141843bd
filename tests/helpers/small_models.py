"""Coders of a few hundred parameters and images to restore with them."""

from __future__ import annotations

import torch

from groupsc.config.definitions import ModelConfig
from groupsc.models.coder import SparseCoder


def perturbed_coder(**options) -> SparseCoder:
    """A coder in float64 with all its parameters moved away from their first values."""
    config = ModelConfig(
        **{"patch_size": 3, "n_atoms": 12, "n_iterations": 5, "window": 5, "similarity_interval": 2, **options}
    )
    model = SparseCoder(config).double()
    generator = torch.Generator().manual_seed(7)
    with torch.no_grad():
        for parameter in model.parameters():
            parameter += 0.05 * torch.rand(parameter.shape, generator=generator, dtype=torch.float64)
    return model


def some_image(channels: int, height: int, width: int, *, masked: bool = False, batch: int = 1):
    """Random images (batch, channels, height, width) and, when `masked`, where their values were measured."""
    generator = torch.Generator().manual_seed(height * width)
    image = torch.rand(batch, channels, height, width, generator=generator, dtype=torch.float64)
    if not masked:
        return image, None
    mask = (torch.rand(1, channels, height, width, generator=generator) > 0.4).double()
    return image * mask, mask
