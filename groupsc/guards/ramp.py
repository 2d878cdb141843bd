"""Turn the statistic of a test into a weight without a jump, so that a guard changes an image smoothly."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray


def ramp(x: NDArray[Any], low: float, high: float) -> NDArray[Any]:
    """Rise linearly from 0 at `low` to 1 at `high`; constant outside.

    Examples
    --------
    >>> ramp(np.array([0.0, 1.5, 4.0]), 1, 2).tolist()
    [0.0, 0.5, 1.0]
    """
    return np.clip((x - low) / (high - low), 0, 1)
