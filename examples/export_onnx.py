"""Export a model to ONNX, and restore an image with onnxruntime alone.

    pip install onnxscript onnxruntime
    python examples/export_onnx.py

An exported model restores blocks of one fixed size: all its operations are in the file, and its memory grows with the
square of the number of pixels of a block. Larger images are restored in overlapping blocks. The noise level is that of
the training; scale the image for other levels, as `groupsc.load(...)(x, sigma)` does. The script prints the sizes of
the files and the difference from the torch module. Wall time: 45 s on one free core.
"""

import argparse
import time
from pathlib import Path

import numpy as np
import onnxruntime
import skimage.data
import torch
from skimage.metrics import peak_signal_noise_ratio

import groupsc
from groupsc.weights.released import find_weights

parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
parser.add_argument("--weights", default="gray-groupsc-sigma25", help="a released gray model of one noise level")
parser.add_argument("--block", type=int, default=48, help="side of a block, in pixels")
parser.add_argument("--size", type=int, default=96, help="side of the image, in pixels")
parser.add_argument("--output", type=Path, default=Path("results/examples"), help="folder of the ONNX file")
options = parser.parse_args()
options.output.mkdir(parents=True, exist_ok=True)

# Export.
model = groupsc.load(options.weights, device="cpu", precision="float32").eval()
path = options.output / f"{options.weights}-{options.block}.onnx"
example = torch.rand(1, 1, options.block, options.block)
program = torch.onnx.export(model, (example,), dynamo=True, verbose=False, input_names=["noisy"])
assert program is not None  # It is None only without `dynamo`.
program.save(path)
megabytes = {"ONNX": path.stat().st_size / 1e6, "safetensors": find_weights(options.weights).stat().st_size / 1e6}
print(
    f"{model.coder.number_of_parameters} parameters; " + ", ".join(f"{n}: {mb:.2f} MB" for n, mb in megabytes.items())
)

# Restore blocks with onnxruntime: from here on, neither torch nor groupsc is needed.
session = onnxruntime.InferenceSession(path)
photograph = skimage.data.camera()[70:, 150:][: options.size, : options.size]
clean = np.float32(photograph / 255)
sigma = model.card["level"] / 255
noisy = clean + np.float32(sigma) * np.random.default_rng(0).standard_normal(clean.shape, dtype=np.float32)

begin = time.perf_counter()
block, step = options.block, options.block // 2
# Patches at the border of a block have fewer similar patches, so the centre of a block has the highest weight.
ramp = np.minimum(np.arange(1, block + 1), np.arange(block, 0, -1)).astype(np.float32)
weight = np.outer(ramp, ramp)
starts = sorted({*range(0, options.size - block, step), options.size - block})
total, weights = np.zeros_like(noisy), np.zeros_like(noisy)
for top in starts:
    for left in starts:
        place = slice(top, top + block), slice(left, left + block)
        (restored,) = session.run(None, {"noisy": noisy[place][None, None]})
        total[place] += weight * restored[0, 0]
        weights[place] += weight
by_blocks = total / weights
print(f"{len(starts) ** 2} blocks of {block}×{block} pixels in {time.perf_counter() - begin:.1f} s")

# Compare with torch: the same block, then the whole image, whose patches have all similar patches.
with torch.no_grad():
    first = model(torch.from_numpy(noisy[:block, :block])[None, None]).numpy()
    whole = model(torch.from_numpy(noisy)[None, None])[0, 0].numpy()
(exported,) = session.run(None, {"noisy": noisy[:block, :block][None, None]})
print(f"largest difference from torch in one block: {np.abs(exported - first).max():.1e}")
for name, image in {"noisy": noisy, "by blocks": by_blocks, "whole image": whole}.items():
    print(f"{name}: {peak_signal_noise_ratio(clean, image, data_range=1):.2f} dB")
