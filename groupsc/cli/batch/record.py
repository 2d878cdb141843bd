"""Record in the output folder with which options each image was restored.

`groupsc.jsonl` has one line of JSON per restored image. It is a file beside the images, and not metadata within them,
because not every format has fields for it, other programs remove such fields, and the images should contain nothing
that the input did not. It stays with the images when the folder is moved. Lines are only appended, in one write each,
so that processes can share a folder and a killed process damages at most the last line, which is then ignored.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from groupsc.utils.digests import file_digest
from groupsc.utils.errors import GroupSCError
from groupsc.utils.version import __version__

NAME = "groupsc.jsonl"


def entry(source: Path, target: Path, options: dict[str, Any], facts: dict[str, Any]) -> dict[str, Any]:
    """Describe one restored image: its file, the content of the input, the options, and what was found."""
    return {
        **facts,
        "output": target.name,
        "input_sha256": file_digest(source),
        "options": options,
        "groupsc": __version__,
    }


def append(folder: Path, line: dict[str, Any]) -> None:
    """Append one entry to the record of a folder.

    Raises
    ------
    GroupSCError
        When the file can't be written.
    """
    path = folder / NAME
    try:
        with open(path, "a+b") as file:
            size = file.tell()
            file.seek(max(0, size - 1))
            torn = size > 0 and file.read(1) != b"\n"  # A killed process left an incomplete line.
            file.write(b"\n" * torn + json.dumps(line).encode() + b"\n")
    except OSError as error:
        raise GroupSCError(
            f"{path} can't be written ({error.strerror}); free some space or choose another folder"
        ) from error


def read(folder: Path) -> dict[str, dict[str, Any]]:
    """Read the last entry of each image of a folder, by the name of its file; none without a record."""
    found = {}
    try:
        lines = (folder / NAME).read_text(encoding="utf-8", errors="replace").splitlines()
    except FileNotFoundError:
        return {}
    for line in lines:
        try:
            known = json.loads(line)
            found[known["output"]] = known
        except (ValueError, TypeError, KeyError):
            continue
    return found


def difference(source: Path, known: dict[str, Any] | None, options: dict[str, Any]) -> str | None:
    """Say how an earlier restoration differs from the one that is asked for; None if it does not, or is unknown.

    Examples
    --------
    >>> difference(Path("a.png"), {"options": {"sigma": 10}}, {"sigma": 25})
    'sigma was 10 and is 25'
    """
    if known is None:
        return None
    before = known.get("options", {})
    for key in (*options, *(key for key in before if key not in options)):
        if before.get(key) != options.get(key):
            return f"{key} was {_shown(before.get(key))} and is {_shown(options.get(key))}"
    if "input_sha256" in known and known["input_sha256"] != file_digest(source):
        return "its input has changed"
    return None


def _shown(value: Any) -> str:
    if isinstance(value, list):
        return ",".join(map(str, value))
    return "auto" if value is None else str(value)
