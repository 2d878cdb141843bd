"""Compare regions of an image, restored with margins of several widths, with the image restored as a whole.

    python benchmarks/margins.py gray-groupsc-sigma25 color-groupsc-sigma25

The right part of each image is restored with a margin on its left, which is then cut off. One line per image and width
gives, in gray levels of 255, the largest difference to the image restored as a whole, the root mean square difference
over the first 16 columns, and the error of these columns in the region and in the whole image.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np
import skimage.data
import skimage.io
import torch
from torch import Tensor

from groupsc.inference.sliding_window import restore_whole
from groupsc.models.coder import SparseCoder
from groupsc.weights.files import load_weights
from groupsc.weights.released import find_weights

COLUMNS = 16
"""Number of columns beside the cut whose error is averaged."""


def images(folder: Path, channels: int, height: int, width: int) -> dict[str, Tensor]:
    """Return clean images (1, c, H, W): two of a test set, and a page of text."""
    found = {path.stem: skimage.io.imread(path) for path in (folder / "test001.png", folder / "test013.png")}
    found["page"] = skimage.data.page()
    crops = {name: torch.from_numpy(image[:height, :width] / 255).float() for name, image in found.items()}
    return {name: crop.expand(1, channels, *crop.shape) for name, crop in crops.items()}


def level(values: Tensor) -> float:
    """Return the root mean square in gray levels of 255."""
    return 255 * float(values.square().mean().sqrt())


def compare(name: str, model: SparseCoder, clean: Tensor, noisy: Tensor, widths: list[float]) -> None:
    """Print one line per width, in windows."""
    stride, window = model.config.patch_stride, model.config.window
    cut = 2 * window
    whole = restore_whole(model, noisy, matmul_dtype=torch.float32)[..., cut:]
    clean = clean[..., cut:]
    for width in widths:
        margin = int(width * window) // stride * stride
        part = restore_whole(model, noisy[..., cut - margin :], matmul_dtype=torch.float32)[..., margin:]
        beside, exact, truth = (x[..., :COLUMNS] for x in (part, whole, clean))
        print(
            f"{name}: margin {margin} pixels, {width:g} windows; "
            f"largest {255 * float((part - whole).abs().max()):.3f}, rms beside the cut {level(beside - exact):.3f}; "
            f"error there {level(beside - truth):.3f}, whole image {level(exact - truth):.3f}",
            flush=True,
        )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("weights", nargs="+", help="released denoising models of one level")
    parser.add_argument("--data-dir", type=Path, default=Path("data/raw"))
    parser.add_argument("--height", type=int, default=90, help="height of the crops in pixels")
    parser.add_argument(
        "--widths", type=float, nargs="+", default=[0.5, 0.75, 1, 1.5], help="margins in windows, up to 2"
    )
    options = parser.parse_args()
    torch.set_num_threads(1)
    for weights in options.weights:
        model, card = load_weights(find_weights(weights))
        size = (model.config.channels, options.height, 3 * model.config.window + 60)
        noise = np.random.default_rng(0)
        for name, clean in images(options.data_dir / "BSD68", *size).items():
            noisy = clean + card["level"] / 255 * torch.from_numpy(noise.standard_normal(clean.shape)).float()
            compare(f"{weights}, {name}", model.eval(), clean, noisy, options.widths)


if __name__ == "__main__":
    main()
