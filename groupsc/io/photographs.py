"""Read and write users' images, with their metadata."""

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
"""Luminance quantisation table K.1 of ITU-T T.81, row by row. libjpeg uses it at quality 50."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Photograph:
    """An image with the metadata of its file. `dataclasses.replace` returns a copy with other pixels.

    Parameters
    ----------
    pixels : ndarray
        float32 (c, H, W) in [0, 1], upright; c = 1 (gray) or 3 (RGB).
    alpha : ndarray, optional
        Opacity, float32 (H, W) in [0, 1]. The colours are not multiplied by it.
    depth : {"uint8", "uint16", "float32"}
        Type of the samples in the file.
    profile : bytes, optional
        ICC colour profile.
    exif : bytes, optional
        EXIF data. Their orientation is 1, because the pixels are upright.
    format : str, optional
        "PNG", "TIFF", "JPEG" or "WEBP" if the image was read from a file.
    quality : int, optional
        libjpeg quality of a JPEG file, 1 to 100.

    Examples
    --------
    >>> import numpy as np
    >>> Photograph(pixels=np.zeros((3, 4, 6), np.float32)).mode
    'RGB'
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
        """Pillow's mode of the image in a file: "L", "LA", "RGB" or "RGBA"."""
        return PIXEL_MODES[len(self.pixels) + (self.alpha is not None)]


def read_photograph(path) -> Photograph:
    """Read a PNG, TIFF, JPEG or WebP file.

    Parameters
    ----------
    path : path

    Returns
    -------
    Photograph

    Raises
    ------
    GroupSCError
        When the file is missing, damaged or not an image, has more than twice Pillow's `MAX_IMAGE_PIXELS` pixels, is
        animated or has several pages, has channels other than gray, RGB and alpha, or contains NaN or infinity.

    Notes
    -----
    Palettes and CMYK are converted to RGB, CMYK with its colour profile. 1-bit images are converted to gray. The image
    is turned upright by its EXIF orientation. Floats of a TIFF must be in [0, 1]; 16 to 64 bits are converted to 32.

    Examples
    --------
    >>> import tempfile
    >>> import numpy as np
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     write_photograph(f"{folder}/a.jpg", Photograph(pixels=np.zeros((1, 4, 6), np.float32)), quality=90)
    ...     found = read_photograph(f"{folder}/a.jpg")
    >>> found.pixels.shape, found.format, found.quality
    ((1, 4, 6), 'JPEG', 90)
    """
    path = Path(path)
    if not os.path.exists(path):
        raise MissingFileError(f"{path} does not exist; correct the path")
    if not os.path.isfile(path):
        raise GroupSCError(f"{path} is a folder or a device, not an image file; name a file")
    try:
        with open(path, "rb") as file:
            found = decode(file)
    except GroupSCError as error:
        raise GroupSCError(f"{path} {error}") from error
    except Exception as error:  # The libraries raise exceptions of many types for damaged files.
        reason = " ".join(str(error).split()) or type(error).__name__
        raise GroupSCError(f"{path} can't be read as an image ({reason}); choose another file") from error
    depth = found.samples.dtype.name
    samples = np.moveaxis(found.samples, 2, 0).astype(np.float32) / np.float32(_highest_value(depth))
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
    """Write an image with its bit depth, transparency, colour profile and EXIF data.

    The file is replaced in one step: it is never incomplete, also if the process is killed.

    Parameters
    ----------
    path : path
        Its suffix selects the format: .png, .tif, .tiff, .jpg, .jpeg or .webp. Missing folders are created.
    photograph : Photograph
        Its values are clipped to [0, 1].
    overwrite : bool
        Whether an existing file is replaced.
    quality : int
        Quality of JPEG and WebP, 1 to 100; WebP is lossless at 100. JPEG is written without chroma subsampling. WebP
        stores gray as RGB.

    Raises
    ------
    GroupSCError
        When `check_target` rejects the path, the pixels contain NaN or infinity or don't have the shape of an image,
        the quality is not from 1 to 100, or the file can't be written.

    Examples
    --------
    >>> import tempfile
    >>> import numpy as np
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     write_photograph(f"{folder}/a.tif", Photograph(pixels=np.zeros((1, 4, 6), np.float32), depth="uint16"))
    ...     read_photograph(f"{folder}/a.tif").depth
    'uint16'
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
    """Check before a long computation that an image can be written to a path.

    Parameters
    ----------
    path : path
    photograph : Photograph
    overwrite : bool
        Whether an existing file can be replaced.

    Raises
    ------
    GroupSCError
        When the format can't store the bit depth, transparency, size or EXIF data of the image, or when the path is a
        folder, exists without `overwrite`, or is in a folder that is not writable.

    Examples
    --------
    >>> import numpy as np
    >>> check_target("a.jpg", Photograph(pixels=np.zeros((1, 4, 6)), depth="uint16"))  # doctest: +ELLIPSIS
    Traceback (most recent call last):
        ...
    groupsc.utils.errors.GroupSCError: a.jpg can't be written, because JPEG can't store 16 bits per channel; ...
    """
    path = Path(path)
    _format(path, photograph)
    if os.path.isdir(path):
        raise GroupSCError(f"{path} is a folder; name a file for the image")
    if not overwrite and os.path.lexists(path):
        raise GroupSCError(f"{path} exists; choose another name, or set overwrite to replace it")
    parent = next(folder for folder in path.absolute().parents if os.path.exists(folder))
    if not os.path.isdir(parent) or not os.access(parent, os.W_OK | os.X_OK):
        raise GroupSCError(f"{path} can't be written, because {parent} is not a writable folder; choose another folder")


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
    qualities = np.arange(1, 101)
    scales = np.where(qualities < 50, 5000 // qualities, 200 - 2 * qualities)
    standard = ((scales[:, None] * LUMINANCE + 50) // 100).clip(1, 255)
    return int(qualities[np.abs(standard - first).sum(axis=1).argmin()])


def photographs(paths: Iterable) -> list[Path]:
    """List the image files that paths, folders and patterns name.

    Parameters
    ----------
    paths : iterable of path
        Files, folders (without their subfolders) and glob patterns. An existing file is listed whatever its name is;
        in folders and patterns, only images by their suffix are listed.

    Returns
    -------
    list of Path
        Each file once. The files of a folder or pattern are sorted.

    Raises
    ------
    GroupSCError
        When no path is given, or one of them does not exist, contains no image or matches no image.

    Examples
    --------
    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     for name in ("b.png", "a.jpg", "notes.txt"):
    ...         Path(folder, name).touch()
    ...     [path.name for path in photographs([folder])]
    ['a.jpg', 'b.png']
    """
    found = []
    for path in map(Path, paths):
        if os.path.isdir(path):
            found += _images_among(map(path.joinpath, os.listdir(path)), f"{path} contains")
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
    """Determine the output file of each input file.

    Parameters
    ----------
    inputs : iterable of path
    output : path
        An image file for one input, or a folder that receives a file of the same name for each input. A path without
        the suffix of an image is a folder.

    Returns
    -------
    list of (Path, Path)
        Each input with its output.

    Raises
    ------
    GroupSCError
        When several images have the same output, an output is one of the inputs, or `output` is neither an image file
        that can be written nor a folder.

    Examples
    --------
    >>> [(source.name, target.as_posix()) for source, target in targets(["in/a.png", "in/b.jpg"], "out")]
    [('a.png', 'out/a.png'), ('b.jpg', 'out/b.jpg')]
    """
    inputs, output = [Path(path) for path in inputs], Path(output)
    folder = _is_folder(output, len(inputs))
    pairs = [(path, output / path.name if folder else output) for path in inputs]
    taken: dict[Path, Path] = {}
    known = {_identity(path): path for path in inputs}
    for path, target in pairs:
        if target in taken:
            raise GroupSCError(f"{taken[target]} and {path} have the same name; restore them into different folders")
        taken[target] = path
        if other := known.get(_identity(target)):
            raise GroupSCError(f"{target} would replace the input {other}; choose another name or folder")
    return pairs


def _is_folder(output: Path, inputs: int) -> bool:
    """Whether `output` is the folder of the results, and not the one file for the one input."""
    there = os.path.isdir(output)
    folder = there or output.suffix.lower() not in FORMATS
    if not folder and inputs > 1:
        raise GroupSCError(f"{inputs} images can't be written to the single file {output}; name a folder")
    if folder and not there and output.suffix.lower() in Image.registered_extensions():
        raise GroupSCError(f"{output} can't be written; use a name that ends in one of {', '.join(FORMATS)}")
    if folder and not there and os.path.exists(output):
        raise GroupSCError(f"{output} is a file but not an image; name an image file or a folder")
    return folder


def _images_among(candidates: Iterable[Path], finding: str) -> list[Path]:
    images = [path for path in candidates if path.suffix.lower() in FORMATS and os.path.isfile(path)]
    images = sorted(path for path in images if not path.name.startswith("."))
    if not images:
        raise GroupSCError(f"{finding} no image; the names of images must end in one of {', '.join(FORMATS)}")
    return images


def _identity(path: Path) -> tuple | str:
    """Return a key that is equal for all paths of one file, also through links."""
    if not os.path.exists(path):
        return os.path.realpath(path)
    status = os.stat(path)
    return status.st_dev, status.st_ino


def _format(path: Path, photograph: Photograph) -> Format:
    sides, exif = photograph.pixels.shape[-2:], len(photograph.exif or b"")
    return format_for(path, depth=photograph.depth, alpha=photograph.alpha is not None, side=max(sides), exif=exif)


def _highest_value(depth: str) -> int:
    return 1 if depth == "float32" else int(np.iinfo(depth).max)


def _samples(path: Path, photograph: Photograph) -> np.ndarray:
    """Return the samples (H, W, n) to store."""
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
    scaled = np.moveaxis(planes, 0, 2).clip(0, 1) * planes.dtype.type(_highest_value(photograph.depth))
    return (scaled if photograph.depth == "float32" else scaled.round()).astype(photograph.depth)
