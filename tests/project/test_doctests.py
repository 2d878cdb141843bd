"""The examples in the docstrings of the library run and print what they show."""

from __future__ import annotations

import doctest
import importlib
import re
from pathlib import Path

import pytest

import groupsc
from groupsc.baselines import BASELINES

ROOT = Path(__file__).resolve().parents[2]
EXAMPLE = re.compile(r'^ *(?:""")?>>> ', re.M)
SOURCES = {
    ".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__"): path
    for path in sorted((ROOT / "groupsc").rglob("*.py"))
    if EXAMPLE.search(path.read_text(encoding="utf-8"))
}
OPTIONAL = {baseline.package for baseline in BASELINES}


class Runner(doctest.DocTestRunner):
    """Runs examples and keeps the name of an optional package that one of them lacks."""

    lacking = None

    def report_unexpected_exception(self, out, test, example, exc_info):
        if isinstance(exc_info[1], ModuleNotFoundError):
            self.lacking = exc_info[1].name
        super().report_unexpected_exception(out, test, example, exc_info)


def skip_without(package: str | None) -> None:
    if package and package.partition(".")[0] in OPTIONAL:
        pytest.skip(f"the optional package {package} is not installed")


@pytest.mark.parametrize("name", SOURCES)
def test_examples_of_a_module_run(name, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    try:
        module = importlib.import_module(name)
    except ModuleNotFoundError as error:
        skip_without(error.name)
        raise
    tests = doctest.DocTestFinder().find(module, name)
    written = len(EXAMPLE.findall(SOURCES[name].read_text(encoding="utf-8")))
    assert sum(len(test.examples) for test in tests) == written, (
        "an example is not in the docstring of a module, class or function"
    )
    runner, report = Runner(optionflags=doctest.ELLIPSIS | doctest.NORMALIZE_WHITESPACE), []
    for test in tests:
        runner.run(test, out=report.append)
    skip_without(runner.lacking)
    assert runner.summarize(verbose=False).failed == 0, "".join(report)


@pytest.mark.parametrize("name", [name for name in groupsc.__all__ if name != "__version__"])
def test_every_public_name_has_an_example_that_runs(name):
    """Of the names that `import groupsc` offers; the test above runs the examples of their modules."""
    (shown,) = doctest.DocTestFinder(recurse=False).find(getattr(groupsc, name), name)
    assert shown.examples
    assert not any(example.options.get(doctest.SKIP) for example in shown.examples)
