# Evaluation: one file of rows per model and data set.


def evaluation_input(wildcards):
    """The images, rows measured before, and the weights, those of a baseline as a data set."""
    dataset, _ = dataset_and_stride(wildcards.dataset)
    files = {"images": manifest_of_test_set(dataset)}
    if rows := shared_grid.cached_results_of(config, wildcards.name, wildcards.dataset):
        files["cached_results"] = str(rows)
    if wildcards.name not in BASELINES:
        return {**files, "weights": weights_of(EVALUATIONS[wildcards.name][0].name)}
    method, task, _ = BASELINES[wildcards.name]
    peer = None if method == "input" else baselines.method(method).dataset.get(task)
    return {**files, "peer": manifest(peer)} if peer else files


def evaluated_method(wildcards):
    """What `groupsc evaluate` is given first: a file, a baseline's name or `input`."""
    return evaluation_input(wildcards).get("weights") or BASELINES[wildcards.name][0]


def evaluation_code(wildcards):
    """Digest of the code behind an evaluation, with that of the baseline alone that is evaluated."""
    method = BASELINES.get(wildcards.name, ("input", None, None))[0]
    if method == "input":
        return code("benchmark.evaluation")
    return code("benchmark.evaluation") + code(type(baselines.method(method)).__module__.removeprefix("groupsc."))


def evaluation_options(wildcards):
    """How to degrade and restore, and which images to keep for figures."""
    *_, task, level = EVALUATIONS.get(wildcards.name) or BASELINES[wildcards.name]
    dataset, stride = dataset_and_stride(wildcards.dataset)
    keys = {key: config[key] for key in ("repetitions", "mode", "stride")}
    if stride is not None:
        keys |= {"mode": "block", "stride": stride}
    place = (wildcards.name, wildcards.dataset)
    shown = sorted({image for *where, image in all_pictures() if (*where,) == place})
    pictures = {"pictures": f"{OUT}/pictures/{wildcards.name}/{wildcards.dataset}", "name": shown} if shown else {}
    measured = evaluation_input(wildcards).get("cached_results")
    images = shared_grid.images_of(config, dataset)
    return options(task=task, level=level, images=images, **keys, **pictures, cached_results=measured)


# A copy of a released model: what DVC tracks in data/weights is no output of Snakemake. It comes from data/store, which takes no
# Git repository, and from the remotes of DVC where the store lacks it.
rule release:
    input:
        pointer=lambda wildcards: RELEASED[wildcards.name],
    output:
        weights=f"{OUT}/weights/{{name}}.safetensors",
    log:
        f"{OUT}/logs/release/{{name}}.log",
    conda:
        ENVIRONMENT
    params:
        released=lambda wildcards: RELEASED[wildcards.name].with_suffix(""),
    shell:
        "(python -m groupsc weights pull {wildcards.name:q} || dvc --wait-for-lock pull {input.pointer:q}; "
        "cp {params.released:q} {output.weights:q}.partial; mv {output.weights:q}.partial {output.weights:q}) &> {log:q}"


rule evaluate:
    input:
        unpack(evaluation_input),
    output:
        rows=f"{OUT}/rows/{{name}}/{{dataset}}.csv",
        pictures=directory(f"{OUT}/pictures/{{name}}/{{dataset}}"),
    log:
        f"{OUT}/logs/evaluate/{{name}}/{{dataset}}.log",
    conda:
        ENVIRONMENT
    threads: config["threads"]["evaluate"]
    resources:
        gpu=lambda wildcards: 0 if wildcards.name in BASELINES else GPU,
    params:
        weights=evaluated_method,
        dataset=lambda wildcards: dataset_and_stride(wildcards.dataset)[0],
        options=evaluation_options,
        machine=unrecorded(data_dir=config["data_dir"], device=config["device"]),
        code=evaluation_code,
    shell:
        "mkdir -p {output.pictures:q}; "
        "python -m groupsc evaluate {params.weights:q} --dataset {params.dataset:q} {params.options} "
        "{params.machine} --output {output.rows:q} &> {log:q}"
