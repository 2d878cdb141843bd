"""Samples of an image file and its metadata, and how samples become values in [0, 1]."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
from PIL import Image

from groupsc.io.arrays import MAX_ABSOLUTE, MAX_NONNEGATIVE
from groupsc.utils.errors import GroupSCError

UNIT = ("uint8", "uint16")
"""Types whose largest value is white. The other integers count something, so that their range is that of the image."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Metadata:
    """Metadata of an image.

    Parameters
    ----------
    profile : bytes, optional
        ICC colour profile that matches the samples.
    exif : bytes, optional
        EXIF data that match the samples.
    dpi : (float, float), optional
        Pixels per inch along a row and along a column.
    xmp : bytes, optional
        XMP packet.
    texts : tuple of (str, str)
        Keywords and texts of a PNG, or ("Comment", text) of another file.
    header : str, optional
        Header of a FITS file.
    lost : tuple of str
        Names of metadata that are in the file but can't be kept.

    Examples
    --------
    >>> Metadata(dpi=(300, 300)).names()
    ['resolution']
    """

    profile: bytes | None = None
    exif: bytes | None = None
    dpi: tuple[float, float] | None = None
    xmp: bytes | None = None
    texts: tuple[tuple[str, str], ...] = ()
    header: str | None = None
    lost: tuple[str, ...] = ()

    def names(self) -> list[str]:
        """Return the names of the metadata that are there."""
        return [name for name, field in NAMES.items() if getattr(self, field)]


NAMES = {
    "ICC profile": "profile",
    "EXIF": "exif",
    "resolution": "dpi",
    "XMP": "xmp",
    "texts": "texts",
    "FITS header": "header",
}
"""Names of the metadata that can be kept, and their fields."""


@dataclass(frozen=True, eq=False)
class Decoded:
    """A decoded image file.

    Parameters
    ----------
    samples : ndarray (H, W, n)
        Integers or floats, upright. n is 1 for gray, 2 for gray and alpha, 3 for RGB, 4 for RGB and alpha.
    format : str
        Name of the file format, such as "PNG".
    metadata : Metadata
    tables : dict of int to list of int, optional
        Quantisation tables of a JPEG, by table number.
    subsampling : str, optional
        Chroma subsampling of a colour JPEG, such as "4:2:0".
    sensor : groupsc.io.codecs.raw.Sensor, optional
        How the mosaic of a camera raw file becomes colours.

    Examples
    --------
    >>> Decoded(np.zeros((4, 6, 3), np.uint8), "PNG").samples.shape
    (4, 6, 3)
    """

    samples: np.ndarray
    format: str
    metadata: Metadata = Metadata()
    tables: dict[int, list[int]] | None = None
    sensor: Any = None
    subsampling: str | None = None


def require_size(pixels: int) -> None:
    """Raise an error if an image has more pixels than twice Pillow's `MAX_IMAGE_PIXELS`.

    Examples
    --------
    >>> require_size(10**6)
    """
    limit = 2 * (Image.MAX_IMAGE_PIXELS or math.inf)
    if pixels > limit:
        raise GroupSCError(f"has more than {limit / 1e6:.0f} megapixels, the limit for one image; cut it into parts")


NARROW = 0.01
"""Range of samples, as a share of the largest one, up to which the least sample is black."""


def value_range(samples: np.ndarray) -> tuple[float, float]:
    """Return the samples that become 0 and 1.

    Parameters
    ----------
    samples : ndarray
        Integers or floats.

    Returns
    -------
    (float, float)
        0 and the largest value of an 8-bit or 16-bit type. 0 and 1 for floats in [0, 1] with or without noise. For
        other samples 0 and their largest value; the least value instead of 0 if it is negative, or if the range is so
        narrow (`NARROW`) that float32 would lose digits.

    Raises
    ------
    GroupSCError
        When a float is NaN or infinite. The message starts with the verb.

    Examples
    --------
    >>> value_range(np.array([-0.1, 1.0])), value_range(np.array([0, 4000], np.int32))
    ((0.0, 1.0), (0.0, 4000.0))
    """
    if samples.dtype.name in UNIT:
        return 0.0, float(np.iinfo(samples.dtype).max)
    if not np.isfinite(samples).all():
        raise GroupSCError("contains NaN or infinity; replace them with numbers")
    low, high = float(samples.min()), float(samples.max())
    limit = MAX_NONNEGATIVE if low >= 0 else MAX_ABSOLUTE
    if samples.dtype.kind == "f" and max(high, -low) <= limit:
        return 0.0, 1.0
    if low > 0 and high - low > NARROW * high:
        low = 0.0
    return low, high if high > low else low + 1


def planes_of(samples: np.ndarray, black: float, white: float) -> tuple[np.ndarray, np.ndarray | None]:
    """Convert samples to values.

    Parameters
    ----------
    samples : ndarray (H, W, n)
    black, white : float
        Samples that become 0 and 1.

    Returns
    -------
    pixels : ndarray (1 or 3, H, W)
        float32.
    alpha : ndarray (H, W) or None
        float32 in [0, 1]. It is 1 where the sample is the largest value of an integer type, or 1 for floats.

    Examples
    --------
    >>> planes_of(np.array([[[0], [255]]], np.uint8), 0, 255)
    (array([[[0., 1.]]], dtype=float32), None)
    """
    planes = np.moveaxis(samples, 2, 0)
    colors = len(planes) - (len(planes) + 1) % 2
    work: Any = np.float32 if samples.dtype.itemsize <= 2 or samples.dtype == np.float32 else np.float64
    scaled = planes[:colors].astype(work)
    if (black, white) != (0, 1):
        scaled = (scaled - work(black)) / work(white - black)
    pixels = np.ascontiguousarray(scaled, dtype=np.float32)
    if colors == len(planes):
        return pixels, None
    return pixels, np.ascontiguousarray(planes[colors], dtype=np.float32) / np.float32(_opaque(samples.dtype))


def samples_of(
    pixels: np.ndarray, alpha: np.ndarray | None, depth: str, black: float | None, white: float | None
) -> np.ndarray:
    """Convert values to samples.

    Parameters
    ----------
    pixels : ndarray (1 or 3, H, W)
    alpha : ndarray (H, W) or None
    depth : str
        Type of the samples.
    black, white : float or None
        Samples for 0 and 1; by default those of the type.

    Returns
    -------
    ndarray (H, W, n)
        Integers are rounded and clipped to the values of their type. Floats are not clipped.

    Examples
    --------
    >>> samples_of(np.array([[[-0.1, 0.5, 2]]]), None, "uint8", None, None)[..., 0]
    array([[  0, 128, 255]], dtype=uint8)
    """
    kind = np.dtype(depth)
    black = 0.0 if black is None else black
    white = float(_opaque(kind)) if white is None else white
    work: Any = np.float32 if pixels.dtype == np.float32 and depth in (*UNIT, "float32") else np.float64
    colors = np.asarray(pixels, work)
    if (black, white) != (0, 1):
        colors = colors * work(white - black) + work(black)
    planes = colors
    if alpha is not None:
        planes = np.concatenate([colors, np.clip(np.asarray(alpha, work), 0, 1)[None] * work(_opaque(kind))])
    if kind.kind != "f":
        planes = planes.round().clip(np.iinfo(kind).min, np.iinfo(kind).max)
    return np.moveaxis(planes, 0, 2).astype(kind)


def _opaque(kind: np.dtype) -> int:
    return 1 if kind.kind == "f" else int(np.iinfo(kind).max)
