"""State of a training: what changes from step to step, its validation, and its file."""

from __future__ import annotations

import csv
import dataclasses
import io
import json
import math
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import torch
import torch.distributed as distributed
from torch import Tensor

from groupsc.config.definitions import Experiment
from groupsc.models.coder import SparseCoder
from groupsc.models.stability import spectral_radius
from groupsc.training.batches import Batch
from groupsc.training.loss import LossGradient, micro_batches
from groupsc.training.optimizer import GuardedAdam
from groupsc.training.validation_blocks import Validation
from groupsc.utils.atomic import write_text
from groupsc.utils.device import device_name, fast_matmul_dtype
from groupsc.utils.errors import GroupSCError
from groupsc.utils.memory import keep_freed_memory
from groupsc.utils.version import code_version
from groupsc.weights.files import load_state, save_state

LOG_COLUMNS = ("step", "minutes", "loss", "lr", "validation_psnr", "contrast_psnr", "rho", "skipped", "event")
"""Columns of `log.csv`."""
COUNTERS = ("step", "lr_factor", "minutes", "best_score", "best_psnr", "best_step", "psnr", "contrast_psnr", "loss")
"""Attributes of a `Run` in the state file, beside the tensors."""
SLOWEST = 1e-3
"""Factor of the learning rate below which backtracking ends with an error."""
VALIDATED_TOGETHER = 8
"""Number of validation blocks that the model restores together."""


class Run:
    """Model, optimiser, averaged parameters, best snapshot, and counters of one training.

    Parameters
    ----------
    experiment : Experiment
    model : SparseCoder
        The model before the first step.
    device : torch.device
    output : Path
        Folder of the state and of the log.
    spread : float, optional
        Standard deviation of the error that the degradation causes, in [0, 1]; None for mosaics.
    source : dict of str to str or None, optional
        Checksums of what the training starts from, by name, such as "dictionary"; a state with others is not continued.

    Examples
    --------
    >>> Run(experiment, model, torch.device("cpu"), Path("output")).resume()  # doctest: +SKIP
    """

    def __init__(
        self,
        experiment: Experiment,
        model: SparseCoder,
        device: torch.device,
        output: Path,
        *,
        spread: float | None = None,
        source: Mapping[str, str | None] | None = None,
    ):
        config = experiment.training
        self.experiment, self.device, self.source = experiment, device, dict(source or {})
        self.model = model.to(device)
        self.state_path, self.log_path = output / "state.safetensors", output / "log.csv"
        self.matmul_dtype = fast_matmul_dtype(device, config.precision)
        if device.type == "cuda" and self.matmul_dtype is torch.bfloat16:
            # Distances between patches keep float32 operands; TF32 multiplies them on the tensor cores.
            torch.set_float32_matmul_precision("high")
        if device.type == "cpu":
            keep_freed_memory()
        self.gradient = LossGradient(self.model, config, device, self.matmul_dtype, config.patch_sampling(0))
        self.optimizer = GuardedAdam(self.model, config, spread)
        self.average, self.best = self._snapshot(), self._snapshot()
        self.best_score = self.best_psnr = self.psnr = self.contrast_psnr = -math.inf
        self.step, self.best_step, self.lr_factor, self.minutes, self.loss = 0, 0, 1.0, 0.0, math.nan
        # Sum of the losses of the steps taken since the last validation, and their number.
        self.losses = torch.zeros(2, dtype=torch.float64, device=device)

    def advance(self, batch: Batch, lr: float, processes: int) -> Tensor:
        """Make one step with a batch; returns the loss, on the device."""
        sampling = self.experiment.training.patch_sampling(self.step)
        if sampling != self.gradient.sampling:
            self.gradient = LossGradient(self.model, self.experiment.training, self.device, self.matmul_dtype, sampling)
        loss = self.gradient(batch)
        if processes > 1:
            _sum_over_processes([loss, *(p.grad for p in self.model.parameters() if p.grad is not None)])
        taken = self.optimizer.step(loss, lr)
        weight = taken * (1 - self.experiment.training.ema_decay)
        averages = list(self.average.values())
        changes = torch._foreach_sub([p.detach() for p in self.model.parameters()], averages)
        torch._foreach_addcmul_(averages, changes, [weight] * len(averages))
        self.losses += torch.where(taken, torch.stack([loss.double(), loss.new_ones((), dtype=torch.float64)]), 0)
        self.step += 1
        return loss

    def begin(self, validation: Validation, *, write: bool) -> None:
        """Measure the model before the first step; backtracking also compares with this score."""
        self.best_score = self._measure(validation)
        self.best_psnr = self.psnr
        if write:
            self._append(loss="", lr="", event="")

    def validate(self, validation: Validation, lr: float, *, write: bool) -> None:
        """Measure the model, backtrack if it became worse, and save the log and the state.

        The log gets the mean loss since the last validation.

        Raises
        ------
        GroupSCError
            When the learning rate has become too small by backtracking.
        """
        config = self.experiment.training
        total, number = self.losses.tolist()
        self.loss, score = total / number if number else math.nan, self._measure(validation)
        self.losses.zero_()
        event = ""
        if (
            not math.isfinite(self.loss)
            or not math.isfinite(score)
            or score < self.best_score - config.backtrack_threshold
        ):
            self.lr_factor *= config.backtrack_factor
            event = f"back to the snapshot of {self.best_psnr:.2f} dB, lr × {self.lr_factor:.3g}"
            if self.lr_factor < SLOWEST:
                raise GroupSCError(
                    f"{self.experiment.name} diverges at every lr tried; set training.lr below {config.lr:g}"
                )
            self._restore(self.best)
            # The log shows the PSNRs of the snapshot, not of the rejected model; the score is the mean of both.
            self.psnr, self.contrast_psnr = self.best_psnr, 2 * self.best_score - self.best_psnr
        elif score > self.best_score:
            self.best_score, self.best_psnr, self.best_step = score, self.psnr, self.step
            self.best = self._copy(self.average)
        if write:
            self._append(loss=self.loss, lr=lr, event=event)
            self.save()

    def _measure(self, validation: Validation) -> float:
        """Measure the averaged parameters; returns the score that controls backtracking, the mean of both PSNRs."""
        self.psnr = self.contrast_psnr = self.blocks_psnr(validation.plain)
        if validation.contrast is not None:
            self.contrast_psnr = self.blocks_psnr(validation.contrast)
        return (self.psnr + self.contrast_psnr) / 2

    def blocks_psnr(self, blocks: Batch) -> float:
        """Mean PSNR in dB over blocks, each restored as one block; blocks and noise are the same in every run.

        Outputs are clipped to the range of the clean blocks, at least to [0, 1].
        """
        blocks = blocks.each(lambda x: x.to(self.device))
        model, squares = self.averaged_model(), []
        highest = max(1.0, float(blocks.clean.max()))
        with torch.no_grad():
            for clean, degraded, mask, level in micro_batches(blocks, VALIDATED_TOGETHER):
                restored = model(degraded, mask, level=level, matmul_dtype=self.matmul_dtype).clamp(0, highest)
                squares.append((restored - clean).square().mean((1, 2, 3)))
        return float(-10 * torch.log10(torch.cat(squares)).mean())

    def averaged_model(self) -> SparseCoder:
        """The model with the averaged parameters."""
        return self._model_of(self.average)

    def best_model(self) -> SparseCoder:
        """The model with the averaged parameters of the best validation."""
        return self._model_of(self.best)

    def _model_of(self, parameters: Mapping[str, Tensor]) -> SparseCoder:
        """A model with the given parameters."""
        model = SparseCoder(self.model.config).to(self.device)
        model.load_state_dict({**model.state_dict(), **parameters})
        return model

    def card(self) -> dict[str, Any]:
        """Metadata of the weights file about the training."""
        e = self.experiment
        return {
            "name": e.name,
            "task": e.task,
            "method": e.method,
            "variant": e.variant,
            "level": e.level,
            "training": dataclasses.asdict(e.training),
            "seed": e.training.seed,
            "steps": self.step,
            "minutes": round(self.minutes, 2),
            "device": device_name(self.device),
            "precision": str(self.matmul_dtype),
            "best_step": self.best_step,
            "skipped": int(self.optimizer.skipped),
            "code_version": code_version(),
        }

    def save(self) -> None:
        """Write the state: everything on which the next step depends."""
        parts = {"model": self._snapshot(), "average": self.average, "best": self.best}
        parts["optimizer"] = self.optimizer.state()
        tensors = {f"{part}.{name}": tensor.cpu() for part, named in parts.items() for name, tensor in named.items()}
        tensors["losses"] = self.losses.cpu()
        counters = {name: getattr(self, name) for name in COUNTERS}
        save_state(
            self.state_path,
            tensors,
            {**counters, "experiment": dataclasses.asdict(self.experiment), "source": self.source},
        )

    def resume(self) -> bool:
        """Load the saved state and remove later lines from the log; returns False when there is no state.

        Raises
        ------
        GroupSCError
            When the state belongs to another configuration or another source, or was altered.
        """
        saved = load_state(self.state_path)
        if saved is None:
            return False
        tensors, counters = saved
        if counters.get("experiment") != json.loads(json.dumps(dataclasses.asdict(self.experiment))):
            raise GroupSCError(
                f"{self.state_path} belongs to another configuration of {self.experiment.name}; "
                "remove it to start a new training, or, for example for more steps, train in another folder with "
                "--init and the weights of this one"
            )
        before = counters.get("source", {})
        other = [name for name, digest in self.source.items() if name in before and before[name] != digest]
        if other:
            raise GroupSCError(
                f"{self.state_path} belongs to a training with another {' and '.join(other)}; remove it to start a new "
                "training, or train in another folder"
            )
        try:
            self._take(tensors, counters)
        except (KeyError, RuntimeError, ValueError) as error:  # torch raises the last two for other shapes.
            raise GroupSCError(f"{self.state_path} was altered ({error}); remove it to start a new training") from error
        self._cut_log()
        return True

    def _take(self, tensors: Mapping[str, Tensor], counters: Mapping[str, Any]) -> None:
        for name in COUNTERS:
            setattr(self, name, counters[name])
        self.losses.copy_(tensors["losses"])
        for name, p in self.model.named_parameters():
            self.average[name].copy_(tensors[f"average.{name}"])
            self.best[name].copy_(tensors[f"best.{name}"])
            p.detach().copy_(tensors[f"model.{name}"])
        start = "optimizer."
        self.optimizer.load({key.removeprefix(start): x for key, x in tensors.items() if key.startswith(start)})

    def _snapshot(self) -> dict[str, Tensor]:
        return self._copy(dict(self.model.named_parameters()))

    @staticmethod
    def _copy(parameters: Mapping[str, Tensor]) -> dict[str, Tensor]:
        return {name: tensor.detach().clone() for name, tensor in parameters.items()}

    def _restore(self, snapshot: Mapping[str, Tensor]) -> None:
        for name, p in self.model.named_parameters():
            p.detach().copy_(snapshot[name])
            self.average[name].copy_(snapshot[name])
        self.optimizer.forget()

    def _append(self, *, loss: float | str, lr: float | str, event: str) -> None:
        rho, skipped = spectral_radius(self.average["D"], self.average["C"]), int(self.optimizer.skipped)
        measured = (self.psnr, self.contrast_psnr, round(rho, 4), skipped)
        self._write_log([*self._read_log(), (self.step, round(self.minutes, 3), loss, lr, *measured, event)])

    def _cut_log(self) -> None:
        rows = self._read_log()
        kept = [row for row in rows if int(row[0]) <= self.step]
        if kept != rows:
            self._write_log(kept)

    def _read_log(self) -> list[list[str]]:
        if not self.log_path.exists():
            return []
        with open(self.log_path, newline="", encoding="utf-8", errors="replace") as file:
            return [row for row in csv.reader(file) if len(row) == len(LOG_COLUMNS) and row[0].isdigit()]

    def _write_log(self, rows: Iterable[Sequence[object]]) -> None:
        text = io.StringIO()
        csv.writer(text).writerows([LOG_COLUMNS, *rows])
        write_text(self.log_path, text.getvalue())


def _sum_over_processes(tensors: Sequence[Tensor]) -> None:
    flat = torch.cat([tensor.flatten() for tensor in tensors])
    distributed.all_reduce(flat)
    for tensor, summed in zip(tensors, flat.split([tensor.numel() for tensor in tensors]), strict=True):
        tensor.copy_(summed.view_as(tensor))
