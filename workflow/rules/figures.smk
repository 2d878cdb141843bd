# Draw figures of priors, restored images, learned parameters and trainings. Each has its own rule, for its own caption.


for figure, given in FIGURES.items():

    rule:
        name:
            f"figure_{figure}"
        input:
            **figure_input(given),
        output:
            png=report(
                f"{OUT}/figures/{figure}.png",
                caption=caption(figure, given),
                category="Figures",
                labels={"figure": figure, "kind": given["figure"]},
            ),
            pdf=f"{OUT}/figures/{figure}.pdf",
        log:
            f"{OUT}/logs/figures/{figure}.log",
        conda:
            ENVIRONMENT
        params:
            figure=given["figure"],
            sources=lambda wildcards, given=given: figure_sources(given),
            options=figure_options(given),
            machine=unrecorded(**(DATA if "at" in given else {})),
            code=code("figures.catalog"),
        shell:
            "python -m groupsc figure {params.figure:q} {params.sources:q} {params.options} "
            "{params.machine} --output {output.png:q} --output {output.pdf:q} &> {log:q}"
