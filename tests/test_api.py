"""The public functions: layouts and types, choice of the model, released files, and models as modules of others."""

from __future__ import annotations

import io
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import skimage.data
import tifffile
import torch
from PIL import Image
from small_models import perturbed_coder

import groupsc
from groupsc.data.degradations import bayer_mask
from groupsc.data.stress_set import stress_pictures
from groupsc.inference.tiling import restore
from groupsc.utils.errors import GroupSCError, GroupSCWarning
from groupsc.weights.files import load_weights, save_weights
from groupsc.weights.released import find_weights, releases
from groupsc.weights.selection import choose

ROOT = Path(__file__).resolve().parents[1]


@pytest.fixture(scope="module")
def weights(tmp_path_factory):
    """Small models of every task, by name."""
    folder = tmp_path_factory.mktemp("weights")
    found = {}
    for task, level in (("gray", 25), ("color", 25), ("mosaic", None), ("jpeg", 10)):
        model = perturbed_coder(channels=3 if task in ("color", "mosaic") else 1, penalty="group")
        found[task] = folder / f"{task}.safetensors"
        save_weights(found[task], model, {"name": task, "task": task, "method": "groupsc", "level": level})
    return found


def noisy_camera(sigma: float = 25) -> tuple[np.ndarray, np.ndarray]:
    clean = skimage.data.camera()[120:216, 200:312] / 255
    return clean, clean + sigma / 255 * np.random.default_rng(0).standard_normal(clean.shape)


def psnr(one, other) -> float:
    return float(-10 * np.log10(np.mean((np.asarray(one, float) - other) ** 2)))


@pytest.mark.parametrize("sigma", [25 / 255, None])
@pytest.mark.parametrize("method", ["sc", "groupsc"])
def test_released_models_denoise_a_photograph(method, sigma):
    clean, noisy = (image[:80, :80] for image in noisy_camera())
    restored = groupsc.denoise(noisy, sigma, method=method, device="cpu")
    assert restored.shape == noisy.shape
    assert psnr(restored, clean) > psnr(noisy.clip(0, 1), clean) + 7


@pytest.mark.parametrize("sigma", [15, 40])
def test_levels_between_the_trained_ones_are_denoised_as_well(sigma):
    clean, noisy = noisy_camera(sigma)
    restored = groupsc.denoise(noisy, sigma / 255, method="sc", weights="gray-sc-sigma25", device="cpu")
    as_trained = groupsc.denoise(noisy, 25 / 255, method="sc", weights="gray-sc-sigma25", device="cpu")
    assert psnr(restored, clean) > psnr(as_trained, clean) + 0.5


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16, np.float16, np.float32, np.float64])
def test_what_comes_back_has_the_type_that_was_given(weights, dtype):
    _, noisy = noisy_camera()
    highest = 1 if np.dtype(dtype).kind == "f" else np.iinfo(dtype).max
    given = (noisy.clip(0, 1) * highest).round(0 if highest > 1 else 6).astype(dtype)
    restored = groupsc.denoise(given, 25 / 255 * highest, weights=weights["gray"], device="cpu")
    assert restored.dtype == dtype
    expected = groupsc.denoise(given.astype(np.float64) / highest, 25 / 255, weights=weights["gray"], device="cpu")
    assert np.abs(restored.astype(np.float64) / highest - expected).max() < max(0.51 / highest, 0.004)


@pytest.mark.parametrize(
    ("dtype", "factor", "offset"),
    [
        (np.float32, 2, -1),
        (np.float64, 1000, -300),
        (np.float32, 1e-4, 0),
        (np.uint16, 3000, 1500),
        (np.int32, 5e4, -7e3),
    ],
)
def test_the_units_of_an_image_do_not_matter(weights, dtype, factor, offset):
    noisy = noisy_camera()[1]
    expected = groupsc.denoise(noisy, 25 / 255, weights=weights["gray"], device="cpu")
    other = factor * noisy + offset
    given = (other if np.dtype(dtype).kind == "f" else other.round()).astype(dtype)
    restored = groupsc.denoise(given, 25 / 255 * factor, weights=weights["gray"], device="cpu")
    np.testing.assert_allclose((restored.astype(float) - offset) / factor, expected, rtol=0, atol=3e-3)
    assert groupsc.estimate_noise(given) == pytest.approx(factor * groupsc.estimate_noise(noisy), rel=1e-2)


@pytest.mark.parametrize("sigma", [None, 30])
def test_counts_of_12_bits_in_16_are_restored(sigma):
    """`sigma` in counts, given or estimated. Noise alone has a root-mean-square of 29.7."""
    folder = ROOT / "../shared/cases"
    if not folder.exists():
        pytest.skip("the small cases are not here")
    noisy, clean = (tifffile.imread(folder / f"micro_{name}.tif") for name in ("12bit_in_u16", "truth"))
    restored = groupsc.denoise(noisy, sigma, method="sc", device="cpu")
    assert np.sqrt(np.mean((restored - clean.astype(float)) ** 2)) < 8


@pytest.mark.parametrize(("factor", "sigma"), [(1, 3e-4), (1, None), (0.01, 3e-4), (6e4, 20), (6e4, None)])
def test_noise_far_below_the_range_is_removed(factor, sigma):
    """A field of stars, in [0, 1], dark, and in counts of 16 bits with noise of 20 counts."""
    clean = factor * stress_pictures(1, side=96)["stars"][0].double().numpy()
    noise = sigma or 3e-4 * factor
    noisy = clean + noise * np.random.default_rng(0).standard_normal(clean.shape)
    noisy = noisy.round().astype(np.uint16) if factor > 1 else noisy
    restored = groupsc.denoise(noisy, sigma, method="sc", device="cpu")
    assert np.sqrt(np.mean((restored - clean) ** 2)) < 0.6 * noise


def test_without_noise_nothing_changes(weights):
    image = skimage.data.camera()[120:160, 200:240]
    np.testing.assert_array_equal(groupsc.denoise(image, 0, weights=weights["gray"]), image)


def test_a_level_for_floats_on_integers_is_questioned(weights):
    image = skimage.data.camera()[120:160, 200:240]
    with pytest.warns(GroupSCWarning, match=r"did you mean 25\?"):
        groupsc.denoise(image, 25 / 255, weights=weights["gray"])


@pytest.mark.parametrize("sigma", [5, 10, 80])
def test_the_default_improves_photographs_of_little_and_of_much_noise(sigma):
    clean, noisy = noisy_camera(sigma)
    assert psnr(groupsc.denoise(noisy, sigma / 255, device="cpu"), clean) > psnr(noisy, clean)


@pytest.mark.parametrize("axis", [0, 1, 2, -1])
def test_channels_lie_where_they_are_said_to(weights, axis):
    image = skimage.data.astronaut()[100:140, 100:150] / 255
    expected = groupsc.denoise(image, 0.1, weights=weights["color"], channel_axis=-1, device="cpu")
    moved = groupsc.denoise(
        np.moveaxis(image, -1, axis), 0.1, weights=weights["color"], channel_axis=axis, device="cpu"
    )
    np.testing.assert_array_equal(np.moveaxis(moved, axis, -1), expected)


@pytest.mark.parametrize("pattern", ["RGGB", "BGGR", "GRBG", "GBRG"])
def test_mosaics_are_restored_with_the_mask_of_their_pattern(weights, pattern):
    image = skimage.data.astronaut()[100:121, 100:124].transpose(2, 0, 1) / 255
    mask = bayer_mask(21, 24, pattern).double()
    model = groupsc.load(weights["mosaic"], device="cpu").coder
    measured = torch.from_numpy(image) * mask
    expected = restore(model, measured[None], mask).clamp(0, 1)[0].permute(1, 2, 0)
    restored = groupsc.demosaick(measured.sum(0).numpy(), pattern, weights=weights["mosaic"], device="cpu")
    np.testing.assert_allclose(restored, expected, rtol=0, atol=1e-12)


def luma_and_chroma(image):
    """Y, Cb and Cr of ITU-R BT.601, with Cb and Cr around 0.5."""
    y = image @ np.array([0.299, 0.587, 0.114])
    return y, 0.5 + (image[..., 2] - y) / 1.772, 0.5 + (image[..., 0] - y) / 1.402


def test_deblocking_restores_luma_and_chroma_as_gray_images(weights):
    image = 0.25 + 0.5 * skimage.data.astronaut()[100:140, 100:151] / 255
    before = luma_and_chroma(image)
    given = {"weights": weights["jpeg"], "device": "cpu"}
    restored = luma_and_chroma(groupsc.deblock(image, 10, subsampling="4:4:4", channel_axis=-1, **given))
    for one, plane in zip(restored, before, strict=True):
        np.testing.assert_allclose(one, groupsc.deblock(plane, 10, **given), atol=1e-12)
        assert np.abs(one - plane).max() > 1e-3
    luma, *chroma = luma_and_chroma(groupsc.deblock(image, 10, channel_axis=-1, **given))
    np.testing.assert_allclose(luma, restored[0], atol=1e-12)
    for one, plane in zip(chroma, before[1:], strict=True):
        change = (one - plane)[:, :50]
        assert 1e-4 < np.abs(change).max()
        assert np.abs(np.diff(change, axis=0)).max() < np.abs(np.diff(restored[1] - before[1], axis=0)).max(), "smooth"
    with pytest.raises(TypeError, match="quality"):
        groupsc.deblock(before[0])
    with pytest.raises(GroupSCError, match="choose one of 4:4:4"):
        groupsc.deblock(image, 10, subsampling="4:1:0", channel_axis=-1)


@pytest.mark.parametrize(("subsampling", "gain"), [("4:2:0", 0.5), ("4:4:4", 0.3)])
def test_released_models_improve_the_chroma(subsampling, gain):
    clean = skimage.data.chelsea()[100:196, 130:226]
    file = io.BytesIO()
    Image.fromarray(clean).save(file, "JPEG", quality=10, subsampling=subsampling)
    decoded = np.asarray(Image.open(file)) / 255
    restored = groupsc.deblock(decoded, 10, subsampling=subsampling, method="sc", channel_axis=-1)
    planes = zip(luma_and_chroma(clean / 255), luma_and_chroma(decoded), luma_and_chroma(restored), strict=True)
    gains = [psnr(after, true) - psnr(before, true) for true, before, after in planes]
    assert min(gains) > gain


@pytest.mark.parametrize(
    ("call", "hint"),
    [
        (lambda w, x: groupsc.denoise(x, -1), "at least 0"),
        (lambda w, x: groupsc.denoise(x, float("nan")), "at least 0"),
        (lambda w, x: groupsc.denoise(x, 1e6), "give at most"),
        (lambda w, x: groupsc.denoise(np.dstack([x] * 3), 0.1), "channel_axis=-1"),
        (lambda w, x: groupsc.denoise(x[0], 0.1), "channel_axis"),
        (
            lambda w, x: groupsc.denoise(np.stack([x, x * np.nan]), 0.1, weights=w["gray"]),
            "image 1 of the stack: .*NaN",
        ),
        (lambda w, x: groupsc.estimate_noise(x[:5]), "too small"),
        (lambda w, x: groupsc.denoise(np.stack([x] * 4), 0.1, channel_axis=0), "without transparency"),
        (lambda w, x: groupsc.denoise(x * np.nan, 0.1), "NaN or infinite"),
        (lambda w, x: groupsc.denoise(x > 0, 0.1), "give integers or floats"),
        (lambda w, x: groupsc.denoise(x[:0], 0.1), "give integers or floats"),
        (lambda w, x: groupsc.denoise(x[:2, :2], 0.1, weights=w["gray"]), "smaller than a 3×3 patch"),
        (lambda w, x: groupsc.denoise(x[:1, :1]), "give the level"),
        (lambda w, x: groupsc.denoise(x, 0.1, method="magic"), "best, sc, csr, groupsc"),
        (lambda w, x: groupsc.denoise(x, 0.1, weights="gray-magic"), "released are"),
        (lambda w, x: groupsc.denoise(x, 0.1, weights=w["color"]), "choose other weights"),
        (lambda w, x: groupsc.denoise(x, 0.1, weights="absent.safetensors"), "does not exist"),
        (lambda w, x: groupsc.denoise(x, 0.1, device="abacus"), "choose auto or cpu"),
        (lambda w, x: groupsc.demosaick(x, "RGB", weights=w["mosaic"]), "RGGB, BGGR, GRBG, GBRG"),
        (lambda w, x: groupsc.deblock(x, None, weights=w["jpeg"]), "1 to 100"),
        (lambda w, x: groupsc.deblock(x, 0, weights=w["jpeg"]), "1 to 100"),
        (lambda w, x: groupsc.deblock(x, "40", weights=w["jpeg"]), "1 to 100"),
        (lambda w, x: groupsc.denoise(x, "25"), "a number of at least 0"),
        (lambda w, x: groupsc.denoise(x, 25), "did you mean 25/255?"),
        (lambda w, x: groupsc.denoise(np.uint8(255 * x), 300), "at most 255"),
        (lambda w, x: groupsc.denoise(255 * x - 20, 2500), "at most"),
        (lambda w, x: groupsc.deblock(255 * abs(x), 10), "scale floats"),
        (lambda w, x: groupsc.demosaick(255 * x - 20), "scale floats"),
        (lambda w, x: groupsc.denoise(np.stack([x] * 3), 0.1, channel_axis=3), "channel_axis 3"),
        (lambda w, x: groupsc.denoise(x, 0.1, memory="4GB"), "number of bytes"),
        (lambda w, x: groupsc.denoise(x, 0.1, memory=0), "number of bytes"),
        (lambda w, x: groupsc.denoise(x, 0.1, mode="block", stride=12.0), "whole number of pixels"),
        (lambda w, x: groupsc.denoise(x, 0.1, mode="block", stride=0), "whole number of pixels"),
        (lambda w, x: groupsc.denoise(x, 0.1, mode="block", stride="24"), "whole number of pixels"),
        (lambda w, x: groupsc.denoise(x, 0.1, stride=24), "choose mode 'block'"),
        (lambda w, x: groupsc.load(w["gray"])(torch.zeros(1, 3, 9, 9)), r"\(b, 1, H, W\)"),
        (lambda w, x: groupsc.load(w["gray"])(torch.zeros(3, 1, 9, 9), torch.ones(2)), "one per image"),
    ],
)
def test_inputs_that_cannot_be_restored_give_a_hint(weights, call, hint):
    with pytest.raises(GroupSCError, match=hint):
        call(weights, noisy_camera()[0][:20, :20])


def test_the_model_is_trained_near_the_level_or_blind_or_the_nearest():
    known = dict.fromkeys(
        ["gray-sc-sigma15", "gray-sc-sigma50", "gray-groupsc-sigma25", "jpeg-sc-quality10", "jpeg-sc-quality40"], 25.0
    )
    blind = {**known, "gray-sc-blind": 25.0}
    assert choose("gray", "sc", 15, known) == "gray-sc-sigma15"
    assert choose("gray", "sc", 27, known) == "gray-sc-sigma15"
    assert choose("gray", "sc", 28, known) == "gray-sc-sigma50"
    assert choose("gray", "sc", 28, blind) == "gray-sc-blind"
    assert choose("gray", "sc", 50, blind) == "gray-sc-sigma50"
    assert choose("jpeg", "sc", 30, known) == "jpeg-sc-quality40"
    assert choose("gray", "best", 15, known) == "gray-sc-sigma15"
    assert choose("gray", "best", 20, known) == "gray-groupsc-sigma25"
    assert choose("gray", "best", 20, blind) == "gray-groupsc-sigma25"
    assert choose("gray", "best", 15.3, blind) == "gray-sc-sigma15"
    assert choose("gray", "sc", 20, {"gray-sc-sigma10": 30.0, "gray-sc-sigma40": 20.0}) == "gray-sc-sigma40"
    assert choose("gray", "best", 3, blind) == "gray-sc-blind"
    assert choose("gray", "best", 0, blind) == "gray-sc-blind"
    assert choose("gray", "sc", 0, {**blind, "gray-sc-sigma5": 30.0}) == "gray-sc-sigma5"
    for level in (-5, float("inf"), float("nan")):
        with pytest.raises(GroupSCError, match="at least 0"):
            choose("gray", "best", level, known)
    assert choose("jpeg", "best", 15, known) == "jpeg-sc-quality10"
    with pytest.raises(GroupSCError, match="gray-groupsc-sigma25"):
        choose("gray", "csr", 25, known)
    with pytest.raises(GroupSCError, match="other tasks"):
        choose("mosaic", "sc", None, known)


def test_the_best_of_several_models_did_best_in_validation():
    known = {"color-sc-blind": 30.1, "color-groupsc-blind": 30.0, "color-sc-sigma25": 30.2, "color-csr-sigma25": 30.3}
    assert choose("color", "best", 25, known) == "color-csr-sigma25"
    assert choose("color", "best", 20, known) == "color-csr-sigma25"
    assert choose("color", "best", 50, known) == "color-sc-blind"
    assert choose("color", "groupsc", 20, known) == "color-groupsc-blind"


@pytest.mark.parametrize("axis", [0, -1])
def test_three_equal_channels_are_the_gray_image(axis):
    noisy, _ = noisy_camera()
    gray = groupsc.denoise(noisy[:48, :40], 0.1)
    colored = groupsc.denoise(np.stack([noisy[:48, :40]] * 3, axis), 0.1, channel_axis=axis)
    np.testing.assert_array_equal(colored, np.stack([gray] * 3, axis))


@pytest.mark.parametrize("quality", [75, 85, 95, 100])
def test_images_of_little_compression_get_no_worse(quality):
    clean = Image.fromarray(skimage.data.camera()[64:160, 216:312])
    file = io.BytesIO()
    clean.save(file, "JPEG", quality=quality)
    decoded = np.asarray(Image.open(file))
    restored = groupsc.deblock(decoded, quality)
    if quality == 100:
        np.testing.assert_array_equal(restored, decoded)
    assert psnr(restored / 255, np.asarray(clean) / 255) >= psnr(decoded / 255, np.asarray(clean) / 255)


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


def copy_of_the_release(folder: Path) -> Path:
    """Pointers and store of the checkout, without the files that `dvc pull` brings."""
    (folder / "weights").mkdir(parents=True)
    for pointer in (ROOT / "data/weights").glob("*.dvc"):
        shutil.copy(pointer, folder / "weights")
    shutil.copytree(ROOT / "data/store", folder / "store")
    return folder


def test_releases_are_found_in_the_store_and_pulled_beside_their_pointers(tmp_path):
    found = releases([copy_of_the_release(tmp_path / "data")])
    assert set(found) == set(releases()) != set()
    for release in found.values():
        assert release.find() == release.stored
        assert release.pull() == release.path == release.find()
        assert release.path.stat().st_size == release.size


def test_altered_and_missing_weights_are_noticed(tmp_path):
    release = next(iter(releases([copy_of_the_release(tmp_path / "data")]).values()))
    release.stored.chmod(0o644)
    altered = bytearray(release.stored.read_bytes())
    altered[-1] ^= 1
    release.stored.write_bytes(altered)
    with pytest.raises(GroupSCError, match="checksum differs"):
        release.find()
    release.stored.unlink()
    with pytest.raises(GroupSCError, match="dvc pull"):
        release.find()
    pointer = release.path.with_name(release.path.name + ".dvc")
    pointer.write_text("outs: {")
    with pytest.raises(GroupSCError, match="git checkout"):
        releases([tmp_path / "data"])


def test_importing_the_package_loads_no_torch():
    code = "import sys, groupsc; dir(groupsc); sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], cwd=ROOT).returncode == 0
    with pytest.raises(AttributeError, match="no attribute 'magic'"):
        _ = groupsc.magic


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
