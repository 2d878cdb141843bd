"""The command `groupsc methods`: list models and baselines with their references, and the reason if one can't run."""

from __future__ import annotations

import itertools
import json
from pathlib import Path
from typing import Annotated

from typer import Option

from groupsc.cli.options import DataDir
from groupsc.utils.errors import GroupSCError

REFERENCE = (
    "B. Lecouat, J. Ponce, J. Mairal. Fully trainable and interpretable non-local sparse models for image restoration. "
    "2020. https://inria.hal.science/hal-02414291"
)


def methods(
    task: Annotated[str | None, Option(help="List only methods for this task: gray, color, mosaic or jpeg.")] = None,
    level: Annotated[float | None, Option(help="Noise σ in gray levels of 255, or JPEG quality.")] = None,
    data_dir: DataDir = Path("data/raw"),
    as_json: Annotated[bool, Option("--json", help="Print JSON.")] = False,
) -> None:
    """List models and baselines.

    The list shows task, number of parameters and reference, or the reason why a method can't run here.
    """
    from groupsc.config.definitions import TASKS

    if task not in (None, *TASKS):
        raise GroupSCError(f"there is no task {task!r}; choose one of {', '.join(TASKS)}")
    if level is not None and task in (None, "mosaic"):
        raise GroupSCError("a level belongs to a task; give --task gray, color or jpeg, or leave out --level")
    found = [entry for entry in (*_own(), *_baselines(level, data_dir)) if task in (None, entry["task"])]
    if as_json:
        print(json.dumps(found, indent=1, ensure_ascii=False))
        return
    for entry in found:
        status = f"can't run: {entry['skip']}" if entry["skip"] else entry["reference"]
        print(f"{entry['method']:12} {entry['task']:7} {entry['parameters']:>9,}  {status}")


def _own() -> list[dict]:
    """Return one entry per method and task, for all levels: the commands select the model of the nearest level."""
    from groupsc.config.definitions import METHODS, PENALTIES, TASKS, ModelConfig
    from groupsc.config.recipes import TASK_MODELS
    from groupsc.models.coder import SparseCoder
    from groupsc.weights.released import releases

    found = []
    for method, task in itertools.product(METHODS, TASKS):
        model = SparseCoder(ModelConfig(**TASK_MODELS[task], penalty=PENALTIES[method]))
        released = any(f"{name}-".startswith(f"{task}-{method}-") for name in releases())
        skip = None if released else "no model is released; train one with `groupsc train`"
        found.append(_entry(method, task, model.number_of_parameters, REFERENCE, skip))
    return found


def _baselines(level: float | None, data_dir: Path) -> list[dict]:
    from groupsc import baselines

    return [
        _entry(name, task, method.number_of_parameters(task), method.reference, method.skip(task, level))
        for name, method in baselines.methods(data_dir).items()
        for task in method.tasks
    ]


def _entry(method: str, task: str, parameters: int, reference: str, skip: str | None) -> dict:
    return {"method": method, "task": task, "parameters": parameters, "reference": reference, "skip": skip}
