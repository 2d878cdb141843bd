"""List, download and load data sets.

`data/registry.csv` lists every file with its repository, commit, path, size and sha256. The data sets of
`groupsc.data.bundled` need no download.
"""

from __future__ import annotations

import functools
import hashlib
import os
import re
import threading
from concurrent.futures import Future, ThreadPoolExecutor, as_completed
from pathlib import Path

import numpy as np
import pandas as pd
from tqdm import tqdm

from groupsc.data import bundled
from groupsc.data.downloads import download, matches, source_of
from groupsc.io.images import read_image
from groupsc.utils.digests import file_digest
from groupsc.utils.errors import GroupSCError, MissingFileError
from groupsc.utils.resources import data_file

PUBLIC = "https://raw.githubusercontent.com"
IMAGE_SUFFIXES = (".png", ".jpg", ".jpeg", ".bmp", ".tif", ".tiff")
FILE_NAME = re.compile(r"\w[\w.-]*")
"""Names of files and data sets that are safe as a path below the data directory, on any system."""
SECONDS_WITHOUT_DATA = 30


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


def fetch(
    dataset: str,
    data_dir="data/raw",
    *,
    images: int | None = None,
    mirror: str | Path | None = None,
    progress: bool = True,
    workers: int = 8,
    timeout: float = SECONDS_WITHOUT_DATA,
    files: pd.DataFrame | None = None,
) -> dict:
    """Download the missing files of a data set, verify all files, and return its manifest.

    Parameters
    ----------
    dataset : str
        Name of a data set, as `datasets` lists them.
    data_dir : path
        Data directory. The files are stored in `data_dir/dataset/`.
    images : int, optional
        Number of files to fetch, the first in sorted order. The default fetches all.
    mirror : path or http(s) URL, optional
        Folder or address that contains `<repo>/<commit>/<path>`, instead of GitHub. The default is the environment
        variable GROUPSC_MIRROR.
    progress : bool
        Whether to show a progress bar.
    workers : int
        Number of files that are downloaded at the same time.
    timeout : float
        Seconds without an answer after which an attempt fails.
    files : pandas.DataFrame, optional
        Registry to use instead of the project's registry, with the same columns.

    Returns
    -------
    dict
        `dataset`, `files` (file, bytes and sha256 of each) and `digest`, the sha256 over all of them.

    Raises
    ------
    GroupSCError
        When the data set is unknown, `images`, `workers` or `timeout` is not positive, the data directory can't be
        created, or a file can't be fetched in three attempts. A file that fails verification never has its final name.

    Examples
    --------
    >>> fetch("Bundled", images=2)["files"][0]["file"]
    'astronaut.png'
    """
    if workers < 1 or not timeout > 0:
        raise GroupSCError(
            f"workers is {workers} and timeout {timeout}; give at least one worker and a timeout above 0 s"
        )
    if dataset in bundled.FILES_OF:
        if dataset == bundled.CROPS:
            bundled.cut(data_dir, _first(images))
        paths = bundled.paths_of(dataset, data_dir, _first(images))
        return _manifest(dataset, [(path.name, path.stat().st_size, file_digest(path)) for path in paths])
    rows = list(_rows(dataset, images, files).itertuples())
    folder = Path(data_dir) / dataset
    mirror = str(mirror or os.environ.get("GROUPSC_MIRROR") or PUBLIC)
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise GroupSCError(
            f"{folder} can't be created ({error.strerror}); choose another folder for the data"
        ) from error
    pool, stop = ThreadPoolExecutor(workers), threading.Event()
    with tqdm(total=len(rows), desc=dataset, unit="file", disable=not progress) as bar:
        jobs = [pool.submit(_fetch_file, row, folder / row.file, mirror, timeout, stop) for row in rows]
        _wait_for_all(pool, jobs, bar, stop)
    return _manifest(dataset, [(row.file, row.bytes, row.sha256) for row in rows])


def image_paths(dataset: str, data_dir="data/raw", *, images: int | None = None) -> list[Path]:
    """List the image files of a data set.

    Parameters
    ----------
    dataset : str
        Name of a data set.
    data_dir : path
        Data directory.
    images : int, optional
        Number of images to list, the first in sorted order. The default lists all.

    Returns
    -------
    list of Path
        In sorted order.

    Raises
    ------
    GroupSCError
        When the data set is unknown or contains no images, or `images` is not positive.
    MissingFileError
        When a file is not downloaded.

    Examples
    --------
    >>> [path.name for path in image_paths("Bundled", images=2)]
    ['astronaut.png', 'brick.png']
    """
    paths = _listed_paths(dataset, data_dir, images)
    absent = [path for path in paths if not path.is_file()]
    if absent:
        raise MissingFileError(
            f"{len(absent)} of {len(paths)} files of {dataset} are missing, for example {absent[0]}; "
            f"run `groupsc fetch {dataset} --data-dir {data_dir}`"
        )
    return paths


def image_path(dataset: str, image: str, data_dir="data/raw") -> Path:
    """Return the file of one image of a data set. The other files can be missing.

    Parameters
    ----------
    dataset : str
        Name of a data set.
    image : str
        Name of the image: its file name without the suffix.
    data_dir : path
        Data directory.

    Returns
    -------
    Path

    Raises
    ------
    GroupSCError
        When the data set or the image is unknown.
    MissingFileError
        When the file is not downloaded.

    Examples
    --------
    >>> image_path("Bundled", "camera").name
    'camera.png'
    """
    found = {path.stem: path for path in _listed_paths(dataset, data_dir, None)}
    if image not in found:
        raise GroupSCError(f"{dataset} has no image {image!r}; choose for example one of {', '.join(list(found)[:12])}")
    if not found[image].is_file():
        raise MissingFileError(f"{found[image]} is missing; run `groupsc fetch {dataset} --data-dir {data_dir}`")
    return found[image]


def _listed_paths(dataset: str, data_dir, images: int | None) -> list[Path]:
    """Return the paths of the images of a data set, which can be missing."""
    if dataset in bundled.FILES_OF:
        return bundled.paths_of(dataset, data_dir, _first(images))
    names = _rows(dataset, images)["file"]
    if not all(name.lower().endswith(IMAGE_SUFFIXES) for name in names):
        raise GroupSCError(f"{dataset} contains no images; choose one of {', '.join(_image_sets())}")
    return [Path(data_dir) / dataset / name for name in names]


def load_images(
    dataset: str, data_dir="data/raw", *, channels: int, images: int | None = None
) -> dict[str, np.ndarray]:
    """Load the images of a data set.

    Parameters
    ----------
    dataset : str
        Name of a data set.
    data_dir : path
        Data directory.
    channels : {1, 3}
        1 loads gray images, 3 loads RGB images, as `groupsc.io.images.read_image`.
    images : int, optional
        Number of images to load, the first in sorted order. The default loads all.

    Returns
    -------
    dict of str to ndarray (channels, H, W)
        float32 in [0, 1], by file name without the suffix.

    Raises
    ------
    GroupSCError
        As `image_paths`, or when a file can't be read.

    Examples
    --------
    >>> load_images("Bundled", channels=1, images=1)["astronaut"].shape
    (1, 512, 512)
    """
    return {path.stem: read_image(path, channels=channels) for path in image_paths(dataset, data_dir, images=images)}


def data_digest(dataset: str) -> str | None:
    """Return the sha256 over the checksums of all files of a data set.

    Parameters
    ----------
    dataset : str

    Returns
    -------
    str or None
        None for a data set outside the registry.

    Examples
    --------
    >>> len(data_digest("Set12")), data_digest("mine")
    (64, None)
    """
    found = registry()
    checksums = found[found["dataset"] == dataset].sort_values("file")["sha256"]
    return hashlib.sha256("\n".join(checksums).encode()).hexdigest() if len(checksums) else None


@functools.cache
def _registry() -> pd.DataFrame:
    columns = {"dataset": str, "file": str, "repo": str, "commit": str, "path": str, "bytes": int, "sha256": str}
    return pd.read_csv(data_file("registry.csv"), dtype=columns, keep_default_na=False)


def _rows(dataset: str, images: int | None, files: pd.DataFrame | None = None) -> pd.DataFrame:
    files = _registry() if files is None else files
    rows = files[files["dataset"] == dataset].sort_values("file")
    if rows.empty:
        names = [*files["dataset"].unique(), *bundled.FILES_OF]
        raise GroupSCError(f"there is no data set {dataset!r}; choose one of {', '.join(names)}")
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
    return rows[: _first(images)]


def _first(images: int | None) -> int | None:
    if images is not None and images < 1:
        raise GroupSCError(f"images is {images}; give at least 1, or omit it for all images")
    return images


def _image_sets() -> list[str]:
    holds_images = _registry()["file"].str.lower().str.endswith(IMAGE_SUFFIXES)
    return [*_registry()["dataset"][holds_images].unique(), *bundled.FILES_OF]


def _fetch_file(row, target: Path, mirror: str, timeout: float, stop: threading.Event) -> None:
    if matches(target, row.bytes, row.sha256):
        return
    if target.is_file():  # A wrong file must not remain in the data set if the download fails.
        try:
            target.unlink()
        except OSError as error:
            raise GroupSCError(
                f"{target} differs from the published file and can't be removed ({error.strerror}); remove it, or "
                "choose another folder for the data"
            ) from error
    download(source_of(row, mirror), target, size=row.bytes, sha256=row.sha256, timeout=timeout, stop=stop)


def _wait_for_all(pool: ThreadPoolExecutor, jobs: list[Future], bar: tqdm, stop: threading.Event) -> None:
    """Wait for all jobs, the first failure or an interrupt. Of several failures, raise that of the first file."""
    try:
        for job in as_completed(jobs):
            if job.exception():
                break
            bar.update()
    finally:
        stop.set()
        pool.shutdown(cancel_futures=True)
    for job in jobs:
        if not job.cancelled():
            job.result()


def _manifest(dataset: str, files) -> dict:
    """Return the manifest of files given as (file, bytes, sha256)."""
    digest = hashlib.sha256("".join(f"{sha256}  {name}\n" for name, _, sha256 in files).encode()).hexdigest()
    rows = [{"file": name, "bytes": size, "sha256": sha256} for name, size, sha256 in files]
    return {"dataset": dataset, "files": rows, "digest": digest}
