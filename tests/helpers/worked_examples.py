"""The examples of `docs/extend`: apply what a page changes to a copy of the repository, and run what it runs.

A page has blocks with a title, which are new files, or edits (`diff`), and blocks without a title, which are commands
(`bash`) or programs (`python`). `@@` separates the parts of an edit. The lines that a part keeps or removes are in the
file exactly once; a part that only adds lines adds them at the end of the file.
"""

from __future__ import annotations

import re
from pathlib import Path

BLOCK = re.compile(r'^```(\w+)(?: title="([^"]+)")?\n(.*?)^```$', re.M | re.S)


def blocks(page: Path) -> list[tuple[str, str, str]]:
    """The blocks of a page: language, title or "", and text."""
    return [(kind, title or "", text) for kind, title, text in BLOCK.findall(page.read_text(encoding="utf-8"))]


def prepare(page: Path, root: Path) -> list[tuple[str, str]]:
    """Make the files and the edits of a page under `root`; return the commands and programs, in order."""
    steps = []
    for kind, title, text in blocks(page):
        if kind == "diff":
            edit(root / title, text)
        elif title:
            assert not (root / title).exists(), f"{page.name} writes {title}, which exists"
            (root / title).write_text(text, encoding="utf-8")
        elif kind == "bash":
            steps += [(kind, line) for line in text.splitlines()]
        elif kind == "python":
            steps.append((kind, text))
    return steps


def edit(path: Path, text: str) -> None:
    """Apply an edit to a file."""
    whole = path.read_text(encoding="utf-8")
    for part in re.split(r"^@@\n", text, flags=re.M):
        lines = [(line[:1] or " ", line[1:]) for line in part.splitlines()]
        old, new = ("".join(f"{words}\n" for mark, words in lines if mark in marks) for marks in (" -", " +"))
        if not old:
            whole += new
            continue
        found = re.findall(rf"^{re.escape(old)}", whole, re.M)
        assert len(found) == 1, f"{path} has these lines {len(found)} times:\n{old}"
        whole = re.sub(rf"^{re.escape(old)}", lambda _, new=new: new, whole, flags=re.M)
    path.write_text(whole, encoding="utf-8")
