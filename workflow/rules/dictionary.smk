# Initial dictionaries: experiments of one training set, patch size and number of atoms share one.


def learns(wildcards):
    """An experiment that starts from an initial dictionary."""
    return next(e for e in EXPERIMENTS.values() if e.dictionary == wildcards.dictionary)


def learned_from(wildcards):
    """The data set that an initial dictionary is learned from."""
    return learns(wildcards).training.dataset


def dictionary_options(wildcards):
    """Size of an initial dictionary."""
    model = learns(wildcards).model
    return options(channels=model.channels, patch_size=model.patch_size, n_atoms=model.n_atoms)


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
        machine=unrecorded(data_dir=config["data_dir"]),
        code=code("training.dictionary_learning", "data.datasets"),
    shell:
        "python -m groupsc dictionary {params.dataset:q} {params.options} {params.machine} "
        "--output {output.weights:q} &> {log:q}"
