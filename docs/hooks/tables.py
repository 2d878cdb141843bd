"""Make tables readable on narrow screens: label cells with their column, and let long names break."""

from __future__ import annotations

import html
import re
from typing import Any

TABLE = re.compile(r"<table>.*?</table>", re.S)
HEAD = re.compile(r"<th[^>]*>(.*?)</th>", re.S)
ROW = re.compile(r"<tr[^>]*>.*?</tr>", re.S)
CELL = re.compile(r"<td([^>]*)>(.*?)</td>", re.S)
TAG = re.compile(r"<[^>]+>")
CODE = re.compile(r"(?<=<code>)[^<]{16,}(?=</code>)")
BREAK = re.compile(r"(::|[/_.=,-])(?=\w)")
LONG = 40
"""Characters of a cell that make a table one of text, whose rows become lists on narrow screens."""


def on_page_content(text: str, page: Any, config: Any, files: Any) -> str:
    """Change all tables of a page."""
    return TABLE.sub(lambda found: _table(found[0]), text)


def _table(table: str) -> str:
    names = [TAG.sub("", name).strip() for name in HEAD.findall(table)]
    texts = [TAG.sub("", cell) for _, cell in CELL.findall(table)]
    if len(names) > 2 and max(map(len, texts), default=0) > LONG:
        table = ROW.sub(lambda row: _labelled(row[0], names), table).replace("<table>", "<table data-rows>", 1)
    return CELL.sub(lambda cell: f"<td{cell[1]}>{CODE.sub(_breakable, cell[2])}</td>", table)


def _labelled(row: str, names: list[str]) -> str:
    """A row whose cells have the names of their columns."""
    columns = iter(names)
    return CELL.sub(lambda cell: f'<td data-column="{html.escape(next(columns))}"{cell[1]}>{cell[2]}</td>', row)


def _breakable(code: re.Match[str]) -> str:
    return BREAK.sub(r"\1<wbr>", code[0])
