"""Check the names in a configuration before anything runs, for the workflow and for the plan of its cost."""

from __future__ import annotations

import re
from pathlib import Path

from groupsc import baselines
from groupsc.benchmark import grid
from groupsc.config.checks import require
from groupsc.config.definitions import METHODS, Experiment
from groupsc.data.folders import images_in
from groupsc.data.registry import datasets
from groupsc.utils.errors import GroupSCError

TABLES = (*(f"table{number}" for number in range(1, 14)), "overview")
"""Tables of the paper, and that of all measurements; `groupsc.paper` makes them."""

FIGURES = {
    "artefacts": ("panels",),
    "sparsity": ("experiments", "dataset", "images", "at"),
    "step": (),
    "figure4": (),
    "denoising": ("task", "dataset", "images"),
    "dictionary": ("experiment",),
    "dictionaries": ("experiments",),
    "similarity": ("experiment", "dataset", "images", "at"),
    "paired": ("task", "dataset"),
    "tradeoff": ("task", "dataset"),
    "generalisation": ("task", "dataset"),
    "training": (),
    "progress": (),
}
"""Figures of `groupsc.figures.catalog`, and the keys that each needs in a configuration."""

DEVICE = re.compile(r"auto|cpu|cuda(:\d+)?")


def check(config: dict, found: dict[str, Experiment]) -> None:
    """Check a configuration beyond its experiments: values, data sets, tables, figures and the device.

    Parameters
    ----------
    config : dict
    found : dict of str to Experiment

    Raises
    ------
    GroupSCError
        For an invalid value or an unknown name; the message names the key and the allowed values.

    Examples
    --------
    >>> from groupsc.config.files import complete_grid
    >>> tasks = {"gray": {"methods": ["sc"], "levels": [25], "datasets": ["BSD68"]}}
    >>> check(complete_grid({"tasks": tasks, "tables": ["table99"]}), {})  # doctest: +ELLIPSIS
    Traceback (most recent call last):
    groupsc.utils.errors.GroupSCError: In tables: there is no table 'table99'; choose among table1, ...
    """
    _check_own_sets(config)
    grid.check(config, found)
    known = grid.known_sets(config)
    for where, name in _named_sets(config, found):
        require(name in known, f"In {where}: there is no data set {name!r}; choose one of {', '.join(known)}")
    for name in config["tables"]:
        require(name in TABLES, f"In tables: there is no table {name!r}; choose among {', '.join(TABLES)}")
    baseline, methods = config["compare_with"], [*METHODS, *baselines.methods()]
    require(
        baseline is None or baseline in methods,
        f"compare_with is {baseline!r}; choose one of {', '.join(methods)}, or null",
    )
    device = config["device"]
    require(DEVICE.fullmatch(device), f"device is {device!r}; choose auto, cpu or cuda")
    for name, given in config["figures"].items():
        check_figure(name, given, config)


def _check_own_sets(config: dict) -> None:
    """Check that the folders of own images have names of their own, and contain images."""
    for name, folder in grid.data_dir_of(config).folders.items():
        require(name not in datasets(), f"datasets.{name} has the name of a public data set; choose another name")
        try:
            images_in(Path(folder).expanduser())
        except GroupSCError as error:
            raise GroupSCError(f"In datasets.{name}.path: {error}") from error


def check_figure(name: str, given: dict, config: dict | None = None) -> None:
    """Check that a figure exists, and that its keys name existing images.

    Parameters
    ----------
    name : str
        Name of its file.
    given : dict
        Its keys; `figure` is the name of the file when left out.
    config : dict, optional
        Configuration with the folders of own images.

    Raises
    ------
    GroupSCError
        For an unknown figure or image, and for a missing key.

    Examples
    --------
    >>> check_figure("figure44", {})  # doctest: +ELLIPSIS
    Traceback (most recent call last):
    groupsc.utils.errors.GroupSCError: In figures.figure44: there is no figure 'figure44'; set its key figure to ...
    """
    own = {"datasets": (config or {}).get("datasets", {})}
    known = grid.known_sets(own)
    kind, where = given.get("figure") or name, f"In figures.{name}"
    require(kind in FIGURES, f"{where}: there is no figure {kind!r}; set its key figure to one of {', '.join(FIGURES)}")
    places = [(given["dataset"], image) for image in given.get("images") or () if given.get("dataset")]
    places += [(panel["dataset"], panel["image"]) for panel in given.get("panels") or ()]
    for dataset in {given.get("dataset"), *(dataset for dataset, _ in places)} - {None}:
        require(dataset in known, f"{where}: there is no data set {dataset!r}; choose one of {', '.join(known)}")
    names_of = {dataset: grid.image_names(own, dataset) for dataset, _ in places}
    for dataset, image in places:
        names = names_of[dataset]
        hint = f"it has {', '.join(names[:3])} and others"
        require(image in names, f"{where}: there is no image {image!r} of {dataset}; {hint}")
    missing = [key for key in FIGURES[kind] if not given.get(key)]
    require(not missing, f"{where}: the figure {kind!r} needs {' and '.join(missing)}; add them")


def _named_sets(config: dict, found: dict[str, Experiment]):
    """Yield the place and the name of each data set in a configuration that is trained or evaluated on."""
    for task, given in config["tasks"].items():
        for name in given["datasets"]:
            yield f"tasks.{task}.datasets", name
        for variant, values in given["variants"].items():
            for name in values.get("datasets") or ():
                yield f"tasks.{task}.variants.{variant}.datasets", name
    if config["weights"] == "trained":
        for experiment in found.values():
            yield "training.dataset", experiment.training.dataset
            yield "training.validation", experiment.training.validation
