"""Restore images with DnCNN, a convolutional network that estimates the noise, with the weights of its authors."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from groupsc.baselines.base import Baseline, given
from groupsc.utils.typing import PathLike


class DnCNN(Baseline):
    """DnCNN for gray images: one network of 17 layers for each noise level.

    Examples
    --------
    >>> DnCNN().untrained("gray", 5)
    'dncnn has no published weights for level 5; choose one of 10, 15, 25, 50'
    """

    name = "dncnn"
    tasks: tuple[str, ...] = ("gray",)
    reference = (
        "K. Zhang, W. Zuo, Y. Chen, D. Meng, L. Zhang. Beyond a Gaussian denoiser: residual learning of deep CNN for "
        "image denoising. IEEE TIP 26(7), 2017. https://doi.org/10.1109/TIP.2017.2662206"
    )
    parameters = 555_137
    package = "h5py"
    dataset = {"gray": "peers-dncnn-gray"}  # noqa: RUF012
    levels: tuple[float, ...] = (10, 15, 25, 50)

    def __init__(self, data_dir: PathLike = "data/raw"):
        super().__init__(data_dir)
        self._networks: dict[Path, Any] = {}

    def untrained(self, task: str, level: float | None) -> str | None:
        if level in self.levels:
            return None
        known = ", ".join(f"{known:g}" for known in self.levels)
        return f"{self.name} has no published weights for level {level:g}; choose one of {known}"

    def weights(self, task: str, level: float | None) -> Path:
        level = self.levels[-1] if level is None else level
        return self.data_dir / self.dataset[task] / f"sigma{int(level):02d}.mat"

    def prepare(self, task: str, level: float | None) -> None:
        from groupsc.baselines.matconvnet import build

        path = self.weights(task, level)
        if path not in self._networks:
            self._networks[path] = build(path)

    def restore(self, degraded: np.ndarray, task: str, level: float | None) -> np.ndarray:
        import torch

        self.prepare(task, level)
        with torch.inference_mode():
            noise = self._networks[self.weights(task, level)](torch.from_numpy(degraded)[None])[0]
        return degraded - noise.numpy()


class ColorDnCNN(DnCNN):
    """DnCNN for colour images: one network of 20 layers for each noise level.

    Examples
    --------
    >>> ColorDnCNN().untrained("color", 5) is None
    True
    """

    name = "cdncnn"
    tasks = ("color",)
    parameters = 668_227
    dataset = {"color": "peers-dncnn-color"}  # noqa: RUF012
    levels = (5, 10, 15, 25, 50)


class DnCNN3(DnCNN):
    """DnCNN for JPEG deblocking: one network of 20 layers for all qualities, which the authors trained on 5 to 99.

    Examples
    --------
    >>> DnCNN3().untrained("jpeg", 10) is None
    True
    """

    name = "dncnn-3"
    tasks = ("jpeg",)
    parameters = 665_921
    dataset = {"jpeg": "peers-dncnn-jpeg"}  # noqa: RUF012

    def untrained(self, task: str, level: float | None) -> str | None:
        return None if 5 <= given(level) <= 99 else f"{self.name} was trained for qualities 5 to 99, not for {level:g}"

    def weights(self, task: str, level: float | None) -> Path:
        return self.data_dir / self.dataset[task] / "DnCNN3.mat"
