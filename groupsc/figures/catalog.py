"""List all figures and draw them to PDF, SVG or PNG files: figures of the paper, of results and of models."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from matplotlib.figure import Figure

from groupsc.figures.artefacts import artefacts
from groupsc.figures.comparison import restorations
from groupsc.figures.diagram import one_step
from groupsc.figures.dictionaries import atoms, dictionaries
from groupsc.figures.explanation import similarity_maps
from groupsc.figures.paired import paired
from groupsc.figures.progress import progress, training_curves
from groupsc.figures.prox import csr_prox_curves
from groupsc.figures.sparsity import sparsity_pattern
from groupsc.figures.style import save
from groupsc.figures.tradeoff import generalisation, tradeoff
from groupsc.utils.errors import GroupSCError


@dataclass(frozen=True)
class Recipe:
    """Function that draws a figure, and the names of the sources that it requires.

    Parameters
    ----------
    draw : callable
        Function with keyword arguments that returns a `matplotlib.figure.Figure`.
    needs : tuple of str
        Names of the required arguments.
    """

    draw: Callable[..., Figure]
    needs: tuple[str, ...] = ()


def draw(name: str, outputs, **sources) -> list[Path]:
    """Draw a figure to files.

    Parameters
    ----------
    name : str
        One of `FIGURES`.
    outputs : path or list of paths
        `.pdf`, `.png` or `.svg` files.
    **sources
        Sources of the figure: `rows` (per-image results, DataFrame), `pictures` (folder), `weights` (files), `logs`
        (files); and options of the function that draws it. Sources that are None count as missing.

    Returns
    -------
    list of Path
        The written files.

    Raises
    ------
    GroupSCError
        If the figure is unknown, a source is missing, or the figure does not take an option.

    Examples
    --------
    >>> draw("figure4", "figure4.pdf")  # doctest: +SKIP
    """
    if name not in FIGURES:
        raise GroupSCError(f"there is no figure {name!r}; choose one of {', '.join(FIGURES)}")
    recipe = FIGURES[name]
    missing = [source for source in recipe.needs if sources.get(source) is None]
    if missing:
        options = {"images": "--image", "at": "--at", "dataset": "--dataset", "pictures": "--pictures"}
        named = [f"{source} ({options[source]})" if source in options else source for source in missing]
        raise GroupSCError(f"the figure {name!r} needs {' and '.join(named)}; give them")
    given = {source: value for source, value in sources.items() if value is not None}
    known = inspect.signature(recipe.draw).parameters
    if others := [source for source in given if source not in known]:
        takes = ", ".join(known) or "nothing"
        raise GroupSCError(f"the figure {name!r} takes no {' and no '.join(others)}; it takes {takes}")
    return save(recipe.draw(**given), outputs)


FIGURES = {
    "artefacts": Recipe(artefacts, ("rows", "pictures", "panels")),
    "sparsity": Recipe(sparsity_pattern, ("weights", "dataset", "images", "at")),
    "step": Recipe(one_step),
    "figure4": Recipe(csr_prox_curves),
    "denoising": Recipe(restorations, ("rows", "pictures")),
    "dictionary": Recipe(atoms, ("weights",)),
    "dictionaries": Recipe(dictionaries, ("weights",)),
    "similarity": Recipe(similarity_maps, ("weights", "dataset", "images", "at")),
    "paired": Recipe(paired, ("rows",)),
    "tradeoff": Recipe(tradeoff, ("rows",)),
    "generalisation": Recipe(generalisation, ("rows",)),
    "training": Recipe(training_curves, ("logs",)),
    "progress": Recipe(progress, ("logs",)),
}
"""Figures that `draw` can draw, by name."""
