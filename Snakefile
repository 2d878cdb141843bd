# Every table and figure of the paper: `snakemake --cores all`. The rules call the command `groupsc`, one call a rule.
from snakemake.utils import min_version

min_version("9.6")


# A grid given by --configfile replaces the paper's; merged, its list of tasks would only grow.
if not {"tasks", "base"} & set(config):

    configfile: "config/paper.yaml"


report: "workflow/report/workflow.rst"


# Made from Dockerfile; only `snakemake --software-deployment-method apptainer` runs the rules in it.
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


# On a cluster these run where Snakemake does: they need the network, or no more than a moment.
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


# Said before dry runs too.
if workflow.is_main_process:
    if not TRAINED:
        print(
            f"{len(RELEASED)} of the grid's {len(EXPERIMENTS)} models are released; tables mark the others as not run.",
            file=sys.stderr,
        )
    for sentence in left_out():
        print(sentence, file=sys.stderr)


onerror:
    # A full disk holds no log that could say so.
    if Path(OUT).exists() and shutil.disk_usage(OUT).free < 2**20:
        print(
            f"The disk that holds {OUT} is full (no space left on device); free some space and call the same command again."
        )
