"""Initialize a model from a learned dictionary, or from the weights of another model.

Symbols: C encoder, D dictionary, W decoder, λ thresholds, κ weights of the distance between patches, γ weight of the
distance to the mean codes in CSR.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from pathlib import Path

import torch
from torch import Tensor

from groupsc.config.definitions import LEVEL_NAMES, Experiment
from groupsc.models.coder import SparseCoder
from groupsc.utils.errors import GroupSCError, MissingFileError
from groupsc.utils.typing import PathLike
from groupsc.weights.cards import purpose
from groupsc.weights.files import load_weights, read_tensors

GROUP_THRESHOLDS, NOISE_DISTANCE = 0.5, 6.2
"""Factor of the thresholds, and distance between equal patches with independent noise, in `adapt_to_groups`."""

CENTRED_GAMMA, CENTRED_DISTANCE = 0.2, 12.0
"""Value of γ, and distance between equal patches with independent noise, in `adapt_to_means`."""

MOSAIC_GAIN, MOSAIC_THRESHOLD = 4.0, 0.001
"""Factor of the encoder, and value of the thresholds, in `adapt_to_mosaics`."""


def first_model(
    experiment: Experiment,
    dictionary: PathLike | None = None,
    init: PathLike | None = None,
    *,
    spread: float | None = None,
) -> SparseCoder:
    """The model before the first step.

    Its parameters come from the weights `init` if given. Otherwise D, C and W come from `dictionary`, or from a random
    matrix without one. The thresholds and κ are adapted to the task, to the noise and to the penalty.

    Parameters
    ----------
    experiment : Experiment
    dictionary : path, optional
        Safetensors file with a tensor D (m, p).
    init : path, optional
        Weights of another model; parameters that they lack keep their initial values.
    spread : float, optional
        Standard deviation of the error that the degradation causes, in [0, 1], if known.

    Returns
    -------
    SparseCoder

    Raises
    ------
    GroupSCError
        When a file is missing or damaged, has no tensor D, or has tensors of other shapes than the model.

    Examples
    --------
    >>> experiment = Experiment(name="gray-sc-sigma25", task="gray", method="sc", level=25)
    >>> first_model(experiment).D.shape
    torch.Size([81, 256])
    """
    model = SparseCoder(experiment.model, dictionary=None if dictionary is None else _dictionary(dictionary))
    if init is not None:
        _start_from(model, experiment, init, spread)
    elif experiment.task == "mosaic":
        adapt_to_mosaics(model)
    return model


def _dictionary(path: PathLike) -> Tensor:
    """Read the initial dictionary."""
    if not Path(path).exists():
        raise MissingFileError(f"{path} does not exist; learn a dictionary with `groupsc dictionary`")
    tensors, _ = read_tensors(path)
    if "D" not in tensors:
        raise GroupSCError(f"{path} contains no dictionary D; learn one with `groupsc dictionary`")
    return tensors["D"]


def _start_from(model: SparseCoder, experiment: Experiment, init: PathLike, spread: float | None) -> None:
    """Copy the parameters of the weights `init` into a model, and adapt them to the experiment."""
    start, card = load_weights(init)
    task, _, level = purpose(init, card)
    ours = dict(model.named_parameters())
    taken: dict[str, Tensor] = {name: tensor for name, tensor in start.named_parameters() if name in ours}
    if start.config.levels != experiment.model.levels:
        taken["thresholds"] = _thresholds_of(start, level, experiment)
    if "kappa" in taken:
        known = level if start.config.levels is None else experiment.level
        taken["kappa"] = taken["kappa"] * start.kappa_factor(known) / model.kappa_factor(known)
    if start.config.n_iterations > experiment.model.n_iterations:
        taken |= _last_iterations(taken, ours)
    wrong = [name for name, tensor in taken.items() if tensor.shape != ours[name].shape]
    if wrong:
        raise GroupSCError(
            f"in {init}, {', '.join(wrong)} differ in shape from {experiment.name}; start from a model of the same size"
        )
    model.load_state_dict({**model.state_dict(), **taken})
    known = level if LEVEL_NAMES[task] == "sigma" else None
    if known and experiment.model.levels is None and spread:
        adapt_to_spread(model, 255 * spread / known)
    if start.config.penalty == "l1" and experiment.model.penalty == "group":
        adapt_to_groups(model, spread)
    if start.config.penalty == "l1" and experiment.model.penalty == "csr":
        adapt_to_means(model, spread)


def _last_iterations(taken: Mapping[str, Tensor], ours: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Parameters of the last iterations of a model, for one with fewer iterations.

    The thresholds of the last iterations lead from zero codes to nearly the same codes: gray SC at σ = 25 loses 0.1 dB
    with 8 of 24 iterations before any training, and 0.5 dB with every third iteration (`benchmarks/README.md`).
    """
    return {
        "thresholds": taken["thresholds"][..., -ours["thresholds"].shape[-2] :, :],
        **{name: taken[name][len(taken[name]) - len(ours[name]) :] for name in ("kappa", "nu_logit") if name in taken},
    }


def _thresholds_of(start: SparseCoder, level: float | None, experiment: Experiment) -> Tensor:
    """Thresholds for an experiment, from a model with other noise levels."""
    if experiment.model.levels is None:
        return start.thresholds_at(experiment.level)
    known = [start.thresholds_at(sigma) for sigma in experiment.model.levels]
    bank = torch.stack(
        [x * (sigma / level if level else 1) for x, sigma in zip(known, experiment.model.levels, strict=True)]
    )
    return bank.mean((1, 2), keepdim=True) if experiment.model.scalar_thresholds else bank


def adapt_to_mosaics(model: SparseCoder) -> None:
    """Adapt a new model to patches of which one third is measured, in place.

    The zeros count in the mean that is subtracted. Centred patches therefore keep a constant part, which a dictionary
    learned on centred patches can't represent, and one atom is set to a constant. Two thirds of the residual are
    missing, so the encoder is multiplied by four. Without noise, the thresholds can be small. Before the first step,
    the PSNR on BSDval32 is 33.6 dB with this and 12.7 dB without it (`benchmarks/README.md`).
    """
    with torch.no_grad():
        for matrix in (model.D, model.C, model.W):
            matrix[:, -1] = model.config.dimension**-0.5
        model.C.mul_(MOSAIC_GAIN)
        model.thresholds.fill_(MOSAIC_THRESHOLD)


def adapt_to_spread(model: SparseCoder, ratio: float) -> None:
    """Adapt the thresholds and κ of a model to noise with `ratio` times the σ it was trained for, in place.

    Thresholds are proportional to the noise, and κ measures differences between patches in units of the noise. From
    GroupSC at σ = 25, training for σ = 15 begins at 30.18 dB with this and at 27.74 dB without it; a trained blind SC
    reaches 30.06 dB (`benchmarks/README.md`).
    """
    with torch.no_grad():
        model.thresholds.mul_(ratio)
        if model.kind.nonlocal_:
            model.kappa.div_(ratio)


def adapt_to_groups(
    model: SparseCoder,
    spread: float | None,
    *,
    factor: float = GROUP_THRESHOLDS,
    distance: float = NOISE_DISTANCE,
) -> None:
    """Adapt the thresholds and κ of an SC model to group norms, in place.

    The thresholds of SC are compared with single codes. A group norm is a root mean square over similar patches, many
    of which do not use the atom, and is therefore smaller. κ is set so that noise alone puts two equal patches at
    `distance`, which is large enough to distinguish them from other patches. Both defaults were chosen on BSDval32
    at σ = 25 (`benchmarks/README.md`). Without this adaptation, the PSNR first falls by 3 dB.
    """
    with torch.no_grad():
        model.thresholds.mul_(factor)
        _set_distance(model, distance, spread)


def adapt_to_means(
    model: SparseCoder,
    spread: float | None,
    *,
    gamma: float = CENTRED_GAMMA,
    distance: float = CENTRED_DISTANCE,
) -> None:
    """Adapt the thresholds, κ and γ of an SC model to the prior of CSR, in place.

    Where the mean code β is 0, as for most atoms, CSR shrinks a code by λ(1 + γ) (Proposition 1). The thresholds are
    divided by 1 + γ, so that such codes do not change. Without this adaptation, the PSNR first falls by 0.2 dB. Both
    defaults were chosen on BSDval32 at σ = 25 (`benchmarks/README.md`).
    """
    with torch.no_grad():
        model.gamma.fill_(math.log(math.expm1(gamma)))
        model.thresholds.div_(1 + gamma)
        _set_distance(model, distance, spread)


def _set_distance(model: SparseCoder, distance: float, spread: float | None) -> None:
    """Set κ so that noise alone puts two equal patches at a distance; κ is not changed if the noise is unknown."""
    if spread:
        model.kappa.fill_(math.sqrt(distance / (2 * model.config.dimension * spread**2)))
