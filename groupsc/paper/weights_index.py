"""The index of released weights: how each model was made, and how far it is from the paper."""

from __future__ import annotations

import pandas as pd

from groupsc.benchmark.averages import average, share
from groupsc.benchmark.metrics import measure_of
from groupsc.config.definitions import method_name
from groupsc.data.datasets import data_digest
from groupsc.weights.scores import Score

INTRODUCTION = """# Released weights

One `<task>-<method>-<level>.safetensors` per model, tracked by DVC: `dvc pull` brings the files from `data/store`, a
remote inside this repository that needs no account, and `groupsc weights verify` checks them. Each file carries its
whole card, which `groupsc info NAME` shows. `groupsc weights index` makes this page; `CONTRIBUTING.md` says how to
release a model.

"Validation" is the mean PSNR over the central 128×128 pixels of the 32 images of BSDval32, by which models were chosen.
"Stress" is the case of the stress set at which the output is furthest below the input, with the difference in dB, and
how many cases fail, that is by more than 0.5 dB. Both stand in `validation.csv`; `groupsc validate` measures them.
"Test" is the mean PSNR of whole images, in parentheses what the paper prints and how many images stand behind the
number where it is not all.
Mosaics are compared by the mean of the per-channel PSNRs, as the paper's code measured them.
"""

HEAD = (
    "| weights | parameters | trained for | crops | on | seed | data | validation | stress | test |\n"
    + "| --- " * 10
    + "|\n"
)


def index(
    models: dict[str, tuple[dict, int]], scores: dict[str, Score], rows: pd.DataFrame, published: pd.DataFrame
) -> str:
    """The page as markdown.

    Parameters
    ----------
    models : dict
        Card and number of parameters of every released model, by name.
    scores : dict
        `groupsc.weights.scores.Score` of those that were validated, by name.
    rows : pandas.DataFrame
        What was measured, as of `groupsc.benchmark.rows.read_rows`.
    published : pandas.DataFrame
        The paper's figures, as of `groupsc.paper.tables.read_published`.
    """
    runs, lines = average(rows), []
    for name, (card, parameters) in models.items():
        training = card["training"]
        start = f", from {training['init_from']}" if training.get("init_from") else ""
        earlier = sum(stage["steps"] for stage in card.get("earlier", ()))
        start += f" after {earlier:,} steps" if earlier else ""
        lines.append(
            f"| `{name}` | {parameters:,} | {card['steps']:,} steps, {card['minutes']:.0f} min{start} "
            f"| {training['batch_size']} of {training['crop_size']}×{training['crop_size']} "
            f"| {card['device'].partition(',')[0]} "
            f"| {training['seed']} | {_data(card)} | {_validation(scores.get(name))} "
            f"| {'; '.join(_tests(card, runs, published)) or 'not run'} |\n"
        )
    notes = [f"- `{name}`: {card['note']}.\n" for name, (card, _) in models.items() if card.get("note")]
    return INTRODUCTION + "\n" + HEAD + "".join(lines) + ("\n" + "".join(notes) if notes else "")


def _validation(score: Score | None) -> str:
    """The columns "validation" and "stress"."""
    if score is None:
        return "not run | not run"
    return f"{score.psnr:.2f} | {score.worst_case} {score.worst_change:+.1f} ({score.failed} of {score.cases} fail)"


def _data(card: dict) -> str:
    dataset = card["training"]["dataset"]
    digest = card.get("data_digest") or data_digest(dataset)
    return f"{dataset} ({digest[:8]})" if digest else dataset


def _tests(card: dict, runs: pd.DataFrame, published: pd.DataFrame) -> list[str]:
    """One entry per test set and level that the model was measured at."""
    if runs.empty:
        return []
    method = method_name(card["method"], card.get("variant"))
    ours = runs[(runs["task"] == card["task"]) & (runs["method"] == method) & (runs["mode"] == "whole")]
    if card["level"] is not None:
        ours = ours[ours["level"] == card["level"]]
    quoted = published[
        (published["task"] == card["task"]) & (published["method"] == method) & (published["metric"] == "psnr")
    ]
    quoted = quoted[quoted["variant"] == ""].drop_duplicates(["dataset", "level"])
    entries = []
    for run in ours.itertuples(index=False):
        value = getattr(run, measure_of(card["task"]))
        level = quoted["level"].isna() if run.level is None else quoted["level"] == run.level
        paper = quoted[level & (quoted["dataset"] == run.dataset)]["value"]
        remarks = [f"paper {paper.iloc[0]:.2f}"] if len(paper) else []
        remarks += [share(run)] if run.images != run.images_of else []
        where = run.dataset + (f" at {run.level:g}" if card["level"] is None and run.level is not None else "")
        entries.append(f"{where} {value:.2f}" + (f" ({', '.join(remarks)})" if remarks else ""))
    return entries
