# Train models. An experiment file has all settings of its model: a change of the grid retrains only changed models.


rule experiment:
    output:
        f"{OUT}/experiments/{{name}}.yaml",
    log:
        f"{OUT}/logs/experiment/{{name}}.log",
    localrule: True
    conda:
        ENVIRONMENT
    params:
        settings=lambda wildcards: yaml.safe_dump(dataclasses.asdict(experiment_of(wildcards.name)), sort_keys=False),
    shell:
        "printf %s {params.settings:q} > {output:q}.partial 2> {log:q}; mv {output:q}.partial {output:q}"


# An interrupted training continues from its state; it starts from the beginning if its input or code changed since.
# State and learning curve (log.csv) are neither outputs nor logs of the rule, because Snakemake deletes those before it
# runs a rule again.
rule train:
    input:
        unpack(training_input),
    output:
        weights=f"{OUT}/training/{{name}}/weights.safetensors",
    log:
        messages=f"{OUT}/logs/train/{{name}}.log",
    benchmark:
        f"{OUT}/logs/train/{{name}}.tsv"
    conda:
        ENVIRONMENT
    threads: config["threads"]["train"]
    resources:
        gpu=GPU,
        mem_mb=4000,
    params:
        folder=lambda wildcards: f"{OUT}/training/{wildcards.name}",
        options=training_options,
        machine=unrecorded(**DATA, device=config["device"]),
        code=code("training.loop"),
    shell:
        "(cat {input:q}; echo {params.code:q}) | "
        "python -c 'import hashlib, sys; print(hashlib.sha256(sys.stdin.buffer.read()).hexdigest())' "
        "> {params.folder:q}/basis.new; "
        "cmp --silent {params.folder:q}/basis.new {params.folder:q}/basis || rm -f {params.folder:q}/state.safetensors*; "
        "mv {params.folder:q}/basis.new {params.folder:q}/basis; "
        "python -m groupsc train {input.experiment:q} --output {params.folder:q} {params.options} {params.machine} "
        "&> {log.messages:q}; "
        "test -s {output.weights:q}; rm {params.folder:q}/basis"


rule train_all:
    input:
        expand(f"{OUT}/training/{{name}}/weights.safetensors", name=EXPERIMENTS),


# Copy the validation PSNR of each training to the folder that `dvc plots` reads.
rule curve:
    input:
        weights=f"{OUT}/training/{{name}}/weights.safetensors",
    output:
        csv=f"{OUT}/curves/{{name}}.csv",
    log:
        f"{OUT}/logs/curves/{{name}}.log",
    localrule: True
    conda:
        ENVIRONMENT
    params:
        steps=lambda wildcards: f"{OUT}/training/{wildcards.name}/log.csv",
    shell:
        "cp {params.steps:q} {output.csv:q}.partial 2> {log:q}; mv {output.csv:q}.partial {output.csv:q}"
