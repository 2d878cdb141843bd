"""Find the range of values of an image, and check noise levels against it.

The models are trained on images in [0, 1] and count noise in gray levels of 255. Users count it in the units of their
image: gray levels of 8 bits, counts of 16 bits, or the values of floats. Models don't depend on the range: an image is
scaled until its noise has a trained level (`groupsc.inference.restorer`). The range is needed to select the model.
"""

from __future__ import annotations

import math
import warnings
from dataclasses import dataclass
from numbers import Real
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from groupsc.io.arrays import working_type
from groupsc.utils.errors import GroupSCError, GroupSCWarning

BITS = (8, 10, 12, 14, *range(16, 64))
"""Bit depths, of which an image of a wider type has the smallest that holds its values; below 16 those of cameras."""

OUTLIERS = 6.0
"""Largest distance to [0, 1], in standard deviations of the noise, of values that noise explains."""

NEAR_ONE = 2.0
"""Largest range of floats that are taken for an image in [0, 1] with noise in the hint of an error."""

ROUNDING = 0.5
"""Noise of integers below which a given level is questioned."""


@dataclass(frozen=True)
class ValueRange:
    """Range of the values of an image, in its own units.

    Parameters
    ----------
    low, high : float
        Values that black and white have apart from noise; high exceeds low.
    guessed : bool
        True if the range was guessed from the values, False if the type defines it.

    Examples
    --------
    >>> found = ValueRange(0, 4095, True)
    >>> str(found), ValueRange(0, 255, False).level(25), found.to_unit(np.array([819, 4095], np.uint16))
    ('0 to 4095', 25.0, array([0.2, 1. ], dtype=float32))
    """

    low: float
    high: float
    guessed: bool

    def __str__(self) -> str:
        return f"{self.low:.5g} to {self.high:.5g}"

    @property
    def width(self) -> float:
        """Distance between low and high."""
        return self.high - self.low

    def level(self, sigma: float) -> float:
        """Convert a noise level from the units of the image to gray levels of 255."""
        return 255 * sigma / self.width

    def to_unit(self, image: NDArray[Any]) -> NDArray[Any]:
        """Map values from this range to [0, 1], as float32 or float64."""
        work = working_type(image.dtype)
        return np.ascontiguousarray((image.astype(work) - work(self.low)) / work(self.width))

    def from_unit(self, image: NDArray[Any]) -> NDArray[Any]:
        """Map floats from [0, 1] to this range."""
        work = image.dtype.type
        mapped: NDArray[Any] = image * work(self.width) + work(self.low)
        return mapped


def rounding_noise(dtype: np.dtype[Any]) -> float:
    """Return the highest estimate of σ that rounding alone causes; 0 for floats.

    The error of rounding to integers has σ = 12^-½ = 0.289. Estimates for small images exceed it by up to 3 %.

    Examples
    --------
    >>> round(rounding_noise(np.dtype(np.uint8)), 3), rounding_noise(np.dtype(np.float32))
    (0.303, 0.0)
    """
    return 1.05 * 12**-0.5 if dtype.kind in "iu" else 0.0


def value_range(image: ArrayLike, sigma: float = 0.0) -> ValueRange:
    """Find the range of the values of an image.

    Parameters
    ----------
    image : array of integers or floats
        In its own units.
    sigma : float
        Standard deviation of the noise in the units of the image.

    Returns
    -------
    ValueRange
        From 0 to 255 for uint8. For other integers from 0 to the highest value of the first of 8, 10, 12, 14, 16, 17
        and more bits that holds all values. From 0 to 1 for floats that leave [0, 1] by noise only. Otherwise from the
        smallest to the largest value.

    Examples
    --------
    >>> value_range(np.array([7, 3000], np.uint16))
    ValueRange(low=0.0, high=4095.0, guessed=True)
    >>> value_range(np.array([-0.2, 1.1]), sigma=0.1), value_range(np.array([-3.0, 2.0]), sigma=0.1)
    (ValueRange(low=0.0, high=1.0, guessed=False), ValueRange(low=-3.0, high=2.0, guessed=True))
    """
    image = np.asarray(image)
    low, high = float(image.min()), float(image.max())
    if image.dtype.kind in "iu" and low >= 0:
        own = float(np.iinfo(image.dtype).max)
        highest = next((2.0**bits - 1 for bits in BITS if high < 2**bits <= own + 1), own)
        return ValueRange(0.0, highest, highest != own)
    if image.dtype.kind == "f" and sigma <= 1 and -low <= OUTLIERS * sigma and high - 1 <= OUTLIERS * sigma:
        return ValueRange(0.0, 1.0, False)
    return ValueRange(low, high if high > low else low + 1, True)


def check_sigma(sigma: float, image: ArrayLike | None = None) -> None:
    """Check that a noise level is a number, and that it fits the range of an image.

    Parameters
    ----------
    sigma : float
        Standard deviation of the noise in the units of the image.
    image : array of integers or floats, optional
        In its own units.

    Raises
    ------
    GroupSCError
        If σ is not a finite number of at least 0, or is larger than the range of the image. Floats that are constant
        have no range.

    Warns
    -----
    GroupSCWarning
        If σ is below `ROUNDING` on an image of integers, because it can be meant for floats in [0, 1].

    Examples
    --------
    >>> check_sigma(25, np.array([[0, 255]], np.uint8))
    >>> check_sigma(25, np.array([[0.0, 1.0]]))
    Traceback (most recent call last):
        ...
    groupsc.utils.errors.GroupSCError: sigma is 25, but the values of the image range from 0 to 1; did you mean 25/255?
    """
    if isinstance(sigma, bool) or not isinstance(sigma, Real) or not 0 <= sigma < math.inf:
        raise GroupSCError(f"sigma is {sigma!r}; give the standard deviation of the noise, a number of at least 0")
    if image is None:
        return
    image = np.asarray(image)
    found = value_range(image, float(sigma))
    if image.dtype.kind == "f" and image.min() == image.max():  # A blank page of a stack has no range.
        return
    integers = image.dtype.kind in "iu"
    highest = float(np.iinfo(image.dtype).max) if integers else found.width
    if sigma > highest:
        intended = f"{sigma:g}/255" if found.width <= NEAR_ONE else f"{sigma:g}/255*{found.width:.4g}"
        hint = f"give at most {highest:.5g}" if integers or sigma > 255 else f"did you mean {intended}?"
        raise GroupSCError(f"sigma is {sigma:g}, but the values of the image range from {found}; {hint}")
    if integers and 0 < sigma < ROUNDING:
        warnings.warn(
            f"sigma is {sigma:g}, but the values of the image are integers from {found}; did you mean "
            f"{sigma * found.high:.4g}?",
            GroupSCWarning,
            stacklevel=2,
        )
