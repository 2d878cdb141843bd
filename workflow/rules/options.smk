# Inputs and options of the rules for trainings, dictionaries, evaluations and downloads.


def fetch_options(wildcards):
    """Return the option for the number of images."""
    images = wildcards.images.removeprefix("first")
    return options(images=None if images == "all" else images)


def first_with_dictionary(wildcards):
    """Return an experiment with the training set, patch size and number of atoms of an initial dictionary."""
    return next(e for e in EXPERIMENTS.values() if e.dictionary == wildcards.dictionary)


def learned_from(wildcards):
    """Return the data set that an initial dictionary is learned from."""
    return first_with_dictionary(wildcards).training.dataset


def dictionary_options(wildcards):
    """Return the options for the size of an initial dictionary."""
    model = first_with_dictionary(wildcards).model
    return options(channels=model.channels, patch_size=model.patch_size, n_atoms=model.n_atoms)


def training_input(wildcards):
    """Return the files of a training: experiment, manifests of images, and initial weights or dictionary."""
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
    """Return the option for the initial weights or the dictionary of a training."""
    files = training_input(wildcards)
    return options(**{key: files[key] for key in ("dictionary", "init") if key in files})


def evaluation_input(wildcards):
    """Return the files of an evaluation: cached results, manifest of images, and weights.

    The weights of a baseline are a data set with a manifest. Complete cached results replace images, and weights of a
    baseline.
    """
    dataset, _ = dataset_and_stride(wildcards.dataset)
    rows = cached_results_of(config, wildcards.name, wildcards.dataset)
    files = {"cached_results": str(rows)} if rows else {}
    if wildcards.name not in BASELINES:
        files["weights"] = weights_of(EVALUATIONS[wildcards.name][0].name)
    if needs_no_measurement(wildcards):
        return files
    files["images"] = manifest_of_test_set(dataset)
    peer = peer_of(wildcards.name) if wildcards.name in BASELINES else None
    return {**files, "peer": manifest(peer)} if peer else files


def needs_no_measurement(wildcards):
    """Return whether the cached results are complete and no figure needs a restored image."""
    evaluation = (wildcards.name, wildcards.dataset)
    return is_cached(*evaluation) and not kept_pictures(*evaluation)


def memory_of_evaluation(wildcards):
    """Return the memory of an evaluation in MB."""
    if needs_no_measurement(wildcards):
        return 300
    model = EVALUATIONS[wildcards.name][0].model if wildcards.name in EVALUATIONS else None
    return evaluation_memory(model and model.penalty, dataset_and_stride(wildcards.dataset)[0])


def kept_pictures(name, dataset):
    """Return the images of an evaluation that are shown in figures."""
    return sorted({image for *where, image in all_pictures() if (*where,) == (name, dataset)})


def evaluated_method(wildcards):
    """Return the first argument of `groupsc evaluate`: a weights file, the name of a baseline, or `input`."""
    return evaluation_input(wildcards).get("weights") or BASELINES[wildcards.name][0]


def evaluation_code(wildcards):
    """Return the digest of the code of an evaluation, including the module of its own baseline only."""
    if needs_no_measurement(wildcards):
        return code("benchmark.cached_results")
    return code_of_method(BASELINES.get(wildcards.name, ("input", None, None))[0])


def code_of_method(method):
    """Return the digest of the code that measures a baseline; of the code that measures models for "input"."""
    if method == "input":
        return code("benchmark.evaluation")
    peer = baselines.method(method)
    home = type(peer).__module__
    if home.startswith("groupsc."):
        own = peer.digest(None, None) if isinstance(peer, OwnMethod) else ""
        return code("benchmark.evaluation") + code(home.removeprefix("groupsc.")) + (own or "")
    return code("benchmark.evaluation") + file_digest(sys.modules[home].__file__)


def evaluation_options(wildcards):
    """Return the options for degradation, restoration, and the images to keep for figures."""
    *_, task, level = EVALUATIONS.get(wildcards.name) or BASELINES[wildcards.name]
    dataset, stride = dataset_and_stride(wildcards.dataset)
    keys = {key: config[key] for key in ("repetitions", "mode", "stride")}
    if stride is not None:
        keys |= {"mode": "block", "stride": stride}
    shown = kept_pictures(wildcards.name, wildcards.dataset)
    pictures = {"pictures": f"{OUT}/pictures/{wildcards.name}/{wildcards.dataset}", "name": shown} if shown else {}
    measured = cached_results_of(config, wildcards.name, wildcards.dataset)
    images = images_of(config, dataset)
    return options(task=task, level=level, images=images, **keys, **pictures, cached_results=measured)


def table_options(wildcards):
    """Return the option of a table: of the paired differences, the method to compare with."""
    return options(baseline=config["compare_with"] if wildcards.table == "paired" else None)


# Keys that the cost of all results without earlier ones depends on.
PLANNED = ("tasks", "budget", "weights", "blocks", "images", "repetitions", "mode", "stride", "model", "training")


def planned_grid():
    """Return the part of the configuration that the cost depends on, with the own data sets that the grid uses."""
    used = {*shared_grid.test_sets(config, EXPERIMENTS)}
    used |= {name for e in EXPERIMENTS.values() for name in (e.training.dataset, e.training.validation)}
    own = {name: given for name, given in config["datasets"].items() if name in used}
    return {**{key: config[key] for key in PLANNED}, "datasets": own}
