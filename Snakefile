# Finds the workflow in the root of the repository: workflow/Snakefile has all rules.
include: "workflow/Snakefile"


# The targets of included files are no default.
workflow.default_target = "all"
