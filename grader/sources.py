"""The checks that read a miniproject's files without running them."""

from __future__ import annotations

import ast
import importlib.machinery
import os
import sys
from pathlib import Path
from typing import Iterator

from grader.subject import Subject, require

HANDOUT_IMPORTS = {  # what Miniproject_2 may take from torch
    "torch.empty",
    "torch.cat",
    "torch.arange",
    "torch.nn.functional.fold",
    "torch.nn.functional.unfold",
}
IMPORTERS = ("__import__", "import_module")  # functions that import what their argument names
COMPUTED = "a name that only running it tells"


def structure(s: Subject) -> None:
    """The folder holds what the handout lists; what is not code draws a warning only."""
    for name in ("__init__.py", "model.py"):
        require((s.folder / name).is_file(), f"{s.folder / name} is missing")
    for name in ("bestmodel.pth", f"Report_{s.number}.pdf"):
        if not (s.folder / name).is_file():
            s.warn("course", f"{s.name}/{name} is missing")


def allowed_imports(s: Subject) -> None:
    """Only the standard library, the folder's own, and torch: in 2, what the handout allows.

    `__import__("numpy")` and `importlib.import_module("numpy")` count as imports. Where a program
    computes the name it draws a warning here, and the check `conduct` sees what it imports.
    """
    for file in sorted(s.folder.rglob("*.py")):
        place = file.relative_to(s.folder)
        for name, level in imports(ast.parse(file.read_text(encoding="utf-8"))):
            if name == COMPUTED:
                s.warn("ours", f"{s.name}/{place} imports {name}")
                continue
            require(level or is_allowed(s, name), f"{place} imports {name}")
            require(level <= len(place.parts), f"{place} imports from outside {s.name}")


def imports(module: ast.Module) -> Iterator[tuple[str, int]]:
    """What a file imports, in whichever way: a dotted name, and the dots that it begins with."""
    called = {node.func for node in ast.walk(module) if isinstance(node, ast.Call)}
    for node in ast.walk(module):
        if isinstance(node, ast.Import):
            yield from ((alias.name, 0) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield from ((f"{node.module}.{alias.name}", node.level) for alias in node.names)
        elif isinstance(node, ast.Call) and spelled(node.func) in IMPORTERS:
            yield named(node)
        elif isinstance(node, ast.expr) and spelled(node) in IMPORTERS and node not in called:
            yield COMPUTED, 0  # the function is handed on, to be called elsewhere


def spelled(node: ast.expr) -> str:
    """The last name of an expression such as `importlib.import_module`, "" of any other."""
    return node.id if isinstance(node, ast.Name) else getattr(node, "attr", "")


def named(call: ast.Call) -> tuple[str, int]:
    """What a call of an importing function imports, as `imports` gives it."""
    name = getattr(call.args[0], "value", None) if call.args else None
    if not isinstance(name, str):
        return COMPUTED, 0
    return name.lstrip("."), len(name) - len(name.lstrip("."))


def is_allowed(s: Subject, name: str) -> bool:
    """Whether the miniproject may import the dotted `name`."""
    top = name.split(".")[0]
    if top == "torch":
        return s.number == 1 or name in HANDOUT_IMPORTS
    own = top == s.name or (s.folder / top).is_dir() or (s.folder / f"{top}.py").is_file()
    standard = [str(Path(os.__file__).parent), *(p for p in sys.path if p.endswith("lib-dynload"))]
    found = importlib.machinery.PathFinder.find_spec(top, standard)
    return own or top in sys.builtin_module_names or found is not None
