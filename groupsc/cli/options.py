"""Options of the command line that several commands read."""

from __future__ import annotations

import re

from groupsc.utils.errors import GroupSCError


def pixel(text: str) -> tuple[int, int]:
    """Column and row from `120,80`.

    Raises
    ------
    GroupSCError
        When the text has another form.
    """
    place = re.fullmatch(r"(\d+),(\d+)", text.strip())
    if place is None:
        raise GroupSCError(f"--at is {text!r}; write column and row like 120,80")
    return int(place[1]), int(place[2])
