"""Measure the PSNR of demosaicking models on mosaics of each Bayer phase.

    python benchmarks/bayer_phases.py ANY.safetensors ONE.safetensors --dataset Kodak24 --images 5

Prints the mean per-channel PSNR of each weights file at each of the four phases. Compare a model trained at any phase
with one trained at one phase.
"""

from __future__ import annotations

import argparse

import numpy as np

from groupsc import demosaick
from groupsc.benchmark.metrics import psnr_channels
from groupsc.data.datasets import load_images
from groupsc.data.degradations import BAYER_PATTERNS, bayer_mask


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("weights", nargs="+", help="weights files of demosaicking models")
    parser.add_argument("--dataset", default="Kodak24")
    parser.add_argument("--images", type=int, default=5, help="number of images, from the first on")
    parser.add_argument("--data-dir", default="data/raw")
    arguments = parser.parse_args()
    images = load_images(arguments.dataset, arguments.data_dir, channels=3, images=arguments.images)
    print(f"mean per-channel PSNR in dB over {len(images)} images of {arguments.dataset}")
    for weights in arguments.weights:
        psnr = {}
        for pattern in BAYER_PATTERNS:
            restored = [
                demosaick((x * bayer_mask(x.shape[1], x.shape[2], pattern).numpy()).sum(0), pattern, weights=weights)
                for x in images.values()
            ]
            pairs = zip(restored, images.values(), strict=True)
            psnr[pattern] = np.mean([psnr_channels(y.transpose(2, 0, 1), x) for y, x in pairs])
        print(weights, "  ".join(f"{pattern} {value:.2f}" for pattern, value in psnr.items()))


if __name__ == "__main__":
    main()
