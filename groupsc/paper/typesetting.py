"""Typeset tables as Markdown and HTML from one grid of cells; `groupsc.paper.latex` typesets the same grid.

Each kind of cell has its own look. The paper's values are upright, its best in bold and its second best underlined.
Values of this run are coloured in HTML and have separate rows in Markdown. Differences are in italics, and "not run"
is gray.
"""

from __future__ import annotations

import html
from dataclasses import dataclass

import pandas as pd


@dataclass(frozen=True)
class Part:
    """One number of a cell; `rank` is "best", "second" or "", as the paper marks it."""

    text: str
    rank: str = ""


@dataclass(frozen=True)
class Cell:
    """Numbers of one kind, separated by slashes, followed by a `note` in parentheses.

    `kind` is "label", "paper", "run", "difference", "missing" or, for text, "note".
    """

    kind: str
    parts: tuple[Part, ...] = ()
    note: str = ""


STYLE = [
    {"selector": "", "props": "border-collapse: collapse; border: solid; border-width: 2px 0; margin: 1em auto"},
    {"selector": "caption", "props": "caption-side: top; max-width: 60em; padding: .6em; text-align: left"},
    {"selector": "thead th", "props": "border-bottom: 1px solid; padding: .3em .7em; text-align: right"},
    {"selector": "td", "props": "padding: .15em .7em; text-align: right; white-space: nowrap"},
    {"selector": "td, th", "props": "font-variant-numeric: tabular-nums"},
    {"selector": "td.label", "props": "text-align: left"},
    {"selector": "td.run", "props": "color: #0b57a4; background: #eef5fc"},
    {"selector": "td.difference", "props": "color: #555; font-style: italic"},
    {"selector": "td.note", "props": "text-align: left; white-space: normal; min-width: 18em"},
    {"selector": "td.missing", "props": "color: #999; font-style: italic"},
    {"selector": "td.first", "props": "border-top: 1px solid #ccc"},
    {"selector": "td small", "props": "opacity: .75"},
]  # fmt: skip
"""CSS of a table in HTML."""

PAGE = """<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>{title}</title>
</head>
<body style="font-family: system-ui, sans-serif; font-size: 15px; color: #111; background: #fff; overflow-x: auto">
{table}
</body>
</html>
"""


def to_markdown(table) -> str:
    """Return a table in GitHub-flavoured Markdown below its caption, with aligned columns."""
    header, grid = table.header, table.body
    lines = [header, *[[_markdown(cell) for cell in row] for row in grid]]
    lines = [[text.replace("|", r"\|") for text in line] for line in lines]
    widths = [max(3, *(len(line[column]) for line in lines)) for column in range(len(header))]
    labels = label_columns(grid)
    rule = ["-" * width if column < labels else "-" * (width - 1) + ":" for column, width in enumerate(widths)]
    lines.insert(1, rule)
    for number, line in enumerate(lines):
        padded = [
            text.ljust(width) if column < labels else text.rjust(width)
            for column, (text, width) in enumerate(zip(line, widths, strict=True))
        ]
        lines[number] = "| " + " | ".join(padded) + " |"
    title = f"# {table.title}\n\n" if table.page else f"**{table.title}.** "
    return f"{title}{_words(table)}\n\n" + "\n".join(lines) + "\n"


def to_html(table) -> str:
    """Return an HTML page that contains only the table."""
    cells = pd.DataFrame([[_html(cell) for cell in row] for row in table.body], columns=range(len(table.header)))
    styler = cells.style.hide(axis="index").relabel_index(
        [html.escape(title) for title in table.header], axis="columns"
    )
    classes = pd.DataFrame([[f"{cell.kind} {_rule(row)}".strip() for cell in row] for row in table.body])
    titles = [f"th.col{column}" for column in range(label_columns(table.body))]
    left = {"selector": ", ".join(titles), "props": "text-align: left !important"}
    caption = f"<b>{html.escape(table.title)}.</b> {html.escape(_words(table))}"
    styler = styler.set_table_styles([*STYLE, left]).set_td_classes(classes).set_caption(caption).set_uuid(table.name)
    return PAGE.format(title=html.escape(table.title), table=styler.to_html())


def _words(table) -> str:
    """Join caption and provenance."""
    return f"{table.caption} {table.provenance}".strip()


def _rule(row: list[Cell]) -> str:
    """Return the class of the first row of a group, which has a line above it; empty for other rows."""
    label = "".join(part.text for part in row[0].parts)
    return "first" if label and not label.startswith("↳") else ""


def label_columns(grid: list[list[Cell]]) -> int:
    """Count the columns of labels."""
    return sum(cell.kind == "label" for cell in grid[0]) if grid else 1


def _markdown(cell: Cell) -> str:
    marks = {"best": "**{}**", "second": "<u>{}</u>", "": "{}"}
    text = "/".join(marks[part.rank].format(part.text) for part in cell.parts)
    if cell.note:
        text += f" ({cell.note})"
    return f"*{text}*" if cell.kind in ("difference", "missing") and text.strip(" –") else text


def _html(cell: Cell) -> str:
    marks = {"best": "<strong>{}</strong>", "second": "<u>{}</u>", "": "{}"}
    text = "/".join(marks[part.rank].format(html.escape(part.text)) for part in cell.parts)
    return f"{text} <small>({html.escape(cell.note)})</small>" if cell.note else text
