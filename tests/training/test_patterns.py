"""Training crops with artificial patterns."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
import torch

from groupsc.data.degradations import jpeg
from groupsc.training.patterns import (
    LARGEST_CELL,
    LONGEST_PERIOD,
    blocks,
    checkerboard,
    grating,
    stripes,
    with_compressed_patterns,
    with_patterns,
)
from groupsc.utils.randomness import seeded

SIDE = 40
SEEDS = range(40)


def runs(line: torch.Tensor) -> np.ndarray:
    """Lengths of the runs of equal values inside a line, without the first and the last run."""
    changes = np.flatnonzero(np.diff(line.int().numpy()))
    return np.diff(changes)


@pytest.mark.parametrize("channels", [1, 3])
def test_patterns_have_two_colors(channels):
    crops = with_patterns(torch.zeros(60, channels, 16, 16), 1.0, seeded("patterns"))
    colors = [len(torch.unique(crop.flatten(1), dim=1).T) for crop in crops]
    assert max(colors) == 2
    assert np.mean(colors) > 1.6


def test_stripes_are_constant_along_one_axis_and_regular_along_the_other():
    directions, thicknesses = set(), set()
    for seed in SEEDS:
        inside = stripes(SIDE, SIDE, seeded("stripes", seed))
        vertical = bool((inside == inside[:1]).all())
        assert vertical or (inside == inside[:, :1]).all()
        lengths = runs(inside[0] if vertical else inside[:, 0])
        assert len(set(lengths)) == 1
        directions.add(vertical)
        thicknesses.add(int(lengths[0]))
    assert directions == {False, True}
    assert {1, 2, 3} <= thicknesses <= set(range(1, round(LONGEST_PERIOD / 2) + 1))


def test_gratings_have_their_period_along_their_normal():
    """A grating contains few spatial frequencies: the strongest one is at 2 to `LONGEST_PERIOD` pixels."""
    angles = []
    for seed in SEEDS:
        inside = grating(96, 96, seeded("grating", seed)).double()
        window = torch.hann_window(96, dtype=torch.float64)
        power = torch.fft.fft2((inside - inside.mean()) * window * window[:, None]).abs()
        row, column = divmod(int(power.argmax()), 96)
        frequency = np.array([torch.fft.fftfreq(96)[row], torch.fft.fftfreq(96)[column]])
        assert 1 / LONGEST_PERIOD - 0.02 < np.hypot(*frequency) < 0.5 + 0.02
        angles.append(np.arctan2(*frequency) % np.pi)
    assert np.std(angles) > 0.4


def test_neighbouring_cells_of_a_checkerboard_differ():
    sides = set()
    for seed in SEEDS:
        inside = checkerboard(SIDE, SIDE, seeded("checkerboard", seed))
        side = int(runs(inside[0])[0])
        assert (inside[side:] != inside[:-side]).all()
        assert (inside[:, side:] != inside[:, :-side]).all()
        sides.add(side)
    assert {1, 2} <= sides <= set(range(1, LARGEST_CELL + 1))


def test_blocks_are_cells_of_random_colors():
    shares = []
    for seed in SEEDS:
        inside = blocks(SIDE, SIDE, seeded("blocks", seed))
        fitting = [
            side
            for side in range(1, LARGEST_CELL + 1)
            if torch.equal(
                inside, inside[::side, ::side].repeat_interleave(side, 0).repeat_interleave(side, 1)[:SIDE, :SIDE]
            )
        ]
        assert fitting
        shares.append(inside.float().mean().item())
    assert np.ptp(shares) > 0.4


def test_compressed_patterns_are_blocks_of_jpeg_at_random_phases():
    """Compressing a decoded JPEG again changes it much less on its own grid of blocks than on others."""
    zeros = torch.zeros(30, 1, 24, 24)
    clean, degraded = with_compressed_patterns(zeros, zeros, 1.0, 20, seeded("patterns"))
    assert max(len(torch.unique(crop)) for crop in clean) == 2
    phases = []
    for crop in degraded:
        changes = {}
        for top, left in itertools.product(range(8), range(8)):
            blocks = crop[:, top : top + 16, left : left + 16]
            changes[top, left] = float((jpeg(blocks, 20) - blocks).abs().mean())
        first, second = sorted(changes, key=changes.get)[:2]
        if changes[second] > 2 * changes[first]:
            phases.append(first)
    assert len(phases) > 10
    assert len(set(phases)) > 8
