"""Read EXIF data, apply the orientation, and select the tags to keep."""

from __future__ import annotations

import warnings
from typing import BinaryIO

import numpy as np
from PIL import ExifTags, Image

ORIENTATION = ExifTags.Base.Orientation
DESCRIPTION = ExifTags.Base.ImageDescription

HEAD = b"Exif\0\0"
"""Prefix of EXIF data in a JPEG and in the EXIF bytes of this package."""

DESCRIPTIVE = (
    DESCRIPTION, ExifTags.Base.Make, ExifTags.Base.Model, ORIENTATION, ExifTags.Base.XResolution,
    ExifTags.Base.YResolution, ExifTags.Base.ResolutionUnit, ExifTags.Base.Software, ExifTags.Base.DateTime,
    ExifTags.Base.Artist, ExifTags.Base.Copyright,
)  # fmt: skip
"""Tags of a TIFF that describe the photograph. The other tags describe how the file stores it."""

TURNS = {
    1: (0, False), 2: (0, True), 3: (2, False), 4: (2, True), 5: (1, True), 6: (3, False), 7: (3, True), 8: (1, False),
}  # fmt: skip
"""By EXIF orientation: counterclockwise quarter turns, and whether left and right are exchanged before the turns."""


def upright(samples: np.ndarray, exif: Image.Exif, stored: bytes | None = None) -> tuple[np.ndarray, bytes | None]:
    """Turn samples upright by the EXIF orientation.

    Parameters
    ----------
    samples : ndarray (H, W, n)
    exif : PIL.Image.Exif
        Its orientation is set to 1 if the samples are turned.
    stored : bytes, optional
        EXIF data as the file stores them. They are kept if the samples are already upright, because they can contain
        data that Pillow does not know.

    Returns
    -------
    samples : ndarray (H, W, n) or (W, H, n)
    exif : bytes or None
        EXIF data that match the samples. None if there are none, or if they can't be read; the samples are then
        returned as they were.

    Examples
    --------
    >>> import numpy as np
    >>> exif = Image.Exif()
    >>> exif[ORIENTATION] = 6
    >>> upright(np.zeros((4, 6, 1)), exif)[0].shape
    (6, 4, 1)
    """
    try:
        turns, mirrored = TURNS.get(exif.get(ORIENTATION, 1), TURNS[1])
        if (turns, mirrored) == TURNS[1]:
            stored = stored or (exif.tobytes() if len(exif) else None)
            return samples, stored and HEAD + stored.removeprefix(HEAD)  # Pillow omits HEAD for a WebP.
        exif[ORIENTATION] = 1
        details = exif.get_ifd(ExifTags.IFD.Exif)
        sides = (ExifTags.Base.ExifImageWidth, ExifTags.Base.ExifImageHeight)
        if turns % 2 and all(side in details for side in sides):
            details[sides[0]], details[sides[1]] = details[sides[1]], details[sides[0]]
        kept = exif.tobytes()
    except Exception:  # Pillow raises exceptions of many types for damaged EXIF data.
        turns, mirrored, kept = 0, False, None
    return np.rot90(samples[:, ::-1] if mirrored else samples, turns), kept


def descriptive(exif: Image.Exif) -> Image.Exif:
    """Select the EXIF data that can be copied to another TIFF.

    Parameters
    ----------
    exif : PIL.Image.Exif

    Returns
    -------
    PIL.Image.Exif
        The tags of `DESCRIPTIVE`, the camera settings and the GPS position.

    Raises
    ------
    Exception
        Any kind of exception, when the data are damaged.

    Examples
    --------
    >>> exif = Image.Exif()
    >>> exif[ExifTags.Base.Make] = exif[ExifTags.Base.DocumentName] = "name"
    >>> kept = descriptive(exif)
    >>> ExifTags.Base.Make in kept, ExifTags.Base.DocumentName in kept
    (True, False)
    """
    kept = Image.Exif()
    kept.endian = "<"
    for tag in DESCRIPTIVE:
        if tag in exif:
            kept[tag] = exif[tag]
    for part in (ExifTags.IFD.Exif, ExifTags.IFD.GPSInfo):
        if values := exif.get_ifd(part):
            kept.get_ifd(part).update(values)
            kept[part] = values  # Pillow writes a part to a TIFF if its tag is set, with the values of `get_ifd`.
    # Pillow reads some data that it can't write. The error is raised here, and not when a photograph is written.
    kept.tobytes()
    return kept


def of_bytes(stored: bytes) -> Image.Exif:
    """Read the descriptive tags of EXIF bytes.

    Parameters
    ----------
    stored : bytes

    Returns
    -------
    PIL.Image.Exif
        As `descriptive` returns it; empty if the data are damaged.

    Examples
    --------
    >>> len(of_bytes(b"damaged"))
    0
    """
    found = Image.Exif()
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            found.load(stored)
            return descriptive(found)
    except Exception:  # Pillow raises exceptions of many types for damaged EXIF data.
        return Image.Exif()


def of_tiff(file: BinaryIO, orientation: int | None) -> Image.Exif:
    """Read the descriptive tags of an open TIFF file.

    Parameters
    ----------
    file : binary file
        Open for reading, and seekable.
    orientation : int or None
        EXIF orientation to use if the data are damaged.

    Returns
    -------
    PIL.Image.Exif
        As `descriptive` returns it; only the `orientation` if the data are damaged.

    Examples
    --------
    >>> import io
    >>> of_tiff(io.BytesIO(b"damaged"), 6)[ORIENTATION]
    6
    """
    found = Image.Exif()
    try:
        file.seek(0)
        found.load_from_fp(file)
        return descriptive(found)
    except Exception:  # Pillow raises exceptions of many types for damaged EXIF data.
        found = Image.Exif()
        if orientation is not None:
            found[ORIENTATION] = orientation
        return found
