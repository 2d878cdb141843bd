# Evaluation: one file of rows per model and data set.


# A copy of a released model: what DVC tracks in data/weights is no output of Snakemake. It comes from data/weights or data/store,
# and from the remotes of DVC if both lack it.
rule release:
    input:
        pointer=lambda wildcards: RELEASED[wildcards.name],
    output:
        weights=f"{OUT}/weights/{{name}}.safetensors",
    log:
        f"{OUT}/logs/release/{{name}}.log",
    localrule: True
    conda:
        ENVIRONMENT
    params:
        folder=lambda wildcards, output: os.path.dirname(output.weights),
        pointers=lambda wildcards: RELEASED[wildcards.name].parent,
    shell:
        "(copy() {{ python -m groupsc weights pull {wildcards.name:q} --output {params.folder:q}; }}; copy || "
        "{{ dvc --cd {params.pointers:q} --wait-for-lock pull {wildcards.name:q}.safetensors.dvc; copy; }}) &> {log:q}"


rule evaluate:
    input:
        unpack(evaluation_input),
    output:
        rows=f"{OUT}/rows/{{name}}/{{dataset}}.csv",
        pictures=directory(f"{OUT}/pictures/{{name}}/{{dataset}}"),
    log:
        f"{OUT}/logs/evaluate/{{name}}/{{dataset}}.log",
    benchmark:
        f"{OUT}/logs/evaluate/{{name}}/{{dataset}}.tsv"
    conda:
        ENVIRONMENT
    threads: config["threads"]["evaluate"]
    resources:
        gpu=lambda wildcards: 0 if wildcards.name in BASELINES or needs_no_measurement(wildcards) else GPU,
        mem_mb=memory_of_evaluation,
    params:
        weights=evaluated_method,
        dataset=lambda wildcards: dataset_and_stride(wildcards.dataset)[0],
        options=evaluation_options,
        machine=unrecorded(**DATA, device=config["device"]),
        code=evaluation_code,
    shell:
        "mkdir -p {output.pictures:q}; "
        "python -m groupsc evaluate {params.weights:q} --dataset {params.dataset:q} {params.options} "
        "{params.machine} --output {output.rows:q} &> {log:q}"
