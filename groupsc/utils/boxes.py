"""Compute the sums over all rectangles of one size in an image, with a summed-area table."""

from typing import Any

import numpy as np
from numpy.typing import NDArray


def box_sums(x: NDArray[Any], height: int, width: int) -> NDArray[np.float64]:
    """Sum an image over all rectangles of one size.

    Parameters
    ----------
    x : ndarray (H, W)
    height, width : int
        Size of the rectangles in pixels, at most (H, W).

    Returns
    -------
    ndarray (H - height + 1, W - width + 1), float64
        Sums by the position of the upper left corner.

    Examples
    --------
    >>> import numpy as np
    >>> box_sums(np.array([[1, 2, 3], [4, 5, 6]]), 2, 2).tolist()
    [[12.0, 16.0]]
    """
    total = np.pad(x.astype(np.float64), ((1, 0), (1, 0))).cumsum(0).cumsum(1)
    return total[height:, width:] - total[:-height, width:] - total[height:, :-width] + total[:-height, :-width]
