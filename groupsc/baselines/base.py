"""What a method of others is to the benchmark."""

from __future__ import annotations

import importlib
from abc import ABC, abstractmethod
from pathlib import Path

import numpy as np

from groupsc.config.definitions import LEVEL_NAMES


class Baseline(ABC):
    """A method to compare with, measured in the same run, on the same degraded images.

    Attributes
    ----------
    name : str
        Its id, as in the column `method` of `data/published.csv`.
    tasks : tuple of str
        Of "gray", "color", "mosaic", "jpeg".
    reference : str
        What to cite, with its DOI.
    parameters : int
        How many were trained; 0 for a method without training.
    package : str or None
        The optional module that it needs; `install` is the command that brings it.
    dataset : dict
        By task, the data set of the registry that holds its weights; empty for a method without training.

    Parameters
    ----------
    data_dir : path
        Folder of the data sets.
    """

    name: str
    tasks: tuple[str, ...]
    reference: str
    parameters: int = 0
    package: str | None = None
    install: str = "pip install 'groupsc[peers]'"
    dataset: dict[str, str] = {}  # noqa: RUF012

    def __init__(self, data_dir="data/raw"):
        self.data_dir = Path(data_dir)

    @abstractmethod
    def restore(self, degraded: np.ndarray, task: str, level: float | None) -> np.ndarray:
        """The restored image, float32 (c, H, W), not clipped.

        Parameters
        ----------
        degraded : array (c, H, W)
            float32, about [0, 1]; of a mosaic the RGGB values, with zeros where nothing was measured.
        task, level : str, float or None
            Noise σ in gray levels of 255, or JPEG quality.
        """

    def unsuited(self, task: str, level: float | None) -> str | None:
        """Why the method can't do this task at this level on this machine, whatever is fetched; None where it can.

        With a level left out, whether it can do the task at some level.
        """
        if task not in self.tasks:
            return f"{self.name} is for {', '.join(self.tasks)}, not for {task}"
        any_level = level is None and LEVEL_NAMES[task] is not None
        return (None if any_level else self.untrained(task, level)) or self._without_package()

    def untrained(self, task: str, level: float | None) -> str | None:
        """Why there is nothing for this level; None where there is, or nothing is needed."""
        return None

    def skip(self, task: str, level: float | None) -> str | None:
        """As `unsuited`, and why the method can't run now because its weights were not fetched."""
        reason = self.unsuited(task, level)
        path = self.weights(task, level) if reason is None else None
        if path is not None and not path.is_file():
            return f"{path} is missing; {self.hint(path, task)}"
        return reason

    def hint(self, path: Path, task: str) -> str:
        """What brings a missing file."""
        return f"run `groupsc fetch {self.dataset[task]} --data-dir {self.data_dir}`"

    def weights(self, task: str, level: float | None) -> Path | None:
        """The file of its weights; None for a method without training."""
        return None

    def number_of_parameters(self, task: str) -> int:
        """Those that were trained for a task, where they differ between tasks."""
        return self.parameters

    def prepare(self, task: str, level: float | None) -> None:  # noqa: B027
        """Load what is needed, so that no measured time holds it."""

    def _without_package(self) -> str | None:
        if self.package is None:
            return None
        try:
            importlib.import_module(self.package)
        except Exception as error:  # A binary that does not fit this machine may raise anything.
            return f"the package {self.package} can't be imported ({error}); run `{self.install}`"
        return None
