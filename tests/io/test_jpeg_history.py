"""The quality of an earlier compression: files that were saved once and twice."""

from __future__ import annotations

import io

import numpy as np
import pytest
import skimage.data
from PIL import Image

from groupsc.data.stress_set import stress_pictures
from groupsc.io.jpeg_history import LUMA, earlier_quality

PICTURES = {"gray": skimage.data.camera()[150:310, 130:290], "color": skimage.data.astronaut()[60:220, 160:320]}


def saved(pixels, quality):
    """The decoded pixels of a JPEG, and its luminance table; the pixels themselves for None."""
    if quality is None:
        return pixels, None
    file = io.BytesIO()
    Image.fromarray(pixels).save(file, "JPEG", quality=quality)
    image = Image.open(file)
    return np.asarray(image), image.quantization[0]


def found(pixels, table):
    return earlier_quality(pixels if pixels.ndim == 2 else pixels @ LUMA, table)


@pytest.mark.parametrize("name", PICTURES)
@pytest.mark.parametrize(
    ("last", "firsts"), [(None, (10, 30, 50, 75, 90)), (95, (20, 60)), (90, (10, 30, 75)), (75, (20, 50))]
)
def test_the_first_quality_is_found_after_a_lossless_file_or_a_better_jpeg(name, last, firsts):
    for first in firsts:
        once, _ = saved(PICTURES[name], first)
        assert found(*saved(once, last)) == pytest.approx(first, abs=1), f"{first}, then {last}"


@pytest.mark.parametrize("name", PICTURES)
def test_files_that_were_compressed_once_raise_no_alarm(name):
    qualities = (None, 98, 90, 80, 75, 60, 50, 40, 30, 20, 10)
    assert [found(*saved(PICTURES[name], quality)) for quality in qualities] == [None] * len(qualities)


def test_other_grids_better_qualities_patterns_and_small_images_raise_no_alarm():
    once, _ = saved(PICTURES["gray"], 30)
    assert found(*saved(once[3:, 5:], 90)) is None, "a crop moves the grid"
    assert found(*saved(saved(PICTURES["gray"], 90)[0], 30)) is None, "the second compression is the stronger one"
    assert found(once[:48, :48], None) is None
    pictures = stress_pictures(1, side=96)
    for name, quality in (("bars 2", 50), ("bars 3", None), ("checkerboard", 90), ("text", 75), ("stars", 50)):
        pixels = (255 * pictures[name][0].clamp(0, 1)).round().byte().numpy()
        assert found(*saved(pixels, quality)) is None, name
