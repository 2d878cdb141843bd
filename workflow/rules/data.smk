# Data sets: downloaded and verified. The output is a manifest; the folders themselves belong to DVC.


rule fetch:
    output:
        manifest=f"{OUT}/data/{{dataset}}.json",
    log:
        f"{OUT}/logs/fetch/{{dataset}}.log",
    conda:
        ENVIRONMENT
    params:
        options=lambda wildcards: options(data_dir=config["data_dir"], images=images_to_fetch(wildcards.dataset)),
        listed=lambda wildcards: data_digest(wildcards.dataset),
    shell:
        "python -m groupsc fetch {wildcards.dataset:q} {params.options} --manifest {output.manifest:q} &> {log:q}"
