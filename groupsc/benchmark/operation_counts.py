"""Floating-point operations that models take, matrix products only, and how fast a machine multiplies."""

from __future__ import annotations

import math
import statistics
import time
from typing import TYPE_CHECKING

from groupsc.config.definitions import BLOCK, ModelConfig

if TYPE_CHECKING:
    import torch


def block_operations(config: ModelConfig, side: int = BLOCK, patch_stride: int = 1) -> float:
    """Operations of the forward pass over one block of `side` pixels, every patch compared with every other."""
    patches = (-(-(side - config.patch_size) // patch_stride) + 1) ** 2
    return _operations(config, patches, patches)


def training_operations(config: ModelConfig, side: int = BLOCK, patch_stride: int = 1) -> float:
    """Operations of forward and backward pass over one crop."""
    return 3 * block_operations(config, side, patch_stride)


def image_operations(config: ModelConfig, pixels: float, stride: int | None = None) -> float:
    """Operations of restoring one image, whole or, with a stride, in overlapping blocks of a square of its pixels.

    A patch of a whole image is compared with all in its window; what tiles of patches compute outside of it is not
    counted.
    """
    if stride is None:
        return _operations(config, pixels, config.window**2)
    side = config.block(stride)
    return blocks(math.sqrt(pixels), side, stride) ** 2 * block_operations(config, side)


def blocks(length: float, side: int, stride: int) -> int:
    """Blocks of `side` pixels along an axis, as `groupsc.inference.tiling.blockwise` pads it."""
    return math.floor((length + side - 2) / stride) + 2


def _operations(config: ModelConfig, patches: float, others: float) -> float:
    from groupsc.models.penalties import Centralised, kind_of

    kind, m, p, K = kind_of(config.penalty), config.dimension, config.n_atoms, config.n_iterations
    # The first step of CSR sees no codes of other patches, since there are none yet.
    sums = (K - 1 if kind is Centralised else K) if kind.nonlocal_ else 0
    products = sums * 2 * patches * others * p
    similarities = (1 + len(config.similarity_updates)) * 2 * patches * others * m if kind.nonlocal_ else 0
    return (2 * K - 1) * 2 * patches * m * p + products + similarities


def matmul_rate(device: torch.device, dtype: torch.dtype, *, repetitions: int = 7) -> float:
    """Rate of a square matrix product on this machine, in operations a second."""
    import torch

    side = 8192 if device.type == "cuda" else 2048
    a, b = (torch.randn(side, side, generator=torch.Generator().manual_seed(0)).to(device, dtype) for _ in range(2))
    return 2 * side**3 / seconds(lambda: a @ b, device, repetitions=repetitions)


def seconds(function, device: torch.device, *, repetitions: int) -> float:
    """Median seconds of a call after one that is not counted."""
    import torch

    times = []
    for _ in range(repetitions + 1):
        began = time.perf_counter()
        function()
        if device.type == "cuda":
            torch.cuda.synchronize(device)
        times.append(time.perf_counter() - began)
    return statistics.median(times[1:])


def step_seconds(
    config: ModelConfig, batch_size: int, micro_batch_size: int, matmul_dtype, device, *, repetitions: int
) -> float:
    """Seconds of forward and backward of `batch` blocks, `micro_batch_size` at a time, on noise of σ = 25.

    `products` is the type of the matrix products; None for the plain coder in float32.
    """
    import torch

    from groupsc.models.coder import SparseCoder

    model, generator = SparseCoder(config).to(device), torch.Generator().manual_seed(0)
    size = (batch_size, config.channels, BLOCK, BLOCK)
    clean = torch.rand(size, generator=generator).to(device)
    noisy = clean + 25 / 255 * torch.randn(size, generator=generator).to(device)

    def step():
        model.zero_grad(set_to_none=True)
        for x, y in zip(clean.split(micro_batch_size), noisy.split(micro_batch_size), strict=True):
            (model(y, matmul_dtype=matmul_dtype) - x).square().sum().backward()

    step()
    return seconds(step, device, repetitions=repetitions)
