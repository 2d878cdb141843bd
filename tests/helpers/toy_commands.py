"""A toy model and the commands that make it, measure it and show it, in the order in which they build on each other."""

from __future__ import annotations

import json

import pandas as pd

from groupsc.weights.files import read_tensors

EXPERIMENT = {
    "name": "gray-sc-sigma25", "task": "gray", "method": "sc", "level": 25,
    "model": {"patch_size": 5, "n_atoms": 16, "n_iterations": 4, "window": 9, "penalty": "l1"},
    "training": {
        "dataset": "Bundled", "validation": "Bundled", "validation_images": 2, "validate_every": 4, "max_steps": 8,
        "batch_size": 2, "crop_size": 16, "lr": 1e-3, "ema_decay": 0.5,
    },
}  # fmt: skip
VOLATILE = ["minutes", "seconds", "peak_memory_mb"]


COMMANDS = {
    "train": ("train", "sc.yaml", "--output", "run", "--device", "cpu"),
    "evaluate": (
        "evaluate", "run/weights.safetensors", "--dataset", "Bundled", "--images", 2, "--output", "rows/rows.csv",
        "--pictures", "rows", "--name", "astronaut",
    ),
    "table": ("table", "table4", "rows/rows.csv", "--output", "tables/table4"),
    "figure": ("figure", "training", "run/log.csv", "--output", "figures/a.png", "--output", "figures/a.pdf"),
    "metrics": ("metrics", "rows/rows.csv", "--output", "metrics/metrics.json"),
    "fetch": ("fetch", "Bundled", "--images", 2, "--manifest", "data/Bundled.json"),
}  # fmt: skip
OUTPUTS = {"train": "run", "evaluate": "rows", "table": "tables", "figure": "figures", "metrics": "metrics"}
OUTPUTS |= {"fetch": "data"}


def whole(path):
    """What a complete file says, without what no two runs share; half a file raises an error."""
    if ".safetensors" in path.name:
        tensors, card = read_tensors(path)
        return {name: tensor.tolist() for name, tensor in tensors.items()}, {**card, "minutes": None}
    if path.suffix == ".csv":
        assert path.read_bytes().endswith(b"\n")
        return pd.read_csv(path).drop(columns=VOLATILE, errors="ignore").astype(object).fillna("").to_dict("list")
    if path.suffix == ".json" and path.parent.name == "metrics":
        return json.loads(path.read_text())
    return path.read_bytes()
