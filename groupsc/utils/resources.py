"""Locate the tables `registry.csv`, `sources.csv` and `published.csv`, weights, cached results, and the workflow."""

from pathlib import Path

from groupsc.utils.errors import MissingFileError

_PACKAGE = Path(__file__).resolve().parents[1]
_PLACES = (_PACKAGE.parent / "data", _PACKAGE / "_data")
"""The folder `data/` of a checkout, and the folder of the copies in an installed package."""


def data_places() -> tuple[Path, ...]:
    """Return the folders that can contain tables and released weights.

    Returns
    -------
    tuple of Path
        The folder of a checkout, then the folder of an installed package.

    Examples
    --------
    >>> [place.name for place in data_places()]
    ['data', '_data']
    """
    return _PLACES


def data_file(name: str) -> Path:
    """Find a table by its file name, in the checkout or in the installed package.

    Parameters
    ----------
    name : str
        File name.

    Returns
    -------
    Path

    Raises
    ------
    MissingFileError
        When neither contains the file.

    Examples
    --------
    >>> data_file("registry.csv").name
    'registry.csv'
    """
    for place in _PLACES:
        if (place / name).is_file():
            return place / name
    hint = f"restore it with `git checkout -- data/{name}` or reinstall groupsc"
    raise MissingFileError(f"{name} is missing from {_PLACES[0]}; {hint}")


def snakefile() -> str:
    """Find the Snakefile of the workflow, in the checkout or in the installed package.

    Other workflows use it as a module; `config/README.md` shows how.

    Returns
    -------
    str
        The absolute path.

    Raises
    ------
    MissingFileError
        When neither contains the file.

    Examples
    --------
    >>> snakefile().endswith("workflow/Snakefile")
    True
    """
    for folder in (_PACKAGE.parent, _PACKAGE / "_data"):
        if (folder / "workflow/Snakefile").is_file():
            return (folder / "workflow/Snakefile").as_posix()
    raise MissingFileError(f"workflow/Snakefile is missing from {_PACKAGE.parent}; reinstall groupsc")


def cached_results() -> Path:
    """Find the folder of cached per-image results, `data/measured`, in the checkout or in the installed package.

    Returns
    -------
    Path
        Folder with files `<experiment>/<data set>.csv`.

    Raises
    ------
    MissingFileError
        When neither contains the folder.

    Examples
    --------
    >>> len(list(cached_results().glob("gray-groupsc-sigma25/*.csv"))) > 0
    True
    """
    for folder in (_PACKAGE.parent, _PACKAGE / "_data"):
        if (folder / "data/measured").is_dir():
            return folder / "data/measured"
    raise MissingFileError(f"data/measured is missing from {_PACKAGE.parent}; reinstall groupsc")
