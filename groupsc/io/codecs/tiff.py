"""Decode TIFF files with tifffile, and with Pillow where tifffile needs a further library."""

from __future__ import annotations

import io
from itertools import islice
from typing import Any, BinaryIO

import numpy as np

from groupsc.io.codecs import exif
from groupsc.io.codecs.pillow_images import opened, pixels_of, sixteen_bit_colors
from groupsc.io.codecs.raw import decode_raw, is_raw
from groupsc.io.samples import Decoded, Metadata, require_size
from groupsc.utils.errors import GroupSCError

MAX_COMPRESSION = 2000
"""Largest compression ratio of a TIFF, in bytes of samples per byte of the file. ZIP and LZW don't exceed it."""

ALPHAS = (["UNASSALPHA"], ["ASSOCALPHA"])
GRAY_OR_RGB = ("MINISBLACK", "MINISWHITE", "RGB")
INTEGERS = (np.uint8, np.uint16, np.uint32, np.int8, np.int16, np.int32)
SEPARATE = 2
"""Value of the tag PlanarConfiguration if each channel is stored as a plane."""
PREVIEW = 5
"""Bits of the tag NewSubfileType of previews and masks."""
XMP = 700
STORAGE = (
    *range(254, 260), 262, 266, 273, 277, 278, 279, 280, 281, 284, 296, 297, 317, 318, 319, 320, *range(322, 326), 330,
    332, 334, 336, 338, 339, 340, 341, 347, *range(512, 522), *range(529, 533), XMP, 34665, 34675, 34853,
)  # fmt: skip
"""Tags that describe how a file stores an image, and those of metadata that are kept otherwise."""


def decode_tiff(file: BinaryIO) -> Decoded:
    """Decode the only image of a TIFF file, or the mosaic of a camera raw file.

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
        When the file contains several images or one that is not supported. The message starts with the verb.
    Exception
        Any kind of exception, when the file is damaged.

    Examples
    --------
    >>> import tifffile
    >>> file = io.BytesIO()
    >>> tifffile.imwrite(file, np.zeros((4, 6), np.uint16))
    >>> _ = file.seek(0)
    >>> decode_tiff(file).samples.shape
    (4, 6, 1)
    """
    import tifffile

    with tifffile.TiffFile(file) as tiff:
        if is_raw(tiff):
            return decode_raw(file)
        # The links between the pages of a damaged file can form a cycle. Cameras store only a few previews.
        pages = [page for page in _first(tiff, 16) if not page.subfiletype & PREVIEW]
        if not pages:
            raise GroupSCError("contains only preview images; choose another file")
        if max(len(pages), pages[0].imagedepth, (tiff.imagej_metadata or {}).get("images", 1)) > 1:
            raise GroupSCError("contains several images; write them to a TIFF file, or save one as a separate file")
        return decode_page(file, tiff, pages[0])


def _first(tiff, number: int) -> list[Any]:
    return list(islice(tiff.pages, number))


def decode_page(file: BinaryIO, tiff, page) -> Decoded:
    """Decode a page of a TIFF file.

    Parameters
    ----------
    file : binary file
        Open for reading, and seekable.
    tiff : tifffile.TiffFile
        The same file.
    page : tifffile.TiffPage

    Returns
    -------
    Decoded

    Raises
    ------
    GroupSCError, Exception
        As for `decode_tiff`.

    Examples
    --------
    >>> import tifffile
    >>> file = io.BytesIO()
    >>> tifffile.imwrite(file, np.zeros((2, 5, 7), np.uint16), photometric="minisblack")
    >>> _ = file.seek(0)
    >>> with tifffile.TiffFile(file) as tiff:
    ...     [decode_page(file, tiff, page).samples.shape for page in tiff.pages]
    [(5, 7, 1), (5, 7, 1)]
    """
    _check_page(file, page)
    samples, profile, turned = _samples(file, page)
    # Pillow reads the tags of the first page only.
    orientation = page.tags.valueof(exif.ORIENTATION)
    noted = exif.of_tiff(file if page.index == 0 else io.BytesIO(), orientation)
    if turned and exif.ORIENTATION in noted:
        noted[exif.ORIENTATION] = 1
    if tiff.is_imagej or tiff.is_shaped or tiff.is_ome:
        noted.pop(exif.DESCRIPTION, None)  # The tag describes the array, and the array can change.
    samples, kept = exif.upright(samples, noted)
    xmp = page.tags.valueof(XMP)
    metadata = Metadata(
        profile=profile, exif=kept, dpi=_resolution(page), xmp=xmp if isinstance(xmp, bytes) else None, lost=_lost(page)
    )
    return Decoded(samples, "TIFF", metadata)


def _resolution(page) -> tuple[float, float] | None:
    if 282 not in page.tags or page.tags.valueof(296, default=2) not in (2, 3):
        return None
    across, down = page.get_resolution("INCH")
    return (across, down) if 0 < across < np.inf and 0 < down < np.inf else None


def _lost(page) -> tuple[str, ...]:
    """Name the tags that describe the image but are not kept."""
    return tuple(tag.name for tag in page.tags if tag.code not in (*STORAGE, *exif.DESCRIPTIVE))


def _check_page(file: BinaryIO, page) -> None:
    """Raise an error unless a page is supported."""
    pixels = max(page.imagewidth * page.imagelength, page.tilewidth * page.tilelength)
    require_size(pixels)
    if pixels * page.samplesperpixel * (page.bitspersample // 8) > MAX_COMPRESSION * file.seek(0, 2):
        raise GroupSCError(f"declares {pixels} pixels, more than its file size allows; choose another file")
    colors = {"MINISWHITE": 1, "MINISBLACK": 1, "PALETTE": 1, "SEPARATED": 4}.get(page.photometric.name, 3)
    extra = page.samplesperpixel - colors
    if extra != 0 and (extra != 1 or colors == 4 or [sample.name for sample in page.extrasamples] not in ALPHAS):
        raise GroupSCError(
            f"has {page.samplesperpixel} channels ({page.photometric.name}), and not all are colours or alpha; "
            "save it as gray or RGB"
        )


def _samples(file: BinaryIO, page) -> tuple[np.ndarray, bytes | None, bool]:
    """Return the samples and the colour profile of a page, and whether they were turned upright."""
    shallow = page.bitspersample <= 8 and page.dtype is not None and page.dtype.kind in "ub"
    # To reach a page, Pillow reads all pages before it.
    plain = (
        page.index and page.bitspersample == 8 and page.photometric.name in GRAY_OR_RGB and page.compression in (1, 8)
    )
    return _shallow_tiff(file, page) if shallow and not plain else _deep_tiff(file, page)


def _shallow_tiff(file: BinaryIO, page) -> tuple[np.ndarray, bytes | None, bool]:
    """Return the samples and the colour profile of a TIFF with at most 8 bits, and True: Pillow turns it upright."""
    if page.planarconfig == SEPARATE and page.samplesperpixel == 2:  # Pillow would read gray only.
        raise GroupSCError("stores gray and alpha as separate planes; save it with interleaved channels")
    with opened(file) as image:
        image.seek(page.index)
        return *pixels_of(image), True


def _deep_tiff(file: BinaryIO, page) -> tuple[np.ndarray, bytes | None, bool]:
    """Return the samples and the colour profile of a 16-bit or float TIFF, and whether they were turned upright."""
    floating = page.dtype is not None and page.dtype.kind == "f"
    if not floating and (page.dtype not in INTEGERS or page.bitspersample != 8 * page.dtype.itemsize):
        raise GroupSCError(
            f"has samples of {page.bitspersample} bits and type {page.dtype}; save it as uint8, uint16 or float32"
        )
    if page.photometric.name not in GRAY_OR_RGB or (page.dtype.kind == "i" and page.photometric.name == "MINISWHITE"):
        raise GroupSCError(f"has {page.photometric.name} colours of {page.bitspersample} bits; save it as gray or RGB")
    samples, turned = _tiff_samples(file, page)
    if floating:
        samples = samples.astype(np.float32)
    _unify_colors(samples, page)
    tag = page.tags.get("InterColorProfile")
    return samples, tag.value if tag and isinstance(tag.value, bytes) else None, turned


def _unify_colors(samples: np.ndarray, page) -> None:
    """Make black the smallest value, and divide colours by an alpha that they are multiplied by, in place."""
    floating = samples.dtype.kind == "f"
    one = np.float32(1) if floating else np.iinfo(samples.dtype).max
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
        if page.dtype != np.uint16 or page.planarconfig == SEPARATE or page.index:
            raise GroupSCError(
                f"uses {page.compression.name} compression, which is not supported for {page.dtype} samples; save it "
                "without compression or with ZIP compression"
            ) from error
        with opened(file) as image:
            deep = image.mode.startswith("I;16")
            return (pixels_of(image)[0] if deep else sixteen_bit_colors(file, image)), True
    if page.axes.startswith("S"):
        samples = np.moveaxis(samples, 0, -1)
    return np.array(samples.reshape(page.imagelength, page.imagewidth, page.samplesperpixel)), False
