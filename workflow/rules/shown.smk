# Contents of the figures: their models and images, and the files that they are made from. `contents` are the keys of one
# figure in the configuration, with the kind of the figure as `figure`.


def shown_models(contents):
    """Return the evaluations in a figure: baselines, and for each prior the paper's model, else a blind one."""
    found = {
        name: experiment
        for name, (experiment, task, level) in evaluations().items()
        if contents.get("task", task) == task and contents.get("level", level) == level
    }
    plain = {name: e.method for name, e in found.items() if e.variant is None}
    blind = {name: e.method for name, e in found.items() if e.variant and e.method not in plain.values()}
    others = [
        name
        for name, (method, task, level) in BASELINES.items()
        if method in contents.get("baselines", [])
        and (task, level) == (contents.get("task"), contents.get("level"))
        and name not in UNSUITED
    ]
    return others + [name for name in found if name in plain or name in blind]


def complete_panels(contents):
    """Return the panels that have a model of SC and one of GroupSC, with these models."""
    panels = [panel for panel in contents.get("panels", []) if panel["image"] in used_images(panel["dataset"])]
    found = [(panel, shown_models({"level": None, **panel})) for panel in panels]
    needed = {"sc", "groupsc"}
    return [
        (panel, models)
        for panel, models in found
        if {EVALUATIONS[name][0].method for name in models if name in EVALUATIONS} >= needed
    ]


def shown_pictures(contents):
    """Return (evaluation, data set, image) of every restored image in a figure."""
    found = [(name, panel["dataset"], panel["image"]) for panel, models in complete_panels(contents) for name in models]
    if contents["figure"] == "denoising":
        found += [
            (name, contents["dataset"], image) for name in shown_models(contents) for image in shown_images(contents)
        ]
    return found


def shown_images(contents):
    """Return the images of a figure that are among the images in use."""
    return [image for image in contents.get("images", []) if image in used_images(contents["dataset"])]


@cache
def used_images(dataset):
    """Return the names of the images in use: those that the key `images` keeps of a data set."""
    return frozenset() if dataset in OUT_OF_REACH else frozenset(image_names(config, dataset))


@cache
def all_pictures():
    """Return (evaluation, data set, image) of every restored image that figures need."""
    return [shown for contents in FIGURES.values() for shown in shown_pictures(contents)]


def shown_weights(contents):
    """Return the experiments whose weights a figure shows, without those that are neither trained nor released."""
    known = [e.name for e in evaluated()]
    return [name for name in contents.get("experiments", [contents.get("experiment")]) if name in known]


def shown_rows(contents):
    """Return the files of the results on the data set of a figure; an empty list if none is of its task and level."""
    measured = [path for path in rows() if Path(path).stem == contents["dataset"]]
    names = {Path(path).parent.name for path in measured}
    found = [places[name][1:] for places in (evaluations(), BASELINES) for name in names if name in places]
    fits = any(contents["task"] == task and contents.get("level", level) == level for task, level in found)
    return measured if fits else []


def can_be_drawn(contents):
    """Return whether the models that a figure shows are trained or released."""
    if contents["figure"] in ("tradeoff", "paired", "generalisation"):
        return bool(shown_rows(contents))
    if contents["figure"] == "training":
        return TRAINED
    if contents["figure"] == "progress":
        return bool(curves())
    if "panels" in contents or contents["figure"] == "denoising":
        return bool(shown_pictures(contents))
    if "experiment" in contents or "experiments" in contents:
        # A comparison of codes needs all its models; a figure of dictionaries omits missing models.
        missing = len(contents.get("experiments", [None])) - len(shown_weights(contents))
        return bool(shown_weights(contents)) and not ("at" in contents and (missing or not shown_images(contents)))
    return True


def curves():
    """Return the files of validation PSNR: of all trainings, or of the released models, which no rule makes."""
    if TRAINED:
        return [f"{OUT}/curves/{name}.csv" for name in EXPERIMENTS]
    return [relative(path) for name in RELEASED if (path := ROOT / f"results/release/curves/{name}.csv").exists()]


def figure_input(contents):
    """Return the input files of the rule of a figure."""
    if contents["figure"] == "progress":
        # The curves of released models are not inputs, because Snakemake would train the models to make them.
        return {"curves": curves()} if TRAINED else {"pointers": list(RELEASED.values())}
    if contents["figure"] == "training":
        return {"weights": [trained_weights(name) for name in EXPERIMENTS]}
    if contents["figure"] in ("tradeoff", "paired"):
        return {"rows": shown_rows(contents), "published": PUBLISHED}
    if contents["figure"] == "generalisation":
        return {"rows": shown_rows(contents)}
    if "experiment" in contents or "experiments" in contents:
        weights = [weights_of(name) for name in shown_weights(contents)]
        if "dataset" not in contents:
            return {"weights": weights}
        return {"weights": weights, "images": manifest_of_test_set(contents["dataset"])}
    stems = sorted({f"{name}/{dataset}" for name, dataset, _ in shown_pictures(contents)})
    return {
        "rows": [f"{OUT}/rows/{stem}.csv" for stem in stems],
        "pictures": [f"{OUT}/pictures/{stem}" for stem in stems],
    }


def figure_sources(contents):
    """Return the files that `groupsc figure` reads."""
    if contents["figure"] == "training":
        return [f"{OUT}/training/{name}/log.csv" for name in EXPERIMENTS]
    if contents["figure"] == "progress":
        return curves()
    files = figure_input(contents)
    return files.get("weights", files.get("rows"))


def figure_options(contents):
    """Return the options for the contents of a figure."""
    keys = ("task", "level", "dataset")
    panels = [",".join(str(panel.get(key, "")) for key in (*keys, "image")) for panel, _ in complete_panels(contents)]
    at = ",".join(map(str, contents["at"])) if "at" in contents else None
    return options(
        pictures=f"{OUT}/pictures" if shown_pictures(contents) else None,
        **{key: contents.get(key) for key in keys},
        baseline=config["compare_with"] if contents["figure"] == "paired" else None,
        image=shown_images(contents) or None,
        at=at,
        panel=panels,
    )


def caption(figure, contents):
    """Return the caption file of a figure: the one with its name, or the one of its kind."""
    names = [name for name in (figure, contents["figure"]) if (ROOT / f"workflow/report/{name}.rst").exists()]
    return f"../report/{names[0]}.rst"


# {file name: contents} of the figures whose models are trained or released.
WANTED_FIGURES = {name: {"figure": name, **contents} for name, contents in config["figures"].items()}
FIGURES = {name: contents for name, contents in WANTED_FIGURES.items() if can_be_drawn(contents)}
# {file name: caption file} of every figure on the page.
CAPTIONS = {name: Path(caption(name, contents)).name for name, contents in FIGURES.items()}
CAPTIONS = {name: relative(ROOT / "workflow/report" / file) for name, file in CAPTIONS.items()}
CAPTIONS["reproducibility"] = relative(ROOT / "workflow/report/reproducibility.rst")
FIGURE_FILES = [f"{OUT}/figures/{name}.png" for name in FIGURES]
