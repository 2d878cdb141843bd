"""Describe the steps of a released model, and the weights that its training started from."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from groupsc.weights.cards import own_steps


def first_weights(card: Mapping[str, Any]) -> str:
    """Name the weights that a training started from, and count the steps of the trainings before it.

    Parameters
    ----------
    card : dict
        Card of the weights file.

    Returns
    -------
    str
        Empty for a training that started from a dictionary or from random values.

    Examples
    --------
    >>> first_weights({"training": {"init_from": "sc"}, "earlier": [{"steps": 1000}, {"steps": 500}]})
    'from sc after 1,500 earlier steps'
    """
    source, steps = card["training"].get("init_from"), sum(map(own_steps, card.get("earlier", ())))
    parts = [f"from {source}" if source else "", f"after {steps:,} earlier steps" if steps else ""]
    return " ".join(filter(None, parts))


def training_steps(card: Mapping[str, Any]) -> str:
    """Describe the steps of a training and of those before it.

    The weights are those of the best validation, which can be before the last step.

    Examples
    --------
    >>> training_steps({"steps": 1200, "training": {"init_from": "sc"}})
    '1,200 steps from sc'
    >>> training_steps({"steps": 24, "best_step": 0, "training": {"init_from": "color-groupsc-sigma15"}})
    '0 of 24 steps from color-groupsc-sigma15'
    """
    taken = own_steps(card)
    number = f"{taken:,} steps" if taken == card["steps"] else f"{taken:,} of {card['steps']:,} steps"
    return " ".join(filter(None, (number, first_weights(card))))
