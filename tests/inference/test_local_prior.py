"""Whole images with a local prior: tiles of any size against the coder, codes, progress and threads."""

from __future__ import annotations

import functools

import pytest
import torch
from small_models import perturbed_coder, some_image

from groupsc.inference.local_prior import tiles
from groupsc.inference.sliding_window import codes_of, number_of_steps, restore_whole
from groupsc.ops.patches import PatchGrid

CPU = torch.device("cpu")
whole = functools.partial(restore_whole, matmul_dtype=torch.float64)


@pytest.fixture(params=[(1, 1), (7, 3), (30, 6), (2048, 5)], ids=str)
def tiled(request, monkeypatch):
    """Tiles of at most so many patches and columns, few of them together."""
    patches, columns = request.param
    monkeypatch.setattr("groupsc.ops.workers.CHUNK", patches)
    monkeypatch.setattr("groupsc.inference.local_prior.TILE_COLUMNS", columns)
    monkeypatch.setattr("groupsc.inference.local_prior.TILES_TOGETHER", 2)


@pytest.mark.parametrize("stride", [1, 2, 3])
@pytest.mark.parametrize(("channels", "masked"), [(1, False), (3, True)], ids=["gray", "mosaic"])
def test_tiles_change_nothing(tiled, stride, channels, masked):
    """On an image that the grid covers, and on one that needs a reflected border."""
    model = perturbed_coder(penalty="l1", channels=channels, patch_stride=stride)
    for height, width in ((21, 33), (20, 31)):
        image, mask = some_image(channels, height, width, masked=masked)
        with torch.no_grad():
            expected = model(image, mask)
        steps = []
        found = whole(model, image, mask, advance=steps.append)
        torch.testing.assert_close(found, expected, rtol=0, atol=1e-12)
        assert sum(steps) == number_of_steps(model, height, width, CPU)
        codes = codes_of(model, image, mask)
        grid = model.patch_grid(height, width)
        assert codes.shape == (grid.rows, grid.columns, model.config.n_atoms)
        means = grid.extract(image).mean(-1, keepdim=True)
        decoded = grid.average(codes.flatten(0, 1)[None] @ model.W.detach().T + means)
        torch.testing.assert_close(decoded, expected, rtol=0, atol=1e-12)


@pytest.mark.parametrize("columns", [1, 63, 64, 65, 129, 4000])
def test_tiles_cover_each_patch_once(columns):
    grid = PatchGrid(50, columns + 2, patch_size=3)
    seen = torch.zeros(grid.rows, grid.columns)
    for tile in tiles(grid, CPU):
        seen[tile.rows, tile.columns] += 1
    assert (seen == 1).all()


def test_threads_change_nothing(tiled):
    model = perturbed_coder(penalty="l1")
    image, _ = some_image(1, 25, 30)
    number = torch.get_num_threads()
    try:
        torch.set_num_threads(1)
        alone = whole(model, image)
        torch.set_num_threads(3)
        assert torch.equal(whole(model, image), alone)
    finally:
        torch.set_num_threads(number)
