"""Define the style of all figures and save figures to files.

The figures do not use pyplot, because its state is global and belongs to the calling program.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import matplotlib
import numpy as np
from matplotlib.figure import Figure

from groupsc.utils.atomic import replacing
from groupsc.utils.errors import GroupSCError

STYLE: dict[Any, Any] = {
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
"""Colours of Okabe and Ito, which all readers can distinguish."""

FRAME = "#ffcc00"
"""Colour of the frame around a detail."""

WIDTH = 7.0
"""Width of a figure that spans a page, in inches."""

UNDATED = {".pdf": {"CreationDate": None}, ".svg": {"Date": None}, ".png": None}


def show_picture(ax, image: np.ndarray) -> None:
    """Show an image without interpolation, scaled to the full area of an axes.

    Parameters
    ----------
    ax : matplotlib.axes.Axes
    image : array (1 or 3, H, W)
        Image in [0, 1].

    Examples
    --------
    >>> ax = Figure().subplots()
    >>> show_picture(ax, np.zeros((1, 4, 5)))
    >>> ax.images[0].get_array().shape
    (4, 5, 3)
    """
    pixels = np.broadcast_to(image, (3, *image.shape[1:])).transpose(1, 2, 0)
    ax.imshow(pixels.clip(0, 1), interpolation="nearest", aspect="auto")


def save(figure: Figure, outputs, *, dpi: int = 300) -> list[Path]:
    """Write a figure to one or several files; the same figure gives the same bytes.

    Parameters
    ----------
    figure : matplotlib.figure.Figure
    outputs : path or list of paths
        `.pdf`, `.png` or `.svg` files.
    dpi : int
        Resolution of bitmaps, in pixels per inch.

    Returns
    -------
    list of Path
        The written files.

    Raises
    ------
    GroupSCError
        If a name ends in none of .pdf, .png and .svg.

    Examples
    --------
    >>> save(Figure(), "figure.bmp")
    Traceback (most recent call last):
        ...
    groupsc.utils.errors.GroupSCError: figure.bmp is not a figure file; choose a name that ends in .pdf, .svg, .png
    """
    outputs = [Path(path) for path in ([outputs] if isinstance(outputs, (str, Path)) else outputs)]
    for path in outputs:
        if path.suffix not in UNDATED:
            raise GroupSCError(f"{path} is not a figure file; choose a name that ends in {', '.join(UNDATED)}")
        with matplotlib.rc_context(STYLE), replacing(path) as partial:
            figure.savefig(partial, dpi=dpi, format=path.suffix[1:], metadata=UNDATED[path.suffix])
    return outputs
