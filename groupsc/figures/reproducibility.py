"""Draw a chart of the reproduced PSNR values of the paper."""

from __future__ import annotations

import matplotlib
import pandas as pd
from matplotlib.figure import Figure

from groupsc.figures.style import STYLE, WIDTH
from groupsc.paper.reproducibility import VERDICTS, verdicts

COLORS = ("#00704f", "#5bb892", "#56b4e9", "#d55e00", "#c9d6e6", "#ececec")
VERDICT_COLORS = dict(zip(VERDICTS, COLORS, strict=True))


def chart(cells: pd.DataFrame) -> Figure:
    """Count the reproduced PSNR values of the paper's models, with one bar per table.

    Parameters
    ----------
    cells : pandas.DataFrame
        Cells of tables, from `groupsc.paper.reproducibility.read_cells`.

    Returns
    -------
    matplotlib.figure.Figure

    Examples
    --------
    >>> figure = chart(read_cells(["results/tables/table4.csv"]))  # doctest: +SKIP
    """
    found = verdicts(cells)
    found = found[found["own"] & (found["metric"] == "psnr")]
    numbers = sorted(found["table"].unique())
    counts = (
        found.groupby(["table", "verdict"]).size().unstack(fill_value=0).reindex(columns=list(VERDICTS), fill_value=0)
    )
    with matplotlib.rc_context({**STYLE, "axes.grid": False}):
        figure = Figure(figsize=(WIDTH, 0.24 * len(numbers) + 0.75), layout="constrained")
        ax = figure.subplots()
        labels, left = [f"Table {number}" for number in numbers], pd.Series(0, index=numbers)
        for verdict, color in VERDICT_COLORS.items():
            width = counts[verdict].reindex(numbers)
            bars = ax.barh(labels, width, left=left, color=color, label=verdict, height=0.72)
            dark = verdict in ("reproduced", "below the paper")
            ax.bar_label(
                bars, [str(count) if count else "" for count in width], label_type="center", fontsize=7,
                color="white" if dark else "black",
            )  # fmt: skip
            left = left + width
        ax.invert_yaxis()
        ax.set_xlabel("Number of PSNR values of the paper's models")
        ax.tick_params(length=0)
        figure.legend(loc="outside upper center", ncols=len(VERDICTS), handlelength=1, columnspacing=1)
    return figure
