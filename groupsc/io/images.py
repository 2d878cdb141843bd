"""Image files to float arrays and back."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from PIL import Image, ImageOps

from groupsc.utils.atomic import replacing
from groupsc.utils.errors import GroupSCError, MissingFileError

PIXEL_MODES = {1: "L", 3: "RGB"}


def read_image(path, *, channels: int | None = None) -> np.ndarray:
    """Read an image file as float32 (c, H, W) in [0, 1].

    Parameters
    ----------
    channels : {1, 3}, optional
        1: gray, of a colour file its ITU-R 601 luma rounded to 8 bits (Pillow's "L"); 3: RGB; left out, as stored.

    Notes
    -----
    Transparency is dropped; a photograph is turned as its camera noted; 16-bit gray files keep their 16 bits.

    Raises
    ------
    GroupSCError
        When the file is missing, truncated, no image, or of floating point.
    """
    if channels not in (None, *PIXEL_MODES):
        raise GroupSCError(f"an image can't be read with {channels} channels; choose 1 or 3, or leave it out")
    try:
        with Image.open(path) as image:
            pixels = _pixels(ImageOps.exif_transpose(image), channels)
    except FileNotFoundError as error:
        raise MissingFileError(f"{path} does not exist; fetch it with `groupsc fetch`, or correct the path") from error
    except Exception as error:  # Pillow lets errors of every kind escape from a damaged file.
        raise GroupSCError(
            f"{path} can't be read as an image ({error}); fetch it again or choose another file"
        ) from error
    return pixels[None] if pixels.ndim == 2 else np.ascontiguousarray(pixels.transpose(2, 0, 1))


def _pixels(image: Image.Image, channels: int | None) -> np.ndarray:
    """Of (H, W) or (H, W, 3), in [0, 1]."""
    if image.mode.startswith("I;16"):
        gray = np.asarray(image, dtype=np.float32) / 65535
        return np.repeat(gray[..., None], 3, axis=2) if channels == 3 else gray
    if image.mode in ("I", "F"):
        raise ValueError(f"its pixels are of mode {image.mode!r}, whose range is unknown; save it with 8 or 16 bits")
    mode = PIXEL_MODES[channels] if channels else ("L" if image.mode in ("1", "L", "LA", "La") else "RGB")
    return np.asarray(image.convert(mode), dtype=np.float32) / 255


def write_image(path, image) -> None:
    """Write (c, H, W) in [0, 1], clipped and rounded to 8 bits, as a PNG that is at every moment absent, old or
    complete.

    Raises
    ------
    GroupSCError
        When the image has neither 1 nor 3 channels, is not of floating point, holds values that are no numbers, or
        the file can't be written.
    """
    path, image = Path(path), np.asarray(image)
    if path.suffix.lower() != ".png":
        raise GroupSCError(f"{path} can't be written; images are written as PNG, so let the name end in .png")
    if image.ndim != 3 or image.shape[0] not in PIXEL_MODES or not image.size:
        raise GroupSCError(f"an image of shape {image.shape} can't be written to {path}; it must be (1 or 3, H, W)")
    check_values(path, image)
    pixels = (np.clip(image, 0, 1) * 255).round().astype(np.uint8)
    with replacing(path) as partial:
        Image.fromarray(pixels[0] if len(pixels) == 1 else pixels.transpose(1, 2, 0)).save(partial, "PNG")


def check_values(path, pixels: np.ndarray) -> None:
    """Raise an error unless the pixels that are to be written to `path` are floats, and all of them numbers."""
    if pixels.dtype.kind != "f":
        raise GroupSCError(f"an image of type {pixels.dtype} can't be written to {path}; give it as floats in [0, 1]")
    if not np.isfinite(pixels).all():
        raise GroupSCError(f"{path} can't be written, since the image holds NaN or infinity; restore it again")
