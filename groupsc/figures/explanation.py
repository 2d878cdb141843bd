"""Figures of the patches that a model's similarity counts around a pixel, and of the atoms that it uses."""

from __future__ import annotations

import matplotlib
import numpy as np
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle
from torch import Tensor

from groupsc.benchmark.degraded_image import degraded_image
from groupsc.figures.style import STYLE, WIDTH
from groupsc.inference.explanation import Explanation, explain


def similarity_maps(*, weights, dataset: str, images: list[str], at: tuple[int, int], level=None, data_dir="data/raw"):
    """Where the similarity Σ of one pixel looks at each refresh, and which atoms its patch uses in the end.

    Parameters
    ----------
    weights : list of paths
        The model; the first counts.
    dataset, images : str, list of str
        The image is the first of these.
    at : (int, int)
        Column and row of the pixel.
    level : float, optional
        Of the noise; the model's own when left out.
    """
    model, degraded, level = degraded_image(weights[0], dataset, images[0], level=level, data_dir=data_dir)
    return draw_explanation(explain(model, degraded, *at, level=level))


def draw_explanation(explanation: Explanation, *, shown: int = 10) -> Figure:
    """The surroundings before and after, Σ at each refresh over them, and the atoms in use with their codes."""
    found, similarities = explanation, explanation.similarities
    channels = len(found.degraded)
    patch_size = round((len(found.W) / channels) ** 0.5)
    panels = 2 + len(similarities)
    with matplotlib.rc_context({**STYLE, "axes.grid": False}):
        figure = Figure(figsize=(WIDTH, WIDTH / panels + 1.5), layout="constrained")
        above, below = figure.subfigures(2, 1, height_ratios=[WIDTH / panels + 0.25, 1.1])
        axes = above.subplots(1, panels)
        titles = ["degraded", "restored"] + [f"Σ, refresh {i}" if i else "Σ, initial" for i in range(len(similarities))]
        for i, (axis, title) in enumerate(zip(axes, titles, strict=True)):
            picture = found.restored if i == 1 else found.degraded
            axis.imshow(_picture(picture), cmap="gray", vmin=0, vmax=1)
            axis.set_title(title)
            if i >= 2:
                _overlay(axis, similarities[i - 2], patch_size, picture.shape[-2:])
            corner = (found.left - 0.5, found.top - 0.5)
            axis.add_patch(Rectangle(corner, patch_size, patch_size, fill=False, color="#d55e00", linewidth=1))
            axis.set_axis_off()
        in_use = int((found.codes != 0).sum())
        used = found.codes.abs().argsort(descending=True)[: min(shown, in_use)].tolist()
        tiles = below.subplots(1, shown)
        for axis in tiles:
            axis.set_axis_off()
        for axis, atom in zip(tiles, used, strict=False):
            tile = found.W[:, atom].view(channels, patch_size, patch_size)
            axis.imshow(_picture(0.5 + 0.5 * tile / tile.abs().max()), cmap="gray", vmin=0, vmax=1)
            axis.set_title(f"{float(found.codes[atom]):+.2g}")
        shown_of = f"the {len(used)} largest of " if len(used) < in_use else ""
        below.supxlabel(f"{shown_of}{in_use} codes in use, and their atoms", fontsize=9)
    return figure


def _picture(image: Tensor) -> np.ndarray:
    return image.clamp(0, 1).permute(1, 2, 0).squeeze(-1).numpy()


def _overlay(axis, Sigma: Tensor, patch_size: int, shape) -> None:
    """Σ in colour, each value at the middle of its patch."""
    field = np.zeros(shape)
    half = patch_size // 2
    field[half : half + Sigma.shape[0], half : half + Sigma.shape[1]] = Sigma.numpy()
    axis.imshow(field, cmap="magma", alpha=0.25 + 0.75 * np.sqrt(field / max(field.max(), 1e-12)), vmin=0)
