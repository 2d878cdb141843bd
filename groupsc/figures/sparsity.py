"""Figure 2: which atoms a group of similar patches uses, by the sparse prior alone and by GroupSC."""

from __future__ import annotations

from dataclasses import dataclass

import matplotlib
import numpy as np
import torch
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle
from torch import Tensor

from groupsc.config.definitions import PENALTIES, TITLES
from groupsc.figures.explanation import Recorder
from groupsc.figures.scenes import degraded_image
from groupsc.figures.style import COLORS, STYLE, WIDTH, show_picture
from groupsc.models.coder import SparseCoder
from groupsc.utils.errors import GroupSCError

PATCHES = 24
"""Patches in the group, the given one among them."""
NAMES = {PENALTIES[method]: title for method, title in TITLES.items()}
"""What models are called, by penalty."""
HEIGHT = 3.0
"""Inches of the figure."""


@dataclass(frozen=True)
class Group:
    """Similar patches of an image, and their codes by several models.

    `degraded` (c, h, w) are the surroundings, `corners` (n, 2) the top and left of the patches in them, the given one
    first; `codes` the matrices (p, n), by the names of the models.
    """

    degraded: Tensor
    corners: np.ndarray
    codes: dict[str, Tensor]


def similar_patches(models: list[SparseCoder], image: Tensor, x: int, y: int, *, level=None, count=PATCHES) -> Group:
    """The patches that the last of the models finds most similar to the one around a pixel, and all models' codes.

    Parameters
    ----------
    models : list of SparseCoder
        With patches of one size; the last has a non-local prior.
    image : Tensor (c, H, W)
        Degraded, in [0, 1].
    x, y : int
        Column and row of the pixel.
    level : float, optional
        Of the noise, for blind models.
    count : int
        Patches in the group.

    Raises
    ------
    GroupSCError
        When the last model compares no patches, the sizes of patches differ, or the pixel lies outside.
    """
    config = models[-1].config
    if not models[-1].kind.nonlocal_ or len({model.config.patch for model in models}) > 1:
        raise GroupSCError("the last model chooses the patches for all; let it be CSR or GroupSC, of their patch size")
    _, height, width = image.shape
    if not (0 <= x < width and 0 <= y < height):
        raise GroupSCError(f"the pixel {x},{y} lies outside of the image, {width} wide and {height} high")
    patch = config.patch
    side = config.block()
    top, left = (min(max(0, place - side // 2), max(0, length - side)) for place, length in ((y, height), (x, width)))
    around = image[None, :, top : top + side, left : left + side]
    rows, columns = (length - patch + 1 for length in around.shape[-2:])
    recorders = []
    for model in models:
        recorders.append(Recorder(model.config))
        recorders[-1].load_state_dict(model.state_dict())
        with torch.no_grad():
            recorders[-1].to(image.dtype)(around, level=level)
    row, column = (
        min(max(0, place - start - patch // 2), length - 1)
        for place, start, length in ((y, top, rows), (x, left, columns))
    )
    target = row * columns + column
    nearest = recorders[-1].similarities[-1][0, :, target].argsort(descending=True)
    chosen = torch.cat([torch.tensor([target]), nearest[nearest != target]])[:count]
    codes = {
        NAMES[model.config.penalty]: recorder.codes[0, chosen].T
        for model, recorder in zip(models, recorders, strict=True)
    }
    return Group(around[0], np.stack(np.divmod(chosen.numpy(), columns), 1), codes)


def sparsity_pattern(*, weights, dataset: str, images: list[str], at: tuple[int, int], level=None, raw="data/raw"):
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
    loaded = [degraded_image(path, dataset, images[0], level=level, raw=raw) for path in weights]
    models, (_, degraded, level) = [model for model, *_ in loaded], loaded[-1]
    return draw_group(similar_patches(models, degraded, *at, level=level), models[-1].config.patch)


def draw_group(group: Group, patch: int) -> Figure:
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
            first.add_patch(Rectangle((left - 0.5, top - 0.5), patch, patch, fill=False, **look))
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
