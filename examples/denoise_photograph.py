"""Denoise a photograph, and look at the residual: what the model removed.

    # a photograph of scikit-image, with noise added
    python examples/denoise_photograph.py
    # a photograph that is noisy already
    python examples/denoise_photograph.py photo.jpg --added-noise 0

The residual is the noisy minus the restored image. If only noise was removed, its standard deviation is not above that
of the noise, and no structure of the image is visible in it. The picture that the script writes shows this for the
estimated noise level, and for twice that level, where details are removed too. Wall time: 40 s on one free core, for
128×128 pixels.
"""

import argparse
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
import skimage.data
from PIL import Image
from skimage.metrics import peak_signal_noise_ratio

import groupsc

parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
parser.add_argument("image", nargs="?", help="an image file; by default, a photograph of scikit-image")
parser.add_argument("--added-noise", type=float, default=25.0, help="σ of the added noise in gray levels of 255")
parser.add_argument("--size", type=int, default=128, help="side of the square that is cut out of the image, in pixels")
parser.add_argument("--output", type=Path, default=Path("results/examples"), help="folder of the picture")
options = parser.parse_args()

# The photograph: gray values from 0 to 1. The noise is neither clipped nor rounded.
photograph = Image.open(options.image).convert("L") if options.image else Image.fromarray(skimage.data.camera())
top, left = (0, 0) if options.image else (70, 150)  # The head of the man with the camera.
clean = np.asarray(photograph)[top:, left:][: options.size, : options.size] / 255
noisy = clean + options.added_noise / 255 * np.random.default_rng(0).standard_normal(clean.shape)

# σ has the units of the image. `denoise` estimates it too if it is not given.
sigma = groupsc.estimate_noise(noisy)
print(f"estimated σ: {255 * sigma:.1f} gray levels of 255")

figure, axes = plt.subplots(2, 3, figsize=(9, 6.4), layout="constrained")
for row, strength in zip(axes, (1, 2), strict=True):
    restored = groupsc.denoise(noisy, sigma, strength=strength)
    residual = noisy - restored
    found = f"strength {strength}: standard deviation of the residual {255 * residual.std():.1f}"
    if options.added_noise:
        found += f", PSNR {peak_signal_noise_ratio(clean, restored, data_range=1):.2f} dB"
    print(found)

    shown = (("noisy", noisy), (f"restored, strength {strength}", restored), ("residual", residual))
    for axis, (title, image) in zip(row, shown, strict=True):
        low, high = (-3 * sigma, 3 * sigma) if title == "residual" else (0, 1)
        axis.imshow(image, cmap="gray", vmin=low, vmax=high)
        axis.set(title=title, xticks=[], yticks=[])

options.output.mkdir(parents=True, exist_ok=True)
figure.savefig(options.output / "denoise_photograph.png", dpi=120)
print(f"wrote {options.output / 'denoise_photograph.png'}")
