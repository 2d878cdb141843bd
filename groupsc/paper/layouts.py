"""Declare the layout of the paper's tables, without their values."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, kw_only=True)
class Layout:
    """The layout of a table: methods along one axis, positions along the other.

    A position is a level, a data set or both.

    Attributes
    ----------
    number : int
        Number of the table in the paper.
    title : str
        First sentence of the caption.
    methods : {"rows", "columns"}
        Axis of the methods.
    head : tuple of str
        Headings of the columns of labels.
    position : str
        Format of the label of a position, with the fields `dataset` and `level`.
    columns : tuple of str
        With methods as rows, the paper's positions in order.
    across : {"level", "dataset"}
        With methods as rows, the kind of the positions.
    trainable : bool
        Whether a column says if the method is trainable.
    metrics : tuple of str
        Metrics in a cell.
    remark : str
        Sentence of the caption about the values of this run.
    other_methods : bool
        Whether the table shows methods that were run but are not in the paper's table: baselines, own variants, own
        methods, and models at other levels than that of their training.

    Examples
    --------
    >>> TABLES["table4"].number, TABLES["table4"].methods
    (4, 'rows')
    """

    number: int
    title: str
    methods: str
    head: tuple[str, ...]
    position: str
    columns: tuple[str, ...] = ()
    across: str = "level"
    trainable: bool = False
    metrics: tuple[str, ...] = ("psnr",)
    remark: str = ""
    other_methods: bool = False


_DENOISING: dict[str, Any] = {
    "methods": "rows",
    "head": ("Method",),
    "position": "σ = {level:g}",
    "trainable": True,
    "other_methods": True,
}
_DENOISING_SSIM: dict[str, Any] = {
    "methods": "columns",
    "head": ("Dataset", "Noise σ"),
    "position": "{dataset} | {level:g}",
    "metrics": ("psnr", "ssim"),
    "other_methods": True,
}
_JPEG: dict[str, Any] = {
    "methods": "columns",
    "head": ("Quality factor",),
    "position": "qf = {level:g}",
    "other_methods": True,
}
_MOSAIC: dict[str, Any] = {
    "methods": "rows",
    "head": ("Method",),
    "position": "{dataset}",
    "across": "dataset",
    "columns": ("Kodak24", "BSD68", "Urban100"),
    "other_methods": True,
    "remark": "The PSNR of this run is the mean of the three per-channel values, as in the paper's code.",
}

_STRIDES: dict[str, Any] = {
    "methods": "rows",
    "head": ("Averaging | 1/f",),
    "position": "{dataset}",
    "across": "dataset",
    "columns": ("s = 56", "s = 48", "s = 24", "s = 12"),
    "metrics": ("seconds", "psnr"),
    "remark": "Images are restored in blocks at stride s; the paper's blocks have 56×56 pixels. The seconds of this "
    "run are medians over images on the device named in this caption.",
}

TABLES = {
    "table1": Layout(
        number=1,
        title="Ablation of the averaging and the refresh frequency of similarities; grayscale denoising of BSD68 at "
        "σ = 15: inference time in seconds / PSNR in dB.",
        **_STRIDES,
    ),
    "table2": Layout(
        number=2,
        title="Blind color denoising on CBSD68: average PSNR in dB. The paper trained on CBSD400.",
        methods="columns",
        head=("Noise σ",),
        position="{level:g}",
    ),
    "table3": Layout(
        number=3,
        title="Color denoising on CBSD68: average PSNR in dB. In the paper, all methods were trained on CBSD400, "
        "except CSCnet (Waterloo+CBSD400).",
        columns=("5", "10", "15", "25", "30", "50"),
        **_DENOISING,
    ),
    "table4": Layout(
        number=4,
        title="Grayscale denoising on BSD68: average PSNR in dB. In the paper, all methods were trained on BSD400, "
        "except CSCnet (Waterloo+BSD400).",
        columns=("5", "15", "25", "50"),
        **_DENOISING,
    ),
    "table5": Layout(
        number=5,
        title="JPEG artefact reduction on Classic5: average PSNR in dB. The paper trained on CBSD400.",
        **_JPEG,
    ),
    "table6": Layout(
        number=6,
        title="Demosaicking: average PSNR in dB. In the paper, all methods were trained on CBSD400, unless "
        "another data set is given in parentheses.",
        trainable=True,
        **_MOSAIC,
    ),
    "table8": Layout(
        number=8,
        title="Grayscale denoising on several data sets: average PSNR in dB / SSIM. The paper trained on BSD400.",
        **_DENOISING_SSIM,
    ),
    "table9": Layout(
        number=9,
        title="Color denoising on several data sets: average PSNR in dB / SSIM. The paper trained on CBSD400.",
        **_DENOISING_SSIM,
    ),
    "table10": Layout(
        number=10,
        title="JPEG artefact reduction on Classic5: average PSNR in dB / SSIM. The paper trained on CBSD400.",
        metrics=("psnr", "ssim"),
        **_JPEG,
    ),
    "table11": Layout(
        number=11,
        title="Demosaicking: average PSNR in dB / SSIM. In the paper, all methods were trained on CBSD400, unless "
        "another data set is given in parentheses.",
        metrics=("psnr", "ssim"),
        **_MOSAIC,
    ),
    "table12": Layout(
        number=12,
        title="Inference time in seconds / PSNR in dB for several strides, averaging and refresh frequencies, compared "
        "with NLRN; grayscale denoising of BSD68 at σ = 15.",
        **_STRIDES,
    ),
    "table13": Layout(
        number=13,
        title="Influence of the dictionary size n and the patch size k on grayscale denoising of BSD68, in the light "
        "setting (a refresh every 8 iterations, no averaging): average PSNR in dB.",
        methods="columns",
        head=("Noise σ", "Patch size"),
        position="{level:g} | {dataset}",
    ),
}
"""The tables of the paper with measured values, by name."""
