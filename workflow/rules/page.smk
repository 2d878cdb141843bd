# One page with all of it, which opens from disk.
rule page:
    input:
        rows=rows(),
        tables=[f"{OUT}/tables/{table}.html" for table in ["reproducibility", *config["tables"]]],
        figures=[f"{OUT}/figures/{figure}.png" for figure in ["reproducibility", *FIGURES]],
        captions=CAPTIONS.values(),
        weights=model_weights(),
        pictures=sorted({f"{OUT}/pictures/{name}/{dataset}" for name, dataset, _ in all_pictures()}),
        templates=[
            os.path.relpath(ROOT / f"groupsc/paper/templates/report.{ending}") for ending in ("html", "css", "js")
        ],
    output:
        page=report(f"{OUT}/index.html", caption="../report/page.rst", category="Reproducibility"),
    log:
        f"{OUT}/logs/page.log",
    conda:
        ENVIRONMENT
    params:
        options=lambda wildcards, input: options(
            table=list(input.tables),
            figure=list(input.figures),
            caption=[f"{name}={path}" for name, path in CAPTIONS.items()],
            pictures=f"{OUT}/pictures",
            weights=list(input.weights),
        ),
        code=code("paper.report"),
    shell:
        "python -m groupsc report {input.rows:q} {params.options} --output {output.page:q} &> {log:q}"
