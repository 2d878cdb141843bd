"""From the files that people have to samples as they are stored: PNG, TIFF, JPEG and WebP, with 8 or 16 bits or floats.

Pillow reads most of them. It reduces colours of 16 bits to 8, and knows no colours of floating point: TIFF files of
these are read by tifffile.
"""

from __future__ import annotations

import io
import logging
import sys
import warnings
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import islice
from typing import BinaryIO

import numpy as np
from PIL import Image, ImageCms

from groupsc.io import exif
from groupsc.utils.errors import GroupSCError

TIFF_SIGNATURES = (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+")
SWAPPED = {";16B": ";16L", ";16L": ";16B", ";16N": ";16B" if sys.byteorder == "little" else ";16L"}
DENSEST = 2000
"""Bytes of samples that a byte of a TIFF can stand for; neither ZIP nor LZW compresses better."""

ALPHAS = (["UNASSALPHA"], ["ASSOCALPHA"])


@dataclass(frozen=True, eq=False)
class Decoded:
    """`samples` (H, W, n) of uint8, uint16 or float32, upright; n = 1: gray, 3: RGB, 2 and 4: the same with alpha.

    `tables` are the quantisation tables of a JPEG, by number.
    """

    samples: np.ndarray
    format: str
    profile: bytes | None = None
    exif: bytes | None = None
    tables: dict[int, list[int]] | None = None


def decode(file: BinaryIO) -> Decoded:
    """The one image in an open file.

    Raises
    ------
    GroupSCError
        For a kind of file that is not taken; the sentence lacks its subject, the path.
    Exception
        Of every kind, for damaged files.
    """
    signature = file.read(4)
    file.seek(0)
    with _in_silence():
        found = _decode_tiff(file) if signature in TIFF_SIGNATURES else _decode_other(file)
    if not found.samples.size:
        raise GroupSCError("has no pixels; choose another file")
    return found


@contextmanager
def _in_silence():
    """Without the complaints of the libraries: either a file can be read, or a sentence says why not.

    Among them is that of Pillow at half the number of pixels that it refuses; medium-format cameras make such images.
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
        if image.format != "MPO" and getattr(image, "n_frames", 1) > 1:  # MPO: a JPEG with its preview behind it.
            raise GroupSCError(f"is animated; save one of its {image.n_frames} frames as a file of its own")
        deep = image.format == "PNG" and str(image.tile[0][3]).endswith(";16B")
        samples, profile = _deep_png(file, image) if deep else _pixels(image)
        samples, kept = exif.upright(samples, _exif_of(image), image.info.get("exif"))
        format = "JPEG" if image.format == "MPO" else image.format
        return Decoded(samples, format, profile, kept, getattr(image, "quantization", None))


@contextmanager
def _opened(file: BinaryIO):
    """An image as Pillow opens it, none so large that it must be an attack."""
    try:
        image = Image.open(file, formats=("PNG", "JPEG", "WEBP", "TIFF"))
    except Image.DecompressionBombError as error:
        raise _too_large() from error
    except Image.UnidentifiedImageError as error:
        raise GroupSCError("is no PNG, TIFF, JPEG or WebP image; convert it to one of these") from error
    with image:
        yield image


def _too_large() -> GroupSCError:
    megapixels = 2 * Image.MAX_IMAGE_PIXELS / 1e6
    return GroupSCError(f"claims more than {megapixels:.0f} megapixels, as an attack would; cut it into parts")


def _exif_of(image: Image.Image) -> Image.Exif:
    try:
        return image.getexif()
    except Exception:  # Pillow lets errors of every kind escape from damaged EXIF data.
        return Image.Exif()


def _pixels(image: Image.Image) -> tuple[np.ndarray, bytes | None]:
    """Samples of what Pillow keeps whole, and the colour profile that fits them."""
    _widen_transparent(image)
    image.load()
    profile = image.info.get("icc_profile")
    if image.mode.startswith("I;16"):
        return _with_transparent(np.asarray(image).astype(np.uint16)[..., None], image), profile
    if image.mode == "CMYK":
        return _from_inks(image, profile)
    gray = image.mode in ("1", "L", "LA", "La")
    alpha = image.has_transparency_data
    samples = np.asarray(image.convert(("LA" if alpha else "L") if gray else ("RGBA" if alpha else "RGB")))
    return samples if samples.ndim == 3 else samples[..., None], profile


def _widen_transparent(image: Image.Image) -> None:
    """Pillow spreads gray values of 2 and 4 bits over 0 to 255, but not the one that a PNG calls transparent."""
    highest = {"L;2": 3, "L;4": 15}.get(str(image.tile[0][3])) if image.tile else None
    if highest and isinstance(image.info.get("transparency"), int):
        image.info["transparency"] *= 255 // highest


def _from_inks(image: Image.Image, profile: bytes | None) -> tuple[np.ndarray, bytes | None]:
    """CMYK to RGB: sRGB where the file says which inks are meant, else as bright as the inks are absent."""
    if profile:
        try:
            inks, screen = ImageCms.ImageCmsProfile(io.BytesIO(profile)), ImageCms.createProfile("sRGB")
            converted = ImageCms.profileToProfile(image, inks, screen, outputMode="RGB")
            return np.asarray(converted), ImageCms.ImageCmsProfile(screen).tobytes()
        except (ImageCms.PyCMSError, OSError):
            pass  # A damaged profile, or one of other inks: as if there were none.
    return np.asarray(image.convert("RGB")), None


def _deep_png(file: BinaryIO, image: Image.Image) -> tuple[np.ndarray, bytes | None]:
    """A PNG of 16 bits."""
    rawmode = image.tile[0][3]
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
        samples = _both_bytes(file, image)
    return _with_transparent(samples, image), image.info.get("icc_profile")


def _both_bytes(file: BinaryIO, image: Image.Image) -> np.ndarray:
    """Colours of 16 bits: Pillow keeps the high byte of each; read again with the bytes exchanged, it gives the low."""
    image.load()
    with _opened(file) as again:
        tile = again.tile[0]
        rawmode, *others = tile.args if isinstance(tile.args, tuple) else (tile.args,)
        swapped = rawmode[:-4] + SWAPPED[rawmode[-4:]]
        again.tile = [tile._replace(args=(swapped, *others) if others else swapped)]
        again.load()
        return np.asarray(image).astype(np.uint16) << 8 | np.asarray(again)


def _with_transparent(samples: np.ndarray, image: Image.Image) -> np.ndarray:
    """Samples of 16 bits with alpha, where a PNG names a value or colour that is transparent."""
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
        if pixels * page.samplesperpixel * (page.bitspersample // 8) > DENSEST * file.seek(0, 2):
            raise GroupSCError(f"claims {pixels} pixels, more than a file of its size can hold; choose another file")
        shallow = page.bitspersample <= 8 and page.dtype is not None and page.dtype.kind in "ub"
        samples, profile, turned = _shallow_tiff(file, page) if shallow else _deep_tiff(file, page)
        noted = exif.of_tiff(file, page.tags.valueof(exif.ORIENTATION))
        if turned and exif.ORIENTATION in noted:
            noted[exif.ORIENTATION] = 1
        if tiff.is_imagej or tiff.is_shaped or tiff.is_ome:
            noted.pop(exif.DESCRIPTION, None)  # It describes the array, which may change.
        samples, kept = exif.upright(samples, noted)
        return Decoded(samples, "TIFF", profile, kept)


def _only_page(tiff):
    """The one page that is neither preview nor mask, of a kind that is taken."""
    # A damaged file can lead from page to page without end; no camera puts more than a few previews beside an image.
    pages = [page for page in islice(tiff.pages, 16) if not page.subfiletype & 5]
    if not pages:
        raise GroupSCError("holds nothing but previews, as raw files of cameras do; develop it to a TIFF of 16 bits")
    page = pages[0]
    if max(len(pages), page.imagedepth, (tiff.imagej_metadata or {}).get("images", 1)) > 1:
        raise GroupSCError("holds several images; save the one that is meant as a file of its own")
    if Image.MAX_IMAGE_PIXELS and max(page.imagewidth * page.imagelength, page.tilewidth * page.tilelength) > (
        2 * Image.MAX_IMAGE_PIXELS
    ):
        raise _too_large()
    colors = {"MINISWHITE": 1, "MINISBLACK": 1, "PALETTE": 1, "SEPARATED": 4}.get(page.photometric.name, 3)
    extra = page.samplesperpixel - colors
    if extra != 0 and (extra != 1 or colors == 4 or [sample.name for sample in page.extrasamples] not in ALPHAS):
        raise GroupSCError(
            f"has {page.samplesperpixel} channels ({page.photometric.name}), of which not all are colours or alpha; "
            "save it as gray or RGB"
        )
    return page


def _shallow_tiff(file: BinaryIO, page) -> tuple[np.ndarray, bytes | None, bool]:
    """A TIFF of at most 8 bits: samples, colour profile, and True, since Pillow turns a TIFF itself."""
    if page.planarconfig.name == "SEPARATE" and page.samplesperpixel == 2:  # Of which Pillow reads gray alone.
        raise GroupSCError("stores gray and alpha one after the other; save it with both of a pixel together")
    with _opened(file) as image:
        image.seek(page.index)
        return *_pixels(image), True


def _deep_tiff(file: BinaryIO, page) -> tuple[np.ndarray, bytes | None, bool]:
    """A TIFF of 16 bits or floats: samples, colour profile, and whether it was turned upright."""
    floating = page.dtype is not None and page.dtype.kind == "f"
    if not floating and (page.dtype != np.uint16 or page.bitspersample != 16):
        raise GroupSCError(f"stores {page.bitspersample} bits as {page.dtype}; save it as uint8, uint16 or float32")
    if page.photometric.name not in ("MINISBLACK", "MINISWHITE", "RGB"):
        raise GroupSCError(f"stores {page.photometric.name} with {page.bitspersample} bits; save it as gray or RGB")
    samples, turned = _tiff_samples(file, page)
    if floating:
        samples = samples.astype(np.float32)
        if not np.isfinite(samples).all():
            raise GroupSCError("holds NaN or infinity; replace them by numbers")
        low, high = samples.min(), samples.max()
        if low < 0 or high > 1:
            raise GroupSCError(f"holds values from {low:g} to {high:g}; scale them to lie in [0, 1]")
    one = np.float32(1) if floating else np.uint16(65535)
    colors = samples[..., : page.samplesperpixel - len(page.extrasamples)]
    if page.photometric.name == "MINISWHITE":
        colors[:] = one - colors
    if [sample.name for sample in page.extrasamples] == ["ASSOCALPHA"]:
        alpha = samples[..., -1:].astype(np.float64)
        part = np.divide(colors, alpha, out=np.zeros(colors.shape), where=alpha > 0).clip(0, 1)
        colors[:] = part * one if floating else np.rint(part * one)
    tag = page.tags.get("InterColorProfile")
    return samples, tag.value if tag and isinstance(tag.value, bytes) else None, turned


def _tiff_samples(file: BinaryIO, page) -> tuple[np.ndarray, bool]:
    """By tifffile, or by Pillow, turned upright, where a compression needs it."""
    try:
        samples = page.asarray()
    except ValueError as error:
        if "imagecodecs" not in str(error):
            raise
        if page.dtype != np.uint16 or page.planarconfig.name != "CONTIG" or page.index:
            raise GroupSCError(
                f"is compressed by {page.compression.name}, which is not read with {page.dtype} samples; save it "
                "without compression or with ZIP"
            ) from error
        with _opened(file) as image:
            deep = image.mode.startswith("I;16")
            return (_pixels(image)[0] if deep else _both_bytes(file, image)), True
    if page.axes.startswith("S"):
        samples = np.moveaxis(samples, 0, -1)
    return np.array(samples.reshape(page.imagelength, page.imagewidth, page.samplesperpixel)), False
