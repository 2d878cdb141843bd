"""The documentation site builds without a warning, loads nothing from a network, and has complete references."""

from __future__ import annotations

import importlib.util
import os
import re
import subprocess
import sys
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pytest
import typer
from PIL import Image

import groupsc
from groupsc.cli.app import app
from groupsc.config.grid import Grid

ROOT = Path(__file__).resolve().parents[2]
NEEDED = ("mkdocs", "material", "mkdocstrings_handlers", "latex2mathml")
LOADING = {"script": ("src",), "img": ("src", "srcset"), "source": ("src", "srcset"), "iframe": ("src",)}
"""Elements and their attributes whose addresses a browser loads with the page, beside `link`."""

pytestmark = [pytest.mark.slow, pytest.mark.xdist_group("site")]


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    """The folder of the built site."""
    missing = [name for name in NEEDED if importlib.util.find_spec(name) is None]
    if missing:
        pytest.skip(f"{', '.join(missing)} can't be imported; pip install 'groupsc[docs]' to build the site")
    folder = tmp_path_factory.mktemp("site")
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "NO_MKDOCS_2_WARNING": "1", "OMP_NUM_THREADS": "1"}
    result = subprocess.run(
        [sys.executable, "-m", "mkdocs", "build", "--strict", "--site-dir", folder],
        cwd=ROOT, env=environment, capture_output=True, text=True,
    )  # fmt: skip
    assert result.returncode == 0, result.stderr[-3000:]
    assert "WARNING" not in result.stderr
    return folder


class Loaded(HTMLParser):
    """Collects the addresses that a page loads, and the anchors that it has."""

    def __init__(self):
        super().__init__()
        self.addresses, self.anchors = [], set()

    def handle_starttag(self, tag, attrs):
        given = dict(attrs)
        self.anchors.add(given.get("id"))
        self.addresses += [given[name] for name in LOADING.get(tag, ()) if given.get(name)]
        if tag == "link" and given.get("rel") not in ("canonical", "prev", "next"):
            self.addresses.append(given["href"])


def read(path):
    page = Loaded()
    page.feed(path.read_text(encoding="utf-8"))
    return page


def test_no_page_loads_anything_from_a_network(site):
    pages = sorted(site.rglob("*.html"))
    assert len(pages) > 20
    for path in pages:
        addresses = read(path).addresses
        assert addresses
        outside = [address for address in addresses if "//" in address]
        assert not outside, f"{path.relative_to(site)} loads {outside}"
        assert 'class="mermaid"' not in path.read_text(encoding="utf-8")  # The theme loads its script from a network.
    for path in site.rglob("*.css"):
        assert not re.findall(r"(?:url\(|@import)\s*[\"']?(?:https?:)?//", path.read_text(encoding="utf-8"))


def test_equations_are_mathml(site):
    text = (site / "model/model.html").read_text(encoding="utf-8")
    written = (ROOT / "docs/model/model.md").read_text(encoding="utf-8")
    assert text.count('display="block"') == len(re.findall(r"^\$\$$", written, re.M)) / 2
    assert all("arithmatex" not in path.read_text(encoding="utf-8") for path in site.rglob("*.html"))


def test_pictures_are_drawn(site):
    shown = set()
    for page in (ROOT / "docs").rglob("*.md"):
        shown |= set(re.findall(r"\]\([./]*pictures/([^)]+)\)", page.read_text(encoding="utf-8")))
    assert shown == {re.sub(r"-\d\.png$", ".png", path.name) for path in (site / "pictures").iterdir()}
    for path in (site / "pictures").glob("*.png"):
        assert np.asarray(Image.open(path).convert("L")).std() > 10


def test_pages_of_examples_show_the_output_of_a_run(site):
    names = {path.stem for path in (ROOT / "examples").iterdir() if path.suffix in (".py", ".ipynb")}
    for name in names:
        text = (site / f"examples/{name}.html").read_text(encoding="utf-8")
        drawn, printed = ((ROOT / f"docs/assets/{name}.{ending}").is_file() for ending in ("webp", "txt"))
        assert drawn or printed, name
        assert (f"assets/{name}.webp" in text) == drawn, name
        assert text.count("It prints:") == printed, name
        if (ROOT / f"examples/{name}.py").is_file():
            assert drawn == ("savefig" in (ROOT / f"examples/{name}.py").read_text(encoding="utf-8")), name
    assert not list((site / "assets").glob("*.txt"))


def test_references_are_complete(site):
    functions = read(site / "reference/api.html").anchors
    assert {f"groupsc.{name}" for name in groupsc.__all__} - functions == {"groupsc.__version__"}
    text = (site / "reference/commands.html").read_text(encoding="utf-8")
    group = typer.main.get_command(app)
    assert [name for name in group.commands if f"groupsc {name}</code>" not in text] == []
    keys = (site / "reference/configuration.html").read_text(encoding="utf-8")
    assert [key for key in Grid.__pydantic_fields__ if f"<code>{key}</code>" not in keys] == []


def test_missing_weights_are_one_sentence(site, monkeypatch):
    from mkdocs.exceptions import PluginError

    place = importlib.util.spec_from_file_location("pictures", ROOT / "docs/hooks/pictures.py")
    pictures = importlib.util.module_from_spec(place)
    place.loader.exec_module(pictures)
    monkeypatch.setattr(pictures, "MODEL", "gray-groupsc-sigma26")
    with pytest.raises(PluginError, match=r"^The pictures of the site can't be drawn: .*gray-groupsc-sigma26"):
        pictures.on_files([], None)
