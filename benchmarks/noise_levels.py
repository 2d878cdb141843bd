"""Measure the error of the estimated noise level of single images, and of scikit-image's wavelet estimate.

    python benchmarks/noise_levels.py --images 68 --output results/bench/noise_levels.csv

Both estimates use the same noise on the same images. The wavelet estimate needs PyWavelets.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import pandas as pd
import torch
from skimage.restoration import estimate_sigma

from groupsc.data.datasets import image_paths
from groupsc.data.degradations import add_noise, noise_generator
from groupsc.io.images import read_image
from groupsc.noise.noise_level import estimate_noise

CHANNELS = {"BSD68": 1, "CBSD68": 3}
LEVELS = (5, 10, 15, 20, 25, 35, 50)


def estimates(dataset: str, level: float, images: int | None, data_dir) -> pd.DataFrame:
    """Return both estimates of every image, in gray levels of 255."""
    rows = []
    for path in image_paths(dataset, data_dir, images=images):
        clean = torch.from_numpy(read_image(path, channels=CHANNELS[dataset]))
        noisy = add_noise(clean, level, noise_generator(dataset, path.stem, level)).numpy()
        wavelet = 255 * estimate_sigma(noisy, channel_axis=0, average_sigmas=True)
        rows.append({"dataset": dataset, "level": level, "patches": 255 * estimate_noise(noisy), "wavelet": wavelet})
    return pd.DataFrame(rows)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--images", type=int, default=None, help="number of images, from the first on; all if left out")
    parser.add_argument("--data-dir", default="data/raw")
    parser.add_argument("--output", type=Path, default=Path("results/bench/noise_levels.csv"))
    arguments = parser.parse_args()
    found = pd.concat(estimates(d, level, arguments.images, arguments.data_dir) for d in CHANNELS for level in LEVELS)
    lines = []
    for (dataset, level), group in found.groupby(["dataset", "level"]):
        line = {"dataset": dataset, "level": level, "images": len(group)}
        for method in ("patches", "wavelet"):
            error = group[method] - level
            values = {"|error|": error.abs().mean(), "bias": error.mean(), "±": error.std()}
            line |= {f"{method} {name}": value for name, value in values.items()}
        lines.append(line)
    table = pd.DataFrame(lines).round(2)
    arguments.output.parent.mkdir(parents=True, exist_ok=True)
    table.to_csv(arguments.output, index=False)
    print(table.to_string(index=False))


if __name__ == "__main__":
    main()
