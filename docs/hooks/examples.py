"""Add a page for each script and notebook of `examples/`: its docstring as text, then its code."""

from __future__ import annotations

import ast
import json
from pathlib import Path
from typing import Any

from mkdocs.structure.files import File

FOLDER = Path(__file__).resolve().parents[2] / "examples"
SECTION, BEFORE = "Examples", "The model"


def scripts() -> list[Path]:
    """The scripts and notebooks, by name."""
    return sorted([*FOLDER.glob("*.py"), *FOLDER.glob("*.ipynb")])


def on_config(config: Any) -> Any:
    """Put the pages into the navigation."""
    sections = [next(iter(entry)) if isinstance(entry, dict) else entry for entry in config.nav]
    if SECTION not in sections:
        pages = [f"examples/{path.stem}.md" for path in scripts()]
        config.nav.insert(sections.index(BEFORE), {SECTION: pages})
    return config


def on_files(files: Any, config: Any) -> Any:
    """Make the pages."""
    for path in scripts():
        text = notebook(path) if path.suffix == ".ipynb" else script(path)
        files.append(File.generated(config, f"examples/{path.stem}.md", content=text))
    return files


def script(path: Path) -> str:
    """The page of a script."""
    source = path.read_text(encoding="utf-8")
    module = ast.parse(source)
    text = ast.get_docstring(module) or ""
    code = "".join(source.splitlines(keepends=True)[module.body[0].end_lineno :]).strip()
    return f'# {title(path)}\n\n{text}\n\n```python title="examples/{path.name}"\n{code}\n```\n'


def notebook(path: Path) -> str:
    """The page of a notebook."""
    parts = [f"# {title(path)}", f"The notebook `examples/{path.name}`."]
    for cell in json.loads(path.read_text(encoding="utf-8"))["cells"]:
        source = "".join(cell["source"]).strip()
        if cell["cell_type"] == "code":
            source = f"```python\n{source}\n```"
        # The title of the page is the only one of the first level.
        parts.append(source.removeprefix("# ") if cell["cell_type"] == "markdown" else source)
    return "\n\n".join(parts) + "\n"


def title(path: Path) -> str:
    """The name of a file as words."""
    return path.stem.replace("_", " ").capitalize()
