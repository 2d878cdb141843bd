"""Check configuration values and report errors."""

from __future__ import annotations

import math
from numbers import Integral, Real

from groupsc.utils.errors import GroupSCError


def require(condition: object, sentence: str) -> None:
    """Raise `GroupSCError` with the sentence unless the condition holds."""
    if not condition:
        raise GroupSCError(sentence)


def require_count(name: str, value: object) -> None:
    """Raise an error unless a value is a whole number of at least 1."""
    require(is_count(value), f"{name} is {value!r}; choose a whole number of at least 1")


def is_count(value: object) -> bool:
    """Return whether a value is a whole number of at least 1."""
    return isinstance(value, Integral) and not isinstance(value, bool) and int(value) >= 1


def is_number(value: object) -> bool:
    """Return whether a value is a finite number, and not text or a truth value."""
    return isinstance(value, Real) and not isinstance(value, bool) and math.isfinite(value)


def require_blocks(mode: str, stride: object) -> None:
    """Raise an error if a stride of blocks is given for whole images."""
    require(
        stride is None or mode != "whole",
        f"the stride {stride!r} is one between blocks; choose mode 'block', or leave it out",
    )
