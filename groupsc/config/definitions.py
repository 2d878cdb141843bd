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

from groupsc.config.checks import is_number, require, require_counts, require_numbers, require_texts
from groupsc.utils.atomic import write_text
from groupsc.utils.errors import GroupSCError

TASKS = ("gray", "color", "mosaic", "jpeg")
TITLES = {"sc": "SC", "csr": "CSR", "groupsc": "GroupSC"}
"""What methods are called where people read."""
METHODS = tuple(TITLES)
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
    patch: int = 9
    atoms: int = 256
    steps: int = 24
    penalty: str = "group"
    window: int | None = None
    refresh: int | None = 6
    average_refresh: bool = True
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
            object.__setattr__(self, "window", BLOCK + 1 - self.patch)
        require(self.channels in (1, 3), f"channels is {self.channels}; choose 1 (gray) or 3 (color)")
        known = ", ".join(PENALTIES.values())
        require(self.penalty in PENALTIES.values(), f"penalty is {self.penalty!r}; choose one of {known}")
        require_counts(self, "patch", "atoms", "steps", "window")
        require(
            self.refresh is None or self.refresh >= 1,
            "refresh is below 1; choose null for no refresh of the similarity",
        )

    @property
    def dimension(self) -> int:
        """Entries of a patch, m = channels · patch²."""
        return self.channels * self.patch**2

    @property
    def refreshes(self) -> tuple[int, ...]:
        """The steps i (0 for the first prox) before which the similarity is refreshed."""
        if self.refresh is None or self.penalty == "l1":
            return ()
        return tuple(i for i in range(2, self.steps) if (i - 1) % self.refresh == 0)

    def block(self, stride: int | None = None) -> int:
        """Side in pixels of the blocks of block mode: as many patches as the window has, as in the crops of a training,
        or as wide as the stride where that is wider, up to the paper's 56."""
        return max(self.window + self.patch - 1, min(stride or 0, BLOCK))


@dataclass(frozen=True, kw_only=True)
class TrainingConfig:
    """How a model is trained; the defaults are the authors' recipe (appendix A and the released code).

    Rates are per step of Adam. `schedule` is "steps" (× `decay` every `decay_every` steps) or "one-cycle" (linear
    warm-up over `warmup` of the steps, then a cosine to zero). `start` names what gives the first parameters: a method
    (its model of the same task and level), "blind" (the blind model of the same task and method) or an experiment; left
    out, D, C and W start from the learned dictionary.
    `drop` and `slowdown` are the backtracking: when the validation PSNR falls by more than `drop` dB below the best,
    the best snapshot comes back and the rate is multiplied by `slowdown`. `average` is the decay of the averaged
    parameters (0: none). With `any_phase` the Bayer mosaics of training crops begin at any of the four phases, else all
    with the first, as the authors'.

    `clip` limits the norm of the gradient to this multiple of its running median. With `units` the rate counts in the
    units of each parameter (see `groupsc.training.optimizer.parameter_units`), else it is the same for all.

    `gain_share` is the share of the crops that are multiplied by a gain before they are degraded, which keeps models
    stable on images of higher contrast than the training set; `strong_color_share` the share that is replaced by
    crops of strong colours, for models of the robust family (see `groupsc.training.contrast`). JPEG crops stay as they
    are.
    """

    dataset: str = "BSD400"
    validation: str = "BSDval32"
    validation_images: int = 32
    validate_every: int = 4000
    steps: int = 120_000
    batch: int = 32
    micro_batch: int | None = None
    crop: int = BLOCK
    rate: float = 6e-4
    schedule: str = "steps"
    decay: float = 0.35
    decay_every: int = 32_000
    warmup: float = 0.05
    epsilon: float = 1e-3
    clip: float | None = None
    units: bool = False
    gain_share: float = 0.0
    strong_color_share: float = 0.0
    average: float = 0.0
    drop: float = 0.2
    slowdown: float = 0.8
    precision: str = "auto"
    start: str | None = None
    any_phase: bool = True
    seed: int = 0

    def __post_init__(self):
        require(self.schedule in ("steps", "one-cycle"), f"schedule is {self.schedule!r}; choose steps or one-cycle")
        require(
            self.precision in ("auto", "float32", "bfloat16"),
            f"precision is {self.precision!r}; choose auto, float32 or bfloat16",
        )
        require_texts(self, "dataset", "validation")
        start = str(self.start)
        known = self.start is None or start in (*METHODS, "blind") or start.partition("-")[0] in TASKS
        require(
            known, f"start is {self.start!r}; choose null, one of {', '.join(METHODS)}, blind, or an experiment's name"
        )
        require_counts(self, "steps", "batch", "crop", "validate_every", "validation_images", "decay_every")
        require_numbers(self, "rate", "decay", "warmup", "epsilon", "average", "drop", "slowdown")
        require(self.rate > 0, f"rate is {self.rate}; choose a positive learning rate")
        if self.clip is not None:
            require_numbers(self, "clip")
            require(self.clip > 0, f"clip is {self.clip}; choose a multiple of the median norm, such as 2, or null")
        require(isinstance(self.units, bool), f"units is {self.units!r}; choose true or false")
        for name in ("gain_share", "strong_color_share"):
            require_numbers(self, name)
            share = getattr(self, name)
            require(0 <= share <= 1, f"{name} is {share}; choose a share of the crops from 0 to 1")
        if self.micro_batch is not None:
            require_counts(self, "micro_batch")


_ONE_CYCLE = {
    "schedule": "one-cycle", "rate": 2e-3, "epsilon": 1e-8, "clip": 2.0, "units": True, "gain_share": 0.5,
}  # fmt: skip
_SMALL_BATCHES = {**_ONE_CYCLE, "rate": 7e-4, "steps": 800, "batch": 8, "crop": 40, "validate_every": 100}

BUDGETS = {
    "paper": {"sc": {}, "csr": {}, "groupsc": {}},
    "fast": {
        "sc": {**_ONE_CYCLE, "steps": 6000, "validate_every": 500},
        "csr": {**_ONE_CYCLE, "steps": 5000, "validate_every": 500, "start": "sc"},
        "groupsc": {**_ONE_CYCLE, "steps": 5000, "validate_every": 500, "start": "sc"},
    },
    "cpu": {
        "sc": {**_ONE_CYCLE, "steps": 2000, "batch": 16, "crop": 40, "validate_every": 200},
        "csr": {**_SMALL_BATCHES, "start": "sc"},
        "groupsc": {**_SMALL_BATCHES, "start": "sc"},
    },
}
"""Training budgets by name and method: what differs from the defaults of `TrainingConfig`."""

TASK_MODELS = {
    "gray": {"channels": 1, "patch": 9, "refresh": 6},
    "color": {"channels": 3, "patch": 7, "refresh": 6},
    "mosaic": {"channels": 3, "patch": 7, "refresh": 8},
    "jpeg": {"channels": 1, "patch": 9, "refresh": 6},
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
    def start(self) -> str | None:
        """Name of the experiment whose weights this one starts from."""
        start = self.training.start
        if start == "blind":
            return experiment_name(self.task, f"{self.method}-blind", None)
        return experiment_name(self.task, method_name(start, self.variant), self.level) if start in METHODS else start

    @property
    def dictionary(self) -> str:
        """Name of the initial dictionary: experiments of the same training set, patch and atoms share one."""
        return f"{self.training.dataset}-{self.model.channels}x{self.model.patch}x{self.model.patch}-{self.model.atoms}"


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
        raise GroupSCError(
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
    require(not unknown, f"{kind.__name__} has no {', '.join(unknown)}; it has {', '.join(sorted(known))}")
    try:
        return kind(**values)
    except GroupSCError:
        raise
    except (TypeError, ValueError) as error:
        raise GroupSCError(f"{kind.__name__} is incomplete or mistyped: {error}") from error
