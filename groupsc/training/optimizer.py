"""Adam with protection against single bad batches, and with a learning rate in the units of each parameter.

At high learning rates, single batches can have losses of 1e8 to 1e24. One such step changes all parameters and makes
the moments of Adam useless for hundreds of steps. Two rules prevent this:

1. A step is skipped if its loss or gradient is not finite.
2. With `grad_clip`, the norm of a gradient is limited to a multiple of its running median. Without it, a step is
   skipped if its loss or norm is above `OUTLIER` times the running median.

Clipped steps are not skipped: they come from crops of high contrast (`gain_share`), which the training needs for
stability. All decisions are made on the device, so that the CPU does not wait for them.

Symbols: κ weights of the distance between patches, ν weight of a new similarity matrix, Λ thresholds, γ weight of the
distance to the mean codes in CSR.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn

from groupsc.config.definitions import TrainingConfig

HISTORY = 101
"""Number of accepted steps over which the medians of loss and norm are computed."""

OUTLIER = 10.0
"""Multiple of a median above which a step is skipped, unless gradients are clipped."""

FIRST_NORM = 1.0
"""Replaces the median before the first step; usual norms are 0.05 to 1.2."""

KAPPA_SPEED, NU_SPEED, GAMMA_SPEED = 10.0, 10.0, 10.0
"""Learning rates of κ, ν and γ relative to that of the dictionaries: the loss reacts slowly to them."""

UNIT_SIGMA, UNIT_THRESHOLD = 25.0, 0.06
"""Noise σ in gray levels of 255 at which thresholds have the learning rate of the dictionaries, and the corresponding
mean threshold for tasks without noise."""


class GuardedAdam:
    """Adam over the parameters of a model.

    Parameters
    ----------
    model : nn.Module
        For `units`, a `SparseCoder`.
    config : TrainingConfig
        Defines `lr`, `adam_eps`, `grad_clip` and `units`.
    spread : float, optional
        Standard deviation of the error that the degradation causes, in [0, 1]; see `parameter_units`.

    Attributes
    ----------
    skipped : Tensor ()
        Number of skipped steps.

    Examples
    --------
    >>> taken = GuardedAdam(model, config, spread=25 / 255).step(loss, lr=2e-3)  # doctest: +SKIP
    """

    def __init__(self, model: nn.Module, config: TrainingConfig, spread: float | None = None):
        named = dict(model.named_parameters())
        self.parameters, self.grad_clip = list(named.values()), config.grad_clip
        self.units = parameter_units(model, spread) if config.units else dict.fromkeys(named, 1.0)
        groups = [{"params": [parameter], "name": name} for name, parameter in named.items()]
        self.adam = torch.optim.Adam(groups, lr=config.lr, eps=config.adam_eps, fused=True)
        device = self.parameters[0].device
        self.norms, self.losses = (torch.full((HISTORY,), math.nan, device=device) for _ in range(2))
        self.skipped = torch.zeros((), dtype=torch.int64, device=device)
        self.steps = 0

    def step(self, loss: Tensor, lr: float) -> Tensor:
        """Make one step with the gradients in `.grad` of the parameters.

        Parameters
        ----------
        loss : Tensor ()
            Loss of the batch.
        lr : float
            Learning rate, before it is multiplied by the unit of each parameter.

        Returns
        -------
        Tensor (), bool
            Whether the step was made, on the device. When it is False, parameters and moments are unchanged.
        """
        gradients = [parameter.grad for parameter in self.parameters if parameter.grad is not None]
        norm = torch.nn.utils.get_total_norm(gradients)
        loss = loss.to(norm.dtype)
        median = torch.nanmedian(self.norms)
        taken = norm.isfinite() & loss.isfinite()
        if self.grad_clip is None:
            # Before the first step the median is NaN, and the comparisons are false.
            taken &= ~((norm > OUTLIER * median) | (loss > OUTLIER * torch.nanmedian(self.losses)))
        else:
            limit = self.grad_clip * median.nan_to_num(nan=FIRST_NORM)
            torch._foreach_mul_(gradients, torch.clamp(limit / norm, max=1.0).nan_to_num(nan=1.0))
        for group in self.adam.param_groups:
            group["lr"] = lr * self.units[group["name"]]
        # The fused kernel skips the step when it is 1. torch sets this attribute without declaring it.
        self.adam.found_inf = (~taken).to(torch.float32)  # type: ignore[attr-defined]
        self.adam.step()
        self._remember(norm, loss, taken)
        return taken

    def _remember(self, norm: Tensor, loss: Tensor, taken: Tensor) -> None:
        """Add the norm and loss of a step to the histories, or count the step as skipped."""
        here = self.steps % HISTORY
        for history, value in ((self.norms, norm), (self.losses, loss)):
            history[here] = torch.where(taken, value, history[here])
        self.skipped += ~taken
        self.steps += 1

    def forget(self) -> None:
        """Delete moments and medians, after earlier parameters were restored."""
        self.adam.state.clear()
        self.norms.fill_(math.nan)
        self.losses.fill_(math.nan)

    def state(self) -> dict[str, Tensor]:
        """Everything on which the next step depends except the parameters, as input of `load`.

        −1 stands for the norms and losses of steps that were not made.
        """
        found = {name: getattr(self, name).nan_to_num(nan=-1.0).cpu() for name in ("norms", "losses")}
        found["skipped"] = self.skipped.cpu()
        found["steps"] = torch.tensor(self.steps)
        found["units"] = torch.tensor(list(self.units.values()), dtype=torch.float64)
        for group in self.adam.param_groups:
            for key, value in self.adam.state[group["params"][0]].items():
                found[f"{key}.{group['name']}"] = value.cpu()
        return found

    def load(self, state: dict[str, Tensor]) -> None:
        """Restore what `state` returned.

        Raises
        ------
        KeyError, RuntimeError, ValueError
            When a tensor is missing or has another shape.
        """
        for name in ("norms", "losses"):
            getattr(self, name).copy_(state[name].where(state[name] >= 0, math.nan))
        self.skipped.copy_(state["skipped"])
        self.steps = int(state["steps"])
        self.units = dict(zip(self.units, state["units"].tolist(), strict=True))
        for group in self.adam.param_groups:
            (parameter,), name = group["params"], group["name"]
            if f"step.{name}" in state:
                moments = ("step", "exp_avg", "exp_avg_sq")
                self.adam.state[parameter] = {key: state[f"{key}.{name}"].to(parameter.device) for key in moments}


def parameter_units(model: nn.Module, spread: float | None) -> dict[str, float]:
    """Learning rate of each parameter relative to that of the dictionaries.

    A step of Adam has the size of the learning rate, independent of the size of the parameter. Thresholds grow with the
    noise and κ decreases with it: at σ = 5, one step would change thresholds of 0.01 by 10 % and κ of 10 hardly at all.
    With thresholds in units of the noise and κ in units of its mean before the first step, one learning rate suits all
    noise levels.

    Parameters
    ----------
    model : nn.Module
        A `SparseCoder` before the first step.
    spread : float or None
        Standard deviation of the error that the degradation causes, in [0, 1]. None for mosaics; their unit is the mean
        threshold.

    Returns
    -------
    dict of str to float
        Factors of the learning rate, by the names of the parameters.

    Examples
    --------
    >>> model = nn.Module()
    >>> model.thresholds = nn.Parameter(torch.full((24, 256), 0.03))
    >>> parameter_units(model, spread=50 / 255)
    {'thresholds': 2.0}
    """
    parameters = dict(model.named_parameters())
    units = dict.fromkeys(parameters, 1.0)
    mean_threshold = parameters["thresholds"].detach().mean().item()
    units["thresholds"] = 255 * spread / UNIT_SIGMA if spread else mean_threshold / UNIT_THRESHOLD
    if "gamma" in units:
        units["gamma"] = GAMMA_SPEED
    if "kappa" in units:
        units |= {"kappa": KAPPA_SPEED * parameters["kappa"].detach().abs().mean().item(), "nu_logit": NU_SPEED}
    return units
