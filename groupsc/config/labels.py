"""Names of tasks, levels, methods and degraded images in tables, figures and on pages."""

from __future__ import annotations

import math

from groupsc.config.definitions import LEVEL_NAMES

TASK_LABELS = {"gray": "Denoising", "color": "Color denoising", "mosaic": "Demosaicking", "jpeg": "JPEG deblocking"}
SHORT_TASK_LABELS = {"gray": "Gray", "color": "Color", "mosaic": "Demosaicking", "jpeg": "JPEG"}
LEVEL_LABELS = {"sigma": "σ = ", "quality": "quality "}
DEGRADED_LABELS = {"gray": "Noisy", "color": "Noisy", "mosaic": "Mosaic", "jpeg": "JPEG"}
MODEL_LABELS = {"sc": "SC", "csr": "CSR", "groupsc": "GroupSC"}
"""Labels of the paper's models, by method."""
METHOD_LABELS = {
    "bilinear": "Bilinear",
    "malvar": "Malvar",
    "menon": "Menon",
    "bm3d": "BM3D",
    "cbm3d": "CBM3D",
    "ffdnet": "FFDNet",
    "dncnn": "DnCNN",
    "cdncnn": "CDnCNN",
    "dncnn-3": "DnCNN-3",
    **MODEL_LABELS,
    "sc-short": "SC-short",
    "groupsc-fast": "GroupSC-fast",
    **{f"{method}-blind": f"{label}, blind" for method, label in MODEL_LABELS.items()},
}
"""Labels of baselines and models, in the order of the columns of a figure, from left to right."""


def level_label(task: str, level: float | None) -> str:
    """Return the level of a task in words; empty for mosaics, and if the level is None or NaN.

    Examples
    --------
    >>> level_label("gray", 25.0), level_label("jpeg", 10), level_label("mosaic", None)
    ('σ = 25', 'quality 10', '')
    """
    kind = LEVEL_NAMES[task]
    return "" if kind is None or level is None or math.isnan(level) else f"{LEVEL_LABELS[kind]}{level:g}"


def task_label(task: str, level: float | None) -> str:
    """Return a task and its level in words.

    Examples
    --------
    >>> task_label("gray", 25.0), task_label("mosaic", None)
    ('Denoising, σ = 25', 'Demosaicking')
    """
    return ", ".join(filter(None, (TASK_LABELS[task], level_label(task, level))))
