"""Test the manifest against the registry, the environment and the results it describes."""

from __future__ import annotations

import hashlib
import json
import platform
from importlib import metadata

import pandas as pd
from checkouts import ROOT

from groupsc.benchmark.rows import table_of, write_rows

ROW = {
    "experiment": "gray-sc-sigma25", "task": "gray", "method": "sc", "level": 25.0, "dataset": "Set12", "image": "01",
    "repetition": 0, "mode": "whole", "psnr": 30.0, "psnr_channels": 30.0, "ssim": 0.9, "seconds": 1.0, "height": 8,
    "width": 8, "parameters": 1, "device": "A CPU, 1 threads", "weights_sha256": "ab", "code_version": "0.1.0+a",
}  # fmt: skip


def test_manifest_names_what_the_results_depend_on(groupsc, tmp_path):
    rows = [ROW, {**ROW, "image": "02", "code_version": "0.1.0+b"}, {**ROW, "dataset": "mine", "device": "B GPU"}]
    rows.append({**ROW, "experiment": "gray-input-sigma25", "mode": None, "weights_sha256": None, "device": None})
    write_rows(tmp_path / "rows.csv", table_of(rows))
    (tmp_path / "mine").mkdir()  # A folder of this name is not the data set of the results.
    ended = groupsc("manifest", "rows.csv", "--output", "manifest.json", "--commit", "c0ffee", cwd=tmp_path)
    assert ended.returncode == 0, ended.said
    found = json.loads((tmp_path / "manifest.json").read_text())
    registry = pd.read_csv(ROOT / "data/registry.csv").query("dataset == 'Set12'").sort_values("file")
    assert found["datasets"] == {
        "Set12": hashlib.sha256("\n".join(registry["sha256"]).encode()).hexdigest(), "mine": None,
    }  # fmt: skip
    assert found["weights"] == {"gray-sc-sigma25": "ab"}
    assert (found["measured_on"], found["measured_by"]) == (["A CPU, 1 threads", "B GPU"], ["0.1.0+a", "0.1.0+b"])
    assert (found["python"], found["groupsc"]["commit"]) == (platform.python_version(), "c0ffee")
    assert groupsc("table", "overview", "rows.csv", "--output", "overview", cwd=tmp_path).returncode == 0
    assert found["packages"]["numpy"] == metadata.version("numpy")
