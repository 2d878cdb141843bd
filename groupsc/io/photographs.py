"""Read and write users' images, with their metadata."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np

from groupsc.io.codecs.decoding import damage, decode
from groupsc.io.codecs.encoding import encode
from groupsc.io.codecs.formats import DEPTHS, Format, dropped, format_for, storable
from groupsc.io.images import check_values
from groupsc.io.photograph import Photograph, photograph_of
from groupsc.io.samples import samples_of
from groupsc.utils.atomic import replacing
from groupsc.utils.errors import GroupSCError, MissingFileError


def read_photograph(path) -> Photograph:
    """Read an image file: PNG, TIFF, JPEG, WebP, HEIC, AVIF, JPEG 2000, PPM, BMP, GIF, FITS, npy and others.

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
    is turned upright by its EXIF orientation. Floats of a TIFF keep their range; 16 and 64 bits are converted to 32.

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
            return photograph_of(decode(file))
    except GroupSCError as error:
        raise GroupSCError(f"{path} {error}") from error
    except Exception as error:  # The libraries raise exceptions of many types for damaged files.
        raise GroupSCError(f"{path} can't be read as an image ({damage(error)}); choose another file") from error


def write_photograph(path, photograph: Photograph, *, overwrite: bool = False, quality: int = 95) -> None:
    """Write an image with its bit depth, transparency, colour profile and EXIF data.

    The file is replaced in one step: it is never incomplete, also if the process is killed.

    Parameters
    ----------
    path : path
        Its suffix selects the format, see `groupsc.io.codecs.formats.FORMATS`. Missing folders are created.
    photograph : Photograph
        Its values are clipped to the range of the type; floats are not clipped.
    overwrite : bool
        Whether an existing file is replaced.
    quality : int
        Quality of JPEG, WebP and AVIF, 1 to 100; WebP is lossless at 100. JPEG is written without chroma subsampling.
        WebP stores gray as RGB.

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
    samples = stored_samples(path, photograph)
    check_target(path, photograph, overwrite=overwrite)
    if quality not in range(1, 101):
        raise GroupSCError(f"the quality of {path} is {quality}; choose a whole number from 1 to 100")
    content = encode(samples, _format(path, photograph), metadata=photograph, quality=int(quality))
    with replacing(path) as partial:
        partial.write_bytes(content)


def lost_metadata(path, photograph: Photograph) -> list[str]:
    """Name the metadata of an image that `write_photograph` would not write to a path.

    Parameters
    ----------
    path : path
    photograph : Photograph

    Returns
    -------
    list of str

    Raises
    ------
    GroupSCError
        As for `check_target`, when the format can't store the image.

    Examples
    --------
    >>> import numpy as np
    >>> lost_metadata("a.webp", Photograph(pixels=np.zeros((1, 4, 6)), dpi=(300, 300)))
    ['resolution']
    """
    channels = len(photograph.pixels) + (photograph.alpha is not None)
    return dropped(photograph, _format(Path(path), photograph), channels)


def storable_path(path, photograph: Photograph) -> Path:
    """Return a path at which an image can be stored.

    Parameters
    ----------
    path : path
    photograph : Photograph

    Returns
    -------
    Path
        The path, with the suffix ".png" or ".tif" if its format can't store the image.

    Examples
    --------
    >>> import numpy as np
    >>> storable_path("a.jpg", Photograph(pixels=np.zeros((1, 4, 6)), depth="uint16")).name
    'a.png'
    """
    return storable(Path(path), **_needs(photograph))


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
    _format(Path(path), photograph)
    check_path(path, overwrite=overwrite)


def check_path(path, *, overwrite: bool = False) -> None:
    """Check that a file can be written to a path; parameters and errors as for `check_target`.

    Examples
    --------
    >>> check_path(".")
    Traceback (most recent call last):
        ...
    groupsc.utils.errors.GroupSCError: . is a folder; name a file for the image
    """
    path = Path(path)
    if os.path.isdir(path):
        raise GroupSCError(f"{path} is a folder; name a file for the image")
    if not overwrite and os.path.lexists(path):
        raise GroupSCError(f"{path} exists; choose another name, or set overwrite to replace it")
    parent = next((folder for folder in path.absolute().parents if os.path.exists(folder)), path.absolute().parent)
    if not os.path.isdir(parent) or not os.access(parent, os.W_OK | os.X_OK):
        raise GroupSCError(f"{path} can't be written, because {parent} is not a writable folder; choose another folder")


def _format(path: Path, photograph: Photograph) -> Format:
    return format_for(path, **_needs(photograph))


def _needs(photograph: Photograph) -> dict:
    """Return the properties of an image that not every format can store."""
    sides, exif = photograph.pixels.shape[-2:], len(photograph.exif or b"")
    alpha, colors = photograph.alpha is not None, len(photograph.pixels) > 1
    return {"depth": photograph.depth, "alpha": alpha, "side": max(sides), "exif": exif, "colors": colors}


def stored_samples(path: Path, photograph: Photograph) -> np.ndarray:
    """Return the samples (H, W, n) that are stored at a path.

    Raises
    ------
    GroupSCError
        When the pixels have another shape than an image, or contain NaN or infinity.

    Examples
    --------
    >>> stored_samples(Path("a.png"), Photograph(pixels=np.ones((1, 4, 6)))).shape
    (4, 6, 1)
    """
    pixels, alpha = np.asarray(photograph.pixels), photograph.alpha
    if pixels.ndim != 3 or pixels.shape[0] not in (1, 3) or not pixels.size:
        raise GroupSCError(f"an image of shape {pixels.shape} can't be written to {path}; it must be (1 or 3, H, W)")
    if alpha is not None and np.shape(alpha) != pixels.shape[1:]:
        raise GroupSCError(
            f"{path} can't be written with alpha of shape {np.shape(alpha)}; it must be {pixels.shape[1:]}"
        )
    if photograph.depth not in DEPTHS:
        raise GroupSCError(f"{path} can't be written as {photograph.depth}; choose one of {', '.join(DEPTHS)}")
    check_values(path, pixels)
    if alpha is not None:
        check_values(path, np.asarray(alpha))
    return samples_of(pixels, alpha, photograph.depth, photograph.black, photograph.white)
