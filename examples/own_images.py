"""Fine-tune a released model on a folder of images for another noise level, and compare it with other methods.

    python examples/own_images.py photos/training photos/test --sigma 20

Nothing is copied. The script writes the weights and the per-image results to the output folder, and prints one table:
the tuned model, the released model, a baseline and the noisy images. Wall time: 220 s on one free core,
for 200 steps and one test image of 128×128 pixels.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import pandas as pd
import torch

import groupsc
from groupsc.baselines import method
from groupsc.data.datasets import load_images
from groupsc.paper.overview import build_overview


def fine_tune(model: torch.nn.Module, images: list[torch.Tensor], sigma: float, steps: int, *, crop: int = 40) -> None:
    """Minimise the squared error on noisy crops by Adam; `sigma` is in gray levels of 255."""
    random = torch.Generator().manual_seed(0)
    optimizer = torch.optim.Adam(model.parameters(), lr=1e-4)
    for step in range(steps):
        clean = torch.stack([random_crop(image, crop, random) for image in images[:4]])
        noisy = clean + sigma / 255 * torch.randn(clean.shape, generator=random)
        loss = (model(noisy, sigma / 255) - clean).square().mean()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        images = images[4:] + images[:4]
        if step % 10 == 0:
            print(f"step {step}: {-10 * loss.log10():.2f} dB")


def random_crop(image: torch.Tensor, side: int, random: torch.Generator) -> torch.Tensor:
    """Cut a square of `side` pixels out of an image (c, H, W)."""
    top, left = (int(torch.randint(length - side + 1, (), generator=random)) for length in image.shape[1:])
    return image[:, top : top + side, left : left + side]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("training", help="folder with training images")
    parser.add_argument("test", help="folder with test images")
    parser.add_argument("--sigma", type=float, default=20.0, help="noise level in gray levels of 255")
    parser.add_argument("--model", default="gray-sc-sigma25", help="released gray model to start from")
    parser.add_argument("--baseline", default="bm3d", help="a method of `groupsc methods`")
    parser.add_argument("--steps", type=int, default=200)
    parser.add_argument("--output", type=Path, default=Path("results/own_images"))
    options = parser.parse_args()

    model = groupsc.load(options.model, trainable=True, device="cpu")
    images = [torch.from_numpy(image) for image in load_images(options.training, channels=1).values()]
    fine_tune(model, images, options.sigma, options.steps)
    options.output.mkdir(parents=True, exist_ok=True)
    # The level of the model stays: `model(noisy, sigma)` scales all images to it, in this training and later.
    tuned = model.save(options.output / "tuned.safetensors", name="tuned")

    compared = [tuned, options.model, "input"]
    reason = method(options.baseline).skip("gray", options.sigma)
    if reason is None:
        compared.append(options.baseline)
    else:
        print(f"{options.baseline} is left out: {reason}")
    rows = [
        groupsc.evaluate(one, options.test, task="gray", level=options.sigma, output=options.output / f"{number}.csv")
        for number, one in enumerate(compared)
    ]
    print(build_overview(pd.concat(rows, ignore_index=True)).to_markdown())


if __name__ == "__main__":
    main()
