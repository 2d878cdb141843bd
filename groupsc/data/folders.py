"""Use folders of images as data sets, where they are: nothing is copied, and no row of the registry is needed.

A folder is given by its path, or by a name that the command line (`--folder NAME=FOLDER`) or the key `datasets` of a
configuration connects with its path. An image is named by its path within the folder, with its ending
(`trip/IMG_0001.PNG`), so that no two images have the same name.
"""

from __future__ import annotations

import hashlib
import os
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from groupsc.utils.errors import GroupSCError, MissingFileError
from groupsc.utils.typing import PathLike

IMAGE_SUFFIXES = (".png", ".jpg", ".jpeg", ".bmp", ".tif", ".tiff", ".webp")
"""Endings of the files that are images, in lower case."""
NAME = re.compile("[A-Za-z0-9][A-Za-z0-9-]*")
"""Names of data sets in a configuration, since they name files."""


@dataclass(frozen=True)
class DataDir(os.PathLike[str]):
    """The folder of the downloaded data sets, with folders of own images by name; used like a path.

    Parameters
    ----------
    path : path
    folders : dict of str to path

    Examples
    --------
    >>> where = DataDir("data/raw", {"mine": "/home/me/photos"})
    >>> str(where), where.folders["mine"]
    ('data/raw', '/home/me/photos')
    """

    path: PathLike
    folders: Mapping[str, PathLike] = field(default_factory=dict)

    def __fspath__(self) -> str:
        return os.fspath(self.path)

    def __str__(self) -> str:
        return os.fspath(self.path)


def data_dir_with(data_dir: PathLike, texts: Iterable[str] | None) -> DataDir:
    """Return a data directory with the folders that are given as `NAME=FOLDER`.

    Parameters
    ----------
    data_dir : path
    texts : list of str, optional

    Returns
    -------
    DataDir

    Raises
    ------
    GroupSCError
        When a text has another form, or a name is given twice.

    Examples
    --------
    >>> dict(data_dir_with("data/raw", ["mine=my photos"]).folders)
    {'mine': 'my photos'}
    """
    folders: dict[str, str] = {}
    for text in texts or ():
        name, sign, folder = text.partition("=")
        if not sign or not folder or not NAME.fullmatch(name):
            raise GroupSCError(
                f"--folder is {text!r}; write NAME=FOLDER, with letters, digits and dashes in the name, as mine=photos"
            )
        if name in folders:
            raise GroupSCError(f"--folder gives {name} twice; give each data set one folder")
        folders[name] = folder
    return DataDir(data_dir, folders)


def own_folder(dataset: PathLike, data_dir: PathLike, public: Iterable[str]) -> tuple[str, Path] | None:
    """Return name and path of a folder of own images; None for the name of another data set.

    Parameters
    ----------
    dataset : str or path
        A name in the folders of `data_dir`, or the path of a folder.
    data_dir : path or DataDir
    public : iterable of str
        Names of the public data sets, which no folder may have.

    Raises
    ------
    GroupSCError
        When the folder has the name of a public data set.

    Examples
    --------
    >>> own_folder("mine", DataDir("data/raw", {"mine": "photos"}), ["BSD68"])[0]
    'mine'
    >>> own_folder("BSD68", "data/raw", ["BSD68"]) is None
    True
    """
    text, folders = os.fspath(dataset), getattr(data_dir, "folders", {})
    if text in folders:
        name, folder = text, Path(folders[text]).expanduser()
    elif text not in public and (os.path.isdir(text) or {os.sep, "/"} & set(text) or text.startswith((".", "~"))):
        folder = Path(text).expanduser()
        name = folder.resolve().name
    else:
        return None
    if name in public:
        raise GroupSCError(
            f"the folder {folder} has the name of the public data set {name}; give it another one with "
            f"`--folder mine={folder} --dataset mine`, or write --dataset {name} for the public images"
        )
    return name, folder


def images_in(folder: Path) -> dict[str, Path]:
    """List the images of a folder and of its subfolders.

    Parameters
    ----------
    folder : path

    Returns
    -------
    dict of str to Path
        By path within the folder, with `/` between its parts, in sorted order. Files whose name begins with a point,
        and files of other types, are left out.

    Raises
    ------
    MissingFileError
        When the folder does not exist.
    GroupSCError
        When it contains no images, has an image whose name is not valid UTF-8, or can't be read.

    Examples
    --------
    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     for name in ("b.JPG", "a.png", "notes.txt", ".hidden.png"):
    ...         _ = Path(folder, name).touch()
    ...     list(images_in(Path(folder)))
    ['a.png', 'b.JPG']
    """
    if not folder.is_dir():
        raise MissingFileError(f"the folder {folder} does not exist; correct its path")
    found: dict[str, Path] = {}
    seen: set[str] = set()
    for place, subfolders, files in os.walk(folder, followlinks=True, onerror=_raise):
        here = os.path.realpath(place)
        if here in seen:  # A link to a folder above would otherwise be followed without end.
            subfolders.clear()
            continue
        seen.add(here)
        subfolders[:] = sorted(name for name in subfolders if not name.startswith("."))
        for name in files:
            if name.lower().endswith(IMAGE_SUFFIXES) and not name.startswith("."):
                path = Path(place, name)
                found[_readable(path.relative_to(folder).as_posix())] = path
    if not found:
        raise GroupSCError(
            f"the folder {folder} contains no images; put files there that end in {', '.join(IMAGE_SUFFIXES)}"
        )
    return dict(sorted(found.items()))


def _readable(name: str) -> str:
    """Return a name that can be written to result files, as UTF-8; refuse another one."""
    try:
        name.encode("utf-8")
    except UnicodeEncodeError as error:
        raise GroupSCError(f"the name of the file {name!r} is not valid UTF-8; rename it") from error
    return name


def state_of(folder: Path) -> str:
    """Return a digest of the names, sizes and dates of the images of a folder, which is fast for many images.

    Parameters
    ----------
    folder : path

    Returns
    -------
    str
        Hexadecimal digits; other ones after an image was added, removed or edited.

    Raises
    ------
    GroupSCError
        As `images_in`.
    """
    stats = [(name, *_stamp(path)) for name, path in images_in(folder).items()]
    return hashlib.sha256(repr(stats).encode()).hexdigest()


def _stamp(path: Path) -> tuple[int, int]:
    stat = path.stat()
    return stat.st_size, stat.st_mtime_ns


def _raise(error: OSError) -> None:
    raise GroupSCError(f"{error.filename} can't be read ({error.strerror}); correct its permissions") from error
