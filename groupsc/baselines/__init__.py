"""Baselines, measured in the same run: one file a method, and here the list of them all."""

from __future__ import annotations

from groupsc.baselines.base import Baseline
from groupsc.baselines.bm3d import BM3D, ColorBM3D
from groupsc.baselines.demosaicking import Bilinear, Malvar, Menon
from groupsc.baselines.dncnn import ColorDnCNN, DnCNN, DnCNN3
from groupsc.baselines.drunet import DRUNet
from groupsc.baselines.ffdnet import FFDNet
from groupsc.baselines.filters import BayesShrink, NonLocalMeans, TotalVariation
from groupsc.utils.errors import GroupSCError

BASELINES = (
    DnCNN, ColorDnCNN, DnCNN3, FFDNet, DRUNet, BM3D, ColorBM3D, NonLocalMeans, BayesShrink, TotalVariation,
    Bilinear, Malvar, Menon,
)  # fmt: skip


def methods(data_dir="data/raw") -> dict[str, Baseline]:
    """All baselines by name; their weights are looked for in the folder `raw` of the data sets."""
    return {found.name: found(data_dir) for found in BASELINES}


def method(name: str, data_dir="data/raw") -> Baseline:
    """A baseline by its name.

    Raises
    ------
    GroupSCError
        When there is none of that name.
    """
    found = methods(data_dir)
    if name not in found:
        raise GroupSCError(f"there is no method {name!r}; choose one of {', '.join(found)}")
    return found[name]
