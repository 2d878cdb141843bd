"""How many operations a second machines do: this one, measured in a process of its own, and GPUs that aren't here.

`python -m groupsc.benchmark.machine` prints the measurement as JSON. The process that asks for it loads no torch.
"""

from __future__ import annotations

import dataclasses
import json
import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from groupsc.benchmark import operation_counts
from groupsc.config.definitions import ModelConfig
from groupsc.utils.errors import GroupSCError

if TYPE_CHECKING:
    import torch

SHARES = {"group": 0.57, "csr": 0.54, "l1": 0.43}
AMX_SHARES = {"group": 0.28, "csr": 0.28, "l1": 0.11}
"""Share of the machine's matrix rate that a training step reaches; `benchmarks/training.py` on two cores without and
with AMX, whose products are so fast that passes over memory take most of the time."""

_H100_STEPS = {"group": 45e-3, "csr": 48e-3, "l1": 9.8e-3}
H100 = {
    penalty: 32 * operation_counts.training_operations(ModelConfig(penalty=penalty)) / seconds
    for penalty, seconds in _H100_STEPS.items()
}
"""Operations a second on an NVIDIA H100, from its seconds for a step of 32 gray blocks in benchmarks/README.md."""


@dataclass(frozen=True)
class Machine:
    """A machine: `rate` is that of its matrix products, `rates` are of training steps by penalty, in operations a
    second; `workers` jobs run at once, on `cores` each, None where a configuration says how many."""

    name: str
    gpu: bool
    rate: float
    rates: dict[str, float]
    workers: int
    cores: int | None


def this_machine() -> Machine:
    """The machine at hand, measured now in another process.

    Raises
    ------
    GroupSCError
        When the measurement fails.
    """
    # Modules come from where this one does, never from the current folder.
    paths = filter(None, [str(Path(__file__).resolve().parents[2]), os.environ.get("PYTHONPATH")])
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(paths)}
    measured = subprocess.run([sys.executable, "-P", "-m", __name__], capture_output=True, text=True, env=environment)
    if measured.returncode:
        reason = (measured.stderr.strip().splitlines() or ["no message"])[-1]
        raise GroupSCError(f"the speed of this machine can't be measured ({reason}); correct that and call again")
    return Machine(**json.loads(measured.stdout))


def measure() -> Machine:
    """The machine at hand, measured in this process.

    On a GPU steps of training are timed as well, since they reach a smaller share of its matrix rate.
    """
    import torch

    from groupsc.utils.device import device_name, fast_matmul_dtype, has_matrix_tiles, pick_device

    device = pick_device()
    matmul_dtype = fast_matmul_dtype(device)
    rate = operation_counts.matmul_rate(device, matmul_dtype)
    if device.type == "cuda":
        rates = {penalty: step_rate(penalty, matmul_dtype, device) for penalty in SHARES}
        return Machine(device_name(device), True, rate, rates, torch.cuda.device_count(), None)
    shares = AMX_SHARES if matmul_dtype is torch.bfloat16 and has_matrix_tiles() else SHARES
    rates = {penalty: rate * share for penalty, share in shares.items()}
    return Machine(device_name(device), False, rate, rates, 1, torch.get_num_threads())


def step_rate(penalty: str, matmul_dtype: torch.dtype, device: torch.device, blocks: int = 8) -> float:
    """Operations a second of steps of training on gray blocks, timed now."""
    config = ModelConfig(penalty=penalty)
    step = operation_counts.step_seconds(config, blocks, blocks, matmul_dtype, device, repetitions=3)
    return blocks * operation_counts.training_operations(config) / step


if __name__ == "__main__":
    print(json.dumps(dataclasses.asdict(measure())))
