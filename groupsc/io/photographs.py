"""Photographs of people: files of every common kind to float arrays and back, with all that belongs to them."""

from __future__ import annotations

import glob
import os
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image

from groupsc.io.decoding import decode
from groupsc.io.encoding import DEPTHS, FORMATS, PIXEL_MODES, Format, encode, format_for
from groupsc.io.images import check_values
from groupsc.utils.atomic import replacing
from groupsc.utils.errors import GroupSCError, MissingFileError

LUMINANCE = np.array(
    [
        16, 11, 10, 16, 24, 40, 51, 61, 12, 12, 14, 19, 26, 58, 60, 55, 14, 13, 16, 24, 40, 57, 69, 56,
        14, 17, 22, 29, 51, 87, 80, 62, 18, 22, 37, 56, 68, 109, 103, 77, 24, 35, 55, 64, 81, 104, 113, 92,
        49, 64, 78, 87, 103, 121, 120, 101, 72, 92, 95, 98, 112, 100, 103, 99,
    ]
)  # fmt: skip
"""Quantisation table K.1 of ITU-T T.81, row by row: libjpeg's at quality 50."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Photograph:
    """An image and what its file says about it; `dataclasses.replace` gives it other pixels.

    Parameters
    ----------
    pixels : ndarray
        float32 (c, H, W) in [0, 1], upright; c = 1 (gray) or 3 (RGB).
    alpha : ndarray, optional
        Opacity, float32 (H, W) in [0, 1]; the colours are not multiplied with it.
    depth : {"uint8", "uint16", "float32"}
        How a sample is stored.
    profile : bytes, optional
        ICC colour profile.
    exif : bytes, optional
        What the camera noted, its orientation undone: the pixels are upright already.
    format : str, optional
        "PNG", "TIFF", "JPEG" or "WEBP", where it was read from such a file.
    quality : int, optional
        The libjpeg quality that a JPEG was written with, 1 to 100.
    """

    pixels: np.ndarray
    alpha: np.ndarray | None = None
    depth: str = "uint8"
    profile: bytes | None = None
    exif: bytes | None = None
    format: str | None = None
    quality: int | None = None

    @property
    def mode(self) -> str:
        """Pillow's name of what is written: "L", "LA", "RGB" or "RGBA"."""
        return PIXEL_MODES[len(self.pixels) + (self.alpha is not None)]


def read_photograph(path) -> Photograph:
    """Read a PNG, TIFF, JPEG or WebP file.

    Notes
    -----
    Palettes and inks (CMYK) become RGB, of inks by their colour profile; two colours of 1 bit become gray; a picture
    is turned as its camera noted. TIFF files may hold floats in [0, 1], of 16 to 64 bits; they are kept with 32.

    Raises
    ------
    GroupSCError
        When the file is missing, damaged, no image, larger than Pillow's `MAX_IMAGE_PIXELS` twice, animated or of many
        pages, or holds other channels than gray, RGB and alpha, or values that are no numbers.
    """
    path = Path(path)
    if not os.path.exists(path):
        raise MissingFileError(f"{path} does not exist; correct the path")
    if not os.path.isfile(path):
        raise GroupSCError(f"{path} is a folder or a device where an image is needed; name a file")
    try:
        with open(path, "rb") as file:
            found = decode(file)
    except GroupSCError as error:
        raise GroupSCError(f"{path} {error}") from error
    except Exception as error:  # The libraries let errors of every kind escape from a damaged file.
        reason = " ".join(str(error).split()) or type(error).__name__
        raise GroupSCError(f"{path} can't be read as an image ({reason}); choose another file") from error
    depth = found.samples.dtype.name
    samples = np.moveaxis(found.samples, 2, 0).astype(np.float32) / np.float32(_white(depth))
    colors = len(samples) - (len(samples) + 1) % 2
    return Photograph(
        pixels=np.ascontiguousarray(samples[:colors]),
        alpha=np.ascontiguousarray(samples[colors]) if colors < len(samples) else None,
        depth=depth,
        profile=found.profile or None,
        exif=found.exif,
        format=found.format,
        quality=jpeg_quality(found.tables) if found.tables else None,
    )


def write_photograph(path, photograph: Photograph, *, overwrite: bool = False, quality: int = 95) -> None:
    """Write a photograph with its bit depth, transparency, colour profile and EXIF data, in the format that the suffix
    of `path` names; the file is at every moment absent, old or complete.

    Values are clipped to [0, 1]. Missing folders are made.

    Parameters
    ----------
    quality : int
        Of JPEG (without subsampling of the colours) and WebP, 1 to 100; WebP is lossless at 100. WebP stores gray as
        RGB.

    Raises
    ------
    GroupSCError
        When `check_target` finds fault with the path, the pixels are no numbers or of no image's shape, or the disk
        refuses.
    """
    path = Path(path)
    samples = _samples(path, photograph)
    check_target(path, photograph, overwrite=overwrite)
    if quality not in range(1, 101):
        raise GroupSCError(f"the quality of {path} is {quality}; choose a whole number from 1 to 100")
    notes = {"profile": photograph.profile, "exif": photograph.exif}
    content = encode(samples, _format(path, photograph), quality=int(quality), **notes)
    with replacing(path) as partial:
        partial.write_bytes(content)


def check_target(path, photograph: Photograph, *, overwrite: bool = False) -> None:
    """Find out before a long computation whether `photograph` can be written to `path`.

    Raises
    ------
    GroupSCError
        When the format can't hold its bit depth, transparency or size, or the path is a folder, exists without
        `overwrite`, or is in a place where nothing can be written.
    """
    path = Path(path)
    _format(path, photograph)
    if os.path.isdir(path):
        raise GroupSCError(f"{path} is a folder where an image is to be written; name a file")
    if not overwrite and os.path.lexists(path):
        raise GroupSCError(f"{path} exists; choose another name, or allow to overwrite it")
    parent = next(folder for folder in path.absolute().parents if os.path.exists(folder))
    if not os.path.isdir(parent) or not os.access(parent, os.W_OK | os.X_OK):
        raise GroupSCError(f"{path} can't be written, since nothing can be in {parent}; choose another folder")


def jpeg_quality(tables) -> int:
    """The libjpeg quality, 1 to 100, whose luminance table is the first of `tables`, or is nearest to it.

    Parameters
    ----------
    tables : dict or sequence of sequences of int
        Quantisation tables by number, 64 entries row by row, as Pillow's `JpegImageFile.quantization`.
    """
    first = np.asarray(tables[min(tables)] if isinstance(tables, dict) else tables[0])
    qualities = np.arange(1, 101)
    scales = np.where(qualities < 50, 5000 // qualities, 200 - 2 * qualities)
    standard = ((scales[:, None] * LUMINANCE + 50) // 100).clip(1, 255)
    return int(qualities[np.abs(standard - first).sum(axis=1).argmin()])


def photographs(paths: Iterable) -> list[Path]:
    """The files that `paths` name: themselves, the images of folders (not of folders in them), the matches of patterns.

    Raises
    ------
    GroupSCError
        When there is none of one of them.
    """
    found = []
    for path in map(Path, paths):
        if os.path.isdir(path):
            found += _images_among(map(path.joinpath, os.listdir(path)), f"{path} holds")
        elif os.path.exists(path):
            found.append(path)
        elif set(str(path)) & set("*?["):
            found += _images_among(map(Path, glob.glob(str(path))), f"{path} matches")
        else:
            raise MissingFileError(f"{path} does not exist; correct the path")
    if not found:
        raise GroupSCError("no image is given; name at least one file or folder")
    return list(dict.fromkeys(found))


def targets(inputs: Iterable, output) -> list[tuple[Path, Path]]:
    """Where each of `inputs` goes: to `output` itself, when that ends like an image, else into that folder by its name.

    Raises
    ------
    GroupSCError
        When several images would go to one file, or an image onto one of the inputs.
    """
    inputs, output = [Path(path) for path in inputs], Path(output)
    there = os.path.isdir(output)
    folder = there or output.suffix.lower() not in FORMATS
    if not folder and len(inputs) > 1:
        raise GroupSCError(f"{len(inputs)} images can't go to the one file {output}; name a folder")
    if folder and not there and output.suffix.lower() in Image.registered_extensions():
        raise GroupSCError(f"{output} can't be written; let the name end in one of {', '.join(FORMATS)}")
    if folder and not there and os.path.exists(output):
        raise GroupSCError(f"{output} is a file that is no image; name an image or a folder")
    pairs = [(path, output / path.name if folder else output) for path in inputs]
    taken: dict[Path, Path] = {}
    known = {_identity(path): path for path in inputs}
    for path, target in pairs:
        if target in taken:
            raise GroupSCError(f"{taken[target]} and {path} have one name; restore them into different folders")
        taken[target] = path
        if other := known.get(_identity(target)):
            raise GroupSCError(f"{target} would replace the input {other}; choose another name or folder")
    return pairs


def _images_among(candidates: Iterable[Path], finding: str) -> list[Path]:
    images = [path for path in candidates if path.suffix.lower() in FORMATS and os.path.isfile(path)]
    images = sorted(path for path in images if not path.name.startswith("."))
    if not images:
        raise GroupSCError(f"{finding} no image; its name must end in one of {', '.join(FORMATS)}")
    return images


def _identity(path: Path) -> tuple | str:
    """Equal for paths that are one file, by whatever links."""
    if not os.path.exists(path):
        return os.path.realpath(path)
    status = os.stat(path)
    return status.st_dev, status.st_ino


def _format(path: Path, photograph: Photograph) -> Format:
    sides, exif = photograph.pixels.shape[-2:], len(photograph.exif or b"")
    return format_for(path, depth=photograph.depth, alpha=photograph.alpha is not None, side=max(sides), exif=exif)


def _white(depth: str) -> int:
    return 1 if depth == "float32" else int(np.iinfo(depth).max)


def _samples(path: Path, photograph: Photograph) -> np.ndarray:
    """(H, W, n) as stored."""
    pixels, alpha = np.asarray(photograph.pixels), photograph.alpha
    if pixels.ndim != 3 or pixels.shape[0] not in (1, 3) or not pixels.size:
        raise GroupSCError(f"an image of shape {pixels.shape} can't be written to {path}; it must be (1 or 3, H, W)")
    if alpha is not None and np.shape(alpha) != pixels.shape[1:]:
        raise GroupSCError(
            f"{path} can't be written with alpha of shape {np.shape(alpha)}; it must be {pixels.shape[1:]}"
        )
    if photograph.depth not in DEPTHS:
        raise GroupSCError(f"{path} can't be written as {photograph.depth}; choose one of {', '.join(DEPTHS)}")
    planes = pixels if alpha is None else np.concatenate([pixels, np.asarray(alpha)[None]])
    check_values(path, planes)
    scaled = np.moveaxis(planes, 0, 2).clip(0, 1) * planes.dtype.type(_white(photograph.depth))
    return (scaled if photograph.depth == "float32" else scaled.round()).astype(photograph.depth)
