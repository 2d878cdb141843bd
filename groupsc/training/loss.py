"""The loss of a batch and its gradient, computed as the device likes it.

The loss is Σ (w · error)² / batch with w = patches per pixel / its maximum, so that pixels near the border of a crop,
which few patches estimate, weigh less (section 3.6, ii). In a batch of several noise levels σ, every sample's share is
divided by (σ / 25)^`GROWTH` + `FLOOR`, as the squared error of trained models grows with σ, so that a decibel counts
the same at every level.
"""

from __future__ import annotations

import torch
from torch import Tensor

from groupsc.config.definitions import TrainingConfig
from groupsc.models.coder import SparseCoder
from groupsc.ops.patches import PatchGrid, counts
from groupsc.utils.device import device_name
from groupsc.utils.errors import TooLittleMemoryError

GROWTH, FLOOR = 1.25, 0.01
"""Of the squared error with the noise: models of σ = 5, 15, 50 have 0.13, 0.56 and 2.0 times that of σ = 25."""

CACHED_CODES = 2**20
"""Codes that a CPU's cache holds beside what is computed from them."""


class LossGradient:
    """Callable that leaves the gradient of the loss in `.grad` of every parameter and returns the loss.

    On a CPU, crops go through one at a time and stay in its cache. On a GPU the whole step is recorded once as a
    CUDA graph and replayed, which costs one launch instead of a thousand.
    """

    def __init__(self, model: SparseCoder, config: TrainingConfig, device: torch.device, matmul_dtype: torch.dtype):
        self.model, self.config, self.device, self.matmul_dtype = model, config, device, matmul_dtype
        weight = counts(config.crop_size, config.crop_size, model.config.patch_size, device=device)
        self.weight = weight / weight.max()
        self.graph = None

    def __call__(
        self, clean: Tensor, degraded: Tensor, mask: Tensor | None = None, level: Tensor | None = None
    ) -> Tensor:
        batch = [clean, degraded, mask, level]
        if self.device.type != "cuda":
            return self._compute(batch)
        if self.graph is None:
            self._record([None if x is None else x.to(self.device) for x in batch])
        for kept, fresh in zip(self.batch, batch, strict=True):
            if kept is not None:
                kept.copy_(fresh)
        self.graph.replay()
        return self.loss.clone()

    def _compute(self, batch) -> Tensor:
        self.model.zero_grad(set_to_none=True)
        size = self.config.micro_batch_size or self._together(batch[0])
        total = torch.zeros((), device=self.device)
        for clean, degraded, mask, level in micro_batches(batch, size):
            try:
                restored = self.model(
                    degraded, mask, level=level, matmul_dtype=self.matmul_dtype,
                    patch_stride=self.config.patch_stride, source_weight=self.config.source_weight,
                )  # fmt: skip
                squares = (self.weight * (restored - clean)).square().sum((1, 2, 3))
                loss = (
                    squares if level is None else squares / ((level / 25) ** GROWTH + FLOOR)
                ).sum() / self.config.batch_size
                loss.backward()
            except torch.OutOfMemoryError as exception:
                raise TooLittleMemoryError(
                    f"{len(clean)} crops at a time do not fit the memory of {device_name(self.device)}; "
                    f"set training.micro_batch_size to {max(1, len(clean) // 2)}"
                ) from exception
            total = total + loss.detach()
        return total

    def _together(self, clean: Tensor) -> int:
        """Crops that go through the model together."""
        if self.device.type == "cuda":
            return len(clean)
        grid = PatchGrid(*clean.shape[-2:], self.model.config.patch_size, self.config.patch_stride)
        return max(1, CACHED_CODES // (grid.rows * grid.columns * self.model.config.n_atoms))

    def _record(self, batch) -> None:
        self.batch = batch
        aside = torch.cuda.Stream()
        aside.wait_stream(torch.cuda.current_stream())
        with torch.cuda.stream(aside):
            for _ in range(3):
                self._compute(batch)
        torch.cuda.current_stream().wait_stream(aside)
        self.model.zero_grad(set_to_none=True)
        self.graph = torch.cuda.CUDAGraph()
        with torch.cuda.graph(self.graph):
            self.loss = self._compute(batch)


def micro_batches(tensors, size: int):
    """Split tensors (or None) of equal length along the first axis."""
    for start in range(0, len(tensors[0]), size):
        yield [None if x is None else x[start : start + size] for x in tensors]
