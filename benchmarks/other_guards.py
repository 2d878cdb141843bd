"""PSNR of deblocking and demosaicking models with and without the guard, on the stress set and on photographs.

    python benchmarks/other_guards.py jpeg-sc-quality10 mosaic-sc [--images 6] [--side 96] [--colors 4:2:0]

Each line of the stress set shows the input (the decoded image, or bilinear interpolation), the restored and the guarded
image. The photographs are central parts of BSDval32, then crops of pictures that scikit-image includes.
"""

from __future__ import annotations

import argparse
import io
import statistics
import time

import numpy as np
import skimage.data
from PIL import Image

import groupsc
from groupsc.api import deblock_with_facts, demosaick_with_facts
from groupsc.data.datasets import load_images
from groupsc.data.degradations import bayer_mask
from groupsc.data.stress_set import stress_pictures
from groupsc.guards.mosaic import bilinear
from groupsc.io.jpeg_history import LUMA

SKIMAGE = ("cat", "coffee", "rocket", "astronaut", "text", "page")


def psnr(x, reference) -> float:
    return -10 * float(np.log10(max(np.mean((x - reference) ** 2), 1e-12)))


def photographs(options) -> dict[str, np.ndarray]:
    """Central parts (3, side, side) of photographs, as multiples of 1 / 255."""
    images = load_images("BSDval32", options.data_dir, channels=3, images=options.images)
    for name in SKIMAGE:
        picture = getattr(skimage.data, name)()
        picture = picture if picture.ndim == 3 else np.repeat(picture[..., None], 3, -1)
        images[name] = (picture.transpose(2, 0, 1) / 255).astype(np.float32)
    side = options.side
    places = {name: [(length - side) // 2 for length in x.shape[1:]] for name, x in images.items()}
    return {
        name: x[:, max(0, top) : max(0, top) + side, max(0, left) : max(0, left) + side]
        for (name, x), (top, left) in zip(images.items(), places.values(), strict=True)
    }


def deblocked(weights: str, quality: int, clean: np.ndarray, colors: str):
    """Return the input, the restored and the guarded image, the clean image, the share and both times."""
    if not colors:
        clean = np.round(255 * np.tensordot(LUMA, clean, 1)[None]) / 255
    pixels = np.round(255 * clean.transpose(1, 2, 0)).astype(np.uint8)
    file = io.BytesIO()
    subsampling = colors or "4:2:0"
    options = {"subsampling": colors} if colors else {}
    Image.fromarray(pixels if colors else pixels[..., 0]).save(file, "JPEG", quality=quality, **options)
    decoded = np.asarray(Image.open(file))
    found, times = [], []
    for guard in (False, True):
        began = time.perf_counter()
        result, facts = deblock_with_facts(
            decoded, quality, weights=weights, channel_axis=-1 if colors else None, guard=guard, subsampling=subsampling
        )
        times.append(time.perf_counter() - began)
        found.append(result / 255)
    return decoded / 255, *found, pixels.squeeze() / 255, facts["share"], times


def demosaicked(weights: str, clean: np.ndarray):
    """Return the same for a mosaic."""
    mask = bayer_mask(*clean.shape[1:]).numpy()
    found, times = [], []
    for guard in (False, True):
        began = time.perf_counter()
        result, facts = demosaick_with_facts((clean * mask).sum(0), weights=weights, guard=guard)
        times.append(time.perf_counter() - began)
        found.append(result)
    linear = bilinear(clean * mask, mask).clip(0, max(1, clean.max()))
    return linear.transpose(1, 2, 0), *found, clean.transpose(1, 2, 0), facts["share"], times


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("weights", nargs="+", help="Names of released models, or weights files.")
    parser.add_argument("--images", type=int, default=6)
    parser.add_argument("--side", type=int, default=96, help="Side of the central parts in pixels.")
    parser.add_argument("--colors", default="", help="JPEG: restore colours with this subsampling instead of luma.")
    parser.add_argument("--no-stress", action="store_true")
    parser.add_argument("--data-dir", default="data/raw")
    options = parser.parse_args()
    for weights in options.weights:
        card = groupsc.load(weights).card

        def measure(clean, weights=weights, card=card):
            if card["task"] == "mosaic":
                *images, share, times = demosaicked(weights, clean)
            else:
                *images, share, times = deblocked(weights, card["level"], clean, options.colors)
            return [psnr(x, images[3]) for x in images[:3]], share, times

        print(f"\n{weights} {options.colors}: input, restored, guarded (dB), share of the guard")
        gains = {}
        channels = 3 if card["task"] == "mosaic" or options.colors else 1
        pictures = {} if options.no_stress else stress_pictures(channels)
        for name, picture in pictures.items():
            if picture.max() <= 1:
                values, share, _ = measure(picture.expand(3, -1, -1).numpy())
                gains[name] = values[2] - values[0]
                print(f"  {name:24}" + "".join(f"{value:7.2f}" for value in values) + f"  {share:.2f}", flush=True)
        changes, restored, cost = {}, [], []
        for name, clean in photographs(options).items():
            values, _, times = measure(clean)
            changes[name] = values[2] - values[1]
            restored.append(values[1] - values[0])
            cost.append(times[1] / times[0] - 1)
        if gains:
            worst = min(gains, key=gains.__getitem__)
            print(f"  least gain over the input: {gains[worst]:+.2f} dB ({worst})")
        worst = min(changes, key=changes.__getitem__)
        print(
            f"  {len(changes)} photographs: the model gains {statistics.mean(restored):.2f} dB, the guard changes "
            f"{statistics.mean(changes.values()):+.3f} dB, least {changes[worst]:+.3f} dB ({worst}), and takes "
            f"{100 * statistics.median(cost):.0f} % of the time"
        )


if __name__ == "__main__":
    main()
