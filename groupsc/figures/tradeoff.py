"""Plot PSNR against parameters and run time, for all measured and published methods, and against the level."""

from __future__ import annotations

import itertools
import math
import re

import matplotlib
import numpy as np
import pandas as pd
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.ticker import EngFormatter, LogLocator, NullFormatter
from matplotlib.transforms import Bbox

from groupsc import baselines
from groupsc.benchmark.averages import average, distinct, image_count
from groupsc.benchmark.metrics import measure_of
from groupsc.config import definitions
from groupsc.config.labels import METHOD_LABELS
from groupsc.figures.style import COLORS, STYLE, WIDTH
from groupsc.paper.layouts import TABLES
from groupsc.paper.tables import read_published
from groupsc.utils.errors import GroupSCError

QUOTED, OURS, PEERS = "#777777", COLORS[1], COLORS[0]
TRAINED = re.compile(r"(.+)-trained([\d.]+)")
"""Methods of models at another level than that of their training."""
DEVICE = "Titan RTX"
"""Device of the paper's run times."""
MARKERS = {"o": "●", "^": "▲", "s": "■", "D": "◆", "v": "▼", "P": "✚"}
"""Markers of the devices that measured run times, as matplotlib and as text."""


def tradeoff(
    *,
    rows: pd.DataFrame,
    task: str = "gray",
    level: float | None = 25.0,
    dataset: str = "BSD68",
    published: pd.DataFrame | None = None,
    sizes: dict | None = None,
) -> Figure:
    """Plot PSNR against the number of parameters, and against the seconds per image.

    Crosses show the paper's values, over whole test sets. Dots show the values measured here, over the images that all
    shown methods restored; the legend contains the number of these images. A method that restored fewer images than
    half of the methods is left out. Methods without trained parameters are only in the right panel, methods without a
    known run time only in the left panel. Run times are medians over the images; if several devices measured them, each
    has its own marker in the right panel.

    Parameters
    ----------
    rows : pandas.DataFrame
        Per-image results of `groupsc.benchmark.evaluation.evaluate`.
    task, level, dataset : str, float, str
        Task, level and data set of the values; mosaics have no level, and their PSNR is the mean of the PSNR of the
        channels, as in the tables.
    published : pandas.DataFrame, optional
        Values of the paper; by default `read_published()`.
    sizes : dict, optional
        Number of images of each data set; by default it is counted in the registry.

    Returns
    -------
    matplotlib.figure.Figure

    Raises
    ------
    GroupSCError
        If there are neither measured nor published values of this task, level and data set.

    Examples
    --------
    >>> figure = tradeoff(rows=results, task="gray", level=25.0, dataset="BSD68")  # doctest: +SKIP
    """
    level = level if definitions.LEVEL_NAMES.get(task) else None
    quoted = _quoted(read_published() if published is None else published, task, level, dataset)
    ran = _ran(rows, task, level, dataset, sizes)
    if not len(quoted) and not len(ran):
        raise GroupSCError(
            f"there are no values of the task {task!r} at the level {level} on {dataset}; give per-image results of "
            "`groupsc evaluate`"
        )
    points = pd.concat([found for found in (quoted, ran) if len(found)], ignore_index=True)
    with matplotlib.rc_context(STYLE):
        figure = Figure(figsize=(WIDTH, 3.1), layout="constrained")
        canvas = FigureCanvasAgg(figure)
        axes = figure.subplots(1, 2, sharey=True)
        devices = dict(zip(distinct(ran["device"]), itertools.cycle(MARKERS)))
        _scatter(axes[0], points[points["parameters"].notna()], "parameters")
        timed = points.assign(marker=[devices.get(point.device, point.marker) for point in points.itertuples()])
        _scatter(axes[1], timed[timed["seconds"].notna()], "seconds")
        axes[0].set(ylabel="PSNR (dB)", xlabel="Trained parameters")
        axes[1].set_xlabel(_devices(devices, quoted))
        handles = {handle.get_label(): handle for ax in axes[::-1] for handle in ax.collections}
        figure.legend(handles.values(), handles.keys(), loc="outside upper center", ncols=3, handletextpad=0.2)
        for ax in axes:
            ax.margins(x=0.12, y=0.12)
        figure.draw_without_rendering()
        figure.set_layout_engine("none")
        for ax, measure in zip(axes, ("parameters", "seconds"), strict=True):
            _label(canvas, ax, points[points[measure].notna()], measure)
    return figure


def _devices(markers: dict[str, str], quoted: pd.DataFrame) -> str:
    """Name the devices of the run times, with their markers if there are several."""
    symbols = [f"{MARKERS[marker]} " if len(markers) > 1 else "" for marker in markers.values()]
    names = [symbol + device for symbol, device in zip(symbols, markers, strict=True)]
    names += [DEVICE] if quoted["seconds"].notna().any() else []
    return "\n".join(["Seconds per image", *names])


def _quoted(published: pd.DataFrame, task: str, level, dataset: str) -> pd.DataFrame:
    """Select the paper's values: name, psnr, parameters and seconds (NaN if the paper has none), kind and style."""
    own = published[published["task"] == task]
    sizes = own[own["metric"] == "parameters"].drop_duplicates("method").set_index("method")["value"]
    same = own[(own["dataset"] == dataset) & ((own["level"] == level) if level is not None else own["level"].isna())]
    found = []
    for method, lines in same[(same["metric"] == "psnr") & (same["variant"] == "")].groupby("method", sort=False):
        seconds = same[(same["metric"] == "seconds") & (same["method"] == method) & (same["variant"] == "")]["value"]
        found.append({
            "name": _name(lines.iloc[0]), "psnr": lines["value"].iloc[0],
            "parameters": sizes.get(method, np.nan), "seconds": seconds.iloc[0] if len(seconds) else np.nan,
            "kind": "the paper, all images",
        })  # fmt: skip
    columns = ["name", "psnr", "parameters", "seconds", "kind", "color", "marker", "device"]
    return pd.DataFrame(found, columns=columns).assign(color=QUOTED, marker="x", device=None)


def _name(line) -> str:
    """Return the name of a method in the paper, without the number of its reference."""
    printed = line["row"] if TABLES[f"table{line['table']}"].methods == "rows" else line["column"]
    return re.sub(r"\s*(\[\d+\].*|\((ours|baseline)\))", "", printed).strip()


def _ran(rows: pd.DataFrame, task: str, level, dataset: str, sizes) -> pd.DataFrame:
    """Average the values measured here over the images of all shown methods, with the columns of `_quoted`."""
    same = rows[(rows["task"] == task) & (rows["dataset"] == dataset) & (rows["mode"].notna())]
    same = same[same["level"] == level] if level is not None else same
    names = [*METHOD_LABELS, *baselines.methods()]
    same = same[same["method"].isin(names)]
    # Without this condition, one method with few images would reduce the averages of all methods to these images.
    images = same.groupby("experiment")["image"].nunique()
    same = same[same["experiment"].isin(images.index[images >= images.quantile(0.5, interpolation="lower")])]
    runs_of = same.groupby("image")["experiment"].nunique()
    shared = runs_of.index[runs_of == same["experiment"].nunique()]
    same = same[same["image"].isin(shared)]
    found, measure = [], measure_of(task)
    for ran in average(same, sizes).itertuples(index=False):
        own = definitions.is_model(ran.method)
        found.append({
            "name": METHOD_LABELS.get(ran.method, ran.method), "psnr": getattr(ran, measure),
            "parameters": ran.parameters or np.nan, "seconds": ran.seconds,
            "kind": f"{'this library' if own else 'baselines, run here'}, {image_count(ran)}",
            "color": OURS if own else PEERS, "marker": "o", "device": ran.device,
        })  # fmt: skip
    columns = ["name", "psnr", "parameters", "seconds", "kind", "color", "marker", "device"]
    return pd.DataFrame(found, columns=columns)


def _scatter(ax, points: pd.DataFrame, measure: str) -> None:
    for (kind, color, marker), group in points.groupby(["kind", "color", "marker"], sort=False):
        ax.scatter(group[measure], group["psnr"], c=color, marker=marker, s=22, linewidths=1.2, label=kind, zorder=3)
    ax.set_xscale("log")
    ax.xaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
    ax.xaxis.set_major_formatter(EngFormatter(sep=""))
    ax.xaxis.set_minor_formatter(NullFormatter())
    if not len(points):
        ax.text(0.5, 0.5, "not run", transform=ax.transAxes, ha="center", color=QUOTED, style="italic")


def _label(canvas: FigureCanvasAgg, ax, points: pd.DataFrame, measure: str) -> None:
    """Write names beside the points, each at the nearest place where it covers neither a point nor another name."""
    renderer = canvas.get_renderer()
    pixels = ax.transData.transform(points[[measure, "psnr"]].to_numpy(float)) if len(points) else []
    frame = ax.get_window_extent(renderer)
    taken = [Bbox.from_bounds(x - 9, y - 9, 18, 18).shrunk(0.8, 0.8) for x, y in pixels]
    unit = canvas.figure.dpi / 72
    for (x, y), point in zip(pixels, points.itertuples(index=False), strict=True):
        text = ax.annotate(
            point.name, (getattr(point, measure), point.psnr), (0, 0), textcoords="offset points", fontsize=7.5,
            color=point.color, annotation_clip=False,
        )  # fmt: skip
        size = text.get_window_extent(renderer)
        others = [(a, b) for a, b in pixels if (a, b) != (x, y)]
        place = min(
            _places(size.width, size.height, unit), key=lambda place: _cost((x, y), others, place, size, taken, frame)
        )
        text.set_position((place[0] / unit, place[1] / unit))
        gap = 3 * unit
        taken.append(Bbox.from_bounds(x + place[0] - gap, y + place[1], size.width + 2 * gap, size.height))


def _places(width: float, height: float, unit: float):
    """Generate offsets of the lower left corner of a text from its point, in pixels, the nearest first."""
    for distance in (5, 9, 14, 20, 27, 35):
        gap = distance * unit
        for up in (-height / 2, gap / 2, -height - gap / 2):
            yield gap, up
            yield -width - gap, up
        yield -width / 2, gap
        yield -width / 2, -height - gap


def _cost(point: tuple[float, float], others, place, size, taken: list[Bbox], frame: Bbox) -> tuple:
    """Return what is bad about a place of a text, the most important first.

    These are the area that the text would cover, the number of other points that are nearer to it than its own point,
    and its distance from its own point.
    """
    box = Bbox.from_bounds(point[0] + place[0], point[1] + place[1], size.width, size.height)

    def distance(x: float, y: float) -> float:
        return math.hypot(max(box.x0 - x, 0, x - box.x1), max(box.y0 - y, 0, y - box.y1))

    nearer = sum(distance(*other) < 1.5 * distance(*point) for other in others)
    covered = [Bbox.intersection(box, other) for other in taken]
    area = sum(found.width * found.height for found in covered if found is not None)
    beyond = (frame.x0 - box.x0, box.x1 - frame.x1, frame.y0 - box.y0, box.y1 - frame.y1)
    outside = sum(max(0, part) for part in beyond)
    middle = (place[0] + size.width / 2, place[1] + size.height / 2)
    return round(area + 100 * outside), nearer, math.hypot(middle[0] / 2, middle[1])


def generalisation(
    *, rows: pd.DataFrame, task: str = "gray", dataset: str = "BSD68", sizes: dict | None = None
) -> Figure:
    """Plot PSNR against σ for each method and prior.

    A model that was trained for one level has one curve, over all levels at which it was evaluated (`groupsc evaluate
    MODEL --sigma …`). The models of one method at the levels of their trainings have another curve.

    Parameters
    ----------
    rows : pandas.DataFrame
        Per-image results of `groupsc.benchmark.evaluation.evaluate`.
    task, dataset : str
        Task and data set of the values.
    sizes : dict, optional
        Number of images of each data set; by default it is counted in the registry.

    Returns
    -------
    matplotlib.figure.Figure

    Raises
    ------
    GroupSCError
        When there are no results of the task and data set at any level.

    Examples
    --------
    >>> generalisation(rows=read_rows(paths), task="gray", dataset="BSD68")  # doctest: +SKIP
    """
    means = average(rows[(rows["task"] == task) & (rows["dataset"] == dataset) & rows["level"].notna()], sizes)
    if means.empty:
        raise GroupSCError(
            f"the results contain no {task} images of {dataset} with a level; evaluate a model on {dataset}, as by "
            f"`groupsc evaluate NAME --dataset {dataset} --sigma 20`"
        )
    with matplotlib.rc_context(STYLE):
        figure = Figure(figsize=(0.6 * WIDTH, 0.45 * WIDTH), layout="constrained")
        axes = figure.subplots()
        for number, (label, curve) in enumerate(curves(means, measure_of(task)).items()):
            style = "--" if "trained" in label else "-"
            axes.plot(curve.index, curve, style, marker="o", color=COLORS[number % len(COLORS)], label=label)
        axes.set(xlabel="noise σ" if task != "jpeg" else "JPEG quality", ylabel="PSNR [dB]")
        images = means["images"].max()
        axes.set_title(f"{dataset}, {images} image{'s' if images > 1 else ''}")
        axes.legend()
    return figure


def curves(means: pd.DataFrame, measure: str) -> dict[str, pd.Series]:
    """Return PSNR by level for each method; the curve of one model contains its own level.

    Parameters
    ----------
    means : pandas.DataFrame
        Averages of one task and data set.
    measure : str
        Column of the PSNR.

    Returns
    -------
    dict of str to pandas.Series
        By label, sorted by level.

    Examples
    --------
    >>> means = pd.DataFrame({"method": ["sc-trained25", "sc"], "level": [20.0, 25.0], "psnr": [30.0, 29.0]})
    >>> {label: curve.to_dict() for label, curve in curves(means, "psnr").items()}
    {'SC': {25.0: 29.0}, 'SC, trained at 25': {20.0: 30.0, 25.0: 29.0}}
    """
    points: dict[str, dict[float, float]] = {}
    own = {(row["method"], row["level"]): row[measure] for row in means.to_dict("records")}
    for (method, level), value in own.items():
        found = TRAINED.fullmatch(method)
        points.setdefault(_title(method), {})[level] = value
        if found is not None and (found[1], float(found[2])) in own:
            points[_title(method)][float(found[2])] = own[found[1], float(found[2])]
    return {label: pd.Series(values).sort_index() for label, values in sorted(points.items())}


def _title(method: str) -> str:
    found = TRAINED.fullmatch(method)
    if found is not None:
        return f"{_title(found[1])}, trained at {found[2]}"
    return METHOD_LABELS.get(method, method)
