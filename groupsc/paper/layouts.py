"""How the paper arranges its tables: one declaration a table, without a figure in it."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class Layout:
    """The axes of a table.

    `methods` is the axis of the methods, "rows" or "columns"; along the other lie the positions, each a level or a data
    set (or both), worded by `position`. With methods as rows, `columns` are the printed positions in order and `across`
    says which of the two they are. `head` titles the columns of labels. `metrics` are the figures of a cell. With
    `peers` the baselines that were run stand in the table also where the paper has no line of theirs.
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
    peers: bool = False


_DENOISING = {"methods": "rows", "head": ("Method",), "position": "σ = {level:g}", "trainable": True, "peers": True}
_DENOISING_SSIM = {
    "methods": "columns",
    "head": ("Dataset", "Noise σ"),
    "position": "{dataset} | {level:g}",
    "metrics": ("psnr", "ssim"),
    "peers": True,
}
_JPEG = {"methods": "columns", "head": ("Quality factor",), "position": "qf = {level:g}", "peers": True}
_MOSAIC = {
    "methods": "rows",
    "head": ("Method",),
    "position": "{dataset}",
    "across": "dataset",
    "columns": ("Kodak24", "BSD68", "Urban100"),
    "peers": True,
    "remark": "This run's PSNR is the mean of the three per-channel values, as the paper's code measured it.",
}

_STRIDES = {
    "methods": "rows",
    "head": ("Averaging | 1/f",),
    "position": "{dataset}",
    "across": "dataset",
    "columns": ("s = 56", "s = 48", "s = 24", "s = 12"),
    "metrics": ("seconds", "psnr"),
    "remark": "Blocks at stride s, the paper's of 56 pixels; this run's seconds are those of the device named here.",
}

TABLES = {
    "table1": Layout(
        number=1,
        title="Ablation on the averaging of similarities and on how often they are refreshed; grayscale denoising of "
        "BSD68 at σ = 15: inference time in seconds / PSNR in dB.",
        **_STRIDES,
    ),
    "table2": Layout(
        number=2,
        title="Blind color denoising on CBSD68, training on CBSD400: average PSNR in dB.",
        methods="columns",
        head=("Noise σ",),
        position="{level:g}",
    ),
    "table3": Layout(
        number=3,
        title="Color denoising on CBSD68, training on CBSD400 for all methods except CSCnet (Waterloo+CBSD400): "
        "average PSNR in dB.",
        columns=("5", "10", "15", "25", "30", "50"),
        **_DENOISING,
    ),
    "table4": Layout(
        number=4,
        title="Grayscale denoising on BSD68, training on BSD400 for all methods except CSCnet (Waterloo+BSD400): "
        "average PSNR in dB.",
        columns=("5", "15", "25", "50"),
        **_DENOISING,
    ),
    "table5": Layout(
        number=5,
        title="JPEG artefact reduction on Classic5, training on CBSD400: average PSNR in dB.",
        **_JPEG,
    ),
    "table6": Layout(
        number=6,
        title="Demosaicking, training on CBSD400 unless another data set is given in parentheses: average PSNR in dB.",
        trainable=True,
        **_MOSAIC,
    ),
    "table8": Layout(
        number=8,
        title="Grayscale denoising on several data sets, training on BSD400: average PSNR in dB / SSIM.",
        **_DENOISING_SSIM,
    ),
    "table9": Layout(
        number=9,
        title="Color denoising on several data sets, training on CBSD400: average PSNR in dB / SSIM.",
        **_DENOISING_SSIM,
    ),
    "table10": Layout(
        number=10,
        title="JPEG artefact reduction on Classic5, training on CBSD400: average PSNR in dB / SSIM.",
        metrics=("psnr", "ssim"),
        **_JPEG,
    ),
    "table11": Layout(
        number=11,
        title="Demosaicking, training on CBSD400 unless another data set is given in parentheses: "
        "average PSNR in dB / SSIM.",
        metrics=("psnr", "ssim"),
        **_MOSAIC,
    ),
    "table12": Layout(
        number=12,
        title="Inference time in seconds / PSNR in dB, depending on stride, averaging and refreshes, compared with "
        "NLRN; grayscale denoising of BSD68 at σ = 15.",
        **_STRIDES,
    ),
    "table13": Layout(
        number=13,
        title="Influence of the dictionary size n and the patch size k on grayscale denoising of BSD68, in the light "
        "setting (refreshes every 8 steps, not averaged): average PSNR in dB.",
        methods="columns",
        head=("Noise σ", "Patch size"),
        position="{level:g} | {dataset}",
    ),
}
"""The tables that can be made, by name."""
