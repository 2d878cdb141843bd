"""Decode what Pillow doesn't: HEIC images, and more than 8 bits per colour in PPM, JPEG 2000 and AVIF images."""

from __future__ import annotations

import importlib
from typing import Any, BinaryIO

import numpy as np
from PIL import Image, ImageFile

from groupsc.io.codecs import exif
from groupsc.io.samples import Decoded, Metadata, require_size
from groupsc.utils.errors import GroupSCError

HEIF_BRANDS = (b"heic", b"heix", b"hevc", b"hevx", b"heim", b"heis", b"mif1")
"""Major brands of HEIC files. The brands of AVIF files are different."""

CODESTREAM = b"\xff\x4f\xff\x51"
"""Markers at the begin of a JPEG 2000 codestream, SOC and SIZ (ITU-T T.800, A.4.1 and A.5.1)."""


def deep_samples(file: BinaryIO, image: ImageFile.ImageFile) -> np.ndarray | None:
    """Decode the samples of an image of which Pillow would drop bits.

    Parameters
    ----------
    file : binary file
        Open for reading, and seekable.
    image : PIL.ImageFile.ImageFile
        The image in the file, opened by Pillow and not loaded.

    Returns
    -------
    ndarray (H, W, n) of uint16, or None
        None if Pillow decodes all bits.

    Raises
    ------
    GroupSCError
        When a further library is needed. The message starts with the verb and names the extra to install.

    Examples
    --------
    >>> import io
    >>> file = io.BytesIO(b"P6 1 1 1023 " + bytes([3, 255, 0, 0, 0, 0]))
    >>> deep_samples(file, Image.open(file))
    array([[[65535,     0,     0]]], dtype=uint16)
    """
    if image.format == "PPM" and image.tile[0][0] == "ppm":
        tile: Any = image.tile[0]
        offset, (mode, highest) = tile.offset, tile.args
        if mode != "RGB" or highest < 256:
            return None
        file.seek(offset)
        content = file.read(6 * image.width * image.height)
        return _scaled(np.frombuffer(content, ">u2").reshape(image.height, image.width, 3), highest)
    if image.format not in ("JPEG2000", "AVIF") or image.mode.startswith(("I", "L")):
        return None
    file.seek(0)
    content = file.read()
    bits = _bits_of_jpeg_2000(content) if image.format == "JPEG2000" else _bits_of_avif(content)
    if bits <= 8:
        return None
    library = _library("imagecodecs", f"stores {bits} bits per channel")
    decode = library.jpeg2k_decode if image.format == "JPEG2000" else library.avif_decode
    return _scaled(decode(content), 2**bits - 1)


def _scaled(samples: np.ndarray, highest: int) -> np.ndarray:
    return np.rint(samples.astype(np.float64) * (65535 / highest)).clip(0, 65535).astype(np.uint16)


def _bits_of_jpeg_2000(content: bytes) -> int:
    start = content.find(CODESTREAM)
    return 8 if start < 0 else (content[start + 42] & 127) + 1


def _bits_of_avif(content: bytes) -> int:
    """Return the bits per channel, from the property `av1C` (AV1 in ISOBMFF, 2.3.3)."""
    start = content.find(b"av1C")
    flags = 0 if start < 0 else content[start + 6]
    return 8 if not flags & 64 else 12 if flags & 32 else 10


def decode_heif(file: BinaryIO) -> Decoded:
    """Decode a HEIC image, as phones write it.

    Parameters
    ----------
    file : binary file
        Open for reading, seekable, and at its start.

    Returns
    -------
    Decoded
        uint8, or uint16 for more than 8 bits; upright.

    Raises
    ------
    GroupSCError
        When pillow-heif is missing, or the image is too large. The message starts with the verb.
    Exception
        Any kind of exception, when the file is damaged.

    Examples
    --------
    >>> found = decode_heif(open("photo.heic", "rb"))  # doctest: +SKIP
    """
    library = _library("pillow_heif", "is a HEIC image")
    found = library.open_heif(file, convert_hdr_to_8bit=False)
    image = found[found.primary_index]
    require_size(image.size[0] * image.size[1])
    samples = np.asarray(image)
    samples = samples if samples.ndim == 3 else samples[..., None]
    metadata = Metadata(
        profile=image.info.get("icc_profile"),
        exif=_upright_exif(image.info.get("exif")),
        xmp=image.info.get("xmp") or None,
        lost=("further images of the file",) if len(found) > 1 else (),
    )
    return Decoded(samples, "HEIC", metadata)


def _upright_exif(stored: bytes | None) -> bytes | None:
    """Set the orientation to 1, because the decoder turns the pixels upright."""
    if not stored:
        return None
    found = Image.Exif()
    try:
        found.load(stored)
        if exif.ORIENTATION in found:
            found[exif.ORIENTATION] = 1
        return exif.HEAD + found.tobytes().removeprefix(exif.HEAD)
    except Exception:  # Pillow raises exceptions of many types for damaged EXIF data.
        return None


def _library(name: str, finding: str) -> Any:
    try:
        return importlib.import_module(name)
    except ImportError as error:
        raise GroupSCError(f"{finding}; to read it, install the extra: pip install 'groupsc[formats]'") from error
