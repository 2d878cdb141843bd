"""Baselines: methods that are measured in the same run. Each has its own module; this module lists all of them."""

from __future__ import annotations

from groupsc.baselines.base import Baseline
from groupsc.baselines.bm3d import BM3D, ColorBM3D
from groupsc.baselines.demosaicking import Bilinear, Malvar, Menon
from groupsc.baselines.dncnn import ColorDnCNN, DnCNN, DnCNN3
from groupsc.baselines.drunet import DRUNet
from groupsc.baselines.ffdnet import FFDNet
from groupsc.baselines.filters import BayesShrink, NonLocalMeans, TotalVariation
from groupsc.utils.errors import GroupSCError
from groupsc.utils.typing import PathLike

BASELINES = (
    DnCNN, ColorDnCNN, DnCNN3, FFDNet, DRUNet, BM3D, ColorBM3D, NonLocalMeans, BayesShrink, TotalVariation,
    Bilinear, Malvar, Menon,
)  # fmt: skip


def methods(data_dir: PathLike = "data/raw") -> dict[str, Baseline]:
    """Return all baselines by name.

    Parameters
    ----------
    data_dir : path
        Data directory, which also contains the weights of baselines.

    Returns
    -------
    dict of str to Baseline

    Examples
    --------
    >>> methods()["bm3d"].tasks
    ('gray',)
    """
    return {found.name: found(data_dir) for found in BASELINES}


def method(name: str, data_dir: PathLike = "data/raw") -> Baseline:
    """Return a baseline by name.

    Parameters
    ----------
    name : str
    data_dir : path
        Data directory.

    Raises
    ------
    GroupSCError
        When no baseline has that name.

    Examples
    --------
    >>> method("tv").name
    'tv'
    """
    found = methods(data_dir)
    if name not in found:
        raise GroupSCError(f"there is no method {name!r}; choose one of {', '.join(found)}")
    return found[name]
