# Every table and figure of the paper: `snakemake --cores all`. The rules call the command `groupsc`, one call a rule.
from snakemake.utils import min_version

min_version("9.6")


# A grid given by --configfile replaces the paper's; merged, its list of tasks would only grow.
if "tasks" not in config:

    configfile: "config/paper.yaml"


report: "workflow/report/workflow.rst"


include: "workflow/rules/common.smk"
include: "workflow/rules/data.smk"
include: "workflow/rules/dictionary.smk"
include: "workflow/rules/train.smk"
include: "workflow/rules/evaluate.smk"
include: "workflow/rules/tables.smk"
include: "workflow/rules/figures.smk"
include: "workflow/rules/page.smk"


localrules:
    all,
    train_all,
    experiment,
    curve,
    release,


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


onstart:
    if not TRAINED:
        print(
            f"{len(RELEASED)} of the grid's {len(EXPERIMENTS)} models are released; tables mark the others as not run."
        )
    for name, reason in SKIPPED.items():
        print(f"{name} is left out: {reason}")
