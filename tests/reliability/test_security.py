"""Names, addresses, weights and configurations from outside stay data: they run nothing and leave no folder."""

from __future__ import annotations

import ast
import re
import tomllib
from importlib import metadata

import jsonschema
import pytest
import yaml
from faulty_server import CONTENTS, table
from packaging.requirements import Requirement
from processes import ROOT

from groupsc.data.downloads import without_secrets
from groupsc.data.fetching import fetch
from groupsc.utils.errors import GroupSCError
from groupsc.weights.released import releases

SOURCES = [*ROOT.glob("*.py"), *(ROOT / "groupsc").rglob("*.py"), *(ROOT / "benchmarks").glob("*.py")]
RULES = [ROOT / "workflow/Snakefile", *(ROOT / "workflow/rules").glob("*.smk")]
HOSTILE = ["a; touch pwned #", "$(touch pwned)", "../../x", "`touch pwned`", "a b", "a\nb", "{name}", "-rf", ""]


def calls(path):
    """{dotted name of what is called: its keyword arguments as source} for every call of a Python file."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Call):
            yield ast.unparse(node.func), {word.arg: ast.unparse(word.value) for word in node.keywords}


@pytest.mark.parametrize("path", SOURCES, ids=lambda path: str(path.relative_to(ROOT)))
def test_nothing_runs_what_it_reads(path):
    for name, keywords in calls(path):
        assert name not in ("eval", "exec", "os.system", "os.popen", "pickle.load", "pickle.loads", "yaml.load"), name
        assert not name.startswith("yaml.unsafe_"), name
        assert keywords.get("shell", "False") == "False", name
        assert keywords.get("allow_pickle", "False") == "False", name
        if name == "torch.load":
            assert keywords["weights_only"] == "True"


@pytest.mark.parametrize("path", RULES, ids=lambda path: path.name)
def test_every_name_in_a_shell_command_is_quoted(path):
    text = path.read_text(encoding="utf-8")
    assert "yaml.load(" not in text
    for command in re.findall(r"^ +shell:\n((?: +\".*\"\n)+)", text, re.M):
        for name in re.findall(r"\{(.*?)\}", command):
            assert name.endswith(":q") or name in ("params.options", "params.machine"), f"{name} in {command}"
    assert text.count("shell:") == len(re.findall(r"^ +shell:\n +\"", text, re.M))


def test_options_of_commands_are_quoted():
    """`{params.options}` and `{params.machine}` hold options with their values, made by one function."""
    text = "\n\n\n".join(rules.read_text(encoding="utf-8") for rules in RULES)
    assert "shlex.quote(str(value))" in re.search(r"\ndef options\(.*?\n\n\n", text, re.S)[0]
    assert "options(**values)" in re.search(r"\ndef unrecorded\(.*?\n\n\n", text, re.S)[0]
    for rules in RULES:
        for given in re.findall(r"^ +options=(.*)$", rules.read_text(encoding="utf-8"), re.M):
            assert re.match(r"options\(|\w+_options", given), given
        for given in re.findall(r"^ +machine=(.*)$", rules.read_text(encoding="utf-8"), re.M):
            assert given.startswith("unrecorded("), given
    made = re.findall(r"^def \w+_options\(.*?\n\n\n", text, re.S | re.M)
    assert len(made) == 7
    assert all(re.search(r"return options\(.*\)\n\n\n$", function, re.S) for function in made)


@pytest.fixture(scope="module")
def valid():
    """Whether the schema takes the toy configuration with another value at a place."""
    schema = yaml.safe_load((ROOT / "workflow/schemas/config.schema.yaml").read_text(encoding="utf-8"))
    validator = jsonschema.Draft202012Validator(schema)

    def check(*place, value):
        config = yaml.safe_load((ROOT / "config/ci.yaml").read_text(encoding="utf-8"))
        *parents, last = place
        part = config
        for key in parents:
            part = part[key]
        part[last] = value
        return validator.is_valid(config)

    return check


@pytest.mark.parametrize("name", HOSTILE)
def test_no_configuration_names_files_so(valid, name):
    assert not valid("tables", value=[name])
    assert not valid("figures", value={name: {}})
    assert not valid("tasks", "gray", "datasets", value=[name])
    assert not valid("tasks", "gray", "variants", value={name: {"methods": ["sc"]}})
    assert not valid("tasks", value={name: {"methods": ["sc"], "datasets": ["Bundled"]}})
    assert valid("tables", value=["table4"])
    assert valid("figures", value={"denoising": {}})


@pytest.mark.parametrize("name", HOSTILE)
def test_experiments_of_such_a_grid_are_not_written(groupsc, tmp_path, name):
    folder = tmp_path / "deep" / "work"
    folder.mkdir(parents=True)
    grid = {
        "tasks": {"gray": {"methods": ["sc"], "levels": [25], "variants": {name: {"methods": ["sc"], "levels": [25]}}}}
    }
    (folder / "grid.yaml").write_text(yaml.safe_dump(grid))
    said = groupsc("experiment", "--all", "--config", "grid.yaml", "--output", "all", cwd=folder).complaint
    assert "choose small letters and digits, since it names files" in said
    assert [path.name for path in tmp_path.rglob("*") if path.is_file()] == ["grid.yaml"]


@pytest.mark.parametrize("column", ["repo", "commit", "path"])
@pytest.mark.parametrize("place", ["../../secret", "/etc", "a/../../b", "a\\..\\..\\b", "a\nb", ""])
def test_no_row_of_a_registry_reads_outside_the_mirror(tmp_path, column, place):
    (tmp_path / "secret").write_bytes(CONTENTS["01.png"])
    files = table()
    files.loc[0, column] = place
    with pytest.raises(GroupSCError, match="can point outside the mirror; correct that row"):
        fetch("Four", tmp_path / "data", mirror=tmp_path / "deep/mirror", progress=False, files=files)
    assert not (tmp_path / "data").exists()


@pytest.mark.parametrize(
    "change",
    [
        {"path": "../../gray.safetensors"},
        {"path": "/etc/passwd"},
        {"path": ".."},
        {"path": "other.safetensors"},
        {"path": 3},
        {"md5": "../../../etc/passwd"},
        {"md5": "0" * 31},
        {"md5": 12},
        {"md5": "A" * 32},
    ],
    ids=str,
)
def test_no_pointer_leads_out_of_its_folder(tmp_path, change):
    pointer = tmp_path / "data/weights/gray.safetensors.dvc"
    pointer.parent.mkdir(parents=True)
    out = {"md5": "0" * 32, "size": 5, "hash": "md5", "path": "gray.safetensors"}
    pointer.write_text(yaml.safe_dump({"outs": [out]}))
    assert list(releases([tmp_path / "data"])) == ["gray"]
    pointer.write_text(yaml.safe_dump({"outs": [{**out, **change}]}))
    with pytest.raises(GroupSCError, match=r"is damaged .*git checkout"):
        releases([tmp_path / "data"])


@pytest.mark.parametrize(
    ("address", "shown"),
    [
        ("https://user:tok@en@host/a", "https://***@host/a"),
        ("https://token@host:80", "https://***@host:80"),
        ("https://host/a?sig=secret&b=c", "https://host/a?***"),
        ("s3://key:secret@bucket/a and https://u:p@h/b", "s3://***@bucket/a and https://***@h/b"),
        ("https://host/a@b", "https://host/a@b"),
        ("/home/me@work/what?", "/home/me@work/what?"),
    ],
)
def test_addresses_are_shown_without_what_is_secret(address, shown):
    assert without_secrets(address) == shown


@pytest.mark.parametrize("answer", ["page", "reset", "missing"])
def test_a_token_in_the_address_of_a_mirror_reaches_it_and_no_message(groupsc, server, tmp_path, answer):
    folder = tmp_path / "work"
    folder.mkdir()
    first = "/cszn/DnCNN/e93b27812d3ff523a3a79d19e5e50d233d7a8d0a/testsets/Set12/01.png"
    server.answers[first] = [answer]
    mirror = server.mirror.replace("//", "//someone:S3CRET@")
    arguments = ("fetch", "Set12", "--images", 1, "--manifest", "Set12.json")
    ended = groupsc(*arguments, cwd=folder, GROUPSC_MIRROR=mirror, NO_PROXY="*")
    assert "check the network, or name a mirror" in ended.complaint
    assert "***@127.0.0.1" in ended.said
    assert "S3CRET" not in ended.said
    assert server.requests[0] == first
    assert not [path for path in folder.rglob("*") if path.is_file()]


def required():
    """The requirements of the project and of all that they require in turn, on each of its versions of Python."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    groups = [project["project"]["dependencies"], *project["project"]["optional-dependencies"].values()]
    queue = [Requirement(text) for group in (*groups, project["build-system"]["requires"]) for text in group]
    seen = set()
    while queue:
        requirement = queue.pop()
        if str(requirement) in seen:
            continue
        seen.add(str(requirement))
        yield requirement
        try:
            further = metadata.distribution(requirement.name).requires or ()
        except metadata.PackageNotFoundError:  # An extra that is not installed here, or a tool that builds.
            continue
        places = [
            {"python_version": version, "python_full_version": f"{version}.0", "extra": extra}
            for version in ("3.11", "3.12", "3.13")
            for extra in ("", *requirement.extras)
        ]
        for text in further:
            marker = Requirement(text).marker
            if marker is None or any(marker.evaluate(place) for place in places):
                queue.append(Requirement(text))


def test_the_lock_pins_all_that_is_installed():
    lines = (ROOT / "constraints.txt").read_text(encoding="utf-8").splitlines()
    pinned = {spelled(Requirement(line).name): Requirement(line) for line in lines}
    assert all([version.operator for version in pin.specifier] == ["=="] for pin in pinned.values())
    # The parts of CUDA that torch names by their exact versions need no further pin.
    loose = {spelled(r.name) for r in required() if "==" not in {version.operator for version in r.specifier}}
    assert loose <= set(pinned)
    assert "constraints.txt" in (ROOT / "Makefile").read_text(encoding="utf-8")


def spelled(name: str) -> str:
    return re.sub("[-_.]+", "-", name).lower()
