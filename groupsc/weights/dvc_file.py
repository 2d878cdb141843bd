"""The file `dvc.yaml`: what `dvc metrics`, `dvc params`, `dvc plots` and `dvc artifacts` read in a checkout.

It is written from the grids in `config`, the learning curves of the release, and the cards of the released weights.
"""

from __future__ import annotations

from pathlib import Path

import yaml

from groupsc.config.definitions import LEVEL_NAMES, TASKS
from groupsc.config.labels import MODEL_LABELS, level_label
from groupsc.models.sizes import number_of_parameters
from groupsc.weights.cards import config_of, read_card, steps_text
from groupsc.weights.released import Release, releases
from groupsc.weights.scores import scores_of

RESULTS = "results/release"
"""Folder of the metrics and learning curves of the release, in a checkout."""
TASK_NAMES = {"gray": "gray denoising", "color": "color denoising", "mosaic": "demosaicking", "jpeg": "JPEG deblocking"}

HEAD = """# Made by `groupsc weights dvc`; change groupsc/weights/dvc_file.py instead.
# What `dvc metrics`, `dvc params`, `dvc plots` and `dvc artifacts` read. Snakemake makes the files: there are no
# stages, so `dvc repro` and `dvc exp run` have nothing to run. Pointers to the released weights are in data/weights,
# those to the data sets in data/raw.
"""


def dvc_file(root) -> str:
    """Compose the text of `dvc.yaml`.

    Parameters
    ----------
    root : path
        Folder of the checkout.

    Returns
    -------
    str
        YAML with the keys params, metrics, plots and artifacts.

    Raises
    ------
    GroupSCError
        When released weights are missing or damaged.

    Examples
    --------
    >>> text = dvc_file(".")  # A folder without grids, learning curves and weights.
    >>> yaml.safe_load(text)["metrics"]
    ['results/release/metrics.json']
    """
    root = Path(root)
    released = releases([root / "data"])
    content = {
        "params": sorted(f"config/{path.name}" for path in (root / "config").glob("*.yaml")),
        "metrics": [f"{RESULTS}/metrics.json"],
        "plots": _plots(root, released),
        "artifacts": _artifacts(released),
    }
    return HEAD + yaml.safe_dump(content, sort_keys=False, allow_unicode=True, width=120)


def _plots(root: Path, released: dict[str, Release]) -> list[dict]:
    """Return one plot per task, with the learning curves of its released models."""
    plots = []
    for task in TASKS:
        paths = [f"{RESULTS}/curves/{name}.csv" for name in released if name.partition("-")[0] == task]
        curves = {path: "validation_psnr" for path in paths if (root / path).is_file()}
        if curves:
            labels = {"x_label": "training step", "y_label": "validation PSNR (dB)", "template": "curves"}
            plots.append({f"Training, {TASK_NAMES[task]}": {"x": "step", "y": curves, **labels}})
    return plots


def _artifacts(released: dict[str, Release]) -> dict[str, dict]:
    """Return the entry of each released model, with a description and labels from its card."""
    scores, artifacts = scores_of(released), {}
    for name, release in released.items():
        card = read_card(release.find())
        validated = [f"{scores[name].psnr:.2f} dB on the validation set"] if name in scores else []
        facts = [
            f"{number_of_parameters(config_of(release.path, card)):,} parameters",
            f"{steps_text(card)} training steps on {card['training']['dataset']}",
            *validated,
        ]
        level = [] if card["level"] is None else [f"{LEVEL_NAMES[card['task']]}{card['level']:g}"]
        artifacts[name] = {
            "path": f"data/weights/{release.path.name}",
            "type": "model",
            "desc": f"{title(card)}; {', '.join(facts)}",
            "labels": [card["task"], card["method"], *([card["variant"]] if card.get("variant") else []), *level],
        }
    return artifacts


def title(card: dict) -> str:
    """Name method, task and level of a model.

    Parameters
    ----------
    card : dict
        Card of the weights file.

    Examples
    --------
    >>> title({"method": "groupsc", "variant": "refresh8", "task": "gray", "level": 15})
    'GroupSC (refresh8) for gray denoising at σ = 15'
    """
    variant = f" ({card['variant']})" if card.get("variant") else ""
    level = level_label(card["task"], card["level"])
    return f"{MODEL_LABELS[card['method']]}{variant} for {TASK_NAMES[card['task']]}{f' at {level}' if level else ''}"
