"""Describe the files of a data set by names, sizes and checksums, and identify the data set by one digest."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable

from groupsc.data import bundled
from groupsc.data.datasets import named_paths, own_set, set_name
from groupsc.data.folders import state_of
from groupsc.data.registry import registry
from groupsc.utils.digests import file_digest


def manifest_of(dataset: str, files: Iterable[tuple[str, int, str]]) -> dict:
    """Make the manifest of a data set from descriptions of its files.

    Parameters
    ----------
    dataset : str
        Name of the data set.
    files : iterable of (str, int, str)
        Name, bytes and sha256 of each file.

    Returns
    -------
    dict
        `dataset`, `files` (file, bytes and sha256 of each) and `digest`, the sha256 over all of them.

    Examples
    --------
    >>> manifest_of("mine", [("a.png", 7, "ab")])["files"]
    [{'file': 'a.png', 'bytes': 7, 'sha256': 'ab'}]
    """
    rows = [{"file": name, "bytes": size, "sha256": sha256} for name, size, sha256 in files]
    listing = "".join(f"{row['sha256']}  {row['file']}\n" for row in rows)
    return {"dataset": dataset, "files": rows, "digest": hashlib.sha256(listing.encode()).hexdigest()}


def local_manifest(dataset: str, data_dir="data/raw", *, images: int | None = None) -> dict:
    """Read the files of a bundled data set or of a folder of own images, and make their manifest.

    Parameters
    ----------
    dataset, data_dir, images
        As for `groupsc.data.datasets.named_paths`.

    Returns
    -------
    dict
        As `manifest_of`. The files of a folder of own images are named by their paths within it.

    Raises
    ------
    GroupSCError
        As `groupsc.data.datasets.named_paths`.

    Examples
    --------
    >>> local_manifest("Bundled", images=2)["files"][0]["file"]
    'astronaut.png'
    """
    paths = named_paths(dataset, data_dir, images=images)
    names = [path.name for path in paths.values()] if dataset in bundled.FILES_OF else paths
    described = zip(names, paths.values(), strict=True)
    return manifest_of(
        set_name(dataset, data_dir), [(name, path.stat().st_size, file_digest(path)) for name, path in described]
    )


def data_digest(dataset: str, data_dir="data/raw") -> str | None:
    """Return the sha256 over the checksums of all files of a data set.

    Parameters
    ----------
    dataset, data_dir
        As for `groupsc.data.datasets.named_paths`. The files of a folder of own images are read.

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
        return local_manifest(dataset, data_dir)["digest"]
    return registered_digest(dataset)


def registered_digest(dataset: str) -> str | None:
    """Return the digest of a data set of the registry; None for other names, also if a folder has this name.

    Parameters
    ----------
    dataset : str

    Examples
    --------
    >>> registered_digest("Set12") == data_digest("Set12"), registered_digest("docs")
    (True, None)
    """
    found = registry()
    checksums = found[found["dataset"] == dataset].sort_values("file")["sha256"]
    return hashlib.sha256("\n".join(checksums).encode()).hexdigest() if len(checksums) else None


def data_state(dataset: str, data_dir="data/raw") -> str | None:
    """Return a digest that changes with the data set, without reading its files; see `groupsc.data.folders.state_of`.

    Parameters
    ----------
    dataset, data_dir
        As for `groupsc.data.datasets.named_paths`.

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
