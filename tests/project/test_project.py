"""The house holds together: versions agree, imports follow the layers, style and workflow are clean."""

from __future__ import annotations

import ast
import os
import re
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest
import yaml
from packaging.requirements import Requirement
from packaging.specifiers import SpecifierSet

import groupsc
from groupsc.config.experiments import experiments
from groupsc.config.files import read_grid
from groupsc.utils.version import __version__

ROOT = Path(__file__).resolve().parents[2]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
EXTRAS = PROJECT["optional-dependencies"]
REQUIREMENTS = [Requirement(r) for group in (PROJECT["dependencies"], *EXTRAS.values()) for r in group]
CONDA_NAMES = {"torch": "pytorch", "matplotlib": "matplotlib-base", "playwright": "playwright-python"}


def run(*command, cwd=ROOT, **environment):
    """Run a program of this environment, in the root of the checkout unless told otherwise."""
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    environment = {**os.environ, "PATH": path, "PYTHONPATH": str(cwd), **environment}
    return subprocess.run(command, cwd=cwd, env=environment, capture_output=True, text=True)


def test_conda_environment_has_the_versions_of_pyproject():
    # What only some need comes by pip alone; not all of it is packaged for conda.
    optional = {
        Requirement(r).name
        for extra in ("peers", "formats", "raw", "arrays", "slurm", "store", "docs", "napari")
        for r in EXTRAS[extra]
    }
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
    changes = (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")
    (newest, *_) = (name for name in re.findall(r"^## \[(.*?)\]", changes, re.M) if name != "Unreleased")
    assert newest == __version__


@pytest.mark.slow
def test_twine_finds_nothing_in_the_wheel(tmp_path):
    for package in ("twine", "hatchling"):
        pytest.importorskip(package)
    built = run(sys.executable, "-m", "hatchling", "build", "--target", "wheel", "--directory", str(tmp_path))
    assert built.returncode == 0, built.stderr
    (wheel,) = tmp_path.glob(f"groupsc-{__version__}-*.whl")
    checked = run(sys.executable, "-m", "twine", "check", "--strict", str(wheel))
    assert checked.returncode == 0, checked.stdout + checked.stderr


def test_the_hooks_of_pre_commit_are_the_commands_of_make_lint():
    (local,) = yaml.safe_load((ROOT / ".pre-commit-config.yaml").read_text())["repos"]
    assert local["repo"] == "local"
    recipe = re.search(r"^lint:.*\n((?:\t.*\n)+)", (ROOT / "Makefile").read_text(), re.M)[1]
    assert [hook["entry"] for hook in local["hooks"]] == [line.strip() for line in recipe.splitlines()]
    assert not any(hook["pass_filenames"] for hook in local["hooks"])


def test_every_package_has_a_layer_and_imports_only_lower_ones():
    result = run("lint-imports", "--no-cache")
    assert result.returncode == 0, result.stdout + result.stderr


@pytest.mark.slow
@pytest.mark.parametrize(
    "edits",
    [
        [
            (
                "data/datasets.py",
                "from groupsc.training import loop",
                "groupsc.data is not allowed to import groupsc.training",
            ),
            ("utils/errors.py", "import groupsc.api", "groupsc.utils is not allowed to import"),
            ("benchmark/cost/plan.py", "def later():\n    import snakemake", "not allowed to import snakemake"),
            ("paper/tables.py", "import matplotlib", "not allowed to import matplotlib"),
        ],
        [("unknown.py", "", "groupsc.unknown")],
    ],
    ids=["imports", "no layer"],
)
def test_what_is_against_the_layers_is_found(tmp_path, edits):
    shutil.copytree(ROOT / "groupsc", tmp_path / "groupsc", ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(ROOT / "pyproject.toml", tmp_path)
    for module, statement, _ in edits:
        with open(tmp_path / "groupsc" / module, "a", encoding="utf-8") as file:
            file.write(f"\n\n{statement}\n")
    result = run("lint-imports", "--no-cache", cwd=tmp_path)
    assert result.returncode != 0
    said = " ".join((result.stdout + result.stderr).split())
    assert [contract for *_, contract in edits if contract not in said] == []


def test_packages_hold_three_to_thirteen_modules():
    packages = [path.parent for path in (ROOT / "groupsc").glob("*/__init__.py")]
    counts = {package.name: len(list(package.glob("*.py"))) - 1 for package in packages}
    assert len(counts) >= 14
    assert not {name: count for name, count in counts.items() if not 3 <= count <= 13}


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


@pytest.mark.slow
def test_types_are_right_and_known_to_callers(tmp_path):
    caller = tmp_path / "caller.py"
    caller.write_text("import groupsc\ngroupsc.denoise([[0.5]], sigma='25')\n")
    files = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["mypy"]["files"]
    result = run("mypy", *files, str(caller))
    errors = [line for line in result.stdout.splitlines() if ": error: " in line]
    assert len(errors) == 1, result.stdout + result.stderr
    assert 'Argument "sigma" to "denoise" has incompatible type "str"' in errors[0]


def test_type_checkers_see_the_names_that_the_package_exports():
    stub = ast.parse((ROOT / "groupsc/__init__.pyi").read_text())
    imports = [node for node in stub.body if isinstance(node, ast.ImportFrom)]
    assert {alias.name: node.module for node in imports for alias in node.names} == groupsc._PLACES


def test_the_page_on_the_workflow_names_the_targets_of_make():
    targets = set(re.findall(r"^\.PHONY: (.*)$", (ROOT / "Makefile").read_text(), re.M)[0].split())
    named = set(re.findall(r"`make ([a-z-]+)", (ROOT / "docs/workflow.md").read_text()))
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


@pytest.mark.xdist_group("one process")
def test_tests_of_a_group_share_a_process(request, worker_id):
    """Else every process makes the fixtures of a group anew; pytest-xdist marks grouped tests by this suffix."""
    if worker_id == "master":
        pytest.skip("pytest-xdist does not distribute this run")
    assert request.node.nodeid.endswith("@one process")


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


def test_make_installs_in_a_folder_whose_name_has_a_blank(tmp_path):
    folder = tmp_path / "two words"
    (folder / ".venv/bin").mkdir(parents=True)
    (folder / "groupsc/inference/compiled").mkdir(parents=True)
    for name in (
        "Makefile",
        "pyproject.toml",
        "constraints.txt",
        "hatch_build.py",
        "groupsc/inference/compiled/window.c",
    ):
        shutil.copy(ROOT / name, folder / name)
    for name in ("pip", "python"):
        (folder / ".venv/bin" / name).write_text('#!/bin/sh\necho "$0 $*" >> "$(dirname "$0")/called"\n')
        (folder / ".venv/bin" / name).chmod(0o755)
    environment = {name: value for name, value in os.environ.items() if name not in ("MAKEFLAGS", "VENV")}
    result = subprocess.run(
        ["make", ".venv/.installed", ".venv/.peers"], cwd=folder, env=environment, capture_output=True, text=True
    )
    assert result.returncode == 0, result.stderr
    called = (folder / ".venv/bin/called").read_text()
    assert ".[workflow,test]" in called
    assert ".[workflow,test,peers]" in called


def test_every_configuration_is_listed_and_makes_a_grid():
    page = (ROOT / "config/README.md").read_text()
    files = list((ROOT / "config").glob("*.yaml"))
    assert len(files) >= 5
    for path in files:
        assert f"| `{path.name}` |" in page, f"config/README.md does not list {path.name}"
        assert experiments(read_grid(path))


def test_each_grid_has_a_folder_of_its_own_and_git_keeps_that_of_the_release_alone():
    outputs = {path.name: read_grid(path)["output"] for path in (ROOT / "config").glob("*.yaml")}
    assert len(set(outputs.values())) == len(outputs)
    assert all(output == f"results/{Path(name).stem}" for name, output in outputs.items())
    ignored = [f"{output}/tables/table4.md" for name, output in outputs.items() if name != "release.yaml"]
    ignored += [
        "results/data/BSD68/all.json",
        "results/release/rows/a/BSD68.csv",
        "results/release/weights/a.safetensors",
    ]
    found = run(
        "git",
        "check-ignore",
        "--no-index",
        *ignored,
        "results/release/tables/table4.md",
        "results/release/metrics.json",
    )
    if found.returncode > 1:
        pytest.skip("this checkout is no Git repository")
    assert found.stdout.split() == ignored
    tracked = run("git", "ls-files", "results").stdout.split()
    assert tracked
    assert all(path.startswith("results/release/") for path in tracked)


def test_a_grid_without_output_gets_a_folder_of_its_name(tmp_path):
    (tmp_path / "mine.yaml").write_text("budget: cpu\nweights: released\ntasks: {gray: {}}\n")
    assert read_grid(tmp_path / "mine.yaml")["output"] == "results/mine"


def test_every_caption_of_the_report_has_a_text():
    captions = {path.name: path.read_text(encoding="utf-8") for path in (ROOT / "workflow/report").glob("*.rst")}
    assert len(captions) > 10
    assert not [name for name, text in captions.items() if len(text.split()) < 10]


def test_files_that_documents_and_dvc_name_are_there():
    for page in (
        "README.md",
        "CONTRIBUTING.md",
        "CODE_OF_CONDUCT.md",
        "config/README.md",
        *map(str, (ROOT / "docs").rglob("*.md")),
    ):
        for target in re.findall(r"\]\(([^)#:]+)(?:#[^)]*)?\)", (ROOT / page).read_text(encoding="utf-8")):
            if "pictures/" in target:
                continue  # Made with the site; tests/project/test_site.py looks for them.
            assert (ROOT / page).parent.joinpath(target).exists(), f"{page} links to {target}"
    shown = yaml.safe_load((ROOT / "dvc.yaml").read_text())
    curves = [path for plot in shown["plots"] for given in plot.values() for path in given["y"]]
    assert curves
    for path in (*shown["metrics"], *shown["params"], *curves):
        assert (ROOT / path).exists(), f"dvc.yaml shows {path}"
