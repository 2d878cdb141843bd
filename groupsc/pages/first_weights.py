"""Describe the weights that the training of a released model started from."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any


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
    source, steps = card["training"].get("init_from"), sum(training["steps"] for training in card.get("earlier", ()))
    parts = [f"from {source}" if source else "", f"after {steps:,} earlier steps" if steps else ""]
    return " ".join(filter(None, parts))
