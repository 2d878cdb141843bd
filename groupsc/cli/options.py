"""Parse options of the command line that several commands have."""

from __future__ import annotations

import re

from groupsc.utils.errors import GroupSCError


def pixel(text: str) -> tuple[int, int]:
    """Parse the column and row of a pixel.

    Parameters
    ----------
    text : str
        Two whole numbers, such as "120,80".

    Returns
    -------
    (int, int)
        Column and row.

    Raises
    ------
    GroupSCError
        If the text has another form.

    Examples
    --------
    >>> pixel("120,80")
    (120, 80)
    """
    place = re.fullmatch(r"(\d+),(\d+)", text.strip())
    if place is None:
        raise GroupSCError(f"--at is {text!r}; write column and row like 120,80")
    return int(place[1]), int(place[2])
