"""Photographs of the scikit-image package, and small crops of them: data sets that need no download."""

from __future__ import annotations

from pathlib import Path

from groupsc.utils.atomic import replacing
from groupsc.utils.errors import MissingFileError

BUNDLED = "Bundled"
CROPS = "Bundled-crop"
STRESS = "stress"
"""Name of the stress set (`groupsc.data.stress_set`) in results, and in `groupsc evaluate --dataset stress`."""
FILES = (
    "astronaut.png", "brick.png", "camera.png", "chelsea.png", "coffee.png",
    "coins.png", "grass.png", "gravel.png", "motorcycle_left.png", "rocket.jpg",
)  # fmt: skip

SIDE = 128
"""Side of a crop, in pixels."""

CORNERS = {
    "astronaut.png": (160, 40), "brick.png": (192, 192), "camera.png": (150, 60), "chelsea.png": (160, 70),
    "coffee.png": (240, 120),
}  # fmt: skip
"""Left column and top row of each crop."""

FILES_OF: dict[str, tuple[str, ...]] = {CROPS: tuple(CORNERS), BUNDLED: FILES}


def paths_of(dataset: str, data_dir, images: int | None) -> list[Path]:
    """Return the paths of a bundled data set: those of the installed package, or of the crops in the data directory.

    Parameters
    ----------
    dataset : {"Bundled", "Bundled-crop"}
    data_dir : path
        Data directory.
    images : int, optional
        Number of images, from the first.

    Returns
    -------
    list of Path

    Raises
    ------
    MissingFileError
        When the installed scikit-image lacks a photograph.

    Examples
    --------
    >>> [path.name for path in paths_of("Bundled-crop", "data/raw", 2)]
    ['astronaut.png', 'brick.png']
    """
    names = FILES_OF[dataset][:images]
    return [Path(data_dir) / CROPS / name for name in names] if dataset == CROPS else _photographs(names)


def cut(data_dir, images: int | None) -> None:
    """Write the missing crops into the data directory.

    Parameters
    ----------
    data_dir : path
        Data directory.
    images : int, optional
        Number of crops, from the first.

    Raises
    ------
    MissingFileError
        As `paths_of`.

    Examples
    --------
    >>> cut("data/raw", 1)  # doctest: +SKIP
    """
    from PIL import Image

    targets = paths_of(CROPS, data_dir, images)
    for target, photograph in zip(targets, _photographs([path.name for path in targets]), strict=True):
        if not target.is_file():
            left, top = CORNERS[target.name]
            with Image.open(photograph) as whole, replacing(target) as fresh:
                whole.crop((left, top, left + SIDE, top + SIDE)).save(fresh, format="PNG")


def _photographs(names) -> list[Path]:
    import skimage.data

    paths = [Path(skimage.data.__file__).parent / name for name in names]
    absent = [path for path in paths if not path.is_file()]
    if absent:
        raise MissingFileError(
            f"the installed scikit-image lacks {absent[0]}; run `pip install --force-reinstall scikit-image`"
        )
    return paths
