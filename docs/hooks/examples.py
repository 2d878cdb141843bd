"""Add a page for each script and notebook of `examples/`: its docstring, the output of one run, and its code."""

from __future__ import annotations

import ast
import json
import re
from pathlib import Path
from typing import Any

from mkdocs.structure.files import File

FOLDER = Path(__file__).resolve().parents[2] / "examples"
SECTION, BEFORE = "Examples", "The model"
TITLES = {
    "denoise_photograph": "Denoise a photograph",
    "compare_with_bm3d": "Compare with BM3D",
    "own_images": "Train a model further on your own images",
    "fine_tune": "Training loop in a notebook",
    "train_toy_model": "Train a toy model",
    "deblur_plug_and_play": "Deblur with deepinv",
    "export_onnx": "Export a model to ONNX",
    "table4": "Table 4 from cached results",
}
"""Titles of the pages, in the order of the navigation."""
OUTPUTS = Path(__file__).resolve().parents[1] / "assets"
"""Folder of what the examples draw, `NAME.webp`, and print, `NAME.txt`."""
NOTES = {
    "compare_with_bm3d": "`python examples/compare_with_bm3d.py`, where bm3d is installed, on one busy core of an "
    "AMD EPYC.",
    "deblur_plug_and_play": "`python examples/deblur_plug_and_play.py`, with deepinv 0.5.0.",
    "denoise_photograph": "`python examples/denoise_photograph.py --size 256`. With twice the noise level, edges and "
    "texture appear in the residual.",
    "export_onnx": "`python examples/export_onnx.py`, on one busy core of an AMD EPYC.",
    "fine_tune": "The three textures of scikit-image. The values of single steps differ mostly because their crops do.",
    "own_images": "`python examples/own_images.py photos/training photos/test --sigma 20`, where bm3d is not "
    "installed. The folders contain the textures brick, grass and gravel of scikit-image: the left two thirds for the "
    "training, 128×128 pixels of the right part for the test.",
    "table4": "`python examples/table4.py`, which also writes the table as Markdown.",
    "train_toy_model": "`python examples/train_toy_model.py`. After 1000 steps a few atoms show edges; most are still "
    "close to the random numbers with which they began.",
}
"""What ran, and what the output shows."""
DRAWN = {
    "compare_with_bm3d": "Noisy image, restored by SC, by GroupSC and by BM3D",
    "deblur_plug_and_play": "Clean, blurred and deblurred image",
    "denoise_photograph": "Noisy image, restored image and residual, for two strengths",
    "fine_tune": "Error of the crops by step, and the three restored test images",
    "train_toy_model": "The atoms of D at four steps of the training",
}
"""What the pictures show."""
TABLE = re.compile(r"^(?:\*\*.*\n\n)?(?:\|.*\n)+", re.M)
"""A table in Markdown in what an example prints, with its title."""


def scripts() -> list[Path]:
    """The scripts and notebooks, in the order of the navigation."""
    found = {path.stem: path for path in (*FOLDER.glob("*.py"), *FOLDER.glob("*.ipynb"))}
    return sorted(found.values(), key=lambda path: list(TITLES).index(path.stem))


def on_config(config: Any) -> Any:
    """Put the pages into the navigation."""
    sections = [next(iter(entry)) if isinstance(entry, dict) else entry for entry in config.nav]
    if SECTION not in sections:
        pages = [{TITLES[path.stem]: f"examples/{path.stem}.md"} for path in scripts()]
        config.nav.insert(sections.index(BEFORE), {SECTION: [{"All examples": "examples/index.md"}, *pages]})
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
    code = "".join(source.splitlines(keepends=True)[module.body[0].end_lineno :]).strip()
    parts = [f"# {TITLES[path.stem]}", ast.get_docstring(module) or "", output(path.stem), "## Code"]
    return "\n\n".join([*parts, f'```python title="examples/{path.name}"\n{code}\n```']) + "\n"


def notebook(path: Path) -> str:
    """The page of a notebook: the output follows its first cell, which is text."""
    parts = []
    for cell in json.loads(path.read_text(encoding="utf-8"))["cells"]:
        source = "".join(cell["source"]).strip()
        parts.append(f"```python\n{source}\n```" if cell["cell_type"] == "code" else source)
    introduction = parts[0].partition("\n")[2].strip()
    parts[0] = f"# {TITLES[path.stem]}\n\nThe notebook `examples/{path.name}`. {introduction}"
    return "\n\n".join([parts[0], output(path.stem), "## Code", *parts[1:]]) + "\n"


def output(name: str) -> str:
    """The output of one run of an example, with the heading of its section."""
    parts = ["## Output of one run", NOTES[name]]
    if name in DRAWN:
        parts.append(f"![{DRAWN[name]}](../assets/{name}.webp)")
    printed = OUTPUTS / f"{name}.txt"
    if printed.is_file():
        parts += ["It prints:", *printed_parts(printed.read_text(encoding="utf-8"))]
    return "\n\n".join(parts)


def printed_parts(text: str) -> list[str]:
    """What an example prints: tables in Markdown as such, all else as it is."""
    plain = [f"```text\n{part.strip()}\n```" if part.strip() else "" for part in TABLE.split(text)]
    tables = [*TABLE.findall(text), ""]
    return [part for pair in zip(plain, tables, strict=True) for part in pair if part]
