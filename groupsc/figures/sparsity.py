"""Figure 2: draw the sparsity patterns of the codes of similar patches, by SC and by GroupSC."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import matplotlib
import numpy as np
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle

from groupsc.figures.style import COLORS, STYLE, WIDTH, show_picture

if TYPE_CHECKING:
    from groupsc.inference.similar_patches import Group

HEIGHT = 3.0
"""Height of the figure, in inches."""


def sparsity_pattern(*, weights, dataset: str, images: list[str], at: tuple[int, int], level=None, data_dir="data/raw"):
    """Draw the codes of similar patches (Figure 2), one matrix per model, with atoms as rows and patches as columns.

    Parameters
    ----------
    weights : list of paths
        Weights files; the last model chooses the similar patches.
    dataset : str
        Name of the data set.
    images : list of str
        Names of images; the first one is used.
    at : (int, int)
        Column and row of a pixel; the group contains the patch around it and the most similar patches.
    level : float, optional
        Noise σ in gray levels of 255; by default the level of the models.
    data_dir : path
        Folder of the data sets.

    Returns
    -------
    matplotlib.figure.Figure

    Raises
    ------
    GroupSCError
        As for `groupsc.benchmark.degraded_image.degraded_image` and
        `groupsc.inference.similar_patches.similar_patches`.

    Examples
    --------
    >>> sparsity_pattern(weights=paths, dataset="Bundled", images=["astronaut"], at=(40, 50))  # doctest: +SKIP
    """
    from groupsc.benchmark.degraded_image import degraded_image
    from groupsc.inference.similar_patches import similar_patches

    loaded = [degraded_image(path, dataset, images[0], level=level, data_dir=data_dir) for path in weights]
    models, (_, degraded, level) = [model for model, *_ in loaded], loaded[-1]
    return draw_group(similar_patches(models, degraded, *at, level=level), models[-1].config.patch_size)


def draw_group(group: Group, patch_size: int) -> Figure:
    """Draw the patches of a group in the image, and per model the matrix of their codes, sorted by magnitude.

    Parameters
    ----------
    group : Group
    patch_size : int
        Side of a patch in pixels.

    Returns
    -------
    matplotlib.figure.Figure

    Examples
    --------
    >>> import torch
    >>> from groupsc.inference.similar_patches import Group
    >>> group = Group(torch.full((1, 9, 9), 0.5), np.array([[0, 0], [2, 3]]), {"SC": torch.ones(4, 2)})
    >>> [ax.get_title() for ax in draw_group(group, patch_size=3).axes]
    ['2 similar patches', 'SC']
    """
    shown = {name: codes[codes.abs().sum(1) > 0] for name, codes in group.codes.items()}
    rows = max(len(codes) for codes in shown.values())
    with matplotlib.rc_context({**STYLE, "axes.grid": False}):
        figure = Figure(figsize=(WIDTH, HEIGHT), layout="constrained")
        first, *axes = figure.subplots(1, 1 + len(shown), width_ratios=[1.25, *[1] * len(shown)])
        show_picture(first, group.degraded.numpy())
        first.set_aspect("equal")
        for number, (top, left) in reversed(list(enumerate(group.corners))):
            look: dict[str, Any] = {
                "color": COLORS[1] if number == 0 else COLORS[4],
                "linewidth": 1.6 if number == 0 else 0.7,
            }
            first.add_patch(Rectangle((left - 0.5, top - 0.5), patch_size, patch_size, fill=False, **look))
        first.set(title=f"{len(group.corners)} similar patches", xticks=[], yticks=[])
        for ax, (name, codes) in zip(axes, shown.items(), strict=True):
            used = codes != 0
            order = codes.abs().sum(1).argsort(descending=True)
            picture = np.zeros((rows, codes.shape[1]))
            picture[: len(codes)] = (codes[order].abs() / codes.abs().max()).sqrt().numpy()
            ax.imshow(picture, cmap="gray_r", vmin=0, vmax=1, interpolation="nearest", aspect="auto")
            ax.axhline(len(codes) - 0.5, color=COLORS[1], linewidth=0.8, linestyle=(0, (4, 3)))
            ax.spines[:].set(visible=True, color="#999999")
            ax.set(title=name, xlabel=f"patches; {float(used.sum(0).float().mean()):.0f} atoms each", xticks=[])
            ax.set_ylabel(f"{len(codes)} of {len(group.codes[name])} atoms in use")
            ax.tick_params(length=2)
    return figure
