"""Make pages readable on narrow screens: label cells of tables with their column, and break code between its parts."""

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
ANY_CODE = re.compile(r"<code>.*?</code>", re.S)
OPTION = re.compile(r"(?<![\w-])--[a-z][\w-]*")
BREAK = re.compile(r"(::|[/_.=,-])(?=\w)")
LONG = 40
"""Characters of a cell that make a table one of text, whose rows become lists on narrow screens."""


def on_page_content(text: str, page: Any, config: Any, files: Any) -> str:
    """Change all tables and all code of a page."""
    text = ANY_CODE.sub(lambda found: OPTION.sub(r'<span class="option">\g<0></span>', found[0]), text)
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

    def labelled(cell: re.Match[str]) -> str:
        attribute = f'data-column="{html.escape(next(columns))}"' if cell[2].strip() else "data-empty"
        return f"<td {attribute}{cell[1]}>{cell[2]}</td>"

    return CELL.sub(labelled, row)


def _breakable(code: re.Match[str]) -> str:
    return BREAK.sub(r"\1<wbr>", code[0])
