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

    `__import__("numpy")`, `importlib.import_module("numpy")` and `sys.modules["numpy"]` count as
    imports. Where a program computes the name it draws a warning here, and the check `conduct` sees
    what it imports, unless torch has imported it before. A file that is no Python of today draws a
    warning too: nothing can import it. What editors and macOS hide is left alone.
    """
    for file in sorted(s.folder.rglob("*.py")):
        place = file.relative_to(s.folder)
        if any(part.startswith(".") for part in place.parts):
            continue
        try:
            module = ast.parse(file.read_bytes())  # bytes, of which Python reads the encoding
        except (SyntaxError, ValueError) as error:
            s.warn("ours", f"{s.name}/{place} cannot be read by this Python: {error}")
            continue
        for name, level in imports(module):
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
        elif isinstance(node, ast.Subscript) and is_modules(node.value):
            key = getattr(node.slice, "value", None)
            name = getattr(key, "value", key)  # Python 3.8 has one more node around it
            yield from [(name, 0)] if isinstance(name, str) else []  # not `sys.modules[__name__]`


def spelled(node: ast.expr) -> str:
    """The last name of an expression such as `importlib.import_module`, "" of any other."""
    return node.id if isinstance(node, ast.Name) else getattr(node, "attr", "")


def is_modules(node: ast.expr) -> bool:
    """Whether an expression is `sys.modules`, or `__import__("sys").modules`."""
    if not isinstance(node, ast.Attribute) or node.attr != "modules":
        return False
    owner = node.value
    return named(owner) == ("sys", 0) if isinstance(owner, ast.Call) else spelled(owner) == "sys"


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
