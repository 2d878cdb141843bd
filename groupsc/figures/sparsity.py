"""Figure 2: which atoms a group of similar patches uses, by the sparse prior alone and by GroupSC."""

from __future__ import annotations

import matplotlib
import numpy as np
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle

from groupsc.benchmark.degraded_image import degraded_image
from groupsc.figures.style import COLORS, STYLE, WIDTH, show_picture
from groupsc.inference.similar_patches import Group, similar_patches

HEIGHT = 3.0
"""Inches of the figure."""


def sparsity_pattern(*, weights, dataset: str, images: list[str], at: tuple[int, int], level=None, data_dir="data/raw"):
    """Figure 2: the non-zero codes of similar patches, one matrix a model with atoms as rows and patches as columns.

    Parameters
    ----------
    weights : list of paths
        The models, the one that chooses the patches last.
    dataset, images : str, list of str
        The image is the first of these.
    at : (int, int)
        Column and row of a pixel; the patch around it gets its most similar ones.
    level : float, optional
        Of the noise; the models' own when left out.
    """
    loaded = [degraded_image(path, dataset, images[0], level=level, data_dir=data_dir) for path in weights]
    models, (_, degraded, level) = [model for model, *_ in loaded], loaded[-1]
    return draw_group(similar_patches(models, degraded, *at, level=level), models[-1].config.patch_size)


def draw_group(group: Group, patch_size: int) -> Figure:
    """The patches in the image, and for each model the matrix of their codes, its atoms from strong to weak."""
    shown = {name: codes[codes.abs().sum(1) > 0] for name, codes in group.codes.items()}
    rows = max(len(codes) for codes in shown.values())
    with matplotlib.rc_context({**STYLE, "axes.grid": False}):
        figure = Figure(figsize=(WIDTH, HEIGHT), layout="constrained")
        first, *axes = figure.subplots(1, 1 + len(shown), width_ratios=[1.25, *[1] * len(shown)])
        show_picture(first, group.degraded.numpy())
        first.set_aspect("equal")
        for number, (top, left) in reversed(list(enumerate(group.corners))):
            look = {"color": COLORS[1] if number == 0 else COLORS[4], "linewidth": 1.6 if number == 0 else 0.7}
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
