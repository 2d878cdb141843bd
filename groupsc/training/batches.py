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

from groupsc.config.definitions import Experiment
from groupsc.data.datasets import load_images
from groupsc.data.degradations import add_noise, bayer_mask, degrade
from groupsc.training.contrast import with_gains, with_strong_colors
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
        if not images:
            raise GroupSCError("there are no training images; choose another training.dataset")
        numbered = {str(number): image for number, image in enumerate(images, 1)}
        require_side(numbered, self.crop_size, "the training images", "or reduce training.crop_size")
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
            return noisy(clean, low + (high - low) * torch.rand(self.batch_size, generator=generator), generator)
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
    require_side(images, side, f"the training set {name}", "or reduce training.crop_size")
    return tensors(images)


def noisy(clean: Tensor, level: Tensor, generator: torch.Generator) -> Batch:
    """Add noise with a level (b,) of its own to every crop."""
    noise = add_noise(torch.zeros_like(clean), 255.0, generator)
    return Batch(clean, clean + level.view(-1, 1, 1, 1) / 255 * noise, None, level)


def require_side(images: Mapping[str, NDArray[Any] | Tensor], side: int, place: str, hint: str) -> None:
    """Raise an error that names the first image with a side below `side` pixels."""
    for name, image in images.items():
        if min(image.shape[-2:]) < side:
            raise GroupSCError(
                f"the image {name} of {place} is {image.shape[-2]}×{image.shape[-1]} pixels, smaller than a crop of "
                f"side {side}; remove it, {hint}"
            )


def tensors(images: Mapping[str, NDArray[Any]]) -> list[Tensor]:
    """Images as tensors, without their names."""
    return [torch.from_numpy(image) for image in images.values()]
