"""Measure models with the guard of `groupsc.denoise`, which the benchmark of the paper does not use."""

from __future__ import annotations

import hashlib
from pathlib import Path

import numpy as np

from groupsc.api.denoising import denoise
from groupsc.baselines.base import given
from groupsc.baselines.own import OwnMethod
from groupsc.config.definitions import LEVEL_NAMES, method_name
from groupsc.guards import white_noise
from groupsc.inference import dct
from groupsc.models.sizes import number_of_parameters
from groupsc.utils.digests import file_digest
from groupsc.utils.errors import GroupSCError
from groupsc.utils.typing import PathLike
from groupsc.weights.cards import config_of, purpose, read_card
from groupsc.weights.released import find_weights


class GuardedMethod(OwnMethod):
    """A denoising model with the guard, as `groupsc.denoise` restores images with these weights and with known σ.

    In results, the method is "<method>-guarded". Its digest depends on the weights and on the files
    `guards/white_noise.py` and `inference/dct.py`, so that an edit of these is measured again. The limit from which the
    guard replaces the model (`groupsc.models.noise_scaling`) is not part of it.

    Parameters
    ----------
    weights : str or path
        Name of released weights, or a weights file.
    device : str
        "auto", "cpu" or "cuda".
    data_dir : path
        Data directory.

    Raises
    ------
    GroupSCError
        When the weights can't be read, or are not of a denoising model.

    Examples
    --------
    >>> from groupsc.benchmark.evaluation import evaluate
    >>> rows = evaluate(GuardedMethod("gray-sc-sigma25"), "stress", task="gray", level=25)  # doctest: +SKIP
    """

    reference = "own method"

    def __init__(self, weights: PathLike, *, device: str = "auto", data_dir: PathLike = "data/raw"):
        self.path = Path(find_weights(weights))
        card = read_card(self.path)
        task, method, self.level = purpose(self.path, card)
        if LEVEL_NAMES[task] != "sigma":
            raise GroupSCError(f"{weights} is of the task {task!r}; the guard is for gray and color, so leave it out")
        super().__init__(denoise, name=f"{method_name(method, card.get('variant'))}-guarded", data_dir=data_dir)
        self.tasks, self.parameters = (task,), number_of_parameters(config_of(self.path, card))
        self.device = device

    def restore(self, degraded: np.ndarray, task: str, level: float | None) -> np.ndarray:
        """Restore an image; parameters and result as for `groupsc.baselines.base.Baseline.restore`."""
        restored = denoise(degraded, sigma=given(level) / 255, weights=self.path, channel_axis=0, device=self.device)
        return np.asarray(restored)

    def digest(self, task: str, level: float | None) -> str:
        """Return the sha256 over the weights and the files that contain the guard."""
        parts = [file_digest(path) for path in (self.path, str(white_noise.__file__), str(dct.__file__))]
        return hashlib.sha256("".join(parts).encode()).hexdigest()
