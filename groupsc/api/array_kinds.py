"""Apply a function of one image to stacks, masked arrays, torch tensors and dask arrays.

All axes but those of the rows, the columns and the channels are batch axes. The images of a batch are independent.
"""

from __future__ import annotations

import itertools
import sys
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from groupsc.utils.errors import GroupSCError

MOST_CHANNELS = 4
"""If `channel_axis` is None and the last axis of a stack is at most this long, an error asks for `channel_axis`: the
axis is probably that of the colours."""


Restore = Callable[[NDArray[Any], int | None, NDArray[np.bool_] | None], NDArray[Any]]
"""A function of one image (H, W), or with channels along an axis: `restore(image, channel_axis, where)`."""


def restore_images(
    restore: Restore,
    image: Any,
    channel_axis: int | None,
    *,
    margin: Callable[[], int] | None = None,
    period: int = 1,
    grid: int = 1,
) -> Any:
    """Apply a function to each image of an array.

    Parameters
    ----------
    restore : callable
        `restore(image, channel_axis, where)` restores one image. `where` (H, W) is False where the image was masked, or
        None. The result has the layout of the image, or (H, W, 3), or is a number.
    image : array_like, masked array, torch.Tensor or dask.array.Array
        (..., H, W), or with channels along `channel_axis`.
    channel_axis : int or None
        Axis of the channels.
    margin : callable, optional
        Returns the width in pixels of the margin with which a block of a dask array is restored. Without it, dask
        arrays are refused.
    period : int
        Masked pixels are filled from pixels whose row and column differ by multiples of the period; 2 for mosaics.
    grid : int
        The blocks of a dask array are changed so that they begin at multiples of this number; for JPEG images.

    Returns
    -------
    array
        Of the kind of `image`. A masked array keeps its mask and the data under it. A tensor is on the device of
        `image` and has no gradient. A dask array is computed when its values are needed.

    Raises
    ------
    GroupSCError
        As for `restore`; when the last axis seems to be that of the channels, but `channel_axis` is None.

    Examples
    --------
    >>> stack = np.arange(30.0).reshape(2, 3, 5)
    >>> bool((restore_images(lambda image, axis, where: 2 * image, stack, None) == 2 * stack).all())
    True
    """
    if isinstance(image, torch.Tensor):
        return _of_tensor(restore, image, channel_axis, period)
    dask = sys.modules.get("dask.array")
    if dask is not None and isinstance(image, dask.Array):
        if margin is None:
            raise GroupSCError("a dask array can't be used here; give numpy arrays, such as image.compute()")
        return _of_dask(restore, image, channel_axis, margin(), period, max(grid, period))
    mask = np.ma.getmaskarray(image) if isinstance(image, np.ma.MaskedArray) else None
    values = np.asarray(image)
    _check_axes(values.shape, channel_axis)
    restored = _stack(restore, values, channel_axis, mask, period)
    if mask is None or restored.ndim < values.ndim:
        return restored
    if restored.ndim > values.ndim:  # The colours of a mosaic.
        values, mask = (np.broadcast_to(x[..., None], restored.shape) for x in (values, mask))
    return np.ma.MaskedArray(np.where(mask, values, restored), mask, fill_value=image.fill_value)


def levels_of(image: Any, sigma: Any, channel_axis: int | None) -> Iterator[Any]:
    """Return σ of each image of a stack, in the order and with the axes in which `restore_images` gives the images.

    Parameters
    ----------
    image : array (..., H, W)
    sigma : object
        σ for all images, or a map of the shape of the stack or of one image of it.
    channel_axis : int or None
        Axis of the channels.

    Returns
    -------
    iterator
        `sigma` for each image, or the map of each image.

    Raises
    ------
    GroupSCError
        If the map of a stack has another shape.

    Examples
    --------
    >>> maps = levels_of(np.zeros((2, 3, 5)), np.arange(30).reshape(2, 3, 5), None)
    >>> [int(one[0, 0]) for one in maps]
    [0, 15]
    """
    shape, single = tuple(np.shape(image)), 2 if channel_axis is None else 3
    if len(shape) <= single or np.ndim(sigma) < single:
        return itertools.repeat(sigma)  # Threads of dask share this iterator; they could not share a generator.
    _check_axes(shape, channel_axis)
    maps, channel = np.asarray(sigma), None if channel_axis is None else channel_axis % len(shape)
    kept = [axis for axis in range(len(shape)) if axis != channel][-2:]
    kept = sorted(kept if channel is None else [*kept, channel])
    if maps.shape == tuple(shape[axis] for axis in kept):
        return itertools.repeat(maps if channel is None else np.moveaxis(maps, kept.index(channel), 0))
    if maps.shape != shape:
        raise GroupSCError(
            f"sigma has the shape {maps.shape}; give a map of the shape of the stack {shape} or of one image"
        )
    maps = maps if channel is None else np.moveaxis(maps, channel, -3)
    return iter(maps.reshape(-1, *maps.shape[-single:]))


def _check_axes(shape: tuple[int, ...], channel_axis: int | None) -> None:
    if channel_axis is None and len(shape) > 2 and shape[-1] <= MOST_CHANNELS:
        raise GroupSCError(f"the image has shape {shape}; if the last axis is that of colours, give channel_axis=-1")
    if len(shape) < 2 + (channel_axis is not None) or channel_axis not in (None, *range(-len(shape), len(shape))):
        raise GroupSCError(
            f"the image has shape {shape} and channel_axis {channel_axis}; give (..., H, W), or name the colour axis "
            "with channel_axis"
        )


def _stack(
    restore: Restore,
    values: NDArray[Any],
    channel_axis: int | None,
    mask: NDArray[np.bool_] | None,
    period: int,
) -> NDArray[Any]:
    """Restore the images of a numpy array one after the other."""
    single = 2 if channel_axis is None else 3
    if values.ndim == single or not values.size:
        return _one(restore, values, channel_axis, mask, period)
    planes, masks = values, mask
    if channel_axis is not None:
        planes = np.moveaxis(values, channel_axis, -3)
        masks = None if mask is None else np.moveaxis(mask, channel_axis, -3)
    batch = planes.shape[:-single]
    restored: NDArray[Any] | None = None
    for index in np.ndindex(batch):
        covered = None if masks is None else masks[index]
        try:
            found = _one(restore, planes[index], None if channel_axis is None else 0, covered, period)
        except GroupSCError as error:
            raise type(error)(f"image {', '.join(map(str, index))} of the stack: {error}") from error
        if restored is None:
            restored = np.empty((*batch, *found.shape), found.dtype)
        restored[index] = found
    assert restored is not None
    return restored if channel_axis is None or restored.ndim < values.ndim else np.moveaxis(restored, -3, channel_axis)


def _one(
    restore: Restore,
    image: NDArray[Any],
    channel_axis: int | None,
    mask: NDArray[np.bool_] | None,
    period: int,
) -> NDArray[Any]:
    """Restore one image, with masked values replaced by the nearest other ones of their channel."""
    if mask is None or not mask.any():
        return restore(image, channel_axis, None)
    if mask.all():
        return restore(np.zeros_like(image), channel_axis, None)
    planes, covered = (x[None] if channel_axis is None else np.moveaxis(x, channel_axis, 0) for x in (image, mask))
    filled = np.stack([_filled(*pair, period) for pair in zip(planes, covered, strict=True)])
    # Channels without any value do not count; the others count where all of them have a value.
    counted = np.asarray(~covered[~covered.all((1, 2))].any(0))
    where = counted if counted.any() else None
    return restore(filled[0] if channel_axis is None else np.moveaxis(filled, 0, channel_axis), channel_axis, where)


def _filled(image: NDArray[Any], covered: NDArray[np.bool_], period: int) -> NDArray[Any]:
    """Replace the covered pixels of an image (H, W) by the nearest other ones of the same phase; by 0 if all are."""
    from scipy.ndimage import distance_transform_edt  # Few calls need it, and its import takes time.

    if covered.all():
        return np.zeros_like(image)
    filled = image.copy()
    for row in range(period):
        for column in range(period):
            part = (slice(row, None, period), slice(column, None, period))
            if covered[part].any() and not covered[part].all():
                rows, columns = distance_transform_edt(covered[part], return_distances=False, return_indices=True)
                filled[part] = image[part][rows, columns]
    return filled


def _of_tensor(restore: Restore, image: torch.Tensor, channel_axis: int | None, period: int) -> torch.Tensor:
    values = image.detach().cpu()
    if values.dtype == torch.bfloat16:  # numpy has no such type.
        values = values.float()
    restored = restore_images(restore, values.numpy(), channel_axis, period=period)
    return torch.from_numpy(np.ascontiguousarray(restored)).to(image.device, image.dtype)


def _of_dask(restore: Restore, image: Any, channel_axis: int | None, margin: int, period: int, grid: int) -> Any:
    """Restore the blocks of a dask array with a margin, which is then cut off."""
    from dask.array import overlap

    _check_axes(image.shape, channel_axis)
    channel = None if channel_axis is None else channel_axis % image.ndim
    rows, columns = [axis for axis in range(image.ndim) if axis != channel][-2:]
    margin += -margin % grid
    chunks = {axis: _chunks(image.shape[axis], max(image.chunks[axis]), margin, grid) for axis in (rows, columns)}
    if channel is not None:
        chunks[channel] = (image.shape[channel],)
    # An axis with one block has no neighbours, and can be shorter than the margin.
    depth = {axis: margin if len(chunks.get(axis, ())) > 1 else 0 for axis in range(image.ndim)}
    wide = overlap.overlap(image.rechunk(chunks), depth, boundary="none")

    def block(values: NDArray[Any]) -> Any:
        return restore_images(restore, values, channel_axis, period=period)

    added = {"new_axis": image.ndim, "chunks": (*wide.chunks, (3,))} if period > 1 else {}
    restored = wide.map_blocks(block, dtype=image.dtype, meta=np.empty((0,) * (image.ndim + len(added) // 2)), **added)
    return overlap.trim_internal(restored, depth, boundary="none")


def _chunks(length: int, largest: int, margin: int, period: int) -> tuple[int, ...]:
    """Split an axis into parts that are not shorter than the margin and begin at multiples of the period."""
    side = max(largest, margin)
    side += -side % period
    number = max(1, length // side)
    return (*[side] * (number - 1), length - side * (number - 1))
