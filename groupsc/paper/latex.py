"""Tables as LaTeX in booktabs style, one or two columns of text wide, with the provenance of their values below."""

from __future__ import annotations

import itertools
import string
import textwrap

from groupsc.paper.typesetting import Cell, label_columns

PACKAGES = "booktabs,graphicx,xcolor,amssymb"
"""Packages that a document must load for the tables."""

LETTERS = {
    "\\": r"\textbackslash{}", "&": r"\&", "%": r"\%", "$": r"\$", "#": r"\#", "_": r"\_", "{": r"\{", "}": r"\}",
    "~": r"\textasciitilde{}", "[": "{[}", "^": r"\textasciicircum{}", "|": r"\textbar{}", "<": r"\textless{}",
    ">": r"\textgreater{}", '"': "''", "±": r"$\pm$", "−": "$-$", "–": "--", "—": "---", "σ": r"$\sigma$",
    "Σ": r"$\Sigma$", "κ": r"$\kappa$", "ν": r"$\nu$", "µ": r"$\mu$", "∞": r"$\infty$", "≤": r"$\leq$",
    "≥": r"$\geq$", "·": r"$\cdot$", "°": r"$^{\circ}$", "²": r"$^{2}$", "×": r"$\times$", "→": r"$\rightarrow$",
    "®": r"\textregistered{}", "©": r"\textcopyright{}", "™": r"\texttrademark{}", "✓": r"\checkmark{}",
    "✗": r"$\times$", "↳": r"\quad", "\N{NO-BREAK SPACE}": "~",
}  # fmt: skip
"""LaTeX of the characters that its text fonts lack or that it reads as commands."""
ACCENTED = range(0xC0, 0x180)
"""Accented letters, which LaTeX reads in UTF-8."""

RANKS = {"best": r"\textbf{%s}", "second": r"\underline{%s}", "": "%s"}
LOOKS = {
    "run": r"\textcolor{blue!60!black}{%s}",
    "difference": r"\textit{%s}",
    "missing": r"\textcolor{gray}{\textit{%s}}",
}

COLUMN = 229
"""Width in points of a column of `\\documentclass[twocolumn]{article}`; wider tables span both columns."""
LETTER, GAP = 4.2, 6.0
"""Approximate width of a letter at the size `\\footnotesize`, and distance of the columns of a table, in points."""
SHORTEST = 8
"""Letters that a line of a column heading may have above narrower cells."""
LONGEST = 45
"""Rows that fit on a page. A table with more rows is continued on the next page, from the first row of a group."""


def to_latex(table) -> str:
    """Typeset a table in LaTeX.

    Headings are broken into lines. Notes on cells stand below the table, marked by letters. A table that is wider than
    the text at the size `\\footnotesize` is scaled to the width of the text.

    Parameters
    ----------
    table : groupsc.paper.table.Table

    Returns
    -------
    str
        An environment `table`, or `table*` if the table is wider than one column; several if it has more than `LONGEST`
        rows. The document must load `PACKAGES`.

    Examples
    --------
    >>> import pandas as pd
    >>> from groupsc.paper.table import Table
    >>> from groupsc.paper.typesetting import Part
    >>> grid = [[Cell("label", (Part("σ = 25"),)), Cell("paper", (Part("29.20", "best"),))]]
    >>> text = to_latex(Table("table4", "Table 4", "PSNR in dB.", ["Noise", "GroupSC"], grid, pd.DataFrame()))
    >>> print(next(line for line in text.splitlines() if "29.20" in line))
    $\\sigma$ = 25 & \\textbf{29.20} \\\\
    """
    notes, labels = _notes(table.body), label_columns(table.body)
    titles, widths = _headings(table)
    floating = "table" if LETTER * sum(widths) + GAP * len(widths) <= COLUMN else "table*"
    sides = "l" * labels + "r" * (len(titles) - labels)
    head = [_stacked([_escape(line) for line in title], side) for title, side in zip(titles, sides, strict=True)]
    below = [f"{_raised(letter)}{_escape(note)}." for note, letter in notes.items()]
    below += [_escape(table.provenance)] if table.provenance else []
    last = [rf"\par\medskip\parbox{{\linewidth}}{{\scriptsize\raggedright {' '.join(below)}}}"] if below else []
    lines = [f"% {table.title} of the paper; needs \\usepackage{{{PACKAGES}}}"]
    pages = _pages(table.body)
    for number, page in enumerate(pages):
        first = [rf"\caption{{{_escape(table.caption)}}}", rf"\label{{tab:{table.name}}}"]
        lines += [
            rf"\begin{{{floating}}}[t]",
            r"\centering",
            *(first if number == 0 else [r"\addtocounter{table}{-1}\caption{Continued.}"]),
            r"\par\smallskip\footnotesize\setlength{\tabcolsep}{3pt}%",
            r"\resizebox{\ifdim\width>\linewidth\linewidth\else\width\fi}{!}{%",
            rf"\begin{{tabular}}{{{sides}}}",
            r"\toprule",
            " & ".join(head) + r" \\",
            r"\midrule",
            *(" & ".join(_latex(cell, notes) for cell in row) + r" \\" for row in page),
            r"\bottomrule",
            r"\end{tabular}}",
            *(last if number == len(pages) - 1 else []),
            rf"\end{{{floating}}}",
        ]
    return "\n".join(lines) + "\n"


def _headings(table) -> tuple[list[list[str]], list[int]]:
    """Lines of the heading of each column, and the number of letters in its widest line."""
    columns = [[row[number] for row in table.body] for number in range(len(table.header))]
    titles = [
        textwrap.wrap(title, max([SHORTEST, *map(_width, cells)]), break_long_words=False)
        for title, cells in zip(table.header, columns, strict=True)
    ]
    widths = [max([*map(len, title), *map(_width, cells)]) for title, cells in zip(titles, columns, strict=True)]
    return titles, widths


def _pages(grid: list[list[Cell]]) -> list[list[list[Cell]]]:
    """Divide the rows of a table into pages of at most `LONGEST` rows, where that is possible between two groups."""
    pages: list[list[list[Cell]]] = [[]]
    starts = [number for number, row in enumerate(grid) if number == 0 or _text(row[0])]
    for start, end in itertools.pairwise([*starts, len(grid)]):
        if pages[-1] and len(pages[-1]) + end - start > LONGEST:
            pages.append([])
        pages[-1] += grid[start:end]
    return pages


def _notes(grid: list[list[Cell]]) -> dict[str, str]:
    """Return the notes on cells with their letters."""
    texts = dict.fromkeys(note for row in grid for cell in row if (note := _note(cell)))
    letters = ["".join(pair) for pair in itertools.product(["", *string.ascii_lowercase], string.ascii_lowercase)]
    return dict(zip(texts, letters, strict=False))


def _note(cell: Cell) -> str:
    return _text(cell) if cell.kind == "note" else cell.note


def _text(cell: Cell) -> str:
    return "/".join(part.text for part in cell.parts)


def _width(cell: Cell) -> int:
    """Count the letters in the longest line of a cell."""
    return 1 if cell.kind == "note" else max(map(len, _text(cell).split("; "))) + bool(cell.note)


def _latex(cell: Cell, notes: dict[str, str]) -> str:
    """Typeset a cell; values that are separated by semicolons stand one below the other."""
    mark = _raised(notes[_note(cell)]) if _note(cell) else ""
    if cell.kind == "note":
        return mark
    parts = [RANKS[part.rank] % _stacked([_escape(line) for line in part.text.split("; ")]) for part in cell.parts]
    text = "/".join(parts) + mark
    return LOOKS[cell.kind] % text if cell.kind in LOOKS and text else text


def _stacked(lines: list[str], side: str = "r") -> str:
    joined = r"\\".join(lines)
    return rf"\shortstack[{side}]{{{joined}}}" if len(lines) > 1 else joined


def _raised(letter: str) -> str:
    return rf"\textsuperscript{{{letter}}}"


def _escape(text: str) -> str:
    """Escape text; a character that LaTeX lacks becomes its Unicode number."""
    return "".join(LETTERS.get(letter, _plain(letter)) for letter in text)


def _plain(letter: str) -> str:
    return letter if letter.isascii() or ord(letter) in ACCENTED else f"U+{ord(letter):04X}"
