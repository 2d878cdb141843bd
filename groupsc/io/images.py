"""Read and write image files as float arrays."""

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
    path : path
    channels : {1, 3}, optional
        1 reads gray; a colour file is converted to its ITU-R 601 luma, rounded to 8 bits (Pillow's mode "L"). 3 reads
        RGB. The default keeps the channels of the file.

    Returns
    -------
    ndarray (c, H, W)
        float32 in [0, 1].

    Raises
    ------
    GroupSCError
        When the file is missing, truncated, not an image, or has floating-point pixels.

    Notes
    -----
    Transparency is discarded. The image is turned upright by its EXIF orientation. 16-bit gray files keep 16 bits;
    16-bit colours are reduced to 8 bits.

    Examples
    --------
    >>> import tempfile
    >>> import numpy as np
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     write_image(f"{folder}/a.png", np.full((3, 4, 6), 0.5))
    ...     read_image(f"{folder}/a.png", channels=1).shape
    (1, 4, 6)
    """
    if channels not in (None, *PIXEL_MODES):
        raise GroupSCError(f"an image can't be read with {channels} channels; choose 1 or 3, or omit the number")
    try:
        with Image.open(path) as image:
            pixels = _pixels(ImageOps.exif_transpose(image), channels)
    except FileNotFoundError as error:
        raise MissingFileError(f"{path} does not exist; fetch it with `groupsc fetch`, or correct the path") from error
    except Exception as error:  # Pillow raises exceptions of many types for damaged files.
        raise GroupSCError(
            f"{path} can't be read as an image ({error}); fetch it again or choose another file"
        ) from error
    return pixels[None] if pixels.ndim == 2 else np.ascontiguousarray(pixels.transpose(2, 0, 1))


def _pixels(image: Image.Image, channels: int | None) -> np.ndarray:
    """Return the pixels (H, W) or (H, W, 3) in [0, 1]."""
    if image.mode.startswith("I;16"):
        gray = np.asarray(image, dtype=np.float32) / 65535
        return np.repeat(gray[..., None], 3, axis=2) if channels == 3 else gray
    if image.mode in ("I", "F"):
        raise ValueError(f"the range of its pixels, mode {image.mode!r}, is unknown; save it with 8 or 16 bits")
    mode = PIXEL_MODES[channels] if channels else ("L" if image.mode in ("1", "L", "LA", "La") else "RGB")
    return np.asarray(image.convert(mode), dtype=np.float32) / 255


def write_image(path, image) -> None:
    """Write an image as an 8-bit PNG.

    The file is replaced in one step: it is never incomplete, also if the process is killed.

    Parameters
    ----------
    path : path
        Its suffix is .png. Missing folders are created.
    image : array_like (c, H, W)
        Floats in [0, 1], with 1 or 3 channels. Values are clipped to [0, 1] and rounded to 8 bits.

    Raises
    ------
    GroupSCError
        When the image does not have 1 or 3 channels, is not of a floating-point type or contains NaN or infinity, the
        suffix is not .png, or the file can't be written.

    Examples
    --------
    >>> import tempfile
    >>> import numpy as np
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     write_image(f"{folder}/a.png", np.array([[[-1.0, 0.2, 2.0]]]))
    ...     (255 * read_image(f"{folder}/a.png")).round().tolist()
    [[[0.0, 51.0, 255.0]]]
    """
    path, image = Path(path), np.asarray(image)
    if path.suffix.lower() != ".png":
        raise GroupSCError(f"{path} can't be written; images are written as PNG, so use a name that ends in .png")
    if image.ndim != 3 or image.shape[0] not in PIXEL_MODES or not image.size:
        raise GroupSCError(f"an image of shape {image.shape} can't be written to {path}; it must be (1 or 3, H, W)")
    check_values(path, image)
    pixels = (np.clip(image, 0, 1) * 255).round().astype(np.uint8)
    with replacing(path) as partial:
        Image.fromarray(pixels[0] if len(pixels) == 1 else pixels.transpose(1, 2, 0)).save(partial, "PNG")


def check_values(path, pixels: np.ndarray) -> None:
    """Check that pixels are finite floats before they are written to `path`.

    Parameters
    ----------
    path : path
        Named in the message.
    pixels : ndarray

    Raises
    ------
    GroupSCError
        When the pixels are not of a floating-point type, or contain NaN or infinity.

    Examples
    --------
    >>> import numpy as np
    >>> check_values("a.png", np.array([[[0.5, np.nan]]]))  # doctest: +ELLIPSIS
    Traceback (most recent call last):
        ...
    groupsc.utils.errors.GroupSCError: a.png can't be written, because it contains NaN or infinity; ...
    """
    if pixels.dtype.kind != "f":
        raise GroupSCError(f"an image of type {pixels.dtype} can't be written to {path}; give it as floats in [0, 1]")
    if not np.isfinite(pixels).all():
        raise GroupSCError(f"{path} can't be written, because it contains NaN or infinity; restore the image again")
