"""Check a configuration before anything runs, for the workflow and for the plan of its cost.

`groupsc.config` checks the values of single keys. This module checks that names exist, and that keys fit together.
"""

from __future__ import annotations

import re
from collections.abc import Container
from pathlib import Path

from groupsc import baselines
from groupsc.benchmark.cached_results import cached_results_folder
from groupsc.benchmark.grid import block_places, dataset_and_stride
from groupsc.config.checks import require
from groupsc.config.definitions import LEVEL_NAMES, Experiment, method_name
from groupsc.config.experiments import stress_measurements
from groupsc.data.bundled import STRESS
from groupsc.data.configured import data_dir_of, image_names, known_sets
from groupsc.data.folders import images_in
from groupsc.data.registry import datasets
from groupsc.utils.errors import GroupSCError
from groupsc.weights.cards import config_of, read_card
from groupsc.weights.released import releases

TABLES = (*(f"table{number}" for number in range(1, 14)), "overview", "robustness")
"""Tables of the paper, that of all measurements, and that of the stress set; `groupsc.paper` makes them."""

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

NONLOCAL_KEYS = {"similarity_interval", "middle_averaging", "shared_similarity", "source_weight", "window"}
"""Keys of models without effect on SC."""

SHOWN = 5
"""Number of names in a sentence about models that are not released."""

DEVICE = re.compile(r"auto|cpu|cuda(:\d+)?")


def check(config: dict, found: dict[str, Experiment]) -> None:
    """Check a configuration beyond its experiments: values, starts, data sets, tables, figures and the device.

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
    _check_baselines(config)
    _check_starts(config, found)
    check_grid(config, found)
    known = known_sets(config)
    for where, name in _named_sets(config, found):
        require(name in known, f"In {where}: there is no data set {name!r}; choose one of {', '.join(known)}")
    for name in config["tables"]:
        require(name in TABLES, f"In tables: there is no table {name!r}; choose among {', '.join(TABLES)}")
    _check_stress(config, found)
    own = {method_name(experiment.method, experiment.variant) for experiment in found.values()}
    baseline, methods = config["compare_with"], baselines.comparable(own)
    require(
        baseline is None or baseline in methods,
        f"compare_with is {baseline!r}; choose one of {', '.join(methods)}, or null",
    )
    device = config["device"]
    require(DEVICE.fullmatch(device), f"device is {device!r}; choose auto, cpu or cuda")
    for name, given in config["figures"].items():
        check_figure(name, given, config)


def _check_baselines(config: dict) -> None:
    known = ["input", *baselines.methods()]
    for task, given in config["tasks"].items():
        for name in given["baselines"]:
            require(
                name in known,
                f"In tasks.{task}.baselines: there is no method {name!r}; choose among {', '.join(known)}",
            )


def _check_starts(config: dict, found: dict[str, Experiment]) -> None:
    """Check that no experiment to train starts from an unknown one, from itself, or from one of another size."""
    if config["weights"] != "trained":
        return
    for name, experiment in found.items():
        start = experiment.init_from
        if start is None:
            continue
        problem, hint = f"{name} starts from {start}", "or set training.init_from to null"
        task = start.partition("-")[0]
        require(start in found, f"{problem}, which the grid lacks; add that experiment to tasks.{task}, {hint}")
        require(start != name, f"{problem}, itself; choose another start, {hint}")
        sizes = [(model.dimension, model.n_atoms) for model in (experiment.model, found[start].model)]
        require(
            sizes[0] == sizes[1],
            f"{problem}, whose dictionary has another size; choose a start of its size (a variant can have the methods "
            f"sc and {experiment.method}), {hint}",
        )


def check_grid(config: dict, found: dict[str, Experiment]) -> None:
    """Check that the values of several keys, or a key and the files that it names, fit together.

    Parameters
    ----------
    config : dict
    found : dict of str to Experiment

    Raises
    ------
    GroupSCError
        For an invalid value; the message names the key and the allowed values.

    Examples
    --------
    >>> from groupsc.config.files import complete_grid
    >>> check_grid(complete_grid({"tasks": {"gray": {"baselines": ["tv"]}}}), {})  # doctest: +ELLIPSIS
    Traceback (most recent call last):
    groupsc.utils.errors.GroupSCError: tasks.gray lacks datasets; choose some of ...
    """
    for task, given in config["tasks"].items():
        known = ", ".join(known_sets(config))
        require(
            given["datasets"] or not (given["methods"] or given["baselines"]),
            f"tasks.{task} lacks datasets; choose some of {known}",
        )
    _check_images_and_blocks(config, found)
    places = [(name, stride) for name, _, stride in block_places(config, found)]
    places += [] if config["stride"] is None else [(name, config["stride"]) for name in found]
    for name, step in places:
        side = found[name].model.block(step)
        require(
            step <= side, f"stride is {step}, but {name} is restored in blocks of {side} pixels; choose at most {side}"
        )
    cached_results_folder(config)
    _check_released(config, found)


def not_released(config: dict, found: dict[str, Experiment], known: Container[str]) -> str | None:
    """Return a sentence with the models of a grid that are not released; None if all are, or will be trained.

    Parameters
    ----------
    config : dict
    found : dict of str to Experiment
    known : container of str
        Names of the released models.

    Examples
    --------
    >>> from groupsc.config.experiments import experiments
    >>> config = {"budget": "cpu", "weights": "released", "tasks": {"gray": {"methods": ["sc"], "levels": [20]}}}
    >>> not_released(config, experiments(config), ["gray-sc-sigma25"])  # doctest: +ELLIPSIS
    'gray-sc-sigma20 is not released, so that tables mark it as not run; ...'
    """
    missing = [] if config["weights"] == "trained" else [name for name in found if name not in known]
    if not missing:
        return None
    first, more = ", ".join(missing[:SHOWN]), len(missing) - SHOWN
    names = f"{first} and {more} others" if more > 0 else first
    are, them = ("are", "them") if len(missing) > 1 else ("is", "it")
    return (
        f"{names} {are} not released, so that tables mark {them} as not run; set `weights: trained` to train {them}, "
        "or measure a released model at another level with `groupsc evaluate`"
    )


def _check_released(config: dict, found: dict[str, Experiment]) -> None:
    """Check that released models, which are taken by their names, have the values that the keys `model` give."""
    if config["weights"] != "released":
        return
    try:
        known = releases()
    except GroupSCError:  # The rule that copies the weights reports a damaged pointer.
        return
    for name, experiment in found.items():
        grid = config["tasks"][experiment.task]
        variant = grid["variants"].get((experiment.variant or "").removesuffix("-blind"), {"model": {}})
        keys = list({**config["model"], **grid["model"], **variant["model"]})
        if experiment.model.penalty == "l1":
            keys = [key for key in keys if key not in NONLOCAL_KEYS]
        path = known[name].available() if keys and name in known else None
        if path is None:
            continue
        model = config_of(path, read_card(path))
        for key in keys:
            has, wanted = getattr(model, key), getattr(experiment.model, key)
            require(
                has == wanted,
                f"the released {name} has {key} {has}, and the configuration asks for {wanted}; set `weights: trained` "
                f"to train it, or remove {key} from `model` of the configuration, of tasks.{experiment.task} or of its "
                "variant",
            )


def _check_images_and_blocks(config: dict, found: dict[str, Experiment]) -> None:
    """Check that `images` and `blocks` name existing data sets and experiments."""
    images, given = config["images"], config["blocks"]
    for key, sets in (("images", images if isinstance(images, dict) else ()), ("blocks", given["datasets"])):
        for name in sets:
            known = known_sets(config)
            require(name in known, f"{key} names the data set {name!r}; choose one of {', '.join(known)}")
    for name in given["experiments"]:
        require(name in found, f"blocks names the experiment {name!r}; choose one of {', '.join(found)}")


def _check_own_sets(config: dict) -> None:
    """Check that the folders of own images have names of their own, and contain images."""
    for name, folder in data_dir_of(config).folders.items():
        require(
            name not in (*datasets(), STRESS), f"datasets.{name} has the name of a public data set; choose another name"
        )
        require(
            dataset_and_stride(name)[1] is None,
            f"datasets.{name} ends like the name of results in blocks; choose a name without -stride",
        )
        try:
            images_in(Path(folder).expanduser())
        except GroupSCError as error:
            raise GroupSCError(f"In datasets.{name}.path: {error}") from error


def _check_stress(config: dict, found: dict[str, Experiment]) -> None:
    """Check that the methods of the stress set exist, if a table shows them.

    A configuration with a `base` can have other tasks than the key `stress` of that file.
    """
    given, known = config["stress"], ["input", *baselines.methods()]
    for name in given["baselines"]:
        require(name in known, f"In stress.baselines: there is no method {name!r}; choose among {', '.join(known)}")
    if "robustness" not in config["tables"]:
        return
    measured = stress_measurements(config, found)
    shown = [found[source] for source, *_ in measured.values() if source in found]
    noisy = [e for e in found.values() if LEVEL_NAMES[e.task] == "sigma" and e.level in given["levels"]]
    trained, possible = (dict.fromkeys(method_name(e.method, e.variant) for e in some) for some in (shown, noisy))
    levels = ", ".join(f"{level:g}" for level in given["levels"])
    for name in given["methods"]:
        require(
            name in trained,
            f"In stress.methods: no model {name!r} has the σ {levels}; choose among {', '.join(possible)}",
        )
    require(
        measured,
        "the table robustness has nothing to show; give stress.methods or stress.baselines, and a task gray or color",
    )


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
    known = known_sets(own)
    kind, where = given.get("figure") or name, f"In figures.{name}"
    require(kind in FIGURES, f"{where}: there is no figure {kind!r}; set its key figure to one of {', '.join(FIGURES)}")
    places = [(given["dataset"], image) for image in given.get("images") or () if given.get("dataset")]
    places += [(panel["dataset"], panel["image"]) for panel in given.get("panels") or ()]
    for dataset in {given.get("dataset"), *(dataset for dataset, _ in places)} - {None}:
        require(dataset in known, f"{where}: there is no data set {dataset!r}; choose one of {', '.join(known)}")
    names_of = {dataset: image_names(own, dataset) for dataset, _ in places}
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
