"""Say what a run of the workflow costs, before it begins."""

from __future__ import annotations

import dataclasses
from pathlib import Path

from groupsc.benchmark.cost import operation_counts
from groupsc.benchmark.cost.machine import H100, rates_of_a_core
from groupsc.benchmark.cost.plan import START, Job, Plan, plan
from groupsc.config.files import read_grid
from groupsc.utils.errors import GroupSCError


def sentence(config: dict, pictures: list, *, cores: int, gpu: bool, full: Path | None = None) -> str | None:
    """Return a sentence with the hours of a run, and of the runs that its configuration avoids.

    Parameters
    ----------
    config : dict
        The complete configuration.
    pictures : list of (ModelConfig, str)
        Model and data set of every image that is restored only to be shown.
    cores : int
    gpu : bool
        Whether the models run on a GPU.
    full : Path, optional
        The file of the full grid. With it, the sentence also has the hours of the full grid, of a run without cached
        results, and of a run that trains every model.

    Returns
    -------
    str or None
        None if everything was made, and if the cost can't be estimated.
    """
    try:
        found = plan(config)
        if not (found.jobs or found.baseline_evaluations or pictures):
            return None
        operations = [operation_counts.image_operations(m, operation_counts.pixels_of(name)) for m, name in pictures]
        shown = [Job(f"{i}", m.penalty, operations[i]) for i, (m, _) in enumerate(pictures)]
        runs = {"": dataclasses.replace(found, evaluations=(*found.evaluations, *shown))}
        if full:
            again = {**config, "cached_results": None}
            runs["cached_results=null (measure everything again)"] = plan(again, output=Path(config["output"], "none"))
            runs["weights=trained (train every model)"] = plan({**config, "weights": "trained"})
            runs[f"--configfile {full.parent.name}/{full.name} (the full grid)"] = plan(
                {**read_grid(full), "cached_results": config["cached_results"]}
            )
        rates = H100 if gpu else rates_of_a_core()
    except GroupSCError:
        return None
    costs = [f"{key}{': ' if key else ''}{_rounded(_seconds(run, rates, cores, gpu))}" for key, run in runs.items()]
    where = "one GPU, as fast as an H100" if gpu else f"{cores} {'core' if cores == 1 else 'cores'} of this machine"
    return f"{config['output']} takes about {costs[0]} on {where}" + "".join(f"; {cost}" for cost in costs[1:]) + "."


def _seconds(run: Plan, rates: dict[str, float], cores: int, gpu: bool) -> float:
    """Return the seconds of a run whose jobs occupy all cores, or whose models run on one GPU."""
    models, _ = run.seconds(rates, start=START)
    return models / (1 if gpu else cores) + run.other_seconds / cores


def _rounded(seconds: float) -> str:
    """Return a time in minutes or hours with two significant digits."""
    if seconds < 3600:
        return f"{max(1, round(seconds / 60))} min"
    hours = seconds / 3600
    return f"{hours:.1f} hours" if hours < 10 else f"{float(f'{hours:.2g}'):,.0f} hours"
