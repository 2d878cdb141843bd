"""Make the table of robustness: denoisers on the stress set, picture by picture, with their worst case."""

from __future__ import annotations

import pandas as pd

from groupsc.benchmark.averages import distinct
from groupsc.config.labels import DEGRADED_LABELS, METHOD_LABELS, SHORT_TASK_LABELS
from groupsc.data.bundled import STRESS
from groupsc.paper.table import Table
from groupsc.paper.typesetting import Cell, Part

INPUT, GUARDED = "input", "-guarded"
SAME = {"cbm3d": "bm3d"}
"""Methods for color images that share the column of the method for gray images."""
LABELS = {INPUT: DEGRADED_LABELS["gray"], "nlm": "NLM"}
MEAN, WORST = "mean", "worst change"

TITLE = (
    "PSNR in dB on the stress set: small pictures unlike photographs, with white noise of known σ. The best value of "
    "each line is bold."
)
LEGEND = (
    "Images are not clipped to [0, 1], because some pictures exceed that range. The mean is that of the pictures above "
    "it; the worst change is the lowest difference to the noisy picture. Models are measured alone, and with the guard "
    "of the command groupsc denoise with the same weights. BM3D is CBM3D on color pictures."
)


def build_robustness(rows: pd.DataFrame) -> Table:
    """Make the table `robustness`.

    Parameters
    ----------
    rows : pandas.DataFrame
        Per-image results; those of other data sets than the stress set are left out. Methods are shown in the order in
        which they first appear, and so are pairs of task and σ.

    Returns
    -------
    groupsc.paper.table.Table
        The values are means over the noise realisations. The CSV file also has their standard deviation.

    Examples
    --------
    >>> from groupsc.benchmark.rows import table_of
    >>> row = {"task": "gray", "level": 5.0, "dataset": "stress", "image": "bars 1", "repetition": 0}
    >>> rows = [{**row, "method": method, "psnr": psnr} for method, psnr in (("input", 34.2), ("sc", 19.0))]
    >>> made = build_robustness(table_of(rows))
    >>> [[cell.parts[0].text for cell in line] for line in made.body][-1]
    ['', 'worst change', '–', '−15.20']
    """
    stressed = rows[rows["dataset"] == STRESS]
    own = stressed.assign(column=stressed["method"].replace(SAME), psnr=stressed["psnr"].astype(float))
    columns = list(own["column"].unique())
    grid, cells = [], []
    for (task, level), group in own.groupby(["task", "level"], sort=False):
        means = group.pivot_table(index="image", columns="column", values="psnr", sort=False).reindex(columns=columns)
        lines = [(picture, list(means.loc[picture]), True) for picture in means.index]
        lines.append((MEAN, list(means.mean(skipna=False)), True))
        changes = means.sub(means[INPUT], axis=0) if INPUT in means else None
        if changes is not None:
            lowest = changes.min(skipna=False).drop(INPUT).reindex(columns)
            lines.append((WORST, list(lowest), False))
        place = f"{SHORT_TASK_LABELS[task]}, σ = {level:g}"
        for number, (label, values, plain) in enumerate(lines):
            labels = [Cell("label", (Part(text),)) for text in ("" if number else place, label)]
            grid.append([*labels, *_cells(values, signed=not plain)])
        cells.append(_records(group, changes))
    header = ["Noise", "Picture", *map(_title, columns)]
    table = pd.concat(cells, ignore_index=True) if cells else pd.DataFrame()
    return Table("robustness", "Robustness", f"{TITLE} {LEGEND}", header, grid, table, _provenance(stressed))


def _cells(values: list[float], *, signed: bool) -> list[Cell]:
    """Typeset a line; all values that are printed like the highest are the best."""
    best = max((round(value, 2) for value in values if not pd.isna(value)), default=None)
    return [_cell(value, best, signed=signed) for value in values]


def _cell(value: float, best: float | None, *, signed: bool) -> Cell:
    if pd.isna(value):
        return Cell("missing", (Part("–"),))
    text = f"{value:{'+' if signed else ''}.2f}".replace("-", "−")
    return Cell("run", (Part(text, "best" if round(value, 2) == best else ""),))


def _records(group: pd.DataFrame, changes: pd.DataFrame | None) -> pd.DataFrame:
    """Return one line per picture and method, in long form."""
    keys = ["task", "level", "image", "method"]
    found = group.groupby(keys, sort=False).agg(
        psnr=("psnr", "mean"), spread=("psnr", "std"), repetitions=("repetition", "nunique"),
        experiment=("experiment", "first"), device=("device", "first"),
        weights_sha256=("weights_sha256", "first"), code_version=("code_version", "first"),
    )  # fmt: skip
    found = found.reset_index()
    if changes is not None:
        change = [changes.loc[line.image, SAME.get(line.method, line.method)] for line in found.itertuples()]
        found.insert(5, "change", change)
    return found.rename(columns={"image": "picture"}).round({"psnr": 4, "spread": 4, "change": 4})


def _title(method: str) -> str:
    """Return the heading of a method, such as "SC, robust, guard"."""
    labels, plain = METHOD_LABELS | LABELS, method.removesuffix(GUARDED)
    name, _, variant = (plain, "", "") if plain in labels else plain.partition("-")
    return ", ".join(filter(None, [labels.get(name, name), variant, "guard" if method.endswith(GUARDED) else ""]))


def _provenance(rows: pd.DataFrame) -> str:
    if rows.empty:
        return "No value of this table was measured."
    counts = rows.groupby(["task", "level", "method", "image"])["repetition"].nunique()
    times = "–".join(map(str, dict.fromkeys((counts.min(), counts.max()))))
    return (
        f"{times} noise realisation{'' if times == '1' else 's'} per picture, the same for all methods. "
        f"Device: {'; '.join(distinct(rows['device']))}. Code {', '.join(distinct(rows['code_version']))}."
    )
