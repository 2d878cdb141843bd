"""What a model did for the patch around a pixel: the patches that its similarity counts, and the atoms that it uses."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from groupsc.models.coder import SparseCoder
from groupsc.utils.errors import GroupSCError


@dataclass(frozen=True, kw_only=True)
class Explanation:
    """What a coder did for the patch around one pixel of an image.

    Parameters
    ----------
    degraded, restored : Tensor (c, h, w)
        The surroundings that the patch sees.
    top, left : int
        The patch's corner in them.
    similarities : Tensor (R, rows, columns)
        Σ of every patch of the surroundings to this one, initially and after each refresh; R = 0 for SC.
    codes : Tensor (p,)
        The patch's codes in the end.
    W : Tensor (m, p)
        The atoms that they weigh.
    """

    degraded: Tensor
    restored: Tensor
    top: int
    left: int
    similarities: Tensor
    codes: Tensor
    W: Tensor

    def summary(self) -> dict:
        """In numbers: how many patches count (the sum of Σ) at each refresh, and the atoms in use."""
        used = self.codes.abs().argsort(descending=True)[: int((self.codes != 0).sum())]
        return {
            "similar_patches": [round(float(Sigma.sum()), 2) for Sigma in self.similarities],
            "atoms_in_use": len(used),
            "atoms": {int(atom): round(float(self.codes[atom]), 4) for atom in used[:12]},
        }


def explain(
    model: SparseCoder, image: Tensor, x: int, y: int, *, level: float | None = None, gain: float = 1.0
) -> Explanation:
    """Restore the surroundings of a pixel and keep what happened to the patch around it.

    Parameters
    ----------
    model : SparseCoder
    image : Tensor (c, H, W)
        Degraded, in [0, 1].
    x, y : int
        Column and row of the pixel.
    level : float, optional
        Noise σ in gray levels of 255, for blind models.
    gain : float
        What the image is multiplied by before, to bring its noise to a level that the model knows: `Restorer.gain`. Σ
        and codes are those of the scaled image.

    Raises
    ------
    GroupSCError
        When the pixel lies outside, or the image is smaller than a patch or has other channels than the model.
    """
    config = model.config
    channels, height, width = image.shape
    if channels != config.channels or min(height, width) < config.patch_size:
        raise GroupSCError(
            f"the image is {tuple(image.shape)}; the model explains images of {config.channels} channels and at least "
            f"{config.patch_size}×{config.patch_size} pixels"
        )
    surroundings, top, left = seen_around(model, image, x, y)
    recorder, restored = recorded(model, gain * surroundings, None if level is None else gain * level)
    grid = tuple(length - config.patch_size + 1 for length in surroundings.shape[-2:])
    target = top * grid[1] + left
    seen = [Sigma[0, :, target].view(grid) for Sigma in recorder.similarities]
    return Explanation(
        degraded=surroundings[0],
        restored=restored[0] / gain,
        top=top,
        left=left,
        similarities=torch.stack(seen) if seen else torch.zeros(0, *grid),
        codes=recorder.codes[0, target],
        W=recorder.W.detach(),
    )


class Recorder(SparseCoder):
    """A coder that keeps its similarities and codes."""

    def __init__(self, config):
        super().__init__(config)
        self.similarities, self.codes = [], None

    def _refresh(self, *arguments):
        self.similarities.append(super()._refresh(*arguments))
        return self.similarities[-1]

    def _iterate(self, *arguments):
        self.codes = super()._iterate(*arguments)
        return self.codes


def recorded(model: SparseCoder, image: Tensor, level: float | None) -> tuple[Recorder, Tensor]:
    """A recorder with the parameters of a model that restored an image (1, c, H, W), and the restored image."""
    recorder = Recorder(model.config)
    recorder.load_state_dict(model.state_dict())
    with torch.no_grad():
        return recorder, recorder.to(image.dtype)(image, level=level)


def seen_around(model: SparseCoder, image: Tensor, x: int, y: int) -> tuple[Tensor, int, int]:
    """What the patch around a pixel of an image (c, H, W) sees, (1, c, h, w), and where in it the patch begins, top and
    left.

    Raises
    ------
    GroupSCError
        When the pixel lies outside.
    """
    height, width = image.shape[-2:]
    if not (0 <= x < width and 0 <= y < height):
        raise GroupSCError(f"the pixel {x},{y} lies outside of the image, which is {width} wide and {height} high")
    side, patch_size = model.config.block(), model.config.patch_size
    top, left = (min(max(0, place - side // 2), max(0, size - side)) for place, size in ((y, height), (x, width)))
    seen = image[None, :, top : top + side, left : left + side]
    places = ((y - top, seen.shape[-2]), (x - left, seen.shape[-1]))
    return seen, *(min(max(0, place - patch_size // 2), size - patch_size) for place, size in places)
