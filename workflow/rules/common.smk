# Definitions that all rules use: the checked configuration, the experiments of its grid, and the paths of files.
import dataclasses
import os
import shlex
import shutil
from functools import cache

import yaml
from snakemake.exceptions import WorkflowError
from snakemake.utils import validate

# Progress bars are written to log files, which do not need ten lines per second.
os.environ.setdefault("TQDM_MININTERVAL", "10")

import code_digest

import groupsc
from groupsc import baselines
from groupsc.baselines.own import OwnMethod
from groupsc.benchmark import grid as shared_grid
from groupsc.benchmark.cached_results import cached_results_of, unsuited
from groupsc.benchmark.grid import dataset_and_stride
from groupsc.benchmark.configuration_checks import TABLES, check as check_names
from groupsc.data.configured import data_dir_of, image_names, images_of
from groupsc.data.manifests import data_state
from groupsc.utils.digests import file_digest
from groupsc.utils.errors import GroupSCError
from groupsc.utils.resources import data_file, data_places
from groupsc.config.experiments import experiments, stress_measurements
from groupsc.config.files import complete_grid, default_output

# Modules that the digests of code omit: the rules depend on their results, the settings of experiments and the manifests
# of data sets. The list of baselines is included, so that an edited baseline reruns only its own evaluations
# (`evaluation_code`).
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
    """Return the configuration with its defaults; raise an error that names a wrong or unknown key."""
    try:
        found = complete_grid(config)
    except GroupSCError as error:
        raise WorkflowError(f"{error}. config/README.md explains every key.") from None
    # The defaults are set already; Snakemake would also add them to mappings that change only some keys.
    validate(found, "../schemas/config.schema.yaml", set_default=False)
    return found


def grid(config):
    """Return the experiments of the configuration, by name."""
    try:
        found = experiments(config)
        check_names(config, found)
    except GroupSCError as error:
        raise WorkflowError(f"{error}. config/README.md explains every key.") from None
    return found


def options(**values):
    """Return command-line options.

    `images=2, name=["a", "b"], level=None` gives `--images 2 --name a --name b`; `guard=True` gives `--guard`, and False
    nothing.
    """
    lists = {key: value if isinstance(value, list) else [value] for key, value in values.items()}
    return " ".join(
        f"--{key.replace('_', '-')}" + ("" if value is True else f" {shlex.quote(str(value))}")
        for key, found in lists.items()
        for value in found
        if value is not None and value is not False
    )


def unrecorded(**values):
    """Return a function that gives options which change no result.

    Snakemake does not record a parameter whose function takes `input`, so that a change of its value reruns nothing.
    """
    return lambda wildcards, input: options(**values)


@cache
def code(*modules):
    """Return the digest of the code of modules of the library and of their imports."""
    try:
        return "".join(code_digest.digest(PACKAGE.parent, f"groupsc.{module}", UNCOUNTED) for module in modules)
    except LookupError as error:
        raise WorkflowError(str(error)) from None


# The folder of the package that the rules call.
PACKAGE = Path(groupsc.__file__).resolve().parent
# A module gets the dictionary of another workflow, which stays as it is.
config = {**config, "base": locate(config.get("base"))}
if workflow.configfiles:
    config.setdefault("output", default_output(workflow.configfiles[0]))
config = checked(config)
config["cached_results"] = locate(config["cached_results"])
EXPERIMENTS = grid(config)
OUT = config["output"]
# Folder of the files that list the fetched images. All grids share it, because they share the images.
MANIFESTS = "results/data"
# Folders of own images, by the names of their data sets. Another grid may give a name to another folder.
OWN_SETS = {name: given["path"] for name, given in config["datasets"].items()}
OWN_MANIFESTS = f"{OUT}/data"
# Options for the places of the data sets.
DATA = {"data_dir": config["data_dir"], "folder": [f"{name}={path}" for name, path in OWN_SETS.items()] or None}
TRAINED = config["weights"] == "trained"
# An environment variable and not an option: the address may contain a token, and logs and reports contain the commands.
if config["mirror"]:
    os.environ.update(GROUPSC_MIRROR=config["mirror"])
# Models that DVC tracks in data/weights, by the file that points to them; RELEASED has those of the grid.
POINTERS = {
    path.name.removesuffix(".safetensors.dvc"): Path(relative(path))
    for folder in reversed(data_places())
    for path in sorted((folder / "weights").glob("*.safetensors.dvc"))
}
RELEASED = {name: POINTERS[name] for name in EXPERIMENTS if name in POINTERS}
PUBLISHED = relative(data_file("published.csv"))
# {name: (method, task, level)} of the baselines to measure.
WANTED = shared_grid.baselines_of(config)
# {name: reason} of baselines that do not support the task and level, or can't run on this machine.
UNSUITED = {name: reason for name, wanted in WANTED.items() if (reason := unsuited(*wanted))}
# {name: (experiment, task, level)} of the evaluations; a blind model has one for each level.
EVALUATIONS = shared_grid.evaluations(config, EXPERIMENTS)
# The table `paired` compares all methods with one; the others are those of the paper.
TABLE_NAMES = [*config["tables"], *(["paired"] if config["tables"] and config["compare_with"] else [])]
TABLE_FILES = [f"{OUT}/tables/{table}.md" for table in TABLE_NAMES]
# The environment of every rule with `--software-deployment-method conda`.
ENVIRONMENT = str(ROOT / "environment.yml")
# Rules that can use a GPU request one only if the machine has one, so that they run in parallel on a machine without.
GPU = int(
    config["device"].startswith("cuda") or (config["device"] == "auto" and shutil.which("nvidia-smi") is not None)
)


def experiment_of(name):
    """Return an experiment of the grid by its name."""
    if name not in EXPERIMENTS:
        raise WorkflowError(f"The grid has no experiment {name!r}; it has {', '.join(EXPERIMENTS)}.")
    return EXPERIMENTS[name]


def manifest(dataset, images=None):
    """Return the file that lists the first `images` fetched images of a data set, or all images.

    Each number of images has its own file, so that another number of test images retrains nothing.
    """
    folder = OWN_MANIFESTS if dataset in OWN_SETS else MANIFESTS
    return f"{folder}/{dataset}/{'all' if images is None else f'first{images}'}.json"


def manifest_of_test_set(dataset):
    """Return the manifest of a test set for the number of images that the key `images` gives."""
    return manifest(dataset, images_of(config, dataset))


def trained_weights(name):
    """Return the weights file of a training."""
    return f"{OUT}/training/{name}/weights.safetensors"


def weights_of(name):
    """Return the weights that an evaluation reads: trained or released, by the key `weights`."""
    return trained_weights(name) if TRAINED else f"{OUT}/weights/{name}.safetensors"


def evaluated():
    """Return the experiments whose models are released or will be trained."""
    return [e for e in EXPERIMENTS.values() if TRAINED or e.name in RELEASED]


def model_weights():
    """Return the weights of the experiments whose models are released or will be trained."""
    return [weights_of(experiment.name) for experiment in evaluated()]


def evaluations():
    """Return the part of `EVALUATIONS` whose models are released or will be trained."""
    models = {e.name for e in evaluated()}
    return {name: found for name, found in EVALUATIONS.items() if found[0].name in models}


def rows():
    """Return the files of per-image results of all models and baselines."""
    names = [(name, task) for name, (_, task, _) in evaluations().items()]
    names += [(name, task) for name, (_, task, _) in BASELINES.items()]
    return [f"{OUT}/rows/{name}/{dataset}.csv" for name, task in names for dataset in datasets_of(name, task)]


def block_rows():
    """Return the files of per-image results of blocks at several strides, for Tables 1 and 12."""
    measured = evaluations()
    blocks = [
        (name, f"{dataset}-stride{stride}") for name, dataset, stride in shared_grid.block_places(config, EXPERIMENTS)
    ]
    return [
        f"{OUT}/rows/{name}/{stem}.csv" for name, stem in blocks if name in measured and (name, stem) not in LEFT_OUT
    ]


def table_sources(table):
    """Return the files that a table is made from: per-image results, or weights for the table of settings."""
    if table == "table7":
        return model_weights()
    if table == "robustness":
        return stress_rows()
    return rows() + (block_rows() if table in ("table1", "table12") else [])


def datasets_of(name, task):
    """Return the test sets of an evaluation: those of its variant, or those of its task."""
    sets = shared_grid.sets_of(config, task, EVALUATIONS[name][0].variant if name in EVALUATIONS else None)
    return [dataset for dataset in sets if (name, dataset) not in LEFT_OUT]


wildcard_constraints:
    name="[a-z0-9.-]+",
    # The results on the stress set are made by a rule of their own.
    dataset=r"(?!stress(?:\.csv|\.log|\.tsv)?$)[A-Za-z0-9-]+",
    dictionary="[A-Za-z0-9-]+",
    images="all|first[0-9]+",
    table="|".join([*TABLES, "paired"]),
