"""DnCNN with its authors' parameters: a network for each noise level, and one for JPEG, that predict the error."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from groupsc.baselines.base import Baseline
from groupsc.baselines.matconvnet import read_network


class DnCNN(Baseline):
    """Gray, 17 convolutions."""

    name = "dncnn"
    tasks = ("gray",)
    levels = (10, 15, 25, 50)
    package = "h5py"
    dataset = "peers-dncnn-gray"
    size = 555_137
    reference = (
        "K. Zhang, W. Zuo, Y. Chen, D. Meng, L. Zhang. Beyond a Gaussian denoiser: residual learning of deep CNN for "
        "image denoising. IEEE TIP 26(7), 2017. https://doi.org/10.1109/TIP.2017.2662206"
    )

    def __init__(self, raw="data/raw"):
        super().__init__(raw)
        self._networks = {}

    def parameters(self, task: str) -> int:
        return self.size

    def file(self, task: str, level: float | None) -> Path:
        return self.raw / self.dataset / f"sigma{level:02g}.mat"

    def prepare(self, task: str, level: float | None) -> None:
        self._network(task, level)

    def restore(self, degraded: np.ndarray, task: str, level: float | None) -> np.ndarray:
        import torch

        with torch.inference_mode():
            image = torch.from_numpy(degraded)[None]
            return (image - self._network(task, level)(image))[0].numpy()

    def _network(self, task: str, level: float | None):
        path = self.file(task, level)
        if path not in self._networks:
            self._networks[path] = read_network(path)
        return self._networks[path]


class CDnCNN(DnCNN):
    """Colour, 20 convolutions."""

    name = "cdncnn"
    tasks = ("color",)
    levels = (5, 10, 15, 25, 50)
    dataset = "peers-dncnn-color"
    size = 668_227


class DnCNN3(DnCNN):
    """One network of 20 convolutions for JPEG of any quality (and for noise and upscaling, unused here)."""

    name = "dncnn-3"
    tasks = ("jpeg",)
    levels = None
    dataset = "peers-dncnn-jpeg"
    size = 665_921

    def file(self, task: str, level: float | None) -> Path:
        return self.raw / self.dataset / "DnCNN3.mat"


METHODS = (DnCNN, CDnCNN, DnCNN3)
