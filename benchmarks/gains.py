"""Change of the error of images that are scaled so that their noise has the trained level, at gains from 1 to 10.

    python benchmarks/gains.py gray-sc-sigma5 color-sc-sigma5 [--gains 1 2 3 4 6 10] [--side 96]

Each entry shows the PSNR minus that of the noisy image in dB: of the model, of the guarded model, and of the second
estimate of the guard. `groupsc.models.noise_scaling.CONTRAST_LIMIT` was chosen by these numbers.
"""

from __future__ import annotations

import argparse

import numpy as np
import skimage.color
import skimage.data
import torch
from torch import Tensor

import groupsc
from groupsc.data.stress_set import stress_pictures
from groupsc.guards.white_noise import guard
from groupsc.inference.dct import dct_denoise
from groupsc.inference.restoration import restore
from groupsc.utils.randomness import seeded


def pictures(channels: int, side: int) -> dict[str, Tensor]:
    """Crops of photographs, steps of low contrast and a star field, each (c, side, side)."""
    cut = slice(150, 150 + side)
    colors = {name: getattr(skimage.data, name)()[cut, cut] / 255 for name in ("astronaut", "chelsea", "coffee")}
    if channels == 3:
        return {name: torch.from_numpy(image).permute(2, 0, 1).float() for name, image in colors.items()}
    gray = {name: getattr(skimage.data, name)()[cut, cut] / 255 for name in ("camera", "moon")}
    gray["astronaut"] = skimage.color.rgb2gray(colors["astronaut"])
    gray["steps of 0.02"] = 0.1 + 0.02 * (np.indices((side, side)) // 16).sum(0) / (side // 16)
    found = {name: torch.from_numpy(image)[None].float() for name, image in gray.items()}
    return found | {"stars": stress_pictures(1, side=side)["stars"]}


def change(x: Tensor, noisy: Tensor, clean: Tensor) -> float:
    """PSNR of x minus that of the noisy image in dB."""
    return 10 * float(torch.log10((noisy - clean).square().mean() / (x - clean).square().mean()))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("weights", nargs="+", help="Names of released models of one noise level.")
    parser.add_argument("--gains", nargs="+", type=float, default=[1, 1.5, 2, 3, 4, 6, 8, 10])
    parser.add_argument("--side", type=int, default=96, help="Side of the pictures in pixels.")
    options = parser.parse_args()
    for weights in options.weights:
        model = groupsc.load(weights, device="cpu")
        print(f"\n{weights}: model, guarded model, second estimate (dB)")
        for name, clean in pictures(model.coder.config.channels, options.side).items():
            found = []
            for gain in options.gains:
                sigma = model.card["level"] / 255 / gain
                y = clean + sigma * torch.randn(clean.shape, generator=seeded("gains", name))
                h = restore(model.coder, gain * y[None])[0] / gain
                values = h, guard(y, h, sigma)[0], dct_denoise(y, sigma)
                found.append(f"{gain:g}: " + " ".join(f"{change(x, y, clean):+.1f}" for x in values))
            print(f"  {name:14}", " | ".join(found), flush=True)


if __name__ == "__main__":
    main()
