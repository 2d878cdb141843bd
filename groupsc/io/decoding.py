"""Decode PNG, TIFF, JPEG and WebP files to samples of 8 bits, 16 bits or floats, as they are stored.

Pillow reads most files. It reduces 16-bit colours to 8 bits and does not support floating-point colours, so tifffile
reads TIFF files with such samples.
"""

from __future__ import annotations

import io
import logging
import math
import sys
import warnings
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import islice
from typing import BinaryIO

import numpy as np
from PIL import Image, ImageCms, ImageFile

from groupsc.io import exif
from groupsc.utils.errors import GroupSCError

TIFF_SIGNATURES = (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+")
SWAPPED = {";16B": ";16L", ";16L": ";16B", ";16N": ";16B" if sys.byteorder == "little" else ";16L"}
MAX_COMPRESSION = 2000
"""Largest compression ratio of a TIFF, in bytes of samples per byte of the file. ZIP and LZW don't exceed it."""

ALPHAS = (["UNASSALPHA"], ["ASSOCALPHA"])


@dataclass(frozen=True, eq=False)
class Decoded:
    """A decoded image file.

    Parameters
    ----------
    samples : ndarray (H, W, n)
        uint8, uint16 or float32, upright. n is 1 for gray, 2 for gray and alpha, 3 for RGB, 4 for RGB and alpha.
    format : str
        "PNG", "TIFF", "JPEG" or "WEBP".
    profile : bytes, optional
        ICC colour profile that matches the samples.
    exif : bytes, optional
        EXIF data that match the samples.
    tables : dict of int to list of int, optional
        Quantisation tables of a JPEG, by table number.

    Examples
    --------
    >>> import numpy as np
    >>> Decoded(np.zeros((4, 6, 3), np.uint8), "PNG").samples.shape
    (4, 6, 3)
    """

    samples: np.ndarray
    format: str
    profile: bytes | None = None
    exif: bytes | None = None
    tables: dict[int, list[int]] | None = None


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
    signature = file.read(4)
    file.seek(0)
    with _without_warnings():
        found = _decode_tiff(file) if signature in TIFF_SIGNATURES else _decode_other(file)
    if not found.samples.size:
        raise GroupSCError("has no pixels; choose another file")
    return found


@contextmanager
def _without_warnings():
    """Suppress the warnings of the image libraries, because `decode` reports every problem by an error.

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


def _decode_other(file: BinaryIO) -> Decoded:
    with _opened(file) as image:
        # An MPO file is a JPEG that is followed by its preview.
        if image.format != "MPO" and getattr(image, "n_frames", 1) > 1:
            raise GroupSCError(f"is animated; save one of its {image.n_frames} frames as a separate file")
        deep = image.format == "PNG" and str(image.tile[0][3]).endswith(";16B")
        samples, profile = _deep_png(file, image) if deep else _pixels(image)
        samples, kept = exif.upright(samples, _exif_of(image), image.info.get("exif"))
        format = "JPEG" if image.format == "MPO" else image.format
        return Decoded(samples, format, profile, kept, getattr(image, "quantization", None))


@contextmanager
def _opened(file: BinaryIO):
    """Open an image with Pillow, and refuse images above its limit of pixels (decompression bombs)."""
    try:
        image = Image.open(file, formats=("PNG", "JPEG", "WEBP", "TIFF"))
    except Image.DecompressionBombError as error:
        raise _too_large() from error
    except Image.UnidentifiedImageError as error:
        raise GroupSCError("is not a PNG, TIFF, JPEG or WebP image; convert it to one of these formats") from error
    with image:
        yield image


def _too_large() -> GroupSCError:
    megapixels = 2 * (Image.MAX_IMAGE_PIXELS or math.inf) / 1e6
    return GroupSCError(f"has more than {megapixels:.0f} megapixels, the limit for one image; cut it into parts")


def _exif_of(image: Image.Image) -> Image.Exif:
    try:
        return image.getexif()
    except Exception:  # Pillow raises exceptions of many types for damaged EXIF data.
        return Image.Exif()


def _pixels(image: ImageFile.ImageFile) -> tuple[np.ndarray, bytes | None]:
    """Return the samples of an image that Pillow reads without loss, and the colour profile that matches them."""
    _scale_transparent_gray(image)
    image.load()
    profile = image.info.get("icc_profile")
    if image.mode.startswith("I;16"):
        return _with_transparent(np.asarray(image).astype(np.uint16)[..., None], image), profile
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
        samples = _sixteen_bit_colors(file, image)
    return _with_transparent(samples, image), image.info.get("icc_profile")


def _sixteen_bit_colors(file: BinaryIO, image: Image.Image) -> np.ndarray:
    """Read 16-bit colours in two passes: Pillow reads the high bytes, then the low bytes with swapped byte order."""
    image.load()
    with _opened(file) as again:
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


def _decode_tiff(file: BinaryIO) -> Decoded:
    import tifffile

    with tifffile.TiffFile(file) as tiff:
        page = _only_page(tiff)
        pixels = max(page.imagewidth * page.imagelength, page.tilewidth * page.tilelength)
        if pixels * page.samplesperpixel * (page.bitspersample // 8) > MAX_COMPRESSION * file.seek(0, 2):
            raise GroupSCError(f"declares {pixels} pixels, more than its file size allows; choose another file")
        shallow = page.bitspersample <= 8 and page.dtype is not None and page.dtype.kind in "ub"
        samples, profile, turned = _shallow_tiff(file, page) if shallow else _deep_tiff(file, page)
        noted = exif.of_tiff(file, page.tags.valueof(exif.ORIENTATION))
        if turned and exif.ORIENTATION in noted:
            noted[exif.ORIENTATION] = 1
        if tiff.is_imagej or tiff.is_shaped or tiff.is_ome:
            noted.pop(exif.DESCRIPTION, None)  # The tag describes the array, and the array can change.
        samples, kept = exif.upright(samples, noted)
        return Decoded(samples, "TIFF", profile, kept)


def _only_page(tiff):
    """Return the only page that is neither a preview nor a mask, after a check that it is supported."""
    # The links between the pages of a damaged file can form a cycle. Cameras store only a few previews with an image.
    pages = [page for page in islice(tiff.pages, 16) if not page.subfiletype & 5]
    if not pages:
        raise GroupSCError("contains only preview images, as camera raw files do; develop it to a 16-bit TIFF")
    page = pages[0]
    if max(len(pages), page.imagedepth, (tiff.imagej_metadata or {}).get("images", 1)) > 1:
        raise GroupSCError("contains several images; save the one that you need as a separate file")
    if Image.MAX_IMAGE_PIXELS and max(page.imagewidth * page.imagelength, page.tilewidth * page.tilelength) > (
        2 * Image.MAX_IMAGE_PIXELS
    ):
        raise _too_large()
    colors = {"MINISWHITE": 1, "MINISBLACK": 1, "PALETTE": 1, "SEPARATED": 4}.get(page.photometric.name, 3)
    extra = page.samplesperpixel - colors
    if extra != 0 and (extra != 1 or colors == 4 or [sample.name for sample in page.extrasamples] not in ALPHAS):
        raise GroupSCError(
            f"has {page.samplesperpixel} channels ({page.photometric.name}), and not all are colours or alpha; "
            "save it as gray or RGB"
        )
    return page


def _shallow_tiff(file: BinaryIO, page) -> tuple[np.ndarray, bytes | None, bool]:
    """Return the samples and the colour profile of a TIFF with at most 8 bits, and True: Pillow turns it upright."""
    if page.planarconfig.name == "SEPARATE" and page.samplesperpixel == 2:  # Pillow would read gray only.
        raise GroupSCError("stores gray and alpha as separate planes; save it with interleaved channels")
    with _opened(file) as image:
        image.seek(page.index)
        return *_pixels(image), True


def _deep_tiff(file: BinaryIO, page) -> tuple[np.ndarray, bytes | None, bool]:
    """Return the samples and the colour profile of a 16-bit or float TIFF, and whether they were turned upright."""
    floating = page.dtype is not None and page.dtype.kind == "f"
    if not floating and (page.dtype != np.uint16 or page.bitspersample != 16):
        raise GroupSCError(
            f"has samples of {page.bitspersample} bits and type {page.dtype}; save it as uint8, uint16 or float32"
        )
    if page.photometric.name not in ("MINISBLACK", "MINISWHITE", "RGB"):
        raise GroupSCError(f"has {page.photometric.name} colours of {page.bitspersample} bits; save it as gray or RGB")
    samples, turned = _tiff_samples(file, page)
    if floating:
        samples = _unit_floats(samples)
    _unify_colors(samples, page)
    tag = page.tags.get("InterColorProfile")
    return samples, tag.value if tag and isinstance(tag.value, bytes) else None, turned


def _unit_floats(samples: np.ndarray) -> np.ndarray:
    """Return samples as float32; raise an error unless all are in [0, 1]."""
    samples = samples.astype(np.float32)
    if not np.isfinite(samples).all():
        raise GroupSCError("contains NaN or infinity; replace them with numbers")
    low, high = samples.min(), samples.max()
    if low < 0 or high > 1:
        raise GroupSCError(f"contains values from {low:g} to {high:g}; scale them to [0, 1]")
    return samples


def _unify_colors(samples: np.ndarray, page) -> None:
    """Make black the smallest value, and divide colours by an alpha that they are multiplied by, in place."""
    floating = samples.dtype.kind == "f"
    one = np.float32(1) if floating else np.uint16(65535)
    colors = samples[..., : page.samplesperpixel - len(page.extrasamples)]
    if page.photometric.name == "MINISWHITE":
        colors[:] = one - colors
    if [sample.name for sample in page.extrasamples] == ["ASSOCALPHA"]:
        alpha = samples[..., -1:].astype(np.float64)
        part = np.divide(colors, alpha, out=np.zeros(colors.shape), where=alpha > 0).clip(0, 1)
        colors[:] = part * one if floating else np.rint(part * one)


def _tiff_samples(file: BinaryIO, page) -> tuple[np.ndarray, bool]:
    """Read samples with tifffile, or with Pillow if the compression needs it; return also whether they are upright."""
    try:
        samples = page.asarray()
    except ValueError as error:
        if "imagecodecs" not in str(error):
            raise
        if page.dtype != np.uint16 or page.planarconfig.name != "CONTIG" or page.index:
            raise GroupSCError(
                f"uses {page.compression.name} compression, which is not supported for {page.dtype} samples; save it "
                "without compression or with ZIP compression"
            ) from error
        with _opened(file) as image:
            deep = image.mode.startswith("I;16")
            return (_pixels(image)[0] if deep else _sixteen_bit_colors(file, image)), True
    if page.axes.startswith("S"):
        samples = np.moveaxis(samples, 0, -1)
    return np.array(samples.reshape(page.imagelength, page.imagewidth, page.samplesperpixel)), False
