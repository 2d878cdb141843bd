# Learn initial dictionaries. Experiments with the same training set, patch size and number of atoms share one.


rule dictionary:
    input:
        manifest=lambda wildcards: manifest(learned_from(wildcards)),
    output:
        weights=f"{OUT}/dictionaries/{{dictionary}}.safetensors",
    log:
        f"{OUT}/logs/dictionary/{{dictionary}}.log",
    benchmark:
        f"{OUT}/logs/dictionary/{{dictionary}}.tsv"
    conda:
        ENVIRONMENT
    threads: config["threads"]["train"]
    params:
        dataset=learned_from,
        options=dictionary_options,
        machine=unrecorded(**DATA),
        code=code("training.dictionary_learning", "data.datasets"),
    shell:
        "python -m groupsc dictionary {params.dataset:q} {params.options} {params.machine} "
        "--output {output.weights:q} &> {log:q}"
