"""Define the keys of a configuration file, with their defaults, ranges and explanations.

`groupsc.config.files.complete_grid` checks a configuration with these classes. `groupsc.config.reference` makes the
JSON schema of the workflow and the tables of keys in config/README.md from them.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Annotated, ClassVar, Self

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
    Truth,
    Unique,
    as_key,
    as_text,
)  # fmt: skip

VARIANT = r"[a-z0-9]+(-[a-z0-9]+)?"
RESERVED = r"blind|guarded|known|(trained|sigma|quality)\d*"
"""Parts that a name of a variant can't have, since results of other models have them: `gray-sc-trained25-sigma50`."""


def reserved_part(name: str) -> str | None:
    """Return the part of a variant's name that results of other models have; None if there is none.

    Examples
    --------
    >>> reserved_part("robust-trained25"), reserved_part("robust")
    ('trained25', None)
    """
    return next((part for part in name.split("-") if re.fullmatch(RESERVED, part)), None)


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
"""Keys of a model that a configuration can't change, with the hint of the error."""

if TYPE_CHECKING:  # The keys are those of the settings, which are known at run time only.
    ModelChanges = Partial
    TrainingChanges = Partial
    Changes = Partial
    ChangeLists = Partial
else:
    ModelChanges = changes("ModelChanges", ModelConfig, without=_FIXED)
    TrainingChanges = changes("TrainingChanges", TrainingConfig)
    Changes = changes("Changes", ModelConfig, TrainingConfig, without=_FIXED)
    ChangeLists = changes("ChangeLists", ModelConfig, TrainingConfig, lists=True, without=_FIXED)


class Variant(Part):
    """Models that differ from the task's; with `product` or `also`, one variant for each set of values."""

    methods: Annotated[Unique[MethodName], Field(min_length=1)]
    """Methods, as for the task."""
    levels: Unique[Positive] = Field(default=[])
    """Levels, as for the task; mosaics have none."""
    blind: Truth = False
    """Whether the variant also has models of all noise levels at once, as in `gray-sc-robust-blind`. They are evaluated
    at `levels`."""
    datasets: OrNull[Unique[DataSet]] = None
    """Test sets; null uses those of the task."""
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
    """Methods, as for the task."""
    levels: Annotated[Unique[Positive], Field(min_length=1)]
    """Noise levels at which the models are evaluated."""
    kinds: Annotated[Unique[Annotated[str, Choice(BLIND)]], Field(min_length=1)] = Field(default=[DEFAULT_BLIND])
    """Kinds of thresholds: `affine` in σ, a `bank` with one set per level, `scalar` with one number per level."""


class Task(Part):
    """The grid of a task: every method at every level, evaluated on every test set."""

    methods: Unique[MethodName] = Field(default=[])
    """`sc` (ℓ1), `csr` (centralised), `groupsc` (relaxed group Lasso)."""
    levels: Unique[Positive] = Field(default=[])
    """Noise σ in gray levels of 255 for `gray` and `color`, quality factors for `jpeg`; `mosaic` has none. To
    add a level, add its number."""
    datasets: Unique[DataSet] = Field(default=[])
    """Test sets: names from `data/registry.csv`, `Bundled` or `Bundled-crop`, or names in the key `datasets` of the
    configuration."""
    blind: Blind | None = None
    """Models of all noise levels at once, for `gray` and `color`."""
    variants: dict[VariantName, Variant] = Field(default={})
    """Models that differ from the task's, by name, as in `refresh12: {methods: [groupsc], levels: [15], model:
    {similarity_interval: 12}}`, which makes `gray-groupsc-refresh12-sigma15`."""
    baselines: Unique[Text] = Field(default=[])
    """Baselines to measure on the same degraded images, at `levels`: names from `groupsc methods`, as in `[bm3d,
    dncnn]`, and `input`, the degraded images themselves. A baseline is left out if it doesn't support the task, or if
    it has no cached results and can't run on this machine, for example without its package (`pip install
    'groupsc[peers]'`). The reason is printed before every run and dry run, and in the summary."""
    model: ModelChanges = ModelChanges()
    """Differences from the paper's model, for this task only; they replace those in `model` of the configuration."""
    training: TrainingChanges = TrainingChanges()
    """Differences from the budget, for this task only; they replace those in `training` of the configuration."""


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
    """Strides of the blocks, in pixels. The side of a block is that of the training crops, or the stride if that is
    larger, at most 56."""
    datasets: Unique[DataSet] = Field(default=["BSD68"])
    """Test sets."""


class Stress(Part):
    """Denoisers that are also measured on the stress set, pictures unlike photographs: table `robustness`."""

    methods: Unique[Text] = Field(default=[])
    """Models of the grid, by method and variant, as in `[sc, groupsc, sc-robust]`. Each is measured with and without
    the guard of `groupsc denoise`."""
    baselines: Unique[Text] = Field(default=[])
    """Baselines, as for a task; `input` is the noisy picture."""
    levels: Unique[Positive] = Field(default=[5, 25])
    """Noise levels σ in gray levels of 255, for the tasks `gray` and `color` of the grid."""
    repetitions: Count = 3
    """Noise realisations per picture."""


class OwnDataSet(Part):
    """A folder of own images."""

    path: Text
    """Folder with the images, subfolders included, as in `mine: {path: /home/me/photos}`. It is read where it is:
    nothing is copied. Its name stands wherever the name of a data set is allowed."""


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
    """The contents of a figure."""

    figure: Text = LEFT_OUT
    """Kind of the figure; by default, the name of the file."""
    experiment: Text = LEFT_OUT
    """Experiment whose weights are shown."""
    experiments: Annotated[list[Text], Field(min_length=1)] = LEFT_OUT
    """Experiments whose weights are shown; those whose weights are missing are left out."""
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
    """A grid of experiments with its tables and figures."""

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
    """Tables to make, `table1` to `table13` of the paper, `overview` of all measurements, and `robustness` of the key
    `stress`, as in `tables: [table4, overview]`. The tables of a task also show own variants and own methods. The
    workflow always makes `reproducibility` too: a count of the reproduced numbers of the paper, as a table and a
    chart."""
    compare_with: OrNull[Text] = "sc"
    """Method that all others are compared with image by image, in the table `paired` and in figures of this kind: a
    method of the grid or a baseline. Null omits the table."""
    figures: dict[FigureName, Figure | None] = Field(default={})
    """Figures to make, by the name of their file."""
    blocks: Blocks = Blocks()
    """Experiments that are also evaluated block by block, for Tables 1 and 12."""
    stress: Stress = Stress()
    """Denoisers that are also measured on the stress set, for the table `robustness`."""
    index: OrNull[Folder] = None
    """Page to write about the released weights, as in `index: data/weights/README.md`."""
    images: OrNull[Images] = None
    """Number of images of every test set (`images: 2`) or of some (`images: {Urban100: 10}`). Only the first images are
    fetched and measured. The tables give the number of images behind each value. Null uses all images."""
    cached_results: OrNull[Text] = None
    """Folder of per-image results of earlier evaluations, such as `data/measured`. Results of the same weights and the
    same protocol are used instead of a new measurement, with their recorded device and code version, also for images
    beyond the first `images`. Images that a figure shows are restored again, but only to draw them. An evaluation with
    complete results needs no images, and a baseline neither its package nor its weights. Results of own images count
    only for images that are older than the file, and their images are needed. Null measures everything again."""
    repetitions: Count = 1
    """Noise realisations per image; with more than one the tables show the spread."""
    mode: Annotated[str, Choice(("whole", "block"))] = "whole"
    """`whole` restores whole images, `block` restores overlapping blocks as the paper does."""
    stride: OrNull[Count] = None
    """Stride of the blocks in pixels, for `mode: block` only; null uses the window of the model."""
    model: ModelChanges = ModelChanges()
    """Differences from the paper's model in every experiment, as in `{n_iterations: 12}`. With `weights: released`,
    the released models must have the values of this key and of `model` of tasks and variants; keys `training` have no
    effect then."""
    training: TrainingChanges = TrainingChanges()
    """Differences from the budget in every experiment, as in `{seed: 1}`."""
    device: Device = "auto"
    """Device of trainings and evaluations; `auto` uses a GPU if the machine has one."""
    threads: Threads = Threads()
    """CPU threads of one training and of one evaluation; `--cores` limits the number of parallel jobs."""
    output: Folder = "results"
    """Folder of all results; by default, `results/<name of the configuration file>`. Git tracks `results/release`
    only."""
    datasets: dict[DataSet, OwnDataSet] = Field(default={})
    """Folders of own images that are used as data sets, by name, as in `datasets: {mine: {path: photos}}`. An edited
    image reruns what depends on the folder."""
    data_dir: Text = "data/raw"
    """Folder of the data sets."""
    mirror: OrNull[Text] = None
    """Folder or address that holds the files of `data/registry.csv` as `<repo>/<commit>/<path>`; null uses the
    environment variable `GROUPSC_MIRROR`, or the public addresses without it. Write an address with a password into
    `GROUPSC_MIRROR`, not here."""
    base: OrNull[Text] = None
    """Another configuration file, such as `config/release.yaml`, from which missing keys are taken. A key that is given
    replaces the whole key of that file."""

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
    """Raise an error if a task has levels or blind models that it does not support, or lacks levels."""
    kind = LEVEL_NAMES[task]
    cells: dict[str, Task | Variant] = {where: given}
    for name, variant in given.variants.items():
        cells[f"{where}.variants.{name}"] = variant
        part = reserved_part(name)
        require(
            part is None,
            f"{where}.variants.{name} has the part {part!r}, which results of other models have in their names; choose "
            "another name",
        )
    for place, cell in cells.items():
        require(not cell.blind or kind == "sigma", f"blind models are for noise only; remove `blind` from {place}")
        if kind is None:
            require(not cell.levels, f"{place} has no levels, since mosaics have none; remove them")
        else:
            require(
                cell.levels or not cell.methods, f"{place} lacks levels ({kind}); give a list such as levels: [15, 25]"
            )
            for level in cell.levels or ():
                possible = level <= 255 if kind == "sigma" else level in range(1, 101)
                hint = "σ is at most 255" if kind == "sigma" else "a quality is a whole number from 1 to 100"
                require(possible, f"{place}.levels contains {level:g}; {hint}")
