"""Show how far a long computation is: on the terminal, or where the caller wants it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from tqdm import tqdm

Progress = bool | Callable[..., Any]
"""Whether progress is shown on the terminal, or a class with the arguments of tqdm and its methods update and close."""


def progress_bar(progress: Progress, total: int, unit: str) -> Any:
    """Begin to show progress.

    Parameters
    ----------
    progress : bool or type
        Whether a bar is shown on the terminal if the computation takes more than two seconds, or a class that shows it.
    total : int
        Number of steps.
    unit : str
        Name of a step.

    Returns
    -------
    object
        `update(n)` adds n steps, `close()` ends.

    Examples
    --------
    >>> bar = progress_bar(False, 3, "block")
    >>> _ = bar.update(1)
    >>> bar.close()
    """
    if isinstance(progress, bool):
        return tqdm(total=total, unit=unit, delay=2, leave=False, disable=not progress)
    return progress(total=total, unit=unit)
