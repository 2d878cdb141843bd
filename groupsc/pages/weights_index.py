"""Make the page of released weights, with the training of each model and its results beside the paper's."""

from __future__ import annotations

import pandas as pd

from groupsc.benchmark.averages import average, image_count
from groupsc.benchmark.metrics import measure_of
from groupsc.data.manifests import registered_digest
from groupsc.pages.model_results import model_results
from groupsc.pages.training_steps import training_steps
from groupsc.utils.durations import duration
from groupsc.weights.scores import Score

INTRODUCTION = """# Released weights

Each model is a file `<task>-<method>-<level>.safetensors`, tracked by DVC. `dvc pull` copies the files from
`data/store`, a remote inside this repository that needs no account, and `groupsc weights verify` verifies their
checksums. Each file contains its card, which `groupsc info NAME` shows. `groupsc weights index` makes this page.
`CONTRIBUTING.md` describes how to release a model, and [a page for researchers](../../docs/start/researcher.md) what a
training costs.

"Validation" is the mean PSNR in dB over the central 128×128 pixels of the 32 images of BSDval32, by which the models
were chosen.
"Stress" is the case of the stress set with the smallest gain of the output over the input, the gain in dB, and the
number of failed cases, in which the output is more than 0.5 dB below the input. Both are in `validation.csv`;
`groupsc validate` measures them.
"Test" is the mean PSNR in dB of whole images. In parentheses are the paper's value, and the number of images if not all
were restored. For mosaics it is the mean of the per-channel PSNRs, as in the paper's code.
"""

HEAD = (
    "| weights | parameters | trained for | crops | on | seed | data | validation | stress | test |\n"
    + "| --- " * 10
    + "|\n"
)


def index(
    models: dict[str, tuple[dict, int]], scores: dict[str, Score], rows: pd.DataFrame, published: pd.DataFrame
) -> str:
    """Make the page as Markdown.

    Parameters
    ----------
    models : dict
        Card and number of parameters of each released model, by name.
    scores : dict
        `groupsc.weights.scores.Score` of the validated models, by name.
    rows : pandas.DataFrame
        Per-image results, as `groupsc.benchmark.rows.read_rows` returns them.
    published : pandas.DataFrame
        The paper's values, as `groupsc.paper.tables.read_published` returns them.

    Returns
    -------
    str

    Examples
    --------
    >>> from groupsc.benchmark.rows import table_of
    >>> print(index({}, {}, table_of([]), pd.DataFrame()).splitlines()[0])
    # Released weights
    """
    runs, lines = average(rows), []
    for name, (card, parameters) in models.items():
        training = card["training"]
        lines.append(
            f"| `{name}` | {parameters:,} | {training_steps(card)}, in {duration(60 * card['minutes'])} "
            f"| {training['batch_size']} of {training['crop_size']}×{training['crop_size']} "
            f"| {card['device'].partition(',')[0]} "
            f"| {training['seed']} | {_data(card)} | {_validation(scores.get(name))} "
            f"| {'; '.join(_tests(card, runs, published)) or 'not run'} |\n"
        )
    notes = [f"- `{name}`: {card['note']}.\n" for name, (card, _) in models.items() if card.get("note")]
    return INTRODUCTION + "\n" + HEAD + "".join(lines) + ("\n" + "".join(notes) if notes else "")


def _validation(score: Score | None) -> str:
    """Format the columns "validation" and "stress"."""
    if score is None:
        return "not run | not run"
    return f"{score.psnr:.2f} | {score.worst_case} {score.worst_change:+.1f} ({score.failed} of {score.cases} fail)"


def _data(card: dict) -> str:
    dataset = card["training"]["dataset"]
    digest = card.get("data_digest") or registered_digest(dataset)
    return f"{dataset} ({digest[:8]})" if digest else dataset


def _tests(card: dict, runs: pd.DataFrame, published: pd.DataFrame) -> list[str]:
    """Format one entry for each test set and level of the model."""
    entries = []
    for run, paper in model_results(card, runs, published):
        value = getattr(run, measure_of(card["task"]))
        remarks = [] if paper is None else [f"paper {paper:.2f}"]
        remarks += [image_count(run)] if run.images != run.images_of else []
        where = run.dataset + (f" at {run.level:g}" if card["level"] is None and run.level is not None else "")
        entries.append(f"{where} {value:.2f}" + (f" ({', '.join(remarks)})" if remarks else ""))
    return entries
