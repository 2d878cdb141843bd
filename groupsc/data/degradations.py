"""Degrade clean images: Gaussian noise, Bayer mosaic, JPEG compression.

Random noise comes only from the generators that callers pass.
"""

from __future__ import annotations

import io

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image
from torch import Tensor
from torch.nn import functional

from groupsc.config.definitions import TASKS
from groupsc.utils.errors import GroupSCError
from groupsc.utils.randomness import seeded

BAYER_PATTERNS = ("RGGB", "BGGR", "GRBG", "GBRG")


def noise_generator(dataset: str, image: str, level: float | None, repetition: int = 0) -> torch.Generator:
    """Return the random generator of one degraded image, the same for all methods.

    Parameters
    ----------
    dataset, image : str
        Names of the data set and the image.
    level : float or None
        Noise level σ or JPEG quality; None for a task without a level.
    repetition : int
        Number of the noise realisation, from 0.

    Returns
    -------
    torch.Generator
        On the CPU. Its seed depends on all arguments.

    Examples
    --------
    >>> first, second = (noise_generator("BSD68", "test001", 25, repetition) for repetition in (0, 1))
    >>> first.initial_seed() == second.initial_seed()
    False
    """
    return seeded(dataset, image, "none" if level is None else f"{level:g}", repetition)


def add_noise(x: Tensor, sigma: float | None, generator: torch.Generator | None) -> Tensor:
    """Add white Gaussian noise.

    Parameters
    ----------
    x : Tensor
        Image of any shape, of a floating-point type, in [0, 1].
    sigma : float
        Standard deviation in gray levels of 255, at least 0.
    generator : torch.Generator
        On the CPU.

    Returns
    -------
    Tensor
        The noisy image, of the shape, type and device of `x`. It is neither clipped nor quantised.

    Raises
    ------
    GroupSCError
        When `sigma` is negative, infinite or NaN, the image is not of a floating-point type, or `generator` is None.

    Notes
    -----
    The noise is drawn on the CPU in float32, so that it does not depend on the device.

    Examples
    --------
    >>> noisy = add_noise(torch.zeros(1, 64, 64), 25, noise_generator("BSD68", "test001", 25))
    >>> bool(abs(noisy.std() * 255 - 25) < 1)
    True
    """
    if sigma is None or not 0 <= sigma < float("inf"):
        raise GroupSCError(f"sigma is {sigma}; give the noise level in gray levels of 255, at least 0")
    if not x.is_floating_point():
        raise GroupSCError(f"noise can't be added to an image of type {x.dtype}; give it as floats in [0, 1]")
    if generator is None:
        raise GroupSCError("noise needs a generator of its own; create it with `noise_generator`")
    noise = torch.randn(x.shape, generator=generator, dtype=torch.float32)
    return x + (sigma / 255 * noise).to(x.device, x.dtype)


def bayer_mask(height: int, width: int, pattern: str = "RGGB", *, offset: tuple[int, int] = (0, 0)) -> Tensor:
    """Return the mask of the colours that a Bayer sensor measures.

    Parameters
    ----------
    height, width : int
        Size in pixels.
    pattern : {"RGGB", "BGGR", "GRBG", "GBRG"}
        Colours of the 2×2 cell in raster order. The first letter is the colour of pixel (0, 0) of the sensor.
    offset : tuple of int
        Row and column of the sensor at which the mask starts.

    Returns
    -------
    Tensor (3, height, width), float32
        1 where a channel (R, G, B) is measured, 0 elsewhere.

    Raises
    ------
    GroupSCError
        When the pattern is unknown.

    Examples
    --------
    >>> bayer_mask(2, 2).int().tolist()
    [[[1, 0], [0, 0]], [[0, 1], [1, 0]], [[0, 0], [0, 1]]]
    """
    if pattern not in BAYER_PATTERNS:
        raise GroupSCError(f"there is no Bayer pattern {pattern!r}; choose one of {', '.join(BAYER_PATTERNS)}")
    cell = torch.tensor(["RGB".index(letter) for letter in pattern]).view(2, 2)
    rows, columns = (torch.arange(length) + start for length, start in zip((height, width), offset, strict=True))
    color = cell[rows[:, None] % 2, columns[None, :] % 2]
    return torch.stack([(color == channel).float() for channel in range(3)])


def mosaic(x: Tensor, pattern: str = "RGGB") -> tuple[Tensor, Tensor]:
    """Simulate a Bayer mosaic of colour images.

    Parameters
    ----------
    x : Tensor (…, 3, H, W)
    pattern : {"RGGB", "BGGR", "GRBG", "GBRG"}
        As for `bayer_mask`.

    Returns
    -------
    measured : Tensor (…, 3, H, W)
        `x` where it is measured, 0 elsewhere.
    mask : Tensor (3, H, W)
        As `bayer_mask` returns it, of the type and device of `x`.

    Raises
    ------
    GroupSCError
        When `x` does not have three channels, or the pattern is unknown.

    Examples
    --------
    >>> measured, mask = mosaic(torch.ones(3, 4, 4))
    >>> measured.sum(dim=(1, 2)).tolist()
    [4.0, 8.0, 4.0]
    """
    if x.ndim < 3 or x.shape[-3] != 3:
        raise GroupSCError(
            f"a mosaic needs three channels, and the image has shape {tuple(x.shape)}; give (…, 3, H, W)"
        )
    height, width = x.shape[-2:]
    mask = bayer_mask(height, width, pattern).to(x)
    return x * mask, mask


def jpeg(x: Tensor, quality: float | None) -> Tensor:
    """Compress gray images as JPEG with libjpeg (Pillow), and decompress them.

    Parameters
    ----------
    x : Tensor (…, 1, H, W)
        In [0, 1]. It is clipped and rounded to 8 bits.
    quality : int
        Quality of libjpeg, 1 to 100.

    Returns
    -------
    Tensor (…, 1, H, W)
        In [0, 1], of the type and device of `x`.

    Raises
    ------
    GroupSCError
        When `x` does not have one channel, or the quality is not an integer from 1 to 100.

    Examples
    --------
    >>> jpeg(torch.full((1, 8, 8), 0.5), 10).shape
    torch.Size([1, 8, 8])
    """
    if x.ndim < 3 or x.shape[-3] != 1:
        raise GroupSCError(
            f"JPEG deblocking needs one channel, and the image has shape {tuple(x.shape)}; give its luma"
        )
    if quality is None or quality not in range(1, 101):
        raise GroupSCError(f"JPEG quality is {quality}; choose a whole number from 1 to 100")
    levels = (x.detach().clamp(0, 1) * 255).round().to("cpu", torch.uint8)
    planes = [_through_jpeg(plane, int(quality)) for plane in levels.reshape(-1, *x.shape[-2:]).numpy()]
    return torch.from_numpy(np.stack(planes)).view(x.shape).to(x)


def degrade(
    x: Tensor, task: str, level: float | None, generator: torch.Generator | None
) -> tuple[Tensor, Tensor | None]:
    """Degrade clean images for a task.

    Parameters
    ----------
    x : Tensor (…, c, H, W)
        In [0, 1].
    task : {"gray", "color", "mosaic", "jpeg"}
        "gray" and "color" add noise.
    level : float, int or None
        Noise level σ in gray levels of 255 for "gray" and "color", quality for "jpeg", unused for "mosaic".
    generator : torch.Generator or None
        Generator of the noise; unused for "mosaic" and "jpeg".

    Returns
    -------
    degraded : Tensor (…, c, H, W)
    mask : Tensor (3, H, W) or None
        Mask of the measured values for "mosaic", None for the other tasks.

    Raises
    ------
    GroupSCError
        When the task is unknown, or does not support the image or the level.

    Examples
    --------
    >>> degraded, mask = degrade(torch.ones(3, 4, 4), "mosaic", None, None)
    >>> mask.shape
    torch.Size([3, 4, 4])
    """
    if task in ("gray", "color"):
        return add_noise(x, level, generator), None
    if task == "mosaic":
        return mosaic(x)
    if task == "jpeg":
        return jpeg(x, level), None
    raise GroupSCError(f"there is no task {task!r}; choose one of {', '.join(TASKS)}")


def _through_jpeg(plane: NDArray[np.uint8], quality: int) -> NDArray[np.float32]:
    stream = io.BytesIO()
    Image.fromarray(plane).save(stream, "JPEG", quality=quality)
    return np.asarray(Image.open(stream), dtype=np.float32) / np.float32(255)


def interpolate_mosaic(mosaic: Tensor, mask: Tensor, *, mirrored: bool = False) -> Tensor:
    """Interpolate a Bayer mosaic bilinearly: missing values are means of the measured neighbours.

    Parameters
    ----------
    mosaic, mask : Tensor (1, 3, H, W)
        Measured values, zeros elsewhere; 1 where a value was measured.
    mirrored : bool
        Mirror the image at its borders, which needs at least 2×2 pixels. By default, pixels at a border have fewer
        neighbours.

    Returns
    -------
    Tensor (1, 3, H, W)

    Examples
    --------
    >>> clean = torch.full((1, 3, 4, 4), 0.5)
    >>> mosaic, mask = degrade(clean, "mosaic", None, None)
    >>> torch.equal(interpolate_mosaic(mosaic, mask[None]), clean)
    True
    """
    kernel = torch.tensor([[1.0, 2.0, 1.0], [2.0, 4.0, 2.0], [1.0, 2.0, 1.0]], dtype=mosaic.dtype)
    kernel = kernel.to(mosaic.device).expand(3, 1, 3, 3)
    mode = "reflect" if mirrored else "constant"
    padded = (functional.pad(x, (1, 1, 1, 1), mode=mode) for x in (mosaic, mask))
    values, weights = (functional.conv2d(x, kernel, groups=3) for x in padded)
    return torch.where(mask > 0, mosaic, values / weights)
