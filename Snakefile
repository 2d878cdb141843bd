# Make every table and figure of the paper with `snakemake --cores all`. Each rule calls the command `groupsc` once.
from snakemake.utils import min_version

min_version("9.6")


# A grid given by --configfile replaces the grid of the paper; Snakemake would otherwise merge the tasks of both.
if not {"tasks", "base"} & set(config):

    configfile: "config/paper.yaml"


report: "workflow/report/workflow.rst"


# Built from Dockerfile; used only with `snakemake --software-deployment-method apptainer`.
container: "groupsc.sif"


include: "workflow/rules/common.smk"
include: "workflow/rules/shown.smk"
include: "workflow/rules/options.smk"
include: "workflow/rules/data.smk"
include: "workflow/rules/dictionary.smk"
include: "workflow/rules/train.smk"
include: "workflow/rules/evaluate.smk"
include: "workflow/rules/tables.smk"
include: "workflow/rules/figures.smk"
include: "workflow/rules/page.smk"


# On a cluster these rules run on the machine that runs Snakemake: they need the network or take only a moment.
localrules:
    all,
    fetch,
    train_all,
    experiment,
    curve,
    release,
    metrics,
    index,
    summary,


rule all:
    default_target: True
    input:
        TABLE_FILES,
        FIGURE_FILES,
        expand(f"{OUT}/curves/{{name}}.csv", name=EXPERIMENTS if TRAINED else []),
        f"{OUT}/metrics.json",
        f"{OUT}/summary.txt",
        f"{OUT}/tables/reproducibility.md",
        f"{OUT}/index.html",
        config["index"] or [],


# Printed before dry runs too.
if workflow.is_main_process:
    if not TRAINED:
        print(
            f"{len(RELEASED)} of the {len(EXPERIMENTS)} models of the grid are released; tables mark the others as not run.",
            file=sys.stderr,
        )
    for sentence in left_out():
        print(sentence, file=sys.stderr)


onerror:
    # A full disk has no room for a log with this message.
    if Path(OUT).exists() and shutil.disk_usage(OUT).free < 2**20:
        print(
            f"The disk of {OUT} is full (no space left on device); free some space and call the same command again."
        )
