# Which denoisers are measured on the stress set, and how. The pictures are made by code.


# {name: (experiment or baseline, task, σ, guarded)} of the measurements that the configuration asks for.
STRESSED = stress_measurements(config, EXPERIMENTS)


@cache
def stress_unsuited(name):
    """Return why a measurement is left out: its model is not released, or its baseline can't run; None if it can be made."""
    source, task, level, _ = STRESSED[name]
    if source in EXPERIMENTS:
        return None if TRAINED or source in RELEASED else f"{source} is not released"
    fit = source == "input" or not baselines.method(source).unfit(task, level)
    return None if fit and cached_results_of(config, name, "stress") else unsuited(source, task, level)


def stress_rows():
    """Return the files of per-image results on the stress set."""
    return [f"{OUT}/rows/{name}/stress.csv" for name in STRESSED if stress_unsuited(name) is None]


def stress_left_out():
    """Return sentences about the methods that the table of robustness lacks; a color method is no gray method."""
    if "robustness" not in config["tables"]:
        return []
    return [
        f"{name} is left out of the table robustness: {stress_unsuited(name)}"
        for name, (source, task, level, _) in STRESSED.items()
        if stress_unsuited(name) and not (source not in EXPERIMENTS and baselines.method(source).unfit(task, level))
    ]


def stress_input(wildcards):
    """Return the files of a measurement: cached results, and weights of a model."""
    source = STRESSED[wildcards.name][0]
    measured = cached_results_of(config, wildcards.name, "stress")
    files = {"cached_results": str(measured)} if measured else {}
    return files | ({"weights": weights_of(source)} if source in EXPERIMENTS else {})


def stress_options(wildcards):
    """Return the options for noise, realisations and guard."""
    _, task, level, guarded = STRESSED[wildcards.name]
    measured = stress_input(wildcards).get("cached_results")
    repetitions = config["stress"]["repetitions"]
    return options(task=task, level=level, repetitions=repetitions, cached_results=measured, guard=guarded)


def stress_code(wildcards):
    """Return the digest of the code of a measurement."""
    source, *_, guarded = STRESSED[wildcards.name]
    if source not in EXPERIMENTS:
        return code_of_method(source)
    return code("benchmark.evaluation", *(["api.guarded_method"] if guarded else []))
