"""Find the images that paths, folders and patterns name, and the paths of their restorations."""

from __future__ import annotations

import glob
import os
import sys
import unicodedata
import uuid
from collections.abc import Iterable
from pathlib import Path

from PIL import Image

from groupsc.io.codecs.formats import COMMON, FORMATS, RAW, READ_ONLY, output_name
from groupsc.utils.errors import GroupSCError, MissingFileError


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


def subfolders_with_images(folder) -> list[Path]:
    """List the subfolders of a folder that contain images, which `photographs` leaves out.

    Parameters
    ----------
    folder : path

    Returns
    -------
    list of Path
        In sorted order.

    Examples
    --------
    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     for name in ("inner/a.png", "notes/b.txt"):
    ...         Path(folder, name).parent.mkdir()
    ...         Path(folder, name).touch()
    ...     [path.name for path in subfolders_with_images(folder)]
    ['inner']
    """
    subfolders = sorted(path for path in Path(folder).iterdir() if path.is_dir() and not path.name.startswith("."))
    readable = [path for path in subfolders if os.access(path, os.R_OK | os.X_OK)]
    return [path for path in readable if any(map(_is_image, path.iterdir()))]


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
    pairs = [(path, output / output_name(path.name) if folder else output) for path in inputs]
    taken: dict[str, Path] = {}
    known = {_identity(path): path for path in inputs}
    for path, target in pairs:
        if (other := taken.setdefault(place_of(target), path)) is not path:
            raise GroupSCError(f"{other} and {path} have the same name; restore them into different folders")
        if replaced := known.get(_identity(target)):
            raise GroupSCError(f"{target} would replace the input {replaced}; choose another name or folder")
    return pairs


def place_of(path: Path) -> str:
    """Return a key that is equal for paths of one file, also where file names have no upper and lower case.

    Examples
    --------
    >>> place_of(Path("out/a.png")) == place_of(Path("out/b.png"))
    False
    """
    if sys.platform in ("darwin", "win32"):
        return unicodedata.normalize("NFC", str(path)).casefold()
    return str(path)


def check_writable(folder) -> None:
    """Check before a long computation that files can be written to a folder.

    Parameters
    ----------
    folder : path
        It need not exist.

    Raises
    ------
    GroupSCError
        When the folder, or the one in which it is to be created, is not writable.

    Examples
    --------
    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     check_writable(f"{folder}/new/one")
    """
    place = Path(folder).absolute()
    there = next((parent for parent in (place, *place.parents) if parent.exists()), place)
    probe = there / f".groupsc-{uuid.uuid4().hex}"
    try:
        with open(probe, "xb"):  # Permissions alone don't tell: the disk can be read-only.
            pass
        probe.unlink()
    except OSError as error:
        reason = error.strerror or error
        raise GroupSCError(f"nothing can be written to {folder} ({reason}); choose another folder") from error


def _is_folder(output: Path, inputs: int) -> bool:
    """Whether `output` is the folder of the results, and not the one file for the one input."""
    there = os.path.isdir(output)
    folder = there or output.suffix.lower() not in FORMATS
    if not folder and inputs > 1:
        raise GroupSCError(f"{inputs} images can't be written to the single file {output}; name a folder")
    if folder and not there and output.suffix.lower() in (*READ_ONLY, *RAW, *Image.registered_extensions()):
        raise GroupSCError(f"{output} can't be written; use a name that ends in one of {', '.join(COMMON)}")
    if folder and not there and os.path.exists(output):
        raise GroupSCError(f"{output} is a file but not an image; name an image file or a folder")
    return folder


def _is_image(path: Path) -> bool:
    known = path.suffix.lower() in (*FORMATS, *READ_ONLY, *RAW)
    return known and not path.name.startswith(".") and os.path.isfile(path)


def _images_among(candidates: Iterable[Path], finding: str) -> list[Path]:
    images = sorted(filter(_is_image, candidates))
    if not images:
        raise GroupSCError(
            f"{finding} no image; the names of images must end in one of {', '.join((*FORMATS, *READ_ONLY, *RAW))}"
        )
    return images


def _identity(path: Path) -> tuple | str:
    """Return a key that is equal for all paths of one file, also through links."""
    if not os.path.exists(path):
        return os.path.realpath(path)
    status = os.stat(path)
    return status.st_dev, status.st_ino
