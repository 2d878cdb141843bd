"""Make the stress set: test images unlike photographs, such as fine patterns, text, lines, stars and strong colours.

On these images, the result of a model trained on photographs can be worse than the input, or diverge. The images are
made by code and from the photographs of scikit-image. Every call makes the same images.
"""

from __future__ import annotations

import functools

import numpy as np
import torch
from PIL import Image, ImageDraw, ImageFont
from torch import Tensor

from groupsc.data.bundled import BUNDLED
from groupsc.data.datasets import load_images
from groupsc.utils.randomness import seeded

SIDE = 48
"""Side of an image in pixels: enough for a few words of text, and a fraction of a second of run time per model."""

STRESS_LEVELS = (0.5, 1.0, 5.0, 15.0, 25.0, 50.0)
"""Noise levels σ, in gray levels of 255, for the test of blind models."""

CONTRASTS = (1, 2, 3)
"""Factors that multiply the photograph. With a factor above 1, the values exceed 1."""

WORDS = "Fine text 8 of a page of 0123 words"
RED, BLUE, WHITE, BLACK = (255, 0, 0), (0, 0, 255), (255, 255, 255), (0, 0, 0)


def stress_pictures(channels: int, *, side: int = SIDE) -> dict[str, Tensor]:
    """Make the images of the stress set.

    Parameters
    ----------
    channels : {1, 3}
    side : int
        Height and width of each image in pixels.

    Returns
    -------
    dict of str to Tensor (channels, side, side), float32
        By name; 11 gray or 15 colour images. They are in [0, 1], except `photograph x2` and `photograph x3`, whose
        contrast is multiplied by the factor in the name.

    Examples
    --------
    >>> list(stress_pictures(1))[:3]
    ['bars 1', 'bars 2', 'bars 3']
    """
    columns, rows = torch.arange(side).expand(side, side), torch.arange(side)[:, None].expand(side, side)
    pictures = {f"bars {width}": _gray(columns // width % 2, channels) for width in (1, 2, 3)}
    pictures["checkerboard"] = _gray((rows + columns) % 2, channels)
    pictures["binary"] = torch.randint(2, (channels, side, side), generator=seeded("stress", "binary")).float()
    pictures["text"] = _text(side, channels, ground=WHITE, colors=[BLACK])
    pictures["lines"] = _lines(side, channels)
    pictures["stars"] = _stars(side, channels)
    photograph = _photograph("camera" if channels == 1 else "motorcycle_left", channels, side)
    pictures |= {f"photograph x{factor}": factor * photograph for factor in CONTRASTS}
    if channels == 3:
        pictures["red on blue"] = _text(side, channels, ground=BLUE, colors=[RED])
        pictures["red and blue on white"] = _text(side, channels, ground=WHITE, colors=[RED, BLUE])
        mean = photograph.mean(0, keepdim=True)
        pictures["saturated photograph"] = (mean + 4 * (photograph - mean)).clamp(0, 1)
        sources = ("camera", "grass", "brick")
        pictures["unrelated channels"] = torch.cat([_photograph(source, 1, side) for source in sources])
    return pictures


def _gray(values: Tensor, channels: int) -> Tensor:
    return values.float().expand(channels, *values.shape).clone()


def _text(side: int, channels: int, *, ground, colors) -> Tensor:
    """Draw lines of text in alternating colours, with a bitmap font and without smoothing."""
    image = Image.new("RGB", (side, side), ground)
    draw, font = ImageDraw.Draw(image), ImageFont.load_default_imagefont()
    draw.fontmode = "1"
    letters = max(1, side // 6)
    for number, top in enumerate(range(0, side, 11)):
        line = (WORDS * 2 * (1 + letters))[number * letters : (number + 1) * letters]
        draw.text((1, top), line, fill=colors[number % len(colors)], font=font)
    return _tensor(image, channels)


def _lines(side: int, channels: int) -> Tensor:
    """Draw lines one pixel wide between random points, white or in strong colours, on black."""
    generator = seeded("stress", "lines")
    image = Image.new("RGB", (side, side))
    draw = ImageDraw.Draw(image)
    for _ in range(side // 4):
        places = torch.randint(side, (4,), generator=generator).tolist()
        color = int(torch.randint(1, 8, (), generator=generator))
        draw.line(places, fill=WHITE if channels == 1 else tuple(255 * (color >> bit & 1) for bit in range(3)))
    return _tensor(image, channels)


def _stars(side: int, channels: int) -> Tensor:
    """Draw points of light of many magnitudes on a dark ground, blurred by a Gaussian of σ = 1 pixel."""
    generator = seeded("stress", "stars")
    axis = torch.arange(side, dtype=torch.float32)
    picture = torch.full((channels, side, side), 0.02)
    for _ in range(side // 2):
        y, x, magnitude = torch.rand(3, generator=generator).tolist()
        color = 1 - 0.4 * torch.rand(channels, 1, 1, generator=generator)
        spot = torch.outer(torch.exp(-((axis - side * y) ** 2) / 2), torch.exp(-((axis - side * x) ** 2) / 2))
        picture += 10 ** (-2 * magnitude) * color * spot
    return picture.clamp(0, 1)


def _photograph(name: str, channels: int, side: int) -> Tensor:
    """Crop a detailed part of a photograph of scikit-image."""
    image = _bundled(channels)[name]
    top, left = image.shape[1] // 4, image.shape[2] // 2 - side // 2
    return torch.from_numpy(image[:, top : top + side, left : left + side].copy())


@functools.cache
def _bundled(channels: int) -> dict[str, np.ndarray]:
    return load_images(BUNDLED, channels=channels)


def _tensor(image: Image.Image, channels: int) -> Tensor:
    """Convert an image to (channels, H, W) in [0, 1]. Gray is the luma."""
    pixels = np.asarray(image if channels == 3 else image.convert("L"), dtype=np.float32) / 255
    return torch.from_numpy(pixels[None] if channels == 1 else np.ascontiguousarray(pixels.transpose(2, 0, 1)))
