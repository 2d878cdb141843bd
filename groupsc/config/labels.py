"""Names of tasks, levels, methods and degraded images in tables, figures and on pages."""

from __future__ import annotations

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
    **{f"{method}-blind": f"{label}, blind" for method, label in MODEL_LABELS.items()},
}
"""Labels of baselines and models, in the order of the columns of a figure, from left to right."""
