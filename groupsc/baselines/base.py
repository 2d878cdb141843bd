"""What a method must offer to be measured beside the project's own."""

from __future__ import annotations

import abc
import functools
import importlib
from pathlib import Path

import numpy as np


class Baseline(abc.ABC):
    """A restoration method that was not trained here.

    Attributes
    ----------
    name : str
        As in the column `method` of `data/published.csv` where the paper quotes the method.
    tasks : tuple of str
        Of "gray", "color", "mosaic", "jpeg".
    reference : str
        Whom to cite, with DOI.
    levels : tuple of float or None
        The levels that it was trained for; None where any will do.
    package : str or None
        The optional package that it needs, as it is imported; `install` says how to get it.
    dataset : str or None
        The entry of `data/registry.csv` that has its files.

    Parameters
    ----------
    raw : path
        Folder of the data sets.
    """

    name: str
    tasks: tuple[str, ...]
    reference: str
    levels: tuple[float, ...] | None = None
    package: str | None = None
    install: str = "pip install 'groupsc[peers]'"
    dataset: str | None = None

    def __init__(self, raw="data/raw"):
        self.raw = Path(raw)

    @abc.abstractmethod
    def restore(self, degraded: np.ndarray, task: str, level: float | None) -> np.ndarray:
        """Restore one image.

        Parameters
        ----------
        degraded : numpy.ndarray
            Float32 (c, H, W) in units of [0, 1], which noise leaves; of a mosaic three planes in the pattern RGGB with
            zeros where nothing was measured.
        task : str
            One of `tasks`.
        level : float or None
            Noise σ in gray levels of 255, or JPEG quality; None for mosaics.

        Returns
        -------
        numpy.ndarray
            Float32 (c, H, W).
        """

    def parameters(self, task: str) -> int:
        """Number of trained parameters; 0 for a method that is not trained."""
        return 0

    def file(self, task: str, level: float | None) -> Path | None:
        """The file that it reads its parameters from, or None."""
        return None

    def prepare(self, task: str, level: float | None) -> None:  # noqa: B027
        """Load what `restore` needs, so that no clock counts it."""

    def skip(self, task: str, level: float | None = None, *, files: bool = True) -> str | None:
        """Why it can't restore here, in words, or None.

        Parameters
        ----------
        task, level : str, float, optional
            What to restore; without a level, whether any level could be.
        files : bool
            Whether a file that `groupsc fetch` brings counts as missing.
        """
        if task not in self.tasks:
            return f"{self.name} restores {' and '.join(self.tasks)} images, not {task}"
        return self.untrained(level) or self._uninstalled() or (self._unfetched(task, level) if files else None)

    def untrained(self, level: float | None) -> str | None:
        """Why it can't restore this level, or None."""
        if level is None or self.levels is None or level in self.levels:
            return None
        return f"{self.name} was trained for {', '.join(f'{one:g}' for one in self.levels)} only, not {level:g}"

    def _uninstalled(self) -> str | None:
        error = None if self.package is None else _import_error(self.package)
        return error and f"the package {self.package} can't be imported ({error}); run `{self.install}`"

    def _unfetched(self, task: str, level: float | None) -> str | None:
        if level is None and self.levels:
            level = self.levels[0]
        path = self.file(task, level)
        if path is None or path.is_file():
            return None
        return f"{path} is missing; {self.cure(path)}"

    def cure(self, path: Path) -> str:
        """What brings a missing file."""
        return f"run `groupsc fetch {self.dataset} --root {self.raw}`"


@functools.cache
def _import_error(package: str) -> str | None:
    """Why a package can't be imported; found by doing it, since a package may be there and its binaries not fit."""
    try:
        importlib.import_module(package)
    except Exception as error:  # What foreign code raises while it is imported is not for us to foresee.
        return " ".join(str(error).split()) or type(error).__name__
    return None
