"""`groupsc.load`: models as modules of other programs, and the import of the package."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from photographs_of_skimage import noisy_camera, psnr

import groupsc
from groupsc.utils.errors import GroupSCError
from groupsc.weights.files import load_weights, save_weights
from groupsc.weights.released import find_weights

ROOT = Path(__file__).resolve().parents[2]


def test_importing_the_package_loads_no_torch():
    code = "import sys, groupsc; dir(groupsc); sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], cwd=ROOT).returncode == 0
    with pytest.raises(AttributeError, match="no attribute 'magic'"):
        _ = groupsc.magic


@pytest.mark.parametrize(
    ("call", "sentence"),
    [
        (lambda model: model(np.ones((1, 1, 9, 9))), r"the images are a ndarray; give a tensor \(b, 1, H, W\)"),
        (lambda model: model.coder(torch.ones(1, 3, 9, 9)), r"the shape \(1, 3, 9, 9\); give \(b, 1, H, W\)"),
        (lambda model: model.coder(torch.ones(9, 9)), r"the shape \(9, 9\); give \(b, 1, H, W\)"),
        (lambda model: groupsc.evaluate(model, np.ones((9, 9)), sigma=25), "the data set is a ndarray; give the name"),
        (lambda model: groupsc.evaluate(model, "mine", sigma=25), "name a folder by `--folder NAME=FOLDER`"),
    ],
)
def test_other_types_and_shapes_are_one_sentence(weights, call, sentence):
    with pytest.raises(GroupSCError, match=sentence):
        call(groupsc.load(weights["gray"], device="cpu"))


def test_a_file_that_changes_is_read_again(weights, tmp_path):
    path = tmp_path / "model.safetensors"
    noisy = noisy_camera()[0][:24, :24]
    shutil.copy(weights["gray"], path)
    before = groupsc.denoise(noisy, 0.1, weights=path)
    coder, card = load_weights(path)
    with torch.no_grad():
        coder.W *= 0
    save_weights(path, coder, card)
    assert not np.array_equal(groupsc.denoise(noisy, 0.1, weights=path), before)


def test_a_module_restores_batches_with_a_level_each(weights):
    model = groupsc.load(weights["gray"], device="cpu")
    x = torch.rand(3, 1, 12, 14)
    sigma = torch.tensor([10, 25, 60]) / 255
    with torch.no_grad():
        together = model(x, sigma)
        for one, level, expected in zip(x, sigma.tolist(), together, strict=True):
            torch.testing.assert_close(model(one[None], level)[0], expected, rtol=0, atol=1e-5)
    torch.testing.assert_close(together[1], model(x[1:2])[0], rtol=0, atol=1e-5)


def test_estimates_stay_within_the_range_of_the_noisy_image():
    model = groupsc.load(find_weights("gray-sc-sigma25"), device="cpu")
    x = (torch.rand(2, 1, 40, 40, generator=torch.Generator().manual_seed(0)) > 0.5).float()
    for _ in range(10):
        x = model(x, 12 / 255)
    assert x.min() >= 0
    assert x.max() <= 1


def test_gradients_flow_through_a_module(weights):
    model = groupsc.load(weights["gray"], device="cpu").double()
    x = torch.rand(1, 1, 7, 6, dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradcheck(lambda x: model(x, 0.1), x)


@pytest.mark.slow
def test_models_are_exported(tmp_path):
    """torch.export and ONNX for a fixed size, against the module itself, on a noisy photograph."""
    onnxruntime = pytest.importorskip("onnxruntime")
    pytest.importorskip("onnxscript")
    model = groupsc.load(find_weights("gray-groupsc-sigma25"), device="cpu").eval()
    x = torch.from_numpy(noisy_camera()[1][None, None, :32, :40]).float()
    with torch.no_grad():
        expected = model.coder(x).clamp(x.min(), x.max())
        exported = torch.export.export(model, (x,))
        torch.testing.assert_close(exported.module()(x), expected, rtol=0, atol=1e-5)
    torch.onnx.export(model, (x,), dynamo=True, verbose=False).save(tmp_path / "model.onnx")
    session = onnxruntime.InferenceSession(tmp_path / "model.onnx")
    (found,) = session.run(None, {session.get_inputs()[0].name: x.numpy()})
    np.testing.assert_allclose(found, expected, rtol=0, atol=1e-4)


@pytest.mark.slow
def test_a_model_is_the_prior_of_a_plug_and_play_algorithm():
    """deepinv's proximal gradient descent fills in half of the pixels of a photograph."""
    deepinv = pytest.importorskip("deepinv", exc_type=ImportError)
    clean = torch.from_numpy(noisy_camera()[0]).float()[None, None]
    generator = torch.Generator().manual_seed(0)
    physics = deepinv.physics.Inpainting(img_size=clean.shape[1:], mask=0.5, rng=generator)
    algorithm = deepinv.optim.optim_builder(
        iteration="PGD",
        prior=deepinv.optim.PnP(denoiser=groupsc.load(find_weights("gray-sc-sigma25"), device="cpu")),
        data_fidelity=deepinv.optim.L2(),
        max_iter=25,
        params_algo={"stepsize": 1.0, "g_param": 25 / 255},
    )
    measured = physics(clean)
    start = measured + (measured == 0) * measured[measured > 0].mean()
    with torch.no_grad():
        filled = algorithm(measured, physics, init=(start, start))
    assert psnr(filled, clean.numpy()) > psnr(measured, clean.numpy()) + 12
