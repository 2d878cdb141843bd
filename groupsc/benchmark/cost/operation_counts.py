"""Count the floating-point operations of models (matrix products only), and time matrix products and training steps.

`m` is the dimension of a patch, `p` the number of atoms, `K` the number of iterations.
"""

from __future__ import annotations

import math
import statistics
import time
from typing import TYPE_CHECKING

from groupsc.config.definitions import BLOCK, ModelConfig
from groupsc.data.bundled import BUNDLED, CROPS, SIDE
from groupsc.models.sizes import number_of_blocks

if TYPE_CHECKING:
    import torch

PIXELS = {
    "BSD68": 154_401, "CBSD68": 154_401, "BSDval32": 154_401, "BSD400": 32_400, "CBSD400": 154_401, "Set12": 147_456,
    "Kodak24": 393_216, "Kodak24-crop": 250_000, "Urban100": 773_000, "Classic5": 262_144, BUNDLED: 244_615,
    CROPS: SIDE**2,
}  # fmt: skip
"""Mean number of pixels of an image, by data set."""

LARGEST = {"Set12": 262_144, "Urban100": 1_048_576, BUNDLED: 370_500}
"""Pixels of the largest image, of data sets whose images differ in size."""

BYTES_PER_PIXEL = {"l1": 5_000, "csr": 16_000, "group": 16_000}
"""Peak memory of a restoration, by penalty: largest of the column `peak_memory_mb` in data/measured."""

LIBRARIES = 600
"""MB of a process that has loaded torch; half of it without."""


def pixels_of(dataset: str) -> int:
    """Return the mean number of pixels of an image of a data set.

    Parameters
    ----------
    dataset : str

    Returns
    -------
    int
        For an unknown data set, that of Kodak24.

    Examples
    --------
    >>> pixels_of("BSD68")
    154401
    """
    return PIXELS.get(dataset, PIXELS["Kodak24"])


def evaluation_memory(penalty: str | None, dataset: str) -> int:
    """Return the memory of one evaluation.

    Parameters
    ----------
    penalty : str or None
        Penalty of the model; None for a baseline.
    dataset : str

    Returns
    -------
    int
        MB. A process that may use less memory restores in smaller tiles.

    Examples
    --------
    >>> evaluation_memory("group", "BSD68")
    3070
    """
    largest = LARGEST.get(dataset, pixels_of(dataset))
    return round(LIBRARIES + largest * BYTES_PER_PIXEL.get(penalty or "", 1_000) / 1e6)


def block_operations(config: ModelConfig, side: int = BLOCK, patch_stride: int | None = None) -> float:
    """Count the operations of the forward pass over one block, in which each patch is compared with all others.

    Parameters
    ----------
    config : ModelConfig
    side : int
        Side of the block in pixels.
    patch_stride : int, optional
        Step between patches in each direction in pixels, by default that of the model; the last patch of a row or
        column is always included.

    Returns
    -------
    float

    Examples
    --------
    >>> config = ModelConfig(penalty="l1")
    >>> patches = (56 - 9 + 1) ** 2
    >>> block_operations(config, 56) == (2 * config.n_iterations - 1) * 2 * patches * 81 * config.n_atoms
    True
    """
    patches = (-(-(side - config.patch_size) // (patch_stride or config.patch_stride)) + 1) ** 2
    return _operations(config, patches, patches)


def training_operations(config: ModelConfig, side: int = BLOCK, patch_stride: int | None = None) -> float:
    """Count the operations of the forward and the backward pass over one crop: three times those of the forward pass.

    Parameters
    ----------
    config : ModelConfig
    side : int
        Side of the crop in pixels.
    patch_stride : int, optional
        As for `block_operations`.

    Returns
    -------
    float

    Examples
    --------
    >>> config = ModelConfig()
    >>> training_operations(config) / block_operations(config)
    3.0
    """
    return 3 * block_operations(config, side, patch_stride)


def image_operations(config: ModelConfig, pixels: float, stride: int | None = None) -> float:
    """Count the operations of restoring one image, as a whole or in overlapping blocks.

    In a whole image, each patch is compared with all patches of its window. Comparisons that tiles of patches make
    outside the window are not counted. For blocks the image is assumed to be square.

    Parameters
    ----------
    config : ModelConfig
    pixels : float
        Number of pixels of the image.
    stride : int, optional
        Step between blocks in pixels; the default restores the whole image.

    Returns
    -------
    float

    Examples
    --------
    >>> config = ModelConfig(penalty="l1")
    >>> image_operations(config, 2000) / image_operations(config, 1000)
    2.0
    """
    if stride is None:
        return _operations(config, pixels / config.patch_stride**2, config.grid_window**2)
    side = config.block(stride)
    return number_of_blocks(math.sqrt(pixels), side, stride) ** 2 * block_operations(config, side)


def _operations(config: ModelConfig, patches: float, compared: float) -> float:
    """Count the operations for a number of patches, each of which is compared with `compared` patches."""
    from groupsc.models.penalties import Centralised, kind_of

    kind, m, p, K = kind_of(config.penalty), config.dimension, config.n_atoms, config.n_iterations
    linear = (2 * K - 1) * 2 * patches * m * p
    if not kind.nonlocal_:
        return linear
    # The first iteration of CSR has no codes of other patches to average.
    sums = (K - 1 if kind is Centralised else K) * 2 * patches * compared * p
    similarities = (1 + len(config.similarity_updates)) * 2 * patches * compared * m
    return linear + sums + similarities


def matmul_rate(device: torch.device, dtype: torch.dtype, *, repetitions: int = 7) -> float:
    """Measure the rate of a square matrix product on this machine.

    Parameters
    ----------
    device : torch.device
    dtype : torch.dtype
    repetitions : int
        Number of timed products, of which the median counts.

    Returns
    -------
    float
        Operations per second.

    Examples
    --------
    >>> matmul_rate(torch.device("cpu"), torch.float32)  # doctest: +SKIP
    """
    import torch

    side = 8192 if device.type == "cuda" else 2048
    a, b = (torch.randn(side, side, generator=torch.Generator().manual_seed(0)).to(device, dtype) for _ in range(2))
    return 2 * side**3 / seconds(lambda: a @ b, device, repetitions=repetitions)


def seconds(function, device: torch.device, *, repetitions: int) -> float:
    """Time a function: median seconds per call, after one call that is not timed.

    Parameters
    ----------
    function : callable without parameters
    device : torch.device
        Device that the function uses; CUDA is synchronised after each call.
    repetitions : int
        Number of timed calls.

    Examples
    --------
    >>> import torch
    >>> seconds(lambda: None, torch.device("cpu"), repetitions=3) < 1
    True
    """
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
    """Time the forward and the backward pass over a batch of blocks with noise of σ = 25.

    Parameters
    ----------
    config : ModelConfig
    batch_size : int
        Number of blocks.
    micro_batch_size : int
        Number of blocks per pass.
    matmul_dtype : torch.dtype or None
        Type of the matrix products; None for the plain coder in float32.
    device : torch.device
    repetitions : int
        Number of timed steps.

    Returns
    -------
    float
        Median seconds per step.

    Examples
    --------
    >>> step_seconds(ModelConfig(), 8, 8, None, torch.device("cpu"), repetitions=3)  # doctest: +SKIP
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
