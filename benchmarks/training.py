"""Measure seconds of a training step on the fast path and in plain float32, and the share of the machine's matrix rate.

    python benchmarks/training.py [--batch 4] [--plain-batch 4] [--output results/bench/training.json]

One step is the forward and the backward pass of the paper's model (blocks of 56, 256 atoms, 24 iterations) on random
crops with noise. "Plain" is `SparseCoder.forward` with autograd in float32. "Fast" is `groupsc.ops.unrolled` with the
micro-batches of a training. Both run in this process, one after the other, with the same threads and allocator.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path

import torch

from groupsc.benchmark.cost.operation_counts import matmul_rate, step_seconds, training_operations
from groupsc.config.definitions import PENALTIES, ModelConfig
from groupsc.config.recipes import TASK_MODELS
from groupsc.utils.device import device_name, fast_matmul_dtype, pick_device
from groupsc.utils.version import code_version


def measure(task: str, method: str, batch: int, plain_batch: int, device: torch.device, repetitions: int) -> dict:
    """Return seconds per step of `batch` blocks on both paths, the achieved rate and its share of the matrix rate."""
    config = ModelConfig(**{**TASK_MODELS[task], "penalty": PENALTIES[method]})
    matmul_dtype = fast_matmul_dtype(device)
    micro = batch if device.type == "cuda" else 1
    fast = step_seconds(config, batch, micro, matmul_dtype, device, repetitions=repetitions)
    plain = (
        step_seconds(config, plain_batch, plain_batch, None, device, repetitions=max(1, repetitions // 2))
        * batch
        / plain_batch
    )
    work = training_operations(config) * batch
    return {
        "task": task,
        "method": method,
        "batch": batch,
        "plain_batch": plain_batch,
        "fast_seconds": fast,
        "plain_seconds": plain,
        "ratio": plain / fast,
        "gflop": work / 1e9,
        "gflop_per_second": work / fast / 1e9,
        "share_of_matmul_rate": work / fast / matmul_rate(device, matmul_dtype),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--device", default="auto")
    parser.add_argument("--batch", type=int, help="blocks per step; 32 on a GPU and 4 on a CPU if left out")
    parser.add_argument("--plain-batch", type=int, help="blocks per step of the plain path; at most 4 if left out")
    parser.add_argument("--repetitions", type=int, default=3)
    parser.add_argument("--rows", nargs="+", default=["gray-groupsc", "gray-csr", "gray-sc", "color-groupsc"])
    parser.add_argument("--output", type=Path, default=Path("results/bench/training.json"))
    options = parser.parse_args()
    device = pick_device(options.device)
    batch = options.batch or (32 if device.type == "cuda" else 4)
    matmul_dtype = fast_matmul_dtype(device)
    rows: list[dict] = []
    report = {
        "device": device_name(device),
        "torch": torch.__version__,
        "code_version": code_version(),
        "matmul_dtype": str(matmul_dtype),
        "matmul_gflop_per_second": {str(t): matmul_rate(device, t) / 1e9 for t in {torch.float32, matmul_dtype}},
        "rows": rows,
    }
    print(f"{report['device']}; matrix products, GFLOP/s: {report['matmul_gflop_per_second']}")
    print("task   method   batch  plain s  fast s  ratio  GFLOP/s  share of matmul rate")
    for name in options.rows:
        task, method = name.split("-")
        row = measure(task, method, batch, options.plain_batch or min(batch, 4), device, options.repetitions)
        rows.append(row)
        print(
            f"{task:6} {method:8} {batch:5} {row['plain_seconds']:8.3f} {row['fast_seconds']:7.4f} {row['ratio']:6.1f} "
            f"{row['gflop_per_second']:8.0f}  {row['share_of_matmul_rate']:.0%}",
            flush=True,
        )
        options.output.parent.mkdir(parents=True, exist_ok=True)
        options.output.write_text(json.dumps(report, indent=2) + "\n")


if __name__ == "__main__":
    main()
