"""Predicted times: the measured speed and its file, and the pixels that are computed."""

from __future__ import annotations

import pytest
import torch
from small_models import perturbed_coder

from groupsc.inference.restoration import blockwise
from groupsc.inference.restorer import Restorer
from groupsc.inference.speed import Speed, read_speeds, speeds_file


@pytest.fixture
def model(tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    return Restorer(perturbed_coder(), {"task": "gray", "level": 25})


def test_a_machine_is_measured_once_until_a_restoration_tells_more(model):
    first = Speed(model).seconds(1e6)
    assert first > 0
    assert Speed(model).seconds(2e6) == pytest.approx(2 * first)
    Speed(model).store(30.0, 1e6)
    assert Speed(model).seconds(1e6) == pytest.approx(30)
    assert Speed(model, "block").key not in read_speeds()


def test_another_version_of_the_package_is_measured_again(model, monkeypatch):
    Speed(model).store(1e9, 1)
    monkeypatch.setattr("groupsc.inference.speed.__version__", "another")
    assert Speed(model).seconds(1.0) < 1e9


def test_a_damaged_file_is_measured_again(model):
    speeds_file().parent.mkdir(parents=True)
    speeds_file().write_text("[1, 2")
    assert Speed(model).seconds(1.0) > 0
    assert list(read_speeds()) == [Speed(model).key]


@pytest.mark.parametrize("stride", [None, 5])
def test_blocks_are_counted_as_they_are_computed(model, stride):
    config, computed = model.coder.config, []

    def count(blocks, masks):
        computed.append(blocks.numel())
        return blocks

    side = config.block(stride)
    sizes = {"side": side, "stride": stride or config.window, "weight": torch.ones(side, side)}
    blockwise(count, torch.zeros(1, 1, 61, 50), None, together=3, **sizes)
    assert Speed(model, "block", stride).computed_pixels(61, 50, memory=1e9) == sum(computed)
