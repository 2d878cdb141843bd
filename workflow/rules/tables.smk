# Make tables from per-image results and data/published.csv. The caption in the report depends on the wildcard.


rule table:
    input:
        rows=lambda wildcards: table_sources(wildcards.table),
        published=PUBLISHED,
    output:
        markdown=f"{OUT}/tables/{{table}}.md",
        csv=f"{OUT}/tables/{{table}}.csv",
        latex=f"{OUT}/tables/{{table}}.tex",
        html=report(
            f"{OUT}/tables/{{table}}.html",
            caption="../report/table.rst",
            category="Tables",
            labels={"table": "{table}"},
        ),
    log:
        f"{OUT}/logs/tables/{{table}}.log",
    localrule: True
    conda:
        ENVIRONMENT
    params:
        stem=lambda wildcards, output: output.markdown.removesuffix(".md"),
        options=table_options,
        code=lambda wildcards: code(
            {
                "table7": "paper.settings",
                "paired": "paper.paired",
                "overview": "paper.overview",
                "robustness": "paper.robustness",
            }.get(wildcards.table, "paper.tables")
        ),
    shell:
        "python -m groupsc table {wildcards.table:q} {input.rows:q} {params.options} --output {params.stem:q} &> {log:q}"


# Count the published numbers that are reproduced in the tables.
rule reproducibility:
    input:
        tables=[
            f"{OUT}/tables/{table}.csv"
            for table in config["tables"]
            if table not in ("table7", "overview", "robustness")
        ],
        weights=model_weights(),
    output:
        markdown=f"{OUT}/tables/reproducibility.md",
        csv=f"{OUT}/tables/reproducibility.csv",
        latex=f"{OUT}/tables/reproducibility.tex",
        html=report(
            f"{OUT}/tables/reproducibility.html",
            caption="../report/reproducibility.rst",
            category="Reproducibility",
            labels={"shows": "table of counts"},
        ),
        png=report(
            f"{OUT}/figures/reproducibility.png",
            caption="../report/reproducibility.rst",
            category="Reproducibility",
            labels={"shows": "chart of counts"},
        ),
        pdf=f"{OUT}/figures/reproducibility.pdf",
    log:
        f"{OUT}/logs/tables/reproducibility.log",
    conda:
        ENVIRONMENT
    params:
        stem=lambda wildcards, output: output.markdown.removesuffix(".md"),
        options=options(
            weights=model_weights(), chart=[f"{OUT}/figures/reproducibility.{ending}" for ending in ("png", "pdf")]
        ),
        code=code("paper.reproducibility", "figures.reproducibility"),
    shell:
        "python -m groupsc reproducibility {input.tables:q} {params.options} --output {params.stem:q} &> {log:q}"


rule metrics:
    input:
        rows=rows(),
    output:
        means=f"{OUT}/metrics.json",
    log:
        f"{OUT}/logs/metrics.log",
    localrule: True
    conda:
        ENVIRONMENT
    params:
        code=code("benchmark.averages"),
    shell:
        "python -m groupsc metrics {input.rows:q} --output {output.means:q} &> {log:q}"


# Write the versions and checksums that the tables depend on.
rule manifest:
    input:
        rows=rows(),
    output:
        manifest=f"{OUT}/manifest.json",
    log:
        f"{OUT}/logs/manifest.log",
    localrule: True
    conda:
        ENVIRONMENT
    params:
        repository=lambda wildcards, input: ROOT,
        code=code("pages.manifest"),
    shell:
        "python -m groupsc manifest {input.rows:q} --output {output.manifest:q} "
        '--commit "$(git -C {params.repository:q} rev-parse HEAD 2> /dev/null || true)" &> {log:q}'


# Write a page about the released weights: the training of each, and its difference from the paper.
rule index:
    input:
        rows=rows(),
        others=rows_of_other_releases(),
        pointers=list(RELEASED.values()),
        published=PUBLISHED,
    output:
        page=config["index"] or f"{OUT}/weights.md",
    log:
        f"{OUT}/logs/index.log",
    localrule: True
    conda:
        ENVIRONMENT
    params:
        code=code("pages.weights_index"),
    shell:
        "python -m groupsc weights index {input.rows:q} {input.others:q} --output {output.page:q} &> {log:q}"


# Write the summary of a run: the paths of the results, and the number of images behind each metric.
rule summary:
    input:
        rows=rows(),
        tables=TABLE_FILES,
        figures=FIGURE_FILES,
    output:
        text=f"{OUT}/summary.txt",
    log:
        f"{OUT}/logs/summary.log",
    localrule: True
    conda:
        ENVIRONMENT
    params:
        options=options(
            table=TABLE_FILES,
            figure=FIGURE_FILES,
            remark=left_out(),
        ),
        code=code("benchmark.averages"),
    shell:
        "python -m groupsc summary {input.rows:q} {params.options} --output {output.text:q} &> {log:q}"
