"""Compare our models with BM3D on an image of your own.

    python examples/compare_with_bm3d.py photo.png --sigma 25

The image is taken as clean. All methods restore the same noisy image, with the same noise level. BM3D is in the extra
`peers` (`pip install 'groupsc[peers]'`); its licence allows only non-commercial use. Without it, the script says so and
compares the other methods. `groupsc methods` lists more baselines for `--method`. The script prints a table and draws
the restored images. Wall time: 25 s on one free core, for 128×128 pixels.
"""

import argparse
import time
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
import skimage.data
from PIL import Image
from skimage.metrics import peak_signal_noise_ratio, structural_similarity

import groupsc
from groupsc.baselines import method

parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
parser.add_argument("image", nargs="?", help="an image file; by default, a photograph of scikit-image")
parser.add_argument("--sigma", type=float, default=25.0, help="noise level in gray levels of 255")
parser.add_argument("--method", default="bm3d", help="a method of `groupsc methods`")
parser.add_argument("--size", type=int, default=128, help="side of the square that is cut out of the image, in pixels")
parser.add_argument("--output", type=Path, default=Path("results/examples"), help="folder of the picture")
options = parser.parse_args()

photograph = Image.open(options.image).convert("L") if options.image else Image.fromarray(skimage.data.camera())
top, left = (0, 0) if options.image else (70, 150)  # The head of the man with the camera.
clean = np.asarray(photograph)[top:, left:][: options.size, : options.size] / 255
sigma = options.sigma / 255
noisy = clean + sigma * np.random.default_rng(0).standard_normal(clean.shape)

# Each method is a function of a noisy image. The models have no guard, as in the benchmark.
methods = {
    "noisy": lambda image: image,
    "SC": lambda image: groupsc.denoise(image, sigma, method="sc", guard=False),
    "GroupSC": lambda image: groupsc.denoise(image, sigma, method="groupsc", guard=False),
}
baseline = method(options.method)
reason = baseline.skip("gray", options.sigma)
if reason is None:
    baseline.prepare("gray", options.sigma)
    methods[options.method] = lambda image: baseline.restore(image.astype(np.float32)[None], "gray", options.sigma)[0]
else:
    print(f"{options.method} is left out: {reason}")

figure, axes = plt.subplots(1, len(methods), figsize=(3 * len(methods), 3.3), layout="constrained")
print(f"{'method':10} {'PSNR (dB)':>9} {'SSIM':>6} {'seconds':>8}")
for axis, (name, restore) in zip(axes, methods.items(), strict=True):
    restore(noisy[:24, :24])  # Loads models and packages, so that the seconds are those of the restoration.
    begin = time.perf_counter()
    restored = restore(noisy).clip(0, 1)
    seconds = time.perf_counter() - begin
    psnr = peak_signal_noise_ratio(clean, restored, data_range=1)
    ssim = structural_similarity(clean, restored, data_range=1)
    print(f"{name:10} {psnr:9.2f} {ssim:6.3f} {seconds:8.1f}")
    axis.imshow(restored, cmap="gray", vmin=0, vmax=1)
    axis.set(title=f"{name}: {psnr:.2f} dB", xticks=[], yticks=[])

options.output.mkdir(parents=True, exist_ok=True)
figure.savefig(options.output / "compare_with_bm3d.png", dpi=120)
print(f"wrote {options.output / 'compare_with_bm3d.png'}")
