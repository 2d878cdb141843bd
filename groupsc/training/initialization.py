"""The model before the first step: from a learned dictionary, or from another model's weights fitted to a new task.

Symbols: C encoder, D dictionary, W decoder, λ thresholds, κ weights of the distance between patches.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor

from groupsc.config.definitions import LEVEL_NAMES, Experiment
from groupsc.models.coder import SparseCoder
from groupsc.utils.errors import GroupSCError
from groupsc.weights.cards import purpose
from groupsc.weights.files import load_weights, read_tensors

GROUP_THRESHOLDS, NOISE_DISTANCE = 0.5, 6.2
"""What `adapt_to_groups` multiplies thresholds by, and where it puts the noise."""

MOSAIC_GAIN, MOSAIC_THRESHOLD = 4.0, 0.001
"""What `adapt_to_mosaics` multiplies the encoder by, and the thresholds it sets."""


def first_model(experiment: Experiment, dictionary=None, init=None, *, spread: float | None = None) -> SparseCoder:
    """The model before the first step: from the weights `init`, else from a learned dictionary, else from noise.

    `spread` is the standard deviation of what the degradation adds, where that is known.
    """
    if dictionary is not None:
        tensors, _ = read_tensors(dictionary)
        if "D" not in tensors:
            raise GroupSCError(f"{dictionary} holds no dictionary D; make one with `groupsc dictionary`")
        dictionary = tensors["D"]
    model = SparseCoder(experiment.model, dictionary=dictionary)
    if init is None:
        if experiment.task == "mosaic":
            adapt_to_mosaics(model)
        return model
    start, card = load_weights(init)
    task, _, level = purpose(init, card)
    ours = dict(model.named_parameters())
    taken = {name: tensor for name, tensor in start.named_parameters() if name in ours}
    if start.config.levels != experiment.model.levels:
        taken["thresholds"] = _thresholds_of(start, level, experiment)
    wrong = [name for name, tensor in taken.items() if tensor.shape != ours[name].shape]
    if wrong:
        raise GroupSCError(
            f"{init} has {', '.join(wrong)} of another shape than {experiment.name}; start from a model of its size"
        )
    model.load_state_dict({**model.state_dict(), **taken})
    known = level if LEVEL_NAMES[task] == "sigma" else None
    if known and experiment.model.levels is None and spread:
        adapt_to_spread(model, 255 * spread / known)
    if start.config.penalty == "l1" and experiment.model.penalty == "group":
        adapt_to_groups(model, spread)
    return model


def _thresholds_of(start: SparseCoder, level: float | None, experiment: Experiment) -> Tensor:
    """Thresholds for an experiment from a model of other noise levels."""
    if experiment.model.levels is None:
        return start.thresholds_at(experiment.level)
    known = [start.thresholds_at(sigma) for sigma in experiment.model.levels]
    bank = torch.stack(
        [x * (sigma / level if level else 1) for x, sigma in zip(known, experiment.model.levels, strict=True)]
    )
    return bank.mean((1, 2), keepdim=True) if experiment.model.scalar_thresholds else bank


def adapt_to_mosaics(model: SparseCoder) -> None:
    """Fit a model fresh from its dictionary to patches of which a third is measured, in place.

    The mean that is subtracted counts the zeros, so patches keep a constant part, which a dictionary learned on centred
    patches lacks: one atom becomes constant. A residual of which two thirds are missing is answered by four times the
    encoder, and without noise thresholds can be small. On BSDval32 this begins at 33.6 dB, without it at 12.7
    (`benchmarks/README.md`).
    """
    with torch.no_grad():
        for matrix in (model.D, model.C, model.W):
            matrix[:, -1] = model.config.dimension**-0.5
        model.C *= MOSAIC_GAIN
        model.thresholds.fill_(MOSAIC_THRESHOLD)


def adapt_to_spread(model: SparseCoder, ratio: float) -> None:
    """Fit thresholds and κ of a model to noise that is `ratio` times what it was trained for, in place.

    Thresholds grow with the noise; differences between patches are counted in units of it. From GroupSC at σ = 25 this
    begins at 30.18 dB for σ = 15, where a trained blind SC reaches 30.06, and without it at 27.74
    (`benchmarks/README.md`).
    """
    with torch.no_grad():
        model.thresholds *= ratio
        if model.kind.nonlocal_:
            model.kappa /= ratio


def adapt_to_groups(model: SparseCoder, spread: float | None) -> None:
    """Fit thresholds and κ of an SC model to group norms, in place.

    SC's thresholds compare with single codes. A group norm is a root mean square over similar patches, many of which do
    not use the atom, and is smaller. κ is set so that noise alone puts two equal patches at distance `NOISE_DISTANCE`,
    far enough to tell them from other ones. Both were chosen on BSDval32 at σ = 25 (`benchmarks/README.md`): they spare
    the model to unlearn 3 dB first.
    """
    with torch.no_grad():
        model.thresholds *= GROUP_THRESHOLDS
        if spread:
            model.kappa.fill_(math.sqrt(NOISE_DISTANCE / (2 * model.config.dimension * spread**2)))
