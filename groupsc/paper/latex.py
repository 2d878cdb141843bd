"""Tables as LaTeX in booktabs style, one or two columns of text wide, with the provenance of their values below."""

from __future__ import annotations

import itertools
import string
import textwrap

from groupsc.paper.typesetting import Cell, Part, label_columns

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
PAGE = 345
"""Width in points of the text of `\\documentclass{article}`."""
LETTER, GAP = 4.2, 6.0
"""Approximate width of a letter at the size `\\footnotesize`, and distance of the columns of a table, in points."""
LEAST_SCALE = 0.75
"""A table whose scale on a page would be smaller is stacked: parts of a cell, as PSNR and SSIM, stand one below the
other."""
LABEL = 12
"""Letters in a line of a label of a stacked table."""
SHORTEST = 8
"""Letters that a line of a column heading may have above narrower cells."""
ROW_GAP = 0.5
"""Distance between the rows of a stacked table, in lines."""
LINE = 9.5
"""Distance of lines at the size `\\footnotesize`, in points."""
LONGEST = 45
"""Lines that fit on a page. A table with more lines is continued on the next page, from the first row of a group."""


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
        lines. The document must load `PACKAGES`.

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
    stacked = LEAST_SCALE * _points(_headings(table, stacked=False)[1]) > PAGE
    titles, widths = _headings(table, stacked=stacked)
    floating = "table" if _points(widths) <= COLUMN else "table*"
    sides = "l" * labels + "r" * (len(titles) - labels)
    head = [_stacked([_escape(line) for line in title], side) for title, side in zip(titles, sides, strict=True)]
    below = [f"{_raised(letter)}{_escape(note)}." for note, letter in notes.items()]
    below += [_escape(table.provenance)] if table.provenance else []
    last = [rf"\par\medskip\parbox{{\linewidth}}{{\scriptsize\raggedright {' '.join(below)}}}"] if below else []
    lines = [f"% {table.title} of the paper; needs \\usepackage{{{PACKAGES}}}"]
    pages = _pages(table.body, stacked=stacked)
    end = rf" \\[{LINE * ROW_GAP}pt]" if stacked else r" \\"
    for number, page in enumerate(pages):
        first = [rf"\caption{{{_escape(table.caption)}}}", rf"\label{{tab:{table.name}}}"]
        lines += [
            rf"\begin{{{floating}}}[t]",
            r"\centering",
            *(first if number == 0 else [r"\addtocounter{table}{-1}\caption{Continued.}"]),
            rf"\par\smallskip\footnotesize\setlength{{\tabcolsep}}{{{2 if stacked else 3}pt}}%",
            r"\resizebox{\ifdim\width>\linewidth\linewidth\else\width\fi}{!}{%",
            rf"\begin{{tabular}}{{{sides}}}",
            r"\toprule",
            " & ".join(head) + r" \\",
            r"\midrule",
            *(" & ".join(_latex(cell, notes, stacked=stacked) for cell in row) + end for row in page),
            r"\bottomrule",
            r"\end{tabular}}",
            *(last if number == len(pages) - 1 else []),
            rf"\end{{{floating}}}",
        ]
    return "\n".join(lines) + "\n"


def _headings(table, *, stacked: bool) -> tuple[list[list[str]], list[int]]:
    """Lines of the heading of each column, and the number of letters in its widest line."""
    bodies = [
        max((_width(row[number], stacked=stacked) for row in table.body), default=0)
        for number in range(len(table.header))
    ]
    titles = [
        textwrap.wrap(title, max(SHORTEST, body), break_long_words=False)
        for title, body in zip(table.header, bodies, strict=True)
    ]
    return titles, [max([*map(len, title), body]) for title, body in zip(titles, bodies, strict=True)]


def _points(widths: list[int]) -> float:
    """Approximate width of a table in points, from the letters of its columns."""
    return LETTER * sum(widths) + GAP * len(widths)


def _pages(grid: list[list[Cell]], *, stacked: bool) -> list[list[list[Cell]]]:
    """Divide the rows of a table into pages of at most `LONGEST` lines, where that is possible between two groups."""
    heights = [max((_height(cell, stacked=stacked) for cell in row), default=1) + ROW_GAP * stacked for row in grid]
    pages: list[list[list[Cell]]] = [[]]
    lines = 0.0
    starts = [number for number, row in enumerate(grid) if number == 0 or _text(row[0])]
    for start, end in itertools.pairwise([*starts, len(grid)]):
        if pages[-1] and lines + sum(heights[start:end]) > LONGEST:
            pages.append([])
            lines = 0.0
        pages[-1] += grid[start:end]
        lines += sum(heights[start:end])
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


def _lines(cell: Cell, part: Part, *, stacked: bool) -> list[str]:
    """Break a part of a cell into one line for each value; in a stacked table, also at intervals and within labels."""
    if not stacked:
        return part.text.split("; ")
    if cell.kind == "label":
        halves = part.text.replace(", ", ",\n").split("\n")
        return [line for half in halves for line in textwrap.wrap(half, LABEL, break_long_words=False) or [""]]
    return part.text.replace(" ± ", "; ± ").split("; ")


def _width(cell: Cell, *, stacked: bool) -> int:
    """Count the letters in the longest line of a cell."""
    if cell.kind == "note":
        return 1
    parts = [max(map(len, _lines(cell, part, stacked=stacked))) for part in cell.parts]
    return (max(parts, default=0) if stacked else sum(parts) + max(0, len(parts) - 1)) + bool(cell.note)


def _height(cell: Cell, *, stacked: bool) -> int:
    """Count the lines of a cell."""
    lines = [len(_lines(cell, part, stacked=stacked)) for part in cell.parts]
    return (sum(lines) if stacked else max(lines, default=1)) or 1


def _latex(cell: Cell, notes: dict[str, str], *, stacked: bool) -> str:
    """Typeset a cell; `stacked` puts its parts one below the other."""
    mark = _raised(notes[_note(cell)]) if _note(cell) else ""
    if cell.kind == "note":
        return mark
    side = "l" if cell.kind == "label" else "r"
    broken = [(part.rank, [*map(_escape, _lines(cell, part, stacked=stacked))]) for part in cell.parts]
    parts = [RANKS[rank] % _stacked(lines, side) for rank, lines in broken]
    text = (_stacked(parts) if stacked else "/".join(parts)) + mark
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
