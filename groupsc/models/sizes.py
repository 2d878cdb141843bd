"""Number of parameters of a model and of the blocks of an image, computed without torch."""

from __future__ import annotations

import math

from groupsc.config.definitions import ModelConfig
from groupsc.models.penalties import Centralised, kind_of


def number_of_parameters(config: ModelConfig) -> int:
    """Number of trained parameters of a model, equal to `SparseCoder.number_of_parameters`.

    Parameters
    ----------
    config : ModelConfig

    Returns
    -------
    int

    Raises
    ------
    GroupSCError
        For a penalty without proximal operator.

    Examples
    --------
    >>> number_of_parameters(ModelConfig())
    68434
    """
    kind, steps = kind_of(config.penalty), config.n_iterations * config.n_atoms
    dictionaries = 3 * config.dimension * config.n_atoms
    thresholds = steps if config.levels is None else len(config.levels) * (1 if config.scalar_thresholds else steps)
    similarity = 0
    if kind.nonlocal_:
        refreshes = len(config.similarity_updates)
        maps, updates = (1, 1) if config.shared_similarity else (refreshes + 1, refreshes)
        similarity = maps * config.dimension + updates
    return dictionaries + thresholds + similarity + (kind is Centralised)


def number_of_blocks(length: float, side: int, stride: int) -> int:
    """Count the blocks along an axis, with the padding of `groupsc.inference.restoration.blockwise`.

    Parameters
    ----------
    length : float
        Length of the axis in pixels.
    side, stride : int
        Side of a block and distance between blocks in pixels.

    Examples
    --------
    >>> number_of_blocks(321, 56, 48)
    9
    """
    return math.floor((length + side - 2) / stride) + 2
