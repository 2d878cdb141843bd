# What rules take as input and as options: trainings, dictionaries, evaluations, downloads.


def fetch_options(wildcards):
    """How many images of the data set."""
    images = wildcards.images.removeprefix("first")
    return options(images=None if images == "all" else images)


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


def training_input(wildcards):
    """The experiment, its images, and what its first parameters come from."""
    experiment = experiment_of(wildcards.name)
    training = experiment.training
    if experiment.init_from:
        first = {"init": trained_weights(experiment.init_from)}
    else:
        first = {"dictionary": f"{OUT}/dictionaries/{experiment.dictionary}.safetensors"}
    return {
        "experiment": f"{OUT}/experiments/{wildcards.name}.yaml",
        "images": manifest(training.dataset),
        "validation": manifest(training.validation, training.validation_images),
        **first,
    }


def training_options(wildcards):
    """What the first parameters of a training come from, as an option of the command."""
    files = training_input(wildcards)
    return options(**{key: files[key] for key in ("dictionary", "init") if key in files})


def evaluation_input(wildcards):
    """The images, rows measured before, and the weights, those of a baseline as a data set; of a baseline whose rows are
    taken over nothing else."""
    dataset, _ = dataset_and_stride(wildcards.dataset)
    rows = shared_grid.cached_results_of(config, wildcards.name, wildcards.dataset)
    files = {"cached_results": str(rows)} if rows else {}
    if is_taken_over(wildcards):
        return files
    files["images"] = manifest_of_test_set(dataset)
    if wildcards.name not in BASELINES:
        return {**files, "weights": weights_of(EVALUATIONS[wildcards.name][0].name)}
    method, task, _ = BASELINES[wildcards.name]
    peer = None if method == "input" else baselines.method(method).dataset.get(task)
    return {**files, "peer": manifest(peer)} if peer else files


def is_taken_over(wildcards):
    """Whether all rows were measured before, and no image is restored for a figure."""
    place = (wildcards.name, wildcards.dataset)
    return TAKEN_OVER.get(place, False) and not kept_pictures(*place)


def kept_pictures(name, dataset):
    """The images of an evaluation whose pictures figures show."""
    return sorted({image for *where, image in all_pictures() if (*where,) == (name, dataset)})


def evaluated_method(wildcards):
    """What `groupsc evaluate` is given first: a file, a baseline's name or `input`."""
    return evaluation_input(wildcards).get("weights") or BASELINES[wildcards.name][0]


def evaluation_code(wildcards):
    """Digest of the code behind an evaluation, with that of the baseline alone that is evaluated."""
    if is_taken_over(wildcards):
        return code("benchmark.earlier")
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
    shown = kept_pictures(wildcards.name, wildcards.dataset)
    pictures = {"pictures": f"{OUT}/pictures/{wildcards.name}/{wildcards.dataset}", "name": shown} if shown else {}
    measured = shared_grid.cached_results_of(config, wildcards.name, wildcards.dataset)
    images = shared_grid.images_of(config, dataset)
    return options(task=task, level=level, images=images, **keys, **pictures, cached_results=measured)
