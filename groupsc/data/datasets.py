"""The data sets: a registry of files with checksums, their download, and their images.

`data/registry.csv` names every file with repository, commit, path, size and sha256. `Bundled` is a data set that needs
no download: the photographs that the scikit-image package carries.
"""

from __future__ import annotations

import functools
import hashlib
import os
import re
import threading
from concurrent.futures import Future, ThreadPoolExecutor, as_completed
from pathlib import Path
from urllib.parse import quote

import numpy as np
import pandas as pd
from tqdm import tqdm

from groupsc.data.downloads import download, is_address, matches
from groupsc.io.images import read_image
from groupsc.utils.digests import file_digest
from groupsc.utils.errors import GroupSCError, MissingFileError
from groupsc.utils.resources import data_file

PUBLIC = "https://raw.githubusercontent.com"
BUNDLED = "Bundled"
BUNDLED_FILES = (
    "astronaut.png", "brick.png", "camera.png", "chelsea.png", "coffee.png",
    "coins.png", "grass.png", "gravel.png", "motorcycle_left.png", "rocket.jpg",
)  # fmt: skip
IMAGE_SUFFIXES = (".png", ".jpg", ".jpeg", ".bmp", ".tif", ".tiff")
FILE_NAME = re.compile(r"\w[\w.-]*")
"""What may become a path below the folder of the data, on any system."""
SECONDS_WITHOUT_DATA = 30


def registry() -> pd.DataFrame:
    """Every file of every data set: dataset, file, repo, commit, path, bytes, sha256."""
    return _registry().copy()


def datasets() -> list[str]:
    """Names of all data sets."""
    return [*_registry()["dataset"].unique(), BUNDLED]


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
    """Download what is missing of a data set, verify everything, and return its manifest.

    Parameters
    ----------
    data_dir : path
        The files go to `data_dir/dataset/`.
    images : int, optional
        Only the first so many files, in sorted order.
    mirror : path or http(s) URL, optional
        Where `<repo>/<commit>/<path>` is found instead of GitHub; left out, the environment variable GROUPSC_MIRROR.
    workers : int
        Files that are brought at the same time.
    timeout : float
        Seconds without an answer after which an attempt counts as failed.
    files : DataFrame, optional
        A registry in place of the project's own, with its columns.

    Returns
    -------
    dict
        `dataset`, `files` (file, bytes, sha256 of each) and `digest`, the sha256 over all of them.

    Raises
    ------
    GroupSCError
        For an unknown data set, or a file that three attempts could not bring; nothing wrong keeps the final name.
    """
    if workers < 1 or not timeout > 0:
        raise GroupSCError(f"workers is {workers} and timeout {timeout}; give at least one worker and some seconds")
    if dataset == BUNDLED:
        paths = _bundled_paths(images)
        return _manifest(dataset, [(path.name, path.stat().st_size, file_digest(path)) for path in paths])
    rows = list(_rows(dataset, images, files).itertuples())
    folder = Path(data_dir) / dataset
    mirror = str(mirror or os.environ.get("GROUPSC_MIRROR") or PUBLIC)
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise GroupSCError(f"{folder} can't be made ({error.strerror}); choose another folder for the data") from error
    pool, stop = ThreadPoolExecutor(workers), threading.Event()
    with tqdm(total=len(rows), desc=dataset, unit="file", disable=not progress) as bar:
        jobs = [pool.submit(_bring, row, folder / row.file, mirror, timeout, stop) for row in rows]
        _finish(pool, jobs, bar, stop)
    return _manifest(dataset, [(row.file, row.bytes, row.sha256) for row in rows])


def image_paths(dataset: str, data_dir="data/raw", *, images: int | None = None) -> list[Path]:
    """The image files of a data set in sorted order, or the first `images` of them.

    Raises
    ------
    GroupSCError
        For an unknown data set, one that holds no images, or files that are not there yet.
    """
    paths = _listed_paths(dataset, data_dir, images)
    absent = [path for path in paths if not path.is_file()]
    if absent:
        raise MissingFileError(
            f"{len(absent)} of {len(paths)} files of {dataset} are missing, {absent[0]} first; "
            f"run `groupsc fetch {dataset} --data-dir {data_dir}`"
        )
    return paths


def image_path(dataset: str, image: str, data_dir="data/raw") -> Path:
    """The file of one image of a data set, named by its stem; the other files need not be there.

    Raises
    ------
    GroupSCError
        For an unknown data set or image, or one that is not there yet.
    """
    found = {path.stem: path for path in _listed_paths(dataset, data_dir, None)}
    if image not in found:
        raise GroupSCError(f"{dataset} has no image {image!r}; it has {', '.join(list(found)[:12])}")
    if not found[image].is_file():
        raise MissingFileError(f"{found[image]} is missing; run `groupsc fetch {dataset} --data-dir {data_dir}`")
    return found[image]


def _listed_paths(dataset: str, data_dir, images: int | None) -> list[Path]:
    """Where the images of a data set belong, whether they are there or not."""
    if dataset == BUNDLED:
        return _bundled_paths(images)
    names = _rows(dataset, images)["file"]
    if not all(name.lower().endswith(IMAGE_SUFFIXES) for name in names):
        raise GroupSCError(f"{dataset} holds no images; choose one of {', '.join(_image_sets())}")
    return [Path(data_dir) / dataset / name for name in names]


def load_images(
    dataset: str, data_dir="data/raw", *, channels: int, images: int | None = None
) -> dict[str, np.ndarray]:
    """The images of a data set by file stem, float32 (channels, H, W) in [0, 1]."""
    return {path.stem: read_image(path, channels=channels) for path in image_paths(dataset, data_dir, images=images)}


def data_digest(dataset: str) -> str | None:
    """sha256 over the checksums of a data set's files; None for data outside the registry."""
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
        names = [*files["dataset"].unique(), BUNDLED]
        raise GroupSCError(f"there is no data set {dataset!r}; choose one of {', '.join(names)}")
    for name in (dataset, *rows["file"]):
        if not FILE_NAME.fullmatch(name):
            raise GroupSCError(
                f"the registry names {name!r}, which may leave the folder of its data set; "
                "rename it in that row to letters, digits, points, dashes and underscores"
            )
    for row in rows.itertuples():
        place = f"{row.repo}/{row.commit}/{row.path}"
        if not {"", ".", ".."}.isdisjoint(re.split(r"[/\\]", place)) or not place.isprintable():
            raise GroupSCError(
                f"the registry says that {row.file} comes from {place!r}, which may leave the mirror; correct that row"
            )
    return rows[: _first(images)]


def _first(images: int | None) -> int | None:
    if images is not None and images < 1:
        raise GroupSCError(f"images is {images}; ask for at least 1, or leave it out for all")
    return images


def _image_sets() -> list[str]:
    holds_images = _registry()["file"].str.lower().str.endswith(IMAGE_SUFFIXES)
    return [*_registry()["dataset"][holds_images].unique(), BUNDLED]


def _bundled_paths(images: int | None) -> list[Path]:
    import skimage.data

    folder = Path(skimage.data.__file__).parent
    paths = [folder / name for name in BUNDLED_FILES][: _first(images)]
    absent = [path for path in paths if not path.is_file()]
    if absent:
        raise MissingFileError(
            f"this scikit-image comes without {absent[0]}; install it with `pip install scikit-image`"
        )
    return paths


def _bring(row, target: Path, mirror: str, timeout: float, stop: threading.Event) -> None:
    if matches(target, row.bytes, row.sha256):
        return
    if target.is_file():  # A wrong file must not pass for the data set when no right one can be had.
        try:
            target.unlink()
        except OSError as error:
            raise GroupSCError(
                f"{target} is not the published file and can't be removed ({error.strerror}); remove it, or choose "
                "another folder for the data"
            ) from error
    download(_source(row, mirror), target, size=row.bytes, sha256=row.sha256, timeout=timeout, stop=stop)


def _finish(pool: ThreadPoolExecutor, jobs: list[Future], bar: tqdm, stop: threading.Event) -> None:
    """Wait for all jobs, the first failure or an interrupt; of several failures the first file's is raised."""
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


def _source(row, mirror: str) -> str:
    tail = f"{row.repo}/{row.commit}/{row.path}"
    return (
        f"{mirror.rstrip('/')}/{quote(tail)}" if is_address(mirror) else os.path.join(os.path.expanduser(mirror), tail)
    )


def _manifest(dataset: str, files) -> dict:
    """Of (file, bytes, sha256) triples."""
    digest = hashlib.sha256("".join(f"{sha256}  {name}\n" for name, _, sha256 in files).encode()).hexdigest()
    rows = [{"file": name, "bytes": size, "sha256": sha256} for name, size, sha256 in files]
    return {"dataset": dataset, "files": rows, "digest": digest}
