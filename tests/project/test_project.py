"""The house holds together: versions agree, imports flow one way, style and workflow are clean."""

from __future__ import annotations

import ast
import graphlib
import os
import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest
import yaml
from packaging.requirements import Requirement
from packaging.specifiers import SpecifierSet

from groupsc.benchmark.grid import read_grid
from groupsc.config.experiments import experiments
from groupsc.utils.version import __version__

ROOT = Path(__file__).resolve().parents[2]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
EXTRAS = PROJECT["optional-dependencies"]
REQUIREMENTS = [Requirement(r) for group in (PROJECT["dependencies"], *EXTRAS.values()) for r in group]
CONDA_NAMES = {"torch": "pytorch", "matplotlib": "matplotlib-base"}

STREET = [
    "utils.errors utils.version",
    "utils.atomic utils.lock config.checks",
    "config.definitions",
    "config.experiments",
    "utils.resources",
    "weights.released",
    "utils.device utils.memory io.images io.exif",
    "io.decoding io.encoding",
    "io.photographs",
    "data.datasets",
    "data.degradations",
    "baselines",
    "ops",
    "models",
    "weights.files",
    "training.dictionary_learning training.batches",
    "inference.noise_level inference.tiling benchmark.metrics",
    "inference.restorer",
    "io.arrays weights.selection",
    "api",
    "training.initialization",
    "training.loop",
    "benchmark.evaluation",
    "paper.tables",
    "figures.catalog",
    "cli.app",
]
"""Modules in the order of the data; each imports only what stands on an earlier line, or on its own."""


def run(*command, **options):
    """Run a program of this environment in the root of the checkout."""
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    environment = {**os.environ, "PATH": path}
    return subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, **options)


def imports():
    """{module: what it imports}, as dotted names, those of the package without its own."""
    found = {}
    for path in sorted((ROOT / "groupsc").rglob("*.py")):
        name = ".".join(path.relative_to(ROOT / "groupsc").with_suffix("").parts).removesuffix(".__init__")
        names = set()
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Import):
                names |= {alias.name for alias in node.names}
            elif isinstance(node, ast.ImportFrom):
                assert node.level == 0, f"{path} imports relatively; name the package"
                names |= {node.module, *(f"{node.module}.{alias.name}" for alias in node.names)}
        found[name] = names
    own = {f"groupsc.{name}": name for name in found}
    return {name: {own.get(used, used) for used in names} for name, names in found.items()}


def test_conda_environment_has_the_versions_of_pyproject():
    # What only some need comes by pip alone; not all of it is packaged for conda.
    optional = {Requirement(r).name for extra in ("peers", "slurm", "store") for r in EXTRAS[extra]}
    wanted = {CONDA_NAMES.get(r.name, r.name): r.specifier for r in REQUIREMENTS if r.name not in optional}
    wanted["python"] = SpecifierSet(PROJECT["requires-python"])
    environment = yaml.safe_load((ROOT / "environment.yml").read_text())
    pairs = [dependency.partition(" ")[::2] for dependency in environment["dependencies"]]
    assert {name: SpecifierSet(versions) for name, versions in pairs if name != "pip"} == wanted


def test_constraints_pin_every_requirement_within_its_range():
    lines = [line for line in (ROOT / "constraints.txt").read_text().splitlines() if not line.startswith("#")]
    pinned = {Requirement(line).name.lower().replace("_", "-"): Requirement(line).specifier for line in lines}
    for requirement in REQUIREMENTS:
        versions = list(pinned[requirement.name])
        assert [v.operator for v in versions] == ["=="], f"{requirement.name} is not pinned to one version"
        assert requirement.specifier.contains(versions[0].version), f"{requirement} excludes {versions[0]}"
    assert pinned["torch"] == SpecifierSet("==2.13.0")
    assert "torchvision" not in pinned


def test_version_is_the_same_everywhere():
    citation = yaml.safe_load((ROOT / "CITATION.cff").read_text())
    assert citation["version"] == __version__
    assert f"## [{__version__}]" in (ROOT / "CHANGELOG.md").read_text()


def test_library_knows_nothing_of_the_workflow():
    for module, names in imports().items():
        assert not {"snakemake", "dvc"} & {name.partition(".")[0] for name in names}, f"groupsc.{module}"


def test_imports_have_no_cycle():
    graph = imports()
    graphlib.TopologicalSorter(
        {name: names & set(graph) - {name, "__init__", "cli"} for name, names in graph.items()}
    ).prepare()


def test_imports_follow_the_street():
    order = {module: number for number, line in enumerate(STREET) for module in line.split()}
    place = {name: order.get(name, order.get(name.partition(".")[0])) for name in imports()}
    for module, names in imports().items():
        ahead = [n for n in names if None not in (place.get(n), place[module]) and place[n] > place[module]]
        assert not ahead, f"groupsc.{module} imports {', '.join(ahead)}, which stands after it"


def test_importing_the_command_line_loads_no_torch():
    code = "import sys, groupsc.cli; sys.exit('torch' in sys.modules or 'pandas' in sys.modules)"
    assert run(sys.executable, "-c", code).returncode == 0


@pytest.mark.slow
@pytest.mark.parametrize(
    "command",
    [
        ("ruff", "check"),
        ("ruff", "format", "--check"),
        ("snakefmt", "--check", "Snakefile", "workflow"),
        ("snakemake", "--lint"),
    ],
    ids=" ".join,
)
def test_style_is_clean(command):
    result = run(*command)
    assert result.returncode == 0, result.stdout + result.stderr


def test_every_configuration_key_is_explained():
    schema = yaml.safe_load((ROOT / "workflow/schemas/config.schema.yaml").read_text())
    tasks = schema["$defs"]["leveled"]["properties"]
    text = (ROOT / "config/README.md").read_text()
    explained = {name for row in re.findall(r"^\| (`.*?`) \|", text, re.M) for name in re.findall(r"`([a-z]+)`", row)}
    assert explained == {*schema["properties"], *tasks}
    assert all("description" in key for key in schema["properties"].values())


def test_released_weights_are_artifacts_of_dvc():
    pointers = {pointer.name.removesuffix(".safetensors.dvc") for pointer in (ROOT / "data/weights").glob("*.dvc")}
    artifacts = yaml.safe_load((ROOT / "dvc.yaml").read_text()).get("artifacts", {})
    assert set(artifacts) == pointers, "name every model of data/weights under `artifacts` in dvc.yaml"
    assert all(found["path"] == f"data/weights/{name}.safetensors" for name, found in artifacts.items())


def test_readme_names_the_targets_of_make():
    targets = set(re.findall(r"^\.PHONY: (.*)$", (ROOT / "Makefile").read_text(), re.M)[0].split())
    named = set(re.findall(r"`make ([a-z]+)", (ROOT / "README.md").read_text()))
    assert named == targets - {"help"}


def test_every_test_that_the_page_on_reliability_names_exists():
    lines = (ROOT / "docs/reliability.md").read_text(encoding="utf-8").splitlines()
    faults = [line for line in lines if line.startswith("| ") and not line.startswith(("| fault", "| threat", "| ---"))]
    assert len(faults) > 40
    for line in faults:
        named = re.findall(r"`(tests/[\w/]+\.py)::(\w+)`", line.split(" | ")[-1])
        assert named, f"no test shows: {line}"
        for file, test in named:
            found = {
                node.name for node in ast.parse((ROOT / file).read_text()).body if isinstance(node, ast.FunctionDef)
            }
            assert test in found, f"{file} has no {test}"
    assert "docs/reliability.md" in (ROOT / "README.md").read_text()


def test_continuous_integration_runs_the_tests():
    script = ROOT / ".ci/run"
    assert os.access(script, os.X_OK)
    assert "set -euo pipefail" in script.read_text()
    assert script.read_text().splitlines()[-1] == "make test"


def test_make_says_what_is_missing_without_a_suitable_python(tmp_path):
    tools = tmp_path / "bin"
    tools.mkdir()
    for name in ("python3.13", "python3.12", "python3.11", "python3", "python"):
        (tools / name).write_text("#!/bin/sh\nexit 1\n")
        (tools / name).chmod(0o755)
    make = next(p for p in (Path(d, "make") for d in os.environ["PATH"].split(os.pathsep)) if p.exists())
    command = [make, f"VENV={tmp_path / 'venv'}", "test"]
    result = subprocess.run(command, cwd=ROOT, env={"PATH": str(tools)}, capture_output=True, text=True)
    assert result.returncode != 0
    assert "needs Python 3.11, 3.12 or 3.13" in result.stderr
    assert not (tmp_path / "venv").exists()


def test_every_configuration_is_listed_and_makes_a_grid():
    page = (ROOT / "config/README.md").read_text()
    files = list((ROOT / "config").glob("*.yaml"))
    assert len(files) >= 5
    for path in files:
        assert f"| `{path.name}` |" in page, f"config/README.md does not list {path.name}"
        assert experiments(read_grid(path))
