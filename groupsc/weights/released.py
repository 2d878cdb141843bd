"""List the released weights, find their files and verify their checksums.

A release is a pointer, `data/weights/<name>.safetensors.dvc`, with the md5 of its file. `dvc pull` or
`groupsc weights pull` puts the file beside the pointer. In a checkout the file is also in the remote `data/store`. An
installed package includes pointers and files.
"""

from __future__ import annotations

import functools
import hashlib
import os
import re
import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from groupsc.utils.atomic import replacing
from groupsc.utils.errors import GroupSCError, MissingFileError
from groupsc.utils.resources import data_places
from groupsc.utils.typing import PathLike

SUFFIX = ".safetensors.dvc"


@dataclass(frozen=True)
class Release:
    """A released weights file.

    Attributes
    ----------
    name : str
    path : path
        Path of the file beside its pointer.
    md5 : str
        Checksum in hexadecimal digits.
    size : int
        Bytes.

    Examples
    --------
    >>> Release("a", Path("data/weights/a.safetensors"), "0123", 4).stored.as_posix()
    'data/store/files/md5/01/23'
    """

    name: str
    path: Path
    md5: str
    size: int

    @property
    def stored(self) -> Path:
        """Path of the file in the remote `data/store` of a checkout."""
        return self.path.parents[1] / "store/files/md5" / self.md5[:2] / self.md5[2:]

    def available(self) -> Path | None:
        """Return the path of the file beside its pointer or in the remote; None if it is in neither place."""
        return next((place for place in (self.path, self.stored) if place.is_file()), None)

    def find(self) -> Path:
        """Find the file beside its pointer or in the remote, and verify its checksum.

        Returns
        -------
        Path

        Raises
        ------
        GroupSCError
            When the file is missing in both places, or was altered.
        """
        place = self.available()
        if place is None:
            raise MissingFileError(
                f"the weights {self.name} are missing; run `dvc pull` in a checkout, or reinstall groupsc"
            )
        if md5_of(place) != self.md5:
            raise GroupSCError(
                f"{place} is not the file that was released (its checksum differs); remove it and run "
                "`groupsc weights pull`, or pass the path of the weights that you mean"
            )
        return place

    def pull(self) -> Path:
        """Copy the verified file from the remote beside its pointer.

        Returns
        -------
        Path

        Raises
        ------
        GroupSCError
            As `find`; also when the file can't be written.
        """
        return self.find() if self.path.is_file() else self.copy(self.path.parent)

    def copy(self, folder: PathLike) -> Path:
        """Copy the verified file to a folder.

        Parameters
        ----------
        folder : path
            It is created if it is missing.

        Returns
        -------
        Path
            The copy, `NAME.safetensors`.

        Raises
        ------
        GroupSCError
            As `find`; also when the file can't be written.
        """
        found, copy = self.find(), Path(folder) / f"{self.name}.safetensors"
        with replacing(copy) as partial:
            shutil.copyfile(found, partial)
        return copy


def md5_of(path: Path) -> str:
    """Compute the md5 of a file, which DVC uses as its name. It detects damage, but not deliberate changes.

    Parameters
    ----------
    path : path

    Returns
    -------
    str
        Hexadecimal digits.

    Examples
    --------
    >>> import os
    >>> md5_of(Path(os.devnull))[:8]
    'd41d8cd9'
    """
    return hashlib.md5(path.read_bytes(), usedforsecurity=False).hexdigest()


def releases(folders=None) -> dict[str, Release]:
    """List all released weights by name.

    Parameters
    ----------
    folders : list of paths, optional
        Folders that contain `weights`; the default is `data` of the checkout and of the installed package.

    Returns
    -------
    dict of str to Release

    Raises
    ------
    GroupSCError
        When a pointer is damaged.

    Examples
    --------
    >>> releases()["gray-groupsc-sigma25"].path.name
    'gray-groupsc-sigma25.safetensors'
    """
    found: dict[str, Release] = {}
    for folder in data_places() if folders is None else folders:
        for pointer in sorted((Path(folder) / "weights").glob(f"*{SUFFIX}")):
            name = pointer.name.removesuffix(SUFFIX)
            try:
                (out,) = _parsed(pointer.read_text(encoding="utf-8"))["outs"]
                if out["path"] != f"{name}.safetensors" or not re.fullmatch("[0-9a-f]{32}", out["md5"]):
                    raise ValueError(f"it points to {out['path']!r} with md5 {out['md5']!r}")
                release = Release(name, pointer.with_name(out["path"]), out["md5"], int(out["size"]))
            except (OSError, yaml.YAMLError, KeyError, TypeError, ValueError) as error:
                raise GroupSCError(
                    f"{pointer} is damaged ({error}); restore it with `git checkout -- {pointer}` or reinstall groupsc"
                ) from error
            found.setdefault(name, release)
    return found


@functools.lru_cache(maxsize=1024)
def _parsed(text: str) -> Any:
    """Parse a pointer once, because a command lists all releases several times."""
    return yaml.safe_load(text)


def with_released(names_or_paths: list | None) -> list[Path]:
    """Replace names of releases by their files; paths stay as they are, whether or not they exist.

    Parameters
    ----------
    names_or_paths : list of str or path, optional

    Returns
    -------
    list of Path

    Raises
    ------
    GroupSCError
        When the file of a release is missing or was altered.

    Examples
    --------
    >>> [path.as_posix() for path in with_released(["own/model.safetensors"])]
    ['own/model.safetensors']
    """
    paths = [Path(name) for name in names_or_paths or []]
    # Names have no suffix; without them the pointers are not read.
    known = releases() if any(path.suffix != ".safetensors" for path in paths) else {}
    return [known[str(path)].find() if str(path) in known else path for path in paths]


def find_weights(name_or_path) -> Path:
    """Find the weights file of a release, or return the path of a file unchanged.

    Parameters
    ----------
    name_or_path : str or path

    Returns
    -------
    Path

    Raises
    ------
    GroupSCError
        When neither a release nor a file has this name.

    Examples
    --------
    >>> find_weights("own/model.safetensors").as_posix()
    'own/model.safetensors'
    """
    if not isinstance(name_or_path, str | os.PathLike):
        raise GroupSCError(f"the weights are {name_or_path!r}; give the name of a release or a file")
    path = Path(name_or_path)
    if path.suffix == ".safetensors" or path.is_file():
        return path
    known = releases()
    if str(name_or_path) not in known:
        raise MissingFileError(f"there are no weights {str(name_or_path)!r}; released are {', '.join(sorted(known))}")
    return known[str(name_or_path)].find()
