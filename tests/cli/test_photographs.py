"""The commands for people with an image in hand, as processes on real files."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
import skimage.data
import tifffile
from photograph_files import dng_file
from PIL import Image, ImageCms
from small_models import perturbed_coder

import groupsc
from groupsc.io.photographs import read_photograph
from groupsc.weights.files import save_weights

SRGB = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
ROOT = Path(__file__).resolve().parents[2]


ENVIRONMENT = {**os.environ, "PYTHONPATH": os.pathsep.join([str(ROOT), os.environ.get("PYTHONPATH", "")])}


@pytest.fixture(scope="session")
def run(request):
    """The command; `groupsc` is the library here."""
    return request.getfixturevalue("groupsc")


def complains(result, *words) -> bool:
    """One sentence with these words, exit code 2, no traceback."""
    return (
        result.returncode == 2
        and result.stderr.startswith("groupsc: ")
        and result.stderr.count("\n") == 1
        and all(word in result.stderr for word in words)
    )


@pytest.fixture
def desk(tmp_path):
    """A folder with photographs and small models."""
    for task, level in (("gray", 25), ("color", 25), ("mosaic", None), ("jpeg", 10)):
        model = perturbed_coder(channels=3 if task in ("color", "mosaic") else 1)
        card = {"name": task, "task": task, "method": "groupsc", "level": level}
        save_weights(tmp_path / f"{task}.safetensors", model, card)
    color = skimage.data.astronaut()[80:131, 200:263]
    gray = skimage.data.camera()[80:131, 200:263]
    Image.fromarray(gray).save(tmp_path / "gray.png")
    Image.fromarray(color).save(tmp_path / "color.png")
    Image.fromarray(np.dstack([color, gray])).save(tmp_path / "alpha.png", icc_profile=SRGB)
    Image.fromarray(color).save(tmp_path / "color.jpg", quality=12)
    turned = Image.Exif()
    turned[0x0112] = 6
    Image.fromarray(color).save(tmp_path / "turned.jpg", quality=12, exif=turned)
    return tmp_path


def test_denoise_a_photograph(desk):
    """By an interpreter of its own."""
    words = ["denoise", "gray.png", "out.png", "--sigma", "25", "--weights", "gray.safetensors"]
    command = [sys.executable, "-m", "groupsc", *words]
    result = subprocess.run(command, cwd=desk, env=ENVIRONMENT, capture_output=True, text=True, timeout=300)
    assert result.returncode == 0, result.stderr
    expected = groupsc.denoise(np.asarray(Image.open(desk / "gray.png")), 25, weights=desk / "gray.safetensors")
    np.testing.assert_array_equal(np.asarray(Image.open(desk / "out.png")), expected)


def test_released_models_denoise_at_an_estimated_level(run, desk):
    noise = np.random.default_rng(0).normal(0, 10, (51, 63))
    Image.fromarray((skimage.data.camera()[:51, :63] + noise).clip(0, 255).astype(np.uint8)).save(desk / "noisy.png")
    result = run("denoise", "noisy.png", "out.png", "--method", "sc", "--json", cwd=desk)
    assert result.returncode == 0, result.stderr
    (facts,) = json.loads(result.stdout)
    assert facts["weights"].startswith("gray-sc-")
    assert 5 < facts["sigma"] < 20
    assert (desk / "out.png").exists()


def test_files_are_denoised_in_their_own_units(run, desk):
    """12 bits in 16, and floats below zero; a level meant for floats is questioned."""
    camera = skimage.data.camera()[80:131, 200:263].astype(np.float32)
    Image.fromarray((16 * camera).astype(np.uint16)).save(desk / "counts.png")
    Image.fromarray(camera / 100 - 2).save(desk / "floats.tif")
    options = ["--weights", "gray.safetensors", "--json"]
    for name, sigma, found in (("counts.png", 400, "0 to 4095"), ("floats.tif", 0.25, "-1.93 to 0.09")):
        result = run("denoise", name, f"done/{name}", "--sigma", sigma, *options, cwd=desk)
        assert result.returncode == 0, result.stderr
        (facts,) = json.loads(result.stdout)
        assert facts["sigma"] == sigma
        assert facts["range"] == f"{found} (guessed)"
        before, after = (np.asarray(Image.open(desk / place / name)) for place in (".", "done"))
        assert after.dtype == before.dtype
        np.testing.assert_array_equal(after, groupsc.denoise(before, sigma, weights=desk / "gray.safetensors"))
    result = run("denoise", "gray.png", "a.png", "--sigma", 0.1, *options, cwd=desk)
    assert result.returncode == 0
    assert "did you mean 25.5?" in result.stderr


def test_transparency_and_profile_come_through_and_the_camera_s_orientation_is_undone(run, desk):
    options = ["--sigma", 25, "--weights", "color.safetensors"]
    assert run("denoise", "alpha.png", "turned.jpg", "done", *options, cwd=desk).returncode == 0
    before, after = (read_photograph(desk / place / "alpha.png") for place in (".", "done"))
    np.testing.assert_array_equal(after.alpha, before.alpha)
    assert after.profile == before.profile == SRGB
    assert read_photograph(desk / "done/turned.jpg").pixels.shape == (3, 63, 51)


def test_folders_and_patterns(run, desk):
    (desk / "album").mkdir()
    for name in ("one.png", "two.png"):
        (desk / "color.png").rename(desk / "album" / name) if name == "one.png" else Image.open(
            desk / "album/one.png"
        ).save(desk / "album" / name)
    options = ["--sigma", 25, "--weights", "color.safetensors"]
    assert run("denoise", "album", "first", *options, cwd=desk).returncode == 0
    assert run("denoise", "album/t*.png", "second", *options, cwd=desk).returncode == 0
    assert sorted(path.name for path in (desk / "first").iterdir()) == ["groupsc.jsonl", "one.png", "two.png"]
    assert sorted(path.name for path in (desk / "second").iterdir()) == ["groupsc.jsonl", "two.png"]


def test_demosaick(run, desk):
    options = ["--pattern", "GBRG", "--weights", "mosaic.safetensors"]
    assert run("demosaick", "gray.png", "out.png", *options, cwd=desk).returncode == 0
    mosaic = np.asarray(Image.open(desk / "gray.png"))
    expected = groupsc.demosaick(mosaic, "GBRG", weights=desk / "mosaic.safetensors")
    np.testing.assert_array_equal(np.asarray(Image.open(desk / "out.png")), expected)
    assert run("demosaick", "gray.png", "alone.png", "--no-guard", *options, cwd=desk).returncode == 0
    expected = groupsc.demosaick(mosaic, "GBRG", weights=desk / "mosaic.safetensors", guard=False)
    np.testing.assert_array_equal(np.asarray(Image.open(desk / "alone.png")), expected)
    assert complains(run("demosaick", "color.png", "x.png", *options, cwd=desk), "color.png", "gray image")


def test_a_mosaic_in_a_format_without_colors(run, desk):
    (desk / "mosaics").mkdir()
    for name in ("one.pgm", "two.pgm"):
        Image.open(desk / "gray.png").save(desk / "mosaics" / name)
    options = ["--pattern", "RGGB", "--weights", "mosaic.safetensors"]
    result = run("demosaick", "mosaics", "out", *options, cwd=desk)
    assert result.returncode == 0, result.stderr
    assert sorted(path.name for path in (desk / "out").glob("*.p*")) == ["one.png", "two.png"]
    began = run("demosaick", "mosaics/one.pgm", "x.pgm", "--dry-run", *options, cwd=desk)
    assert complains(began, "x.pgm", "colours")


def test_a_closed_standard_output(desk):
    command = [sys.executable, "-m", "groupsc", "info", "nothing"]
    closed = subprocess.run(
        ["sh", "-c", 'exec "$@" >&-', "sh", *command], cwd=desk, env=ENVIRONMENT, capture_output=True, text=True
    )
    assert complains(closed, "nothing")


def test_a_folder_with_the_name_of_a_temporary_one_is_named(run, desk):
    folder = desk / "groupsc-stream-1"
    folder.mkdir()
    Image.open(desk / "gray.png").save(folder / "input.png")
    options = ["--sigma", 25, "--weights", "gray.safetensors", "--json"]
    result = run("denoise", folder / "input.png", "x.png", *options, cwd=desk)
    assert json.loads(result.stdout)[0]["input"] == str(folder / "input.png")


def test_stacks_keep_their_axes(run, desk):
    stack = np.stack([np.asarray(Image.open(desk / "gray.png"))] * 2)
    tifffile.imwrite(desk / "a.tif", stack, imagej=True, resolution=(9, 9), metadata={"axes": "TYX"})
    options = ["--sigma", 25, "--weights", "gray.safetensors"]
    result = run("denoise", "a.tif", "b.tif", *options, cwd=desk)
    assert result.returncode == 0, result.stderr
    expected = groupsc.denoise(stack, 25, weights=desk / "gray.safetensors")
    with tifffile.TiffFile(desk / "b.tif") as found:
        assert (found.series[0].axes, found.pages[0].tags.valueof("XResolution")) == ("TYX", (9, 1))
        np.testing.assert_array_equal(found.asarray(), expected)
    assert complains(run("denoise", "a.tif", "b.png", *options, cwd=desk), "several images", "TIFF")


def test_raw_files_and_linear_mosaics(run, desk):
    mosaic = 512 + 13 * np.asarray(Image.open(desk / "gray.png")).astype(np.uint16)
    Image.fromarray(mosaic).save(desk / "linear.png")
    weights = ["--weights", "mosaic.safetensors"]
    levels = ["--black-level", 512, "--white-level", 4095, "--white-balance", "2,1,1.6"]
    result = run("demosaick", "linear.png", "colors.png", "--no-denoise", *levels, *weights, cwd=desk)
    assert result.returncode == 0, result.stderr
    expected = groupsc.develop(
        mosaic, black_level=512, white_level=4095, white_balance=(2, 1, 1.6), denoised=False,
        weights=desk / "mosaic.safetensors",
    )  # fmt: skip
    np.testing.assert_allclose(read_photograph(desk / "colors.png").pixels.transpose(1, 2, 0), expected, atol=1e-5)
    assert complains(run("demosaick", "linear.png", "x.png", "--white-balance", "2,1", cwd=desk), "2.1,1,1.6")
    pytest.importorskip("rawpy", reason="needs the extra raw")
    (desk / "a.dng").write_bytes(dng_file(mosaic, orientation=6, noise=[1e-4, 1e-6]))
    (desk / "developed").mkdir()
    result = run("demosaick", "a.dng", "developed", *weights, cwd=desk)
    assert result.returncode == 0, result.stderr
    found = read_photograph(desk / "developed/a.tif")
    assert (found.depth, found.mode, found.pixels.shape[1:]) == ("uint16", "RGB", mosaic.shape[::-1])
    assert complains(run("denoise", "a.dng", "x.tif", cwd=desk), "demosaick")
    assert complains(run("demosaick", "a.dng", "x.tif", "--pattern", "RGGB", *weights, cwd=desk), "leave out")


def test_deblock_reads_the_quality_from_the_file(run, desk):
    options = ["--weights", "jpeg.safetensors", "--json"]
    result = run("deblock", "color.jpg", "out.png", *options, cwd=desk)
    assert result.returncode == 0, result.stderr
    assert json.loads(result.stdout)[0]["quality"] == 12
    assert np.asarray(Image.open(desk / "out.png")).shape == (51, 63, 3)
    stripes = np.tile(np.uint8([0, 255, 255]), (48, 16))
    Image.fromarray(stripes).save(desk / "stripes.jpg", quality=12)
    decoded = np.asarray(Image.open(desk / "stripes.jpg"))
    result = run("deblock", "stripes.jpg", "kept.png", *options[:2], cwd=desk)
    assert "100 % replaced by the guard" in result.stdout
    np.testing.assert_array_equal(np.asarray(Image.open(desk / "kept.png")), decoded)
    result = run("deblock", "stripes.jpg", "changed.png", "--no-guard", *options[:2], cwd=desk)
    assert result.returncode == 0
    assert "guard" not in result.stdout
    expected = groupsc.deblock(decoded, 12, weights=desk / "jpeg.safetensors", guard=False)
    np.testing.assert_array_equal(np.asarray(Image.open(desk / "changed.png")), expected)
    assert complains(run("deblock", "color.png", "x.png", *options, cwd=desk), "give --quality")


def test_nothing_is_overwritten_unasked_and_never_the_input(run, desk):
    options = ["--sigma", 25, "--weights", "gray.safetensors"]
    before = (desk / "color.png").read_bytes(), (desk / "gray.png").read_bytes()
    assert complains(run("denoise", "gray.png", "color.png", *options, cwd=desk), "exists", "--overwrite")
    assert complains(run("denoise", "gray.png", "gray.png", "--overwrite", *options, cwd=desk), "input")
    (desk / "link.png").symlink_to("gray.png")
    assert complains(run("denoise", "link.png", "gray.png", "--overwrite", *options, cwd=desk), "input")
    assert ((desk / "color.png").read_bytes(), (desk / "gray.png").read_bytes()) == before
    assert run("denoise", "gray.png", "color.png", "--overwrite", *options, cwd=desk).returncode == 0


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["denoise", "gray.png"], ["IN... OUT"]),
        (["denoise", "absent.png", "x.png"], ["absent.png", "does not exist"]),
        (["denoise", "gray.png", "x.png", "--sigma", "much"], ["--sigma", "give a number"]),
        (["denoise", "gray.png", "x.png", "--sigma", "-5"], ["at least 0"]),
        (["denoise", "float.tif", "x.tif", "--sigma", "25"], ["did you mean 25/255?"]),
        (["denoise", "gray.png", "x.gif", "--sigma", "25"], ["x.gif", ".png"]),
        (["denoise", "gray.png", "x.png", "--memory", "lots"], ["--memory", "4GB"]),
        (["denoise", "gray.png", "x.png", "--sigma", "25", "--memory", "1MB"], ["too little", "MB"]),
        (["denoise", "gray.png", "x.png", "--sigma", "25", "--weights", "color.safetensors"], ["choose other weights"]),
        (["denoise", "gray.png", "x.png", "--weights", "gray.png"], ["no safetensors file"]),
        (["denoise", "gray.png", "x.png", "--mode", "half", "--sigma", "25"], ["whole, block"]),
        (["denoise", "alpha.png", "x.jpg", "--sigma", "25"], ["x.jpg", ".png"]),
        (["denoise", "empty.png", "x.png"], ["empty.png", "convert it"]),
        (["denoise", "cut.png", "x.png"], ["cut.png", "choose another file"]),
        (["demosaick", "gray.png", "x.png", "--pattern", "RGB", "--weights", "mosaic.safetensors"], ["RGGB, BGGR"]),
        (["deblock", "color.jpg", "x.png", "--quality", "200", "--weights", "jpeg.safetensors"], ["1 to 100"]),
        (["weights", "verify", "nothing"], ["nothing", "no released weights"]),
    ],
    ids=lambda value: " ".join(value),
)
def test_bad_calls_end_in_one_sentence_and_leave_no_file(run, desk, arguments, words):
    (desk / "empty.png").touch()
    Image.fromarray(np.linspace(0, 1, 400, dtype=np.float32).reshape(20, 20)).save(desk / "float.tif")
    (desk / "cut.png").write_bytes((desk / "color.png").read_bytes()[:200])
    before = sorted(desk.iterdir())
    result = run(*arguments, cwd=desk)
    assert complains(result, *words), result.stderr
    assert sorted(desk.iterdir()) == before


def test_an_interrupt_leaves_no_file(desk):
    Image.fromarray(np.tile(skimage.data.camera(), (3, 3))).save(desk / "large.png")
    before = sorted(desk.iterdir())
    command = [sys.executable, "-u", "-m", "groupsc", "denoise", "large.png", "out.png", "--sigma", "25"]
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
    process = subprocess.Popen(command, cwd=desk, env=ENVIRONMENT, text=True, **pipes)
    assert "large.png" in process.stdout.readline(), "the line that is printed before the restoration"
    time.sleep(0.5)
    process.send_signal(2)
    _, errors = process.communicate(timeout=60)
    assert process.returncode == 130
    assert "Traceback" not in errors
    assert sorted(desk.iterdir()) == before


def test_weights_are_listed_and_verified(run, tmp_path):
    listed = run("weights", "list", cwd=tmp_path)
    assert listed.returncode == 0, listed.stderr
    assert "gray-groupsc-sigma25" in listed.stdout
    assert "checksums agree" in run("weights", "verify", cwd=tmp_path).stdout


@pytest.mark.slow
def test_the_page_s_commands_for_images_work(run, desk):
    """Every line of the first block, with the files that it names."""
    text = (ROOT / "docs/images.md").read_text()
    lines = [
        line.partition("  #")[0].split() for line in text.partition("```bash\n")[2].partition("```")[0].splitlines()
    ]
    commands = [line for line in lines if line and line[0] == "groupsc"]
    assert len(commands) == 4
    photo = skimage.data.camera()[60:144, 100:224]  # The page explains the pixel in column 120 and row 80.
    for name in ("photo.png", "raw.tif"):
        Image.fromarray(photo).save(desk / name)
    Image.fromarray(photo).save(desk / "old.jpg", quality=20)
    for command in commands:
        method = [] if command[1] == "explain" else ["--method", "sc"]
        result = run(*command[1:], *method, cwd=desk)
        assert result.returncode == 0, result.stderr
    assert np.asarray(Image.open(desk / "colors.tif")).shape == (84, 124, 3)
    assert (desk / "why.png").exists()


@pytest.mark.slow
def test_the_page_s_python_works(desk):
    text = (ROOT / "docs/images.md").read_text().partition("```python\n")[2].partition("```")[0]
    rng = np.random.default_rng(0)
    camera, astronaut = skimage.data.camera()[60:100, 100:144], skimage.data.astronaut()[60:100, 100:144]

    def noisy(image):
        return np.clip(image + 25 * rng.standard_normal(image.shape), 0, 255).astype(np.uint8)

    for line in text.splitlines():
        line = line.partition("  #")[0]
        names = {
            "groupsc": groupsc,
            "noisy": noisy(camera),
            "mosaic": camera,
            "decoded": astronaut,
        }
        if "channel_axis" in line:
            names["noisy"] = noisy(astronaut)
        exec(line, names)
