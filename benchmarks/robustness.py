"""PSNR of models with and without the guard, on the stress set and on photographs.

    python benchmarks/robustness.py gray-sc-sigma25 color-sc-blind [--sigma 5] [--seeds 5] [--images 8]

Each line of the stress set shows the mean of several noise realisations: noisy image, restored image, guarded image,
and the smallest gain of the guard over the noisy image in any picture. The photographs are central parts of BSDval32.
As in `groupsc denoise`, restored images are clipped to the range of the noisy image; `groupsc stress` does not clip.
"""

from __future__ import annotations

import argparse
import statistics
import time

import torch
from torch import Tensor

import groupsc
from groupsc.benchmark.validation import central
from groupsc.data.datasets import load_images
from groupsc.data.stress_set import stress_pictures
from groupsc.guards.white_noise import guard
from groupsc.utils.randomness import seeded


def psnr(x: Tensor, reference: Tensor) -> float:
    return -10 * float(torch.log10((x - reference).square().mean()))


def measure(model, clean: Tensor, sigma: float, seeds: int, name: str) -> list[float]:
    """PSNR of the noisy, restored and guarded image, and seconds of model and guard; means over the seeds."""
    found = []
    for seed in range(seeds):
        noise = torch.randn(clean.shape, generator=seeded("robustness", name, sigma, seed))
        noisy = clean + sigma / 255 * noise
        began = time.perf_counter()
        restored = torch.from_numpy(model.restore(noisy.numpy(), level=sigma, guarded=True))
        between = time.perf_counter()
        guarded, _ = guard(noisy, restored, sigma / 255)
        ended = time.perf_counter()
        found.append((*(psnr(x, clean) for x in (noisy, restored, guarded)), between - began, ended - between))
    return [statistics.mean(column) for column in zip(*found, strict=True)]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("weights", nargs="+", help="Names of released models, or weights files.")
    parser.add_argument("--sigma", type=float, help="Noise level for blind models; 25 without it.")
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--images", type=int, default=8)
    parser.add_argument("--side", type=int, default=128, help="Side of the central parts in pixels.")
    parser.add_argument("--data-dir", default="data/raw")
    options = parser.parse_args()
    for weights in options.weights:
        model = groupsc.load(weights)
        sigma, channels = float(model.card["level"] or options.sigma or 25), model.coder.config.channels
        print(f"\n{weights}, sigma {sigma:g}: noisy, restored, guarded (dB)")
        worst, cost = [], []
        for name, clean in stress_pictures(channels).items():
            noisy, restored, guarded, own, extra = measure(model, clean, sigma, options.seeds, name)
            worst.append((guarded - noisy, name))
            cost.append(extra / own)
            print(f"  {name:24} {noisy:6.2f} {restored:6.2f} {guarded:6.2f}", flush=True)
        images = load_images("BSDval32", options.data_dir, channels=channels, images=options.images)
        changes = []
        for name, image in images.items():
            clean = central(torch.from_numpy(image), options.side).clone()
            noisy, restored, guarded, own, extra = measure(model, clean, sigma, 1, name)
            changes.append(guarded - restored)
            cost.append(extra / own)
        print(f"  least gain over the noisy image: {min(worst)[0]:+.2f} dB ({min(worst)[1]})")
        print(
            f"  change on {len(changes)} photographs: mean {statistics.mean(changes):+.3f}, least {min(changes):+.3f} "
            f"dB (the guard takes {100 * statistics.mean(cost):.0f} % of the time)"
        )


if __name__ == "__main__":
    main()
