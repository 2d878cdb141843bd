"""Digests of code: which modules they cover, in a small package with every form of import."""

from __future__ import annotations

import shutil

import pytest
from code_digest import digest, modules_behind
from processes import ROOT

FILES = {
    "__init__": """
import importlib

_PLACES = {"solve": "small.solver", "Later": ".lazy.later"}


def __getattr__(name):
    return getattr(importlib.import_module(_PLACES[name]), name)
""",
    "solver": '"""Solve."""\nfrom small.steps import first\n\n\ndef solve():\n    """Docstring."""\n',
    "steps/__init__": "from .one import first\nfrom .two import second\n\nOWN = 1\n",
    "steps/one": "first = 1\n",
    "steps/two": "import small.deep.leaf\n\nsecond = 2\n",
    "deep/__init__": "",
    "deep/leaf": "LEAF = 1\n",
    "deep/neighbour": "from . import leaf\nfrom ..solver import solve\n",
    "lazy/__init__": "",
    "lazy/later": "Later = 1\n",
    "user": "from small import Later\n",
    "alone": "import json\n\nfrom small.steps import OWN\n",
    "mistaken": "from small.steps import absent\n",
    "broken": "from small.absent import name\n",
}


@pytest.fixture
def root(tmp_path):
    """A folder with the package `small`; a fresh one, since files are read once."""
    for name, text in FILES.items():
        path = tmp_path / "small" / f"{name}.py"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return tmp_path


def behind(root, module, *uncounted):
    found = modules_behind(root, f"small.{module}", frozenset({"small", *(f"small.{name}" for name in uncounted)}))
    return {name.removeprefix("small.") for name in found}


@pytest.mark.parametrize(
    ("module", "modules"),
    [
        ("solver", {"solver", "steps", "steps.one", "steps.two", "deep", "deep.leaf"}),
        ("steps.two", {"steps", "steps.one", "steps.two", "deep", "deep.leaf"}),
        ("deep.neighbour", {"deep", "deep.leaf", "deep.neighbour", "solver", "steps", "steps.one", "steps.two"}),
        ("user", {"user", "lazy", "lazy.later"}),
        ("alone", {"alone", "steps", "steps.one", "steps.two", "deep", "deep.leaf"}),
    ],
)
def test_every_form_of_import_is_followed(root, module, modules):
    assert behind(root, module) == modules


def test_of_a_package_that_is_not_counted_only_the_named_modules_are(root):
    assert behind(root, "solver", "steps") == {"solver", "steps.one"}
    assert behind(root, "alone", "steps") == {"alone"}


@pytest.mark.parametrize(
    ("module", "words"),
    [("absent", "small.absent"), ("mistaken", "absent from small.steps"), ("broken", "small.absent")],
)
def test_what_does_not_exist_is_an_error(root, module, words):
    with pytest.raises(LookupError, match=words):
        digest(root, f"small.{module}")


@pytest.mark.parametrize(
    ("file", "text", "changes"),
    [
        ("deep/leaf", "LEAF = 2\n", True),
        ("solver", FILES["solver"] + "\n# A comment.\n", False),
        ("solver", FILES["solver"].replace("Docstring", "Other words"), False),
        ("user", "from small import Later, solve\n", False),
    ],
)
def test_code_changes_the_digest_and_words_do_not(root, tmp_path_factory, file, text, changes):
    edited = tmp_path_factory.mktemp("edited")
    shutil.copytree(root, edited, dirs_exist_ok=True)
    (edited / "small" / f"{file}.py").write_text(text)
    assert (digest(edited, "small.solver") != digest(root, "small.solver")) == changes


def test_every_module_of_the_library_has_a_digest():
    names = [path.relative_to(ROOT).with_suffix("") for path in (ROOT / "groupsc").rglob("*.py")]
    modules = [".".join(name.parts).removesuffix(".__init__") for name in names]
    assert all(digest(ROOT, module) for module in modules)
