# What a run needs and can have: cached results, images, weights of baselines, memory; and what the run costs.
import cost

from groupsc.benchmark.cached_results import cache_is_complete
from groupsc.benchmark.cost.operation_counts import evaluation_memory
from groupsc.benchmark.configuration_checks import not_released
from groupsc.data.sources import out_of_reach
from groupsc.utils.memory import free_on_machine
from groupsc.weights.released import releases

released_weights = cache(releases)


def released_file(name):
    """Return the file of a released model, beside its pointer or in data/store; None if it is elsewhere or damaged."""
    try:
        return released_weights()[name].find()
    except (GroupSCError, KeyError):
        return None


def rows_of_other_releases():
    """Return the cached results of released models that the grid lacks, for the page about all released models."""
    folder = config["cached_results"]
    names = [] if folder is None else sorted({*POINTERS} - {*EXPERIMENTS})
    patterns = [f"{name}-sigma*/*.csv" if name.endswith("-blind") else f"{name}/*.csv" for name in names]
    paths = [path for pattern in patterns for path in sorted(Path(folder).glob(pattern))]
    return [str(path) for path in paths if path.stem != "stress"]


@cache
def is_cached(name, stem):
    """Return whether the cached results of an evaluation are complete, so that it needs no images."""
    if not config["cached_results"]:
        return False
    if name in WANTED:
        weights, task, level = WANTED[name]
    else:
        experiment, task, level = EVALUATIONS[name]
        weights = None if TRAINED else released_file(experiment.name)
    return weights is not None and cache_is_complete(config, weights, stem, task, level)


def all_evaluations():
    """Return (name, data set) of all evaluations of released models and of baselines, with strides."""
    found = [
        (name, dataset)
        for name, (e, task, _) in EVALUATIONS.items()
        if e.name in RELEASED
        for dataset in shared_grid.sets_of(config, task, e.variant)
    ]
    blocks = shared_grid.block_places(config, EXPERIMENTS)
    found += [(name, f"{dataset}-stride{stride}") for name, dataset, stride in blocks if name in RELEASED]
    return found + [
        (name, dataset) for name, (_, task, _) in WANTED.items() for dataset in shared_grid.sets_of(config, task)
    ]


def needed_sets():
    """Return {data set: number of images} that evaluations of released models, baselines and figures need."""
    measured = [(name, stem) for name, stem in all_evaluations() if name not in UNSUITED and not is_cached(name, stem)]
    drawn = [given for given in config["figures"].values() if {"images", "panels"} & {*given}]
    panels = [panel for given in drawn for panel in given.get("panels", [given])]
    used = {dataset_and_stride(stem)[0] for _, stem in measured} | {panel["dataset"] for panel in panels}
    shown = {name for name, (method, *_) in WANTED.items() for given in drawn if method in given.get("baselines", [])}
    peers = {
        peer_of(name) for name in {name for name, _ in measured} | shown if name in WANTED and name not in UNSUITED
    }
    return {name: images_of(config, name) for name in used} | dict.fromkeys(peers - {None})


def peer_of(name):
    """Return the data set with the weights of a baseline; None if it has none."""
    method, task, _ = WANTED[name]
    return None if method == "input" else baselines.method(method).dataset.get(task)


# Sets whose images are neither here nor can be fetched. A job that runs in another process does not ask the server: what
# could be fetched is here. Grids that train models need images in any case.
OUT_OF_REACH = [] if TRAINED else sorted(out_of_reach(needed_sets(), config["data_dir"], ask=workflow.is_main_process))
UNSUITED |= {name: f"{peer_of(name)} can't be fetched" for name in WANTED if peer_of(name) in OUT_OF_REACH}
# Evaluations that can be neither measured nor taken from cached results are omitted.
LEFT_OUT = [
    (name, stem)
    for name, stem in all_evaluations()
    if (name in UNSUITED or dataset_and_stride(stem)[0] in OUT_OF_REACH) and not is_cached(name, stem)
]
BASELINES = {
    name: wanted
    for name, wanted in WANTED.items()
    if any((name, dataset) not in LEFT_OUT for dataset in shared_grid.sets_of(config, wanted[1]))
}


def left_out():
    """Return sentences about what is omitted: models without release, all that needs missing images, and baselines."""
    found = {}
    for name, dataset in LEFT_OUT:
        if name not in UNSUITED:
            continue
        found.setdefault(UNSUITED[name], {}).setdefault(name, []).append(dataset)
    missing = not_released(config, EXPERIMENTS, RELEASED)
    sentences = [] if missing is None else [missing]
    if OUT_OF_REACH:
        sentences.append(
            f"{', '.join(OUT_OF_REACH)} {'is' if len(OUT_OF_REACH) == 1 else 'are'} neither in {config['data_dir']} nor can "
            "be fetched, so that figures and evaluations that need them are left out and tables are made from cached "
            "results; connect to the network, or name a folder with copies by GROUPSC_MIRROR"
        )
    for reason, sets_of in found.items():
        names = [f"{name} on {', '.join(sets)}" if name in BASELINES else name for name, sets in sets_of.items()]
        sentences.append(f"{', '.join(names)} {'is' if len(names) == 1 else 'are'} left out: {reason}")
    # Released models have no figure of their training, and without images no figure that needs them.
    undrawn = [
        name
        for name in WANTED_FIGURES
        if name not in FIGURES and WANTED_FIGURES[name]["figure"] not in ("training", "progress")
    ]
    if undrawn and not OUT_OF_REACH:
        sentences.append(
            f"the figures {', '.join(undrawn)} are left out, because nothing that they name is in the grid, trained or "
            "released, and measured; compare their experiments, task, level, dataset and images with those of the grid"
        )
    return sentences + stress_left_out()


def cost_of_run(full_grid):
    """Return a sentence with the hours that a run takes; None if nothing is left to do."""
    pictures = [
        (EVALUATIONS[name][0].model, dataset)
        for name, dataset, image in sorted(set(all_pictures()))
        if name in EVALUATIONS
        and is_cached(name, dataset)
        and not Path(OUT, "pictures", name, dataset, f"{image}-restored.png").exists()
    ]
    cores = min(workflow.resource_settings.cores or AVAILABLE, AVAILABLE)
    full = ROOT / "config/paper.yaml" if full_grid else None
    return cost.sentence(config, pictures, cores=cores, gpu=bool(GPU), full=full)


AVAILABLE = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
# The memory of all jobs that run at the same time on this machine; `--resources mem_mb=N` replaces it.
memory = workflow.global_resources
if workflow.is_main_process and workflow.resource_settings.nodes is None and not {"mem", "mem_mb"} & set(memory):
    workflow.register_resource("mem_mb", max(1000, round(free_on_machine() / 1e6)))
