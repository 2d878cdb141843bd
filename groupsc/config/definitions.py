"""What an experiment is: frozen dataclasses with every default of the project.

An experiment is a model, a training and a degradation: `gray-groupsc-sigma25`. The YAML files of `config/` describe a
grid of experiments, which `groupsc.config.experiments` expands; `write_experiment` and `read_experiment` keep one in a
file of its own.
"""

from __future__ import annotations

import dataclasses
import itertools
from dataclasses import dataclass, field
from pathlib import Path

import yaml

from groupsc.config import aliases
from groupsc.config.checks import is_number, require, require_counts, require_numbers, require_texts
from groupsc.utils.atomic import write_text
from groupsc.utils.errors import GroupSCError, unreadable

TASKS = ("gray", "color", "mosaic", "jpeg")
METHODS = ("sc", "csr", "groupsc")
PENALTIES = {"sc": "l1", "csr": "csr", "groupsc": "group"}
LEVEL_NAMES = {"gray": "sigma", "color": "sigma", "jpeg": "quality", "mosaic": None}

BLOCK = 56
"""Side of the blocks that the paper trains on, in pixels; the window spans the patches of one block."""


@dataclass(frozen=True, kw_only=True)
class ModelConfig:
    """The unrolled sparse coder of Algorithm 1; the defaults are the paper's gray GroupSC (Table 7).

    `window` is the side, in patch positions, of the neighbourhood in which similar patches are sought; left out, it is
    the number of patches along a block of 56 pixels, and in a grid along the crops of the training.

    A blind model (section 3.4) has `levels`, noise σ in gray levels of 255 in ascending order, and thresholds for each:
    one number a level with `scalar_thresholds`, else one per step and atom. An image takes those of the level nearest
    to its noise, or with `interpolate` those between its two neighbours.
    """

    channels: int = 1
    patch_size: int = 9
    n_atoms: int = 256
    n_iterations: int = 24
    penalty: str = "group"
    window: int | None = None
    similarity_interval: int | None = 6
    middle_averaging: bool = True
    shared_similarity: bool = True
    levels: tuple[float, ...] | None = None
    scalar_thresholds: bool = False
    interpolate: bool = False

    def __post_init__(self):
        if self.levels is not None:
            numbers = isinstance(self.levels, list | tuple) and all(map(is_number, self.levels))
            require(numbers, f"levels is {self.levels!r}; give a list of numbers, or null")
            object.__setattr__(self, "levels", tuple(float(level) for level in self.levels))
            ascending = all(low < high for low, high in itertools.pairwise(self.levels))
            require(
                len(self.levels) >= 2 and ascending and self.levels[0] >= 0,
                f"levels is {self.levels}; give two or more noise levels in ascending order, or null",
            )
        if self.window is None:
            object.__setattr__(self, "window", BLOCK + 1 - self.patch_size)
        require(self.channels in (1, 3), f"channels is {self.channels}; choose 1 (gray) or 3 (color)")
        known = ", ".join(PENALTIES.values())
        require(self.penalty in PENALTIES.values(), f"penalty is {self.penalty!r}; choose one of {known}")
        require_counts(self, "patch_size", "n_atoms", "n_iterations", "window")
        require(
            self.similarity_interval is None or self.similarity_interval >= 1,
            "similarity_interval is below 1; choose null for no update of the similarity",
        )

    @property
    def dimension(self) -> int:
        """Entries of a patch, m = channels · patch²."""
        return self.channels * self.patch_size**2

    @property
    def similarity_updates(self) -> tuple[int, ...]:
        """The iterations i (0 for the first prox) before which the similarity is updated."""
        if self.similarity_interval is None or self.penalty == "l1":
            return ()
        return tuple(i for i in range(2, self.n_iterations) if (i - 1) % self.similarity_interval == 0)

    def block(self, stride: int | None = None) -> int:
        """Side in pixels of the blocks of block mode: as many patches as the window has, as in the crops of a training,
        or as wide as the stride where that is wider, up to the paper's 56."""
        return max(self.window + self.patch_size - 1, min(stride or 0, BLOCK))


@dataclass(frozen=True, kw_only=True)
class TrainingConfig:
    """How a model is trained; the defaults are the authors' recipe (appendix A and the released code).

    Learning rates are per step of Adam. `lr_schedule` is "steps" (× `lr_decay` every `lr_decay_every` steps) or
    "one-cycle" (linear warm-up over `warmup` of the steps, then a cosine to zero). `init_from` names the source of the
    first parameters: a method (its model of the same task and level), "blind" (the blind model of the same task and
    method) or an experiment; without it, D, C and W are the learned dictionary.

    When the validation PSNR falls by more than `backtrack_threshold` dB below the best, the best snapshot is restored
    and the learning rate is multiplied by `backtrack_factor`. `ema_decay` is the decay of the averaged parameters (0:
    no average). With `any_phase` the Bayer mosaics of training crops begin at any of the four phases, otherwise all
    with the first, as in the authors' code.

    `grad_clip` limits the norm of the gradient to this multiple of its running median. With `units` the learning rate
    counts in the units of each parameter (see `groupsc.training.optimizer.parameter_units`), otherwise it is the same
    for all.

    With `patch_stride` above 1, group priors are trained on every `patch_stride`-th patch in each direction, which
    divides the sums over similar patches by its fourth power; all similar patches but the patch itself then count
    `source_weight` times (see `groupsc.models.similarity.source_weights`). Validation and use take all patches.

    `gain_share` is the share of the crops that are multiplied by a gain before they are degraded, which keeps models
    stable on images of higher contrast than the training set; `strong_color_share` the share that is replaced by
    crops of strong colours, for models of the robust family (see `groupsc.training.contrast`). JPEG crops stay as they
    are.
    """

    dataset: str = "BSD400"
    validation: str = "BSDval32"
    validation_images: int = 32
    validate_every: int = 4000
    max_steps: int = 120_000
    batch_size: int = 32
    micro_batch_size: int | None = None
    crop_size: int = BLOCK
    lr: float = 6e-4
    lr_schedule: str = "steps"
    lr_decay: float = 0.35
    lr_decay_every: int = 32_000
    warmup: float = 0.05
    adam_eps: float = 1e-3
    grad_clip: float | None = None
    units: bool = False
    gain_share: float = 0.0
    strong_color_share: float = 0.0
    ema_decay: float = 0.0
    backtrack_threshold: float = 0.2
    backtrack_factor: float = 0.8
    precision: str = "auto"
    init_from: str | None = None
    any_phase: bool = True
    patch_stride: int = 1
    source_weight: float = 1.0
    seed: int = 0

    def __post_init__(self):
        require(
            self.lr_schedule in ("steps", "one-cycle"),
            f"lr_schedule is {self.lr_schedule!r}; choose steps or one-cycle",
        )
        require(
            self.precision in ("auto", "float32", "bfloat16"),
            f"precision is {self.precision!r}; choose auto, float32 or bfloat16",
        )
        require_texts(self, "dataset", "validation")
        start = str(self.init_from)
        known = self.init_from is None or start in (*METHODS, "blind") or start.partition("-")[0] in TASKS
        require(
            known,
            f"init_from is {self.init_from!r}; choose null, one of {', '.join(METHODS)}, blind, or an experiment",
        )
        require_counts(
            self, "max_steps", "batch_size", "crop_size", "validate_every", "validation_images", "lr_decay_every"
        )
        require_numbers(
            self, "lr", "lr_decay", "warmup", "adam_eps", "ema_decay", "backtrack_threshold", "backtrack_factor"
        )
        require(self.lr > 0, f"lr is {self.lr}; choose a positive learning rate")
        if self.grad_clip is not None:
            require_numbers(self, "grad_clip")
            require(
                self.grad_clip > 0,
                f"grad_clip is {self.grad_clip}; choose a multiple of the median norm, such as 2, or null",
            )
        require(isinstance(self.units, bool), f"units is {self.units!r}; choose true or false")
        require_counts(self, "patch_stride")
        require_numbers(self, "source_weight")
        require(self.source_weight > 0, f"source_weight is {self.source_weight}; choose a weight above 0, such as 6")
        for name in ("gain_share", "strong_color_share"):
            require_numbers(self, name)
            share = getattr(self, name)
            require(0 <= share <= 1, f"{name} is {share}; choose a share of the crops from 0 to 1")
        if self.micro_batch_size is not None:
            require_counts(self, "micro_batch_size")


_ONE_CYCLE = {
    "lr_schedule": "one-cycle", "lr": 2e-3, "adam_eps": 1e-8, "grad_clip": 2.0, "units": True, "gain_share": 0.5,
}  # fmt: skip
_EVERY_SECOND_PATCH = {"patch_stride": 2, "source_weight": 6.0}
_SMALL_BATCHES = {**_ONE_CYCLE, "lr": 7e-4, "max_steps": 800, "batch_size": 8, "crop_size": 40, "validate_every": 100}

BUDGETS = {
    "paper": {"sc": {}, "csr": {}, "groupsc": {}},
    "fast": {
        "sc": {**_ONE_CYCLE, "max_steps": 6000, "validate_every": 500},
        "csr": {**_ONE_CYCLE, **_EVERY_SECOND_PATCH, "max_steps": 5000, "validate_every": 500, "init_from": "sc"},
        "groupsc": {**_ONE_CYCLE, **_EVERY_SECOND_PATCH, "max_steps": 5000, "validate_every": 500, "init_from": "sc"},
    },
    "cpu": {
        "sc": {**_ONE_CYCLE, "max_steps": 2000, "batch_size": 16, "crop_size": 40, "validate_every": 200},
        "csr": {**_SMALL_BATCHES, **_EVERY_SECOND_PATCH, "init_from": "sc"},
        "groupsc": {**_SMALL_BATCHES, **_EVERY_SECOND_PATCH, "init_from": "sc"},
    },
}
"""Training budgets by name and method: what differs from the defaults of `TrainingConfig`."""

TASK_MODELS = {
    "gray": {"channels": 1, "patch_size": 9, "similarity_interval": 6},
    "color": {"channels": 3, "patch_size": 7, "similarity_interval": 6},
    "mosaic": {"channels": 3, "patch_size": 7, "similarity_interval": 8},
    "jpeg": {"channels": 1, "patch_size": 9, "similarity_interval": 6},
}
"""The paper's Table 7: what differs from the defaults of `ModelConfig`."""

DEFAULT_BLIND = "affine"
_BLIND_LEVELS = tuple(range(0, 60, 5))

BLIND = {
    "affine": {"levels": (_BLIND_LEVELS[0], _BLIND_LEVELS[-1]), "interpolate": True},
    "bank": {"levels": _BLIND_LEVELS},
    "scalar": {"levels": _BLIND_LEVELS, "scalar_thresholds": True},
}
"""Kinds of blind models. Affine thresholds Λ₀ + σ Λ₁ (as CDLNet's, arXiv:2112.00913) are given by their values at both
ends of the range."""

TASK_TRAININGS = {"mosaic": {"patch_stride": 1, "source_weight": 1.0}}
"""What differs from the budget, by task. Every second patch of a mosaic begins at the same Bayer phase, so that a model
trained on these alone would not know the other three."""

TASK_TRAINING_SETS = {"gray": "BSD400", "color": "CBSD400", "mosaic": "CBSD400", "jpeg": "CBSD400"}


@dataclass(frozen=True, kw_only=True)
class Experiment:
    """One model to train: a task at one level by one method.

    The level is σ in gray levels or the JPEG quality; mosaics and blind models have none. `variant` names what differs
    from the paper's model of the task, such as "blind".
    """

    name: str
    task: str
    method: str
    level: float | None
    variant: str | None = None
    model: ModelConfig = field(default_factory=ModelConfig)
    training: TrainingConfig = field(default_factory=TrainingConfig)

    @property
    def init_from(self) -> str | None:
        """Name of the experiment whose weights this one starts from."""
        start = self.training.init_from
        if start == "blind":
            return experiment_name(self.task, f"{self.method}-blind", None)
        return experiment_name(self.task, method_name(start, self.variant), self.level) if start in METHODS else start

    @property
    def dictionary(self) -> str:
        """Name of the initial dictionary: experiments of the same training set, patch and atoms share one."""
        model = self.model
        return f"{self.training.dataset}-{model.channels}x{model.patch_size}x{model.patch_size}-{model.n_atoms}"


def experiment_name(task: str, method: str, level: float | None) -> str:
    """The name of an experiment and of its weights file, `task-method-level`: `gray-groupsc-sigma25`, `mosaic-sc`,
    `color-sc-blind`."""
    return f"{task}-{method}" if level is None else f"{task}-{method}-{LEVEL_NAMES[task]}{level:g}"


def repetitions(task: str, wanted: int) -> int:
    """How often an image is measured: once where there is no noise to draw anew."""
    return wanted if LEVEL_NAMES[task] == "sigma" else 1


def method_name(method: str, variant: str | None) -> str:
    """The method as names and rows spell it: `groupsc`, `groupsc-blind`, `groupsc-refresh12`."""
    return f"{method}-{variant}" if variant else method


def model_from_dict(values: dict) -> ModelConfig:
    """A model configuration from a mapping; an unknown key is an error."""
    return strict(ModelConfig, values)


def experiment_from_dict(values: dict) -> Experiment:
    """Inverse of `dataclasses.asdict`; an unknown key is an error."""
    values = dict(values)
    values["model"] = strict(ModelConfig, values.get("model") or {})
    values["training"] = strict(TrainingConfig, values.get("training") or {})
    return strict(Experiment, values)


def read_experiment(path) -> Experiment:
    """Read one experiment from the YAML file that `write_experiment` made.

    Raises
    ------
    GroupSCError
        When the file is missing, is no YAML mapping, or has a key that no experiment has.
    """
    try:
        values = yaml.safe_load(Path(path).read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, yaml.YAMLError, RecursionError) as error:
        raise unreadable(error)(
            f"{path} can't be read as an experiment ({error}); make it with `groupsc experiment`"
        ) from error
    require(isinstance(values, dict), f"{path} holds no experiment; make one with `groupsc experiment`")
    return experiment_from_dict(values)


def write_experiment(path, experiment: Experiment) -> None:
    """Write one experiment, every default spelled out, to a YAML file."""
    write_text(path, yaml.safe_dump(dataclasses.asdict(experiment), sort_keys=False))


def strict(kind, values: dict):
    """One of the dataclasses from a mapping.

    Raises
    ------
    GroupSCError
        For an unknown key, a missing one, or a value that it can't have.
    """
    known = {f.name for f in dataclasses.fields(kind)}
    unknown = sorted(str(key) for key in values if key not in known)
    former = aliases.MODEL if kind is ModelConfig else aliases.TRAINING if kind is TrainingConfig else {}
    hints = "".join(f"; {key} is now {former[key]}" for key in unknown if key in former)
    require(not unknown, f"{kind.__name__} has no {', '.join(unknown)}{hints}; it has {', '.join(sorted(known))}")
    try:
        return kind(**values)
    except GroupSCError:
        raise
    except (TypeError, ValueError) as error:
        raise GroupSCError(f"{kind.__name__} is incomplete or mistyped: {error}") from error
