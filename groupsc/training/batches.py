"""Training batches: random crops of clean images and their degraded versions, as a function of (seed, step).

No state is passed from one step to the next. A run that is interrupted and continued, or distributed over several
processes, therefore uses exactly the same crops and noise.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

import torch
from numpy.typing import NDArray
from torch import Tensor

from groupsc.benchmark.validation import central, spread_levels
from groupsc.config.definitions import Experiment
from groupsc.data.datasets import load_images
from groupsc.data.degradations import add_noise, bayer_mask, degrade
from groupsc.training.contrast import VALIDATED_GAIN, with_gains, with_strong_colors
from groupsc.training.patterns import with_compressed_patterns, with_patterns
from groupsc.utils.errors import GroupSCError
from groupsc.utils.randomness import seeded
from groupsc.utils.typing import PathLike

BLIND_SPREAD = 25.0
"""Noise σ in gray levels of 255 that represents the range of levels of a blind model."""

BAYER_PHASES = ((0, 0), (0, 1), (1, 0), (1, 1))
"""Offsets (row, column) of the Bayer pattern."""


class Batch(NamedTuple):
    """Clean and degraded crops, both (b, c, crop_size, crop_size).

    `mask` has the Bayer masks of mosaics, in the same shape. `level` (b,) has the noise levels, which blind models
    receive as an input.
    """

    clean: Tensor
    degraded: Tensor
    mask: Tensor | None = None
    level: Tensor | None = None

    def each(self, function: Callable[[Tensor], Tensor]) -> Batch:
        """Apply a function to all tensors."""
        return Batch(
            function(self.clean),
            function(self.degraded),
            None if self.mask is None else function(self.mask),
            None if self.level is None else function(self.level),
        )

    def part(self, samples: slice) -> Batch:
        """Some of the samples."""
        return self.each(lambda x: x[samples])


class Batches:
    """Batches of one experiment.

    Parameters
    ----------
    images : sequence of Tensor (c, H, W)
        Clean images in [0, 1].
    experiment : Experiment
        Defines the task, the level, and of `training` the crop size, the batch size, the seed and the kinds of crops.

    Raises
    ------
    GroupSCError
        When there are no images, or images smaller than a crop.

    Examples
    --------
    >>> from groupsc.config.definitions import TrainingConfig
    >>> training = TrainingConfig(crop_size=16, batch_size=4)
    >>> experiment = Experiment(name="gray-sc-sigma25", task="gray", method="sc", level=25, training=training)
    >>> batches = Batches([torch.zeros(1, 20, 30)], experiment)
    >>> batches.at(0).degraded.shape
    torch.Size([4, 1, 16, 16])
    >>> torch.equal(batches.at(7).degraded, batches.at(7).degraded)
    True
    """

    def __init__(self, images: Sequence[Tensor], experiment: Experiment):
        self.task, self.level, self.levels = experiment.task, experiment.level, experiment.model.levels
        self.phases = BAYER_PHASES if experiment.training.any_phase else BAYER_PHASES[:1]
        self.crop_size, self.batch_size, self.seed = (
            experiment.training.crop_size,
            experiment.training.batch_size,
            experiment.training.seed,
        )
        self.gain_share = experiment.training.gain_share
        self.strong_color_share = experiment.training.strong_color_share
        self.pattern_share = experiment.training.pattern_share
        small = [tuple(image.shape) for image in images if min(image.shape[-2:]) < self.crop_size]
        if not images or small:
            raise GroupSCError(
                f"{len(small)} of {len(images)} training images are smaller than a crop of side {self.crop_size}; "
                "choose a training set with larger images, or reduce training.crop_size"
            )
        self.clean = list(images)
        # Whole images are compressed, so that random crops contain all phases of the 8×8 grid of JPEG.
        self.degraded = [degrade(image, "jpeg", self.level, None)[0] for image in images if self.task == "jpeg"]

    def spread(self) -> float | None:
        """Standard deviation of the error that the degradation causes, in [0, 1]; None for mosaics."""
        if self.task == "mosaic":
            return None
        if self.task == "jpeg":
            errors = [(x - y).square().mean() for x, y in zip(self.clean, self.degraded, strict=True)]
            return float(torch.stack(errors).mean().sqrt())
        level = self.level if self.levels is None else BLIND_SPREAD
        return None if level is None else level / 255

    def at(self, step: int) -> Batch:
        """The batch of one step."""
        generator = seeded("batch", self.seed, step)
        draws = torch.randint(2**31, (self.batch_size, 6), generator=generator).tolist()
        clean = torch.stack([self._cut(self.clean, draw) for draw in draws])
        if self.task == "jpeg":
            degraded = torch.stack([self._cut(self.degraded, draw) for draw in draws])
            return Batch(*with_compressed_patterns(clean, degraded, self.pattern_share, self.level, generator))
        if self.strong_color_share:
            clean = with_strong_colors(clean, self.strong_color_share, generator)
        if self.gain_share:
            clean = with_gains(clean, self.gain_share, generator)
        if self.pattern_share:
            clean = with_patterns(clean, self.pattern_share, generator)
        if self.task == "mosaic":
            phases = [self.phases[draw[5] % len(self.phases)] for draw in draws]
            mask = torch.stack([bayer_mask(self.crop_size, self.crop_size, offset=phase) for phase in phases])
            return Batch(clean, clean * mask, mask)
        if self.levels is not None:
            low, high = self.levels[0], self.levels[-1]
            return _noisy(clean, low + (high - low) * torch.rand(self.batch_size, generator=generator), generator)
        return Batch(clean, degrade(clean, self.task, self.level, generator)[0])

    def _cut(self, images: Sequence[Tensor], draw: Sequence[int]) -> Tensor:
        """A random crop of a random image, rotated and flipped at random; all choices are in `draw`."""
        image = images[draw[0] % len(images)]
        top, left = draw[1] % (image.shape[-2] - self.crop_size + 1), draw[2] % (image.shape[-1] - self.crop_size + 1)
        crop = image[:, top : top + self.crop_size, left : left + self.crop_size]
        crop = torch.rot90(crop, draw[3] % 4, (1, 2))
        return crop.flip(2) if draw[4] % 2 else crop


def training_images(experiment: Experiment, data_dir: PathLike) -> list[Tensor]:
    """Load the clean images of an experiment's training set.

    Parameters
    ----------
    experiment : Experiment
    data_dir : path
        Folder of the data sets.

    Returns
    -------
    list of Tensor (c, H, W)
        Images in [0, 1].

    Raises
    ------
    GroupSCError
        When images are missing, or smaller than a crop.

    Examples
    --------
    >>> from groupsc.config.definitions import TrainingConfig
    >>> training = TrainingConfig(dataset="Bundled")
    >>> experiment = Experiment(name="gray-sc-sigma25", task="gray", method="sc", level=25, training=training)
    >>> training_images(experiment, "data/raw")[0].shape
    torch.Size([1, 512, 512])
    """
    name, side = experiment.training.dataset, experiment.training.crop_size
    images = load_images(name, data_dir, channels=experiment.model.channels)
    _require_side(images, side, f"the training set {name}", "or reduce training.crop_size")
    return _tensors(images)


class Validation(NamedTuple):
    """The validation blocks, and the same blocks changed as training crops are, or None if these are not changed.

    In `contrast`, blocks have a gain of 3 if the training has gains. If the training has strong colours, every second
    block has strong colours. If it has patterns, every fourth block, from the second on, is a pattern.
    """

    plain: Batch
    contrast: Batch | None


def validation(experiment: Experiment, data_dir: PathLike, *, block: int) -> Validation:
    """Load the blocks on which a training measures its model.

    Photographs alone would favour, by some thousandths of a decibel, models that diverge at higher contrast.

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
    _require_side(found, block, f"the validation set {name}", "or choose another one")
    images = _tensors(found)
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
    """Add noise with a level (b,) of its own to every crop."""
    noise = add_noise(torch.zeros_like(clean), 255.0, generator)
    return Batch(clean, clean + level.view(-1, 1, 1, 1) / 255 * noise, None, level)


def _require_side(images: Mapping[str, NDArray[Any]], side: int, place: str, hint: str) -> None:
    """Raise an error that names the first image with a side below `side` pixels."""
    for name, image in images.items():
        if min(image.shape[-2:]) < side:
            raise GroupSCError(
                f"the image {name} of {place} is {image.shape[-2]}×{image.shape[-1]} pixels, smaller than a crop of "
                f"side {side}; remove it, {hint}"
            )


def _tensors(images: Mapping[str, NDArray[Any]]) -> list[Tensor]:
    return [torch.from_numpy(image) for image in images.values()]
