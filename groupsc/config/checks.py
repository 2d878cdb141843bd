"""Check configuration values and report errors."""

from __future__ import annotations

from numbers import Integral

from groupsc.utils.errors import GroupSCError


def require(condition: object, sentence: str) -> None:
    """Raise `GroupSCError` with the sentence unless the condition holds."""
    if not condition:
        raise GroupSCError(sentence)


def is_count(value: object) -> bool:
    """Return whether a value is a whole number of at least 1."""
    return isinstance(value, Integral) and not isinstance(value, bool) and int(value) >= 1


def require_blocks(mode: str, stride: object) -> None:
    """Raise an error if a stride is given although whole images are restored, which have no blocks."""
    require(
        stride is None or mode != "whole",
        f"the stride is {stride!r}, but only blocks have a stride; choose mode 'block', or leave it out",
    )
