"""Blocks of the validation images on which a training measures its model between its steps.

They are small, so that a measurement takes seconds; `groupsc.benchmark.validation` compares finished models.
"""

from __future__ import annotations

from typing import NamedTuple

import torch

from groupsc.benchmark.validation import central, spread_levels
from groupsc.config.definitions import Experiment
from groupsc.data.datasets import load_images
from groupsc.data.degradations import degrade
from groupsc.training.batches import Batch, noisy, require_side, tensors
from groupsc.training.contrast import VALIDATED_GAIN, with_strong_colors
from groupsc.training.patterns import with_compressed_patterns, with_patterns
from groupsc.utils.randomness import seeded
from groupsc.utils.typing import PathLike


class Validation(NamedTuple):
    """The validation blocks, and the same blocks changed as training crops are, or None if these are not changed.

    In `contrast`, blocks have a gain of 3 if the training has gains. If the training has strong colours, every second
    block has strong colours. If it has patterns, every fourth block, from the second on, is a pattern.
    """

    plain: Batch
    contrast: Batch | None


def validation(experiment: Experiment, data_dir: PathLike, *, block: int) -> Validation:
    """Load the blocks on which a training measures its model.

    On photographs alone, models that diverge at high contrast can have a slightly higher PSNR; `contrast` prevents that
    these are chosen.

    Parameters
    ----------
    experiment : Experiment
    data_dir : path
        Folder of the data sets.
    block : int
        Side of the blocks in pixels.

    Returns
    -------
    Validation

    Raises
    ------
    GroupSCError
        When images are missing, or smaller than a block.

    Examples
    --------
    >>> from groupsc.config.definitions import TrainingConfig
    >>> training = TrainingConfig(validation="Bundled", validation_images=2, gain_share=0.5)
    >>> experiment = Experiment(name="gray-sc-sigma25", task="gray", method="sc", level=25, training=training)
    >>> validation(experiment, "data/raw", block=40).contrast.clean.shape
    torch.Size([2, 1, 40, 40])
    """
    plain = validation_blocks(experiment, data_dir, block=block)
    training = experiment.training
    if experiment.task == "jpeg":
        return Validation(plain, _compressed_patterns(plain, experiment) if training.pattern_share else None)
    if not (training.gain_share or training.strong_color_share or training.pattern_share):
        return Validation(plain, None)
    clean = (VALIDATED_GAIN if training.gain_share else 1.0) * plain.clean
    if training.strong_color_share:
        clean[::2] = with_strong_colors(plain.clean, 1.0, seeded("strong colors", training.validation))[::2]
    if training.pattern_share:
        clean[1::4] = with_patterns(clean[1::4], 1.0, seeded("patterns", training.validation))
    degraded = clean * plain.mask if plain.mask is not None else clean + (plain.degraded - plain.clean)
    return Validation(plain, plain._replace(clean=clean, degraded=degraded))


def _compressed_patterns(plain: Batch, experiment: Experiment) -> Batch:
    """JPEG blocks of which every fourth, from the second on, is a pattern, unless JPEG does not change the pattern."""
    generator = seeded("patterns", experiment.training.validation)
    patterns = with_compressed_patterns(plain.clean, plain.degraded, 1.0, experiment.level, generator)
    changed = (patterns[0] != patterns[1]).flatten(1).any(1)  # The PSNR of the others is infinite.
    chosen = changed & (torch.arange(len(changed)) % 4 == 1)
    return Batch(*(torch.where(chosen.view(-1, 1, 1, 1), *pair) for pair in zip(patterns, plain[:2], strict=True)))


def validation_blocks(experiment: Experiment, data_dir: PathLike, *, block: int) -> Batch:
    """The central block of each validation image, degraded in the same way in every run.

    In trainings of blind models, the noise levels increase evenly from image to image. Parameters and errors as for
    `validation`; returns a `Batch`.
    """
    name = experiment.training.validation
    found = load_images(
        name, data_dir, channels=experiment.model.channels, images=experiment.training.validation_images
    )
    require_side(found, block, f"the validation set {name}", "or choose another one")
    images = tensors(found)
    clean = torch.stack([central(image, block) for image in images])
    if experiment.task == "jpeg":
        compressed = [degrade(image, "jpeg", experiment.level, None)[0] for image in images]
        return Batch(clean, torch.stack([central(image, block) for image in compressed]))
    generator = seeded("validation", name)
    if experiment.model.levels is not None:
        return noisy(clean, torch.tensor(spread_levels(experiment.model.levels, len(clean))), generator)
    degraded, mask = degrade(clean, experiment.task, experiment.level, generator)
    return Batch(clean, degraded, mask if mask is None else mask.expand_as(clean))
