"""What a camera notes beside the pixels: how it was held, and what else the file shall keep."""

from __future__ import annotations

import warnings
from typing import BinaryIO

import numpy as np
from PIL import ExifTags, Image

ORIENTATION = ExifTags.Base.Orientation
DESCRIPTION = ExifTags.Base.ImageDescription

HEAD = b"Exif\0\0"
"""What stands before EXIF data in a JPEG, and in the bytes that this program hands on."""

DESCRIPTIVE = (
    DESCRIPTION, ExifTags.Base.Make, ExifTags.Base.Model, ORIENTATION, ExifTags.Base.XResolution,
    ExifTags.Base.YResolution, ExifTags.Base.ResolutionUnit, ExifTags.Base.Software, ExifTags.Base.DateTime,
    ExifTags.Base.Artist, ExifTags.Base.Copyright,
)  # fmt: skip
"""Tags of a TIFF that speak of the photograph; the others say how this one file stores it."""

TURNS = {
    1: (0, False), 2: (0, True), 3: (2, False), 4: (2, True), 5: (1, True), 6: (3, False), 7: (3, True), 8: (1, False),
}  # fmt: skip
"""Orientation → quarter turns against the clock, and whether left and right are exchanged before."""


def upright(samples: np.ndarray, exif: Image.Exif, stored: bytes | None = None) -> tuple[np.ndarray, bytes | None]:
    """Samples (H, W, n) turned as the camera noted, and the EXIF bytes that fit them.

    Where nothing was to turn, the bytes as `stored` are kept, and with them what Pillow does not know of. EXIF data
    that can't be read is left out: the picture is worth more.
    """
    try:
        turns, mirrored = TURNS.get(exif.get(ORIENTATION, 1), TURNS[1])
        if (turns, mirrored) == TURNS[1]:
            stored = stored or (exif.tobytes() if len(exif) else None)
            return samples, stored and HEAD + stored.removeprefix(HEAD)  # Pillow gives that of a WebP without.
        exif[ORIENTATION] = 1
        details = exif.get_ifd(ExifTags.IFD.Exif)
        sides = (ExifTags.Base.ExifImageWidth, ExifTags.Base.ExifImageHeight)
        if turns % 2 and all(side in details for side in sides):
            details[sides[0]], details[sides[1]] = details[sides[1]], details[sides[0]]
        kept = exif.tobytes()
    except Exception:  # Pillow lets errors of every kind escape from damaged EXIF data.
        turns, mirrored, kept = 0, False, None
    return np.rot90(samples[:, ::-1] if mirrored else samples, turns), kept


def descriptive(exif: Image.Exif) -> Image.Exif:
    """What `DESCRIPTIVE` names, the settings of the camera and the place, as can be put into another TIFF; errors of
    any kind where it is damaged."""
    kept = Image.Exif()
    kept.endian = "<"
    for tag in DESCRIPTIVE:
        if tag in exif:
            kept[tag] = exif[tag]
    for part in (ExifTags.IFD.Exif, ExifTags.IFD.GPSInfo):
        if values := exif.get_ifd(part):
            kept.get_ifd(part).update(values)
            kept[part] = values  # Pillow writes to a TIFF what has a tag, and takes it from `get_ifd`.
    kept.tobytes()  # Raises now, not when a photograph is written, where Pillow read what it can't write.
    return kept


def of_bytes(stored: bytes) -> Image.Exif:
    """The descriptive part of EXIF bytes; empty where they are damaged."""
    found = Image.Exif()
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            found.load(stored)
            return descriptive(found)
    except Exception:  # Pillow lets errors of every kind escape from damaged EXIF data.
        return Image.Exif()


def of_tiff(file: BinaryIO, orientation: int | None) -> Image.Exif:
    """The descriptive part of an open TIFF file; nothing but the `orientation` where it is damaged."""
    found = Image.Exif()
    try:
        file.seek(0)
        found.load_from_fp(file)
        return descriptive(found)
    except Exception:  # Pillow lets errors of every kind escape from damaged EXIF data.
        found = Image.Exif()
        if orientation is not None:
            found[ORIENTATION] = orientation
        return found
