"""Denoise with FFDNet, a convolutional network on images of half the size with σ as input, and its authors' weights."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from groupsc.baselines.base import given
from groupsc.baselines.dncnn import DnCNN


class FFDNet(DnCNN):
    """FFDNet for gray and colour images with any noise level up to 75.

    Examples
    --------
    >>> FFDNet().number_of_parameters("gray"), FFDNet().number_of_parameters("color")
    (485316, 852108)
    """

    name = "ffdnet"
    tasks = ("gray", "color")
    reference = (
        "K. Zhang, W. Zuo, L. Zhang. FFDNet: toward a fast and flexible solution for CNN-based image denoising. IEEE "
        "TIP 27(9), 2018. https://doi.org/10.1109/TIP.2018.2839891"
    )
    parameters = 485_316
    dataset = {"gray": "peers-ffdnet", "color": "peers-ffdnet"}  # noqa: RUF012

    def untrained(self, task: str, level: float | None) -> str | None:
        return None if 0 <= given(level) <= 75 else f"{self.name} was trained for σ from 0 to 75, not for {level:g}"

    def weights(self, task: str, level: float | None) -> Path:
        return self.data_dir / self.dataset[task] / f"FFDNet_{task}.mat"

    def number_of_parameters(self, task: str) -> int:
        return 852_108 if task == "color" else self.parameters

    def restore(self, degraded: np.ndarray, task: str, level: float | None) -> np.ndarray:
        import torch
        from torch.nn import functional

        self.prepare(task, level)
        network = self._networks[self.weights(task, level)]
        *_, height, width = degraded.shape
        image = functional.pad(torch.from_numpy(degraded)[None], (0, width % 2, 0, height % 2), mode="replicate")
        with torch.inference_mode():
            # The authors order the four pixels of a cell by columns, torch orders them by rows.
            parts = functional.pixel_unshuffle(image.mT, 2).mT
            sigma = torch.full_like(parts[:, :1], given(level) / 255)
            restored = functional.pixel_shuffle(network(torch.cat([parts, sigma], 1)).mT, 2).mT
        return restored[0, :, :height, :width].numpy()
