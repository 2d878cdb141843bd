"""The atoms that models have learned, as tiles: one dictionary, or those of several models side by side."""

from __future__ import annotations

from pathlib import Path

import matplotlib
import numpy as np
import torch
from matplotlib.figure import Figure

from groupsc.figures.style import STYLE, WIDTH, save
from groupsc.weights.cards import name_of
from groupsc.weights.files import load_weights

COLUMNS = 4
"""Dictionaries in a row."""
SHOWN = 100
"""Atoms of each, where several stand side by side."""
HEADING = 0.34
"""Inches above each of them."""


def atoms(*, weights=None, D=None, channels: int = 1, patch_size: int = 9, columns: int | None = None) -> Figure:
    """The atoms of a dictionary as tiles, from smooth to rough, each stretched to full contrast.

    Parameters
    ----------
    weights : path or list of paths, optional
        A weights file, whose D is shown.
    D : Tensor (m, p), optional
        A dictionary instead; m = channels · patch² in the order channel, row, column.
    channels, patch_size : int
        Of D.
    columns : int, optional
        Tiles in a row; as many as make a square when left out.
    """
    if weights is not None:
        model, _ = load_weights(weights if isinstance(weights, (str, Path)) else weights[0])
        D, channels, patch_size = model.D, model.config.channels, model.config.patch_size
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
    """The dictionaries D of several models side by side, of each as many atoms, evenly from smooth to rough.

    Parameters
    ----------
    weights : list of paths
        The name on the card of each is its title.
    shown : int
        Atoms of each dictionary; all when it has fewer.
    """
    columns = min(COLUMNS, len(weights))
    lines = -(-len(weights) // columns)
    gap = 0.12
    side = (WIDTH - gap * (columns - 1)) / columns
    height = lines * (side + HEADING)
    with matplotlib.rc_context(STYLE):
        figure = Figure(figsize=(WIDTH, height))
        for number, path in enumerate(weights):
            model, card = load_weights(path)
            config = model.config
            tiles = _tiles(model.D, config.channels, config.patch_size)
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
    """Draw the atoms of a dictionary D (m, p) to a file."""
    save(atoms(D=D, channels=channels, patch_size=patch_size), output)


def _tiles(D, channels: int, patch_size: int) -> np.ndarray:
    """The atoms of D (m, p) from smooth to rough, (p, channels, patch_size, patch_size)."""
    tiles = torch.as_tensor(D).detach().double().cpu().numpy().T.reshape(-1, channels, patch_size, patch_size)
    return tiles[np.argsort(_roughness(tiles), kind="stable")]


def _canvas(tiles: np.ndarray, columns: int) -> np.ndarray:
    """Tiles (p, c, k, k) in rows with a white line around each, every one stretched to full contrast: (H, W, 3)."""
    _, channels, patch_size, _ = tiles.shape
    lines = -(-len(tiles) // columns)
    canvas = np.ones((lines * (patch_size + 1) + 1, columns * (patch_size + 1) + 1, channels))
    for number, tile in enumerate(tiles):
        top, left = (1 + (patch_size + 1) * index for index in divmod(number, columns))
        shown = 0.5 + 0.5 * tile / max(np.quantile(np.abs(tile), 0.97), 1e-12)
        canvas[top : top + patch_size, left : left + patch_size] = shown.clip(0, 1).transpose(1, 2, 0)
    return canvas.repeat(3 // channels, axis=2)


def _roughness(tiles: np.ndarray) -> np.ndarray:
    """Energy of the differences between neighbours over the energy of the tile, (p,); tiles (p, c, k, k)."""
    energy = sum(np.square(np.diff(tiles, axis=axis)).sum((1, 2, 3)) for axis in (2, 3))
    return energy / np.maximum(np.square(tiles).sum((1, 2, 3)), 1e-12)
