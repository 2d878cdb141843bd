"""Make the model card of released weights, in the format of Hugging Face: front matter in YAML, then Markdown."""

from __future__ import annotations

import csv
import textwrap
from typing import Any

import pandas as pd
import yaml

from groupsc.benchmark.averages import average, image_count
from groupsc.benchmark.metrics import measure_of
from groupsc.config.labels import level_label
from groupsc.pages.model_results import model_results
from groupsc.pages.training_steps import training_steps
from groupsc.paper.tables import read_published
from groupsc.utils.durations import duration
from groupsc.utils.errors import GroupSCError
from groupsc.utils.resources import data_file
from groupsc.weights.dvc_file import title
from groupsc.weights.scores import Score

TAGS = {
    "gray": ["image-denoising", "grayscale"],
    "color": ["image-denoising"],
    "mosaic": ["demosaicking"],
    "jpeg": ["jpeg-artifact-removal"],
}
"""Tags of a task, besides those of all models."""

PRIORS = {
    "sc": "codes each patch alone (ℓ1 prior)",
    "csr": "pulls the codes of similar patches towards their mean",
    "groupsc": "makes similar patches share their atoms (group prior)",
}

CALLS = {
    "gray": ("denoise noisy.png clean.png", "groupsc.denoise(noisy, sigma, {})  # (H, W); sigma in the units of noisy"),
    "color": ("denoise noisy.png clean.png", "groupsc.denoise(noisy, sigma, channel_axis=-1, {})  # (H, W, 3)"),
    "mosaic": (
        "demosaick mosaic.tif colors.tif --pattern RGGB",
        'groupsc.demosaick(mosaic, "RGGB", {})  # (H, W) to (H, W, 3)',
    ),
    "jpeg": ("deblock photo.jpg restored.png", "groupsc.deblock(decoded, quality, {})  # (H, W)"),
}
"""Command and Python call of a task; the weights are added."""

LIMITS = """A restored image can contain structures that were not in the scene; do not draw conclusions from them. On
fine patterns, strong colours or high contrast the model alone can be worse than its input."""
GUARD = {
    **dict.fromkeys(("gray", "color"), "replaces the result where the model removed more than noise."),
    "mosaic": "keeps the measured values and replaces the result where the colours have no common structure.",
    "jpeg": "uses the limits that the file contains and replaces the result where the model is not reliable.",
}
"""What the guard of a task does."""

BIBTEX = """@inproceedings{lecouat2020fully,
  title     = {Fully Trainable and Interpretable Non-Local Sparse Models for Image Restoration},
  author    = {Lecouat, Bruno and Ponce, Jean and Mairal, Julien},
  booktitle = {European Conference on Computer Vision (ECCV)},
  year      = {2020},
  note      = {arXiv:1912.02456, hal-02414291}
}"""


def model_card(
    card: dict[str, Any], rows: pd.DataFrame, *, parameters: int, md5: str, score: Score | None = None
) -> str:
    """Compose the model card of released weights.

    Parameters
    ----------
    card : dict
        Card of the weights file.
    rows : pandas.DataFrame
        Per-image results of the model, as `groupsc.benchmark.rows.read_rows` returns them; may be empty. Results of
        other models are ignored.
    parameters : int
        Number of trained parameters.
    md5 : str
        Checksum of the weights file.
    score : Score, optional
        Results on the validation set and the stress set.

    Returns
    -------
    str
        A `README.md` for a model repository, with the front matter of
        https://huggingface.co/docs/hub/model-cards.

    Raises
    ------
    GroupSCError
        When the training set of the card has no line in `data/sources.csv`.

    Examples
    --------
    >>> from groupsc.benchmark.rows import table_of
    >>> card = {"name": "gray-sc-sigma25", "task": "gray", "method": "sc", "level": 25, "steps": 9, "minutes": 1.0,
    ...         "device": "CPU", "training": {"dataset": "BSD400", "batch_size": 8, "crop_size": 40, "seed": 0},
    ...         "model": {"patch_size": 9, "n_atoms": 256, "n_iterations": 24}}
    >>> text = model_card(card, table_of([]), parameters=68352, md5="0" * 32)
    >>> yaml.safe_load(text.split("---")[1])["pipeline_tag"]
    'image-to-image'
    """
    results = _results(card, rows)
    sections = [_introduction(card, parameters, md5), _use(card), _measured(card, results), _training(card)]
    sections += [_limits(card, score), _licence()]
    return f"---\n{_front_matter(card, results)}---\n\n" + "\n\n".join(sections) + "\n"


def _results(card: dict[str, Any], rows: pd.DataFrame) -> list[dict[str, Any]]:
    """Average the results of the model on whole images, with the paper's value of the same model beside them."""
    runs = average(rows)
    runs = runs if runs.empty else runs.sort_values(["dataset", "level"])
    return [
        {
            "dataset": run.dataset,
            "level": level_label(card["task"], run.level),
            "images": f"{run.images}" if run.images == run.images_of else image_count(run),
            "psnr": round(float(getattr(run, measure_of(card["task"]))), 2),
            "ssim": round(float(run.ssim), 4),
            "paper": "–" if paper is None else f"{paper:.2f}",
            "seconds": f"{run.seconds:.2g}" if run.seconds < 99.5 else f"{run.seconds:.0f}",
            "device": run.device,
        }
        for run, paper in model_results(card, runs, read_published())
    ]


def _front_matter(card: dict[str, Any], results: list[dict[str, Any]]) -> str:
    """The metadata that Hugging Face reads."""
    entries = [
        {
            "task": {"type": "image-to-image", "name": title(card)},
            "dataset": {"type": run["dataset"], "name": _evaluated(run)},
            "metrics": [
                {"type": "psnr", "name": "PSNR (dB)", "value": run["psnr"]},
                {"type": "ssim", "name": "SSIM", "value": run["ssim"]},
            ],
        }
        for run in results
    ]
    content: dict[str, Any] = {
        "license": "mit",
        "library_name": "groupsc",
        "pipeline_tag": "image-to-image",
        "tags": ["image-restoration", *TAGS[card["task"]], "sparse-coding", "interpretable", card["method"]],
        "metrics": ["psnr", "ssim"],
    }
    if entries:
        content["model-index"] = [{"name": card["name"], "results": entries}]
    return yaml.safe_dump(content, sort_keys=False, allow_unicode=True, width=120)


def _evaluated(run: dict[str, Any]) -> str:
    """The data set, the level, and the number of images if it is not that of the whole set."""
    name = " ".join(filter(None, (run["dataset"], run["level"])))
    return name if run["images"].isdecimal() else f"{name}, {run['images']}"


def _paragraph(text: str) -> str:
    return textwrap.fill(" ".join(text.split()), 120, break_long_words=False, break_on_hyphens=False)


def _introduction(card: dict[str, Any], parameters: int, md5: str) -> str:
    model = card["model"]
    prior, side = PRIORS.get(card["method"], "has a prior of its own"), model["patch_size"]
    what = f"""{title(card)}: an unrolled sparse coder with {parameters:,} trained parameters, which {prior}. It has
        {model["n_atoms"]} atoms of {side}×{side} pixels and {model["n_iterations"]} iterations. The method is that of
        Lecouat, Ponce and Mairal, "Fully Trainable and Interpretable Non-Local Sparse Models for Image Restoration",
        ECCV 2020 ([arXiv:1912.02456](https://arxiv.org/abs/1912.02456)). The weights are not those of the authors; the
        package groupsc trained them."""
    return f"# {card['name']}\n\n{_paragraph(what)}\n\nThe file `{card['name']}.safetensors` has the md5 `{md5}`."


def _use(card: dict[str, Any]) -> str:
    command, call = CALLS[card["task"]]
    file = f"{card['name']}.safetensors"
    weights = f'weights="{file}"'
    return f"""## Use

```bash
pip install groupsc
groupsc {command} --weights {file}
```

```python
import groupsc

restored = {call.format(weights)}
model = groupsc.load("{file}")  # a torch module
```

The package contains the released weights: `--weights {card["name"]}` works without this file."""


def _measured(card: dict[str, Any], results: list[dict[str, Any]]) -> str:
    """The results on test sets."""
    if not results:
        return "## Results\n\nNot measured on a test set."
    devices = "; ".join(dict.fromkeys(device for run in results for device in run["device"].split("; ")))
    notes = f"""Means over images. "Paper" is the PSNR that the paper gives for this method. Seconds are medians
        over images on {devices}."""
    notes += " The PSNR is the mean over the three channels, as in the authors' code." * (card["task"] == "mosaic")
    lines = [
        "| {dataset} | {level} | {images} | {psnr:.2f} | {paper} | {ssim:.4f} | {seconds} |".format(**run)
        for run in results
    ]
    head = ["| test set | level | images | PSNR (dB) | paper | SSIM | seconds |", "| --- " * 7 + "|"]
    return "\n".join(["## Results\n", _paragraph(notes) + "\n", *head, *lines])


def _training(card: dict[str, Any]) -> str:
    training, source = card["training"], _source(card["training"]["dataset"])
    how = f"""{training_steps(card)}, in {duration(60 * card["minutes"])} on {card["device"]};
        {training["batch_size"]} crops of {training["crop_size"]}×{training["crop_size"]} pixels per step, seed
        {training["seed"]}. `groupsc info {card["name"]}` shows all settings, which the file contains."""
    how += f" Note: {card['note']}." if card.get("note") else ""
    images = f"""Training images: {training["dataset"]}, {source["source"]}. {source["note"]}. Terms of the images:
        {source["licence"]}. The weights contain no images."""
    return f"## Training\n\n{_paragraph(how)}\n\n{_paragraph(images)}"


def _source(dataset: str) -> dict[str, str]:
    with open(data_file("sources.csv"), newline="", encoding="utf-8") as file:
        for line in csv.DictReader(file):
            if line["dataset"] == dataset:
                return line
    raise GroupSCError(f"the training set {dataset} has no line in data/sources.csv; add its source and licence")


def _limits(card: dict[str, Any], score: Score | None) -> str:
    command = CALLS[card["task"]][0].split()[0]
    text = [LIMITS, f"`groupsc {command}` therefore has a guard, which {GUARD[card['task']]}"]
    level = level_label(card["task"], card["level"])
    if level:
        text.append(f"The model was trained for {level} only.")
    if score is not None:
        text.append(
            f"""On the stress set, pictures unlike photographs, the output of the model alone is more than 0.5 dB below
            its input in {score.failed} of {score.cases} cases; the worst is {score.worst_case} with
            {score.worst_change:+.1f} dB."""
        )
    return "## Limits\n\n" + _paragraph(" ".join(text))


def _licence() -> str:
    how = """The weights have the MIT licence. Please cite the paper. To point at these weights, give their name, the
        version of the package groupsc and the md5 above."""
    return f"## Licence and citation\n\n{_paragraph(how)}\n\n```bibtex\n{BIBTEX}\n```"
