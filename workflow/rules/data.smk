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
        listed=lambda wildcards: data_state(wildcards.dataset),
    shell:
        "python -m groupsc fetch {wildcards.dataset:q} {params.options} {params.machine} "
        "--manifest {output.manifest:q} &> {log:q}"


# List a folder of own images. An edited image changes the manifest, which reruns what depends on it.
rule list_folder:
    output:
        manifest=f"{OWN_MANIFESTS}/{{dataset}}/{{images}}.json",
    log:
        f"{OUT}/logs/fetch/{{dataset}}-{{images}}.log",
    localrule: True
    conda:
        ENVIRONMENT
    params:
        options=fetch_options,
        machine=unrecorded(**DATA),
        listed=lambda wildcards: data_state(wildcards.dataset, data_dir_of(config)),
    shell:
        "python -m groupsc fetch {wildcards.dataset:q} {params.options} {params.machine} "
        "--manifest {output.manifest:q} &> {log:q}"
