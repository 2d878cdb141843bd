"""Algorithm 1 with the prior of SC for tiles of an image on a CPU, by functions in C.

The functions are in `coding.c`; see `groupsc.inference.compiled.library`. They compute the same as
`groupsc.inference.local_prior` does with the operations of torch. All iterations of 16 or 32 neighbouring patches run
before those of the next ones, and atoms that none of these patches uses are left out of the product D A.

Symbols as in `groupsc.models.coder`; K iterations.
"""

from __future__ import annotations

import ctypes
from ctypes import c_int64

import torch
from torch import Tensor
from torch.nn.functional import pad

from groupsc.inference.compiled.library import PADDING, Bounds, Sizes
from groupsc.ops.workers import Scratch
from groupsc.utils.errors import GroupSCError


class CompiledCoding:
    """Sums of the estimates of the patches of one image, tile by tile. All tensors are on the CPU.

    Parameters
    ----------
    D, C, W : Tensor (m, p)
    thresholds : Tensor (K, p)
    image : Tensor (1, c, H, W), float32
        Degraded image in [0, 1], zeros where nothing was measured.
    mask : Tensor (1, c, H, W), optional
        1 where a value was measured.
    patch_size : int
    matmul_dtype : torch.dtype
        Type of the codes, for which the functions were compiled.
    functions : ctypes.CDLL
        As from `groupsc.inference.compiled.library.library`.

    Raises
    ------
    GroupSCError
        When the image has another number of channels than the model.

    Examples
    --------
    >>> from groupsc.inference.compiled.library import library
    >>> if functions := library(torch.float32):
    ...     eye, image = torch.eye(4), torch.rand(1, 1, 5, 9)
    ...     coding = CompiledCoding(eye, eye, eye, torch.zeros(1, 4), image, None, 2, torch.float32, functions)
    ...     patch = coding.estimates(slice(3, 4), slice(0, 1))
    ...     torch.testing.assert_close(patch, image[..., 3:5, 0:2])
    """

    def __init__(
        self,
        D: Tensor,
        C: Tensor,
        W: Tensor,
        thresholds: Tensor,
        image: Tensor,
        mask: Tensor | None,
        patch_size: int,
        matmul_dtype: torch.dtype,
        functions: ctypes.CDLL,
    ):
        (_, channels, height, width), (m, p) = image.shape, D.shape
        if m != channels * patch_size**2:
            raise GroupSCError(f"the image has {channels} channels, but the model has patches of {m} values")
        self.functions, self.patch_size, self.channels = functions, patch_size, channels
        self.sizes = Sizes(channels, patch_size, p, len(thresholds), height, width)
        found = (c_int64 * 5)()
        functions.coding_sizes(self.sizes, found)
        _, terms, entries, atoms, self.scratch_bytes = found
        minus_D = pad(-D.T, (0, entries - m)).to(matmul_dtype).contiguous()
        # A term of the encoder consists of the entries of neighbouring rows.
        encoder = pad(C, (0, atoms - p, 0, -m % terms)).to(matmul_dtype)
        encoder = encoder.unflatten(0, (-1, terms)).transpose(1, 2).contiguous()
        decoder = pad(W.float().T, (0, entries - m)).contiguous()
        measured = None if mask is None else _with_padding(mask.expand_as(image))
        self.image, self.scratch = _with_padding(image), Scratch()
        self.arrays = minus_D, encoder, decoder, thresholds.float().contiguous(), self.image, measured

    def estimates(self, rows: slice, columns: slice) -> Tensor:
        """Sums of the estimates A Wᵀ + μ of the patches in some rows and columns of the grid, over their pixels.

        Returns
        -------
        Tensor (1, c, h, w)
            For h − patch_size + 1 rows and w − patch_size + 1 columns of patches.
        """
        tile = Bounds(rows.start, rows.stop, columns.start, columns.stop)
        size = (part.stop - part.start + self.patch_size - 1 for part in (rows, columns))
        # The image has the type and the device that the functions need.
        total = self.image.new_zeros(1, self.channels, *size)
        scratch = self.scratch.empty("scratch", (self.scratch_bytes // self.image.itemsize,), self.image)
        addresses = [None if array is None else array.data_ptr() for array in self.arrays]
        self.functions.coding_tile(self.sizes, tile, *addresses, total.data_ptr(), scratch.data_ptr())
        return total


def _with_padding(image: Tensor) -> Tensor:
    """The values of an image, followed by zeros that the functions read."""
    return pad(image.float().flatten(), (0, PADDING))
