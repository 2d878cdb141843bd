# Write one HTML page with all tables and figures, which opens without a server.
SHOWN_TABLES = [f"{OUT}/tables/{table}.html" for table in ["reproducibility", *TABLE_NAMES]]
SHOWN_FIGURES = [f"{OUT}/figures/{figure}.png" for figure in ["reproducibility", *FIGURES]]


# Estimate what the grid costs, for the page.
rule plan:
    output:
        json=f"{OUT}/plan.json",
    log:
        f"{OUT}/logs/plan.log",
    localrule: True
    conda:
        ENVIRONMENT
    params:
        settings=lambda wildcards: yaml.safe_dump(planned_grid(), sort_keys=False),
        code=code("benchmark.cost.plan"),
    shell:
        "(printf %s {params.settings:q} > {output.json:q}.yaml; "
        "python -m groupsc plan --configfile {output.json:q}.yaml --results {output.json:q}.none "
        "--data-dir {output.json:q}.none --gpus 1 --json > {output.json:q}.partial; "
        "rm {output.json:q}.yaml; mv {output.json:q}.partial {output.json:q}) 2> {log:q}"


rule page:
    input:
        rows=rows(),
        tables=SHOWN_TABLES,
        figures=SHOWN_FIGURES,
        plan=f"{OUT}/plan.json",
        captions=CAPTIONS.values(),
        weights=model_weights(),
        pictures=sorted({f"{OUT}/pictures/{name}/{dataset}" for name, dataset, _ in all_pictures()}),
        templates=[relative(PACKAGE / f"pages/templates/report.{ending}") for ending in ("html", "css", "js")],
    output:
        page=report(
            f"{OUT}/index.html",
            caption="../report/page.rst",
            category="Reproducibility",
            labels={"shows": "all results"},
        ),
    log:
        f"{OUT}/logs/page.log",
    conda:
        ENVIRONMENT
    params:
        options=options(
            table=SHOWN_TABLES,
            figure=SHOWN_FIGURES,
            caption=[f"{name}={path}" for name, path in CAPTIONS.items()],
            pictures=f"{OUT}/pictures",
            weights=model_weights(),
            plan=f"{OUT}/plan.json",
        ),
        code=code("pages.report"),
    shell:
        "python -m groupsc report {input.rows:q} {params.options} --output {output.page:q} &> {log:q}"
