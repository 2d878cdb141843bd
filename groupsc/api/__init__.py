"""Restore numpy arrays: the functions that `import groupsc` offers, with the conventions of scikit-image.

Images are gray (H, W), or have three channels along `channel_axis`, and contain integers or floats; for `deblock` and
`demosaick` uint8, uint16 or floats in [0, 1]. The result has the shape and the type of the input. Noise levels are in
the units of the image: 25 for an 8-bit image, 25 / 255 for the same image as floats in [0, 1]. An image with three
equal channels is restored as a gray image. All other axes are batch axes (`groupsc.api.array_kinds`): their
images are restored one by one. Torch tensors, masked arrays and dask arrays give arrays of their kind.
"""

from groupsc.api.deblocking import deblock, deblock_with_facts
from groupsc.api.demosaicking import demosaick, demosaick_with_facts
from groupsc.api.denoising import denoise, estimate_noise
from groupsc.api.developing import develop
from groupsc.api.loading import load
from groupsc.api.noise_removal import denoise_with_facts, noise_task, noisy_channels

__all__ = [
    "deblock",
    "deblock_with_facts",
    "demosaick",
    "demosaick_with_facts",
    "denoise",
    "denoise_with_facts",
    "develop",
    "estimate_noise",
    "load",
    "noise_task",
    "noisy_channels",
]
