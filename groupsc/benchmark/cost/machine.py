"""Measure the rate of this machine in operations per second, and store the rates of other GPUs.

The measurement runs in a separate process, so that the calling process does not load torch.
`python -m groupsc.benchmark.cost.machine` prints the measurement as JSON.
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

from groupsc.benchmark.cost import operation_counts
from groupsc.config.definitions import ModelConfig
from groupsc.utils.errors import GroupSCError

if TYPE_CHECKING:
    import torch

SHARES = {"group": 0.57, "csr": 0.54, "l1": 0.43}
AMX_SHARES = {"group": 0.28, "csr": 0.28, "l1": 0.11}
"""Share of the machine's matrix rate that a training step reaches, by penalty, without and with AMX. Measured by
`benchmarks/training.py` on two cores. With AMX, matrix products are so fast that memory accesses take most of the
time."""

FASTER = {"amx_bf16": 6.9, "avx512_bf16": 4.2}
"""Rate of matrix products in bfloat16 relative to float32, by the capability of the CPU (`benchmarks/README.md`)."""

_PRODUCTS = """
import time, numpy
a = numpy.ones((640, 640), numpy.float32)
def seconds():
    start = time.process_time()
    a @ a
    return time.process_time() - start
print(min(seconds() for _ in range(4)))
"""

_H100_STEPS = {"group": 45e-3, "csr": 48e-3, "l1": 9.8e-3}
H100 = {
    penalty: 32 * operation_counts.training_operations(ModelConfig(penalty=penalty)) / seconds
    for penalty, seconds in _H100_STEPS.items()
}
"""Operations per second on an NVIDIA H100, from its seconds per step of 32 gray blocks in benchmarks/README.md."""


@dataclass(frozen=True)
class Machine:
    """The speed of a machine.

    Attributes
    ----------
    name : str
    gpu : bool
    rate : float
        Operations per second of a matrix product.
    rates : dict of str to float
        Operations per second of training steps, by penalty.
    workers : int
        Number of jobs that run at the same time.
    cores : int or None
        CPU cores per job; None if the configuration determines it.

    Examples
    --------
    >>> Machine("H100", True, 4e14, H100, 1, None).gpu
    True
    """

    name: str
    gpu: bool
    rate: float
    rates: dict[str, float]
    workers: int
    cores: int | None


def this_machine() -> Machine:
    """Measure this machine in another process.

    Returns
    -------
    Machine

    Raises
    ------
    GroupSCError
        When the measurement fails.

    Examples
    --------
    >>> this_machine()  # doctest: +SKIP
    """
    # The process imports this installation of the package, never modules of the current folder.
    paths = filter(None, [str(Path(__file__).resolve().parents[2]), os.environ.get("PYTHONPATH")])
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(paths)}
    measured = subprocess.run([sys.executable, "-P", "-m", __name__], capture_output=True, text=True, env=environment)
    if measured.returncode:
        reason = (measured.stderr.strip().splitlines() or ["no message"])[-1]
        raise GroupSCError(
            f"the speed of this machine can't be measured ({reason}); fix this and run the command again"
        )
    return Machine(**json.loads(measured.stdout))


def rates_of_a_core() -> dict[str, float]:
    """Estimate the rate of one CPU core within half a second, without torch, from matrix products of numpy.

    Returns
    -------
    dict of str to float
        Operations per second of training steps, by penalty. Seconds in which other processes run don't count.

    Raises
    ------
    GroupSCError
        When the products can't be timed.

    Examples
    --------
    >>> sorted(rates_of_a_core())
    ['csr', 'group', 'l1']
    """
    one = {f"{library}_THREADS": "1" for library in ("OMP_NUM", "OPENBLAS_NUM", "MKL_NUM", "VECLIB_MAXIMUM")}
    timed = subprocess.run(
        [sys.executable, "-P", "-c", _PRODUCTS], capture_output=True, text=True, env={**os.environ, **one}
    )
    if timed.returncode:
        raise GroupSCError("the speed of this machine can't be measured; run `python -c 'import numpy'`")
    try:
        capabilities = Path("/proc/cpuinfo").read_text(encoding="utf-8").split()
    except OSError:
        capabilities = []
    faster = next((factor for name, factor in FASTER.items() if name in capabilities), 1)
    shares = AMX_SHARES if "amx_bf16" in capabilities else SHARES
    rate = faster * 2 * 640**3 / max(float(timed.stdout), 1e-6)
    return {penalty: rate * share for penalty, share in shares.items()}


def measure() -> Machine:
    """Measure this machine in this process.

    On a GPU, training steps are timed as well, since they reach a smaller share of its matrix rate.

    Returns
    -------
    Machine

    Examples
    --------
    >>> measure()  # doctest: +SKIP
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
    """Time training steps on gray blocks.

    Parameters
    ----------
    penalty : str
        "l1", "csr" or "group".
    matmul_dtype : torch.dtype
        Type of the matrix products.
    device : torch.device
    blocks : int
        Number of blocks in a step.

    Returns
    -------
    float
        Operations per second.

    Examples
    --------
    >>> step_rate("l1", torch.float32, torch.device("cpu"))  # doctest: +SKIP
    """
    config = ModelConfig(penalty=penalty)
    step = operation_counts.step_seconds(config, blocks, blocks, matmul_dtype, device, repetitions=3)
    return blocks * operation_counts.training_operations(config) / step


if __name__ == "__main__":
    print(json.dumps(dataclasses.asdict(measure())))
