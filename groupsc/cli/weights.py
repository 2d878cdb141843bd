"""The commands `groupsc weights` (list, describe, pull, push, verify and index released weights) and `groupsc info`."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

import typer
from typer import Argument, Option

from groupsc.cli.options import AsJson, Rows
from groupsc.utils.errors import GroupSCError

Names = Annotated[list[str] | None, Argument(help="Names of released weights; by default all.")]

app = typer.Typer(help="List, describe, pull, push, verify and index released weights.", no_args_is_help=True)


def info(weights: Annotated[str, Argument(metavar="NAME|WEIGHTS.safetensors")]) -> None:
    """Show the card of released weights or of a file.

    The card contains the settings of the model and of its training.
    """
    from groupsc.weights.files import load_weights
    from groupsc.weights.released import find_weights

    model, card = load_weights(find_weights(weights))
    print(json.dumps({**card, "parameters": model.number_of_parameters}, indent=2, ensure_ascii=False))


@app.command("list")
def list_weights(as_json: AsJson = False) -> None:
    """List the released weights."""
    from groupsc.weights.cards import read_metadata, steps_text
    from groupsc.weights.released import releases
    from groupsc.weights.scores import scores_of

    cards = {name: read_metadata(release.find()) for name, release in releases().items()}
    if as_json:
        print(json.dumps(cards, indent=1))
        return
    scores = scores_of(releases())
    for name, card in cards.items():
        validation = f"validation {scores[name].psnr:.2f} dB" if name in scores else "not validated"
        print(f"{name:28} {steps_text(card):>15} steps, {validation}")


@app.command("pull")
def pull_weights(
    names: Names = None,
    remote: Annotated[str | None, Option(help="DVC remote; by default the store of this checkout.")] = None,
    output: Annotated[Path | None, Option(help="Folder for copies of the files; by default data/weights.")] = None,
) -> None:
    """Copy released weights to data/weights (`dvc pull`), or to another folder."""
    chosen = _chosen(names)
    if remote is not None:
        from groupsc.weights.remote import transfer

        transfer("pull", chosen, remote)
    for release in chosen:
        print(release.pull() if output is None else release.copy(output))


@app.command("convert")
def convert_weights(
    checkpoint: Annotated[Path, Argument(help="Checkpoint of the authors' code, https://github.com/bruno-31/groupsc.")],
    output: Annotated[Path, Option(help="Safetensors file to write.")],
    task: Annotated[str, Option(help="gray, color, mosaic or jpeg.")],
    level: Annotated[
        float | None, Option("--level", "--sigma", help="Noise σ or JPEG quality of the training.")
    ] = None,
    interval: Annotated[int, Option(min=1, help="Their option freq_corr_update.")] = 6,
    averaging: Annotated[bool, Option(help="Whether their option corr_update was 3, and not 2.")] = True,
) -> None:
    """Convert a checkpoint of the authors' code to a weights file."""
    from groupsc.weights.authors import converted, read_checkpoint
    from groupsc.weights.files import save_weights

    state = read_checkpoint(checkpoint)
    model, card = converted(state, task=task, level=level, similarity_interval=interval, middle_averaging=averaging)
    save_weights(output, model, card)
    print(f"wrote {output}: {card['name']}, {model.number_of_parameters} parameters")


@app.command("push")
def push_weights(
    remote: Annotated[str, Option(help="DVC remote.")],
    names: Names = None,
) -> None:
    """Copy released weights to a DVC remote (`dvc push`)."""
    from groupsc.weights.remote import transfer

    print(f"{len(transfer('push', _chosen(names), remote))} files are in the remote {remote}")


@app.command("verify")
def verify_weights(names: Names = None) -> None:
    """Verify the checksums of the local weights."""
    found = [release.find() for release in _chosen(names)]
    print(f"{len(found)} files, all checksums agree")


@app.command("index")
def index_weights(
    rows: Rows = None,
    output: Annotated[Path, Option(help="Markdown file to write.")] = Path("data/weights/README.md"),
) -> None:
    """Write the list of released models, with their training and their difference from the paper."""
    from groupsc.benchmark.rows import read_rows
    from groupsc.pages.weights_index import index
    from groupsc.paper.tables import read_published
    from groupsc.utils.atomic import write_text
    from groupsc.utils.digests import file_digest
    from groupsc.weights.files import load_weights
    from groupsc.weights.released import releases
    from groupsc.weights.scores import scores_of

    models, digests = {}, set()
    for name, release in releases().items():
        model, card = load_weights(release.find())
        models[name] = card, model.number_of_parameters
        digests.add(file_digest(release.find()))
    found = read_rows(rows or [])
    text = index(models, scores_of(releases()), found[found["weights_sha256"].isin(digests)], read_published())
    write_text(output, text)


@app.command("card")
def model_card(
    name: Annotated[str, Argument(help="Name of released weights.")],
    output: Annotated[Path | None, Option(help="Markdown file to write; by default the card is printed.")] = None,
) -> None:
    """Make the model card of released weights for Hugging Face, from their metadata and cached results."""
    from groupsc.benchmark.rows import read_rows
    from groupsc.models.sizes import number_of_parameters
    from groupsc.pages.model_card import model_card as compose
    from groupsc.utils.atomic import write_text
    from groupsc.utils.digests import file_digest
    from groupsc.utils.resources import cached_results
    from groupsc.weights.cards import config_of, read_card
    from groupsc.weights.released import releases
    from groupsc.weights.scores import scores_of

    (release,) = _chosen([name])
    path = release.find()
    card = read_card(path)
    rows = read_rows(sorted(cached_results().glob(f"{name}*/*.csv")))
    text = compose(
        card,
        rows[rows["weights_sha256"] == file_digest(path)],  # Without results of replaced weights.
        parameters=number_of_parameters(config_of(path, card)),
        md5=release.md5,
        score=scores_of(releases()).get(name),
    )
    if output is None:
        print(text)
    else:
        write_text(output, text)


@app.command("dvc")
def dvc_weights(
    output: Annotated[Path, Option(help="File to write, in the root of the checkout that it describes.")] = Path(
        "dvc.yaml"
    ),
) -> None:
    """Write what DVC reads of a checkout: released weights with their cards, learning curves, metrics, grids."""
    from groupsc.utils.atomic import write_text
    from groupsc.weights.dvc_file import dvc_file

    write_text(output, dvc_file(output.absolute().parent))


def _chosen(names):
    from groupsc.weights.released import releases

    known = releases()
    unknown = sorted(set(names or []) - set(known))
    if unknown:
        raise GroupSCError(f"there are no released weights {', '.join(unknown)}; choose among {', '.join(known)}")
    return [known[name] for name in names or known]
