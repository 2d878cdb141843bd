"""Draw the atoms of one dictionary, or of the dictionaries of several models side by side.

Symbols: D dictionary (m, p), with m = channels · patch size² entries per atom and p atoms.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import matplotlib
import numpy as np
from matplotlib.figure import Figure

from groupsc.config.definitions import ModelConfig
from groupsc.figures.style import STYLE, WIDTH, save
from groupsc.utils.errors import GroupSCError
from groupsc.weights.cards import config_of, name_of, opened

COLUMNS = 4
"""Number of dictionaries per line."""
SHOWN = 100
"""Number of atoms per dictionary in a figure of several dictionaries."""
HEADING = 0.34
"""Height of the title of a dictionary, in inches."""


def atoms(*, weights=None, D=None, channels: int = 1, patch_size: int = 9, columns: int | None = None) -> Figure:
    """Draw the atoms of a dictionary as tiles, sorted from smooth to rough, each scaled to full contrast.

    Parameters
    ----------
    weights : path or list of paths, optional
        Weights file whose dictionary is shown; the first one of a list.
    D : Tensor or array (m, p), optional
        Dictionary, if no weights are given; its m = channels · patch_size² entries are ordered by channel, row, column.
    channels, patch_size : int
        Number of channels and patch size of D.
    columns : int, optional
        Number of tiles per line; by default the tiles form a square.

    Returns
    -------
    matplotlib.figure.Figure

    Examples
    --------
    >>> figure = atoms(D=np.eye(9), patch_size=3)
    >>> figure.axes[0].images[0].get_array().shape
    (13, 13, 3)
    """
    if weights is not None:
        D, config, _ = _dictionary(weights if isinstance(weights, (str, Path)) else weights[0])
        channels, patch_size = config.channels, config.patch_size
    tiles = _tiles(D, channels, patch_size)
    columns = columns or int(np.ceil(np.sqrt(len(tiles))))
    canvas = _canvas(tiles, columns)
    width = min(WIDTH, 0.22 * columns + 0.2)
    with matplotlib.rc_context(STYLE):
        figure = Figure(figsize=(width, width * canvas.shape[0] / canvas.shape[1]))
        ax = figure.add_axes((0, 0, 1, 1))
        ax.imshow(canvas, interpolation="nearest", vmin=0, vmax=1)
        ax.set_axis_off()
    return figure


def dictionaries(*, weights, shown: int = SHOWN) -> Figure:
    """Draw the dictionaries of several models side by side.

    The figure shows the same number of atoms of each dictionary, spread evenly from smooth to rough.

    Parameters
    ----------
    weights : list of paths
        Weights files; the title of a dictionary is the name of the model on its card.
    shown : int
        Number of atoms per dictionary; all atoms of a dictionary that has fewer.

    Returns
    -------
    matplotlib.figure.Figure

    Examples
    --------
    >>> figure = dictionaries(weights=["gray-sc.safetensors", "gray-groupsc.safetensors"])  # doctest: +SKIP
    """
    columns = min(COLUMNS, len(weights))
    lines = -(-len(weights) // columns)
    gap = 0.12
    side = (WIDTH - gap * (columns - 1)) / columns
    height = lines * (side + HEADING)
    with matplotlib.rc_context(STYLE):
        figure = Figure(figsize=(WIDTH, height))
        for number, path in enumerate(weights):
            D, config, card = _dictionary(path)
            tiles = _tiles(D, config.channels, config.patch_size)
            tiles = tiles[np.linspace(0, len(tiles) - 1, min(shown, len(tiles))).round().astype(int)]
            line, column = divmod(number, columns)
            top = line * (side + HEADING) + HEADING
            left = column * (side + gap)
            ax = figure.add_axes((left / WIDTH, 1 - (top + side) / height, side / WIDTH, side / height))
            ax.imshow(_canvas(tiles, int(np.ceil(np.sqrt(len(tiles))))), interpolation="nearest", vmin=0, vmax=1)
            ax.set_axis_off()
            ax.set_title(
                f"{name_of(path, card)}\n{config.patch_size}×{config.patch_size}, {config.n_atoms} atoms",
                fontsize=7.5,
                pad=3,
            )
    return figure


def draw_dictionary(D, output, *, channels: int, patch_size: int) -> None:
    """Draw the atoms of a dictionary to a file.

    Parameters
    ----------
    D : Tensor (m, p)
        Dictionary; its m = channels · patch_size² entries are ordered by channel, row, column.
    output : path
        `.pdf`, `.png` or `.svg` file.
    channels, patch_size : int
        Number of channels and patch size of D.

    Raises
    ------
    GroupSCError
        If the file has another ending.

    Examples
    --------
    >>> draw_dictionary(torch.eye(9), "atoms.png", channels=1, patch_size=3)  # doctest: +SKIP
    """
    save(atoms(D=D, channels=channels, patch_size=patch_size), output)


def _dictionary(path) -> tuple[np.ndarray, ModelConfig, dict[str, Any]]:
    """Read the dictionary D (m, p), the configuration and the card of weights, without loading torch."""
    with opened(path) as (file, card):
        D, config = file.get_tensor("D"), config_of(path, card)
    if D.shape != (config.dimension, config.n_atoms):
        raise GroupSCError(
            f"{path} contains a dictionary of the size {D.shape}, but its model has another; fetch it again"
        )
    return D, config, card


def _tiles(D, channels: int, patch_size: int) -> np.ndarray:
    """Sort the atoms of D (m, p) from smooth to rough; return them as (p, channels, patch_size, patch_size)."""
    values = D.detach().cpu().numpy() if hasattr(D, "detach") else D
    tiles = values.astype(np.float64).T.reshape(-1, channels, patch_size, patch_size)
    return tiles[np.argsort(_roughness(tiles), kind="stable")]


def _canvas(tiles: np.ndarray, columns: int) -> np.ndarray:
    """Arrange tiles (p, c, k, k) in lines with white borders, each tile scaled to full contrast; return (H, W, 3)."""
    _, channels, patch_size, _ = tiles.shape
    lines = -(-len(tiles) // columns)
    canvas = np.ones((lines * (patch_size + 1) + 1, columns * (patch_size + 1) + 1, channels))
    for number, tile in enumerate(tiles):
        top, left = (1 + (patch_size + 1) * index for index in divmod(number, columns))
        shown = 0.5 + 0.5 * tile / max(np.quantile(np.abs(tile), 0.97), 1e-12)
        canvas[top : top + patch_size, left : left + patch_size] = shown.clip(0, 1).transpose(1, 2, 0)
    return canvas.repeat(3 // channels, axis=2)


def _roughness(tiles: np.ndarray) -> np.ndarray:
    """Return the energy of the differences between neighbours over the energy of the tile, for tiles (p, c, k, k)."""
    energy = sum(np.square(np.diff(tiles, axis=axis)).sum((1, 2, 3)) for axis in (2, 3))
    return energy / np.maximum(np.square(tiles).sum((1, 2, 3)), 1e-12)
