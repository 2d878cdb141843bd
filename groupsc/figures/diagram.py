"""Figure 3: draw one iteration of the inference algorithm as a diagram.

Symbols of the paper: Y^c centred patches, A^(k) codes after iteration k, D dictionary, C encoder, W decoder, B argument
of the proximal operator, Λ_k thresholds, x^ image estimate, Σ^ its similarity matrix, Σ average of similarity matrices,
μ_i mean of patch i, κ weights of the distance d_ij, ν weight of Σ^ in Σ.
"""

from __future__ import annotations

from typing import Any

import matplotlib
from matplotlib.figure import Figure
from matplotlib.patches import FancyArrowPatch, FancyBboxPatch

from groupsc.figures.style import COLORS, STYLE

COLUMN = 3.4
"""Width of one column of a page, in inches."""
CODES, IMAGE, LEARNED = COLORS[0], COLORS[2], COLORS[1]

BOXES = {
    "residual": (2.5, 3.0, 2.0, r"$\mathbf{Y}^c-\mathbf{D}\,\mathbf{A}^{(k)}$", CODES),
    "gradient": (5.2, 3.0, 2.2, r"$\mathbf{A}^{(k)}+\mathbf{C}^{\!\top}(\cdot)$", CODES),
    "prox": (8.1, 3.0, 2.0, r"$\mathrm{Prox}_{\Sigma,\Lambda_k}[\mathbf{B}]$", CODES),
    "average": (2.5, 0.9, 2.2, "average of\n$\\mathbf{W}\\alpha_i^{(k)}+\\mu_i\\mathbf{1}_m$", IMAGE),
    "distance": (5.2, 0.9, 1.9, r"$\hat{\Sigma}_{ij}=e^{-d_{ij}}$", IMAGE),
    "blend": (8.1, 0.9, 2.2, r"$(1-\nu)\,\Sigma+\nu\,\hat{\Sigma}$", IMAGE),
}
"""Operations by name: x and y of the centre, width, formula, colour."""

ARROWS = [
    ((0.95, 3.0), (1.5, 3.0)),
    ((3.5, 3.0), (4.1, 3.0)),
    ((6.3, 3.0), (7.1, 3.0)),
    ((9.1, 3.0), (9.65, 3.0)),
    ((0.55, 0.9), (1.4, 0.9)),
    ((3.6, 0.9), (4.25, 0.9)),
    ((6.15, 0.9), (7.0, 0.9)),
    ((8.1, 1.4), (8.1, 2.52)),
]
LABELS = {
    r"$\mathbf{A}^{(k)}$": (0.5, 3.0),
    r"$\mathbf{A}^{(k+1)}$": (10.2, 3.0),
    r"$\mathbf{B}$": (6.66, 3.32),
    r"$\hat{\mathbf{x}}$": (3.88, 1.25),
    r"$\hat{\Sigma}$": (6.55, 1.3),
    r"$\Sigma$": (8.38, 1.95),
}
INPUTS = [
    (r"$\mathbf{Y}^c$", 2.05, 4.2, "#333333"),
    (r"$\mathbf{D}$", 2.95, 4.2, LEARNED),
    (r"$\mathbf{C}$", 5.2, 4.2, LEARNED),
    (r"$\Lambda_k$", 8.1, 4.2, LEARNED),
    (r"$\mathbf{W}$", 2.05, -0.3, LEARNED),
    (r"$\mu_i$", 2.95, -0.3, "#333333"),
    (r"$\kappa$", 5.2, -0.3, LEARNED),
    (r"$\nu$", 8.1, -0.3, LEARNED),
]
"""Inputs of the operations from above or below: symbol, x, y, colour."""


def one_step() -> Figure:
    """Draw one iteration of the inference algorithm of GroupSC (Figure 3).

    The upper line shows the codes, the lower line the image estimate and the similarities. Learned parameters are above
    and below. The figure has the width of one column of a page.

    Returns
    -------
    matplotlib.figure.Figure

    Examples
    --------
    >>> [float(size) for size in one_step().get_size_inches()]
    [3.4, 1.7]
    """
    with matplotlib.rc_context({**STYLE, "axes.grid": False}):
        figure = Figure(figsize=(COLUMN, 1.7))
        ax = figure.add_axes((0, 0, 1, 1))
        ax.set(xlim=(-0.05, 10.75), ylim=(-0.65, 4.5))
        ax.set_axis_off()
        for x, y, width, formula, color in BOXES.values():
            box = FancyBboxPatch(
                (x - width / 2, y - 0.48), width, 0.96, boxstyle="round,pad=0,rounding_size=0.12", linewidth=0.9,
                edgecolor=color, facecolor=(*matplotlib.colors.to_rgb(color), 0.08),
            )  # fmt: skip
            ax.add_patch(box)
            ax.text(x, y, formula, ha="center", va="center", fontsize=7.5, linespacing=1.1)
        for text, (x, y) in LABELS.items():
            ax.text(x, y, text, ha="center", va="center", fontsize=8.5)
        ax.plot((0.55, 0.55), (2.6, 0.9), color="#333333", linewidth=0.9)
        for start, end in ARROWS:
            _arrow(ax, start, end, "#333333")
        for symbol, x, y, color in INPUTS:
            above = y > 3
            ax.text(x, y, symbol, ha="center", va="center", fontsize=8.5, color=color)
            _arrow(ax, (x, y - 0.25 if above else y + 0.25), (x, 3.5 if above else 0.4), color)
    return figure


def _arrow(ax, start, end, color: str) -> None:
    look: dict[str, Any] = {"arrowstyle": "-|>", "mutation_scale": 6, "linewidth": 0.9, "shrinkA": 0, "shrinkB": 0}
    ax.add_patch(FancyArrowPatch(start, end, color=color, **look))
