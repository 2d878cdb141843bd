"""Denoise with DRUNet, by the package deepinv and with the weights of the package's authors."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from groupsc.baselines.base import Baseline, given
from groupsc.utils.errors import GroupSCError
from groupsc.utils.typing import PathLike

PLACE = "https://huggingface.co/deepinv/drunet/resolve/main"
FILES = {"gray": "drunet_deepinv_gray_finetune_26k.pth", "color": "drunet_deepinv_color_finetune_22k.pth"}
TOP = 50
"""Largest noise σ of its training, in gray levels of 255."""


class DRUNet(Baseline):
    """DRUNet for gray and colour images: a U-Net with σ as an additional input channel.

    Examples
    --------
    >>> DRUNet().untrained("gray", 75)
    'drunet was trained for σ up to 50, not 75'
    """

    name = "drunet"
    tasks = ("gray", "color")
    package = "deepinv"
    install = "pip install deepinv"
    reference = (
        "K. Zhang, Y. Li, W. Zuo, L. Zhang, L. Van Gool, R. Timofte. Plug-and-play image restoration with deep "
        "denoiser prior. IEEE TPAMI 44(10), 2022. https://doi.org/10.1109/TPAMI.2021.3088914; J. Tachella et al. "
        "DeepInverse. JOSS 10(115), 2025. https://doi.org/10.21105/joss.08923"
    )

    def __init__(self, data_dir: PathLike = "data/raw"):
        super().__init__(data_dir)
        self._networks: dict[str, Any] = {}

    def number_of_parameters(self, task: str) -> int:
        return {"gray": 32_638_656, "color": 32_640_960}[task]

    def weights(self, task: str, level: float | None) -> Path:
        return self.data_dir / "peers-drunet" / FILES[task]

    def hint(self, path: Path, task: str) -> str:
        return f"download it from {PLACE}/{path.name}"

    def untrained(self, task: str, level: float | None) -> str | None:
        return None if given(level) <= TOP else f"{self.name} was trained for σ up to {TOP}, not {level:g}"

    def prepare(self, task: str, level: float | None) -> None:
        self._network(task)

    def restore(self, degraded: np.ndarray, task: str, level: float | None) -> np.ndarray:
        import torch

        with torch.inference_mode():
            return self._network(task)(torch.from_numpy(degraded)[None], given(level) / 255)[0].numpy()

    def _network(self, task: str):
        if task not in self._networks:
            self._networks[task] = _read(self.weights(task, None), channels=1 if task == "gray" else 3)
        return self._networks[task]


def _read(path: Path, *, channels: int):
    import pickle

    import torch
    from deepinv.models import DRUNet as Network

    network = Network(in_channels=channels, out_channels=channels, pretrained=None, device="cpu")
    try:
        network.load_state_dict(torch.load(path, map_location="cpu", weights_only=True))
    except (OSError, EOFError, RuntimeError, pickle.UnpicklingError) as error:
        raise GroupSCError(f"{path} does not contain weights of DRUNet; download it again from {PLACE}") from error
    return network.eval()
