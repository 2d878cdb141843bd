"""Draw the similarities of the patch around a pixel, and the atoms that the patch uses.

Symbols: Σ similarity matrix, W decoder, whose columns are the atoms.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import matplotlib
import numpy as np
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle

from groupsc.figures.style import STYLE, WIDTH

if TYPE_CHECKING:
    from torch import Tensor

    from groupsc.inference.explanation import Explanation


def similarity_maps(*, weights, dataset: str, images: list[str], at: tuple[int, int], level=None, data_dir="data/raw"):
    """Draw the similarities Σ of the patch around a pixel at each update, and the atoms that the patch uses.

    Parameters
    ----------
    weights : list of paths
        Weights files; the first one is used.
    dataset : str
        Name of the data set.
    images : list of str
        Names of images; the first one is used.
    at : (int, int)
        Column and row of the pixel.
    level : float, optional
        Noise σ in gray levels of 255; by default the level of the model.
    data_dir : path
        Folder of the data sets.

    Returns
    -------
    matplotlib.figure.Figure

    Raises
    ------
    GroupSCError
        As for `groupsc.benchmark.degraded_image.degraded_image` and `groupsc.inference.explanation.explain`.

    Examples
    --------
    >>> similarity_maps(weights=[path], dataset="Bundled", images=["astronaut"], at=(40, 50))  # doctest: +SKIP
    """
    from groupsc.benchmark.degraded_image import degraded_image
    from groupsc.inference.explanation import explain

    model, degraded, level = degraded_image(weights[0], dataset, images[0], level=level, data_dir=data_dir)
    return draw_explanation(explain(model, degraded, *at, level=level))


def draw_explanation(explanation: Explanation, *, shown: int = 10) -> Figure:
    """Draw an explanation: the image before and after, Σ at each update, and the atoms in use with their codes.

    Parameters
    ----------
    explanation : Explanation
    shown : int
        Largest number of atoms to show.

    Returns
    -------
    matplotlib.figure.Figure

    Examples
    --------
    >>> import torch
    >>> from groupsc.config.definitions import ModelConfig
    >>> from groupsc.inference.explanation import explain
    >>> from groupsc.models.coder import SparseCoder
    >>> model = SparseCoder(ModelConfig(patch_size=3, n_atoms=8, n_iterations=2, window=5))
    >>> figure = draw_explanation(explain(model, torch.full((1, 12, 10), 0.5), x=4, y=6), shown=4)
    >>> [len(part.axes) for part in figure.subfigs]
    [3, 4]
    """
    found, similarities = explanation, explanation.similarities
    channels = len(found.degraded)
    patch_size = round((len(found.W) / channels) ** 0.5)
    panels = 2 + len(similarities)
    with matplotlib.rc_context({**STYLE, "axes.grid": False}):
        figure = Figure(figsize=(WIDTH, WIDTH / panels + 1.5), layout="constrained")
        ratios = [WIDTH / panels + 0.25, 1.1]
        above, below = figure.subfigures(2, 1, squeeze=False, height_ratios=ratios).flat
        axes = above.subplots(1, panels)
        titles = ["degraded", "restored"] + [f"Σ, update {i}" if i else "Σ, initial" for i in range(len(similarities))]
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
        below.supxlabel(f"{shown_of}{in_use} non-zero codes, and their atoms", fontsize=9)
    return figure


def _picture(image: Tensor) -> np.ndarray:
    return image.clamp(0, 1).permute(1, 2, 0).squeeze(-1).numpy()


def _overlay(axis, Sigma: Tensor, patch_size: int, shape) -> None:
    """Draw Σ in colour, with each value at the centre of its patch."""
    field = np.zeros(shape)
    half = patch_size // 2
    field[half : half + Sigma.shape[0], half : half + Sigma.shape[1]] = Sigma.numpy()
    axis.imshow(field, cmap="magma", alpha=0.25 + 0.75 * np.sqrt(field / max(field.max(), 1e-12)), vmin=0)
