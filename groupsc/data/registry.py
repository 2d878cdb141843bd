"""Read the registry of public data sets, `data/registry.csv`."""

from __future__ import annotations

import functools
import re

import pandas as pd

from groupsc.data import bundled
from groupsc.data.folders import IMAGE_SUFFIXES
from groupsc.utils.errors import GroupSCError
from groupsc.utils.resources import data_file

FILE_NAME = re.compile(r"\w[\w.-]*")
"""Names of files and data sets that are safe as a path below the data directory, on any system."""


def registry() -> pd.DataFrame:
    """Return the registry of files.

    Returns
    -------
    pandas.DataFrame
        One row per file of each data set that is downloaded, with the columns dataset, file, repo, commit, path, bytes
        and sha256. It is a copy.

    Examples
    --------
    >>> files = registry()
    >>> int((files["dataset"] == "Set12").sum())
    12
    """
    return _registry().copy()


def datasets() -> list[str]:
    """Return the names of all data sets.

    Returns
    -------
    list of str
        In the order of the registry, then those that need no download.

    Examples
    --------
    >>> "BSD68" in datasets(), datasets()[-1]
    (True, 'Bundled')
    """
    return [*_registry()["dataset"].unique(), *bundled.FILES_OF]


@functools.cache
def listed_files(dataset: str) -> tuple[tuple[str, int], ...]:
    """List the name and the bytes of each file of a data set of the registry, sorted by name; empty for others.

    Parameters
    ----------
    dataset : str

    Returns
    -------
    tuple of (str, int)

    Examples
    --------
    >>> listed_files("Set12")[0]
    ('01.png', 38267)
    """
    found = _registry()
    found = found[found["dataset"] == dataset].sort_values("file")
    return tuple(zip(found["file"], map(int, found["bytes"]), strict=True))


@functools.cache
def _registry() -> pd.DataFrame:
    columns = {"dataset": str, "file": str, "repo": str, "commit": str, "path": str, "bytes": int, "sha256": str}
    return pd.read_csv(data_file("registry.csv"), dtype=columns, keep_default_na=False)


def registry_rows(dataset: str, images: int | None, files: pd.DataFrame | None = None) -> pd.DataFrame:
    """Return the rows of a data set, the first `images`, after a check of their names and sources."""
    files = _registry() if files is None else files
    rows = files[files["dataset"] == dataset].sort_values("file")
    if rows.empty:
        names = [name for name in files["dataset"].unique() if not name.startswith("peers-")]
        known = ", ".join([*names, *bundled.FILES_OF])
        raise GroupSCError(
            f"there is no data set {dataset!r}; choose one of {known}, or the path of a folder with images, or name a "
            "folder by `--folder NAME=FOLDER`"
        )
    for name in (dataset, *rows["file"]):
        if not FILE_NAME.fullmatch(name):
            raise GroupSCError(
                f"the registry contains the name {name!r}, which can point outside the folder of its data set; "
                "rename it in that row with letters, digits, points, dashes and underscores"
            )
    for row in rows.itertuples():
        place = f"{row.repo}/{row.commit}/{row.path}"
        if not {"", ".", ".."}.isdisjoint(re.split(r"[/\\]", place)) or not place.isprintable():
            raise GroupSCError(
                f"the registry has {place!r} as the source of {row.file}, which can point outside the mirror; "
                "correct that row"
            )
    return rows[: first(images)]


def first(images: int | None) -> int | None:
    """Check a number of images, None for all."""
    if images is not None and images < 1:
        raise GroupSCError(f"images is {images}; give at least 1, or omit it for all images")
    return images


def image_sets() -> list[str]:
    """Return the data sets that contain images; others contain weights of baselines."""
    holds_images = _registry()["file"].str.lower().str.endswith(IMAGE_SUFFIXES)
    return [*_registry()["dataset"][holds_images].unique(), *bundled.FILES_OF]
