"""Decode image files with Pillow, without losing bits of deep PNG and PPM files."""

from __future__ import annotations

import functools
import io
import math
import re
import sys
from contextlib import contextmanager
from typing import BinaryIO

import numpy as np
from PIL import Image, ImageCms, ImageFile
from PIL.JpegImagePlugin import get_sampling

from groupsc.io.codecs import exif
from groupsc.io.codecs.deep import deep_samples
from groupsc.io.samples import Decoded, Metadata, require_size
from groupsc.utils.errors import GroupSCError

COMMON = ("PNG", "JPEG", "WEBP", "TIFF")
EXCLUDED = ("BUFR", "EPS", "FITS", "GRIB", "HDF5", "MPEG", "WMF")
"""Formats that Pillow opens but does not decode, or decodes by other programs."""

LAYERED = ("ICNS", "ICO", "MPO", "PSD", "TIFF")
"""Formats whose first frame is the whole image."""

SWAPPED = {";16B": ";16L", ";16L": ";16B", ";16N": ";16B" if sys.byteorder == "little" else ";16L"}
XMP_ORIENTATION = re.compile(rb'(tiff:Orientation(?:="|>))[2-8]')

LUMINANCE = np.array(
    [
        16, 11, 10, 16, 24, 40, 51, 61, 12, 12, 14, 19, 26, 58, 60, 55, 14, 13, 16, 24, 40, 57, 69, 56,
        14, 17, 22, 29, 51, 87, 80, 62, 18, 22, 37, 56, 68, 109, 103, 77, 24, 35, 55, 64, 81, 104, 113, 92,
        49, 64, 78, 87, 103, 121, 120, 101, 72, 92, 95, 98, 112, 100, 103, 99,
    ]
)  # fmt: skip
"""Luminance quantisation table K.1 of ITU-T T.81, row by row. libjpeg uses it at quality 50."""
CHROMINANCE = np.full((8, 8), 99)
CHROMINANCE[:4, :4] = [[17, 18, 24, 47], [18, 21, 26, 66], [24, 26, 56, 99], [47, 66, 99, 99]]
"""Chrominance quantisation table K.2 of ITU-T T.81."""
SUBSAMPLINGS = ("4:4:4", "4:2:2", "4:2:0")
"""Kinds of chroma subsampling, by their numbers in Pillow."""
TURNED = "4:4:0"
"""Kind of chroma subsampling of a 4:2:2 image that is turned by a quarter."""


def decode_image(file: BinaryIO) -> Decoded:
    """Decode an image that Pillow reads.

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
        When the format is unknown, or the image is animated or too large. The message starts with the verb.
    Exception
        Any kind of exception, when the file is damaged.

    Examples
    --------
    >>> file = io.BytesIO()
    >>> Image.new("L", (6, 4), 128).save(file, "BMP")
    >>> _ = file.seek(0)
    >>> decode_image(file).samples.dtype
    dtype('uint8')
    """
    with opened(file) as image:
        # An MPO file is a JPEG that is followed by its preview.
        if image.format not in LAYERED and getattr(image, "n_frames", 1) > 1:
            raise GroupSCError(f"is animated; save one of its {image.n_frames} frames as a separate file")
        samples, profile = _samples(file, image)
        stored = _exif_of(image)
        turned = stored.get(exif.ORIENTATION, 1) in (5, 6, 7, 8)
        samples, kept = exif.upright(samples, stored, image.info.get("exif"))
        format = {"MPO": "JPEG", "DIB": "BMP"}.get(image.format, image.format)
        metadata = Metadata(profile=profile, exif=kept, **_notes(image, turned))
        tables = getattr(image, "quantization", None)
        sampling = get_sampling(image) if tables else -1
        subsampling = SUBSAMPLINGS[sampling] if sampling in range(3) else None
        if turned and subsampling == "4:2:2":
            subsampling = TURNED
        return Decoded(samples, format, metadata, tables, subsampling=subsampling)


def _samples(file: BinaryIO, image: ImageFile.ImageFile) -> tuple[np.ndarray, bytes | None]:
    """Return the samples and the colour profile of an open image, with all bits."""
    args = str(image.tile[0][3]) if image.tile else ""
    if image.format == "PNG" and args.endswith(";16B"):
        return _deep_png(file, image)
    samples = deep_samples(file, image)
    return pixels_of(image) if samples is None else (samples, image.info.get("icc_profile"))


def _notes(image: ImageFile.ImageFile, turned: bool) -> dict:
    """Return the metadata of an open image other than the EXIF data and the profile."""
    info, lost = image.info, []
    dpi = info.get("dpi")
    if dpi is not None:
        dpi = tuple(float(number) for number in dpi)
        dpi = None if not all(0 < number < math.inf for number in dpi) else dpi[::-1] if turned else dpi
    xmp = info.get("xmp")
    texts = [(str(k), str(v)) for k, v in getattr(image, "text", {}).items() if k != "XML:com.adobe.xmp"]
    if isinstance(comment := info.get("comment"), (bytes, str)) and image.format != "JPEG2000":
        texts.append(("Comment", comment.decode("utf-8", "replace") if isinstance(comment, bytes) else comment))
    if "photoshop" in info:
        lost.append("Photoshop data")
    if image.format == "MPO":
        lost.append("further images of the file")
    return {
        "dpi": dpi,
        "xmp": XMP_ORIENTATION.sub(rb"\g<1>1", xmp) if isinstance(xmp, bytes) else None,
        "texts": tuple(texts),
        "lost": tuple(lost),
    }


@functools.cache
def _formats() -> tuple[str, ...]:
    Image.init()
    return (*COMMON, *(name for name in Image.OPEN if name not in (*COMMON, *EXCLUDED)))


@contextmanager
def opened(file: BinaryIO):
    """Open an image with Pillow, and refuse images above its limit of pixels (decompression bombs)."""
    try:
        image = Image.open(file, formats=_formats())
    except Image.DecompressionBombError:
        require_size(sys.maxsize)
    except Image.UnidentifiedImageError as error:
        raise GroupSCError("is not an image of a known format; convert it to PNG or TIFF") from error
    with image:
        yield image


def _exif_of(image: Image.Image) -> Image.Exif:
    try:
        return image.getexif()
    except Exception:  # Pillow raises exceptions of many types for damaged EXIF data.
        return Image.Exif()


def pixels_of(image: ImageFile.ImageFile) -> tuple[np.ndarray, bytes | None]:
    """Return the samples of an image that Pillow reads without loss, and the colour profile that matches them."""
    _scale_transparent_gray(image)
    image.load()
    profile = image.info.get("icc_profile")
    if image.mode.startswith("I;16"):
        return _with_transparent(np.asarray(image).astype(np.uint16)[..., None], image), profile
    if image.mode == "I":
        samples = np.asarray(image)[..., None]
        return (samples.astype(np.uint16) if image.format == "PPM" else samples), profile  # PGM has at most 16 bits.
    if image.mode == "F":
        return np.asarray(image)[..., None], profile
    if image.mode == "CMYK":
        return _cmyk_to_rgb(image, profile)
    gray = image.mode in ("1", "L", "LA", "La")
    alpha = image.has_transparency_data
    samples = np.asarray(image.convert(("LA" if alpha else "L") if gray else ("RGBA" if alpha else "RGB")))
    return samples if samples.ndim == 3 else samples[..., None], profile


def _scale_transparent_gray(image: ImageFile.ImageFile) -> None:
    """Scale the transparent gray value of a PNG to 0 to 255. Pillow scales only the pixels, of 2 and 4 bits."""
    highest = {"L;2": 3, "L;4": 15}.get(str(image.tile[0][3])) if image.tile else None
    if highest and isinstance(image.info.get("transparency"), int):
        image.info["transparency"] *= 255 // highest


def _cmyk_to_rgb(image: Image.Image, profile: bytes | None) -> tuple[np.ndarray, bytes | None]:
    """Convert CMYK to sRGB with the colour profile of the file.

    Without a profile, the conversion is Pillow's, which makes a colour brighter where it has less ink.
    """
    if profile:
        try:
            cmyk, srgb = ImageCms.ImageCmsProfile(io.BytesIO(profile)), ImageCms.createProfile("sRGB")
            converted = ImageCms.profileToProfile(image, cmyk, srgb, outputMode="RGB")
            return np.asarray(converted), ImageCms.ImageCmsProfile(srgb).tobytes()
        except (ImageCms.PyCMSError, OSError):
            pass  # The profile is damaged or is not for CMYK, so it is ignored.
    return np.asarray(image.convert("RGB")), None


def _deep_png(file: BinaryIO, image: ImageFile.ImageFile) -> tuple[np.ndarray, bytes | None]:
    """Return the samples and the colour profile of a 16-bit PNG."""
    rawmode = str(image.tile[0][3])
    if rawmode.startswith("I"):
        image.load()
        samples = np.asarray(image).astype(np.uint16)[..., None]
    elif rawmode.startswith("LA"):
        import png

        image.load()
        file.seek(0)
        width, height, rows, _ = png.Reader(file=file).read()
        samples = np.vstack([np.asarray(row, dtype=np.uint16) for row in rows]).reshape(height, width, 2)
    else:
        samples = sixteen_bit_colors(file, image)
    return _with_transparent(samples, image), image.info.get("icc_profile")


def sixteen_bit_colors(file: BinaryIO, image: Image.Image) -> np.ndarray:
    """Read 16-bit colours in two passes: Pillow reads the high bytes, then the low bytes with swapped byte order."""
    image.load()
    with opened(file) as again:
        tile = again.tile[0]
        rawmode, *others = tile.args if isinstance(tile.args, tuple) else (tile.args,)
        swapped = rawmode[:-4] + SWAPPED[rawmode[-4:]]
        again.tile = [tile._replace(args=(swapped, *others) if others else swapped)]
        again.load()
        return np.asarray(image).astype(np.uint16) << 8 | np.asarray(again)


def _with_transparent(samples: np.ndarray, image: Image.Image) -> np.ndarray:
    """Add alpha to 16-bit samples if a PNG defines a transparent value or colour."""
    transparent = image.info.get("transparency")
    if transparent is None or samples.shape[2] not in (1, 3):
        return samples
    opaque = (samples != np.array(transparent, dtype=np.uint16)).any(axis=2, keepdims=True)
    return np.concatenate([samples, opaque * np.uint16(65535)], axis=2)


def jpeg_quality(tables) -> int:
    """Estimate the libjpeg quality of a JPEG from its luminance quantisation table.

    Parameters
    ----------
    tables : dict or sequence of sequences of int
        Quantisation tables by table number, as Pillow's `JpegImageFile.quantization`. Each has 64 entries, row by row.
        The first is the luminance table.

    Returns
    -------
    int
        The quality from 1 to 100 whose table is equal or nearest to the first table, by the sum of absolute
        differences to the scaled table K.1 of ITU-T T.81.

    Examples
    --------
    >>> jpeg_quality([LUMINANCE])
    50
    """
    first = np.asarray(tables[min(tables)] if isinstance(tables, dict) else tables[0])
    return 1 + int(np.abs(luminance_tables() - first).sum(axis=1).argmin())


def luminance_tables() -> np.ndarray:
    """Return the luminance quantisation tables of libjpeg at the qualities 1 to 100.

    Returns
    -------
    ndarray (100, 64) of int
        One table per quality, row by row: table K.1 of ITU-T T.81, scaled.

    Examples
    --------
    >>> luminance_tables()[74, :3].tolist()
    [8, 6, 5]
    """
    return _scaled(LUMINANCE)


def chrominance_tables() -> np.ndarray:
    """Return the chrominance quantisation tables of libjpeg at the qualities 1 to 100, as `luminance_tables`.

    Examples
    --------
    >>> chrominance_tables()[74, :3].tolist()
    [9, 9, 12]
    """
    return _scaled(CHROMINANCE.ravel())


def _scaled(table: np.ndarray) -> np.ndarray:
    qualities = np.arange(1, 101)
    scales = np.where(qualities < 50, 5000 // qualities, 200 - 2 * qualities)
    return ((scales[:, None] * table + 50) // 100).clip(1, 255)
