"""Find the data sets and the images that a configuration uses.

A configuration is a mapping that `groupsc.config.files.complete_grid` returns.
"""

from __future__ import annotations

from pathlib import Path

from groupsc.data import bundled
from groupsc.data.datasets import own_set
from groupsc.data.folders import DataDir, images_in
from groupsc.data.registry import datasets, listed_files


def images_of(config: dict, dataset: str) -> int | None:
    """Return the number of images of a test set that are used; None for all.

    Parameters
    ----------
    config : dict
    dataset : str

    Examples
    --------
    >>> images_of({"images": {"Urban100": 10}}, "Urban100")
    10
    """
    images = config.get("images")
    return images.get(dataset) if isinstance(images, dict) else images


def known_sets(config: dict) -> list[str]:
    """Return the names of the public data sets and of those in the key `datasets` of a configuration.

    Parameters
    ----------
    config : dict

    Examples
    --------
    >>> known_sets({"datasets": {"mine": {"path": "photos"}}})[-2:]
    ['Bundled', 'mine']
    """
    return [*datasets(), *config.get("datasets", ())]


def data_dir_of(config: dict) -> DataDir:
    """Return the data directory of a configuration, with its folders of own images.

    Parameters
    ----------
    config : dict

    Examples
    --------
    >>> dict(data_dir_of({"data_dir": "data/raw", "datasets": {"mine": {"path": "photos"}}}).folders)
    {'mine': 'photos'}
    """
    folders = {name: given["path"] for name, given in config.get("datasets", {}).items()}
    return DataDir(config.get("data_dir", "data/raw"), folders)


def image_names(config: dict, dataset: str) -> list[str]:
    """Return the names of the images of a test set that are used, in the order of their files.

    Parameters
    ----------
    config : dict
    dataset : str

    Examples
    --------
    >>> image_names({"images": 2}, "Set12")
    ['01', '02']
    """
    own = own_set(dataset, data_dir_of(config))
    if own is not None:
        return list(images_in(own[1]))[: images_of(config, dataset)]
    files = bundled.FILES_OF.get(dataset) or [file for file, _ in listed_files(dataset)]
    return [Path(file).stem for file in files[: images_of(config, dataset)]]
