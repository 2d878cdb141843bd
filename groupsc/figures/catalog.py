"""Figures for print: the paper's, and pictures of what a model has learned; PDF, SVG or PNG by the file's ending."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import matplotlib
import torch
from matplotlib.figure import Figure
from matplotlib.ticker import LogFormatter, MaxNLocator

from groupsc.figures.artefacts import artefacts
from groupsc.figures.comparison import restorations
from groupsc.figures.diagram import one_step
from groupsc.figures.dictionaries import atoms, dictionaries, draw_dictionary
from groupsc.figures.progress import progress, read_log
from groupsc.figures.scenes import similarity_maps
from groupsc.figures.sparsity import sparsity_pattern
from groupsc.figures.style import COLORS, STYLE, WIDTH, save
from groupsc.figures.tradeoff import tradeoff
from groupsc.ops.prox import csr_prox
from groupsc.utils.errors import GroupSCError

__all__ = ["FIGURES", "atoms", "csr_prox_curves", "draw", "draw_dictionary", "training_curves"]


@dataclass(frozen=True)
class Recipe:
    """How a figure is made: the function, and the sources that it takes."""

    draw: Callable[..., Figure]
    needs: tuple[str, ...] = ()


def draw(name: str, outputs, **sources) -> list[Path]:
    """Draw a figure into files.

    Parameters
    ----------
    name : str
        One of `FIGURES`.
    outputs : path or list of paths
        `.pdf`, `.png` or `.svg` files.
    **sources
        What the figure is made from: `rows` (DataFrame), `pictures` (folder), `weights` (files), `logs` (files); and
        options of the function behind it. Sources that are None count as missing.

    Raises
    ------
    GroupSCError
        For an unknown figure, one whose source is missing, or an option that it does not take.
    """
    if name not in FIGURES:
        raise GroupSCError(f"there is no figure {name!r}; choose one of {', '.join(FIGURES)}")
    recipe = FIGURES[name]
    missing = [source for source in recipe.needs if sources.get(source) is None]
    if missing:
        raise GroupSCError(f"the figure {name!r} is made from {' and '.join(missing)}; give them")
    given = {source: value for source, value in sources.items() if value is not None}
    known = inspect.signature(recipe.draw).parameters
    if others := [source for source in given if source not in known]:
        takes = ", ".join(known) or "nothing"
        raise GroupSCError(f"the figure {name!r} takes no {' and no '.join(others)}; it takes {takes}")
    return save(recipe.draw(**given), outputs)


def csr_prox_curves() -> Figure:
    """Figure 4: the proximal operator of the CSR penalty λ(|u| + γ|u − β|) for several λ, γ and β."""
    panels = {
        "lambda": ((0.25, 0.5, 1.0), "$\\gamma=1,\\ \\beta=1.5$"),
        "gamma": ((0.0, 1.0, 3.0), "$\\lambda=0.5,\\ \\beta=1.5$"),
        "beta": ((-1.5, 0.0, 1.5), "$\\lambda=0.5,\\ \\gamma=1$"),
    }
    u = torch.linspace(-4, 4, 1601, dtype=torch.float64)
    with matplotlib.rc_context(STYLE):
        figure = Figure(figsize=(WIDTH, 2.45), layout="constrained")
        axes = figure.subplots(1, 3, sharex=True, sharey=True)
        for ax, (varied, (values, fixed)) in zip(axes, panels.items(), strict=True):
            ax.plot(u, u, color="#999999", linewidth=0.8, linestyle=(0, (4, 3)))
            for color, value in zip(COLORS, values, strict=False):
                setting = {"lambda": 0.5, "gamma": 1.0, "beta": 1.5, varied: value}
                prox = csr_prox(u, torch.full_like(u, setting["beta"]), setting["lambda"], setting["gamma"])
                ax.plot(u, prox, color=color, label=f"$\\{varied}={value:g}$")
            ax.set(title=fixed, xlabel="$u$", aspect="equal", xlim=(-4, 4), ylim=(-4, 4))
            ax.set_xticks(range(-4, 5, 2))
            ax.set_yticks(range(-4, 5, 2))
            ax.legend(loc="upper left", handlelength=1.4, labelspacing=0.25, borderpad=0.1)
        axes[0].set_ylabel("$\\mathrm{Prox}_{\\lambda\\Psi}[u]$")
    return figure


def training_curves(*, logs) -> Figure:
    """Validation PSNR, loss and learning rate over the steps of one training or several; triangles mark backtracking.

    Parameters
    ----------
    logs : list of paths
        `log.csv` files of `groupsc train`; the folder of each is its name.
    """
    tables = {Path(log).parent.name: read_log(log) for log in ([logs] if isinstance(logs, (str, Path)) else logs)}
    measures = {"validation_psnr": "Validation PSNR (dB)", "loss": "Loss", "rate": "Learning rate"}
    with matplotlib.rc_context(STYLE):
        columns = min(3, len(tables))
        legend = 0.16 * -(-len(tables) // columns)
        figure = Figure(figsize=(WIDTH, 2.1 + legend), layout="constrained")
        axes = figure.subplots(1, 3)
        for color, (name, table) in zip(COLORS * len(tables), tables.items(), strict=False):
            label = f"{name} ({_duration(table['minutes'].max())})"
            for ax, measure in zip(axes, measures, strict=True):
                ax.plot(table["step"], table[measure], color=color, label=label)
            back = table[table["event"] != ""]
            axes[0].plot(back["step"], back["validation_psnr"], "v", color=color, markersize=4)
        for ax, title in zip(axes, measures.values(), strict=True):
            ax.set(xlabel="Step", title=title)
            ax.margins(x=0.02)
            ax.xaxis.set_major_locator(MaxNLocator(5))
        axes[1].set_yscale("log")
        for formatter in (axes[1].yaxis.set_major_formatter, axes[1].yaxis.set_minor_formatter):
            formatter(LogFormatter(minor_thresholds=(2, 0.4)))
        axes[2].ticklabel_format(axis="y", style="sci", scilimits=(0, 0), useMathText=True)
        figure.legend(*axes[0].get_legend_handles_labels(), loc="outside lower center", ncols=columns)
    return figure


FIGURES = {
    "artefacts": Recipe(artefacts, ("rows", "pictures", "panels")),
    "sparsity": Recipe(sparsity_pattern, ("weights", "dataset", "images", "at")),
    "step": Recipe(one_step),
    "figure4": Recipe(csr_prox_curves),
    "denoising": Recipe(restorations, ("rows", "pictures")),
    "dictionary": Recipe(atoms, ("weights",)),
    "dictionaries": Recipe(dictionaries, ("weights",)),
    "similarity": Recipe(similarity_maps, ("weights", "dataset", "images", "at")),
    "tradeoff": Recipe(tradeoff, ("rows",)),
    "training": Recipe(training_curves, ("logs",)),
    "progress": Recipe(progress, ("logs",)),
}
"""The figures that `draw` makes, by name."""


def _duration(minutes: float) -> str:
    return f"{minutes:.0f} min" if minutes < 120 else f"{minutes / 60:.1f} h"
