"""Options of the command line that several commands have."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Annotated

from typer import Argument, Option

from groupsc.utils.errors import GroupSCError

DataDir = Annotated[Path, Option(help="Folder of the data sets.")]
Folders = Annotated[
    list[str] | None,
    Option(
        "--folder", metavar="NAME=FOLDER", help="Name a folder of own images as a data set; may be given several times."
    ),
]
Images = Annotated[int | None, Option(min=1, help="Use only this number of images, the first ones.")]
Device = Annotated[str, Option(help="auto, cpu or cuda.")]
Mode = Annotated[str, Option(help="`whole` image, or `block` as in the paper.")]
Stride = Annotated[int | None, Option(min=1, help="Stride of the blocks, in pixels.")]
AsJson = Annotated[bool, Option("--json", help="Print JSON.")]
Rows = Annotated[list[Path] | None, Argument(metavar="[ROWS.csv...]", help="Per-image results of `groupsc evaluate`.")]


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
