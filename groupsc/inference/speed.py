"""Predict how long a restoration takes on this machine.

The time of a restoration is proportional to the number of pixels that are computed. Its factor is measured on a small
image, once per version of the package, machine and kind of model, and kept in the user's cache folder. Each restoration
of a larger image replaces it by a better value.
"""

from __future__ import annotations

import contextlib
import json
from pathlib import Path
from time import perf_counter

import numpy as np

from groupsc.config.definitions import BLOCK
from groupsc.inference.regions import repetition
from groupsc.inference.restorer import Restorer
from groupsc.models.sizes import number_of_blocks
from groupsc.utils.atomic import write_text
from groupsc.utils.device import device_name, fast_matmul_dtype
from groupsc.utils.errors import GroupSCError
from groupsc.utils.version import __version__

SIDES = {"cpu": BLOCK, "cuda": 4 * BLOCK}
"""Side in pixels of the image that is timed, by device. A smaller image does not occupy a GPU."""


class Speed:
    """Seconds per pixel of one model in one mode, on the device of the model.

    Parameters
    ----------
    model : Restorer
    mode, stride
        As for `groupsc.inference.restoration.restore`.

    Examples
    --------
    >>> from groupsc.config.definitions import ModelConfig
    >>> from groupsc.models.coder import SparseCoder
    >>> coder = SparseCoder(ModelConfig(patch_size=3, n_atoms=8, n_iterations=2, window=5)).requires_grad_(False)
    >>> speed = Speed(Restorer(coder, {"task": "gray", "level": 25}))
    >>> speed.computed_pixels(500, 400, memory=1e9)
    200000.0
    """

    def __init__(self, model: Restorer, mode: str = "whole", stride: int | None = None):
        self.model, self.mode, self.stride = model, mode, stride
        self.device = model.coder.D.device
        self.matmul_dtype = fast_matmul_dtype(self.device)

    @property
    def key(self) -> str:
        """Name of the measured value: version of the package, machine, number of threads, kind of model and mode."""
        config = self.model.coder.config
        kind = f"{config.penalty} {config.channels}x{config.patch_size}x{config.patch_size} {config.n_atoms} atoms"
        kind += f" {config.n_iterations} iterations window {config.window} {self.model.card['task']}"
        kind += f" stride {config.patch_stride}" if config.patch_stride > 1 else ""
        return f"{__version__}; {device_name(self.device)}; {kind}; {self.mode} {self.stride or ''}".strip()

    def computed_pixels(self, height: int, width: int, *, memory: float) -> float:
        """Count the pixels that are computed, those in overlaps of regions or blocks several times.

        Parameters
        ----------
        height, width : int
            Size of the image.
        memory : float
            Memory limit in bytes.

        Raises
        ------
        GroupSCError
            If the memory is too small.
        """
        if self.mode == "whole":
            return height * width * repetition(self.model.coder, self.matmul_dtype, memory, height, width)
        side, stride = self.model.coder.config.block(self.stride), self.stride or self.model.coder.config.window
        rows, columns = (number_of_blocks(length, side, stride) for length in (height, width))
        return float(rows * columns * side**2)

    def seconds(self, pixels: float) -> float:
        """Predict the seconds for a number of computed pixels. The first call on a machine measures, about a second."""
        known = read_speeds().get(self.key)
        if known is None:
            known = self._measure()
            self.store(known, 1)
        return known * pixels

    def store(self, seconds: float, pixels: float) -> None:
        """Store the time of a restoration for later predictions, if the cache folder is writable."""
        keep_speed(self.key, seconds / pixels)

    def is_exact(self, pixels: float) -> bool:
        """Return whether the time of a restoration of this many computed pixels is more exact than the measurement."""
        return pixels > 4 * SIDES.get(self.device.type, BLOCK) ** 2

    def _measure(self) -> float:
        side, coder = SIDES.get(self.device.type, BLOCK), self.model.coder
        image = np.random.default_rng(0).uniform(size=(coder.config.channels, side, side)).astype(np.float32)
        mask = np.ones_like(image) if self.model.card["task"] == "mosaic" else None
        level = None if coder.config.levels is None else coder.config.levels[-1]
        repetitions = 1 if self.device.type == "cpu" else 2  # The first run on a GPU loads its kernels.
        for _ in range(repetitions):
            start = perf_counter()
            self.model.restore(image, mask=mask, level=level, mode=self.mode, stride=self.stride)
            seconds = perf_counter() - start
        return seconds / self.computed_pixels(side, side, memory=np.inf)


def speeds_file() -> Path:
    """Return the path of the measured speeds, in the user's cache folder.

    Examples
    --------
    >>> speeds_file().name
    'speed.json'
    """
    from platformdirs import user_cache_path

    return user_cache_path("groupsc", appauthor=False) / "speed.json"


def keep_speed(key: str, seconds: float) -> None:
    """Write the seconds per pixel of a key to the file of measured speeds, if the cache folder is writable."""
    with contextlib.suppress(GroupSCError):
        write_text(speeds_file(), json.dumps(read_speeds() | {key: seconds}, indent=1) + "\n")


def read_speeds() -> dict[str, float]:
    """Read the measured seconds per pixel, by `Speed.key`; none if the file is missing or damaged.

    Examples
    --------
    >>> all(seconds > 0 for seconds in read_speeds().values())
    True
    """
    try:
        found = json.loads(speeds_file().read_text(encoding="utf-8"))
        return {str(key): float(value) for key, value in found.items() if float(value) > 0}
    except (OSError, ValueError, TypeError, AttributeError):
        return {}
