"""Compare the nearest trained model on a scaled image with the blind model, at noise levels between the trained ones.

    python benchmarks/between_levels.py [--tasks gray color] [--methods sc groupsc] [--images 8] [--side 160]

Prints the PSNR of both models on the centres of images of BSDval32. Both get the true noise level and nothing else.
`groupsc.weights.selection.NEAR` was chosen by these numbers.
"""

from __future__ import annotations

import argparse

import torch

from groupsc import load
from groupsc.benchmark.metrics import psnr
from groupsc.data.datasets import load_images
from groupsc.data.degradations import degrade, noise_generator
from groupsc.utils.device import pick_device
from groupsc.weights.released import releases
from groupsc.weights.selection import nearest

LEVELS = (3.2, 4, 5.5, 6.25, 7.5, 9, 11, 13, 14, 16, 17.5, 20, 22.5, 24, 26, 28, 32, 36, 40, 45, 55, 80)


def centres(task: str, images: int, side: int) -> dict[str, torch.Tensor]:
    """Crop the centres of the first images of BSDval32, each (1, c, side, side)."""
    loaded = load_images("BSDval32", "data/raw", channels=1 if task == "gray" else 3, images=images)
    found = {}
    for name, image in loaded.items():
        top, left = ((length - side) // 2 for length in image.shape[-2:])
        found[name] = torch.from_numpy(image)[None, :, top : top + side, left : left + side]
    return found


def mean_psnr(model, clean: dict, task: str, level: float) -> float:
    """Mean PSNR in dB over the centres, each restored as an image."""
    values = []
    for name, image in clean.items():
        noisy, _ = degrade(image, task, level, noise_generator("BSDval32", name, level, 0))
        values.append(psnr(model.restore(noisy[0].numpy(), level=level).clip(0, 1), image[0].numpy()))
    return sum(values) / len(values)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--tasks", nargs="+", default=["gray", "color"])
    parser.add_argument("--methods", nargs="+", default=["sc", "groupsc"])
    parser.add_argument("--levels", nargs="+", type=float, default=LEVELS, help="noise σ in gray levels of 255")
    parser.add_argument("--images", type=int, default=8, help="number of images, from the first on")
    parser.add_argument("--side", type=int, default=160, help="side of the centres in pixels")
    options = parser.parse_args()
    device = pick_device("auto")
    for task in options.tasks:
        clean = centres(task, options.images, options.side)
        for method in options.methods:
            for level in options.levels:
                (name, *_), ratio = nearest(task, [method], level, releases())
                near, blind = (load(x, device=device) for x in (name, f"{task}-{method}-blind"))
                found = [mean_psnr(model, clean, task, level) for model in (near, blind)]
                print(
                    f"{name:24} σ {level:<5g} ratio {ratio:.3f}  scaled {found[0]:.3f}  blind {found[1]:.3f}  "
                    f"{found[0] - found[1]:+.3f} dB",
                    flush=True,
                )


if __name__ == "__main__":
    main()
