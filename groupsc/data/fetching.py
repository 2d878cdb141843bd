"""Download the missing files of a public data set, several at a time, and verify all of them.

`data/registry.csv` lists every file with its repository, commit, path, size and sha256.
"""

from __future__ import annotations

import os
import threading
from concurrent.futures import Future, ThreadPoolExecutor, as_completed
from pathlib import Path

import pandas as pd
from tqdm import tqdm

from groupsc.data import bundled
from groupsc.data.datasets import own_set
from groupsc.data.downloads import download, matches, source_of
from groupsc.data.manifests import local_manifest, manifest_of
from groupsc.data.registry import first, registry_rows
from groupsc.utils.errors import GroupSCError

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
        Name of a data set, as `groupsc.data.registry.datasets` lists them, or a folder of own images, which is listed
        and not copied.
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
        As `groupsc.data.manifests.manifest_of`.

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
        return local_manifest(dataset, data_dir, images=images)
    rows = list(registry_rows(dataset, images, files).itertuples())
    folder = _made(Path(data_dir) / dataset)
    mirror = str(mirror or os.environ.get("GROUPSC_MIRROR") or PUBLIC)
    pool, stop = ThreadPoolExecutor(workers), threading.Event()
    with tqdm(total=len(rows), desc=dataset, unit="file", disable=not progress) as bar:
        jobs = [pool.submit(_fetch_file, row, folder / row.file, mirror, timeout, stop) for row in rows]
        _wait_for_all(pool, jobs, bar, stop)
    return manifest_of(dataset, [(row.file, row.bytes, row.sha256) for row in rows])


def _made(folder: Path) -> Path:
    """Return a folder, which is created if it is missing."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise GroupSCError(
            f"{folder} can't be created ({error.strerror}); choose another folder for the data"
        ) from error
    return folder


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
