"""Read networks from MATLAB files of MatConvNet: convolutions with merged batch normalisation, and rectifiers."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from groupsc.utils.errors import GroupSCError


def read_convolutions(path: Path) -> list[tuple[np.ndarray, np.ndarray]]:
    """Read the convolutions of a network in order.

    The file is HDF5 (MATLAB 7.3), which stores MATLAB's axes (h, w, in, out) in reverse order. MATLAB drops the last
    axis when there is one output.

    Parameters
    ----------
    path : path

    Returns
    -------
    list of (array (out, in, h, w), array (out,))
        Weights and biases, float32.

    Raises
    ------
    GroupSCError
        When the file is damaged, or the network has layers of other types.

    Examples
    --------
    >>> read_convolutions(Path("sigma25.mat"))  # doctest: +SKIP
    """
    import h5py

    found = []
    try:
        with h5py.File(path, "r") as file:
            for reference in file["net/layers"][()].ravel():
                layer = file[reference]
                kind = "".join(map(chr, layer["type"][()].ravel()))
                if kind == "conv":
                    weight, bias = (file[part][()] for part in layer["weights"][()].ravel())
                    weight = weight[None] if weight.ndim == 3 else weight
                    found.append((np.ascontiguousarray(weight.swapaxes(2, 3)), bias.ravel()))
                elif kind not in ("relu", "SubP", "concat"):
                    raise GroupSCError(f"{path} has a layer {kind!r}, which is not supported; use the published file")
    except (OSError, KeyError, ValueError, TypeError, AttributeError) as error:
        raise GroupSCError(
            f"{path} is not a network of MatConvNet ({error}); remove it and run `groupsc fetch {path.parent.name}`"
        ) from error
    if not found:
        raise GroupSCError(f"{path} contains no convolution; use the published file")
    return found


def build(path: Path):
    """Build a network from a file: convolutions with zero padding, and a rectifier between each two of them.

    Parameters
    ----------
    path : path

    Returns
    -------
    torch.nn.Sequential
        In evaluation mode, without gradients.

    Raises
    ------
    GroupSCError
        As `read_convolutions`.

    Examples
    --------
    >>> build(Path("sigma25.mat"))  # doctest: +SKIP
    """
    import torch

    layers = []
    for weight, bias in read_convolutions(path):
        outputs, inputs, height, width = weight.shape
        layer = torch.nn.Conv2d(inputs, outputs, (height, width), padding=(height // 2, width // 2))
        layer.weight = torch.nn.Parameter(torch.from_numpy(weight))
        layer.bias = torch.nn.Parameter(torch.from_numpy(bias))
        layers += [layer, torch.nn.ReLU(inplace=True)]
    return torch.nn.Sequential(*layers[:-1]).eval().requires_grad_(False)
