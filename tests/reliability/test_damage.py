"""Files that were cut off or altered: the command that meets one says which, and how to get it back."""

from __future__ import annotations

import json
import shutil

import pytest
from PIL import Image
from safetensors.torch import save_file
from toy_commands import COMMANDS

from groupsc.data.registry import registry
from groupsc.weights.files import read_tensors

pytestmark = pytest.mark.xdist_group("made")


def altered(source, target, *, without=(), **changes):
    """Copy a safetensors file with other metadata, as JSON, or without some tensors or entries."""
    tensors, card = read_tensors(source)
    card = {**card, **{key: {**card["model"], **value} if key == "model" else value for key, value in changes.items()}}
    kept = {name: tensor for name, tensor in tensors.items() if name not in without}
    card = {key: json.dumps(value) for key, value in card.items() if key not in without}
    save_file(kept, target, metadata=card)
    return target


@pytest.fixture
def folder(made, tmp_path):
    return shutil.copytree(made, tmp_path / "copy")


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"without": ["task"]}, "has the task None"),
        ({"without": ["method"]}, "method None"),
        ({"task": "../../x"}, "choose another"),
        ({"method": "<script>"}, "choose another"),
        ({"level": "many"}, "level 'many'"),
        ({"model": {"n_atoms": 10**12}}, "it was altered, so fetch it again"),
        ({"model": {"steps": 10**12}}, "it was altered, so fetch it again"),
        ({"model": {"n_atoms": 2.5}}, "atoms is 2.5; choose a whole number"),
        ({"model": {"levels": "abc"}}, "levels is 'abc'; choose two or more noise levels in ascending order"),
        ({"model": {"penalty": ["l1"]}}, "choose one of l1, csr, group"),
    ],
    ids=str,
)
def test_weights_with_an_altered_card(folder, groupsc, changes, said):
    altered(folder / "run/weights.safetensors", folder / "other.safetensors", **changes)
    arguments = ("evaluate", "other.safetensors", "--dataset", "Bundled", "--images", 1, "--output", "other.csv")
    assert said in groupsc(*arguments, cwd=folder).complaint
    assert not (folder / "other.csv").exists()


def test_weights_that_restore_to_no_numbers(folder, groupsc):
    weights = folder / "run/weights.safetensors"
    tensors, card = read_tensors(weights)
    save_file({**tensors, "W": tensors["W"] * float("nan")}, weights, {key: json.dumps(card[key]) for key in card})
    said = groupsc(*COMMANDS["evaluate"], cwd=folder).complaint
    assert "astronaut.png to values that are not finite; choose other weights" in said


@pytest.mark.parametrize("missing", ["step", "losses", "model.D"])
def test_a_state_that_lacks_a_part(folder, groupsc, missing):
    state = folder / "run/state.safetensors"
    altered(state, state, without=[missing])
    said = groupsc(*COMMANDS["train"], cwd=folder).complaint
    assert f"state.safetensors was altered ('{missing}'); remove it to start a new training" in said


@pytest.mark.parametrize("file", ["run/weights.safetensors", "run/state.safetensors"])
def test_a_truncated_file_to_start_from(folder, groupsc, file):
    (folder / "short.safetensors").write_bytes((folder / file).read_bytes()[:-100])
    for option in ("--init", "--dictionary"):
        arguments = ("train", "sc.yaml", option, "short.safetensors", "--output", "new", "--device", "cpu")
        assert "short.safetensors is damaged or no safetensors file" in groupsc(*arguments, cwd=folder).complaint
    assert not (folder / "new").exists()


def test_rows_that_were_cut_off_anywhere(folder, groupsc):
    content = (folder / "rows/rows.csv").read_bytes()
    head = content.index(b"\n") + 1
    second = content.index(b"\n", head) + 1
    for length in (head + 1, second - 1, second + 1, second + 90, len(content) - 3, len(content) - 1):
        (folder / "cut.csv").write_bytes(content[:length])
        said = groupsc("table", "table4", "cut.csv", "--output", "cut", cwd=folder).complaint
        assert "cut.csv is damaged in line" in said or "cut.csv can't be read as per-image results" in said, length
        assert "with `groupsc evaluate`" in said
        assert not (folder / "cut.md").exists()
    (folder / "rows/rows.csv").write_bytes(content[:-9])
    assert groupsc(*COMMANDS["evaluate"], cwd=folder).returncode == 0
    assert (folder / "rows/rows.csv").read_bytes().count(b"\n") == 3


@pytest.mark.parametrize("value", ["abc", ""])
def test_rows_with_something_else_than_numbers(folder, groupsc, value):
    head, first, second = (folder / "rows/rows.csv").read_text().splitlines()
    cells = second.split(",")
    cells[head.split(",").index("psnr")] = value
    (folder / "wrong.csv").write_text("\n".join([head, first, ",".join(cells), ""]))
    for arguments in (("summary", "wrong.csv"), ("metrics", "wrong.csv", "--output", "m.json")):
        assert "wrong.csv is damaged in line 3" in groupsc(*arguments, cwd=folder).complaint


def test_an_image_that_was_cut_off(tmp_path, groupsc):
    first = registry().query("dataset == 'Set12'").sort_values("file").iloc[0]
    path = tmp_path / "raw/Set12" / first["file"]
    path.parent.mkdir(parents=True)
    Image.effect_noise((64, 64), 50).save(path)
    path.write_bytes(path.read_bytes()[:-500])
    arguments = ("evaluate", "input", "--task", "gray", "--level", 25, "--dataset", "Set12", "--images", 1)
    said = groupsc(*arguments, "--data-dir", "raw", "--output", "rows.csv", cwd=tmp_path).complaint
    assert f"raw/Set12/{first['file']} can't be read as an image" in said
    assert "fetch it again" in said
    assert not (tmp_path / "rows.csv").exists()


@pytest.mark.parametrize(
    "content", [b"\x80\x81", b"[" * 1500, b"a: [", b"!!python/object/apply:os.system ['touch pwned']"]
)
def test_an_experiment_that_is_no_yaml(folder, groupsc, content):
    (folder / "sc.yaml").write_bytes(content)
    assert "sc.yaml" in groupsc(*COMMANDS["train"], cwd=folder).complaint
    said = groupsc("experiment", "--config", "sc.yaml", cwd=folder).complaint
    assert "see config/README.md" in said
    assert not (folder / "pwned").exists()
