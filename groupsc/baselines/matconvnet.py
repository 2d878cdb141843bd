"""Networks in the MATLAB files of MatConvNet: convolutions and rectifiers, batch normalisation merged into them."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from groupsc.utils.errors import GroupSCError


def read_convolutions(path: Path) -> list[tuple[np.ndarray, np.ndarray]]:
    """Weights (out, in, h, w) and biases (out,) of the convolutions of a network, in its order, float32.

    The file is HDF5 (MATLAB 7.3), which holds MATLAB's (h, w, in, out) with its axes reversed; MATLAB drops the last
    of them where there is one output.

    Raises
    ------
    GroupSCError
        When the file is damaged, or the network has other layers than these.
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
                    raise GroupSCError(f"{path} has a layer {kind!r}, which is not read; take the published file")
    except (OSError, KeyError, ValueError, TypeError, AttributeError) as error:
        raise GroupSCError(
            f"{path} is no network of MatConvNet ({error}); remove it and run `groupsc fetch {path.parent.name}`"
        ) from error
    if not found:
        raise GroupSCError(f"{path} holds no convolution; take the published file")
    return found


def build(path: Path):
    """The network of a file as a torch module: convolutions with zero padding, a rectifier between any two."""
    import torch

    layers = []
    for weight, bias in read_convolutions(path):
        outputs, inputs, height, width = weight.shape
        layer = torch.nn.Conv2d(inputs, outputs, (height, width), padding=(height // 2, width // 2))
        layer.weight.data, layer.bias.data = torch.from_numpy(weight), torch.from_numpy(bias)
        layers += [layer, torch.nn.ReLU(inplace=True)]
    return torch.nn.Sequential(*layers[:-1]).eval().requires_grad_(False)
