"""The command `groupsc plan`: estimate the cost of a grid before it runs."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Annotated

from typer import Option


def plan(
    config: Annotated[Path, Option("--configfile", help="Grid of experiments.")] = Path("config/default.yaml"),
    gpus: Annotated[
        list[int] | None, Option(min=1, help="Also estimate for this number of GPUs; may be given several times.")
    ] = None,
    times: Annotated[int, Option("--times", min=1, help="Factor by which the training sets are larger.")] = 1,
    released: Annotated[bool, Option("--released", help="Use released weights, without training.")] = False,
    data_dir: Annotated[Path | None, Option(help="Folder of the data sets; by default that of the grid.")] = None,
    results: Annotated[Path | None, Option(help="Folder of the results; by default that of the grid.")] = None,
    as_json: Annotated[bool, Option("--json", help="Print JSON.")] = False,
) -> None:
    """Estimate the remaining work of a grid.

    The estimate contains the numbers of trainings and evaluations, the hours, the download and the disk space.
    """
    from groupsc.benchmark.configuration_checks import not_released
    from groupsc.benchmark.cost.plan import plan as count
    from groupsc.config.experiments import experiments
    from groupsc.config.files import read_grid
    from groupsc.weights.released import releases

    values = read_grid(config)
    if released:
        values["weights"] = "released"
    found = count(values, size_factor=times, data_dir=data_dir, output=results)
    report = {
        "configuration": str(config),
        "trainings": len(found.trainings),
        "models_there": found.finished,
        "evaluations": len(found.evaluations),
        "images": found.images,
        "other_evaluations": found.baseline_evaluations,
        "other_cpu_hours": round(found.other_seconds / 3600, 2),
        "download_bytes": found.download,
        "disk_bytes": found.disk,
        "training_set_bytes_in_memory": found.memory,
        "passes_over_training_set": round(found.passes, 3),
        "teraflop": round(sum(job.operations for job in found.jobs) / 1e12),
        **_machines(found, gpus or (), values["threads"]["train"]),
    }
    if not released and (missing := not_released(values, experiments(values), releases())) is not None:
        print(f"{config}: {missing}", file=sys.stderr)
    print(json.dumps(report, indent=1) if as_json else _text(report))


def _machines(found, gpus, threads: int) -> dict:
    """Return the hours on this machine and on GPUs, and the assumptions of the estimate."""
    from groupsc.benchmark.cost.machine import H100, SHARES, this_machine
    from groupsc.benchmark.cost.plan import START

    here = this_machine()
    rows = [_hours(f"this machine: {here.name}", found, here.rates, here.workers, here.cores or threads, here.gpu)]
    kind, speeds = (here.name, here.rates) if here.gpu else ("NVIDIA H100", H100)
    rows += [_hours(f"{number} × {kind}", found, speeds, number, threads, True) for number in gpus]
    share = {penalty: here.rates[penalty] / here.rate for penalty in SHARES}
    assumptions = [
        f"this machine multiplies matrices at {here.rate / 1e9:,.0f} GFLOP/s, measured now; other running jobs lower "
        f"this rate; GroupSC reaches {share['group']:.0%} of it, CSR {share['csr']:.0%}, SC {share['l1']:.0%}",
        f"a job needs {START} seconds before it computes",
        "evaluations include every pair of patches in the window",
        "the hours above include trainings and evaluations of their models; they do not include tables and figures, "
        "which take minutes in total; baselines take the time measured on the two cores of benchmarks/README.md",
    ]
    if gpus and not here.gpu:
        assumptions.insert(2, "an H100 takes the seconds per step of benchmarks/README.md, with one job per GPU")
    return {"machines": rows, "assumptions": assumptions}


def _hours(name: str, found, rates, workers: int, cores: int, gpu: bool) -> dict:
    total, end = (seconds / 3600 for seconds in found.seconds(rates, workers))
    return {"machine": name, "gpu_hours": total if gpu else 0.0, "cpu_hours": total * cores, "hours_to_end": end}


def _text(report: dict) -> str:
    lines = [
        f"{report['configuration']}: {report['trainings']:,} trainings, {report['evaluations']:,} evaluations of "
        f"{report['images']:,} images; {report['models_there']:,} models exist already",
        f"baselines: {report['other_evaluations']:,} evaluations; baselines and dictionaries take "
        f"{report['other_cpu_hours']:,.1f} CPU-hours",
        f"download {_size(report['download_bytes'])}, disk {_size(report['disk_bytes'])}",
    ]
    if report["trainings"]:
        lines.append(
            f"largest training set: {_size(report['training_set_bytes_in_memory'])} in memory; "
            f"a training uses at most {report['passes_over_training_set']:,.4g} crops per image on average"
        )
    lines += ["", f"{'':44} {'GPU-hours':>10} {'CPU-hours':>10} {'hours to the end':>17}"]
    for row in report["machines"]:
        hours = (row["gpu_hours"], row["cpu_hours"], row["hours_to_end"])
        shown = (f"{value:,.1f}" if value < 100 else f"{value:,.0f}" for value in hours)
        lines.append("{:44} {:>10} {:>10} {:>17}".format(row["machine"], *shown))
    return "\n".join([*lines, "", *(f"assumed: {sentence}" for sentence in report["assumptions"])])


def _size(count: float) -> str:
    for unit in ("bytes", "kB", "MB", "GB"):
        if count < 1000:
            return f"{count:.3g} {unit}"
        count /= 1000
    return f"{count:,.0f} TB" if count >= 10 else f"{count:.2g} TB"
