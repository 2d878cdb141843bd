"""Tables as LaTeX: pdflatex typesets them, nothing is wider than the text, no letter is lost."""

from __future__ import annotations

import re
from functools import cache
from pathlib import Path

import pandas as pd
import pytest
from latex import typeset
from measured_rows import make_rows

from groupsc.benchmark.rows import COLUMNS, read_rows
from groupsc.paper.paired import paired_table
from groupsc.paper.reproducibility import build_reproducibility
from groupsc.paper.robustness import build_robustness
from groupsc.paper.settings import build_settings
from groupsc.paper.table import Table
from groupsc.paper.tables import TABLES, build, read_published
from groupsc.paper.typesetting import Cell, Part
from groupsc.weights.cards import read_card
from groupsc.weights.released import releases

ROOT = Path(__file__).resolve().parents[2]


@cache
def measured():
    """Every table of the rows in `data/measured`."""
    files = sorted((ROOT / "data/measured").glob("*/*.csv"))
    stressed = build_robustness(read_rows([path for path in files if path.stem == "stress"]))
    rows = read_rows([path for path in files if path.stem != "stress"])
    task = read_published().drop_duplicates("table").set_index("table")["task"]
    tables = [build(name, rows[rows["task"] == task[TABLES[name].number]]) for name in TABLES]
    cards = {name: read_card(release.find()) for name, release in releases().items()}
    cells = pd.concat([table.values for table in tables], ignore_index=True)
    return [
        *tables,
        build_settings(cards),
        build_reproducibility(cells),
        paired_table(rows, "sc"),
        stressed,
    ]


@cache
def empty():
    """Every table without a run."""
    tables = [build(name, pd.DataFrame(columns=COLUMNS)) for name in TABLES]
    stressed = build_robustness(pd.DataFrame(columns=COLUMNS))
    return [*tables, build_settings({}), build_reproducibility(tables[0].values), stressed]


@cache
def crowded():
    """Tables of few images, several realisations, two modes, other images and other methods."""
    rows = [
        make_rows(method, level, dataset, (30.0, 31.0), repetition=repetition, **mode)
        for method in ("groupsc", "sc", "nlm")
        for level in (15.0, 25.0)
        for dataset in ("BSD68", "Set12", "Bundled")
        for repetition in (0, 1)
        for mode in ({}, {"mode": "block", "stride": 12.0})
    ]
    return [build(name, pd.concat(rows, ignore_index=True)) for name in ("table4", "table8")]


@pytest.mark.parametrize("options", ["", "[twocolumn]"], ids=["one column", "two columns"])
@pytest.mark.parametrize(
    ("made", "scale"), [(measured, 0.75), (empty, 0.75), (crowded, 0.6)], ids=["measured", "empty", "crowded"]
)
def test_tables_compile_and_fit_the_text(tmp_path, made, scale, options):
    """No table is wider than the text or higher than the page, nor scaled to less than `scale`."""
    paths = []
    for table in made():
        paths.append(tmp_path / f"{table.name}.tex")
        paths[-1].write_text(table.to_latex())
        assert "U+" not in paths[-1].read_text(), "a letter that groupsc.paper.latex.LETTERS lacks"
    log, widths = typeset(tmp_path, paths, options=options)
    assert not re.findall("Overfull|Missing character|Float too large", log)
    assert widths.keys() == {path.stem for path in paths}
    assert not {name: round(line / width, 2) for name, (width, line) in widths.items() if width * scale > line}


def test_every_letter_is_typeset(tmp_path):
    ascii_letters = " ".join(chr(code) for code in range(33, 127))
    grid = [
        [Cell("label", (Part("✗ | ∞"),)), Cell("paper", (Part("[26] \\item"),))],
        [Cell("label", (Part("↳ this run"),)), Cell("run", (Part("1–2; [3]; ±4"),), "5 of 68 images")],
        [Cell("label", (Part("[7]"),)), Cell("difference", (Part("−0.1"), Part("+0.2", "best")))],
        [Cell("label", (Part("Σκνµ≤≥·°²×→®©™—\N{NO-BREAK SPACE}"),)), Cell("missing", (Part("Été Łódź 漢"),))],
    ]
    table = Table(
        "letters", "Letters", ascii_letters, ["[8]", "a title of many words"], grid, pd.DataFrame(), ascii_letters
    )
    (tmp_path / "letters.tex").write_text(table.to_latex())
    log, _ = typeset(tmp_path, [tmp_path / "letters.tex"])
    assert "Missing character" not in log
    assert "Overfull" not in log


def test_what_stands_where():
    latex = build("table8", make_rows("groupsc", 15.0, "Set12", (32.0, 34.0)), sizes={"Set12": 12}).to_latex()
    above, table, below = (part for part in latex.replace(r"\resizebox", r"\end{tabular}").split(r"\end{tabular}"))
    assert "average PSNR in dB / SSIM" in above
    assert "Code 0.1.0+aa" in below
    assert "Code" not in above
    assert r"33.00/0.8000\textsuperscript{a}" in table
    assert r"\textsuperscript{a}2 of 12 images." in below
    assert [rule for rule in ("toprule", "midrule", "bottomrule", "hline", "|") if rule in table] == [
        "toprule",
        "midrule",
        "bottomrule",
    ]


@pytest.mark.parametrize(("name", "environment"), [("table2", "table*"), ("table13", "table")])
def test_narrow_tables_take_one_column_of_text(name, environment):
    latex = build(name, pd.DataFrame(columns=COLUMNS)).to_latex()
    assert rf"\begin{{{environment}}}[t]" in latex
    assert rf"\end{{{environment}}}" in latex
