"""What the package stands on: the tables `registry.csv`, `sources.csv`, `published.csv`, and the released weights."""

from pathlib import Path

from groupsc.utils.errors import MissingFileError

_PACKAGE = Path(__file__).resolve().parents[1]
_PLACES = (_PACKAGE.parent / "data", _PACKAGE / "_data")
"""A checkout keeps them in `data/`; a wheel carries copies inside the package."""


def data_places() -> tuple[Path, ...]:
    """Folders that tables and released weights may lie in, the checkout's before the package's."""
    return _PLACES


def data_file(name: str) -> Path:
    """Find a table by its file name, in the checkout or in the installed package.

    Raises
    ------
    GroupSCError
        When neither has it.
    """
    for place in _PLACES:
        if (place / name).is_file():
            return place / name
    hint = f"get it back with `git checkout -- data/{name}` or install groupsc again"
    raise MissingFileError(f"{name} is missing from {_PLACES[0]}; {hint}")
