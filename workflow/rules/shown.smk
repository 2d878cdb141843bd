# Contents of the figures: their models and images, and the files that they are made from.


def shown_models(given):
    """Return the evaluations in a figure: baselines, and for each prior the paper's model, else a blind one."""
    found = {
        name: experiment
        for name, (experiment, task, level) in evaluations().items()
        if given.get("task", task) == task and given.get("level", level) == level
    }
    plain = {name: e.method for name, e in found.items() if e.variant is None}
    blind = {name: e.method for name, e in found.items() if e.variant and e.method not in plain.values()}
    others = [
        name
        for name, (method, task, level) in BASELINES.items()
        if method in given.get("baselines", [])
        and (task, level) == (given.get("task"), given.get("level"))
        and name not in UNSUITED
    ]
    return others + [name for name in found if name in plain or name in blind]


def pairs(given):
    """Return the panels that have a model of SC and one of GroupSC, with these models."""
    panels = [panel for panel in given.get("panels", []) if panel["image"] in used_images(panel["dataset"])]
    found = [(panel, shown_models({"level": None, **panel})) for panel in panels]
    pair = {"sc", "groupsc"}
    return [
        (panel, models)
        for panel, models in found
        if {EVALUATIONS[name][0].method for name in models if name in EVALUATIONS} >= pair
    ]


def shown_pictures(given):
    """Return (evaluation, data set, image) of every restored image in a figure."""
    found = [(name, panel["dataset"], panel["image"]) for panel, models in pairs(given) for name in models]
    if given["figure"] == "denoising":
        found += [(name, given["dataset"], image) for name in shown_models(given) for image in shown_images(given)]
    return found


def shown_images(given):
    """Return the images of a figure that are among the images in use."""
    return [image for image in given.get("images", []) if image in used_images(given["dataset"])]


@cache
def used_images(dataset):
    """Return the names of the images in use: those that the key `images` keeps of a data set."""
    return frozenset() if dataset in OUT_OF_REACH else frozenset(image_names(config, dataset))


@cache
def all_pictures():
    """Return (evaluation, data set, image) of every restored image that figures need."""
    return [shown for given in FIGURES.values() for shown in shown_pictures(given)]


def shown_weights(given):
    """Return the experiments whose weights a figure shows, without those that are neither trained nor released."""
    known = [e.name for e in evaluated()]
    return [name for name in given.get("experiments", [given.get("experiment")]) if name in known]


def possible(given):
    """Return whether the models that a figure shows are trained or released."""
    if given["figure"] == "training":
        return TRAINED
    if given["figure"] == "progress":
        return bool(curves())
    if "panels" in given or given["figure"] == "denoising":
        return bool(shown_pictures(given))
    if "experiment" in given or "experiments" in given:
        # A comparison of codes needs all its models; a figure of dictionaries omits missing models.
        missing = len(given.get("experiments", [None])) - len(shown_weights(given))
        return bool(shown_weights(given)) and not ("at" in given and (missing or not shown_images(given)))
    return True


def curves():
    """Return the files of validation PSNR: of all trainings, or of the released models, which no rule makes."""
    if TRAINED:
        return [f"{OUT}/curves/{name}.csv" for name in EXPERIMENTS]
    return [near(path) for name in RELEASED if (path := ROOT / f"results/release/curves/{name}.csv").exists()]


def figure_input(given):
    """Return the input files of the rule of a figure."""
    if given["figure"] == "progress":
        # The curves of released models are not inputs, because Snakemake would train the models to make them.
        return {"curves": curves()} if TRAINED else {"pointers": list(RELEASED.values())}
    if given["figure"] == "training":
        return {"weights": [trained_weights(name) for name in EXPERIMENTS]}
    if given["figure"] in ("tradeoff", "paired"):
        measured = [path for path in rows() if Path(path).stem == given["dataset"]]
        return {"rows": measured, "published": PUBLISHED}
    if given["figure"] == "generalisation":
        return {"rows": [path for path in rows() if Path(path).stem == given["dataset"]]}
    if "experiment" in given or "experiments" in given:
        weights = [weights_of(name) for name in shown_weights(given)]
        if "dataset" not in given:
            return {"weights": weights}
        return {"weights": weights, "images": manifest_of_test_set(given["dataset"])}
    places = sorted({f"{name}/{dataset}" for name, dataset, _ in shown_pictures(given)})
    return {
        "rows": [f"{OUT}/rows/{place}.csv" for place in places],
        "pictures": [f"{OUT}/pictures/{place}" for place in places],
    }


def figure_sources(given):
    """Return the files that `groupsc figure` reads."""
    if given["figure"] == "training":
        return [f"{OUT}/training/{name}/log.csv" for name in EXPERIMENTS]
    if given["figure"] == "progress":
        return curves()
    files = figure_input(given)
    return files.get("weights", files.get("rows"))


def figure_options(given):
    """Return the options for the contents of a figure."""
    keys = ("task", "level", "dataset")
    panels = [",".join(str(panel.get(key, "")) for key in (*keys, "image")) for panel, _ in pairs(given)]
    at = ",".join(map(str, given["at"])) if "at" in given else None
    return options(
        pictures=f"{OUT}/pictures" if shown_pictures(given) else None,
        **{key: given.get(key) for key in keys},
        baseline=config["compare_with"] if given["figure"] == "paired" else None,
        image=shown_images(given) or None,
        at=at,
        panel=panels,
    )


def caption(figure, given):
    """Return the caption file of a figure: the one with its name, or the one of its kind."""
    names = [name for name in (figure, given["figure"]) if (ROOT / f"workflow/report/{name}.rst").exists()]
    return f"../report/{names[0]}.rst"


# {file name: contents} of the figures whose models are trained or released.
FIGURES = {name: {"figure": name, **given} for name, given in config["figures"].items()}
FIGURES = {name: given for name, given in FIGURES.items() if possible(given)}
# {file name: caption file} of every figure on the page.
CAPTIONS = {name: Path(caption(name, given)).name for name, given in FIGURES.items()}
CAPTIONS = {name: near(ROOT / "workflow/report" / file) for name, file in CAPTIONS.items()}
CAPTIONS["reproducibility"] = near(ROOT / "workflow/report/reproducibility.rst")
FIGURE_FILES = [f"{OUT}/figures/{name}.png" for name in FIGURES]
