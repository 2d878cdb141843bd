"""The command `groupsc methods`: what can be measured, what to cite, and what can't run here and why."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

from typer import Option

from groupsc.config import METHODS, TASKS
from groupsc.errors import GroupSCError

OWN = "B. Lecouat, J. Ponce, J. Mairal. Fully trainable and interpretable non-local sparse models for image restoration. \
ECCV 2020. https://doi.org/10.1007/978-3-030-58542-6_15"


def methods(
    task: Annotated[str | None, Option(help="Only those for gray, color, mosaic or jpeg.")] = None,
    level: Annotated[float | None, Option(help="Noise σ in gray levels of 255, or JPEG quality.")] = None,
    raw: Annotated[Path, Option(help="Folder of the data sets.")] = Path("data/raw"),
    as_json: Annotated[bool, Option("--json", help="As JSON.")] = False,
) -> None:
    """List the methods: own models and baselines, their tasks, parameters and references."""
    if task not in (None, *TASKS):
        raise GroupSCError(f"there is no task {task!r}; choose one of {', '.join(TASKS)}")
    if level is not None and task in (None, "mosaic"):
        raise GroupSCError("a level belongs to a task; give --task gray, color or jpeg, or leave out --level")
    found = [entry for entry in (*_own(level), *_baselines(level, raw)) if task in (None, entry["task"])]
    if as_json:
        print(json.dumps(found, indent=1, ensure_ascii=False))
        return
    for entry in found:
        parameters = "" if entry["parameters"] is None else f"{entry['parameters']:,}"
        print(f"{entry['method']:12} {entry['task']:7} {parameters:>9}  {entry['skip'] or entry['reference']}")


def _own(level: float | None) -> list[dict]:
    """One entry a method and task; the parameters are those of the released model, None where there is none."""
    return [_entry(method, task, None, OWN, None) for method in METHODS for task in TASKS]


def _baselines(level: float | None, raw: Path) -> list[dict]:
    from groupsc import baselines

    return [
        _entry(name, task, method.number_of_parameters(task), method.reference, method.skip(task, level))
        for name, method in baselines.methods(raw).items()
        for task in method.tasks
    ]


def _entry(method: str, task: str, parameters: int | None, reference: str, skip: str | None) -> dict:
    return {"method": method, "task": task, "parameters": parameters, "reference": reference, "skip": skip}
