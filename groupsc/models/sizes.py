"""How many parameters models have, counted from their configuration and without torch."""

from __future__ import annotations

from groupsc.config.definitions import ModelConfig
from groupsc.models.penalties import Centralised, kind_of


def number_of_parameters(config: ModelConfig) -> int:
    """Trained parameters of a model; as `SparseCoder.number_of_parameters`, without making the model."""
    kind, steps = kind_of(config.penalty), config.n_iterations * config.n_atoms
    dictionaries = 3 * config.dimension * config.n_atoms
    thresholds = steps if config.levels is None else len(config.levels) * (1 if config.scalar_thresholds else steps)
    similarity = 0
    if kind.nonlocal_:
        refreshes = len(config.similarity_updates)
        maps, updates = (1, 1) if config.shared_similarity else (refreshes + 1, refreshes)
        similarity = maps * config.dimension + updates
    return dictionaries + thresholds + similarity + (kind is Centralised)
