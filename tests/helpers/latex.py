"""Documents typeset by pdflatex, and how wide their tables are."""

from __future__ import annotations

import re
import shutil
import subprocess

import pytest

from groupsc.paper.latex import PACKAGES

DOCUMENT = r"""\documentclass%(options)s{article}
\usepackage{%(packages)s}
\let\scaled\resizebox
\renewcommand{\resizebox}[3]{\sbox0{#3}\typeout{WIDTH \the\linewidth\space has \the\wd0}\scaled{#1}{#2}{#3}}
\begin{document}
%(inputs)s
\end{document}
"""


def typeset(folder, paths, *, options=""):
    """The log of a document that holds the tables at `paths`, and {stem: (its width, that of the text)} in points.

    A table of several pages has the width of its widest page.
    """
    if shutil.which("pdflatex") is None:
        pytest.skip("pdflatex is not installed; Debian has it in texlive-latex-recommended")
    inputs = [rf"\typeout{{TABLE {path.stem}}}\input{{{path}}}\clearpage" for path in paths]
    document = DOCUMENT % {"options": options, "packages": PACKAGES, "inputs": "\n".join(inputs)}
    (folder / "document.tex").write_text(document)
    command = ["pdflatex", "-interaction=nonstopmode", "-halt-on-error", "document.tex"]
    ended = subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=300, errors="replace")
    log = (folder / "document.log").read_text(errors="replace")
    assert ended.returncode == 0, log[-3000:]
    found = {}
    for part in re.split(r"^TABLE ", log, flags=re.M)[1:]:
        sizes = re.findall(r"WIDTH ([\d.]+)pt has ([\d.]+)pt", part)
        found[part.split()[0]] = max((float(width), float(line)) for line, width in sizes)
    return log, found
