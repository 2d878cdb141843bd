"""Define the interface of baselines."""

from __future__ import annotations

import importlib
from abc import ABC, abstractmethod
from pathlib import Path

import numpy as np

from groupsc.config.definitions import LEVEL_NAMES
from groupsc.utils.digests import file_digest
from groupsc.utils.errors import GroupSCError
from groupsc.utils.typing import PathLike


class Baseline(ABC):
    """A baseline, measured in the same run and on the same degraded images as the models.

    Attributes
    ----------
    name : str
        Identifier, as in the column `method` of `data/published.csv`.
    tasks : tuple of str
        Tasks that it solves: "gray", "color", "mosaic", "jpeg".
    reference : str
        Publication to cite, with its DOI.
    parameters : int
        Number of trained parameters; 0 for a method without training.
    package : str or None
        Optional Python package that it needs.
    install : str
        Command that installs the package.
    dataset : dict
        Data set of the registry that contains its weights, by task; empty for a method without training.
    device : str
        Device on which it restores.

    Parameters
    ----------
    data_dir : path
        Data directory.

    Examples
    --------
    >>> class Identity(Baseline):
    ...     name, tasks, reference = "identity", ("gray",), ""
    ...
    ...     def restore(self, degraded, task, level):
    ...         return degraded
    >>> Identity().skip("jpeg", 10)
    'identity is for gray, not for jpeg'
    """

    name: str
    tasks: tuple[str, ...]
    reference: str
    parameters: int = 0
    package: str | None = None
    install: str = "pip install 'groupsc[peers]'"
    dataset: dict[str, str] = {}  # noqa: RUF012
    device: str = "cpu"

    def __init__(self, data_dir: PathLike = "data/raw"):
        self.data_dir = Path(data_dir)

    @abstractmethod
    def restore(self, degraded: np.ndarray, task: str, level: float | None) -> np.ndarray:
        """Restore an image.

        Parameters
        ----------
        degraded : array (c, H, W)
            Float32, about [0, 1]. A mosaic contains the RGGB values, and zeros for the colours that were not measured.
        task : str
        level : float or None
            Noise σ in gray levels of 255, or JPEG quality; None for mosaics.

        Returns
        -------
        array (c, H, W)
            Float32, not clipped.
        """

    def unsuited(self, task: str, level: float | None) -> str | None:
        """Explain why the method can't solve the task on this machine, even with all files fetched.

        Parameters
        ----------
        task : str
        level : float or None
            None asks whether the method can solve the task at any level.

        Returns
        -------
        str or None
            The reason; None if the method can solve the task.
        """
        return self.unfit(task, level) or self._without_package()

    def unfit(self, task: str, level: float | None) -> str | None:
        """Why the method was not made for this task and level; None where it was.

        With a level left out, whether it was made for the task at some level.
        """
        if task not in self.tasks:
            return f"{self.name} is for {', '.join(self.tasks)}, not for {task}"
        any_level = level is None and LEVEL_NAMES[task] is not None
        return None if any_level else self.untrained(task, level)

    def untrained(self, task: str, level: float | None) -> str | None:
        """Explain why the method has no weights for this level; None if it has them or needs none."""
        return None

    def skip(self, task: str, level: float | None) -> str | None:
        """Explain why the method can't run now, as `unsuited` or because its weights were not fetched; None if it
        can."""
        reason = self.unsuited(task, level)
        path = self.weights(task, level) if reason is None else None
        if path is not None and not path.is_file():
            return f"{path} is missing; {self.hint(path, task)}"
        return reason

    def hint(self, path: Path, task: str) -> str:
        """Say how to get a missing file of weights."""
        return f"run `groupsc fetch {self.dataset[task]} --data-dir {self.data_dir}`"

    def weights(self, task: str, level: float | None) -> Path | None:
        """Return the path of the weights file; None for a method without training."""
        return None

    def digest(self, task: str, level: float | None) -> str | None:
        """Return the sha256 of the weights file as in `data/registry.csv`, without the file; None for a method without
        training, and for a file that is neither in the registry nor on disk."""
        from groupsc.data.registry import registry

        path = self.weights(task, level)
        if path is None:
            return None
        files = registry()
        known = files[(files["dataset"] == self.dataset.get(task)) & (files["file"] == path.name)]["sha256"]
        if len(known):
            return known.iloc[0]
        return file_digest(path) if path.is_file() else None

    def number_of_parameters(self, task: str) -> int:
        """Return the number of trained parameters for a task."""
        return self.parameters

    def prepare(self, task: str, level: float | None) -> None:  # noqa: B027
        """Load packages and weights, so that the measured time does not include it."""

    def ready(self, task: str, level: float | None) -> None:
        """Check that the method can run, that its weights are the published file, and call `prepare`.

        Raises
        ------
        GroupSCError
            When it can't run, or its weights are another file.
        """
        reason = self.skip(task, level)
        if reason is not None:
            raise GroupSCError(reason)
        weights = self.weights(task, level)
        if weights is not None and file_digest(weights) != self.digest(task, level):
            raise GroupSCError(f"{weights} is not the published file; {self.hint(weights, task)}")
        self.prepare(task, level)

    def _without_package(self) -> str | None:
        if self.package is None:
            return None
        try:
            importlib.import_module(self.package)
        except Exception as error:  # A binary that does not fit this machine may raise anything.
            return f"the package {self.package} can't be imported ({error}); run `{self.install}`"
        return None


def given(level: float | None) -> float:
    """Return the level of a task that has one.

    Raises
    ------
    GroupSCError
        When there is none.

    Examples
    --------
    >>> given(25.0)
    25.0
    """
    if level is None:
        raise GroupSCError("the method needs a noise level or a JPEG quality; give one, such as 25")
    return level
