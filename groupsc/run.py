"""A training in progress: what changes from step to step, how it is measured, and how it is kept on disk."""

from __future__ import annotations

import csv
import dataclasses
import io
import json
import math
from pathlib import Path

import torch
import torch.distributed as distributed
from torch import Tensor

from groupsc.atomic import write_text
from groupsc.checkpoint import load_state, save_state
from groupsc.config import Experiment
from groupsc.data import data_digest
from groupsc.device import device_name, fast_products
from groupsc.errors import GroupSCError
from groupsc.gradients import LossGradient, micro_batches
from groupsc.memory import keep_freed_memory
from groupsc.models.coder import SparseCoder
from groupsc.version import code_version

LOG_COLUMNS = ("step", "minutes", "loss", "rate", "validation_psnr", "event")
COUNTERS = ("step", "slowdown", "minutes", "best_psnr", "psnr", "loss", "steps_summed")
SLOWEST = 1e-3
VALIDATED_TOGETHER = 8


class Run:
    """The model, Adam's moments, the averaged parameters, the best snapshot, and the counters of one experiment.

    Parameters
    ----------
    experiment : Experiment
    model : SparseCoder
        As it is before the first step.
    device : torch.device
    output : Path
        Folder of the state and the log.
    """

    def __init__(self, experiment: Experiment, model: SparseCoder, device: torch.device, output: Path):
        config = experiment.training
        self.experiment, self.device = experiment, device
        self.model = model.to(device)
        self.state, self.log = output / "state.safetensors", output / "log.csv"
        self.products = fast_products(device, config.precision)
        if device.type == "cuda" and self.products is torch.bfloat16:
            # Distances between patches keep float32 operands; TF32 multiplies them on the tensor cores.
            torch.set_float32_matmul_precision("high")
        if device.type == "cpu":
            keep_freed_memory()
        self.gradient = LossGradient(self.model, config, device, self.products)
        self.optimizer = torch.optim.Adam(self.model.parameters(), lr=config.rate, eps=config.epsilon, foreach=True)
        self.average, self.best = self._snapshot(), self._snapshot()
        self.best_psnr = self.psnr = -math.inf
        self.step, self.slowdown, self.minutes, self.loss = 0, 1.0, 0.0, math.nan
        self.loss_sum, self.steps_summed = torch.zeros((), dtype=torch.float64, device=device), 0

    def advance(self, batch, rate: float, processes: int) -> Tensor:
        """One step of Adam over a `groupsc.batches.Batch`; returns the loss, still on the device."""
        config = self.experiment.training
        loss = self.gradient(*batch)
        if processes > 1:
            _sum_over_processes([loss, *(p.grad for p in self.model.parameters())])
        if config.clip is not None:
            torch.nn.utils.clip_grad_norm_(self.model.parameters(), config.clip)
        for group in self.optimizer.param_groups:
            group["lr"] = rate
        self.optimizer.step()
        torch._foreach_lerp_(
            list(self.average.values()), [p.detach() for p in self.model.parameters()], 1 - config.average
        )
        self.step += 1
        self.loss_sum += loss
        self.steps_summed += 1
        return loss

    def begin(self, blocks, *, write: bool) -> None:
        """Measure the model before the first step; backtracking never falls below it."""
        self.psnr = self.best_psnr = self.validation_psnr(blocks)
        if write:
            self._append((0, 0.0, "", "", self.psnr, ""))

    def validate(self, blocks, rate: float, *, write: bool) -> None:
        """Measure, backtrack when the model got worse, log the mean loss since the last time, and save the state."""
        config = self.experiment.training
        self.loss, self.psnr = float(self.loss_sum / self.steps_summed), self.validation_psnr(blocks)
        self.loss_sum.zero_()
        self.steps_summed = 0
        event = ""
        if not math.isfinite(self.loss) or not math.isfinite(self.psnr) or self.psnr < self.best_psnr - config.drop:
            self.slowdown *= config.slowdown
            event = f"back to the snapshot of {self.best_psnr:.2f} dB, rate × {self.slowdown:.3g}"
            if self.slowdown < SLOWEST:
                raise GroupSCError(
                    f"{self.experiment.name} diverges at every rate tried; lower training.rate below {config.rate:g}"
                )
            self._restore(self.best)
            self.psnr = self.best_psnr
        elif self.psnr > self.best_psnr:
            self.best_psnr, self.best = self.psnr, self._snapshot()
        if write:
            self._append((self.step, round(self.minutes, 3), self.loss, rate, self.psnr, event))
            self.save()

    def validation_psnr(self, blocks) -> float:
        """Mean PSNR in dB over blocks restored as one block each; the same blocks and noise in every run."""
        blocks = [None if x is None else x.to(self.device) for x in blocks]
        model, squares = self.averaged_model(), []
        with torch.no_grad():
            for clean, degraded, mask, level in micro_batches(blocks, VALIDATED_TOGETHER):
                restored = model(degraded, mask, level=level, products=self.products).clamp(0, 1)
                squares.append((restored - clean).square().mean((1, 2, 3)))
        return float(-10 * torch.log10(torch.cat(squares)).mean())

    def averaged_model(self) -> SparseCoder:
        """The model with the averaged parameters (the present ones when nothing is averaged)."""
        model = SparseCoder(self.model.config).to(self.device)
        model.load_state_dict({**model.state_dict(), **self.average})
        return model

    def card(self) -> dict:
        """What the weights file says of its making."""
        e = self.experiment
        return {
            "name": e.name,
            "task": e.task,
            "method": e.method,
            "variant": e.variant,
            "level": e.level,
            "training": dataclasses.asdict(e.training),
            "data_digest": data_digest(e.training.dataset),
            "seed": e.training.seed,
            "steps": self.step,
            "minutes": round(self.minutes, 2),
            "device": device_name(self.device),
            "precision": str(self.products),
            "validation_psnr": round(self.psnr, 4),
            "code_version": code_version(),
        }

    def save(self) -> None:
        """Write the state, all that the next step depends on."""
        parts = {"model": self._snapshot(), "average": self.average, "best": self.best}
        for name, p in self.model.named_parameters():
            for key, value in self.optimizer.state[p].items():
                parts.setdefault(f"adam.{key}", {})[name] = value
        tensors = {f"{part}.{name}": tensor.cpu() for part, named in parts.items() for name, tensor in named.items()}
        tensors["loss_sum"] = self.loss_sum.cpu()
        counters = {name: getattr(self, name) for name in COUNTERS}
        save_state(self.state, tensors, {**counters, "experiment": dataclasses.asdict(self.experiment)})

    def resume(self) -> bool:
        """Take up the saved state, if there is one, and cut the log back to it."""
        saved = load_state(self.state)
        if saved is None:
            return False
        tensors, counters = saved
        if counters.get("experiment") != json.loads(json.dumps(dataclasses.asdict(self.experiment))):
            raise GroupSCError(
                f"{self.state} belongs to another configuration of {self.experiment.name}; remove it to train anew"
            )
        try:
            self._take(tensors, counters)
        except (KeyError, RuntimeError) as error:  # As torch has it where shapes differ.
            raise GroupSCError(f"{self.state} was altered ({error}); remove it to train anew") from error
        self._cut_log()
        return True

    def _take(self, tensors: dict, counters: dict) -> None:
        for name in COUNTERS:
            setattr(self, name, counters[name])
        self.loss_sum.copy_(tensors["loss_sum"])
        for name, p in self.model.named_parameters():
            self.average[name].copy_(tensors[f"average.{name}"])
            self.best[name].copy_(tensors[f"best.{name}"])
            p.detach().copy_(tensors[f"model.{name}"])
            if f"adam.step.{name}" in tensors:
                moments = {key: tensors[f"adam.{key}.{name}"].to(self.device) for key in ("exp_avg", "exp_avg_sq")}
                self.optimizer.state[p] = {"step": tensors[f"adam.step.{name}"], **moments}

    def _snapshot(self) -> dict[str, Tensor]:
        return {name: p.detach().clone() for name, p in self.model.named_parameters()}

    def _restore(self, snapshot: dict) -> None:
        for name, p in self.model.named_parameters():
            p.detach().copy_(snapshot[name])
            self.average[name].copy_(snapshot[name])
        self.optimizer.state.clear()

    def _append(self, row) -> None:
        self._write_log([*self._read_log(), row])

    def _cut_log(self) -> None:
        rows = self._read_log()
        kept = [row for row in rows if int(row[0]) <= self.step]
        if kept != rows:
            self._write_log(kept)

    def _read_log(self) -> list[list[str]]:
        if not self.log.exists():
            return []
        with open(self.log, newline="", encoding="utf-8", errors="replace") as file:
            return [row for row in csv.reader(file) if len(row) == len(LOG_COLUMNS) and row[0].isdigit()]

    def _write_log(self, rows) -> None:
        text = io.StringIO()
        csv.writer(text).writerows([LOG_COLUMNS, *rows])
        write_text(self.log, text.getvalue())


def _sum_over_processes(tensors) -> None:
    flat = torch.cat([tensor.flatten() for tensor in tensors])
    distributed.all_reduce(flat)
    for tensor, summed in zip(tensors, flat.split([tensor.numel() for tensor in tensors]), strict=True):
        tensor.copy_(summed.view_as(tensor))
