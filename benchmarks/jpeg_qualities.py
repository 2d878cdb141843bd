"""Gain of `groupsc deblock` on JPEG files of any quality, of which four have models of their own.

    python benchmarks/jpeg_qualities.py [--images 3] [--method sc]

Crops of 160×160 pixels of Kodak24 are saved as JPEG with chroma at half the resolution and restored by
`groupsc.deblock`. PSNR of red, green and blue against the crop, mean over the images, in dB.
"""

from __future__ import annotations

import argparse
import tempfile
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from skimage.metrics import peak_signal_noise_ratio

import groupsc
from groupsc.weights.selection import choose

QUALITIES = (10, 20, 30, 40, 60, 75, 85, 90, 95)
TOP, LEFT, SIDE = 128, 200, 160


def psnr(image: NDArray, clean: NDArray) -> float:
    """PSNR in dB of an image (H, W, c) in uint8."""
    return peak_signal_noise_ratio(clean, image)


def gains(clean: NDArray, quality: int, method: str, folder: Path) -> tuple[float, float]:
    """PSNR of the decoded file and of the restored image."""
    Image.fromarray(clean).save(folder / "image.jpg", quality=quality)
    decoded = np.array(Image.open(folder / "image.jpg"))
    restored = groupsc.deblock(decoded, quality, channel_axis=-1, weights=choose("jpeg", method, quality), device="cpu")
    return psnr(decoded, clean), psnr(restored, clean)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--images", type=int, default=3)
    parser.add_argument("--method", default="sc")
    parser.add_argument("--data-dir", type=Path, default=Path("data/raw"))
    options = parser.parse_args()
    paths = sorted((options.data_dir / "Kodak24").glob("*.png"))[: options.images]
    crops = [np.array(Image.open(path).convert("RGB"))[TOP : TOP + SIDE, LEFT : LEFT + SIDE] for path in paths]
    print(f"{'quality':>7} {'model':>21} {'decoded':>8} {'restored':>9} {'gain':>6}")
    with tempfile.TemporaryDirectory() as folder:
        for quality in QUALITIES:
            found = [gains(crop, quality, options.method, Path(folder)) for crop in crops]
            decoded, restored = np.mean(found, axis=0)
            model = choose("jpeg", options.method, quality)
            print(f"{quality:7} {model:>21} {decoded:8.2f} {restored:9.2f} {restored - decoded:+6.2f}", flush=True)


if __name__ == "__main__":
    main()
