"""Bias and spread of the estimated noise level on pictures with known noise.

    python benchmarks/noise_estimates.py [--sigma 10] [--side 320]

Noise is added to photographs of scikit-image and of BSDval32, and processed: as it is, demosaicked (bilinear), saved as
JPEG, demosaicked and then saved, resized by 0.5 and by 2 (bicubic). The true noise is the difference between the
processed noisy and the processed clean picture. Its level is the standard deviation at the middle frequencies (bands 2
to 5 of the DCT of 8×8 blocks, of the strongest combination of channels): that of white noise which is as strong there.
Columns: ratios of the estimate for white noise, and of the level that `groupsc denoise` uses, to the true level, as
mean ± standard deviation over the pictures, and in how many pictures the noise was found to be correlated. The last two
rows are clean pictures (levels in gray levels of 255, not ratios) and pictures of 48×48 pixels.
"""

from __future__ import annotations

import argparse
import io
from pathlib import Path

import numpy as np
import skimage.data
import torch
from PIL import Image
from scipy.ndimage import convolve

from groupsc.data.datasets import load_images
from groupsc.data.degradations import bayer_mask
from groupsc.inference.dct import coefficients
from groupsc.noise.correlation import correlated_noise
from groupsc.noise.noise_level import estimate_noise
from groupsc.noise.spectrum import BAND

NAMES = ("astronaut", "chelsea", "coffee", "rocket", "immunohistochemistry", "retina")
GREEN = np.array([[0, 1, 0], [1, 4, 1], [0, 1, 0]]) / 4
OTHER = np.array([[1, 2, 1], [2, 4, 2], [1, 2, 1]]) / 4


def demosaicked(image: np.ndarray) -> np.ndarray:
    """Colours (3, H, W) that are interpolated from a Bayer mosaic of the image."""
    mosaic = image * bayer_mask(image.shape[1], image.shape[2], "RGGB").numpy()
    kernels = (OTHER, GREEN, OTHER)
    return np.stack([convolve(x, kernel, mode="mirror") for x, kernel in zip(mosaic, kernels, strict=True)])


def rounded(image: np.ndarray) -> np.ndarray:
    return np.round(255 * image.clip(0, 1)).astype(np.uint8)


def compressed(image: np.ndarray, quality: int) -> np.ndarray:
    file = io.BytesIO()
    Image.fromarray(rounded(image).transpose(1, 2, 0)).save(file, "JPEG", quality=quality)
    return np.asarray(Image.open(file)).transpose(2, 0, 1) / 255


def resized(image: np.ndarray, factor: float) -> np.ndarray:
    size = [round(factor * length) for length in image.shape[:0:-1]]
    return np.stack(
        [np.asarray(Image.fromarray(x.astype(np.float32)).resize(size, Image.Resampling.BICUBIC)) for x in image]
    )


PROCESSES = {
    "white": lambda x: x,
    "demosaicked": demosaicked,
    "JPEG 75": lambda x: compressed(x, 75),
    "JPEG 85": lambda x: compressed(x, 85),
    "JPEG 95": lambda x: compressed(x, 95),
    "demosaicked, JPEG 92": lambda x: compressed(demosaicked(x), 92),
    "resized by 0.5": lambda x: resized(x, 0.5),
    "resized by 2": lambda x: resized(x, 2),
}


def estimates(image: np.ndarray) -> tuple[float, float, bool]:
    """Estimate for white noise, level that is used (both in gray levels of 255), and whether they differ."""
    pixels = rounded(image).astype(np.float32) / 255
    white = 255 * estimate_noise(pixels)
    found = correlated_noise(pixels, white / 255)
    return white, white if found is None else 255 * found.sigma, found is not None


def level(noise: np.ndarray) -> float:
    """Standard deviation at the middle frequencies, in gray levels of 255."""
    C, _ = coefficients(torch.from_numpy(noise.astype(np.float32))[None], 4)
    power = C.square().reshape(len(C), len(noise), -1).median(0).values.numpy() / 0.4549
    return 255 * float(np.sqrt(power[:, (BAND >= 2) & (BAND <= 5)].mean(1).max()))


def pictures(data_dir: str, side: int) -> dict[str, np.ndarray]:
    bundled = {}
    for name in NAMES:
        # Some pictures of scikit-image are downloaded at their first use.
        try:
            bundled[name] = getattr(skimage.data, name)().transpose(2, 0, 1) / 255
        except (OSError, ValueError, ModuleNotFoundError):
            print(f"{name} is not on this machine, left out")
    if Path(data_dir, "BSDval32").is_dir():
        bundled |= load_images("BSDval32", data_dir, channels=3, images=8)
    return {name: image[:, :side, :side] for name, image in bundled.items()}


def line(name: str, found: np.ndarray) -> None:
    columns = [f"{mean:.2f} ± {spread:.2f}" for mean, spread in zip(found.mean(0)[:2], found.std(0)[:2], strict=True)]
    print(f"| {name} | {' | '.join(columns)} | {int(found[:, 2].sum())} of {len(found)} |", flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--sigma", type=float, default=10.0)
    parser.add_argument("--side", type=int, default=320, help="Largest side of the pictures in pixels.")
    parser.add_argument("--data-dir", default="data/raw")
    options = parser.parse_args()
    found = pictures(options.data_dir, options.side)
    print("| noise | estimate for white noise | level used | correlated |\n| --- | --- | --- | --- |")
    for name, process in PROCESSES.items():
        rows = []
        for number, clean in enumerate(found.values()):
            noise = options.sigma / 255 * np.random.default_rng(number).standard_normal(clean.shape)
            noisy = process(clean + noise)
            true = level(noisy - process(clean))
            white, used, correlated = estimates(noisy)
            rows.append((white / true, used / true, correlated))
        line(name, np.array(rows))
    line("none: gray levels", np.array([estimates(clean) for clean in found.values()]))
    small = []
    for number, clean in enumerate(found.values()):
        part = clean[:1, 100:148, 100:148]
        noisy = part + options.sigma / 255 * np.random.default_rng(number).standard_normal(part.shape)
        white, used, correlated = estimates(noisy)
        small.append((white / options.sigma, used / options.sigma, correlated))
    line("white, gray, 48×48 pixels", np.array(small))


if __name__ == "__main__":
    main()
