"""Check configuration values and report errors."""

from __future__ import annotations

import math
from numbers import Integral, Real

from groupsc.utils.errors import GroupSCError


def require(condition, sentence: str) -> None:
    """Raise `GroupSCError` with the sentence unless the condition holds."""
    if not condition:
        raise GroupSCError(sentence)


def require_count(name: str, value) -> None:
    """Raise an error unless a value is a whole number from 1 on."""
    require(is_count(value), f"{name} is {value!r}; choose a whole number of at least 1")


def require_counts(settings, *names: str) -> None:
    """Raise an error unless the attributes of these names are whole numbers from 1 on."""
    for name in names:
        require_count(name, getattr(settings, name))


def require_numbers(settings, *names: str) -> None:
    """Raise an error unless the attributes of these names are finite numbers."""
    for name in names:
        value = getattr(settings, name)
        hint = f"; to YAML {value} is text, write 1.0e-8 for 1e-8" if _reads_as_number(value) else ""
        require(is_number(value), f"{name} is {value!r}; give a number{hint}")


def require_texts(settings, *names: str) -> None:
    """Raise an error unless the attributes of these names are texts."""
    for name in names:
        value = getattr(settings, name)
        require(isinstance(value, str), f"{name} is {value!r}; give a name")


def is_count(value) -> bool:
    """Whether a value is a whole number from 1 on."""
    return isinstance(value, Integral) and not isinstance(value, bool) and value >= 1


def is_number(value) -> bool:
    """Whether a value is a finite number, and not text or a truth value."""
    return isinstance(value, Real) and not isinstance(value, bool) and math.isfinite(value)


def _reads_as_number(value) -> bool:
    try:
        return isinstance(value, str) and math.isfinite(float(value))
    except ValueError:
        return False


def require_blocks(mode: str, stride) -> None:
    """Raise an error when a stride between blocks is given for whole images."""
    require(
        stride is None or mode != "whole",
        f"the stride {stride!r} is one between blocks; choose mode 'block', or leave it out",
    )


def require_keys(where: str, values, known: dict, *required: str, former: dict | None = None) -> None:
    """Raise an error unless `values` is a mapping of some `known` keys, the `required` ones among them.

    `known` gives for each key whether its value is a `list`, a `dict`, or anything (None).
    """
    require(isinstance(values, dict), f"{where} is {values!r}; give a mapping with {', '.join(known)}")
    unknown = sorted(str(key) for key in values if key not in known)
    hints = "".join(f"; {key} is now {former[key]}" for key in unknown if key in (former or {}))
    require(not unknown, f"{where} has no {', '.join(unknown)}{hints}; it has {', '.join(known)}")
    missing = [key for key in required if not values.get(key)]
    require(not missing, f"{where} lacks {', '.join(missing)}; it has {', '.join(known)}")
    for key, value in values.items():
        kind, name = (dict, "mapping") if known[key] is dict else ((list, tuple), "list")
        fits = known[key] is None or isinstance(value, kind)
        require(fits, f"{where}.{key} is {value!r}; give a {name}")
