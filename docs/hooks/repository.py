"""Add documents of the repository to the site, and direct links between files of the repository to their pages.

Documents link to files by their paths in the repository, so that the links work there too. On the site, such a link
leads to the page of the file; a file without a page is named, without a link.
"""

from __future__ import annotations

import posixpath
import re
from pathlib import Path
from typing import Any

from mkdocs.structure.files import File

ROOT = Path(__file__).resolve().parents[2]
ADDED = {
    "config/README.md": "reference/configuration.md",
    "CONTRIBUTING.md": "contributing.md",
    "CHANGELOG.md": "changelog.md",
    "data/weights/README.md": "data/weights.md",
    "data/measured/README.md": "data/measured.md",
    "benchmarks/README.md": "benchmarks.md",
    "examples/README.md": "examples/index.md",
    "results/release/tables/reproducibility.md": "data/reproducibility.md",
}
"""Documents outside `docs/`, and their places on the site; those of examples are in `examples.py`."""
EXAMPLE = re.compile(r"examples/(\w+)\.(py|ipynb)")
LINK = re.compile(r"(!?)\[((?:[^\[\]]|\[[^\]]*\])*)\]\(([^()\s]+)\)")
SECTION = re.compile(r"^<!-- README: (.+) -->$", re.M)
"""The place of a section of README.md."""
BLOCK = re.compile(r"(^ *```.*?^ *```$)", re.M | re.S)
COMMENT = re.compile(r"<!-- .*? -->\n", re.S)


def on_files(files: Any, config: Any) -> Any:
    """Add the documents."""
    for path, place in ADDED.items():
        files.append(File.generated(config, place, abs_src_path=str(ROOT / path)))
    return files


def on_page_markdown(text: str, page: Any, config: Any, files: Any) -> str:
    """Direct the links of a page, and leave out the marks around generated tables."""
    sources = {place: path for path, place in ADDED.items()}
    place = page.file.src_uri
    source = sources.get(place, f"docs/{place}")
    text = SECTION.sub(lambda found: _section(found[1], place), text)
    text = COMMENT.sub("", text)
    if source == "CHANGELOG.md":
        text = text.replace("[Unreleased]", "Unreleased")
    return _with_links(text, source, place)


def _section(title: str, place: str) -> str:
    """A section of README.md without its heading, as it stands on the page `place`."""
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    section = re.split(r"^## .*$", text.partition(f"\n## {title}\n")[2], maxsplit=1, flags=re.M)[0].strip()
    return _with_links(section, "README.md", place)


def _with_links(text: str, source: str, place: str) -> str:
    parts = BLOCK.split(text)
    parts[::2] = [LINK.sub(lambda found: _directed(found, source, place), part) for part in parts[::2]]
    return "".join(parts)


def _directed(found: re.Match[str], source: str, place: str) -> str:
    """A link of the document `source` as it stands on the page `place`."""
    picture, words, target = found.groups()
    path, _, anchor = target.partition("#")
    if "://" in target or not path or target.startswith("mailto:"):
        return found[0]
    path = posixpath.normpath(posixpath.join(posixpath.dirname(source), path))
    if example := EXAMPLE.fullmatch(path):
        path = f"docs/examples/{example[1]}.md"
    page = ADDED.get(path, path.removeprefix("docs/") if path.startswith("docs/") else None)
    if page is None:
        return words
    near = posixpath.relpath(page, posixpath.dirname(place) or ".")
    return f"{picture}[{words}]({near}{'#' + anchor if anchor else ''})"
