"""List, download and load data sets.

`data/registry.csv` lists every file with its repository, commit, path, size and sha256. The data sets of
`groupsc.data.bundled` need no download. A folder of own images is a data set too; see `groupsc.data.folders`.
"""

from __future__ import annotations

import hashlib
import os
import threading
from concurrent.futures import Future, ThreadPoolExecutor, as_completed
from pathlib import Path

import numpy as np
import pandas as pd
from tqdm import tqdm

from groupsc.data import bundled
from groupsc.data.downloads import download, matches, source_of
from groupsc.data.folders import IMAGE_SUFFIXES, images_in, own_folder, state_of
from groupsc.data.registry import datasets, first, image_sets, registry, registry_rows
from groupsc.io.images import read_image
from groupsc.utils.digests import file_digest
from groupsc.utils.errors import GroupSCError, MissingFileError

PUBLIC = "https://raw.githubusercontent.com"
SECONDS_WITHOUT_DATA = 30


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
        Name of a data set, as `datasets` lists them, or a folder of own images, which is listed and not copied.
    data_dir : path or DataDir
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
    if dataset == bundled.CROPS:
        bundled.cut(data_dir, first(images))
    if files is None and (dataset in bundled.FILES_OF or own_set(dataset, data_dir)):
        paths = named_paths(dataset, data_dir, images=images)
        names = [path.name for path in paths.values()] if dataset in bundled.FILES_OF else paths
        described = zip(names, paths.values(), strict=True)
        return _manifest(
            set_name(dataset, data_dir), [(name, path.stat().st_size, file_digest(path)) for name, path in described]
        )
    rows = list(registry_rows(dataset, images, files).itertuples())
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


def own_set(dataset: str, data_dir="data/raw") -> tuple[str, Path] | None:
    """Return name and path of a folder of own images; None for a public data set and for an unknown name.

    Parameters
    ----------
    dataset, data_dir
        As for `named_paths`.

    Raises
    ------
    GroupSCError
        When the folder has the name of a public data set.

    Examples
    --------
    >>> own_set("BSD68") is None, own_set("photos/trip")[0]
    (True, 'trip')
    """
    return own_folder(dataset, data_dir, datasets())


def set_name(dataset: str, data_dir="data/raw") -> str:
    """Return the name of a data set in results: the last part of the path of a folder of own images.

    Parameters
    ----------
    dataset, data_dir
        As for `named_paths`.

    Examples
    --------
    >>> set_name("BSD68"), set_name("photos/trip")
    ('BSD68', 'trip')
    """
    own = own_set(dataset, data_dir)
    return str(dataset) if own is None else own[0]


def image_paths(dataset: str, data_dir="data/raw", *, images: int | None = None) -> list[Path]:
    """List the image files of a data set.

    Parameters
    ----------
    dataset, data_dir, images
        As for `named_paths`.

    Returns
    -------
    list of Path
        In sorted order.

    Raises
    ------
    GroupSCError
        As `named_paths`.

    Examples
    --------
    >>> [path.name for path in image_paths("Bundled", images=2)]
    ['astronaut.png', 'brick.png']
    """
    return list(named_paths(dataset, data_dir, images=images).values())


def named_paths(dataset: str, data_dir="data/raw", *, images: int | None = None) -> dict[str, Path]:
    """List the image files of a data set by the names of the images.

    Parameters
    ----------
    dataset : str
        Name of a data set, or a folder of own images.
    data_dir : path or DataDir
        Data directory; a `groupsc.data.folders.DataDir` also contains folders of own images.
    images : int, optional
        Number of images to list, the first in sorted order. The default lists all.

    Returns
    -------
    dict of str to Path
        In sorted order. The name of an image is its file name without the ending; in a folder of own images it is the
        path within the folder, with the ending.

    Raises
    ------
    GroupSCError
        When the data set is unknown or contains no images, two of its images have the same name, or `images` is not
        positive.
    MissingFileError
        When a file is not downloaded.

    Examples
    --------
    >>> list(named_paths("Bundled", images=2))
    ['astronaut', 'brick']
    """
    paths = _listed_paths(dataset, data_dir, images)
    absent = [path for path in paths.values() if not path.is_file()]
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
    dataset, data_dir
        As for `named_paths`.
    image : str
        Name of the image.

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
    found = _listed_paths(dataset, data_dir, None)
    if image not in found:
        raise GroupSCError(f"{dataset} has no image {image!r}; choose for example one of {', '.join(list(found)[:12])}")
    if not found[image].is_file():
        raise MissingFileError(f"{found[image]} is missing; run `groupsc fetch {dataset} --data-dir {data_dir}`")
    return found[image]


def _listed_paths(dataset: str, data_dir, images: int | None) -> dict[str, Path]:
    """Return the paths of the images of a data set by name; the files of a public data set can be missing."""
    own = own_set(dataset, data_dir)
    if own is not None:
        return dict(list(images_in(own[1]).items())[: first(images)])
    if dataset in bundled.FILES_OF:
        return _by_stem(dataset, bundled.paths_of(dataset, data_dir, first(images)))
    names = registry_rows(dataset, images)["file"]
    if not all(name.lower().endswith(IMAGE_SUFFIXES) for name in names):
        raise GroupSCError(f"{dataset} contains no images; choose one of {', '.join(image_sets())}")
    return _by_stem(dataset, [Path(data_dir) / dataset / name for name in names])


def _by_stem(dataset: str, paths: list[Path]) -> dict[str, Path]:
    found: dict[str, Path] = {}
    for path in paths:
        if path.stem in found:
            raise GroupSCError(
                f"{dataset} has two images of the name {path.stem!r}, {found[path.stem].name} and {path.name}; "
                "rename one of them in the registry"
            )
        found[path.stem] = path
    return found


def load_images(
    dataset: str, data_dir="data/raw", *, channels: int, images: int | None = None
) -> dict[str, np.ndarray]:
    """Load the images of a data set.

    Parameters
    ----------
    dataset, data_dir
        As for `named_paths`.
    channels : {1, 3}
        1 loads gray images, 3 loads RGB images, as `groupsc.io.images.read_image`.
    images : int, optional
        Number of images to load, the first in sorted order. The default loads all.

    Returns
    -------
    dict of str to ndarray (channels, H, W)
        float32 in [0, 1], by the names of `named_paths`.

    Raises
    ------
    GroupSCError
        As `named_paths`, or when a file can't be read.

    Examples
    --------
    >>> load_images("Bundled", channels=1, images=1)["astronaut"].shape
    (1, 512, 512)
    """
    paths = named_paths(dataset, data_dir, images=images)
    return {name: read_image(path, channels=channels) for name, path in paths.items()}


def data_digest(dataset: str, data_dir="data/raw") -> str | None:
    """Return the sha256 over the checksums of all files of a data set.

    Parameters
    ----------
    dataset, data_dir
        As for `named_paths`. The files of a folder of own images are read.

    Returns
    -------
    str or None
        None for an unknown data set.

    Examples
    --------
    >>> len(data_digest("Set12")), data_digest("mine")
    (64, None)
    """
    if own_set(dataset, data_dir):
        return fetch(dataset, data_dir, progress=False)["digest"]
    found = registry()
    checksums = found[found["dataset"] == dataset].sort_values("file")["sha256"]
    return hashlib.sha256("\n".join(checksums).encode()).hexdigest() if len(checksums) else None


def data_state(dataset: str, data_dir="data/raw") -> str | None:
    """Return a digest that changes with the data set, without reading its files; see `groupsc.data.folders.state_of`.

    Parameters
    ----------
    dataset, data_dir
        As for `named_paths`.

    Returns
    -------
    str or None
        As `data_digest` for a public data set.

    Examples
    --------
    >>> data_state("Set12") == data_digest("Set12")
    True
    """
    own = own_set(dataset, data_dir)
    return data_digest(dataset) if own is None else state_of(own[1])


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
