"""The look of all figures, and how they are written: without pyplot, whose state belongs to the program that calls."""

from __future__ import annotations

from pathlib import Path

import matplotlib
import numpy as np
from matplotlib.figure import Figure

from groupsc.utils.atomic import replacing
from groupsc.utils.errors import GroupSCError

STYLE = {
    "font.family": "STIXGeneral",
    "mathtext.fontset": "stix",
    "font.size": 9,
    "axes.titlesize": 9,
    "axes.labelsize": 9,
    "legend.fontsize": 8,
    "xtick.labelsize": 8,
    "ytick.labelsize": 8,
    "axes.linewidth": 0.6,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": True,
    "grid.color": "#dddddd",
    "grid.linewidth": 0.5,
    "lines.linewidth": 1.4,
    "legend.frameon": False,
    "pdf.fonttype": 42,
    "savefig.bbox": "tight",
    "savefig.pad_inches": 0.03,
    "svg.hashsalt": "groupsc",
}
COLORS = ("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9")
"""Okabe and Ito's, told apart by all readers."""

FRAME = "#ffcc00"
"""Colour of the frame around a detail."""

WIDTH = 7.0
"""Inches of a figure that spans a page."""

UNDATED = {".pdf": {"CreationDate": None}, ".svg": {"Date": None}, ".png": None}


def show_picture(ax, image: np.ndarray) -> None:
    """Show an image (c, H, W) in [0, 1], pixel by pixel, over the whole of `ax`."""
    pixels = np.broadcast_to(image, (3, *image.shape[1:])).transpose(1, 2, 0)
    ax.imshow(pixels.clip(0, 1), interpolation="nearest", aspect="auto")


def save(figure: Figure, outputs, *, dpi: int = 300) -> list[Path]:
    """Write a figure to one file or several; the same figure gives the same bytes.

    Raises
    ------
    GroupSCError
        When a name ends in none of .pdf, .png and .svg.
    """
    outputs = [Path(path) for path in ([outputs] if isinstance(outputs, (str, Path)) else outputs)]
    for path in outputs:
        if path.suffix not in UNDATED:
            raise GroupSCError(f"{path} is no figure file; end its name in {', '.join(UNDATED)}")
        with matplotlib.rc_context(STYLE), replacing(path) as partial:
            figure.savefig(partial, dpi=dpi, format=path.suffix[1:], metadata=UNDATED[path.suffix])
    return outputs
