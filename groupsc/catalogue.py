"""Which methods there are, the project's own and those it is compared with, and which of them can run here."""

from __future__ import annotations

from groupsc import baselines
from groupsc.config import LEVEL_NAMES, METHODS, TASKS
from groupsc.errors import GroupSCError
from groupsc.released import releases

PRIORS = {
    "sc": "sparse coding: each patch alone (ℓ1)",
    "csr": "centralised: codes of similar patches are drawn to their mean",
    "groupsc": "group sparsity: similar patches share their atoms (relaxed group Lasso)",
}
REFERENCE = (
    "B. Lecouat, J. Ponce, J. Mairal. Fully Trainable and Interpretable Non-Local Sparse Models for Image Restoration. "
    "2020, hal-02414291"
)


def catalogue(task: str | None = None, level: float | None = None, raw="data/raw") -> dict[str, dict]:
    """Facts of every method by its name, those of this project first.

    Parameters
    ----------
    task, level : str, float, optional
        Only methods for this task; whether they can restore this level.
    raw : path
        Folder of the data sets, where the files of baselines lie.

    Returns
    -------
    dict
        `tasks`; `parameters`, a number a task; `skip`, for each task why it can't run here, or None; `reference`; of
        this project's methods also their `prior` and the fitting `weights`.

    Raises
    ------
    GroupSCError
        For an unknown task, or a level without a task.
    """
    if task not in (None, *TASKS):
        raise GroupSCError(f"there is no task {task!r}; choose one of {', '.join(TASKS)}")
    if task is None and level is not None:
        raise GroupSCError(f"a level of {level:g} belongs to a task; give that too, one of {', '.join(TASKS)}")
    tasks = TASKS if task is None else (task,)
    found = {name: _own(name, tasks, level) for name in METHODS}
    for name, baseline in baselines.methods(raw).items():
        served = [one for one in tasks if one in baseline.tasks]
        if served:
            found[name] = {
                "tasks": served,
                "parameters": {one: baseline.parameters(one) for one in served},
                "skip": {one: baseline.skip(one, level) for one in served},
                "reference": baseline.reference,
            }
    return found


def _own(method: str, tasks: tuple[str, ...], level: float | None) -> dict:
    """Facts of a method of this project; it runs where weights of it are released."""
    from groupsc.checkpoint import load_weights

    known, weights, sizes, reasons = releases(), [], {}, {}
    for task in tasks:
        fitting = sorted((name for name in known if _fits(name, task, method, level)), key=_blind)
        if fitting:
            sizes[task] = load_weights(known[fitting[0]].find())[0].number_of_parameters
        where = task if level is None or LEVEL_NAMES[task] is None else f"{task} at {LEVEL_NAMES[task]} {level:g}"
        reasons[task] = None if fitting else f"no weights of {method} are released for {where}; train them"
        weights += fitting
    return {
        "tasks": list(tasks), "parameters": sizes, "skip": reasons, "reference": REFERENCE,
        "prior": PRIORS[method], "weights": weights,
    }  # fmt: skip


def _blind(name: str) -> bool:
    return name.endswith("-blind")


def _fits(name: str, task: str, method: str, level: float | None) -> bool:
    """Whether released weights are the method's for the task, and for the level where one is asked for."""
    kind, start = LEVEL_NAMES[task], f"{task}-{method}"
    if kind is None or level is None:
        return name == start or name.startswith(f"{start}-")
    return name in (f"{start}-blind", f"{start}-{kind}{level:g}")
