"""Digests of the code behind the rules, since Snakemake itself sees no edits of imported packages."""

from __future__ import annotations

import ast
import hashlib
from collections.abc import Iterator
from functools import cache
from pathlib import Path


def digest(root: Path, module: str, uncounted: frozenset[str] = frozenset()) -> str:
    """Digest of a module and of all modules of its package that it imports, without comments and docstrings.

    Parameters
    ----------
    root : Path
        The folder that holds the package.
    module : str
        Its dotted name, with the package's.
    uncounted : frozenset of str
        Dotted names of modules that are left out, together with what they import.

    Raises
    ------
    LookupError
        When the module, or one that is imported, does not exist.
    """
    behind = {name: _code(_path(root, name)) for name in modules_behind(root, module, uncounted)}
    return hashlib.sha256(repr(sorted(behind.items())).encode()).hexdigest()[:12]


def modules_behind(root: Path, module: str, uncounted: frozenset[str] = frozenset()) -> set[str]:
    """Dotted names of a module, of the packages it lies in, and of all that they import; parameters as for `digest`."""
    if _path(root, module) is None:
        raise LookupError(f"there is no module {module} in {root}; correct its name in workflow/rules")
    found, queue = set(), [module]
    while queue:
        name = queue.pop()
        queue += [parent for parent in _packages(name) if parent not in found]
        if name not in found and name not in uncounted:
            found.add(name)
            queue += _imported(root, name)
    return found - uncounted


def _packages(module: str) -> list[str]:
    """The packages that a module lies in; Python runs their `__init__` before it."""
    parts = module.split(".")
    return [".".join(parts[:count]) for count in range(1, len(parts))]


def _imported(root: Path, module: str) -> Iterator[str]:
    """The modules of the same package that a module names in its imports."""
    path, package = _path(root, module), module.partition(".")[0]
    inside = module.split(".") if path.name == "__init__.py" else module.split(".")[:-1]
    for node in ast.walk(_tree(path)):
        if isinstance(node, ast.Import):
            for alias in node.names:
                if alias.name.partition(".")[0] == package:
                    yield from _module(root, alias.name, module)
        elif isinstance(node, ast.ImportFrom):
            source = _source(node, inside)
            if source.partition(".")[0] != package:
                continue
            yield from _module(root, source, module)
            for alias in node.names:
                yield from _places(root, source, alias.name, module)


def _source(node: ast.ImportFrom, inside: list[str]) -> str:
    """The dotted name that an import takes names from; `inside` are the parts of the package that it stands in."""
    start = inside[: len(inside) - node.level + 1] if node.level else []
    return ".".join([*start, *filter(None, [node.module])])


def _module(root: Path, name: str, importer: str) -> Iterator[str]:
    if _path(root, name) is None:
        raise LookupError(f"{importer} imports {name}, which does not exist")
    yield name


def _places(root: Path, source: str, name: str, importer: str) -> Iterator[str]:
    """The modules where a name lies that is imported from a module or package."""
    path = _path(root, source)
    if path.name != "__init__.py":
        return
    if _path(root, f"{source}.{name}") is not None:
        yield f"{source}.{name}"
        return
    exported = _exports(root, source)
    if name == "*":
        yield from (place for place in exported.values() if place)
    elif name not in exported:
        raise LookupError(f"{importer} imports {name} from {source}, which neither holds nor exports it")
    elif exported[name]:
        yield exported[name]


def _exports(root: Path, package: str) -> dict[str, str | None]:
    """{name: module that it comes from, None for the package's own} of what an `__init__` offers.

    Names may be imported, defined, or listed with their modules in a dictionary that `__getattr__` reads.
    """
    tree = _tree(_path(root, package))
    found = {}
    for node in tree.body:
        if isinstance(node, (ast.FunctionDef, ast.ClassDef)):
            found[node.name] = None
        elif isinstance(node, (ast.Assign, ast.AnnAssign)):
            targets = node.targets if isinstance(node, ast.Assign) else [node.target]
            found |= {target.id: None for target in targets if isinstance(target, ast.Name)}
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom):
            source = _source(node, package.split("."))
            for alias in node.names:
                inner = f"{source}.{alias.name}"
                place = inner if _path(root, inner) else source if _path(root, source) else None
                found[alias.asname or alias.name] = place
        elif isinstance(node, ast.Dict):
            for key, value in zip(node.keys, node.values, strict=True):
                if isinstance(key, ast.Constant) and isinstance(value, ast.Constant) and isinstance(value.value, str):
                    name = f"{package}{value.value}" if value.value.startswith(".") else value.value
                    if _path(root, name) is not None:
                        found[key.value] = name
    return found


def _path(root: Path, module: str) -> Path | None:
    """The file of a module; None when there is none."""
    place = root.joinpath(*module.split("."))
    for path in (place / "__init__.py", place.with_name(f"{place.name}.py")):
        if path.is_file():
            return path
    return None


@cache
def _tree(path: Path) -> ast.Module:
    return ast.parse(path.read_text(encoding="utf-8"))


@cache
def _code(path: Path) -> str:
    """The code of a file as Python reads it, without docstrings."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    for node in ast.walk(tree):
        if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant):
            node.value.value = ""
    return ast.unparse(tree)
