"""Load a model together with a test image degraded by the benchmark protocol."""

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
    """Load a denoising model and a noisy test image, with the noise realisation that the tables use.

    Parameters
    ----------
    weights : path
        A weights file.
    dataset, image : str
        As for `groupsc.data.datasets.image_path`.
    level : float, optional
        Noise σ in gray levels of 255. The default is the level of the model; blind models need one.
    data_dir : path
        Data directory.

    Returns
    -------
    model : SparseCoder
    noisy : Tensor (c, H, W)
        Float32, about [0, 1], not clipped.
    level : float

    Raises
    ------
    GroupSCError
        When the model is not a denoising model, a blind model gets no level, or the image does not exist.

    Examples
    --------
    >>> degraded_image("model.safetensors", "BSD68", "test001")  # doctest: +SKIP
    """
    model, card = load_weights(weights)
    if card["task"] not in ("gray", "color"):
        raise GroupSCError(f"{weights} is of the task {card['task']!r}; give a denoising model")
    level = card["level"] if level is None else level
    if level is None:
        raise GroupSCError(f"{weights} is a blind model; give the noise level")
    path = datasets.image_path(dataset, image, data_dir)
    clean = torch.from_numpy(read_image(path, channels=model.config.channels))
    generator = noise_generator(datasets.set_name(dataset, data_dir), image, level)
    degraded, _ = degrade(clean[None], card["task"], level, generator)
    return model, degraded[0], level
