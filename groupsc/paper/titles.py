"""What tasks, methods and degraded images are called in figures and on pages."""

from groupsc.config.definitions import TITLES

TASKS = {"gray": "Denoising", "color": "Color denoising", "mosaic": "Demosaicking", "jpeg": "JPEG deblocking"}
DEGRADED = {"gray": "Noisy", "color": "Noisy", "mosaic": "Mosaic", "jpeg": "JPEG"}
METHODS = {
    "bilinear": "Bilinear",
    "malvar": "Malvar",
    "menon": "Menon",
    "bm3d": "BM3D",
    "cbm3d": "CBM3D",
    "ffdnet": "FFDNet",
    "dncnn": "DnCNN",
    "cdncnn": "CDnCNN",
    "dncnn-3": "DnCNN-3",
    **TITLES,
    **{f"{method}-blind": f"{title}, blind" for method, title in TITLES.items()},
}
"""Methods that pictures are shown of, from left to right."""
