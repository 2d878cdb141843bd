# Write one HTML page with all tables and figures, which opens without a server.
SHOWN_TABLES = [f"{OUT}/tables/{table}.html" for table in ["reproducibility", *config["tables"]]]
SHOWN_FIGURES = [f"{OUT}/figures/{figure}.png" for figure in ["reproducibility", *FIGURES]]


rule page:
    input:
        rows=rows(),
        tables=SHOWN_TABLES,
        figures=SHOWN_FIGURES,
        captions=CAPTIONS.values(),
        weights=model_weights(),
        pictures=sorted({f"{OUT}/pictures/{name}/{dataset}" for name, dataset, _ in all_pictures()}),
        templates=[near(PACKAGE / f"paper/templates/report.{ending}") for ending in ("html", "css", "js")],
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
        ),
        code=code("paper.report"),
    shell:
        "python -m groupsc report {input.rows:q} {params.options} --output {output.page:q} &> {log:q}"
