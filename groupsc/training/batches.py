"""Training batches: random crops of clean images and their degraded versions, a pure function of (seed, step).

Nothing is carried from one step to the next, so a run that goes on after a stop, or is spread over several processes,
sees the very same crops and noise.
"""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor

from groupsc.benchmark.validation import central, spread_levels
from groupsc.config.definitions import Experiment
from groupsc.data.datasets import load_images
from groupsc.data.degradations import add_noise, bayer_mask, degrade
from groupsc.training.contrast import VALIDATED_GAIN, with_gains, with_strong_colors
from groupsc.utils.errors import GroupSCError
from groupsc.utils.randomness import seeded

BLIND_SPREAD = 25.0
"""The noise level that stands for all of a blind model's, in gray levels."""

BAYER_PHASES = ((0, 0), (0, 1), (1, 0), (1, 1))


class Batch(NamedTuple):
    """Clean and degraded crops (b, c, crop, crop), the Bayer masks of mosaics, and the noise levels (b,) that a blind
    model is told."""

    clean: Tensor
    degraded: Tensor
    mask: Tensor | None = None
    level: Tensor | None = None


class Batches:
    """Batches of one experiment's task.

    Parameters
    ----------
    images : sequence of Tensor (c, H, W)
        Clean images in [0, 1].
    experiment : Experiment
        Gives task, level, crop, batch and seed.
    """

    def __init__(self, images, experiment: Experiment):
        self.task, self.level, self.levels = experiment.task, experiment.level, experiment.model.levels
        self.phases = BAYER_PHASES if experiment.training.any_phase else BAYER_PHASES[:1]
        self.crop_size, self.batch_size, self.seed = (
            experiment.training.crop_size,
            experiment.training.batch_size,
            experiment.training.seed,
        )
        self.gain_share = experiment.training.gain_share
        self.strong_color_share = experiment.training.strong_color_share
        small = [tuple(image.shape) for image in images if min(image.shape[-2:]) < self.crop_size]
        if not images or small:
            raise GroupSCError(
                f"{len(small)} of {len(images)} training images are smaller than a crop of side {self.crop_size}; "
                "choose a training set with larger images, or a smaller crop"
            )
        self.clean = list(images)
        # JPEG's 8×8 grid belongs to the whole image, so crops at random places see it at every phase.
        self.degraded = (
            [degrade(image, "jpeg", self.level, None)[0] for image in images] if self.task == "jpeg" else None
        )

    def spread(self) -> float | None:
        """Standard deviation of what the degradation adds, in [0, 1]; None for mosaics."""
        if self.task == "mosaic":
            return None
        if self.task == "jpeg":
            errors = [(x - y).square().mean() for x, y in zip(self.clean, self.degraded, strict=True)]
            return float(torch.stack(errors).mean().sqrt())
        return (self.level if self.levels is None else BLIND_SPREAD) / 255

    def at(self, step: int) -> Batch:
        """The crops of one step."""
        generator = seeded("batch", self.seed, step)
        draws = torch.randint(2**31, (self.batch_size, 6), generator=generator).tolist()
        clean = torch.stack([self._cut(self.clean, draw) for draw in draws])
        if self.task == "jpeg":
            return Batch(clean, torch.stack([self._cut(self.degraded, draw) for draw in draws]))
        if self.strong_color_share:
            clean = with_strong_colors(clean, self.strong_color_share, generator)
        if self.gain_share:
            clean = with_gains(clean, self.gain_share, generator)
        if self.task == "mosaic":
            phases = [self.phases[draw[5] % len(self.phases)] for draw in draws]
            mask = torch.stack([bayer_mask(self.crop_size, self.crop_size, offset=phase) for phase in phases])
            return Batch(clean, clean * mask, mask)
        if self.levels is not None:
            low, high = self.levels[0], self.levels[-1]
            return _noisy(clean, low + (high - low) * torch.rand(self.batch_size, generator=generator), generator)
        return Batch(clean, degrade(clean, self.task, self.level, generator)[0])

    def _cut(self, images, draw) -> Tensor:
        image = images[draw[0] % len(images)]
        top, left = draw[1] % (image.shape[-2] - self.crop_size + 1), draw[2] % (image.shape[-1] - self.crop_size + 1)
        crop = image[:, top : top + self.crop_size, left : left + self.crop_size]
        crop = torch.rot90(crop, draw[3] % 4, (1, 2))
        return crop.flip(2) if draw[4] % 2 else crop


def training_images(experiment: Experiment, data_dir) -> list[Tensor]:
    """The clean images of the experiment's training set, (c, H, W)."""
    return _tensors(load_images(experiment.training.dataset, data_dir, channels=experiment.model.channels))


class Validation(NamedTuple):
    """The blocks that steer a training: plain ones, and with crops of higher contrast the same at a gain of 3."""

    plain: Batch
    contrast: Batch | None


def validation(experiment: Experiment, data_dir, *, block: int) -> Validation:
    """The blocks that steer a training.

    Photographs alone would prefer models that explode at higher contrast, by some thousandths of a decibel.
    """
    plain = validation_blocks(experiment, data_dir, block=block)
    if experiment.task == "jpeg" or not experiment.training.gain_share:
        return Validation(plain, None)
    clean = VALIDATED_GAIN * plain.clean
    degraded = clean * plain.mask if plain.mask is not None else clean + (plain.degraded - plain.clean)
    return Validation(plain, plain._replace(clean=clean, degraded=degraded))


def validation_blocks(experiment: Experiment, data_dir, *, block: int) -> Batch:
    """The central block of each image of the validation set; the same in every run.

    For blind models the noise levels rise evenly from image to image.
    """
    name = experiment.training.validation
    images = _tensors(
        load_images(name, data_dir, channels=experiment.model.channels, images=experiment.training.validation_images)
    )
    if small := [f"{image.shape[-2]}×{image.shape[-1]}" for image in images if min(image.shape[-2:]) < block]:
        raise GroupSCError(
            f"a validation image is {small[0]} pixels, smaller than a block of {block}; choose larger images"
        )
    clean = torch.stack([central(image, block) for image in images])
    if experiment.task == "jpeg":
        compressed = [degrade(image, "jpeg", experiment.level, None)[0] for image in images]
        return Batch(clean, torch.stack([central(image, block) for image in compressed]))
    generator = seeded("validation", name)
    if experiment.model.levels is not None:
        return _noisy(clean, torch.tensor(spread_levels(experiment.model.levels, len(clean))), generator)
    degraded, mask = degrade(clean, experiment.task, experiment.level, generator)
    return Batch(clean, degraded, mask if mask is None else mask.expand_as(clean))


def _noisy(clean: Tensor, level: Tensor, generator: torch.Generator) -> Batch:
    """Noise of a level (b,) of its own for every crop."""
    noise = add_noise(torch.zeros_like(clean), 255.0, generator)
    return Batch(clean, clean + level.view(-1, 1, 1, 1) / 255 * noise, None, level)


def _tensors(images: dict) -> list[Tensor]:
    return [torch.from_numpy(image) for image in images.values()]
