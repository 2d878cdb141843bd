# Evaluation: one file of rows per model and data set.


# A copy of a released model: what DVC tracks in data/weights is no output of Snakemake. It comes from data/store, which takes no
# Git repository, and from the remotes of DVC where the store lacks it.
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
        released=lambda wildcards: RELEASED[wildcards.name].with_suffix(""),
    shell:
        "(python -m groupsc weights pull {wildcards.name:q} || "
        'dvc --cd "$(dirname {input.pointer:q})" --wait-for-lock pull "$(basename {input.pointer:q})"; '
        "cp {params.released:q} {output.weights:q}.partial; mv {output.weights:q}.partial {output.weights:q}) &> {log:q}"


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
        gpu=lambda wildcards: 0 if wildcards.name in BASELINES or is_taken_over(wildcards) else GPU,
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
