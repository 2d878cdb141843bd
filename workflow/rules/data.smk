# Download and verify data sets. The output is a manifest, because DVC tracks the folders of images.


rule fetch:
    output:
        manifest=f"{MANIFESTS}/{{dataset}}/{{images}}.json",
    log:
        f"{OUT}/logs/fetch/{{dataset}}-{{images}}.log",
    localrule: True
    conda:
        ENVIRONMENT
    params:
        options=fetch_options,
        machine=unrecorded(data_dir=config["data_dir"]),
        listed=lambda wildcards: data_digest(wildcards.dataset),
    shell:
        "python -m groupsc fetch {wildcards.dataset:q} {params.options} {params.machine} "
        "--manifest {output.manifest:q} &> {log:q}"
