"""PSNR and seconds of whole images by the side of the window, for weights that were trained with one.

python benchmarks/windows.py --weights gray-groupsc-sigma25 --dataset BSDval32 --images 3 --sides 16 24 32 48
"""

from __future__ import annotations

import argparse
import dataclasses
import time

import numpy as np
import torch

from groupsc import load
from groupsc.data import load_images
from groupsc.degradations import degrade, noise_generator
from groupsc.metrics import psnr
from groupsc.models.coder import SparseCoder
from groupsc.restore import restore


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--weights", default="gray-groupsc-sigma25")
    parser.add_argument("--dataset", default="BSDval32")
    parser.add_argument("--images", type=int, default=3)
    parser.add_argument("--sides", type=int, nargs="+", default=[16, 20, 24, 28, 32, 40, 48])
    parser.add_argument("--raw", default="data/raw")
    options = parser.parse_args()
    restorer = load(options.weights)
    trained, card = restorer.coder, restorer.card
    images = load_images(options.dataset, options.raw, channels=trained.config.channels, images=options.images)
    print(f"{card['name']}, window {trained.config.window}, over {len(images)} images of {options.dataset}")
    print(f"{'window':>6} {'PSNR':>8} {'seconds':>8}")
    for side in options.sides:
        model = SparseCoder(dataclasses.replace(trained.config, window=side)).requires_grad_(False)
        model.load_state_dict(trained.state_dict())
        figures, seconds = [], []
        for name, clean in images.items():
            generator = noise_generator(options.dataset, name, card["level"], 0)
            clean = torch.from_numpy(clean)[None]
            degraded, mask = degrade(clean, card["task"], card["level"], generator)
            began = time.perf_counter()
            restored = restore(model, degraded, mask)
            seconds.append(time.perf_counter() - began)
            figures.append(psnr(restored[0].numpy(), clean[0].numpy()))
        print(f"{side:6} {np.mean(figures):8.3f} {np.mean(seconds):8.2f}", flush=True)


if __name__ == "__main__":
    main()
