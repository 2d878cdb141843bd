"""FFDNet with its authors' parameters: one network for all noise levels, told σ as a plane of the image."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from groupsc.baselines.base import Baseline
from groupsc.baselines.matconvnet import read_network

TOP = 75
"""The noise levels of its training end here."""


class FFDNet(Baseline):
    """Gray and colour: convolutions at half the resolution, on the 2×2 phases of the image and the plane of σ."""

    name = "ffdnet"
    tasks = ("gray", "color")
    package = "h5py"
    dataset = "peers-ffdnet"
    reference = (
        "K. Zhang, W. Zuo, L. Zhang. FFDNet: toward a fast and flexible solution for CNN-based image denoising. "
        "IEEE TIP 27(9), 2018. https://doi.org/10.1109/TIP.2018.2839891"
    )

    def __init__(self, raw="data/raw"):
        super().__init__(raw)
        self._networks = {}

    def parameters(self, task: str) -> int:
        return {"gray": 485_316, "color": 852_108}[task]

    def file(self, task: str, level: float | None) -> Path:
        return self.raw / self.dataset / f"FFDNet_{task}.mat"

    def untrained(self, level: float | None) -> str | None:
        return None if level is None or level <= TOP else f"{self.name} was trained for σ up to {TOP}, not {level:g}"

    def prepare(self, task: str, level: float | None) -> None:
        self._network(task)

    def restore(self, degraded: np.ndarray, task: str, level: float | None) -> np.ndarray:
        import torch
        from torch.nn.functional import pad, pixel_shuffle, pixel_unshuffle

        height, width = degraded.shape[1:]
        with torch.inference_mode():
            image = torch.from_numpy(degraded)[None]
            image = pad(image, (0, width % 2, 0, height % 2), mode="replicate")
            # MATLAB counts the four phases down the columns, torch along the rows.
            phases = pixel_unshuffle(image.mT, 2).mT
            sigma = torch.full_like(phases[:, :1], level / 255)
            phases = self._network(task)(torch.cat([phases, sigma], dim=1))
            return pixel_shuffle(phases.mT, 2).mT[0, :, :height, :width].numpy()

    def _network(self, task: str):
        if task not in self._networks:
            self._networks[task] = read_network(self.file(task, None))
        return self._networks[task]


METHODS = (FFDNet,)
