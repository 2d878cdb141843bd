"""Train a toy model in a minute, and watch its dictionary.

    python examples/train_toy_model.py

The model is SC, an unrolled sparse coder with an ℓ1 prior, with 64 atoms of 8×8 pixels. It is trained on photographs of
scikit-image without one, which measures it. The dictionary D begins with random numbers; the released models
begin with a learned dictionary (`groupsc dictionary`), which saves training time. The script draws the atoms during the
training. Wall time: 50 s on one free core, for 1000 steps.
"""

import argparse
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
import torch

import groupsc
from groupsc.data.datasets import load_images

parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
parser.add_argument("--steps", type=int, default=1000, help="steps of the optimizer")
parser.add_argument("--output", type=Path, default=Path("results/examples"), help="folder of picture and weights")
options = parser.parse_args()
options.output.mkdir(parents=True, exist_ok=True)

SIDE, SIGMA, BATCH, CROP = 8, 25 / 255, 8, 24
torch.manual_seed(0)
config = groupsc.ModelConfig(patch_size=SIDE, n_atoms=64, n_iterations=8, penalty="l1")
model = groupsc.SparseCoder(config)
print(f"{model.number_of_parameters} parameters: D, C, W and the thresholds of {config.n_iterations} iterations")

# Photographs as tensors (1, H, W) with values in [0, 1]; "camera" is kept for the test.
photographs = {name: torch.from_numpy(image) for name, image in load_images("Bundled", channels=1).items()}
tested = photographs.pop("camera")[None, :, 60:188, 150:278]
noisy_test = tested + SIGMA * torch.randn(tested.shape)


def random_crops() -> torch.Tensor:
    """Cut one crop out of each of some photographs: (BATCH, 1, CROP, CROP)."""
    crops = []
    for number in torch.randint(len(photographs), (BATCH,)).tolist():
        image = list(photographs.values())[number]
        top, left = (int(torch.randint(length - CROP + 1, ())) for length in image.shape[1:])
        crops.append(image[:, top : top + CROP, left : left + CROP])
    return torch.stack(crops)


def test_psnr() -> float:
    """Compute the PSNR in dB of the restored test image."""
    with torch.no_grad():
        return float(-10 * (model(noisy_test) - tested).square().mean().log10())


def draw_atoms(axis, title: str) -> None:
    """Draw the columns of D as patches, each with its own contrast."""
    atoms = model.D.detach().T.reshape(8, 8, SIDE, SIDE).numpy()
    atoms = atoms / np.abs(atoms).max((2, 3), keepdims=True)
    framed = np.pad(atoms, ((0, 0), (0, 0), (0, 1), (0, 1)), constant_values=1)
    axis.imshow(framed.transpose(0, 2, 1, 3).reshape(8 * (SIDE + 1), -1), cmap="gray", vmin=-1, vmax=1)
    axis.set(title=title, xticks=[], yticks=[])


shown = {0, options.steps // 10, options.steps // 3, options.steps}
figure, axes = plt.subplots(1, len(shown), figsize=(3 * len(shown), 3.3), layout="constrained")
axes = iter(axes)
optimizer = torch.optim.Adam(model.parameters(), lr=1e-3)
for step in range(options.steps + 1):
    if step in shown:
        psnr = test_psnr()
        print(f"step {step}: {psnr:.2f} dB on the test image")
        draw_atoms(next(axes), f"step {step}: {psnr:.2f} dB")
    clean = random_crops()
    loss = (model(clean + SIGMA * torch.randn(clean.shape)) - clean).square().mean()
    optimizer.zero_grad()
    loss.backward()
    torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
    optimizer.step()

figure.savefig(options.output / "train_toy_model.png", dpi=120)
print(f"wrote {options.output / 'train_toy_model.png'}")
