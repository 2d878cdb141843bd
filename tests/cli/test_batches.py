"""Folders of images: failures, calls that go on after a killed one, several images at a time, streams, plans."""

from __future__ import annotations

import io
import json
import os
import subprocess
import sys

import numpy as np
import pytest
import skimage.data
import tifffile
from killed_processes import Killed
from photograph_files import drawing
from PIL import Image
from processes import ROOT

import groupsc
from groupsc.cli.batch import record
from groupsc.cli.batch.denoising import Denoising
from groupsc.cli.batch.planning import plan
from groupsc.cli.batch.processes import outcomes
from groupsc.cli.batch.settings import Settings
from groupsc.io.photographs import read_photograph

OPTIONS = ("--sigma", 25, "--method", "sc", "--device", "cpu")
GOOD = ("a.png", "b.tif", "c.jpg", "d.webp", "e.png", "f.png")


@pytest.fixture(scope="module")
def run(request):
    """The command; `groupsc` is the library here."""
    return request.getfixturevalue("groupsc")


@pytest.fixture
def album(tmp_path):
    """A folder `in` with images of several kinds, three bad ones and one that is no image."""
    folder = tmp_path / "in"
    folder.mkdir()
    color = skimage.data.astronaut()[100:121, 200:224]
    gray = color[..., 0]
    Image.fromarray(gray).save(folder / "a.png")
    Image.fromarray(gray.astype(np.uint16) * 257).save(folder / "b.tif")
    Image.fromarray(color).save(folder / "c.jpg")
    Image.fromarray(np.dstack([color, gray])).save(folder / "d.webp", lossless=True)
    Image.fromarray(color).save(folder / "e.png")
    Image.fromarray(gray).convert("P").save(folder / "f.png")
    (folder / "cut.png").write_bytes((folder / "e.png").read_bytes()[:300])
    (folder / "empty.jpg").touch()
    (folder / "text.png").write_text("no image")
    (folder / "notes.xyz").write_text("no image")
    for name in ("inner/a.png", "texts/b.txt", ".hidden/a.png"):
        (folder / name).parent.mkdir()
        (folder / name).write_bytes((folder / "e.png").read_bytes())
    return tmp_path


def names(folder):
    return sorted(path.name for path in folder.iterdir() if path.name != record.NAME)


def test_a_bad_file_stops_no_other(run, album):
    result = run("denoise", "in", "out", *OPTIONS, cwd=album)
    assert result.returncode == 1
    assert names(album / "out") == sorted(GOOD)
    last = result.stdout.partition("3 of 9 images failed:")[2].splitlines()[1:]
    assert [line.split()[0] for line in last] == ["in/cut.png", "in/empty.jpg", "in/text.png"]
    assert "types that are not read: in/notes.xyz\n" in result.stdout
    assert "images in subfolders are not restored: in/inner; give these folders too\n" in result.stdout
    assert "Traceback" not in result.said
    shown = run("denoise", "in/a.png", "in/inner", "in", "out2", *OPTIONS, "--dry-run", cwd=album)
    assert "subfolders" not in shown.stdout
    for name in ("a.png", "e.png"):
        image = np.asarray(Image.open(album / "in" / name))
        expected = groupsc.denoise(image, 25, method="sc", channel_axis=None if image.ndim == 2 else -1, device="cpu")
        np.testing.assert_array_equal(np.asarray(Image.open(album / "out" / name)), expected)


def test_two_images_with_one_output_are_told(run, tmp_path):
    """A JPEG name with an image with alpha gets the suffix of PNG."""
    folder = tmp_path / "in"
    folder.mkdir()
    pixels = skimage.data.astronaut()[100:121, 200:224]
    Image.fromarray(np.dstack([pixels, pixels[..., 0]])).save(folder / "a.jpg", format="PNG")
    command = ("denoise", "in", "out", *OPTIONS)
    assert run(*command, cwd=tmp_path).returncode == 0
    assert names(tmp_path / "out") == ["a.png"]
    again = run(*command, "--skip-existing", cwd=tmp_path)
    assert again.returncode == 0, again.said
    assert "skipped" in again.stdout or "exist" in again.stdout

    Image.fromarray(pixels).save(folder / "a.png")
    result = run("denoise", "in", "both", *OPTIONS, "--overwrite", cwd=tmp_path)
    assert result.returncode == 1
    assert "would both be written to both/a.png" in result.stdout
    assert Image.open(tmp_path / "both/a.png").mode == "RGB"


def test_the_case_of_the_shared_folder(run, shared, tmp_path):
    """The first file that can't be read comes second of three."""
    case = shared / "cases/folder_with_bad_file"
    result = run("denoise", case, tmp_path / "out", *OPTIONS, "--json", cwd=tmp_path)
    assert result.returncode == 1
    assert {"a.png", "c.png"} <= set(names(tmp_path / "out"))
    by_name = {os.path.basename(entry["input"]): entry for entry in json.loads(result.stdout)}
    assert "truncated" in by_name["b_truncated.png"]["error"]
    assert set(by_name) == set(os.listdir(case))


def test_another_content_of_the_map_is_another_option(run, tmp_path):
    pixels = skimage.data.camera()[100:120, 100:120]
    for name, values in (("in/a.png", pixels), ("map.png", np.full_like(pixels, 5))):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        Image.fromarray(values).save(tmp_path / name)
    command = ("denoise", "in", "out", "--sigma-map", "map.png", "--method", "sc", "--device", "cpu", "--skip-existing")
    assert run(*command, cwd=tmp_path).returncode == 0
    assert "1 of 1 images exist and were skipped" in run(*command, cwd=tmp_path).stdout
    Image.fromarray(np.full_like(pixels, 20)).save(tmp_path / "map.png")
    assert "contents of sigma_map was" in run(*command, cwd=tmp_path).complaint


def test_a_killed_call_goes_on_with_the_missing_images(run, album):
    for name in ("cut.png", "empty.jpg", "text.png"):
        (album / "in" / name).unlink()
    command = ("denoise", "in", "out", *OPTIONS)
    # The first call measures the speed of the machine, and thereby renames a file.
    plan_alone = run(*command, "--dry-run", cwd=album)
    assert plan_alone.returncode == 0, plan_alone.said
    assert not (album / "out").exists()
    assert run(*command, cwd=album, kill_at=4).returncode == -9
    done, unfinished = names(album / "out")[-3:], names(album / "out")[:-3]
    assert done == ["a.png", "b.tif", "c.jpg"]
    assert [name.startswith(".d.webp.") and name.endswith(".partial") for name in unfinished] == [True]
    before = {name: (album / "out" / name).stat().st_mtime_ns for name in done}

    assert "--skip-existing" in run(*command, cwd=album).complaint
    other = run(*command, "--skip-existing", "--sigma", 10, cwd=album).complaint
    assert "3 of 3 existing images" in other
    assert "sigma was 25.0 and is 10.0" in other

    again = run(*command, "--skip-existing", cwd=album)
    assert again.returncode == 0, again.said
    assert "3 of 6 images exist and were skipped" in again.stdout
    assert names(album / "out") == sorted(GOOD)
    assert {name: (album / "out" / name).stat().st_mtime_ns for name in done} == before

    Image.fromarray(skimage.data.camera()[100:130, 100:130]).save(album / "in/a.png")
    changed = run(*command, "--skip-existing", cwd=album).complaint
    assert "out/a.png" in changed
    assert "its input has changed" in changed
    last = run(*command, "--skip-existing", "--overwrite", cwd=album)
    assert "5 of 6 images exist and were skipped" in last.stdout
    assert Image.open(album / "out/a.png").size == (30, 30)


def test_a_killed_call_goes_on_with_the_next_page_of_a_stack(run, tmp_path):
    """The noise of each page is estimated, so that a page restored at the level of another one is noticed."""
    noise = np.random.default_rng(0).normal(0, np.arange(8, 28, 4)[:, None, None], (5, 24, 26))
    pages = (128 + noise).clip(0, 255).astype(np.uint8)
    tifffile.imwrite(tmp_path / "a.tif", pages, imagej=True, metadata={"axes": "ZYX"})
    command = ("denoise", "a.tif", "b.tif", "--method", "sc", "--device", "cpu")
    uninterrupted = run("denoise", "a.tif", "c.tif", *command[3:], cwd=tmp_path)
    assert uninterrupted.returncode == 0, uninterrupted.said
    assert names(tmp_path) == ["a.tif", "c.tif"]
    # Before the file of the third page, the names of the file of options and of two pages were given.
    assert run(*command, cwd=tmp_path, kill_at=4).returncode == -9
    assert not (tmp_path / "b.tif").exists()

    assert "b.tif is unfinished, 2 pages" in run(*command, cwd=tmp_path).complaint
    other = run(*command, "--skip-existing", "--strength", 2, "--dry-run", cwd=tmp_path).stdout
    assert "not used, because strength was 1.0 and is 2.0" in other
    again = run(*command, "--skip-existing", cwd=tmp_path)
    assert again.returncode == 0, again.said
    assert "5 pages, 2 of them restored" in again.stdout
    assert (tmp_path / "b.tif").read_bytes() == (tmp_path / "c.tif").read_bytes()
    assert names(tmp_path) == ["a.tif", "b.tif", "c.tif"]


def test_a_record_with_a_torn_line_is_read_and_goes_on(tmp_path):
    (tmp_path / record.NAME).write_bytes(b'{"output": "a.png", "options": {"sigma": 10}}\n{"output": "b.pn')
    record.append(tmp_path, {"output": "c.png", "options": {"sigma": 25}})
    known = record.read(tmp_path)
    assert list(known) == ["a.png", "c.png"]
    assert record.difference(tmp_path / "a.png", known["a.png"], {"sigma": 25}) == "sigma was 10 and is 25"


@pytest.mark.slow
def test_an_image_whose_process_is_killed_stops_no_other(album):
    """Two at a time: the killed process takes the other one with it, whose image is restored again."""
    Image.fromarray(skimage.data.camera()[100:130, 100:120]).save(album / "in/killed.png")
    operation, settings = Killed(sigma=(25.0,), height=30), Settings(method="sc", device="cpu")
    paths = [album / "in" / name for name in ("killed.png", "a.png", "e.png")]
    jobs = [plan(path, album / "out" / path.name, read_photograph(path), operation, settings) for path in paths]
    (album / "in/e.png").write_text("no image any more")
    found = {job.source.name: outcome for job, outcome in outcomes(jobs, operation, settings, 2)}
    assert "killed" in found["killed.png"]
    assert "e.png is not" in found["e.png"]
    assert names(album / "out") == ["a.png"]
    expected = groupsc.denoise(np.asarray(Image.open(album / "in/a.png")), 25, method="sc", device="cpu")
    np.testing.assert_array_equal(np.asarray(Image.open(album / "out/a.png")), expected)


def test_streams_in_a_terminal_without_greek_letters(album):
    command = [sys.executable, "-m", "groupsc", "denoise", "-", "-o", "-", *map(str, OPTIONS)]
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1", "PYTHONIOENCODING": "cp1252"}
    content = (album / "in/a.png").read_bytes()
    result = subprocess.run(command, cwd=album, env=environment, input=content, capture_output=True)
    assert result.returncode == 0, result.stderr
    expected = groupsc.denoise(np.asarray(Image.open(io.BytesIO(content))), 25, method="sc", device="cpu")
    np.testing.assert_array_equal(np.asarray(Image.open(io.BytesIO(result.stdout))), expected)
    assert rb"\u03c3 25 (given)" in result.stderr
    assert os.listdir(album) == ["in"]
    described = subprocess.run([*command, "--json"], cwd=album, env=environment, input=content, capture_output=True)
    assert described.stdout == result.stdout
    assert json.loads(described.stderr)[0]["input"] == "-"
    bad = subprocess.run(command, cwd=album, env=environment, input=b"text", capture_output=True)
    assert bad.stderr.startswith(b"groupsc: - is not an image")
    closed = subprocess.run(
        f"{sys.executable} -m groupsc denoise - - <&-", cwd=album, env=environment, shell=True, capture_output=True
    )
    assert b"standard input is closed" in closed.stderr


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("denoise", "in", "-"), "takes one image"),
        (("denoise", "in/a.png", "b.png", "--memory", "4iB"), "write it like 4GB"),
        (("denoise", "in/a.png", "b.png", "--memory", "0GB"), "write it like 4GB"),
        (("explain", "in/a.png", "--at", "3,3", "-o", "in/a.png", "--overwrite"), "would be replaced by the figure"),
        (("denoise", "in", "out", "--speed", "quick"), "fast, balanced, best"),
        (("denoise", "in", "out", "--speed", "fast", "--method", "sc"), "leave out"),
    ],
)
def test_wrong_calls_end_in_one_sentence(run, album, arguments, words):
    assert words in run(*arguments, cwd=album).complaint
    assert os.listdir(album) == ["in"]


def test_a_folder_that_is_not_writable_is_refused_before_the_work(run, album):
    (album / "closed").mkdir(mode=0o555)
    for output in ("closed", "closed/new"):
        result = run("denoise", "in", output, *OPTIONS, cwd=album, unprivileged=True)
        assert f"nothing can be written to {output}" in result.complaint
        assert result.stdout == ""


def test_planning_an_image_estimates_its_level(album):
    noise = np.random.default_rng(0).normal(128, 20, (60, 64)).clip(0, 255)
    Image.fromarray(noise.astype(np.uint8)).save(album / "noise.png")
    photo = read_photograph(album / "noise.png")
    job = plan(album / "noise.png", album / "out.png", photo, Denoising(), Settings(method="sc"))
    assert "64 x 60 gray uint8 PNG" in job.line
    assert "(estimated)" in job.line
    assert job.level.value == pytest.approx(20, rel=0.15)


@pytest.mark.parametrize("options", [(), ("--no-guard", "--memory", "1MB"), ("--sigma", "0")])
@pytest.mark.parametrize("name", ["drawing.jpg", "drawing.tif"])
def test_the_file_of_an_image_without_noise_is_copied(run, album, name, options):
    Image.fromarray(drawing()).save(album / name)
    result = run("denoise", name, f"out/{name}", *options, "--device", "cpu", "--json", cwd=album)
    assert "64 x 64 gray uint8" in result.stderr
    assert "not changed" in result.stderr
    assert "has no noise to remove" in result.stderr
    (facts,) = json.loads(result.stdout)
    assert (facts["sigma"], facts["weights"]) == (0.0, None)
    assert (album / "out" / name).read_bytes() == (album / name).read_bytes()


@pytest.mark.parametrize("low", [0.0, -1200.0])
def test_values_without_noise_are_written_as_they_are(run, album, low):
    ramp = (low + drawing(np.float32) * np.float32(1.37)).astype(np.float32)
    tifffile.imwrite(album / "ramp.tif", ramp)
    run("denoise", "ramp.tif", "out.tiff", "--sigma", "0", "--device", "cpu", cwd=album)
    np.testing.assert_array_equal(tifffile.imread(album / "out.tiff"), ramp)


@pytest.mark.parametrize(("noisy", "weights"), [((0, 0, 0), None), ((0, 0, 20), "gray-sc-sigma15")])
def test_pages_without_noise(run, album, noisy, weights):
    random = np.random.default_rng(0)
    pages = np.stack([(drawing() + random.normal(0, sigma, (64, 64))).clip(0, 255) for sigma in noisy]).astype(np.uint8)
    tifffile.imwrite(album / "pages.tif", pages, imagej=True)
    result = run("denoise", "pages.tif", "out.tif", "--method", "sc", "--device", "cpu", "--json", cwd=album)
    assert "3 pages, gray-sc-sigma5, about" in result.stderr
    assert "page 1: no noise was found" in result.stderr
    (facts,) = json.loads(result.stdout)
    assert facts["weights"] == weights
    np.testing.assert_array_equal(tifffile.imread(album / "out.tif")[:2], pages[:2])


def test_a_damaged_tag_is_not_announced_by_the_libraries(run, album):
    tifffile.imwrite(album / "tag.tif", np.full((40, 40), 7, np.uint8), metadata=None, software="camera")
    content = bytearray((album / "tag.tif").read_bytes())
    tag = content.index((305).to_bytes(2, "little"))
    content[tag + 2 : tag + 4] = (8224).to_bytes(2, "little")  # A type that TIFF does not have.
    (album / "tag.tif").write_bytes(content)
    result = run("denoise", "tag.tif", "out.tif", "--dry-run", cwd=album)
    assert (result.returncode, result.stderr) == (0, "")
    result = run("denoise", "tag.tif", "out.tif", cwd=album)
    assert (result.returncode, result.stderr) == (0, "")
