"""Make Table 7: the hyper-parameters of each task in the paper and in the trained weights."""

from __future__ import annotations

import pandas as pd

from groupsc.config.definitions import METHODS
from groupsc.paper.table import CELL_COLUMNS, Table
from groupsc.paper.tables import read_published
from groupsc.paper.typesetting import Cell, Part
from groupsc.weights.cards import steps_text, total_steps

EPOCH = 400
"""Steps in an epoch of the authors' code."""
TITLE = "Hyper-parameters chosen for every task."
LEGEND = (
    "Settings of this run are read from the weights files and are in separate rows; if the models of a task differ, "
    f"all their values are given. An epoch is counted as {EPOCH} steps, as in the authors' code. "
    "Steps of earlier trainings are counted where the weights file names them."
)


def build_settings(cards: dict[str, dict], published: pd.DataFrame | None = None) -> Table:
    """Make Table 7 from the cards of weights.

    Parameters
    ----------
    cards : dict
        Metadata of weights files by name, as `groupsc.weights.cards.read_card` returns it. For each task the models of
        GroupSC are used; if there are none, those of CSR; if there are none, those of SC.
    published : pandas.DataFrame, optional
        The paper's values; the default is `read_published()`.

    Returns
    -------
    Table

    Examples
    --------
    >>> build_settings({}).values["status"].unique().tolist()
    ['not run']
    """
    published = read_published() if published is None else published
    printed = published[published["table"] == 7]
    columns = printed.drop_duplicates("task").set_index("task")["column"].to_dict()
    chosen = {task: _chosen(cards, task) for task in columns}
    grid, records = [], []
    for setting, lines in printed.groupby("row", sort=False):
        quoted = {line.task: line for line in lines.itertuples(index=False)}
        found = {task: list(dict.fromkeys(_values(setting, card) for card in chosen[task].values())) for task in quoted}
        paper = [Cell("paper", (Part(quoted[task].printed),) if task in quoted else ()) for task in columns]
        grid.append([Cell("label", (Part(setting),)), *paper])
        grid.append([Cell("label", (Part("↳ this run"),)), *(_measured(found.get(task)) for task in columns)])
        for task, line in quoted.items():
            records += [_record(line, value, chosen[task]) for _, value in found[task]] or [_record(line, None, {})]
    models = "; ".join(f"{columns[task]}, {', '.join(found)}" for task, found in chosen.items() if found)
    provenance = f"This run: {models}." if models else "No model of this table was trained."
    header, cells = ["Experiment", *columns.values()], pd.DataFrame(records, columns=CELL_COLUMNS)
    return Table("table7", "Table 7", f"{TITLE} {LEGEND}", header, grid, cells, provenance)


_NOT_RUN = Cell("missing", (Part("not run"),))


def _measured(found: list[tuple[str, float]] | None) -> Cell:
    """Return a cell with all values of a setting."""
    return Cell("run", (Part("; ".join(text for text, _ in found)),)) if found else _NOT_RUN


def _chosen(cards: dict[str, dict], task: str) -> dict[str, dict]:
    """Return the cards of the last method of `METHODS` that has any; blind models only if it has no others."""
    for method in reversed(METHODS):
        own = {name: card for name, card in cards.items() if (card["task"], card["method"]) == (task, method)}
        for variants in ({None}, {"blind"}):
            found = {name: card for name, card in own.items() if card.get("variant") in variants}
            if found:
                return found
    return {}


def _values(setting: str, card: dict) -> tuple[str, float]:
    """Return a setting of a model as text and as number."""
    model, training = card["model"], card["training"]
    interval = model.get("similarity_interval")
    if setting == "Middle averaging":
        return ("✓", 1.0) if model.get("middle_averaging", True) else ("✗", 0.0)
    if setting.startswith("Correlation update"):
        return (f"1/{interval}", 1 / interval) if interval else ("0", 0.0)
    if setting == "Nr epochs":
        steps = total_steps(card)
        return f"{steps / EPOCH:.3g} ({steps_text(card)} steps)", steps / EPOCH
    value = {
        "Patch size": model["patch_size"], "Dictionary size": model["n_atoms"], "Batch size": training["batch_size"],
        "K iterations": model["n_iterations"],
    }[setting]  # fmt: skip
    return str(value), float(value)


def _record(line, value: float | None, cards: dict[str, dict]) -> dict:
    record = {
        "table": 7, "row": line.row, "column": line.column, "task": line.task, "metric": line.metric,
        "method": next(iter(cards.values()))["method"] if cards else line.method, "published": line.value,
        "printed": line.printed, "source": line.source, "status": "not run",
    }  # fmt: skip
    if value is not None:
        record |= {"ours": value, "difference": value - line.value, "experiment": "; ".join(cards), "status": "read"}
    return record
