# What the rules share: the checked configuration, the grid it spans, and where things are.
import dataclasses
import os
import shlex
import shutil
import sys
from functools import cache
from pathlib import Path

import yaml
from snakemake.exceptions import WorkflowError
from snakemake.utils import validate

# The package of this checkout, and the interpreter that runs Snakemake, also where no environment was activated.
ROOT = Path(workflow.basedir)
sys.path[:0] = [str(ROOT), str(ROOT / "workflow")]
os.environ.update(PATH=os.pathsep.join([str(Path(sys.executable).parent), *os.get_exec_path()]))
# Progress bars go to log files, where ten lines a second are of no use.
os.environ.setdefault("TQDM_MININTERVAL", "10")

import code_digest

from groupsc import baselines
from groupsc.benchmark import grid as shared_grid
from groupsc.benchmark.earlier import taken_over
from groupsc.benchmark.names import check as check_names
from groupsc.config.definitions import experiment_name
from groupsc.data.datasets import data_digest
from groupsc.utils.errors import GroupSCError
from groupsc.config.experiments import experiments
from groupsc.config.files import complete_grid, default_output

# Modules outside the digests of code: what they do reaches the rules as settings of experiments and manifests of data sets.
# The list of baselines is one of them too: an edited baseline changes its own rows alone (`evaluation_code`).
UNCOUNTED = frozenset(
    f"groupsc{name}"
    for name in (
        "",
        ".baselines",
        ".config.checks",
        ".config.definitions",
        ".config.messages",
        ".config.parts",
        ".config.recipes",
        ".config.values",
        ".data.downloads",
        ".utils.errors",
        ".utils.resources",
        ".utils.version",
    )
)


def checked(config):
    """The configuration with its defaults; a wrong or unknown key ends in one sentence that names it."""
    try:
        found = complete_grid(config)
    except GroupSCError as error:
        raise WorkflowError(f"{error}. config/README.md explains every key.") from None
    # The defaults are in place; Snakemake would also write them into mappings of a few changes.
    validate(found, "../schemas/config.schema.yaml", set_default=False)
    return found


def grid(config):
    """The experiments of the configuration, by name."""
    try:
        found = experiments(config)
        check_names(config, found)
    except GroupSCError as error:
        raise WorkflowError(f"{error}. config/README.md explains every key.") from None
    if config["weights"] == "trained":
        for experiment in found.values():
            check_start(experiment, found)
    return found


def check_start(experiment, found):
    """Raise an error when an experiment starts from one that is not in the grid, from itself, or from one of another size."""
    if experiment.init_from is None:
        return
    told = f"{experiment.name} starts from {experiment.init_from}"
    hint = "or set training.init_from to null."
    if experiment.init_from not in found:
        task = experiment.init_from.partition("-")[0]
        raise WorkflowError(f"{told}, which the grid lacks; add that experiment to tasks.{task}, {hint}")
    if experiment.init_from == experiment.name:
        raise WorkflowError(f"{told}, itself; choose another start, {hint}")
    sizes = [(model.dimension, model.n_atoms) for model in (experiment.model, found[experiment.init_from].model)]
    if sizes[0] != sizes[1]:
        raise WorkflowError(f"{told}, whose dictionary has another size; choose a start of its size, {hint}")


def wanted_baselines(config):
    """{name: (method, task, level)} of the baselines in the configuration."""
    known = ["input", *baselines.methods()]
    for task, grid in config["tasks"].items():
        unknown = [method for method in grid["baselines"] if method not in known]
        if unknown:
            raise WorkflowError(
                f"In tasks.{task}.baselines: there is no method {unknown[0]!r}; choose among {', '.join(known)}."
            )
    return {
        experiment_name(task, method, level): (method, task, level)
        for task, grid in config["tasks"].items()
        for method in grid["baselines"]
        for level in grid.get("levels") or [None]
    }


def unsuited(method, task, level):
    """Why a baseline can't be measured, whatever is fetched; None where it can."""
    return None if method == "input" else baselines.method(method).unsuited(task, level)


def options(**values):
    """A command line's options: `images=2, name=["a", "b"], level=None` gives `--images 2 --name a --name b`."""
    lists = {key: value if isinstance(value, list) else [value] for key, value in values.items() if value is not None}
    return " ".join(
        f"--{key.replace('_', '-')} {shlex.quote(str(value))}" for key, found in lists.items() for value in found
    )


def unrecorded(**values):
    """Options of a command that change no result. Snakemake records no parameter whose function names `input`, so that
    another value of theirs reruns nothing."""
    return lambda wildcards, input: options(**values)


@cache
def code(*modules):
    """Digest of the code behind modules of the library."""
    try:
        return "".join(code_digest.digest(ROOT, f"groupsc.{module}", UNCOUNTED) for module in modules)
    except LookupError as error:
        raise WorkflowError(str(error)) from None


if workflow.configfiles:
    config.setdefault("output", default_output(workflow.configfiles[0]))
config = checked(config)
EXPERIMENTS = grid(config)
OUT = config["output"]
# What says which images were fetched; the images serve all grids, and so does this.
MANIFESTS = "results/data"
TRAINED = config["weights"] == "trained"
# Not an option of the command: its address may hold a token, and commands are shown in logs and reports.
if config["mirror"]:
    os.environ.update(GROUPSC_MIRROR=config["mirror"])
# Models that DVC tracks in data/weights, by the file that points to them.
RELEASED = {
    name: pointer for name in EXPERIMENTS if (pointer := Path("data/weights", f"{name}.safetensors.dvc")).exists()
}
# {name: (method, task, level)} of the baselines to measure.
BASELINES = wanted_baselines(config)
# {name: reason} of those that can't do the task, or not on this machine.
UNSUITED = {name: reason for name, wanted in BASELINES.items() if (reason := unsuited(*wanted))}
# {(name, data set): whether all that is asked was measured before}; then nothing is needed but the file of rows.
TAKEN_OVER = {
    (name, dataset): taken_over(config, method, dataset, task, level)
    for name, (method, task, level) in BASELINES.items()
    for dataset in shared_grid.sets_of(config, task)
}
# What can be neither measured nor taken over is left out of the plan.
LEFT_OUT = [place for place, taken in TAKEN_OVER.items() if place[0] in UNSUITED and not taken]
BASELINES = {
    name: wanted
    for name, wanted in BASELINES.items()
    if any(place[0] == name and place not in LEFT_OUT for place in TAKEN_OVER)
}
# {name: (experiment, task, level)} of what is evaluated; a blind model at several levels.
EVALUATIONS = shared_grid.evaluations(config, EXPERIMENTS)
TABLE_FILES = [f"{OUT}/tables/{table}.md" for table in config["tables"]]
# The working environment of every rule, where Snakemake is called with `--software-deployment-method conda`.
ENVIRONMENT = str(ROOT / "environment.yml")
# Rules that may use a GPU ask for one where there is one, so that they run side by side on a machine without.
GPU = int(
    config["device"].startswith("cuda") or (config["device"] == "auto" and shutil.which("nvidia-smi") is not None)
)


def experiment_of(name):
    """An experiment of the grid by its name."""
    if name not in EXPERIMENTS:
        raise WorkflowError(f"The grid has no experiment {name!r}; it has {', '.join(EXPERIMENTS)}.")
    return EXPERIMENTS[name]


def manifest(dataset, images=None):
    """The file that says that the first so many images of a data set, or all, were fetched; each number has its own, so
    that another number of test images retrains nothing."""
    return f"{MANIFESTS}/{dataset}/{'all' if images is None else f'first{images}'}.json"


def manifest_of_test_set(dataset):
    """That of the images which the key `images` leaves of it."""
    return manifest(dataset, shared_grid.images_of(config, dataset))


def trained_weights(name):
    return f"{OUT}/training/{name}/weights.safetensors"


def weights_of(name):
    """What an evaluation reads, as the key `weights` chooses."""
    return trained_weights(name) if TRAINED else f"{OUT}/weights/{name}.safetensors"


def evaluated():
    """The experiments whose models are released or will be trained."""
    return [e for e in EXPERIMENTS.values() if TRAINED or e.name in RELEASED]


def model_weights():
    """The weights of all of them."""
    return [weights_of(experiment.name) for experiment in evaluated()]


def evaluations():
    """The part of `EVALUATIONS` whose models are released or will be trained."""
    models = {e.name for e in evaluated()}
    return {name: found for name, found in EVALUATIONS.items() if found[0].name in models}


def rows():
    """The files of rows of everything to measure."""
    names = [(name, task) for name, (_, task, _) in evaluations().items()]
    names += [(name, task) for name, (_, task, _) in BASELINES.items()]
    return [f"{OUT}/rows/{name}/{dataset}.csv" for name, task in names for dataset in datasets_of(name, task)]


def block_rows():
    """The files of rows of blocks at several strides, for the tables that compare them."""
    measured = evaluations()
    places = [place for place in shared_grid.block_places(config, EXPERIMENTS) if place[0] in measured]
    return [f"{OUT}/rows/{name}/{dataset}-stride{stride}.csv" for name, dataset, stride in places]


def table_sources(table):
    """What a table is made from: rows, or for the table of settings the weights themselves."""
    if table == "table7":
        return model_weights()
    return rows() + (block_rows() if table in ("table1", "table12") else [])


def dataset_and_stride(place):
    """What a file of rows is about: `BSD68-stride24` gives BSD68 and 24, `BSD68` no stride."""
    dataset, _, stride = place.partition("-stride")
    return dataset, int(stride) if stride else None


def datasets_of(name, task):
    """The test sets of an evaluation: its variant's own, or its task's."""
    sets = shared_grid.sets_of(config, task, EVALUATIONS[name][0].variant if name in EVALUATIONS else None)
    return [dataset for dataset in sets if (name, dataset) not in LEFT_OUT]


def left_out():
    """What is left out of the plan, one sentence a reason."""
    found = {}
    for name, dataset in LEFT_OUT:
        found.setdefault(UNSUITED[name], {}).setdefault(name, []).append(dataset)
    sentences = []
    for reason, places in found.items():
        names = [f"{name} on {', '.join(sets)}" if name in BASELINES else name for name, sets in places.items()]
        sentences.append(f"{', '.join(names)} {'is' if len(names) == 1 else 'are'} left out: {reason}")
    return sentences


wildcard_constraints:
    name="[a-z0-9.-]+",
    dataset="[A-Za-z0-9-]+",
    dictionary="[A-Za-z0-9-]+",
    images="all|first[0-9]+",
