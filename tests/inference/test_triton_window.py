"""The kernels in Triton, run by Triton's interpreter on the CPU, against dense matrices and against the coder."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

pytest.importorskip("triton", reason="the kernels need triton: pip install triton (Linux)")

# Triton reads the variable TRITON_INTERPRET when it is imported, so the checks run in a process of their own.
SUMS = """
import torch
from groupsc.inference.triton_window import TritonWindow
from groupsc.models.similarity import similarity, source_weights, window_mask
from groupsc.models.penalties import GroupLasso

def check(rows, columns, window, atoms, features, weight, dtype, tolerance):
    generator = torch.Generator().manual_seed(rows)
    first, second = 0.3 * torch.randn(2, 1, rows * columns, features, generator=generator)
    B = torch.randn(1, rows * columns, atoms, generator=generator)
    lam, nu = torch.linspace(0.1, 2, atoms), 0.3
    mask = source_weights(window_mask(rows, columns, window), weight, torch.float32)
    Sigma = (1 - nu) * similarity(first, mask) + nu * similarity(second, mask)

    found = TritonWindow(rows, columns, window, dtype, weight=weight, device=torch.device("cpu"))
    for F, share in ((first, None), (second, nu)):
        found.update(lambda part: F.view(rows, columns, -1)[part].flatten(0, 1), share, None)
    x = B[0].to(dtype)
    out, codes = torch.full_like(x, torch.nan), x.clone()
    found.sum(x, out, None)
    found.shrink(codes, lam, None)
    close = lambda one, other: torch.testing.assert_close(one.float(), other, rtol=tolerance, atol=tolerance)
    close(found.mass, Sigma.sum(1).T)
    close(out, (Sigma.transpose(1, 2) @ x.float())[0])
    close(codes, GroupLasso().prox(x.float()[None], None, lam, Sigma)[0])
"""
IMAGES = """
import functools
import torch
from groupsc.config.definitions import ModelConfig
from groupsc.inference.sliding_window import restore_whole
from groupsc.inference.triton_window import TritonWindow
from groupsc.models.coder import SparseCoder

def check(penalty, channels, masked, stride):
    config = ModelConfig(
        channels=channels, patch_size=3, n_atoms=8, n_iterations=3, penalty=penalty, window=9, similarity_interval=2,
        patch_stride=stride, source_weight=4.0 if stride > 1 else 1.0,
    )
    generator = torch.Generator().manual_seed(1)
    image = torch.rand(1, channels, 15, 13, generator=generator)
    mask = (torch.rand(image.shape, generator=generator) < 0.5).float() if masked else None
    image = image if mask is None else image * mask
    model = SparseCoder(config).requires_grad_(False)
    window = functools.partial(TritonWindow, device=torch.device("cpu"))
    found = restore_whole(model, image, mask, matmul_dtype=torch.float32, window=window)
    torch.testing.assert_close(found, model(image, mask), rtol=1e-4, atol=1e-5)
"""


def run(script: str) -> None:
    result = subprocess.run(
        [sys.executable, "-c", script],
        env={**os.environ, "TRITON_INTERPRET": "1"},
        capture_output=True,
        text=True,
        timeout=600,
    )
    assert result.returncode == 0, result.stderr


@pytest.mark.parametrize(
    "sizes",
    [
        pytest.param((11, 19, 6, 20, 5, 1.0, "torch.float32", 1e-4), id="even window"),
        pytest.param((9, 17, 7, 16, 70, 4.0, "torch.float32", 1e-4), id="odd window and weight"),
        pytest.param((3, 2, 5, 130, 4, 1.0, "torch.float32", 1e-4), id="grid smaller than a tile"),
        # Triton's interpreter multiplies bfloat16 numbers wrongly; float16 has the same code.
        pytest.param((10, 35, 20, 40, 9, 1.0, "torch.float16", 2e-2), id="16 bits"),
    ],
)
def test_sums_and_shrinkage_are_those_of_dense_matrices(sizes):
    run(f"{SUMS}\ncheck({', '.join(map(str, sizes))})")


@pytest.mark.parametrize(
    "case",
    [
        pytest.param(("group", 1, False, 1), id="gray GroupSC"),
        pytest.param(("csr", 1, False, 1), id="gray CSR"),
        pytest.param(("group", 3, True, 1), id="mosaic GroupSC"),
        pytest.param(("group", 1, False, 2), id="every second patch"),
    ],
)
def test_images_are_those_of_the_coder(case):
    run(f"{IMAGES}\ncheck{case}")
