"""The data sets: a registry of files with checksums, their download, and their images.

`data/registry.csv` names every file with repository, commit, path, size and sha256. `Bundled` is a data set that needs
no download: the photographs that the scikit-image package carries.
"""

from __future__ import annotations

import functools
import hashlib
import os
from concurrent.futures import ThreadPoolExecutor, as_completed
from pathlib import Path
from urllib.parse import quote

import numpy as np
import pandas as pd
from tqdm import tqdm

from groupsc.errors import GroupSCError
from groupsc.images import read_image
from groupsc.resources import data_file

PUBLIC = "https://raw.githubusercontent.com"
BUNDLED = "Bundled"
BUNDLED_FILES = (
    "astronaut.png", "brick.png", "camera.png", "chelsea.png", "coffee.png",
    "coins.png", "grass.png", "gravel.png", "motorcycle_left.png", "rocket.jpg",
)  # fmt: skip
IMAGE_SUFFIXES = (".png", ".jpg", ".jpeg", ".bmp", ".tif", ".tiff")
ATTEMPTS = 3
SECONDS_WITHOUT_DATA = 30


@functools.cache
def registry() -> pd.DataFrame:
    """Every file of every data set: dataset, file, repo, commit, path, bytes, sha256."""
    return pd.read_csv(data_file("registry.csv"), dtype={"file": str, "sha256": str, "bytes": int})


def datasets() -> list[str]:
    """Names of all data sets."""
    return [*registry()["dataset"].unique(), BUNDLED]


def fetch(
    dataset: str,
    root="data/raw",
    *,
    images: int | None = None,
    mirror: str | None = None,
    progress: bool = True,
    workers: int = 8,
    timeout: float = SECONDS_WITHOUT_DATA,
) -> dict:
    """Download what is missing of a data set, verify everything, and return its manifest.

    Parameters
    ----------
    root : path
        The files go to `root/dataset/`.
    images : int, optional
        Only the first so many files, in sorted order.
    mirror : path or http(s) URL, optional
        Where `<repo>/<commit>/<path>` is found instead of GitHub; left out, the environment variable GROUPSC_MIRROR.
    timeout : float
        Seconds without an answer after which an attempt counts as failed.

    Returns
    -------
    dict
        `dataset`, `files` (file, bytes, sha256 of each) and `digest`, the sha256 over all of them.

    Raises
    ------
    GroupSCError
        For an unknown data set, or a file that three attempts could not bring; nothing wrong keeps the final name.
    """
    if dataset == BUNDLED:
        return _manifest(dataset, [(path.name, path) for path in _bundled_paths(images)])
    files = _rows(dataset, images)
    folder = Path(root) / dataset
    mirror = mirror or os.environ.get("GROUPSC_MIRROR") or None
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise GroupSCError(f"{folder} can't be made ({error}); choose another folder for the data") from error
    missing = [row for row in files.itertuples() if not _is_right(folder / row.file, row.bytes, row.sha256)]
    with (
        ThreadPoolExecutor(workers) as pool,
        tqdm(total=len(missing), desc=dataset, unit="file", disable=not progress) as bar,
    ):
        jobs = [pool.submit(_bring, row, folder / row.file, mirror, timeout) for row in missing]
        for job in as_completed(jobs):
            try:
                job.result()
            except BaseException:
                pool.shutdown(cancel_futures=True)
                raise
            bar.update()
    return _manifest(dataset, [(row.file, folder / row.file) for row in files.itertuples()])


def image_paths(dataset: str, root="data/raw", *, images: int | None = None) -> list[Path]:
    """The image files of a data set in sorted order, or the first `images` of them.

    Raises
    ------
    GroupSCError
        For an unknown data set, one that holds no images, or files that are not there yet.
    """
    if dataset == BUNDLED:
        return _bundled_paths(images)
    files = _rows(dataset, images)["file"]
    if not all(file.lower().endswith(IMAGE_SUFFIXES) for file in files):
        raise GroupSCError(f"{dataset} holds no images; choose one of the image data sets that `groupsc fetch` lists")
    paths = [Path(root) / dataset / file for file in files]
    absent = [path for path in paths if not path.is_file()]
    if absent:
        raise GroupSCError(
            f"{len(absent)} files of {dataset} are missing, {absent[0]} first; "
            f"run `groupsc fetch {dataset} --root {root}`"
        )
    return paths


def load_images(dataset: str, root="data/raw", *, channels: int, images: int | None = None) -> dict[str, np.ndarray]:
    """The images of a data set by file stem, float32 (channels, H, W) in [0, 1]."""
    return {path.stem: read_image(path, channels=channels) for path in image_paths(dataset, root, images=images)}


def _rows(dataset: str, images: int | None) -> pd.DataFrame:
    files = registry()[registry()["dataset"] == dataset].sort_values("file")
    if files.empty:
        raise GroupSCError(f"there is no data set {dataset!r}; choose one of {', '.join(datasets())}")
    escaping = [file for file in files["file"] if Path(file).name != file]
    if escaping:
        raise GroupSCError(
            f"the registry names {escaping[0]!r}, which leaves the folder of {dataset}; correct data/registry.csv"
        )
    return files[:images]


def _bundled_paths(images: int | None) -> list[Path]:
    import skimage.data

    folder = Path(skimage.data.__file__).parent
    return [folder / name for name in BUNDLED_FILES][:images]


def _manifest(dataset: str, files) -> dict:
    rows = [{"file": name, "bytes": path.stat().st_size, "sha256": _sha256(path)} for name, path in files]
    digest = hashlib.sha256("".join(f"{row['sha256']}  {row['file']}\n" for row in rows).encode()).hexdigest()
    return {"dataset": dataset, "files": rows, "digest": digest}


def _bring(row, target: Path, mirror: str | None, timeout: float) -> None:
    """Put one file in place: into a temporary neighbour first, which takes the final name once its checksum is
    right."""
    partial = target.with_name(f".{target.name}.{os.getpid()}.partial")
    source, problem = _source(row, mirror), ""
    try:
        for _ in range(ATTEMPTS):
            problem = _attempt(source, partial, row, timeout)
            if not problem:
                os.replace(partial, target)
                return
    except OSError as error:
        problem = f"writing failed: {error}; free some space"
    finally:
        partial.unlink(missing_ok=True)
    raise GroupSCError(
        f"{row.dataset}/{row.file} could not be fetched from {source}: expected {row.bytes} bytes with sha256 "
        f"{row.sha256[:12]}…, {problem}; check the network or set GROUPSC_MIRROR to a mirror, then try again"
    )


def _attempt(source: str, partial: Path, row, timeout: float) -> str:
    """Bring `source` to `partial`; empty, or what was wrong with it."""
    import pooch
    import requests

    try:
        if source.startswith(("http://", "https://")):
            pooch.HTTPDownloader(timeout=timeout)(source, str(partial), None)
        else:
            partial.write_bytes(Path(source).read_bytes())
    except FileNotFoundError:
        return "there is no such file"
    except (requests.RequestException, ConnectionError, TimeoutError) as error:
        return f"the transfer failed ({type(error).__name__}: {str(error)[:120]})"
    size = partial.stat().st_size
    if not _is_right(partial, row.bytes, row.sha256):
        return f"got {size} bytes with sha256 {_sha256(partial)[:12]}…"
    return ""


def _source(row, mirror: str | None) -> str:
    tail = f"{row.repo}/{row.commit}/{row.path}"
    if mirror is None or mirror.startswith(("http://", "https://")):
        return f"{(mirror or PUBLIC).rstrip('/')}/{quote(tail)}"
    return str(Path(mirror) / tail)


def _is_right(path: Path, size: int, sha256: str) -> bool:
    return path.is_file() and path.stat().st_size == size and _sha256(path) == sha256


def _sha256(path: Path) -> str:
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
