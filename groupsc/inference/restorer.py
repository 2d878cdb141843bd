"""A trained model as a torch module: for other people's code, plug-and-play algorithms, and export."""

from __future__ import annotations

import functools

import numpy as np
import torch
from torch import Tensor, nn

from groupsc.inference.tiling import restore
from groupsc.models.coder import SparseCoder
from groupsc.utils.errors import GroupSCError

HIGHEST_GAIN = 2.0
"""How far an image may be scaled up to bring its noise to the trained level. Nothing bounds a coder at contrasts it
never saw: beyond twice those of its training, codes may grow from step to step."""


class Restorer(nn.Module):
    """A model with its card.

    Noise only widens the range of an image, so estimates of noisy images are held within it. Iterative algorithms feed
    a model images unlike all that it was trained on, and stay bounded by that.

    Parameters
    ----------
    coder : SparseCoder
    card : dict
        Metadata of the weights file: name, task, level and how it was trained.
    """

    def __init__(self, coder: SparseCoder, card: dict):
        super().__init__()
        self.coder, self.card = coder, card

    def forward(self, x: Tensor, sigma: Tensor | float | None = None, mask: Tensor | None = None, **unknown) -> Tensor:
        """Restore a batch, as deepinv's denoisers do: its algorithms give x and sigma.

        Images of any size are restored in whole-image mode. Where gradients are wanted, of images or parameters, and in
        an export, the plain coder runs on the image as one block, whose memory grows with the square of its pixels.

        Parameters
        ----------
        x : Tensor (b, c, H, W)
            In [0, 1].
        sigma : float or Tensor (b,), optional
            Noise level in the range of the image (0.1, not 25). Left out, that of the training; blind models need it.
        mask : Tensor (c, H, W) or (b or 1, c, H, W), optional
            1 where a mosaic was measured; models of mosaics need it.

        Returns
        -------
        Tensor (b, c, H, W)
            Of the type of x and where it lies, not clipped to [0, 1].

        Raises
        ------
        GroupSCError
            For images of other channels, another number of noise levels than of images, a mask of another shape, or
            none for mosaics; for other arguments.
        """
        if unknown:
            raise GroupSCError(f"a model takes no {' and no '.join(unknown)}; it takes x, sigma and mask")
        self._check(x, mask)
        given, where = x, self.coder.D.device
        x = x.to(where, torch.promote_types(x.dtype, torch.float32))
        if mask is not None:
            mask = (mask[None] if mask.ndim == 3 else mask).to(where)
        level = None
        if sigma is not None:
            level = 255 * torch.as_tensor(sigma, dtype=x.dtype, device=x.device).flatten()
            if len(level) not in (1, len(x)):
                raise GroupSCError(f"{len(level)} noise levels came with {len(x)} images; give one, or one an image")
            level = level.expand(len(x))
        learning = x.requires_grad or any(parameter.requires_grad for parameter in self.coder.parameters())
        if torch.compiler.is_exporting() or (torch.is_grad_enabled() and learning):
            x, mask, level = (a if a is None else a.to(self.coder.D.dtype) for a in (x, mask, level))
            return self._scaled(self.coder, x, mask, level).to(given)
        levels = [None] * len(x) if level is None else level.tolist()
        masks = [mask] * len(x) if mask is None or len(mask) == 1 else mask.split(1)
        images = zip(x.split(1), masks, levels, strict=True)
        return torch.cat([self._scaled(functools.partial(restore, self.coder), *image) for image in images]).to(given)

    def _check(self, x: Tensor, mask: Tensor | None) -> None:
        channels = self.coder.config.channels
        if x.ndim != 4 or x.shape[1] != channels:
            raise GroupSCError(f"the images are {tuple(x.shape)}; this model restores batches (b, {channels}, H, W)")
        if mask is None and self.card["task"] == "mosaic":
            raise GroupSCError("this model restores mosaics; give the mask of what was measured")
        if mask is not None and mask.shape not in (x.shape, (1, *x.shape[1:]), x.shape[1:]):
            raise GroupSCError(f"the mask is {tuple(mask.shape)} and the images {tuple(x.shape)}; give it their shape")

    def _scaled(self, function, x: Tensor, mask: Tensor | None, level: Tensor | float | None) -> Tensor:
        """`function(x, mask, level=…)` of images scaled by their gain, scaled back."""
        gain = self.gain(level)
        level = None if level is None else level * gain
        if isinstance(gain, Tensor):
            gain = gain.view(-1, 1, 1, 1)
        return self._within(x, function(x * gain, mask, level=level) / gain)

    def _within(self, x: Tensor, restored: Tensor) -> Tensor:
        """Estimates, those of a denoiser within the range of the noisy image x."""
        if self.card["task"] not in ("gray", "color"):
            return restored
        return restored.clamp(x.amin((1, 2, 3), keepdim=True), x.amax((1, 2, 3), keepdim=True))

    def gain(self, level):
        """What an image is multiplied by so that its noise has the level of the training, or a blind model's last."""
        trained, levels = self.card.get("level"), self.coder.config.levels
        if level is None or (levels is None and (trained is None or self.card["task"] == "jpeg")):
            return 1.0
        goal, highest = (trained, HIGHEST_GAIN) if levels is None else (levels[-1], 1.0)
        level = torch.as_tensor(level, device=self.coder.D.device)
        return torch.clamp(goal / torch.clamp(level, min=1e-6), max=highest)

    def restore(self, image: np.ndarray, *, mask: np.ndarray | None = None, level: float | None = None, **options):
        """Restore one array (c, H, W); `options` as for `groupsc.inference.tiling.restore`."""
        where = self.coder.D.device
        x = torch.from_numpy(np.ascontiguousarray(image))[None].to(where)
        M = None if mask is None else torch.from_numpy(mask)[None].to(where)
        return self._scaled(functools.partial(restore, self.coder, **options), x, M, level)[0].cpu().numpy()

    def require(self, task: str) -> None:
        """Raise an error unless the model was trained for the task."""
        if self.card["task"] != task:
            raise GroupSCError(
                f"the model {self.card.get('name')} was trained for the task {self.card['task']!r}, and this is "
                f"{task!r}; choose other weights"
            )
