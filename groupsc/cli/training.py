"""Commands that prepare and run trainings: fetch images, learn a dictionary, write an experiment, train."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

from typer import Argument, Option

from groupsc.cli.options import DataDir, Device, Folders, Images
from groupsc.utils.atomic import write_text
from groupsc.utils.errors import GroupSCError


def fetch(
    datasets: Annotated[
        list[str] | None, Argument(metavar="[DATASET...]", help="Names from data/registry.csv; list them if left out.")
    ] = None,
    data_dir: DataDir = Path("data/raw"),
    images: Images = None,
    folders: Folders = None,
    mirror: Annotated[str | None, Option(help="Folder or address of the files; by default GROUPSC_MIRROR.")] = None,
    manifest: Annotated[Path | None, Option(help="Write files, sizes and checksums to this JSON file.")] = None,
) -> None:
    """Download and verify data sets.

    Without a name, the command lists the data sets.
    """
    from groupsc.data import registry
    from groupsc.data.datasets import own_set
    from groupsc.data.fetching import fetch as download
    from groupsc.data.folders import data_dir_with

    if not datasets:
        print("\n".join(registry.datasets()))
        return
    if manifest is not None and len(datasets) != 1:
        raise GroupSCError(f"a manifest describes one data set, but {len(datasets)} were given; fetch them one by one")
    data = data_dir_with(data_dir, folders)
    for name in datasets:
        found = download(name, data, images=images, mirror=mirror)
        megabytes = sum(file["bytes"] for file in found["files"]) / 1e6
        own = own_set(name, data)
        outcome = "all checksums agree" if own is None else f"in {own[1]}"
        print(f"{found['dataset']}: {len(found['files'])} files, {megabytes:.1f} MB, {outcome}")
        if manifest is not None:
            write_text(manifest, json.dumps(found, indent=1) + "\n")


def dictionary(
    dataset: Annotated[str, Argument(help="Data set to learn from, or a folder with images.")],
    output: Annotated[Path, Option(help="Safetensors file to write.")],
    channels: Annotated[int, Option(help="1 for gray, 3 for color.")] = 1,
    patch_size: Annotated[int, Option(min=1, help="Side of the patches, in pixels.")] = 9,
    n_atoms: Annotated[int, Option(min=1, help="Number of atoms.")] = 256,
    seed: Annotated[int, Option(min=0, help="Seed for the random patches and the initial atoms.")] = 0,
    data_dir: DataDir = Path("data/raw"),
    folders: Folders = None,
    images: Images = None,
    picture: Annotated[Path | None, Option(help="Also draw the atoms to this PNG file.")] = None,
) -> None:
    """Learn the initial dictionary of a training."""
    from groupsc.data.folders import data_dir_with
    from groupsc.training.dictionary_file import write_dictionary

    size = {"channels": channels, "patch_size": patch_size, "n_atoms": n_atoms}
    D = write_dictionary(output, dataset, data_dir_with(data_dir, folders), **size, seed=seed, images=images)
    if picture is not None:
        from groupsc.figures.dictionaries import draw_dictionary

        draw_dictionary(D, picture, channels=channels, patch_size=patch_size)
    print(f"wrote {output}")


def experiment(
    name: Annotated[str | None, Argument(help="Name of an experiment, such as gray-groupsc-sigma25.")] = None,
    config: Annotated[Path, Option(help="Grid of experiments.")] = Path("config/paper.yaml"),
    output: Annotated[Path | None, Option(help="YAML file to write; with --all, a folder.")] = None,
    everything: Annotated[bool, Option("--all", help="Write every experiment of the grid.")] = False,
) -> None:
    """Write all settings of an experiment to a file.

    Without a name, the command lists the experiments of the grid.
    """
    from groupsc.config.experiments import experiments
    from groupsc.config.files import read_grid, write_experiment

    grid = experiments(read_grid(config))
    if name is None and not everything:
        print("\n".join(grid))
        return
    if output is None:
        raise GroupSCError("the experiment needs an output file; give --output")
    if everything:
        for found in grid.values():
            write_experiment(output / f"{found.name}.yaml", found)
    elif name in grid:
        write_experiment(output, grid[name])
    else:
        raise GroupSCError(f"{config} has no experiment {name!r}; choose one of {', '.join(grid)}")
    print(f"wrote {output}")


def train(
    output: Annotated[
        Path,
        Option(
            help="Folder for weights.safetensors, log.csv and the state; with --queue, one such folder per experiment."
        ),
    ],
    experiment: Annotated[
        Path | None, Argument(metavar="[EXPERIMENT.yaml]", help="Made by `groupsc experiment`.")
    ] = None,
    queue: Annotated[Path | None, Option(help="Train all experiments of this YAML list of grids.")] = None,
    minutes: Annotated[
        float | None,
        Option(
            "--max-minutes", "--minutes", min=0, help="Save and stop after this time; the same command then continues."
        ),
    ] = None,
    data_dir: DataDir = Path("data/raw"),
    folders: Folders = None,
    dictionary: Annotated[Path | None, Option(help="Initial dictionary, made by `groupsc dictionary`.")] = None,
    init: Annotated[str | None, Option(metavar="NAME|WEIGHTS.safetensors", help="Weights to start from.")] = None,
    released: Annotated[Path | None, Option(help="With --queue: folder of weights to start from.")] = None,
    device: Device = "auto",
) -> None:
    """Train one experiment or a queue of experiments.

    The same command continues a training that was stopped.
    """
    from groupsc.data.folders import data_dir_with

    data = data_dir_with(data_dir, folders)
    if queue is not None and experiment is None:
        if dictionary is not None or init is not None:
            raise GroupSCError("--dictionary and --init are for one experiment; write init_from into the queue instead")
        _train_queue(queue, data_dir=data, output=output, minutes=minutes, weights=released, device=device)
        return
    if experiment is None or queue is not None:
        raise GroupSCError(
            "the command trains either one experiment or a queue; give EXPERIMENT.yaml or --queue FILE, and not both"
        )
    if released is not None:
        raise GroupSCError("--released is for a queue; give --init for one experiment")
    from groupsc.config.experiments import require_fit
    from groupsc.config.files import read_experiment
    from groupsc.training.loop import train as train_experiment
    from groupsc.weights.released import find_weights

    settings = read_experiment(experiment)
    require_fit(settings.task, settings.method, settings.model, settings.training)
    if init is not None and dictionary is not None:
        raise GroupSCError("--init and --dictionary exclude each other; leave one of them out")
    if init is None and settings.init_from is not None:
        raise GroupSCError(
            f"{settings.name} starts from {settings.init_from}; give its weights by --init, or set training.init_from "
            "to null"
        )
    weights = train_experiment(
        settings,
        data_dir=data,
        output=output,
        dictionary=dictionary,
        init=init and find_weights(init),
        max_minutes=minutes,
        device=device,
    )
    print(f"wrote {weights}" if weights else f"stopped after {minutes:g} minutes; the same command continues")


def _train_queue(queue: Path, *, minutes: float | None, **options) -> None:
    from groupsc.training.queue import read_queue, run_queue

    limit = float("inf") if minutes is None else minutes
    for name, outcome in run_queue(read_queue(queue), minutes=limit, **options).items():
        print(f"{name}: {outcome}")


COMMANDS = (fetch, dictionary, experiment, train)
