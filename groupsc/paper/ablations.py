"""The paper's ablations, Tables 1, 12 and 13, in the terms of the other tables.

`data/published.csv` writes a variant as `average_refresh=false;refresh=12;stride=56`, the grid names its models
`groupsc-refresh12raw`. Here the paper's figures and this run's are given the same method for each variant, and what
else the table varies, stride or patch size, takes the place of the data set.
"""

from __future__ import annotations

import pandas as pd

from groupsc.config.aliases import MODEL, renamed

STRIDES = (1, 12)
SIZES = (13,)
WHOLE = "whole image"
DATASET, SIGMA = "BSD68", 15


def with_variants_as_methods(
    number: int, printed: pd.DataFrame, runs: pd.DataFrame
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """The paper's figures and this run's of table `number`, relabelled; other tables stay as they are."""
    if number in STRIDES:
        return _printed_by_stride(printed), _runs_by_stride(runs)
    if number in SIZES:
        return _printed_by_size(printed), _runs_by_size(runs)
    return printed, runs


def _printed_by_stride(printed: pd.DataFrame) -> pd.DataFrame:
    """What was measured at any stride stands in every column."""
    columns = [column for column in printed["column"].unique() if column.startswith("s = ")]
    every = printed["column"] == "all strides"
    printed = pd.concat(
        [printed[~every], *(printed[every].assign(column=column) for column in columns)], ignore_index=True
    )
    methods = [_refreshed(method, _setting(variant)) for method, variant in printed[["method", "variant"]].to_numpy()]
    return printed.assign(method=methods, dataset=printed["column"].where(printed["column"].isin(columns)), level=None)


def _runs_by_stride(runs: pd.DataFrame) -> pd.DataFrame:
    """Without a refresh nothing is averaged, so that one model stands for both of the paper's lines."""
    runs = runs[(runs["dataset"] == DATASET) & (runs["level"] == SIGMA)]
    places = [f"s = {stride:g}" if mode == "block" else WHOLE for mode, stride in runs[["mode", "stride"]].to_numpy()]
    runs = runs.assign(dataset=places, level=None, mode="block", stride=None)
    twin = runs[runs["method"] == "groupsc-norefresh"]
    return pd.concat([runs, twin.assign(method="groupsc-norefreshraw")], ignore_index=True) if len(twin) else runs


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
