"""The loss of a batch and its gradient, computed in the way that suits the device.

The loss is Σ (w · error)² / batch size, with w = number of patches at the pixel / its maximum. Pixels near the border
of a crop are estimated by few patches and have less weight (section 3.6, ii). In a batch with several noise levels σ,
the loss of each sample is divided by (σ / 25)^`GROWTH` + `FLOOR`. The squared error of trained models grows
approximately in this way, so a decibel has about the same weight at every level.
"""

from __future__ import annotations

from collections.abc import Iterator

import torch
from torch import Tensor

from groupsc.config.definitions import TrainingConfig
from groupsc.models.coder import SparseCoder
from groupsc.training.batches import Batch
from groupsc.utils.device import device_name
from groupsc.utils.errors import TooLittleMemoryError

GROWTH, FLOOR = 1.25, 0.01
"""Exponent and offset of the squared error as a function of σ / 25: models for σ = 5, 15 and 50 have 0.13, 0.56 and 2.0
times the squared error of the model for σ = 25; the function gives 0.14, 0.53 and 2.36."""

CACHED_CODES = 2**20
"""Number of codes that fit into the cache of a CPU together with the results computed from them."""


class LossGradient:
    """Compute the loss of a batch, and write its gradient to `.grad` of every parameter.

    On a CPU, as many crops are processed together as fit the cache. On a GPU, the whole step is recorded once as a CUDA
    graph and replayed, which takes one launch instead of a thousand.

    Parameters
    ----------
    model : SparseCoder
    config : TrainingConfig
        Defines the crop size, the batch size and the micro-batch size.
    device : torch.device
    matmul_dtype : torch.dtype
        Type of the matrix products.
    sampling : (int, float), optional
        Stride of the grid of patches, and weight of all similar patches but the patch itself; by default those of the
        model.

    Raises
    ------
    GroupSCError
        At a call, when the memory is too small for a micro-batch.

    Examples
    --------
    >>> from groupsc.config.definitions import ModelConfig
    >>> model = SparseCoder(ModelConfig(patch_size=3, n_atoms=4, n_iterations=2, window=3))
    >>> config = TrainingConfig(crop_size=8, batch_size=2)
    >>> gradient = LossGradient(model, config, torch.device("cpu"), torch.float32)
    >>> clean = torch.zeros(2, 1, 8, 8)
    >>> gradient(Batch(clean, clean + 0.1)).shape, model.D.grad.shape
    (torch.Size([]), torch.Size([9, 4]))
    """

    def __init__(
        self,
        model: SparseCoder,
        config: TrainingConfig,
        device: torch.device,
        matmul_dtype: torch.dtype,
        sampling: tuple[int, float] | None = None,
    ):
        self.model, self.config, self.device, self.matmul_dtype = model, config, device, matmul_dtype
        self.sampling = sampling
        weight = model.patch_grid(config.crop_size, config.crop_size).counts(device=device)
        self.weight = weight / weight.max()
        self.graph: torch.cuda.CUDAGraph | None = None

    def __call__(self, batch: Batch) -> Tensor:
        if self.device.type != "cuda":
            return self._compute(batch)
        if self.graph is None:
            self.graph = self._record(batch.each(lambda x: x.to(self.device)))
        for kept, fresh in zip(self.batch, batch, strict=True):
            if kept is not None:
                assert fresh is not None  # All batches of a training have the same tensors.
                kept.copy_(fresh)
        self.graph.replay()
        return self.loss.clone()

    def _compute(self, batch: Batch) -> Tensor:
        self.model.zero_grad(set_to_none=True)
        size = self.config.micro_batch_size or self._together(batch.clean)
        patch_stride, source_weight = self.sampling or (None, None)
        total = torch.zeros((), device=self.device)
        for clean, degraded, mask, level in micro_batches(batch, size):
            try:
                restored = self.model(
                    degraded, mask, level=level, matmul_dtype=self.matmul_dtype,
                    patch_stride=patch_stride, source_weight=source_weight,
                )  # fmt: skip
                squares = (self.weight * (restored - clean)).square().sum((1, 2, 3))
                loss = (
                    squares if level is None else squares / ((level / 25) ** GROWTH + FLOOR)
                ).sum() / self.config.batch_size
                loss.backward()
            except torch.OutOfMemoryError as exception:
                raise TooLittleMemoryError(
                    f"{len(clean)} crops at a time do not fit into the memory of {device_name(self.device)}; "
                    f"set training.micro_batch_size to {max(1, len(clean) // 2)}"
                ) from exception
            total = total + loss.detach()
        return total

    def _together(self, clean: Tensor) -> int:
        """Number of crops that the model processes together."""
        if self.device.type == "cuda":
            return len(clean)
        height, width = clean.shape[-2:]
        patches = self.model.patch_grid(height, width, self.sampling[0] if self.sampling else None)
        return max(1, CACHED_CODES // (patches.rows * patches.columns * self.model.config.n_atoms))

    def _record(self, batch: Batch) -> torch.cuda.CUDAGraph:
        """Record the computation of one batch as a CUDA graph."""
        self.batch = batch
        aside = torch.cuda.Stream()
        aside.wait_stream(torch.cuda.current_stream())
        with torch.cuda.stream(aside):
            for _ in range(3):
                self._compute(batch)
        torch.cuda.current_stream().wait_stream(aside)
        self.model.zero_grad(set_to_none=True)
        graph = torch.cuda.CUDAGraph()
        with torch.cuda.graph(graph):
            self.loss = self._compute(batch)
        return graph


def micro_batches(batch: Batch, size: int) -> Iterator[Batch]:
    """Split a batch into micro-batches.

    Parameters
    ----------
    batch : Batch
    size : int
        Length of a micro-batch.

    Yields
    ------
    Batch

    Examples
    --------
    >>> [part.clean for part in micro_batches(Batch(torch.arange(3), torch.arange(3)), 2)]
    [tensor([0, 1]), tensor([2])]
    """
    for start in range(0, len(batch.clean), size):
        yield batch.part(slice(start, start + size))
