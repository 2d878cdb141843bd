"""Sums over all rectangles of an image, from one summed-area table."""

import numpy as np


def box_sums(x: np.ndarray, height: int, width: int) -> np.ndarray:
    """Sums of x (H, W) over all its rectangles of a size, by their corners: float64 (H − height + 1, W − width + 1)."""
    total = np.pad(x.astype(np.float64), ((1, 0), (1, 0))).cumsum(0).cumsum(1)
    return total[height:, width:] - total[:-height, width:] - total[height:, :-width] + total[:-height, :-width]
