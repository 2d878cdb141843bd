"""Compute digests of the code that rules use, because Snakemake does not notice edits of imported packages."""

from __future__ import annotations

import ast
import hashlib
from collections.abc import Iterator
from functools import cache
from pathlib import Path


@cache
def digest(root: Path, module: str, uncounted: frozenset[str] = frozenset()) -> str:
    """Return the digest of a module and of all modules of its package that it imports, without comments and docstrings.

    A docstring counts as an empty one: its words don't change the digest, but a new or removed docstring does.

    Parameters
    ----------
    root : Path
        The folder that contains the package.
    module : str
        The dotted name of the module, with the package.
    uncounted : frozenset of str
        Dotted names of modules to leave out, with the modules that only they import.

    Returns
    -------
    str
        The first 12 hexadecimal digits of a SHA-256.

    Raises
    ------
    LookupError
        If the module, or a module that is imported, does not exist.

    Examples
    --------
    >>> digest(Path(), "groupsc.utils.errors")  # doctest: +SKIP
    """
    behind = {name: _code(_path(root, name)) for name in modules_behind(root, module, uncounted)}
    return hashlib.sha256(repr(sorted(behind.items())).encode()).hexdigest()[:12]


def modules_behind(root: Path, module: str, uncounted: frozenset[str] = frozenset()) -> set[str]:
    """Return the dotted names of a module, of its packages, and of all modules of the package that they import.

    Parameters
    ----------
    root, module, uncounted
        As for `digest`.

    Returns
    -------
    set of str
        Dotted names, without those of `uncounted`.

    Raises
    ------
    LookupError
        If the module, or a module that is imported, does not exist.

    Examples
    --------
    >>> "groupsc.utils" in modules_behind(Path(), "groupsc.utils.errors")  # doctest: +SKIP
    """
    _existing(root, module)
    found, queue = set(), [module]
    while queue:
        name = queue.pop()
        queue += [parent for parent in _packages(name) if parent not in found]
        if name not in found and name not in uncounted:
            found.add(name)
            queue += _imported(root, name)
    return found - uncounted


def _packages(module: str) -> list[str]:
    """Return the packages that contain a module; Python runs their `__init__` first."""
    parts = module.split(".")
    return [".".join(parts[:count]) for count in range(1, len(parts))]


@cache
def _imported(root: Path, module: str) -> frozenset[str]:
    """Return the modules of the same package that a module imports."""
    return frozenset(_imports(root, module))


def _imports(root: Path, module: str) -> Iterator[str]:
    """Yield the modules of the same package that a module imports."""
    path, package = _existing(root, module), module.partition(".")[0]
    inside = module.split(".") if path.name == "__init__.py" else module.split(".")[:-1]
    for node in _statements(_tree(path)):
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
                yield from _origins(root, source, alias.name, module)


def _source(node: ast.ImportFrom, inside: list[str]) -> str:
    """Return the dotted name of the source of an import in the package whose name has the parts `inside`."""
    start = inside[: len(inside) - node.level + 1] if node.level else []
    return ".".join([*start, *filter(None, [node.module])])


def _module(root: Path, name: str, importer: str) -> Iterator[str]:
    """Yield the name of a module, or raise an error if the module does not exist."""
    if _path(root, name) is None:
        raise LookupError(f"{importer} imports {name}, which does not exist")
    yield name


def _origins(root: Path, source: str, name: str, importer: str) -> Iterator[str]:
    """Yield the modules that define a name which is imported from a module or package."""
    path = _existing(root, source)
    if path.name != "__init__.py":
        return
    if _path(root, f"{source}.{name}") is not None:
        yield f"{source}.{name}"
        return
    exported = _exports(root, source)
    if name == "*":
        yield from (origin for origin in exported.values() if origin)
    elif name not in exported:
        raise LookupError(f"{importer} imports {name} from {source}, which neither holds nor exports it")
    elif origin := exported[name]:
        yield origin


def _exports(root: Path, package: str) -> dict[str, str | None]:
    """Return {name: module that defines it, None for the `__init__` itself} for the names of an `__init__`.

    Names may be imported, defined, or listed with their modules in a dictionary that `__getattr__` reads.
    """
    tree = _tree(_path(root, package))
    found = dict.fromkeys(_defined(tree))
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom):
            found |= _imported_names(root, node, package)
        elif isinstance(node, ast.Dict):
            found |= _listed_names(root, node, package)
    return found


def _defined(tree: ast.Module) -> Iterator[str]:
    """Yield the names of the functions, classes and variables of a module."""
    for node in tree.body:
        if isinstance(node, (ast.FunctionDef, ast.ClassDef)):
            yield node.name
        elif isinstance(node, (ast.Assign, ast.AnnAssign)):
            targets = node.targets if isinstance(node, ast.Assign) else [node.target]
            yield from (target.id for target in targets if isinstance(target, ast.Name))


def _imported_names(root: Path, node: ast.ImportFrom, package: str) -> dict[str, str | None]:
    """Return the names that an import in an `__init__` defines, as `_exports` does."""
    source, found = _source(node, package.split(".")), {}
    for alias in node.names:
        inner = f"{source}.{alias.name}"
        origin = inner if _path(root, inner) else source if _path(root, source) else None
        found[alias.asname or alias.name] = origin
    return found


def _listed_names(root: Path, node: ast.Dict, package: str) -> dict[str, str]:
    """Return the names that a dictionary in an `__init__` lists with their modules."""
    found = {}
    for key, value in zip(node.keys, node.values, strict=True):
        if not (isinstance(key, ast.Constant) and isinstance(value, ast.Constant)):
            continue
        if isinstance(key.value, str) and isinstance(value.value, str):
            name = f"{package}{value.value}" if value.value.startswith(".") else value.value
            if _path(root, name) is not None:
                found[key.value] = name
    return found


def _existing(root: Path, module: str) -> Path:
    """Return the file of a module, or raise an error if it does not exist."""
    path = _path(root, module)
    if path is None:
        raise LookupError(f"there is no module {module} in {root}; correct its name in workflow/rules")
    return path


def _path(root: Path, module: str) -> Path | None:
    """Return the file of a module, or None if it does not exist."""
    stem = root.joinpath(*module.split("."))
    for path in (stem / "__init__.py", stem.with_name(f"{stem.name}.py")):
        if path.is_file():
            return path
    return None


@cache
def _tree(path: Path) -> ast.Module:
    """Return the syntax tree of a file."""
    return ast.parse(path.read_text(encoding="utf-8"))


def _statements(tree: ast.Module) -> Iterator[ast.AST]:
    """Yield the statements of a module at every depth, without their expressions, which are ten times as many."""
    queue: list[ast.AST] = [tree]
    while queue:
        node = queue.pop()
        yield node
        for block in ("body", "orelse", "finalbody", "handlers", "cases"):
            queue += getattr(node, block, ())


@cache
def _code(path: Path) -> str:
    """Return the code of a file without comments and docstrings."""
    tree = _tree(path)  # Shared with the search for imports, to which docstrings mean nothing.
    for node in _statements(tree):
        if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant):
            node.value.value = ""
    return ast.unparse(tree)
