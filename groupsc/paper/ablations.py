"""Convert the paper's ablations, Tables 1, 12 and 13, to methods and data sets as in the other tables.

`data/published.csv` writes a variant as `average_refresh=false;refresh=12;stride=56`. The models of the grid are named
`groupsc-refresh12raw`. This module gives the paper's values and those of this run the same method name for each
variant. The second parameter of a table, stride or patch size, takes the place of the data set.
"""

from __future__ import annotations

import pandas as pd

from groupsc.config.aliases import MODEL, renamed

STRIDE_TABLES, SIZE_TABLES = (1, 12), (13,)
"""Numbers of the tables over strides, and over sizes of patches and dictionaries."""
WHOLE = "whole image"
DATASET, SIGMA = "BSD68", 15


def with_variants_as_methods(
    number: int, printed: pd.DataFrame, runs: pd.DataFrame
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Relabel the paper's values and the averages of this run for an ablation table; leave other tables unchanged.

    Parameters
    ----------
    number : int
        Number of the table in the paper.
    printed : pandas.DataFrame
        The paper's values of this table.
    runs : pandas.DataFrame
        Averages, as `groupsc.benchmark.averages.average` returns them.

    Returns
    -------
    (pandas.DataFrame, pandas.DataFrame)
        `printed` and `runs` with the variant as method, and the stride or patch size as data set.

    Examples
    --------
    >>> printed = pd.DataFrame({"method": ["groupsc"], "column": ["512"], "variant": ["n_atoms=512;patch_size=9"]})
    >>> runs = pd.DataFrame({"method": ["groupsc-patch9atoms512"], "dataset": ["BSD68"]})
    >>> for frame in with_variants_as_methods(13, printed, runs):
    ...     print(frame[["method", "dataset"]].to_dict("records"))
    [{'method': 'atoms512', 'dataset': 'k=9'}]
    [{'method': 'atoms512', 'dataset': 'k=9'}]
    """
    if number in STRIDE_TABLES:
        return _printed_by_stride(printed), _runs_by_stride(runs)
    if number in SIZE_TABLES:
        return _printed_by_size(printed), _runs_by_size(runs)
    return printed, runs


def with_true_settings(number: int, values: pd.DataFrame) -> pd.DataFrame:
    """Give values of an ablation table their data set, level, mode and stride; leave those of other tables unchanged.

    Parameters
    ----------
    number : int
        Number of the table in the paper.
    values : pandas.DataFrame
        Values in long form, in which the stride or patch size takes the place of the data set.

    Returns
    -------
    pandas.DataFrame

    Examples
    --------
    >>> values = pd.DataFrame({"dataset": ["s = 24", "whole image"], "ours": [31.5, 31.4], "mode": "block"})
    >>> with_true_settings(1, values)[["dataset", "level", "mode", "stride"]].to_dict("records")
    [{'dataset': 'BSD68', 'level': 15, 'mode': 'block', 'stride': 24.0}, \
{'dataset': 'BSD68', 'level': 15, 'mode': 'whole', 'stride': nan}]
    """
    if number in SIZE_TABLES:
        return values.assign(dataset=DATASET)
    if number not in STRIDE_TABLES:
        return values
    blocks, measured = values["dataset"] != WHOLE, values["ours"].notna()
    stride = values["dataset"].str.extract(r"^s = (\d+)$")[0].astype(float)
    mode = blocks.map({True: "block", False: "whole"})
    return values.assign(dataset=DATASET, level=SIGMA, mode=mode.where(measured, None), stride=stride.where(measured))


def _printed_by_stride(printed: pd.DataFrame) -> pd.DataFrame:
    """Repeat values that the paper gives for all strides in every column."""
    columns = [column for column in printed["column"].unique() if column.startswith("s = ")]
    every = printed["column"] == "all strides"
    printed = pd.concat(
        [printed[~every], *(printed[every].assign(column=column) for column in columns)], ignore_index=True
    )
    methods = [_refreshed(method, _setting(variant)) for method, variant in printed[["method", "variant"]].to_numpy()]
    return printed.assign(method=methods, dataset=printed["column"].where(printed["column"].isin(columns)), level=None)


def _runs_by_stride(runs: pd.DataFrame) -> pd.DataFrame:
    """Use the model without refreshes for both of the paper's lines, since without refreshes there is no averaging."""
    runs = runs[(runs["dataset"] == DATASET) & (runs["level"] == SIGMA)]
    places = [f"s = {stride:g}" if mode == "block" else WHOLE for mode, stride in runs[["mode", "stride"]].to_numpy()]
    runs = runs.assign(dataset=places, level=None, mode="block", stride=None)
    without_refreshes = runs[runs["method"] == "groupsc-norefresh"]
    if without_refreshes.empty:
        return runs
    return pd.concat([runs, without_refreshes.assign(method="groupsc-norefreshraw")], ignore_index=True)


def _refreshed(method: str, setting: dict) -> str:
    if "similarity_interval" not in setting or (setting["similarity_interval"], setting["middle_averaging"]) == (
        "6",
        "true",
    ):
        return method
    name = "norefresh" if setting["similarity_interval"] == "none" else f"refresh{setting['similarity_interval']}"
    return f"{method}-{name}" + ("" if setting["middle_averaging"] == "true" else "raw")


def _printed_by_size(printed: pd.DataFrame) -> pd.DataFrame:
    settings = [_setting(variant) for variant in printed["variant"]]
    return printed.assign(
        method=[f"atoms{setting['n_atoms']}" for setting in settings],
        dataset=[f"k={setting['patch_size']}" for setting in settings],
    )


def _runs_by_size(runs: pd.DataFrame) -> pd.DataFrame:
    sizes = runs["method"].astype(str).str.extract(r"^groupsc-patch(\d+)(atoms\d+)$")
    kept = sizes[0].notna() & (runs["dataset"] == DATASET)
    return runs[kept].assign(method=sizes[1][kept], dataset="k=" + sizes[0][kept])


def _setting(variant: str) -> dict:
    return renamed(dict(part.split("=") for part in variant.split(";") if part), MODEL)
