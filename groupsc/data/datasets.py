"""List and load the images of data sets: public ones, bundled ones, and folders of own images.

`groupsc.data.registry` lists the files of public data sets, which `groupsc.data.fetching` downloads. The data sets of
`groupsc.data.bundled` need no download. A folder of own images is a data set too; see `groupsc.data.folders`.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np

from groupsc.data import bundled
from groupsc.data.folders import IMAGE_SUFFIXES, images_in, own_folder
from groupsc.data.registry import datasets, first, image_sets, registry_rows
from groupsc.io.images import read_image
from groupsc.utils.errors import GroupSCError, MissingFileError


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
