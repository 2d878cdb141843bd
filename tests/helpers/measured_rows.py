"""Rows as evaluations write them."""

from __future__ import annotations

import pandas as pd

from groupsc.benchmark.rows import COLUMNS
from groupsc.config.definitions import experiment_name


def make_rows(method="sc", level=25.0, dataset="BSD68", psnr=(29.0,), *, task="gray", repetition=0, **changes):
    """One row an image, each with its PSNR."""
    row = {
        "experiment": experiment_name(task, method, level), "task": task, "method": method, "level": level,
        "dataset": dataset, "repetition": repetition, "mode": "whole", "stride": None, "ssim": 0.8, "seconds": 2.0,
        "device": "A CPU", "peak_memory_mb": 100.0, "height": 8, "width": 8, "parameters": 68_352,
        "weights_sha256": "aa", "code_version": "0.1.0+aa", **changes,
    }  # fmt: skip
    rows = [{**row, "image": f"{i:02d}", "psnr": value, "psnr_channels": value + 0.3} for i, value in enumerate(psnr)]
    return pd.DataFrame(rows)[COLUMNS]
