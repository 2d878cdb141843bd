"""Compare the fastest products of this machine with the plain operations of torch in float64.

    python benchmarks/precision.py gray-groupsc-sigma25 mosaic-groupsc

Each model restores the centre of some validation images. One line per model gives the mean, least and largest
difference of PSNR, and in gray levels of 255 the largest and the root mean square difference of the pixels.
"""

from __future__ import annotations

import argparse

import torch

from groupsc.benchmark.metrics import psnr
from groupsc.benchmark.validation import VALIDATION_SET, central
from groupsc.data.datasets import load_images
from groupsc.data.degradations import degrade, noise_generator
from groupsc.inference.sliding_window import restore_whole
from groupsc.utils.device import fast_matmul_dtype
from groupsc.weights.files import load_weights
from groupsc.weights.released import find_weights


def differences(weights: str, options) -> tuple[list[float], list[torch.Tensor]]:
    """Return, for each image, the difference of PSNR and the differences of the pixels."""
    model, card = load_weights(find_weights(weights))
    level = 25 if model.config.levels else card["level"]
    gains, pixels = [], []
    images = load_images(VALIDATION_SET, options.data_dir, channels=model.config.channels, images=options.images)
    for name, image in images.items():
        clean = torch.from_numpy(image)[None]
        degraded, mask = degrade(clean, card["task"], level, noise_generator(VALIDATION_SET, name, level))
        clean, degraded = central(clean, options.side), central(degraded, options.side)
        mask = None if mask is None else central(mask[None], options.side)
        fast = restore_whole(model.float(), degraded, mask, level=level, matmul_dtype=options.dtype)
        doubles = degraded.double(), None if mask is None else mask.double()
        exact = restore_whole(model.double(), *doubles, level=level, matmul_dtype=torch.float64, compiled=False)
        gains.append(psnr(fast[0], clean[0]) - psnr(exact[0], clean[0]))
        pixels.append(255 * (fast - exact))
    return gains, pixels


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("weights", nargs="+", help="released models")
    parser.add_argument("--data-dir", default="data/raw")
    parser.add_argument("--images", type=int, default=4, help="number of validation images")
    parser.add_argument("--side", type=int, default=96, help="side of the centre of an image in pixels")
    parser.add_argument("--dtype", choices=["float32", "bfloat16"], help="type of the products; default: the fastest")
    options = parser.parse_args()
    options.dtype = getattr(torch, options.dtype) if options.dtype else fast_matmul_dtype(torch.device("cpu"))
    print(f"{options.dtype}, {options.images} images of {options.side}×{options.side}")
    print(f"{'':32}{'PSNR':>9}{'least':>9}{'largest':>9}{'pixel':>7}{'rms':>8}")
    for weights in options.weights:
        gains, pixels = differences(weights, options)
        largest, rms = float(torch.stack(pixels).abs().max()), float(torch.stack(pixels).square().mean().sqrt())
        mean = sum(gains) / len(gains)
        print(f"{weights:32}{mean:+9.4f}{min(gains):+9.4f}{max(gains):+9.4f}{largest:7.2f}{rms:8.3f}", flush=True)


if __name__ == "__main__":
    main()
