"""Deblur a photograph with deepinv: a plug-and-play algorithm whose prior is one of our denoisers.

    # deepinv needs torchvision; take both from the index of your build of torch
    pip install deepinv
    python examples/deblur_plug_and_play.py

Half-quadratic splitting alternates between an image that fits the blurred data and one that the denoiser restores. The
noise level that the denoiser gets decreases from 49 gray levels to 5, as in K. Zhang et al., Plug-and-play image
restoration with deep denoiser prior, IEEE TPAMI 2021, https://doi.org/10.1109/TPAMI.2021.3088914. The models of
`groupsc.load` are torch modules with the arguments of deepinv's denoisers, (x, sigma). Tried with deepinv 0.5.0.
Wall time: 20 s on one free core, for 8 iterations on 128×128 pixels.
"""

import argparse
from pathlib import Path

import deepinv
import matplotlib.pyplot as plt
import numpy as np
import skimage.data
import torch
from skimage.metrics import peak_signal_noise_ratio

import groupsc

parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
parser.add_argument("--weights", default="gray-sc-blind", help="a released gray model; a blind one takes any σ")
parser.add_argument("--iterations", type=int, default=8)
parser.add_argument("--size", type=int, default=128, help="side of the image, in pixels")
parser.add_argument("--output", type=Path, default=Path("results/examples"), help="folder of the picture")
options = parser.parse_args()

# The blurred and noisy photograph: a Gaussian blur of 1.6 pixels, and noise of 2.55 gray levels of 255.
photograph = skimage.data.camera()[70:, 150:][: options.size, : options.size]
clean = torch.from_numpy(photograph / 255).float()[None, None]
noise = 2.55 / 255
physics = deepinv.physics.Blur(
    deepinv.physics.functional.blur.gaussian_blur(sigma=(1.6, 1.6)),
    padding="circular",
    noise_model=deepinv.physics.GaussianNoise(noise, rng=torch.Generator().manual_seed(0)),
)
blurred = physics(clean)

# For each iteration: the noise level of the denoiser, and the weight of the data, LEAST · (σ / noise)².
LEAST = 0.23
sigmas = np.geomspace(49 / 255, 5 / 255, options.iterations)
algorithm = deepinv.optim.HQS(
    prior=deepinv.optim.PnP(denoiser=groupsc.load(options.weights, device="cpu")),
    data_fidelity=deepinv.optim.L2(),
    g_param=[float(sigma) for sigma in sigmas],
    stepsize=[float(sigma**2 / (LEAST * noise**2)) for sigma in sigmas],
    max_iter=options.iterations,
)
with torch.no_grad():
    deblurred = algorithm(blurred, physics)

figure, axes = plt.subplots(1, 3, figsize=(9, 3.4), layout="constrained")
for axis, (title, image) in zip(axes, (("clean", clean), ("blurred", blurred), ("deblurred", deblurred)), strict=True):
    if image is not clean:
        psnr = peak_signal_noise_ratio(clean.numpy(), image.clamp(0, 1).numpy(), data_range=1)
        title = f"{title}: {psnr:.2f} dB"
        print(title)
    axis.imshow(image[0, 0], cmap="gray", vmin=0, vmax=1)
    axis.set(title=title, xticks=[], yticks=[])
options.output.mkdir(parents=True, exist_ok=True)
figure.savefig(options.output / "deblur_plug_and_play.png", dpi=120)
print(f"wrote {options.output / 'deblur_plug_and_play.png'}")
