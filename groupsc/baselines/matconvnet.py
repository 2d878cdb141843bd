"""Networks of plain convolutions from MatConvNet's files (MATLAB 7.3, which is HDF5)."""

from __future__ import annotations

import numpy as np

from groupsc.errors import GroupSCError

KINDS = {"conv", "relu", "SubP", "concat"}


def read_convolutions(path) -> list[tuple[np.ndarray, np.ndarray]]:
    """Weights (out, in, height, width) and biases (out,) of the convolutions in a file, in their order.

    MatConvNet correlates, as torch does. MATLAB keeps arrays (height, width, in, out) by columns and drops a last axis
    of length one; seen from HDF5 the axes run the other way. The authors merged batch normalisation into the
    convolutions before they published: a layer of another kind is refused.

    Raises
    ------
    GroupSCError
        When the file is missing, is no such network, or has layers other than `KINDS`.
    """
    import h5py

    layers = []
    try:
        with h5py.File(path) as file:
            for reference in file["net/layers"][:].ravel():
                layer = file[reference]
                kind = "".join(map(chr, layer["type"][:].ravel()))
                if kind not in KINDS:
                    raise GroupSCError(
                        f"{path} has a layer {kind!r}; only {', '.join(sorted(KINDS))} are known, so merge it before"
                    )
                if kind == "conv":
                    weights, bias = (file[place][:] for place in layer["weights"][:].ravel())
                    weights = weights.reshape(bias.size, -1, *weights.shape[-2:])
                    layers.append((np.ascontiguousarray(weights.swapaxes(2, 3)), bias.ravel()))
    except (OSError, KeyError, ValueError, TypeError) as error:
        raise GroupSCError(
            f"{path} can't be read as a network of MatConvNet ({error}); remove it and run `groupsc fetch` again"
        ) from error
    return layers


def read_network(path):
    """The convolutions of a file with ReLU between them, zeros beyond the border, as a `torch.nn.Sequential`.

    Raises
    ------
    GroupSCError
        As `read_convolutions`.
    """
    import torch
    from torch import nn

    network = nn.Sequential()
    for weights, bias in read_convolutions(path):
        if len(network):
            network.append(nn.ReLU(inplace=True))
        layer = nn.Conv2d(weights.shape[1], weights.shape[0], weights.shape[2:], padding="same")
        layer.weight.data, layer.bias.data = torch.from_numpy(weights), torch.from_numpy(bias)
        network.append(layer)
    return network.requires_grad_(False).eval()
