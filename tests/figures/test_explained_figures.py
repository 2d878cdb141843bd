"""Figures of what models do: artefacts, codes of similar patches, the diagram, the trade-off; from small models."""

from __future__ import annotations

import itertools

import numpy as np
import pandas as pd
import pytest
import torch
from matplotlib.backends.backend_agg import FigureCanvasAgg
from small_models import perturbed_coder, some_image

from groupsc.benchmark.degraded_image import degraded_image
from groupsc.benchmark.rows import COLUMNS
from groupsc.figures.artefacts import Panel, artefacts, free_corner
from groupsc.figures.diagram import one_step
from groupsc.figures.dictionaries import dictionaries
from groupsc.figures.explanation import similarity_maps
from groupsc.figures.sparsity import draw_group, sparsity_pattern
from groupsc.figures.tradeoff import tradeoff
from groupsc.inference.similar_patches import similar_patches
from groupsc.io.images import write_image
from groupsc.paper.pictures import worst_detail
from groupsc.utils.errors import GroupSCError
from groupsc.weights.files import save_weights


def weights(folder, penalty, *, method, level=25.0, task="gray"):
    path = folder / f"{task}-{method}-sigma25.safetensors"
    coder = perturbed_coder(penalty=penalty).float()
    save_weights(path, coder, {"task": task, "method": method, "level": level})
    return path


def texts(figure):
    FigureCanvasAgg(figure)
    figure.draw_without_rendering()
    return [text for ax in figure.axes for text in ax.texts]


def overlap(one, other):
    return min(one.x1, other.x1) - max(one.x0, other.x0) > 1 and min(one.y1, other.y1) - max(one.y0, other.y0) > 1


def test_the_diagram_keeps_its_texts_apart_and_inside():
    figure = one_step()
    found = texts(figure)
    boxes = [text.get_window_extent() for text in found]
    assert not [pair for pair in itertools.combinations(boxes, 2) if overlap(*pair)]
    whole = figure.bbox
    assert all(box.x0 >= 0 and box.y0 >= 0 and box.x1 <= whole.x1 and box.y1 <= whole.y1 for box in boxes)
    symbols = " ".join(text.get_text() for text in found)
    assert all(symbol in symbols for symbol in (r"\kappa", r"\nu", r"\Lambda_k", r"\Sigma", r"\mathbf{C}", "Prox"))


def test_the_detail_is_where_the_first_is_visibly_worse():
    clean = np.zeros((1, 100, 100))
    clean[:, :, 60:] = np.random.default_rng(0).random((1, 100, 40))
    first = clean.copy()
    first[:, 20:30, 20:30] += 0.2
    first[:, 70:80, 80:90] += 0.2
    top, left, side = worst_detail(clean, first, clean)
    assert top <= 20 <= 30 <= top + side
    assert left <= 20 <= 30 <= left + side


@pytest.mark.parametrize(
    ("face", "box", "corner"),
    [
        ((5, 5), (80, 80, 15), (False, True)),
        ((5, 70), (80, 5, 15), (False, False)),
        ((70, 5), (2, 80, 15), (False, False)),
    ],
)
def test_the_magnified_detail_covers_neither_the_face_nor_its_place(face, box, corner):
    """The sky is smoother than the ground; a face, anywhere, is rougher than both."""
    rng = np.random.default_rng(0)
    clean = 0.02 * rng.random((1, 100, 100))
    clean[:, 50:] += 0.1 * np.linspace(0, 1, 100)
    rows, columns = (slice(start, start + 25) for start in face)
    clean[:, rows, columns] = rng.random((1, 25, 25))
    low, right = free_corner(clean, box)
    covered = [range(52 * end, 52 * end + 48) for end in (low, right)]
    assert not all(start + 20 in places for start, places in zip(face, covered, strict=True))
    assert not all(start in places or start + box[2] - 1 in places for start, places in zip(box, covered, strict=False))
    assert (low, right) == corner


def labels(figure):
    """{text below a picture: its weight}."""
    return {ax.get_xlabel(): ax.xaxis.label.get_weight() for ax in figure.axes if ax.get_xlabel()}


def test_artefacts_need_both_priors_and_prefer_models_of_the_level(tmp_path):
    panel, rng, rows = Panel.parse("gray,25,Bundled,a"), np.random.default_rng(0), []
    for method, value in (("sc", 30.0), ("groupsc-blind", 31.0)):
        rows.append({
            "experiment": f"gray-{method}-sigma25", "task": "gray", "method": method, "level": 25.0,
            "dataset": "Bundled", "image": "a", "repetition": 0, "psnr": value,
        })  # fmt: skip
        for kind in ("clean", "restored"):
            write_image(tmp_path / f"gray-{method}-sigma25/Bundled/a-{kind}.png", rng.random((1, 40, 60)))
    figure = artefacts(rows=pd.DataFrame(rows), pictures=tmp_path, panels=[panel])
    assert labels(figure) == {"30.00 dB": "normal", "31.00 dB, blind": "bold"}
    tie = pd.DataFrame(rows).assign(psnr=[30.001, 30.002])
    tied = artefacts(rows=tie, pictures=tmp_path, panels=[panel])
    assert labels(tied) == {"30.00 dB": "normal", "30.00 dB, blind": "normal"}
    with pytest.raises(GroupSCError, match="GroupSC"):
        artefacts(rows=pd.DataFrame(rows[:1]), pictures=tmp_path, panels=[panel])
    with pytest.raises(GroupSCError, match="task,level,dataset,image"):
        Panel.parse("gray,25")
    assert Panel.parse("mosaic,,Kodak24,kodim01").level is None


def test_codes_of_a_group_are_those_of_the_model():
    """Patch 0 is the given one; its codes restore it, and an identical patch elsewhere is among the group."""
    image, _ = some_image(1, 14, 16)
    image[..., 8:13, 2:7] = image[..., 2:7, 8:13]
    models = [perturbed_coder(penalty="l1", window=20), perturbed_coder(penalty="group", window=20)]
    group = similar_patches(models, image[0], 10, 4, count=4)
    assert group.corners[0].tolist() == [3, 9]
    assert [9, 3] in group.corners.tolist()
    patch = image[0, :, 3:6, 9:12].reshape(-1)
    A, Y = None, patch - patch.mean()
    for lam in models[0].thresholds.detach():
        B = models[0].C.T @ Y if A is None else A + models[0].C.T @ (Y - models[0].D @ A)
        A = B.sign() * (B.abs() - lam).clamp(min=0)
    torch.testing.assert_close(group.codes["SC"][:, 0], A.detach())
    figure = draw_group(group, 3)
    shown = figure.axes[1].images[0].get_array()
    assert np.count_nonzero(shown) == int((group.codes["SC"] != 0).sum())
    with pytest.raises(GroupSCError, match="chooses the patches"):
        similar_patches(models[:1], image[0], 3, 3)
    with pytest.raises(GroupSCError, match="outside"):
        similar_patches(models, image[0], 16, 3)


def test_scenes_have_the_noise_of_the_protocol(tmp_path):
    sc, group = weights(tmp_path, "l1", method="sc"), weights(tmp_path, "group", method="groupsc")
    _, noisy, level = degraded_image(sc, "Bundled", "astronaut")
    _, other, _ = degraded_image(group, "Bundled", "astronaut")
    assert level == 25
    torch.testing.assert_close(noisy, other)
    scene = {"dataset": "Bundled", "images": ["astronaut"], "at": (40, 50)}
    titles = [ax.get_title() for ax in sparsity_pattern(weights=[sc, group], **scene).axes]
    assert titles[1:] == ["SC", "GroupSC"]
    assert "Σ, update 1" in [
        ax.get_title()
        for part in similarity_maps(weights=[group], **scene).subfigs
        for ax in part.axes
    ]  # fmt: skip
    folder = tmp_path / "raw" / "Set12"
    folder.mkdir(parents=True)
    write_image(folder / "05.png", np.full((1, 20, 20), 0.5))
    assert degraded_image(sc, "Set12", "05", data_dir=tmp_path / "raw")[1].shape == (1, 20, 20), (
        "the others may be missing"
    )
    with pytest.raises(GroupSCError, match="groupsc fetch Set12"):
        degraded_image(sc, "Set12", "06", data_dir=tmp_path / "raw")
    with pytest.raises(GroupSCError, match="no image 'x'"):
        degraded_image(sc, "Bundled", "x")
    with pytest.raises(GroupSCError, match="give a denoising model"):
        degraded_image(weights(tmp_path, "l1", method="sc", task="jpeg"), "Bundled", "astronaut")


def test_dictionaries_stand_side_by_side(tmp_path):
    paths = [weights(tmp_path, "l1", method="sc"), weights(tmp_path, "group", method="groupsc")]
    figure = dictionaries(weights=paths, shown=9)
    assert [ax.get_title().split("\n")[0] for ax in figure.axes] == ["gray-sc-sigma25", "gray-groupsc-sigma25"]
    assert figure.axes[0].images[0].get_array().shape == (13, 13, 3)
    trained = tmp_path / "jpeg-sc-quality10" / "weights.safetensors"
    trained.parent.mkdir()
    card = {"name": "jpeg-sc-quality10", "task": "jpeg", "method": "sc", "level": 10.0}
    save_weights(trained, perturbed_coder(penalty="l1").float(), card)
    assert dictionaries(weights=[trained], shown=9).axes[0].get_title().startswith("jpeg-sc-quality10\n")


def test_the_trade_off_shows_all_methods_and_its_labels_do_not_collide():
    def row(method, parameters, seconds, psnr):
        values = dict.fromkeys(COLUMNS) | {"experiment": f"gray-{method}-sigma25", "task": "gray", "method": method}
        values |= {"level": 25.0, "dataset": "BSD68", "image": "a", "repetition": 0, "mode": "whole", "psnr": psnr}
        values |= {"psnr_channels": psnr, "ssim": 0.8, "seconds": seconds, "parameters": parameters, "device": "A chip"}
        return values | {"code_version": "1"}

    rows = [row("sc", 68_000, 6.0, 28.7), row("groupsc", 68_300, 60.0, 28.71), row("bm3d", 0, 5.9, 28.69)]
    rows = pd.DataFrame([*rows, {**row("sc", 68_000, 6.0, 10.0), "image": "of one method alone"}])
    figure = tradeoff(rows=rows, sizes={"BSD68": 4})
    found = texts(figure)
    names = [text.get_text() for text in found]
    assert {"SC", "GroupSC", "NLRN", "DnCNN", "BM3D"} <= set(names)
    assert names.count("GroupSC") == 3
    boxes = [text.get_window_extent() for text in found]
    assert not [pair for pair in itertools.combinations(boxes, 2) if overlap(*pair)]
    assert figure.axes[1].get_xlabel() == "Seconds per image\nA chip"
    legend = [text.get_text() for text in figure.legends[0].get_texts()]
    assert "this library, 1 of 4 images" in legend
    assert min(y for ax in figure.axes for dots in ax.collections for _, y in dots.get_offsets()) > 28
    few = pd.DataFrame([*(rows.to_dict("records")), {**row("csr", 68_000, 6.0, 40.0), "image": "of one method alone"}])
    more = tradeoff(rows=pd.concat([few, few[few["image"] == "a"].assign(image="b", psnr=29.0)]), sizes={"BSD68": 4})
    assert "this library, 2 of 4 images" in [text.get_text() for text in more.legends[0].get_texts()]
    assert [text.get_text() for text in texts(more)].count("CSR") == 1, "of the paper alone"
    two = tradeoff(rows=rows.assign(device=["A chip", "B chip", "A chip", "A chip"]), sizes={"BSD68": 4})
    assert two.axes[1].get_xlabel() == "Seconds per image\n● A chip\n▲ B chip"
    assert len(two.axes[1].collections) == len(figure.axes[1].collections) + 1, "B's time has a marker of its own"
    with pytest.raises(GroupSCError, match="no values of the task"):
        tradeoff(rows=rows, level=7.0, sizes={})
    mosaics = rows.assign(task="mosaic", level=None, dataset="CBSD68", psnr=10.0)
    figure = tradeoff(rows=mosaics, task="mosaic", dataset="CBSD68", sizes={"CBSD68": 4})
    shown = [y for ax in figure.axes for dots in ax.collections for _, y in dots.get_offsets()]
    assert min(shown) > 28, "mosaics are compared by the mean of the channels' PSNRs"
