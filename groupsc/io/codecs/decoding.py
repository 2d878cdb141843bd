"""Decode image files to samples of the type in which they are stored."""

from __future__ import annotations

import logging
import struct
import warnings
from contextlib import contextmanager
from typing import BinaryIO

from groupsc.io.codecs.deep import HEIF_BRANDS, decode_heif
from groupsc.io.codecs.pillow_images import decode_image
from groupsc.io.codecs.raw import SIGNATURES, decode_raw
from groupsc.io.codecs.scientific import FITS_SIGNATURE, NPY_SIGNATURE, decode_fits, decode_npy
from groupsc.io.codecs.tiff import decode_tiff
from groupsc.io.samples import Decoded
from groupsc.utils.errors import GroupSCError

TIFF_SIGNATURES = (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+")


def decode(file: BinaryIO) -> Decoded:
    """Decode the image in an open file.

    Parameters
    ----------
    file : binary file
        Open for reading, seekable, and at its start.

    Returns
    -------
    Decoded

    Raises
    ------
    GroupSCError
        When the kind of file is not supported. The message starts with the verb; the caller adds the path before it.
    Exception
        Any kind of exception, when the file is damaged.

    Examples
    --------
    >>> import io
    >>> from PIL import Image
    >>> file = io.BytesIO()
    >>> Image.new("L", (6, 4), 128).save(file, "PNG")
    >>> _ = file.seek(0)
    >>> found = decode(file)
    >>> found.format, found.samples.shape, found.samples.dtype
    ('PNG', (4, 6, 1), dtype('uint8'))
    """
    head = file.read(16)
    file.seek(0)
    with without_warnings():
        found = _decoder(head)(file)
    if not found.samples.size:
        raise GroupSCError("has no pixels; choose another file")
    return found


def _decoder(head: bytes):
    """Return the function that decodes a file with these first bytes."""
    if head[:4] in TIFF_SIGNATURES:
        return decode_tiff
    if head.startswith(NPY_SIGNATURE):
        return decode_npy
    if head.startswith(FITS_SIGNATURE):
        return decode_fits
    if head.startswith(SIGNATURES) or head[4:12] == b"ftypcrx ":
        return decode_raw
    return decode_heif if head[4:8] == b"ftyp" and head[8:12] in HEIF_BRANDS else decode_image


def damage(error: Exception) -> str:
    """Describe the error of an image library by its message, if that describes the file and not the library's code.

    Examples
    --------
    >>> damage(ValueError("invalid palette size")), damage(AttributeError("'int' object has no attribute 'name'"))
    ('invalid palette size', 'the file is damaged')
    """
    if isinstance(error, MemoryError):
        return "there is too little memory for it"
    internal = (ArithmeticError, AssertionError, AttributeError, LookupError, TypeError, struct.error)
    said = "" if isinstance(error, internal) else " ".join(str(error).split())
    return said or "the file is damaged"


@contextmanager
def without_warnings():
    """Suppress the warnings of the image libraries, because every problem is reported by an error.

    One of them is Pillow's warning at half of its maximum number of pixels. Medium-format cameras make such images.
    """
    log = logging.getLogger("tifffile")
    level = log.level
    log.setLevel(logging.CRITICAL + 1)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        log.setLevel(level)
