"""The stress set: what its pictures are."""

from __future__ import annotations

import pytest
import torch

from groupsc.data.stress_set import stress_pictures


@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize("side", [48, 64])
def test_pictures_have_their_size_and_range_and_come_out_the_same(channels, side):
    pictures, again = stress_pictures(channels, side=side), stress_pictures(channels, side=side)
    assert len(pictures) == {1: 11, 3: 15}[channels]
    for name, picture in pictures.items():
        assert picture.shape == (channels, side, side)
        assert picture.dtype == torch.float32
        assert torch.equal(picture, again[name])
        assert picture.min() >= 0
        assert (picture.max() > 1) == (name in ("photograph x2", "photograph x3"))
        assert picture.std() > 0.005, f"{name} is flat"


@pytest.mark.parametrize("width", [1, 2, 3])
def test_bars_have_their_width(width):
    row = stress_pictures(1)[f"bars {width}"][0, 0]
    changes = torch.nonzero(row[1:] != row[:-1]).flatten() + 1
    assert changes.tolist() == list(range(width, 48, width))


def test_patterns_and_colors_are_what_their_names_say():
    pictures = stress_pictures(3)
    checkerboard = pictures["checkerboard"]
    assert (checkerboard[:, :, 1:] != checkerboard[:, :, :-1]).all()
    assert (checkerboard[:, 1:] != checkerboard[:, :-1]).all()
    assert set(pictures["binary"].unique().tolist()) == {0, 1}
    red, green, blue = pictures["red on blue"]
    assert ((red == 1) ^ (blue == 1)).all()
    assert (green == 0).all()
    assert 0.05 < red.mean() < 0.6, "letters cover a part of the picture"
    torch.testing.assert_close(pictures["photograph x3"], 3 * pictures["photograph x1"])
    saturation = [(pictures[f"{name}photograph{x}"].std(0)).mean() for name, x in (("", " x1"), ("saturated ", ""))]
    assert saturation[1] > 1.5 * saturation[0]
    unrelated = pictures["unrelated channels"].flatten(1)
    assert torch.corrcoef(unrelated).triu(1).abs().max() < 0.6
