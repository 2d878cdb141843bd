"""Compare methods image by image: the mean difference to a baseline method, with its confidence interval.

The PSNR of two methods varies much more between images than their difference on the same image. The standard error of
the paired difference is therefore several times smaller than that of the two averages.
"""

from __future__ import annotations

import pandas as pd

from groupsc.baselines import BASELINES
from groupsc.benchmark.averages import KEYS, mode_name, plain
from groupsc.benchmark.metrics import measure_of
from groupsc.config.definitions import METHODS
from groupsc.config.labels import METHOD_LABELS, task_label
from groupsc.data.registry import registry
from groupsc.paper.table import Table
from groupsc.paper.typesetting import Cell, Part

CONFIDENCE = 0.95
"""Confidence level of the intervals."""

COLUMNS = [
    "task", "level", "dataset", "mode", "stride", "method", "baseline", "images", "images_of",
    "difference", "interval", "better", "remark",
]  # fmt: skip
"""Columns of `paired_differences`: the difference in dB, half the width of its interval, images on which it is > 0."""

TITLE = "Paired differences of PSNR in dB to {baseline}, image by image."
LEGEND = (
    "± is the 95 % confidence interval of the mean over images, from Student's t distribution. It is "
    "followed by the number of images on which the method is better. An asterisk marks methods that were measured on "
    "another device or with another version of the code than {baseline}. The CSV file contains the differences of the "
    "baselines too."
)


def per_image(rows: pd.DataFrame, baseline: str) -> pd.DataFrame:
    """Match the results of each method with those of a baseline method on the same images.

    Parameters
    ----------
    rows : pandas.DataFrame
        Per-image results. Repetitions of one image are averaged over those that both methods have.
    baseline : str
        A value of the column `method`, such as "sc".

    Returns
    -------
    pandas.DataFrame
        One row per method and image: the keys of an evaluation, `image`, the PSNR of the baseline in dB (`reference`),
        the `difference` in dB, and whether both were measured on the same kind of `device` and by the same `code`. The
        PSNR of mosaics is the mean over the channels, as in the tables.

    Examples
    --------
    >>> from groupsc.benchmark.rows import table_of
    >>> same = {"task": "gray", "level": 25.0, "dataset": "BSD68", "mode": "whole", "image": "a", "repetition": 0}
    >>> rows = table_of([{**same, "method": "sc", "psnr": 28.0}, {**same, "method": "groupsc", "psnr": 28.5}])
    >>> per_image(rows, "sc")[["method", "image", "reference", "difference"]].to_dict("records")
    [{'method': 'groupsc', 'image': 'a', 'reference': 28.0, 'difference': 0.5}]
    """
    restored = rows[rows["mode"].notna()]
    channels = restored["task"].map(measure_of) == "psnr_channels"
    restored = restored.assign(value=restored["psnr_channels"].where(channels, restored["psnr"]).astype(float))
    same = [key for key in KEYS if key != "method"] + ["image", "repetition"]
    first = restored[restored["method"] == baseline]
    others = restored[restored["method"] != baseline]
    # pandas matches missing values with each other, so whole images (no stride) and mosaics (no level) find their pair.
    pairs = others.merge(first[[*same, "value", "device", "code_version"]], on=same, suffixes=("", "_baseline"))
    pairs = pairs.assign(
        reference=pairs["value_baseline"],
        difference=pairs["value"] - pairs["value_baseline"],
        device=_kind(pairs["device"]) == _kind(pairs["device_baseline"]),
        code=_text(pairs["code_version"]) == _text(pairs["code_version_baseline"]),
    )
    found = pairs.groupby([*KEYS, "image"], dropna=False, sort=False)[["reference", "difference", "device", "code"]]
    return found.agg({"reference": "mean", "difference": "mean", "device": "all", "code": "all"}).reset_index()


def paired_differences(rows: pd.DataFrame, baseline: str, sizes: dict[str, int] | None = None) -> pd.DataFrame:
    """Average the paired differences of each method over images, with a confidence interval.

    Parameters
    ----------
    rows, baseline
        As for `per_image`.
    sizes : dict, optional
        Number of images of each data set, for `images_of`. The default counts them in the registry.

    Returns
    -------
    pandas.DataFrame
        One row per method and evaluation, columns `COLUMNS`. The interval is missing for a single image.

    Examples
    --------
    >>> from groupsc.benchmark.rows import table_of
    >>> paired_differences(table_of([]), "sc").columns.to_list() == COLUMNS
    True
    """
    return averaged(per_image(rows, baseline), baseline, sizes)


def averaged(pairs: pd.DataFrame, baseline: str, sizes: dict[str, int] | None = None) -> pd.DataFrame:
    """Average differences that `per_image` returned, as `paired_differences` does.

    Parameters
    ----------
    pairs : pandas.DataFrame
        As `per_image` returns them for the same baseline.
    baseline, sizes
        As for `paired_differences`.

    Returns
    -------
    pandas.DataFrame

    Examples
    --------
    >>> from groupsc.benchmark.rows import table_of
    >>> averaged(per_image(table_of([]), "sc"), "sc").empty
    True
    """
    from scipy import stats  # Other figures and tables import this module, and scipy.stats takes a second to load.

    sizes = registry().groupby("dataset").size().to_dict() if sizes is None else sizes
    found = []
    for key, own in pairs.groupby(KEYS, dropna=False, sort=False):
        named = {name: plain(value) for name, value in zip(KEYS, key, strict=True)}
        count, error = len(own), own["difference"].sem()
        half = None if count == 1 else float(stats.t.ppf((1 + CONFIDENCE) / 2, count - 1) * error)
        remarks = [f"other {name}" for name in ("device", "code") if not own[name].all()]
        found.append({
            **named, "baseline": baseline, "images": count, "images_of": sizes.get(named["dataset"]),
            "difference": own["difference"].mean(), "interval": half, "better": int((own["difference"] > 0).sum()),
            "remark": ", ".join(remarks),
        })  # fmt: skip
    return pd.DataFrame(found, columns=COLUMNS)


def paired_table(rows: pd.DataFrame, baseline: str, sizes: dict[str, int] | None = None) -> Table:
    """Make the table of paired differences.

    It shows the paper's models, and own methods and variants. Its CSV file also contains the baselines and the faster
    models.

    Parameters
    ----------
    rows, baseline, sizes
        As for `paired_differences`.

    Returns
    -------
    groupsc.paper.table.Table

    Examples
    --------
    >>> from groupsc.benchmark.rows import table_of
    >>> paired_table(table_of([]), "sc").header
    ['Task', 'Data set', 'Images']
    """
    found = paired_differences(rows, baseline, sizes).sort_values(["task", "level", "dataset"], kind="stable")
    models = [method for method in METHOD_LABELS if method.removesuffix("-blind") in METHODS]
    others = {*METHOD_LABELS, *(peer.name for peer in BASELINES)}
    models += [method for method in found["method"].unique() if method not in others]
    shown = found[found["method"].isin(models)]
    columns = [
        (method, mode, stride)
        for method in models
        for mode, stride in shown.loc[shown["method"] == method, ["mode", "stride"]].drop_duplicates().to_numpy()
    ]
    grid, before = [], None
    for (place, dataset), lines in shown.assign(place=list(map(task_label, shown["task"], shown["level"]))).groupby(
        ["place", "dataset"], sort=False
    ):
        cells = {(line.method, line.mode, plain(line.stride)): line for line in lines.itertuples(index=False)}
        ran = [cells.get((method, mode, plain(stride))) for method, mode, stride in columns]
        words = [place if place != before else "", dataset]
        before = place
        labels = [Cell("label", (Part(text),) if text else ()) for text in words]
        grid.append([*labels, _images(lines), *map(_cell, ran)])
    header = ["Task", "Data set", "Images", *(_title(*column) for column in columns)]
    caption = f"{TITLE} {LEGEND}".format(baseline=METHOD_LABELS.get(baseline, baseline))
    return Table("paired", "Paired differences", caption, header, grid, found)


def _images(lines: pd.DataFrame) -> Cell:
    """Return the number of images that were compared, and that of the data set if it has more."""
    counts, whole = sorted(set(lines["images"])), lines["images_of"].iloc[0]
    text = "–".join(map(str, dict.fromkeys((counts[0], counts[-1]))))
    return Cell("run", (Part(text if counts == [whole] or pd.isna(whole) else f"{text} of {whole:.0f}"),))


def _cell(line) -> Cell:
    if line is None:
        return Cell("missing", (Part("–"),))
    mark = "*" if line.remark else ""
    return Cell("run", (Part(f"{difference_text(line)}; {line.better} of {line.images}{mark}"),))


def _title(method: str, mode: str, stride: float | None) -> str:
    return METHOD_LABELS.get(method, method) + ("" if mode == "whole" else f", {mode_name(mode, plain(stride))}")


def difference_text(line) -> str:
    """Format the mean difference in dB of a row of `paired_differences`, with its interval if it has one.

    Examples
    --------
    >>> from types import SimpleNamespace
    >>> difference_text(SimpleNamespace(difference=-0.0632, interval=0.0091))
    '−0.063 ± 0.009'
    """
    interval = "" if pd.isna(line.interval) else f" ± {line.interval:.3f}"
    return f"{round(line.difference, 3) + 0.0:+.3f}".replace("-", "−") + interval


def _kind(devices: pd.Series) -> pd.Series:
    """Return the models of CPUs and GPUs, without the number of threads."""
    return _text(devices).str.replace(r", \d+ threads?$", "", regex=True)


def _text(column: pd.Series) -> pd.Series:
    """Return a column as text, which is empty where a value is missing; a column without values has numbers."""
    return column.astype("string").fillna("")
