"""Released weights: which there are, where their files are, and whether those are the ones that were released.

A release is a pointer, `data/weights/<name>.safetensors.dvc`, that names the md5 of its file. The file lies beside the
pointer once `dvc pull` or `groupsc weights pull` was run, and always in the remote `data/store` of a checkout; an
installed package carries pointers and files inside.
"""

from __future__ import annotations

import hashlib
import re
import shutil
from dataclasses import dataclass
from pathlib import Path

import yaml

from groupsc.utils.atomic import replacing
from groupsc.utils.errors import GroupSCError, MissingFileError
from groupsc.utils.resources import data_places

SUFFIX = ".safetensors.dvc"


@dataclass(frozen=True)
class Release:
    """One released weights file: its name, where it belongs, its md5 and size, and the file of a remote beside it."""

    name: str
    path: Path
    md5: str
    size: int

    @property
    def stored(self) -> Path:
        """The file in the remote inside a checkout."""
        return self.path.parents[1] / "store/files/md5" / self.md5[:2] / self.md5[2:]

    def find(self) -> Path:
        """The file, beside its pointer or in the remote, with its checksum verified.

        Raises
        ------
        GroupSCError
            When it is in neither place, or was altered.
        """
        for place in (self.path, self.stored):
            if place.is_file():
                if md5_of(place) != self.md5:
                    raise GroupSCError(
                        f"{place} is not the file that was released (its checksum differs); remove it and run "
                        "`groupsc weights pull`, or pass the path of the weights that you mean"
                    )
                return place
        raise MissingFileError(
            f"the weights {self.name} are not here; run `dvc pull` in a checkout, or reinstall groupsc"
        )

    def pull(self) -> Path:
        """Put the verified file beside its pointer."""
        if self.path.is_file():
            return self.find()
        found = self.find()
        with replacing(self.path) as partial:
            shutil.copyfile(found, partial)
        return self.path


def md5_of(path: Path) -> str:
    """md5 of a file, by which DVC names it; it protects against damage alone."""
    return hashlib.md5(path.read_bytes(), usedforsecurity=False).hexdigest()


def releases(folders=None) -> dict[str, Release]:
    """All released weights, by name; of the checkout and the installed package, unless other data `folders` are given.

    Raises
    ------
    GroupSCError
        When a pointer is damaged.
    """
    found = {}
    for folder in data_places() if folders is None else folders:
        for pointer in sorted((Path(folder) / "weights").glob(f"*{SUFFIX}")):
            name = pointer.name.removesuffix(SUFFIX)
            try:
                (out,) = yaml.safe_load(pointer.read_text(encoding="utf-8"))["outs"]
                if out["path"] != f"{name}.safetensors" or not re.fullmatch("[0-9a-f]{32}", out["md5"]):
                    raise ValueError(f"it points to {out['path']!r} with md5 {out['md5']!r}")
                release = Release(name, pointer.with_name(out["path"]), out["md5"], int(out["size"]))
            except (OSError, yaml.YAMLError, KeyError, TypeError, ValueError) as error:
                raise GroupSCError(
                    f"{pointer} is damaged ({error}); get it back with `git checkout -- {pointer}` or install again"
                ) from error
            found.setdefault(name, release)
    return found


def find_weights(name_or_path) -> Path:
    """The weights file of a release's name, or the path as given.

    Raises
    ------
    GroupSCError
        When there is neither such a release nor such a file.
    """
    path = Path(name_or_path)
    if path.suffix == ".safetensors" or path.is_file():
        return path
    known = releases()
    if str(name_or_path) not in known:
        raise MissingFileError(f"there are no weights {str(name_or_path)!r}; released are {', '.join(sorted(known))}")
    return known[str(name_or_path)].find()
