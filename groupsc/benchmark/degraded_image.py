"""A test image with the noise that the protocol gives it, beside the model that restores it."""

from __future__ import annotations

import torch
from torch import Tensor

from groupsc.data import datasets
from groupsc.data.degradations import degrade, noise_generator
from groupsc.io.images import read_image
from groupsc.models.coder import SparseCoder
from groupsc.utils.errors import GroupSCError
from groupsc.weights.files import load_weights


def degraded_image(
    weights, dataset: str, image: str, *, level: float | None = None, data_dir="data/raw"
) -> tuple[SparseCoder, Tensor, float | None]:
    """A model, the image (c, H, W) with the noise that the tables' rows are about, and its level.

    Raises
    ------
    GroupSCError
        When the model is of another task than denoising, or there is no such image.
    """
    model, card = load_weights(weights)
    if card["task"] not in ("gray", "color"):
        raise GroupSCError(f"{weights} is of the task {card['task']!r}; give a model that removes noise")
    level = card["level"] if level is None else level
    if level is None:
        raise GroupSCError(f"{weights} is a blind model; give the level of the noise")
    path = datasets.image_path(dataset, image, data_dir)
    clean = torch.from_numpy(read_image(path, channels=model.config.channels))
    degraded, _ = degrade(clean[None], card["task"], level, noise_generator(dataset, image, level))
    return model, degraded[0], level
