"""The model of a configuration file: every key of a grid, with its default, range and explanation.

`groupsc.config.files.complete_grid` checks a configuration by these classes. The JSON schema of the workflow and the
tables of keys in config/README.md are made from them (`groupsc.config.reference`).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any, ClassVar, Self

from pydantic import Field, model_validator

from groupsc.config import aliases
from groupsc.config.checks import require
from groupsc.config.definitions import LEVEL_NAMES, MethodName, ModelConfig, TaskName, TrainingConfig
from groupsc.config.messages import now_called
from groupsc.config.parts import Part, Partial, changes
from groupsc.config.recipes import BLIND, BUDGETS, DEFAULT_BLIND
from groupsc.config.values import (
    LEFT_OUT,
    Allowed,
    Choice,
    Count,
    DataSet,
    Folder,
    Natural,
    OrNull,
    Positive,
    Text,
    Unique,
    as_key,
    as_text,
)  # fmt: skip

VARIANT = r"[a-z0-9]+(-[a-z0-9]+)?"

VariantName = Annotated[
    str, Field(pattern=f"^{VARIANT}$"), Allowed("small letters and digits, since it names files", as_key)
]
FigureName = Annotated[
    str,
    Field(pattern="^[A-Za-z0-9_][A-Za-z0-9_-]*$"),
    Allowed("letters, digits, _ and -, since it names files", as_key),
]
TableName = Annotated[str, Field(pattern="^[a-z0-9]+$"), Allowed("the name of a table, such as table4", as_text)]
Device = Annotated[str, Field(pattern="^[a-z]+(:[0-9]+)?$"), Allowed("auto, cpu, cuda, or one GPU, as cuda:1", as_text)]
Images = Annotated[
    Count | dict[DataSet, Count], Allowed("a whole number of at least 1, or such a number for each data set")
]


_FIXED = {
    "levels": "blind models have levels, ask for them by `blind` of a task",
    "penalty": "the method decides the penalty",
}
"""Keys of a model that a configuration doesn't change, with the hint of the error."""
_MODEL: dict[str, Any] = {"without": _FIXED, "hints": now_called(aliases.MODEL) | _FIXED}
_BOTH: dict[str, Any] = {"without": _FIXED, "hints": now_called(aliases.MODEL, aliases.TRAINING) | _FIXED}

if TYPE_CHECKING:  # The keys are those of the settings, which only the running program knows.
    ModelChanges = Partial
    TrainingChanges = Partial
    Changes = Partial
    ChangeLists = Partial
else:
    ModelChanges = changes("ModelChanges", ModelConfig, **_MODEL)
    TrainingChanges = changes("TrainingChanges", TrainingConfig, hints=now_called(aliases.TRAINING))
    Changes = changes("Changes", ModelConfig, TrainingConfig, **_BOTH)
    ChangeLists = changes("ChangeLists", ModelConfig, TrainingConfig, lists=True, **_BOTH)


class Variant(Part):
    """Models that differ from the task's; with `product` or `also`, one variant for each set of values."""

    methods: Annotated[Unique[MethodName], Field(min_length=1)]
    """Methods, as of the task."""
    levels: Unique[Positive] = Field(default=[])
    """Levels, as of the task; mosaics have none."""
    datasets: OrNull[Unique[DataSet]] = None
    """Test sets; null takes those of the task."""
    model: ModelChanges = ModelChanges()
    """Differences from the task's model."""
    training: TrainingChanges = TrainingChanges()
    """Differences from the task's training."""
    product: ChangeLists = ChangeLists()
    """Lists of values of model and training keys: one variant for each combination."""
    also: list[Changes] = Field(default=[])
    """Further sets of values, one variant each."""
    name: OrNull[Text] = None
    """Name of each variant of `product` and `also`, as in `patch{patch_size}atoms{n_atoms}`: {key} stands for the value
    of that key."""


class Blind(Part):
    """Models of all noise levels at once."""

    methods: Annotated[Unique[MethodName], Field(min_length=1)]
    """Methods, as of the task."""
    levels: Annotated[Unique[Positive], Field(min_length=1)]
    """Noise levels at which the models are evaluated."""
    kinds: Annotated[Unique[Annotated[str, Choice(BLIND)]], Field(min_length=1)] = Field(default=[DEFAULT_BLIND])
    """Kinds of thresholds: `affine` in σ, a `bank` with one set per level, `scalar` with one number per level."""


class Task(Part):
    """The grid of a task: every method at every level, evaluated on every test set."""

    methods: Unique[MethodName] = Field(default=[])
    """`sc` (ℓ1), `csr` (centralised), `groupsc` (relaxed group Lasso)."""
    levels: Unique[Positive] = Field(default=[])
    """Noise σ in gray levels of 255 for `gray` and `color`, quality factors for `jpeg`; `mosaic` has none. One more
    level is one more number."""
    datasets: Unique[DataSet] = Field(default=[])
    """Test sets: names from `data/registry.csv`, or `Bundled`."""
    blind: Blind | None = None
    """Models of all noise levels at once, for `gray` and `color`."""
    variants: dict[VariantName, Variant] = Field(default={})
    """Models that differ from the task's, by name, as in `refresh12: {methods: [groupsc], levels: [15], model:
    {similarity_interval: 12}}`, which makes `gray-groupsc-refresh12-sigma15`."""
    baselines: Unique[Text] = Field(default=[])
    """Baselines to measure on the same degraded images: names from `groupsc methods`, as in `[bm3d, dncnn]`, and
    `input`, the degraded images themselves. A baseline is left out that can't do the task, or that has no cached
    results and can't run here, for example without its package (`pip install 'groupsc[peers]'`). The reason is printed
    before every run and dry run, and in the summary."""
    model: ModelChanges = ModelChanges()
    """Differences from the paper's model, for this task alone; they win over `model` of the configuration."""
    training: TrainingChanges = TrainingChanges()
    """Differences from the budget, for this task alone; they win over `training` of the configuration."""


class Threads(Part):
    """CPU threads of a job."""

    train: Count = 2
    """Threads of one training."""
    evaluate: Count = 1
    """Threads of one evaluation."""


class Blocks(Part):
    """Experiments that are also evaluated block by block: Tables 1 and 12."""

    experiments: Unique[Text] = Field(default=[])
    """Names of experiments."""
    strides: Unique[Count] = Field(default=[56, 48, 24, 12])
    """Strides of the blocks, in pixels. Blocks are as large as the crops of the training, and where the stride is
    larger as the stride, up to 56."""
    datasets: Unique[DataSet] = Field(default=["BSD68"])
    """Test sets."""


class Panel(Partial):
    """A column of the figure of artefacts."""

    task: TaskName
    """Task of the image."""
    level: Positive = LEFT_OUT
    """Level of the degradation."""
    dataset: DataSet
    """Data set of the image."""
    image: Text
    """Name of the image."""


class Figure(Partial):
    """What a figure shows."""

    figure: Text = LEFT_OUT
    """Kind of the figure; left out, the name of the file."""
    experiment: Text = LEFT_OUT
    """Experiment whose weights are shown."""
    experiments: Annotated[list[Text], Field(min_length=1)] = LEFT_OUT
    """Several such experiments; those whose weights are missing are left out."""
    task: TaskName = LEFT_OUT
    """Task of the evaluations that are shown."""
    level: Positive = LEFT_OUT
    """Level of the evaluations that are shown."""
    dataset: DataSet = LEFT_OUT
    """Data set of the images."""
    images: Annotated[list[Text], Field(min_length=1)] = LEFT_OUT
    """Names of the images."""
    at: Annotated[list[Natural], Field(min_length=2, max_length=2)] = LEFT_OUT
    """Column and row of the pixel that is explained."""
    baselines: list[Text] = LEFT_OUT
    """Baselines that are shown beside our models."""
    panels: list[Panel] = LEFT_OUT
    """Columns of the figure of artefacts; those without a model of SC and one of GroupSC are left out."""


class Grid(Part):
    """One grid of experiments and what is made of it."""

    hints: ClassVar[dict[str, str]] = now_called(aliases.GRID)

    tasks: dict[TaskName, Task]
    """The grid, by task: `gray`, `color`, `mosaic`, `jpeg`."""
    budget: Annotated[str, Choice(BUDGETS)] = "fast"
    """Length of the trainings: `paper` (the authors' recipe, 120,000 steps), `fast` (one GPU, minutes to an hour),
    `cpu` (two cores)."""
    weights: Annotated[str, Choice(("released", "trained"))] = "released"
    """Weights that are evaluated: `released` (those of `data/weights`, fetched by `dvc pull`) or `trained` (those made
    here, under `training` of `output`)."""
    tables: Unique[TableName] = Field(default=[])
    """Tables to make, `table1` to `table13`, as in `tables: [table4, table8]`; with them comes `reproducibility`, a
    count of what of the paper is reproduced, as table and as chart."""
    figures: dict[FigureName, Figure | None] = Field(default={})
    """Figures to make, by the name of their file."""
    blocks: Blocks = Blocks()
    """Experiments that are also evaluated block by block, for Tables 1 and 12."""
    index: OrNull[Folder] = None
    """Page to write about the released weights, as in `index: data/weights/README.md`."""
    images: OrNull[Images] = None
    """Number of images of every test set, `images: 2`, or of some, `images: {Urban100: 10}`: the first ones, and only
    these are fetched. The tables give the number of images behind each value. Null takes all."""
    cached_results: OrNull[Text] = None
    """Folder of per-image results of earlier evaluations, as `data/measured`. Those of the same weights, measured in
    the same way, are taken over with the device and the code version that they name, images beyond the first `images`
    included. Images that a figure shows are restored again, for their pictures alone. A baseline with complete results
    needs neither its package nor its weights. Null measures everything here."""
    repetitions: Count = 1
    """Noise realisations per image; with more than one the tables show the spread."""
    mode: Annotated[str, Choice(("whole", "block"))] = "whole"
    """`whole` restores whole images, `block` restores overlapping blocks as the paper does."""
    stride: OrNull[Count] = None
    """Stride of the blocks in pixels, for `mode: block` only; null takes the window of the model."""
    model: ModelChanges = ModelChanges()
    """Differences from the paper's model in every experiment, as in `{n_iterations: 12}`."""
    training: TrainingChanges = TrainingChanges()
    """Differences from the budget in every experiment, as in `{seed: 1}`."""
    device: Device = "auto"
    """Device that trains and evaluates; `auto` takes a GPU where the machine has one."""
    threads: Threads = Threads()
    """CPU threads of one training and of one evaluation; `--cores` limits how many run side by side."""
    output: Folder = "results"
    """Folder for everything that is made; without the key, `results/<name of the configuration file>`. Git keeps
    `results/release` alone."""
    data_dir: Text = "data/raw"
    """Folder of the data sets."""
    mirror: OrNull[Text] = None
    """Folder or address that holds the files of `data/registry.csv` as `<repo>/<commit>/<path>`; null takes the
    environment variable `GROUPSC_MIRROR`, or the public addresses without it. An address with a password belongs into
    `GROUPSC_MIRROR`."""
    base: OrNull[Text] = None
    """Another configuration file, such as `config/release.yaml`: keys that are left out are taken from it. A key that
    is given replaces the one of that file."""

    @model_validator(mode="after")
    def _rules(self) -> Self:
        require(self.tasks, "the configuration lacks tasks; give at least one of gray, color, mosaic, jpeg")
        for task, given in self.tasks.items():
            _check_task(f"tasks.{task}", task, given)
        require(
            self.stride is None or self.mode == "block",
            f"stride is {self.stride!r}, but only blocks have a stride; set mode to block, or leave stride out",
        )
        return self


def _check_task(where: str, task: str, given: Task) -> None:
    """Raise an error where a task has levels, or blind models, that it can't have, or lacks them."""
    kind = LEVEL_NAMES[task]
    require(
        given.blind is None or kind == "sigma", f"blind models know noise alone; remove `blind` from the task {task}"
    )
    cells: dict[str, Task | Variant] = {where: given}
    cells |= {f"{where}.variants.{name}": variant for name, variant in given.variants.items()}
    for place, cell in cells.items():
        if kind is None:
            require(not cell.levels, f"{place} has no levels, since mosaics have none; remove them")
        else:
            require(
                cell.levels or not cell.methods, f"{place} lacks levels ({kind}); give a list such as levels: [15, 25]"
            )
