"""Draw the pictures of the site when it is built, from released weights and from pictures of scikit-image.

Symbols as in `groupsc.models.coder`.
"""

from __future__ import annotations

import functools
import html
import io
import re
from pathlib import Path
from typing import Any

import matplotlib
import numpy as np
import skimage.data
import torch
from matplotlib.figure import Figure
from mkdocs.exceptions import PluginError
from mkdocs.structure.files import File
from PIL import Image

import groupsc
from groupsc.benchmark.degraded_image import degraded_image
from groupsc.data.datasets import image_path
from groupsc.figures.diagram import one_step
from groupsc.figures.explanation import similarity_maps
from groupsc.figures.prox import csr_prox_curves
from groupsc.figures.sparsity import sparsity_pattern
from groupsc.figures.style import COLORS, STYLE, WIDTH
from groupsc.inference.explanation import Recorder, seen_around
from groupsc.inference.restorer import Restorer
from groupsc.io.images import read_image
from groupsc.utils.errors import GroupSCError
from groupsc.weights.cards import read_card
from groupsc.weights.released import find_weights

MODEL, BASE = "gray-groupsc-sigma25", "gray-sc-sigma25"
IMAGE = {"dataset": "Bundled", "images": ["chelsea"]}
PIXEL = (146, 86)
"""Column and row of the pixel that the page on the model explains."""
CUT = (slice(75, 155), slice(100, 220))
"""Rows and columns of the photograph on the first page."""
FACE = (slice(60, 140), slice(170, 290))
"""Rows and columns of the photograph in colour."""
CELL = (slice(320, 480, 2), slice(292, 532, 2))
"""Rows and columns of the picture from a microscope."""
SHOWN = 8
"""Atoms in a row of a picture."""
ENLARGED = 5
"""Screen pixels per pixel of a panel, in each direction."""


class Steps(Recorder):
    """A recorder that keeps the codes after every iteration."""

    def __init__(self, coder: Any):
        super().__init__(coder)
        self.steps: list[torch.Tensor] = []

    def keep(self, codes: torch.Tensor) -> None:
        super().keep(codes)
        self.steps.append(codes)


@functools.cache
def pixel() -> dict[str, Any]:
    """The patch at `PIXEL`, its codes after every iteration, and the decoder."""
    model, noisy, _ = degraded_image(find_weights(MODEL), IMAGE["dataset"], IMAGE["images"][0])
    seen, top, left = seen_around(model, noisy, *PIXEL)
    steps = Steps(model)
    steps(seen)
    side = model.config.patch_size
    target = top * (seen.shape[-1] - side + 1) + left
    patch = seen[0, 0, top : top + side, left : left + side]
    codes = torch.stack([A[0, target] for A in steps.steps])
    return {"patch": patch, "codes": codes, "model": steps.coder}


def restoration() -> dict[str, Any]:
    """A noisy photograph, its restoration and what was removed."""
    path = find_weights(MODEL)
    coder, noisy, level = degraded_image(path, IMAGE["dataset"], IMAGE["images"][0])
    clean = read_image(image_path(IMAGE["dataset"], IMAGE["images"][0], "data/raw"), channels=1)[0][CUT]
    degraded = noisy[0][CUT].numpy()
    restored = Restorer(coder, read_card(path)).restore(degraded[None], level=level)[0]
    return before_and_after(f"σ = {level:g}", clean, degraded, restored)


def photograph() -> dict[str, Any]:
    """A noisy photograph in colour, restored as `groupsc denoise` does it."""
    clean = read_image(image_path("Bundled", "astronaut", "data/raw"), channels=3)[:, *FACE].transpose(1, 2, 0)
    noise = np.random.default_rng(0).normal(0, 25, clean.shape)
    noisy = np.uint8((255 * clean + noise).round().clip(0, 255))
    restored = groupsc.denoise(noisy, channel_axis=-1, device="cpu")
    return before_and_after("σ = 25", clean, noisy / 255, restored / 255)


def counts() -> dict[str, Any]:
    """A 16-bit picture with the noise of photons and of the read-out, restored with `noise="poisson"`."""
    cell = read_image(Path(skimage.data.__file__).with_name("cell.png"), channels=1)[0][CELL]
    rng = np.random.default_rng(0)
    photons, gain, offset, read_noise = 4 + 60 * cell, 2.1, 100, 3
    noisy = np.uint16((offset + gain * rng.poisson(photons) + rng.normal(0, read_noise, cell.shape)).round())
    restored = groupsc.denoise(noisy, noise="poisson", device="cpu")
    clean = offset + gain * photons
    low, width = clean.min(), np.ptp(clean)
    shown = [(picture - low) / width for picture in (clean, noisy.astype(float), restored.astype(float))]
    return before_and_after(f"{photons.min():.0f} to {photons.max():.0f} photons", *shown)


def before_and_after(noise: str, clean: Any, noisy: Any, restored: Any) -> dict[str, Any]:
    """A noisy picture in [0, 1], its restoration, and what was removed, by their captions."""
    psnr = [10 * np.log10(1 / np.square(np.clip(x, 0, 1) - clean).mean()) for x in (noisy, restored)]
    return {
        f"noisy, {noise}, PSNR {psnr[0]:.1f} dB": noisy,
        f"restored, PSNR {psnr[1]:.1f} dB": restored,
        "what was removed": 0.5 + noisy - restored,
    }


def patch_and_code() -> Figure:
    """A patch, its code, the atoms that it uses, and the decoded patch."""
    found = pixel()
    patch, code, W = found["patch"], found["codes"][-1], found["model"].W.detach()
    decoded = (W @ code).view_as(patch) + patch.mean()
    used = code.abs().argsort(descending=True)[: min(SHOWN, int((code != 0).sum()))].tolist()
    figure = Figure(figsize=(WIDTH, 2.9), layout="constrained")
    above, below = figure.subfigures(2, 1, height_ratios=[1.35, 1])
    axes = above.subplots(1, 3, width_ratios=[1, 3.2, 1])
    show(axes[0], patch, "patch y")
    axes[1].bar(range(len(code)), code.numpy(), width=2, color=COLORS[0])
    axes[1].axhline(0, color="#333333", linewidth=0.6)
    axes[1].set(title=f"code α: {int((code != 0).sum())} of {len(code)} entries are not 0", xlabel="atom")
    show(axes[2], decoded, "Wα + μ")
    row = below.subplots(1, SHOWN)
    for axis in row:
        axis.set_axis_off()
    for axis, atom in zip(row, used, strict=False):
        show(axis, tile(W[:, atom], patch.shape), f"{float(code[atom]):+.2f}")
    below.supxlabel("the atoms of the largest entries", fontsize=9)
    return figure


def iterations() -> Figure:
    """The code of one patch after every iteration, and the decoded patch after some."""
    found = pixel()
    patch, codes, W = found["patch"], found["codes"], found["model"].W.detach()
    numbers = sorted({1, 2, 4, 8, 16, len(codes)})
    figure = Figure(figsize=(WIDTH, 2.9), layout="constrained")
    above, below = figure.subfigures(2, 1, height_ratios=[1, 1.3])
    for axis, number in zip(above.subplots(1, len(numbers)), numbers, strict=True):
        code = codes[number - 1]
        show(axis, (W @ code).view_as(patch) + patch.mean(), f"k = {number}: {int((code != 0).sum())} atoms")
    axis = below.subplots()
    ever = codes[:, codes.abs().amax(0).argsort(descending=True)]
    ever = ever[:, : int((codes != 0).any(0).sum())].abs().sqrt().numpy()
    axis.imshow(ever, cmap="gray_r", aspect="auto", interpolation="nearest")
    axis.set(xlabel="atoms that the patch uses in some iteration", ylabel="iteration k")
    axis.set_yticks([number - 1 for number in numbers], [str(number) for number in numbers])
    axis.spines[:].set(visible=True, color="#999999")
    return figure


def parameters() -> Figure:
    """Atoms of D, C and W, the thresholds Λ and the weights κ."""
    model = pixel()["model"]
    side = model.config.patch_size
    order = model.thresholds.detach().mean(0).argsort()
    chosen = order[torch.linspace(0, len(order) - 1, SHOWN).long()].tolist()
    figure = Figure(figsize=(WIDTH, 4.6), layout="constrained")
    above, below = figure.subfigures(2, 1, height_ratios=[1.5, 1])
    axes = above.subplots(3, SHOWN)
    for name, row in zip("DCW", axes, strict=True):
        matrix = getattr(model, name).detach()
        for axis, atom in zip(row, chosen, strict=True):
            show(axis, tile(matrix[:, atom], (side, side)), f"atom {atom}" if name == "D" else "")
        row[0].set_axis_on()
        row[0].set(xticks=[], yticks=[])
        row[0].spines[:].set(visible=False)
        row[0].set_ylabel(name, rotation=0, labelpad=10, va="center", fontsize=11)
    left, right = below.subplots(1, 2, width_ratios=[2.4, 1])
    drawn = left.imshow(
        model.thresholds.detach()[:, order].numpy(), aspect="auto", cmap="viridis", interpolation="nearest"
    )
    left.set(title="Λ: thresholds", xlabel="atoms, by mean threshold", ylabel="iteration")
    below.colorbar(drawn, ax=left)
    drawn = right.imshow(model.kappa.detach()[0].abs().view(side, side).numpy(), cmap="viridis")
    right.set(title=f"|κ|; ν = {model.nu(1).item():.2f}", xticks=[], yticks=[])
    below.colorbar(drawn, ax=right, format="%.3f")
    return figure


def tile(atom: torch.Tensor, shape: Any) -> torch.Tensor:
    """An atom as a picture around middle gray."""
    return 0.5 + 0.5 * atom.view(shape) / atom.abs().max()


def show(axis: Any, picture: Any, title: str) -> None:
    """Show a picture in [0, 1], gray or in colour."""
    axis.imshow(np.clip(np.asarray(picture), 0, 1), cmap="gray", vmin=0, vmax=1, interpolation="nearest")
    axis.set_title(title)
    axis.set_axis_off()


def sparsity() -> Figure:
    """The codes of similar patches, by SC and by GroupSC."""
    return sparsity_pattern(weights=[find_weights(BASE), find_weights(MODEL)], at=PIXEL, **IMAGE)


def explanation() -> Figure:
    """What `groupsc explain` draws."""
    return similarity_maps(weights=[find_weights(MODEL)], at=PIXEL, **IMAGE)


PANELS = {"restoration": restoration, "photograph": photograph, "counts": counts}
"""The functions that give the panels of `pictures/NAME.png`; the captions are text of the page."""
PICTURES = {
    "patch.png": patch_and_code,
    "iterations.png": iterations,
    "sparsity.png": sparsity,
    "explanation.png": explanation,
    "parameters.png": parameters,
    "step.svg": one_step,
    "csr.svg": csr_prox_curves,
}
"""The functions that draw the other files in `pictures/`."""
PANELED = re.compile(rf"^!\[([^\]]*)\]\(([./]*pictures/)({'|'.join(PANELS)})\.png\)$", re.M)
PARAGRAPH = re.compile(r'<p>(<img alt="([^"]*)"[^>]*>)</p>')


@functools.cache
def panels() -> dict[str, dict[str, Any]]:
    """The panels of all pictures that consist of panels."""
    return {name: draw() for name, draw in PANELS.items()}


@functools.cache
def drawn() -> dict[str, bytes]:
    """All pictures, as the bytes of their files."""
    found = {}
    for name, shown in panels().items():
        for number, panel in enumerate(shown.values(), 1):
            pixels = np.uint8((255 * np.clip(panel, 0, 1)).round()).repeat(ENLARGED, 0).repeat(ENLARGED, 1)
            file = io.BytesIO()
            Image.fromarray(pixels).save(file, format="png")
            found[f"{name}-{number}.png"] = file.getvalue()
    for name, draw in PICTURES.items():
        with matplotlib.rc_context({**STYLE, "axes.grid": False}):
            figure, file = draw(), io.BytesIO()
            figure.savefig(file, format=name.rpartition(".")[2], dpi=200)
        found[name] = file.getvalue()
    return found


def on_files(files: Any, config: Any) -> Any:
    """Add the pictures to the files of the site."""
    try:
        for name, content in drawn().items():
            files.append(File.generated(config, f"pictures/{name}", content=content))
    except GroupSCError as error:
        raise PluginError(f"The pictures of the site can't be drawn: {error}") from error
    return files


def on_page_markdown(text: str, page: Any, config: Any, files: Any) -> str:
    """Put panels with captions in the place of a picture that consists of them."""
    return PANELED.sub(lambda found: _panels(*found.groups()), text)


def on_page_content(text: str, page: Any, config: Any, files: Any) -> str:
    """Show the description of a picture as its caption."""
    return PARAGRAPH.sub(r'<figure><div class="drawing">\1</div><figcaption>\2</figcaption></figure>', text)


def _panels(description: str, folder: str, name: str) -> str:
    shown = "".join(
        f'<figure><img alt="{html.escape(caption)}" src="{folder}{name}-{number}.png">'
        f"<figcaption>{html.escape(caption)}</figcaption></figure>"
        for number, caption in enumerate(panels()[name], 1)
    )
    return f'<figure><div class="panels">{shown}</div><figcaption>{html.escape(description)}</figcaption></figure>'
