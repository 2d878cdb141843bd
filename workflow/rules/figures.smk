# Draw figures of priors, restored images, learned parameters and trainings. Each has its own rule, for its own caption.


for figure, contents in FIGURES.items():

    rule:
        name:
            f"figure_{figure}"
        input:
            **figure_input(contents),
        output:
            png=report(
                f"{OUT}/figures/{figure}.png",
                caption=caption(figure, contents),
                category="Figures",
                labels={"figure": figure, "kind": contents["figure"]},
            ),
            pdf=f"{OUT}/figures/{figure}.pdf",
        log:
            f"{OUT}/logs/figures/{figure}.log",
        conda:
            ENVIRONMENT
        params:
            figure=contents["figure"],
            sources=lambda wildcards, contents=contents: figure_sources(contents),
            options=figure_options(contents),
            machine=unrecorded(**(DATA if "at" in contents else {})),
            code=code("figures.catalog"),
        shell:
            "python -m groupsc figure {params.figure:q} {params.sources:q} {params.options} "
            "{params.machine} --output {output.png:q} --output {output.pdf:q} &> {log:q}"
