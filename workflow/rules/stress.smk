# Measure denoisers on the stress set, with and without the guard, for the table of robustness.


rule stress:
    input:
        unpack(stress_input),
    output:
        rows=f"{OUT}/rows/{{name}}/stress.csv",
    log:
        f"{OUT}/logs/evaluate/{{name}}/stress.log",
    conda:
        ENVIRONMENT
    threads: config["threads"]["evaluate"]
    resources:
        gpu=lambda wildcards: GPU if STRESSED[wildcards.name][0] in EXPERIMENTS else 0,
        mem_mb=2000,
    params:
        method=lambda wildcards: stress_input(wildcards).get("weights") or STRESSED[wildcards.name][0],
        options=stress_options,
        machine=unrecorded(data_dir=config["data_dir"], device=config["device"]),
        code=stress_code,
    shell:
        "python -m groupsc evaluate {params.method:q} --dataset stress {params.options} {params.machine} "
        "--output {output.rows:q} &> {log:q}"
