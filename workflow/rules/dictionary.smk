# Initial dictionaries: experiments of one training set, patch size and number of atoms share one.


rule dictionary:
    input:
        manifest=lambda wildcards: f"{OUT}/data/{wildcards.dictionary.partition('-')[0]}.json",
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
        dataset=lambda wildcards: wildcards.dictionary.partition("-")[0],
        options=dictionary_options,
        code=code("dictionary"),
    shell:
        "python -m groupsc dictionary {params.dataset:q} {params.options} --output {output.weights:q} &> {log:q}"
