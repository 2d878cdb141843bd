"""Add a page for each script and notebook of `examples/`: its docstring, its code, and the output of one run."""

from __future__ import annotations

import ast
import json
from pathlib import Path
from typing import Any

from mkdocs.structure.files import File

FOLDER = Path(__file__).resolve().parents[2] / "examples"
SECTION, BEFORE = "Examples", "The model"
OUTPUTS = Path(__file__).resolve().parents[1] / "assets"
"""Folder of what the examples draw, `NAME.webp`, and print, `NAME.txt`."""
NOTES = {
    "compare_with_bm3d": "`python examples/compare_with_bm3d.py`, where bm3d is not installed, on one busy core of an "
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
    "compare_with_bm3d": "Noisy image, restored by SC and by GroupSC",
    "deblur_plug_and_play": "Clean, blurred and deblurred image",
    "denoise_photograph": "Noisy image, restored image and residual, for two strengths",
    "fine_tune": "Error of the crops by step, and the three restored test images",
    "train_toy_model": "The atoms of D at four steps of the training",
}
"""What the pictures show."""


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
        text = (notebook(path) if path.suffix == ".ipynb" else script(path)) + output(path.stem)
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


def output(name: str) -> str:
    """The output of one run of an example, with the heading of its section."""
    parts = ["## Output of one run", NOTES[name]]
    if name in DRAWN:
        parts.append(f"![{DRAWN[name]}](../assets/{name}.webp)")
    printed = OUTPUTS / f"{name}.txt"
    if printed.is_file():
        parts += ["It prints:", f"```text\n{printed.read_text(encoding='utf-8').strip()}\n```"]
    return "\n" + "\n\n".join(parts) + "\n"


def title(path: Path) -> str:
    """The name of a file as words."""
    return path.stem.replace("_", " ").capitalize()
