"""What the models undo: Gaussian noise, the Bayer mosaic, JPEG compression. Randomness comes from explicit generators
only."""

from __future__ import annotations

import io

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from groupsc.config.definitions import TASKS
from groupsc.utils.errors import GroupSCError
from groupsc.utils.randomness import seeded

BAYER_PATTERNS = ("RGGB", "BGGR", "GRBG", "GBRG")


def noise_generator(dataset: str, image: str, level, repetition: int = 0) -> torch.Generator:
    """The generator of one degraded image: the same for every method, another for every repetition."""
    level = "none" if level is None else f"{level:g}"
    return seeded(dataset, image, level, repetition)


def add_noise(x: Tensor, sigma: float, generator: torch.Generator) -> Tensor:
    """White Gaussian noise of standard deviation `sigma` (gray levels of 255) added to `x` in [0, 1].

    Neither clipped nor quantised. Drawn on the CPU in float32, so that the noise does not depend on the device.

    Raises
    ------
    GroupSCError
        When `sigma` is negative or no number, the image is not of floating point, or there is no generator.
    """
    if not 0 <= sigma < float("inf"):
        raise GroupSCError(f"sigma is {sigma}; give the noise level in gray levels of 255, at least 0")
    if not x.is_floating_point():
        raise GroupSCError(f"noise can't be added to an image of type {x.dtype}; give it as floats in [0, 1]")
    if generator is None:
        raise GroupSCError("noise needs a generator of its own; make one with `noise_generator`")
    noise = torch.randn(x.shape, generator=generator, dtype=torch.float32)
    return x + (sigma / 255 * noise).to(x.device, x.dtype)


def bayer_mask(height: int, width: int, pattern: str = "RGGB", *, offset: tuple[int, int] = (0, 0)) -> Tensor:
    """Which colour a Bayer sensor measures where, (3, height, width) in {0, 1}.

    `pattern` names the 2×2 cell in raster order, its first letter at pixel (0, 0); `offset` is the row and column of
    the full sensor at which this window begins.

    Raises
    ------
    GroupSCError
        When there is no such pattern.
    """
    if pattern not in BAYER_PATTERNS:
        raise GroupSCError(f"there is no Bayer pattern {pattern!r}; choose one of {', '.join(BAYER_PATTERNS)}")
    cell = torch.tensor(["RGB".index(letter) for letter in pattern]).view(2, 2)
    rows, columns = (torch.arange(length) + start for length, start in zip((height, width), offset, strict=True))
    color = cell[rows[:, None] % 2, columns[None, :] % 2]
    return torch.stack([(color == channel).float() for channel in range(3)])


def mosaic(x: Tensor, pattern: str = "RGGB") -> tuple[Tensor, Tensor]:
    """The measured values of `x` (…, 3, H, W), zeros elsewhere, and the mask (3, H, W).

    Raises
    ------
    GroupSCError
        When `x` has other than three channels, or there is no such pattern.
    """
    if x.ndim < 3 or x.shape[-3] != 3:
        raise GroupSCError(f"a mosaic needs three channels, the image is {tuple(x.shape)}; give it as (…, 3, H, W)")
    mask = bayer_mask(*x.shape[-2:], pattern).to(x)
    return x * mask, mask


def jpeg(x: Tensor, quality: int) -> Tensor:
    """`x` (…, 1, H, W) in [0, 1], rounded to 8 bits, written as a gray JPEG by libjpeg (Pillow) and read again.

    Raises
    ------
    GroupSCError
        When `x` has several channels, or the quality is none of libjpeg's.
    """
    if x.ndim < 3 or x.shape[-3] != 1:
        raise GroupSCError(f"JPEG deblocking works on one channel, the image is {tuple(x.shape)}; pass its luma")
    if quality not in range(1, 101):
        raise GroupSCError(f"JPEG quality is {quality}; choose a whole number from 1 to 100")
    levels = (x.detach().clamp(0, 1) * 255).round().to("cpu", torch.uint8)
    planes = [_through_jpeg(plane, int(quality)) for plane in levels.reshape(-1, *x.shape[-2:]).numpy()]
    return torch.from_numpy(np.stack(planes)).view(x.shape).to(x)


def degrade(x: Tensor, task: str, level, generator: torch.Generator | None) -> tuple[Tensor, Tensor | None]:
    """The degraded version of clean images `x` (…, c, H, W), and the mask of a mosaic or None.

    Parameters
    ----------
    task : str
        "gray", "color" (noise of σ = `level`), "mosaic" (`level` unused) or "jpeg" (quality = `level`).
    generator : torch.Generator or None
        For the noise; unused by mosaics and JPEG.

    Raises
    ------
    GroupSCError
        For an unknown task, or an image or level that the task can't take.
    """
    if task in ("gray", "color"):
        return add_noise(x, level, generator), None
    if task == "mosaic":
        return mosaic(x)
    if task == "jpeg":
        return jpeg(x, level), None
    raise GroupSCError(f"there is no task {task!r}; choose one of {', '.join(TASKS)}")


def _through_jpeg(plane: np.ndarray, quality: int) -> np.ndarray:
    stream = io.BytesIO()
    Image.fromarray(plane).save(stream, "JPEG", quality=quality)
    return np.asarray(Image.open(stream), dtype=np.float32) / 255
