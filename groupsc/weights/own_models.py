"""Write the weights of a user's own training, with a card that names the trainings before it."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from groupsc.config.definitions import PENALTIES, experiment_name, method_name
from groupsc.models.coder import SparseCoder
from groupsc.utils.errors import GroupSCError
from groupsc.utils.typing import PathLike
from groupsc.utils.version import code_version
from groupsc.weights.cards import check_card
from groupsc.weights.files import save_weights
from groupsc.weights.released import releases


def save_own(
    path: PathLike, coder: SparseCoder, card: Mapping[str, Any], *, name: str, level: float | None = None
) -> Path:
    """Write a model that was trained further to a weights file.

    Parameters
    ----------
    path : path
        File with the ending .safetensors.
    coder : SparseCoder
    card : dict
        Card of the model before the training.
    name, level : str, float
        As for `groupsc.inference.restorer.Restorer.save`, which describes the new card.

    Returns
    -------
    Path
        The file.

    Raises
    ------
    GroupSCError
        When the name has other letters or is that of a released model, the level is not possible, the coder is of a
        subclass, the file has another ending, or it can't be written.

    Examples
    --------
    >>> save_own("tuned.safetensors", coder, card, name="tuned", level=20)  # doctest: +SKIP
    """
    # Loading a model needs no grid, whose classes take time to build.
    from groupsc.config.grid import VARIANT, reserved_part

    if type(coder) is not SparseCoder:
        raise GroupSCError(
            f"a weights file has no code, so {type(coder).__name__} would be loaded as SparseCoder; keep its "
            "state_dict(), or add its prior to the package (docs/extend/prior.md)"
        )
    if Path(path).suffix != ".safetensors":
        raise GroupSCError(f"the file is {path}; choose a name that ends in .safetensors")
    if not re.fullmatch(VARIANT, name) or reserved_part(name):
        raise GroupSCError(
            f"the name is {name!r}; write small letters, digits and at most one dash, such as mine-v2, without the "
            "parts blind, guarded, known, and trained, sigma or quality with or without a number"
        )
    level = card.get("level") if level is None else level
    method = next(method for method, penalty in PENALTIES.items() if penalty == coder.config.penalty)
    check_card({"task": card.get("task"), "method": method, "level": level}, coder.config)
    before = {key: card[key] for key in ("name", "steps", "best_step", "minutes", "device") if key in card}
    trained = "steps" in before or "earlier" in card
    own = {
        "name": experiment_name(card["task"], method_name(method, name), level),
        "task": card["task"],
        "method": method,
        "variant": name,
        "level": level,
        "earlier": [*card.get("earlier", []), *([before] if trained else [])],
        "code_version": code_version(),
    }
    if own["name"] in releases():
        raise GroupSCError(f"a released model has the name {own['name']}; choose another name")
    save_weights(path, coder, own)
    return Path(path)
