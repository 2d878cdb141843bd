"""Baselines: methods that are measured in the same run. Each has its own module; this module lists all of them.

Other packages add methods by the entry point `groupsc.methods`; see `installed`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from functools import cache
from importlib.metadata import EntryPoint, entry_points
from pathlib import Path
from typing import Any

from groupsc.baselines.base import Baseline
from groupsc.baselines.bm3d import BM3D, ColorBM3D
from groupsc.baselines.demosaicking import Bilinear, Malvar, Menon
from groupsc.baselines.dncnn import ColorDnCNN, DnCNN, DnCNN3
from groupsc.baselines.drunet import DRUNet
from groupsc.baselines.ffdnet import FFDNet
from groupsc.baselines.filters import BayesShrink, NonLocalMeans, TotalVariation
from groupsc.baselines.own import OwnMethod, Unloadable
from groupsc.config.definitions import METHODS
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
    return {found.name: found(data_dir) for found in BASELINES} | installed(data_dir)


def comparable(own: Iterable[str] = ()) -> list[str]:
    """Return the methods to which others can be compared: those of the paper, own variants and methods, and baselines.

    Examples
    --------
    >>> comparable(["groupsc-mine"])[:5]
    ['sc', 'csr', 'groupsc', 'groupsc-mine', 'dncnn']
    """
    return list(dict.fromkeys([*METHODS, *sorted(own), *methods()]))


def installed(data_dir: PathLike = "data/raw") -> dict[str, Baseline]:
    """Return the methods that other installed packages add by the entry point `groupsc.methods`, by name.

    An entry point refers to a class derived from `Baseline`, to a function, to a torch module or to a class of torch
    modules without arguments (`groupsc.baselines.own.OwnMethod`). Its name is the name of the method in configurations
    and results. A method that can't be loaded is in the list, and its `unfit` returns the reason.

    Parameters
    ----------
    data_dir : path
        Data directory.

    Returns
    -------
    dict of str to Baseline

    Raises
    ------
    GroupSCError
        When an entry point has the name of another method.

    Examples
    --------
    >>> sorted(installed())
    []
    """
    found: dict[str, Baseline] = {}
    for point in _entry_points():
        if point.name in {*found, *(own.name for own in BASELINES), *METHODS, "input"}:
            raise GroupSCError(
                f"the entry point {point.name!r} = {point.value} has the name of another method; rename it there"
            )
        try:
            made = point.load()
            if isinstance(made, type):
                made = made(data_dir) if issubclass(made, Baseline) else made()
            if not isinstance(made, Baseline):
                made = OwnMethod(made, name=point.name, data_dir=data_dir)
        except Exception as error:  # A package of somebody else may raise anything when it is imported.
            reason = (
                f"the method {point.name!r} = {point.value} can't be loaded ({error}); repair or uninstall its package"
            )
            made = Unloadable(point.name, reason)
        made.name = point.name
        found[point.name] = made
    return found


@cache
def _entry_points() -> tuple[EntryPoint, ...]:
    """Return the entry points of other packages; reading the metadata of all packages takes a hundredth of a second."""
    return tuple(entry_points(group="groupsc.methods"))


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


def chosen(weights: PathLike | Callable[..., Any], data_dir: PathLike, *, device: str = "auto") -> Baseline | None:
    """Return the baseline that an evaluation restores with; None for "input" and for the path of a weights file.

    Parameters
    ----------
    weights : str, path, callable or torch.nn.Module
        Name of a baseline or path of a weights file, or an own function or module.
    data_dir : path
        Data directory.
    device : str
        Device of an own function; see `groupsc.baselines.own.OwnMethod`.

    Returns
    -------
    Baseline or None

    Raises
    ------
    GroupSCError
        When no baseline has that name, or an own function has the name of a baseline or of a model.

    Examples
    --------
    >>> chosen("tv", "data/raw").name, chosen("model.safetensors", "data/raw")
    ('tv', None)
    """
    if callable(weights):
        own = weights if isinstance(weights, OwnMethod) else OwnMethod(weights, device=device, data_dir=data_dir)
        if own.name in {"input", *METHODS, *methods(data_dir)}:
            raise GroupSCError(f"there is another method {own.name!r}; give yours its own name, as in name='mine'")
        return own
    if str(weights) == "input" or Path(weights).suffix or Path(weights).is_file():
        return None
    try:
        return method(str(weights), data_dir)
    except GroupSCError as error:
        raise GroupSCError(f"there is no weights file {str(weights)!r}, and {error}, or input") from error
