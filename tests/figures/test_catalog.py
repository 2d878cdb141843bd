"""Figures: that they are drawn, from the right numbers, and leave no trace."""

from __future__ import annotations

import subprocess
import sys

import matplotlib
import numpy as np
import pandas as pd
import pytest
import torch
from matplotlib.image import imread
from measured_rows import make_rows

from groupsc.figures.catalog import draw
from groupsc.figures.comparison import restorations
from groupsc.figures.dictionaries import atoms, draw_dictionary
from groupsc.figures.progress import progress, training_curves
from groupsc.figures.prox import csr_prox_curves
from groupsc.figures.style import save
from groupsc.figures.tradeoff import generalisation
from groupsc.io.images import write_image
from groupsc.ops.prox import csr_prox
from groupsc.paper.pictures import most_different_detail
from groupsc.utils.errors import GroupSCError


@pytest.mark.parametrize(
    ("name", "options", "words"),
    [
        ("figure4", {"task": "gray"}, "takes no task; it takes nothing"),
        ("training", {"logs": [], "level": 5.0, "at": (1, 2)}, "takes no level and no at; it takes logs"),
    ],
)
def test_an_option_that_a_figure_does_not_take_is_told(name, options, words, tmp_path):
    with pytest.raises(GroupSCError, match=words):
        draw(name, tmp_path / "a.png", **options)


def test_curves_of_many_trainings_leave_room_for_their_names(tmp_path, recwarn):
    logs = [tmp_path / f"gray-groupsc-patch{number}atoms256-sigma25" / "log.csv" for number in range(93)]
    for log in logs:
        log.parent.mkdir()
        log.write_text("step,minutes,loss,rate,validation_psnr,event\n100,1,0.1,1e-3,25.0,\n200,2,0.1,1e-3,26.0,\n")
    figure = training_curves(logs=logs)
    figure.savefig(tmp_path / "a.png")
    assert not [warning for warning in recwarn if "constrained_layout" in str(warning.message)]
    (legend,) = figure.legends
    bottom = min(ax.get_tightbbox().y0 for ax in figure.axes)
    assert legend.get_window_extent().y1 <= bottom


def test_figure_4_is_the_prox_of_the_library():
    figure = csr_prox_curves()
    assert len(figure.axes) == 3
    u, prox = figure.axes[1].lines[2].get_data()
    beta = torch.full((len(u),), 1.5, dtype=torch.float64)
    np.testing.assert_allclose(prox, csr_prox(torch.as_tensor(u), beta, 0.5, 1.0))
    flat = np.isclose(prox, 1.5).sum() * (u[1] - u[0])
    assert flat == pytest.approx(2 * 0.5 * 1.0, abs=0.02)


def test_files_are_vector_or_raster_and_always_the_same(tmp_path):
    first = draw("figure4", [tmp_path / "a.pdf", tmp_path / "a.png", tmp_path / "a.svg"])
    second = draw("figure4", [tmp_path / "b.pdf", tmp_path / "b.png", tmp_path / "b.svg"])
    assert first[0].read_bytes()[:4] == b"%PDF"
    assert b"/Subtype /Image" not in first[0].read_bytes()
    for one, other in zip(first, second, strict=True):
        assert one.read_bytes() == other.read_bytes()
    with pytest.raises(GroupSCError, match=r"\.png"):
        save(csr_prox_curves(), tmp_path / "figure.bmp")


def test_atoms_run_from_smooth_to_rough(tmp_path):
    ramp = torch.linspace(-1, 1, 3).repeat(3, 1)
    rough = torch.tensor([[1.0, -1, 1], [-1, 1, -1], [1, -1, 1]])
    D = torch.stack([rough.flatten(), ramp.flatten()], 1)
    shown = atoms(D=D, patch_size=3).axes[0].images[0].get_array()
    np.testing.assert_allclose(shown[1:4, 1:4, 0], 0.5 + ramp.numpy() / 2, atol=1e-6)
    np.testing.assert_allclose(shown[1:4, 5:8, 0], 0.5 + rough.numpy() / 2, atol=1e-6)
    D = torch.randn(3 * 16, 10, generator=torch.Generator().manual_seed(0))
    draw_dictionary(D, tmp_path / "atoms.png", channels=3, patch_size=4)
    assert imread(tmp_path / "atoms.png").shape[2] == 4
    shown = atoms(D=D, channels=3, patch_size=4).axes[0].images[0].get_array()
    assert shown.shape == (3 * 5 + 1, 4 * 5 + 1, 3)
    assert np.ptp(shown, axis=2).max() > 0.5


def test_the_detail_is_where_the_methods_differ():
    clean = np.zeros((1, 100, 120))
    other = clean.copy()
    other[:, 60:70, 30:40] = 1
    top, left, width, height = most_different_detail(clean, clean, other)
    assert (width, height) == (22, 16)
    assert top <= 60
    assert left <= 30
    assert top + height >= 70
    assert left + width >= 40
    assert most_different_detail(other, other)[:2] != (0, 0)


@pytest.fixture
def pictures(tmp_path):
    """Rows and pictures of one image by two methods."""
    rng = np.random.default_rng(0)
    clean = rng.random((1, 40, 60))
    rows = []
    for method, value in (("groupsc", 30.5), ("sc", 30.0)):
        row = {
            "experiment": f"gray-{method}-sigma25", "task": "gray", "method": method, "level": 25.0,
            "dataset": "Bundled", "image": "01", "repetition": 0, "psnr": value,
        }  # fmt: skip
        rows += [row, {**row, "image": "02"}]
        folder = tmp_path / row["experiment"] / "Bundled"
        for kind, noise in (("clean", 0), ("degraded", 0.1), ("restored", 0.05)):
            write_image(folder / f"01-{kind}.png", (clean + noise * rng.standard_normal(clean.shape)).clip(0, 1))
    return pd.DataFrame(rows), tmp_path


def test_restorations_side_by_side(pictures, tmp_path):
    rows, folder = pictures
    figure = restorations(rows=rows, pictures=folder, boxes={"01": (3, 4, 20)})
    titles = [ax.get_title() for ax in figure.axes if ax.get_title()]
    assert titles == ["Noisy", "SC", "GroupSC", "Clean"]
    labels = [ax.get_xlabel() for ax in figure.axes if ax.get_xlabel()]
    assert labels[1:] == ["30.00", "30.50", "PSNR (dB)"]
    assert 19 < float(labels[0]) < 22
    detail = figure.axes[-1].images[0].get_array()
    assert detail.shape == (15, 20, 3)
    assert [ax.xaxis.label.get_weight() for ax in figure.axes if ax.get_xlabel()][1:3] == ["normal", "bold"]
    tie = restorations(rows=rows.assign(psnr=30.0 + 0.001 * np.arange(len(rows))), pictures=folder)
    assert "bold" not in [ax.xaxis.label.get_weight() for ax in tie.axes]
    draw("denoising", tmp_path / "denoising.pdf", rows=rows, pictures=folder)


def test_missing_sources_are_named(pictures, tmp_path):
    rows, folder = pictures
    with pytest.raises(GroupSCError, match="no pictures of 02"):
        restorations(rows=rows, pictures=folder, images=["02"])
    with pytest.raises(GroupSCError, match="--pictures"):
        restorations(rows=rows, pictures=folder, task="color")
    with pytest.raises(GroupSCError, match="rows and pictures"):
        draw("denoising", tmp_path / "a.png")
    with pytest.raises(GroupSCError, match="figure4"):
        draw("figure99", tmp_path / "a.png")


def test_training_curves(tmp_path):
    log = tmp_path / "gray-sc-sigma25" / "log.csv"
    log.parent.mkdir()
    log.write_text(
        "step,minutes,loss,rate,validation_psnr,event\n"
        "100,1.0,9.5,0.001,28.0,\n200,2.0,8.5,0.001,27.0,back to the snapshot\n300,3.0,7.5,0.0008,28.5,\n"
    )
    figure = training_curves(logs=[log])
    assert figure.axes[0].lines[0].get_ydata().tolist() == [28.0, 27.0, 28.5]
    assert figure.axes[0].lines[1].get_xdata().tolist() == [200]
    draw("training", [tmp_path / "training.png"], logs=log)
    with pytest.raises(GroupSCError, match="log"):
        training_curves(logs=[tmp_path / "absent.csv"])


def test_progress_has_a_panel_of_every_level_in_order_and_a_line_of_every_prior(tmp_path):
    names = [
        "gray-sc-sigma50",
        "gray-sc-sigma5",
        "gray-groupsc-sigma50",
        "jpeg-sc-quality10",
        "gray-sc-blind",
        "mosaic-sc",
    ]
    names.append("color-csr-sigma10")
    for number, name in enumerate(names):
        text = f"step,minutes,loss,rate,validation_psnr,event\n0,0.0,,,{20 + number},\n9,2.5,1.0,0.1,{21 + number},\n"
        (tmp_path / f"{name}.csv").write_text(text)
    figure = progress(logs=[tmp_path / f"{name}.csv" for name in names])
    panels = {ax.get_title(): [line.get_xydata().tolist() for line in ax.lines] for ax in figure.axes}
    assert list(panels) == [
        "Gray, σ = 5",
        "Gray, σ = 50",
        "Gray, blind",
        "Color, σ = 10",
        "Demosaicking",
        "JPEG, quality 10",
    ]
    assert panels["Gray, σ = 50"] == [[[0.0, 20.0], [2.5, 21.0]], [[0.0, 22.0], [2.5, 23.0]]]
    draw("progress", [tmp_path / "progress.png"], logs=[tmp_path / "mosaic-sc.csv"])
    (tmp_path / "mine.csv").write_text(text)
    with pytest.raises(GroupSCError, match=r"mine.csv is not named after an experiment"):
        progress(logs=[tmp_path / "mine.csv"])
    (tmp_path / "gray-csr-sigma5.csv").write_text("a,b\n1,2\n")
    with pytest.raises(GroupSCError, match="groupsc train"):
        progress(logs=[tmp_path / "gray-csr-sigma5.csv"])


def test_nothing_of_the_program_that_plots_is_changed():
    before = dict(matplotlib.rcParams)
    csr_prox_curves()
    assert dict(matplotlib.rcParams) == before
    code = "import sys, groupsc.figures.catalog; sys.exit('matplotlib.pyplot' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_generalisation_has_a_curve_of_every_model_through_its_own_level(tmp_path):
    values = {("sc", 15.0): 31, ("sc", 25.0): 29, ("sc-trained25", 15.0): 30, ("sc-trained25", 50.0): 24}
    rows = pd.concat([make_rows(method, level, "BSD68", (psnr,)) for (method, level), psnr in values.items()])
    figure = generalisation(rows=rows)
    curves = {line.get_label(): list(map(tuple, line.get_xydata())) for line in figure.axes[0].lines}
    assert curves == {
        "SC": [(15.0, 31.0), (25.0, 29.0)],
        "SC, trained at 25": [(15.0, 30.0), (25.0, 29.0), (50.0, 24.0)],
    }
    draw("generalisation", [tmp_path / "a.png"], rows=rows)
    with pytest.raises(GroupSCError, match="no gray images of Set12"):
        generalisation(rows=rows, dataset="Set12")
