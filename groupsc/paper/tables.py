"""Make the paper's tables from per-image results and `data/published.csv`."""

from __future__ import annotations

import dataclasses
import re

import pandas as pd

from groupsc.benchmark.averages import average
from groupsc.paper.ablations import with_true_settings, with_variants_as_methods
from groupsc.paper.arrangement import Arrangement
from groupsc.paper.layouts import TABLES
from groupsc.paper.table import Table
from groupsc.utils.errors import GroupSCError
from groupsc.utils.resources import data_file

PAPER_METHODS = re.compile(r"input|(sc|csr|groupsc)(-blind.*|-norefresh(raw)?|-refresh\d+(raw)?|-patch\d+atoms\d+)?")
"""Methods of the paper's tables: the degraded image, and our models with the variants of Tables 1, 2, 12 and 13."""


def read_published(path=None) -> pd.DataFrame:
    """Read the paper's values in long form.

    Parameters
    ----------
    path : path, optional
        CSV file; the default is `data/published.csv`.

    Returns
    -------
    pandas.DataFrame
        One row per value.

    Examples
    --------
    >>> read_published().query("table == 4 and row == 'GroupSC (ours)' and column == '25'")["value"].item()
    29.2
    """
    texts = ["row", "column", "printed", "unit", "rank", "method", "dataset", "variant", "source", "notes"]
    table = pd.read_csv(path or data_file("published.csv"), dtype=dict.fromkeys(texts, str))
    return table.fillna(dict.fromkeys(texts, ""))


def build(table: str, rows: pd.DataFrame, published: pd.DataFrame | None = None, *, sizes: dict | None = None) -> Table:
    """Make a table of the paper.

    Parameters
    ----------
    table : str
        A name of `TABLES`.
    rows : pandas.DataFrame
        Per-image results of any tasks and data sets; may be empty.
    published : pandas.DataFrame, optional
        The paper's values; the default is `read_published()`.
    sizes : dict, optional
        Number of images of each data set. The default counts them in the registry.

    Returns
    -------
    Table

    Raises
    ------
    GroupSCError
        When the table does not exist, or the results contain an image twice or come from different weights.

    Examples
    --------
    >>> from groupsc.benchmark.rows import table_of
    >>> made = build("table4", table_of([]))
    >>> made.title, (made.values["status"] == "not run").sum().item()
    ('Table 4', 12)
    """
    if table not in TABLES:
        raise GroupSCError(
            f"there is no table {table!r}; choose one of paired, overview, robustness, table7, {', '.join(TABLES)}"
        )
    published = read_published() if published is None else published
    layout = TABLES[table]
    printed = published[published["table"] == layout.number]
    runs = average(rows, sizes)
    printed, runs = with_variants_as_methods(layout.number, printed, runs)
    others = [name for name in runs["method"].unique() if layout.other_methods and not PAPER_METHODS.fullmatch(name)]
    methods = [*printed["method"].unique(), *others]
    runs = runs[(runs["task"] == printed["task"].iloc[0]) & runs["method"].isin(methods)]
    made = Arrangement(table, layout, printed, runs).table()
    return dataclasses.replace(made, values=with_true_settings(layout.number, made.values))
