"""Define models, trainings and experiments as frozen dataclasses with every key, default, range and explanation.

An experiment is a model, a training and a degradation: `gray-groupsc-sigma25`. The YAML files of `config/` describe a
grid of experiments (`groupsc.config.grid`), which `groupsc.config.experiments` expands. Pydantic converts and checks
values; an error is one sentence.
"""

from __future__ import annotations

from typing import Annotated, Any, ClassVar, Literal, TypeVar

from pydantic import Field, TypeAdapter

from groupsc.config import aliases
from groupsc.config.checks import require
from groupsc.config.messages import in_one_sentence
from groupsc.config.parts import Settings, settings
from groupsc.config.values import (
    LEFT_OUT,
    Allowed,
    Ascending,
    Choice,
    Count,
    DataSet,
    Decay,
    Factor,
    Natural,
    NonNegative,
    OrComputed,
    OrNull,
    Positive,
    Share,
    Text,
    Truth,
    as_integer,
    as_text,
)  # fmt: skip

T = TypeVar("T")

TASKS = ("gray", "color", "mosaic", "jpeg")
METHODS = ("sc", "csr", "groupsc")
PENALTIES = {"sc": "l1", "csr": "csr", "groupsc": "group"}
LEVEL_NAMES = {"gray": "sigma", "color": "sigma", "jpeg": "quality", "mosaic": None}

BLOCK = 56
"""Side of the blocks that the paper trains on, in pixels; the window spans the patches of one block."""

TaskName = Annotated[str, Choice(TASKS)]
MethodName = Annotated[str, Choice(METHODS)]


def _start(value: Any) -> str:
    """Check that a value of `init_from` is a method, "blind", "plain" or the name of an experiment."""
    start = as_text(value)
    if start in (*METHODS, "blind", "plain") or start.partition("-")[0] in TASKS:
        return start
    raise ValueError(value)


Start = Annotated[str, Allowed(f"one of {', '.join(METHODS)}, blind, plain, or an experiment", _start)]


@settings
class ModelConfig(Settings):
    """The unrolled sparse coder of Algorithm 1; the defaults are the paper's gray GroupSC (Table 7).

    A blind model (section 3.4) has `levels`, noise σ in gray levels of 255 in ascending order, and thresholds for each
    level. It restores an image with the thresholds of the level nearest to the noise of the image; with `interpolate`,
    it interpolates between the two neighbouring levels.

    Examples
    --------
    >>> config = ModelConfig(patch_size=7, n_atoms=64)
    >>> config.dimension, config.penalty, config.window
    (49, 'group', 50)
    >>> ModelConfig(patch_size=0)
    Traceback (most recent call last):
        ...
    groupsc.utils.errors.GroupSCError: patch_size is 0; choose a whole number of at least 1
    """

    former: ClassVar[dict[str, str]] = aliases.MODEL

    channels: Annotated[Literal[1, 3], Allowed("1 (gray) or 3 (color)", as_integer)] = 1
    """Channels of an image."""
    patch_size: Count = 9
    """Side of a patch, in pixels."""
    n_atoms: Count = 256
    """Atoms of the dictionary."""
    n_iterations: Count = 24
    """Unrolled iterations."""
    penalty: Annotated[str, Choice(PENALTIES.values())] = "group"
    """Penalty on the codes: `l1` for the method `sc`, `csr` for `csr`, `group` for `groupsc`."""
    window: OrComputed[Count] = LEFT_OUT
    """Side, in pixels, of the neighbourhood of positions in which similar patches are searched. By default, the
    number of positions of a patch along a block of 56 pixels; in a grid, along a training crop."""
    similarity_interval: OrNull[Count] = 6
    """Iterations between two updates of the similarity; null for no update."""
    middle_averaging: Truth = True
    """Whether the similarity is computed from estimates that were averaged over the overlapping patches."""
    shared_similarity: Truth = True
    """Whether all updates of the similarity use the same learned distance, or each has its own."""
    levels: OrNull[Ascending] = None
    """Noise levels σ of a blind model, in gray levels of 255."""
    scalar_thresholds: Truth = False
    """Whether a blind model has one threshold per level, or one per level, iteration and atom."""
    interpolate: Truth = False
    """Whether a blind model interpolates the thresholds between two levels, or uses those of the nearest level."""
    relative_distance: Truth = False
    """Whether a blind model measures distances between patches in units of the noise: κ is then for σ = 25, and is
    multiplied by 25/σ at a noise level σ."""
    patch_stride: Count = 1
    """Distance between neighbouring patches, in pixels. The paper's models use all patches. Above 1, the model uses one
    of `patch_stride`² patches, which divides the sums over similar patches by the fourth power of the stride."""
    source_weight: Positive = 1.0
    """Weight of all similar patches but the patch itself, for `patch_stride` above 1; see
    `groupsc.models.similarity.source_weights`."""

    def __post_init__(self) -> None:
        if self.window is None:
            object.__setattr__(self, "window", BLOCK + 1 - self.patch_size)
        require(
            self.window >= 1, f"patch_size is {self.patch_size}; choose at most {BLOCK}, or give a window of your own"
        )
        require(
            self.patch_stride <= self.patch_size,
            f"patch_stride is {self.patch_stride}; choose at most {self.patch_size}, the patch_size, so that every "
            "pixel is part of a patch",
        )

    @property
    def dimension(self) -> int:
        """Number of entries of a patch, m = channels · patch_size²."""
        return self.channels * self.patch_size**2

    @property
    def similarity_updates(self) -> tuple[int, ...]:
        """The iterations, counted from 0, before which the similarity is updated: 1 + j · `similarity_interval`, j ≥ 1.

        SC has none. Other priors of single patches have no similarity, and the coder does not use these numbers.
        """
        if self.similarity_interval is None or self.penalty == "l1":
            return ()
        return tuple(i for i in range(2, self.n_iterations) if (i - 1) % self.similarity_interval == 0)

    @property
    def grid_window(self) -> int:
        """Side of the window on the grid of patches: `window` divided by the stride of the patches."""
        before = self.window // 2
        return before // self.patch_stride + (self.window - 1 - before) // self.patch_stride + 1

    def block(self, stride: int | None = None) -> int:
        """Return the side of the blocks of block mode, in pixels.

        A block has as many patches along its side as the window, as a training crop has. If the stride is larger than
        this block, the side is the stride, but at most the paper's 56 pixels.
        """
        return max(self.window + self.patch_size - 1, min(stride or 0, BLOCK))


@settings
class TrainingConfig(Settings):
    """The settings of a training; the defaults are the authors' recipe (appendix A and the released code).

    Two defaults differ from it: `any_phase`, and backtracking. The authors watch the training loss. Here, when the
    validation PSNR falls by more than `backtrack_threshold` dB below the best, the best snapshot is restored
    and the learning rate is multiplied by `backtrack_factor`.

    The shares `gain_share` and `strong_color_share` are described in `groupsc.training.contrast`, `pattern_share` in
    `groupsc.training.patterns`, `units` in `groupsc.training.optimizer.parameter_units`, `source_weight` in
    `groupsc.models.similarity.source_weights`.
    """

    former: ClassVar[dict[str, str]] = aliases.TRAINING

    dataset: DataSet = "BSD400"
    """Training set."""
    validation: DataSet = "BSDval32"
    """Validation set."""
    validation_images: Count = 32
    """Images of the validation set that are used."""
    validate_every: Count = 4000
    """Steps between two validations; the state is saved at each."""
    max_steps: Count = 120_000
    """Steps of the optimizer."""
    batch_size: Count = 32
    """Crops in a batch."""
    micro_batch_size: OrNull[Count] = None
    """Crops whose gradients are computed together; null takes the whole batch on a GPU, and on a CPU as many crops as
    the cache holds."""
    crop_size: Count = BLOCK
    """Side of a training crop, in pixels."""
    lr: Positive = 6e-4
    """Learning rate: the step size of Adam."""
    lr_schedule: Annotated[str, Choice(("steps", "one-cycle"))] = "steps"
    """`steps` multiplies by `lr_decay` every `lr_decay_every` steps; `one-cycle` rises linearly over `warmup` of the
    steps, then falls as a cosine to zero."""
    lr_decay: Positive = 0.35
    """Factor of the learning rate in the schedule `steps`."""
    lr_decay_every: Count = 32_000
    """Steps between two decays in the schedule `steps`."""
    warmup: Share = 0.05
    """Share of the steps in which the learning rate rises in the schedule `one-cycle`."""
    adam_eps: Positive = 1e-3
    """The ε of Adam."""
    grad_clip: OrNull[Positive] = None
    """Largest norm of a gradient, as a multiple of its running median; null for no limit."""
    units: Truth = False
    """Whether the learning rate is multiplied by the unit of each parameter, or is the same for all parameters."""
    gain_share: Share = 0.0
    """Share of the crops that are multiplied by a gain before they are degraded, which keeps models stable on images
    of higher contrast than the training set. JPEG crops are never multiplied."""
    strong_color_share: Share = 0.0
    """Share of the crops that are replaced by crops of strong colors, for models of the robust family. JPEG crops are
    never replaced."""
    pattern_share: Share = 0.0
    """Share of the crops that are replaced by stripes, checkerboards and other fine patterns, which photographs
    lack."""
    ema_decay: Decay = 0.0
    """Decay of the exponential moving average of the parameters; 0 for no average."""
    backtrack_threshold: NonNegative = 0.2
    """Fall of the validation PSNR, in dB, after which the best snapshot is restored. With `gain_share`, the compared
    value is the mean of the PSNR of plain blocks and of blocks of high contrast."""
    backtrack_factor: Factor = 0.8
    """Factor of the learning rate each time that the best snapshot is restored."""
    precision: Annotated[str, Choice(("auto", "float32", "bfloat16"))] = "auto"
    """Precision of matrix products; `auto` uses bfloat16 on devices that compute fast with it."""
    init_from: OrNull[Start] = None
    """Source of the first parameters: a method (its model of the same task and level), `blind` (the blind model of the
    same task and method), `plain` (for a variant, the model of the same task, method and level that is no variant) or
    an experiment; null for the learned dictionary."""
    any_phase: Truth = True
    """Whether the Bayer mosaics of training crops begin at any of the four phases, or all at the first, as in the
    authors' code."""
    patch_stride: Count = 1
    """The model is trained on every `patch_stride`-th patch in each direction, which divides the sums over similar
    patches by its fourth power. Validation and restoration use the patches of the model. With 1, the training uses the
    same patches."""
    source_weight: Positive = 1.0
    """Weight of all similar patches but the patch itself, for `patch_stride` above 1."""
    all_patches_share: Share = 0.0
    """Share of the steps, the last ones, that use all patches of the model, for `patch_stride` above 1."""
    seed: Natural = 0
    """Seed of everything random in a training."""

    @property
    def steps_with_all_patches(self) -> int:
        """Number of steps at the end of the training that use all patches."""
        return self.max_steps if self.patch_stride == 1 else round(self.all_patches_share * self.max_steps)

    def patch_sampling(self, step: int) -> tuple[int, float] | None:
        """Patch stride and weight of the similar patches in a step, numbered from 0; None for those of the model."""
        if step >= self.max_steps - self.steps_with_all_patches:
            return None
        return self.patch_stride, self.source_weight


@settings
class Experiment(Settings):
    """One model to train: a task at one level by one method.

    The level is σ in gray levels or the JPEG quality; mosaics and blind models have none. `variant` is the name of the
    differences from the paper's model of the task, such as "blind".
    """

    name: Text
    """Name of the experiment and of its files."""
    task: TaskName
    """Degradation of the images."""
    method: MethodName
    """Method, which decides the penalty."""
    level: OrNull[Positive]
    """σ in gray levels of 255, or the JPEG quality."""
    variant: OrNull[Text] = None
    """Name of the differences from the paper's model."""
    model: ModelConfig = Field(default_factory=ModelConfig)
    """The model."""
    training: TrainingConfig = Field(default_factory=TrainingConfig)
    """The training."""

    @property
    def init_from(self) -> str | None:
        """Name of the experiment whose weights are the first parameters of this one."""
        start = self.training.init_from
        if start == "blind" or (start == "plain" and self.model.levels is not None):
            return experiment_name(self.task, f"{self.method}-blind", None)
        if start == "plain":
            return experiment_name(self.task, self.method, self.level)
        return experiment_name(self.task, method_name(start, self.variant), self.level) if start in METHODS else start

    @property
    def dictionary(self) -> str:
        """Name of the initial dictionary: experiments of the same training set, patch and atoms share one."""
        model = self.model
        return f"{self.training.dataset}-{model.channels}x{model.patch_size}x{model.patch_size}-{model.n_atoms}"


def experiment_name(task: str, method: str, level: float | None) -> str:
    """Return the name of an experiment and of its weights file, `task-method-level`.

    Examples
    --------
    >>> experiment_name("gray", "groupsc", 25), experiment_name("color", "sc-blind", None)
    ('gray-groupsc-sigma25', 'color-sc-blind')
    """
    return f"{task}-{method}" if level is None else f"{task}-{method}-{LEVEL_NAMES[task]}{level:g}"


def repetitions(task: str, wanted: int) -> int:
    """Return the number of measurements of an image: `wanted` for tasks with noise, else 1."""
    return wanted if LEVEL_NAMES[task] == "sigma" else 1


def method_name(method: str, variant: str | None) -> str:
    """Return the method and its variant as one name: `groupsc`, `groupsc-blind`, `groupsc-refresh12`."""
    return f"{method}-{variant}" if variant else method


def is_model(method: str) -> bool:
    """Return whether a method of results is a model of this library: blind models and variants are, baselines are not.

    Examples
    --------
    >>> [is_model(name) for name in ("groupsc", "sc-short", "groupsc-blind", "dncnn")]
    [True, True, True, False]
    """
    return method.partition("-")[0] in METHODS


def model_from_dict(values: dict[str, Any]) -> ModelConfig:
    """Return a model configuration from a mapping; an unknown key is an error."""
    return strict(ModelConfig, values)


def experiment_from_dict(values: dict[str, Any]) -> Experiment:
    """Return an experiment from a mapping, the inverse of `dataclasses.asdict`; an unknown key is an error."""
    return strict(Experiment, {**values, **{key: values.get(key) or {} for key in ("model", "training")}})


def strict(kind: type[T], values: dict[str, Any]) -> T:
    """Return an instance of one of the dataclasses from a mapping.

    Raises
    ------
    GroupSCError
        For an unknown key, a missing key, or an invalid value.
    """
    with in_one_sentence(kind.__name__):
        return TypeAdapter(kind).validate_python(values)
