"""The rules of this project, executed: each test's docstring is a rule.

Those about imports hold for the two miniprojects, those about files for all that git knows; the
latter are skipped where this is no checkout.
"""

from __future__ import annotations

import ast
import json
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from others.archive import archive_files

ROOT = Path(__file__).resolve().parents[1]
HANDOUT = {  # what Miniproject_2 may take from torch
    "torch.empty",
    "torch.cat",
    "torch.arange",
    "torch.nn.functional.fold",
    "torch.nn.functional.unfold",
}
STANDARD = sys.stdlib_module_names - {"importlib"}  # which could import anything unseen
PYTHON = (3, 8)  # the course's
ROOMS = ("others", "tests")  # the folders whose folders are to be small
FILES_OF_A_FOLDER = 12
LINES_OF_A_FILE = 350
LINES_OF_A_FUNCTION = 40
STRAY = re.compile(r"\.(ipynb|pkl|pyc|tmp)$|(^|/)(__pycache__|\.ipynb_checkpoints|\.DS_Store)")
MACHINE_PATH = re.compile(rb"(?<![\w.])/(home|root|tmp|work|Users)/")


def parsed(path: Path) -> ast.Module:
    """The syntax tree of a file."""
    return ast.parse(path.read_text(encoding="utf-8"), filename=str(path))


def imported(path: Path) -> Iterator[str]:
    """What a file imports, as dotted names; a relative one begins with its dots."""
    for node in ast.walk(parsed(path)):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            module = "." * node.level + (f"{node.module}." if node.module else "")
            yield from (module + alias.name for alias in node.names)
        elif isinstance(node, ast.Name) and node.id == "__import__":
            yield node.id


def permitted(name: str, package: str, depth: int) -> bool:
    """Whether a file of a miniproject, `depth` folders deep, may import `name`."""
    first = name.split(".")[0]
    if not first:
        return len(name) - len(name.lstrip(".")) <= depth
    if first in STANDARD or first == package:
        return True
    if package == "Miniproject_1":
        return first in ("torch", "noise2noise")  # the latter for `from model import Model`
    return name in HANDOUT or first == "framework"  # the latter for `from model import Conv2d`


def foreign_imports(folder: Path) -> list[str]:
    """The imports of a miniproject that break its rule, each with its file."""
    return [
        f"{path.relative_to(folder)}: {name}"
        for path in sorted(folder.rglob("*.py"))
        for name in imported(path)
        if not permitted(name, folder.name, len(path.relative_to(folder).parts))
    ]


def is_command(path: Path) -> bool:
    """Whether a file is to be run: it has a `main` of its own, a function or a value."""
    names = {
        getattr(part, "name", None) or getattr(part, "id", None)
        for node in parsed(path).body
        for part in (node.targets if isinstance(node, ast.Assign) else [node])
    }
    return "main" in names


def dotted(path: Path, root: Path) -> str:
    """The name by which a file is imported."""
    return ".".join(path.relative_to(root).with_suffix("").parts)


def libraries_by_accident(root: Path, sources: list[Path]) -> list[str]:
    """Where a file that is no test imports a command, or something of one."""
    outside = [path for path in sources if path.relative_to(root).parts[0] != "tests"]
    inside = [path for path in outside if path.relative_to(root).parts[0] == "others"]
    # engine/command.py has the `main` of all commands and is none itself.
    helper = root / "others" / "engine" / "command.py"
    commands = {dotted(path, root) for path in inside if path != helper and is_command(path)}
    return [
        f"{path.relative_to(root)}: {name}"
        for path in outside
        for name in imported(path)
        if name in commands or name.rpartition(".")[0] in commands
    ]


def documentation(node: ast.Module | ast.ClassDef | ast.FunctionDef) -> int:
    """The number of lines of a docstring, 0 if there is none."""
    if ast.get_docstring(node) is None:
        return 0
    return (node.body[0].end_lineno or 0) - node.body[0].lineno + 1


def long_functions(path: Path) -> list[str]:
    """The functions of a file that are too long, docstrings not counted."""
    functions = [node for node in ast.walk(parsed(path)) if isinstance(node, ast.FunctionDef)]
    lengths = [(f.end_lineno or 0) - f.lineno + 1 - documentation(f) for f in functions]
    return [
        f"{path.name}: {function.name} has {length} lines"
        for function, length in zip(functions, lengths)
        if length > LINES_OF_A_FUNCTION
    ]


def undocumented(path: Path) -> list[str]:
    """The module, its public functions and its public classes, as far as they lack a docstring."""
    module = parsed(path)
    things = [
        node
        for node in module.body
        if isinstance(node, (ast.FunctionDef, ast.ClassDef)) and not node.name.startswith("_")
    ]
    missing = [f"{path.name}: {thing.name}" for thing in things if not documentation(thing)]
    return missing if documentation(module) or not module.body else [path.name, *missing]


@pytest.fixture(scope="module")
def files() -> list[Path]:
    """The files that git tracks, or would if they were added."""
    if not (ROOT / ".git").exists() or shutil.which("git") is None:
        pytest.skip("this is no git checkout, or there is no git")
    command = ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
    listed = subprocess.run(command, cwd=ROOT, stdout=subprocess.PIPE, text=True, check=True)
    paths = [ROOT / name for name in listed.stdout.split("\0") if name]
    return [path for path in paths if path.is_file()]


@pytest.fixture(scope="module")
def sources(files: list[Path]) -> list[Path]:
    """The Python files among them."""
    return [path for path in files if path.suffix == ".py"]


@pytest.mark.parametrize("package", ["Miniproject_1", "Miniproject_2"])
def test_imports(package: str) -> None:
    """Miniproject_1 imports torch, Miniproject_2 what the handout allows; both the standard library
    and themselves; neither the other, `others/` or anything else."""
    assert (ROOT / package / "model.py").is_file()
    assert foreign_imports(ROOT / package) == []


@pytest.mark.parametrize(
    ("package", "source", "foreign"),
    [
        ("Miniproject_1", "import os, torch.nn as nn\nfrom torch import Tensor", []),
        ("Miniproject_1", "from .. import model\nfrom ..model import Model", []),
        ("Miniproject_1", "from Miniproject_1.noise2noise import a", []),
        ("Miniproject_1", "from ...others import data", ["...others.data"]),
        ("Miniproject_1", "from others.data import load", ["others.data.load"]),
        ("Miniproject_1", "import Miniproject_2.model", ["Miniproject_2.model"]),
        ("Miniproject_1", "def f():\n    import numpy as np", ["numpy"]),
        ("Miniproject_1", "import torchvision", ["torchvision"]),
        ("Miniproject_2", "from torch import empty, cat, arange\nimport math", []),
        ("Miniproject_2", "from torch.nn.functional import fold, unfold", []),
        ("Miniproject_2", "from framework.layers import Conv2d\nfrom .layers import ReLU", []),
        ("Miniproject_2", "import torch", ["torch"]),
        ("Miniproject_2", "from torch import empty, zeros", ["torch.zeros"]),
        ("Miniproject_2", "from torch import *", ["torch.*"]),
        ("Miniproject_2", "from torch.nn import functional", ["torch.nn.functional"]),
        ("Miniproject_2", "from torch.nn.functional import conv2d", ["torch.nn.functional.conv2d"]),
        ("Miniproject_2", "import importlib", ["importlib"]),
        ("Miniproject_2", "zeros = __import__('torch').zeros", ["__import__"]),
    ],
)
def test_import_rules(tmp_path: Path, package: str, source: str, foreign: list[str]) -> None:
    """The rules about imports see every form of an import, in a file one folder deep."""
    path = tmp_path / package / "inner" / "layers.py"
    path.parent.mkdir(parents=True)
    path.write_text(source)
    assert foreign_imports(tmp_path / package) == [
        f"{Path('inner/layers.py')}: {n}" for n in foreign
    ]


# Prints what importing the first argument has changed; the other arguments cannot be imported.
PROBE = """
import importlib, json, os, random, sys

class Forbidden:
    def find_spec(self, name, path=None, target=None):
        if name.split(".")[0] in sys.argv[2:]:
            raise ModuleNotFoundError(f"{name} is not there", name=name)

sys.meta_path.insert(0, Forbidden())
import torch

def state():
    return {
        "autograd": torch.is_grad_enabled(),
        "default type": str(torch.get_default_dtype()),
        "threads": torch.get_num_threads(),
        "torch's random state": torch.get_rng_state().tolist(),
        "random state": random.getstate(),
        "deterministic algorithms": torch.are_deterministic_algorithms_enabled(),
        "cuDNN": [torch.backends.cudnn.benchmark, torch.backends.cudnn.deterministic],
        "precision of products": torch.get_float32_matmul_precision(),
        "working folder": os.getcwd(),
        "search path": list(sys.path),
        "environment": dict(os.environ),
    }

before = state()
importlib.import_module(sys.argv[1])
after = state()
print(json.dumps([name for name in before if before[name] != after[name]]))
"""


@pytest.mark.parametrize(
    ("folder", "module", "other"),
    [
        (".", "Miniproject_1.model", "Miniproject_2"),
        (".", "Miniproject_2.model", "Miniproject_1"),
        ("Miniproject_2", "model", "Miniproject_1"),
    ],
)
def test_import_is_silent(folder: str, module: str, other: str) -> None:
    """Importing a miniproject needs torch alone, changes no global state and prints nothing."""
    missing = ["numpy", "PIL", "torchvision", "pytest", "hypothesis", "grader", "others", other]
    quiet = ["-W", "ignore:Failed to initialize NumPy"]
    command = [sys.executable, *quiet, "-c", PROBE, module, *missing]
    result = subprocess.run(command, cwd=ROOT / folder, capture_output=True, text=True)
    assert result.stderr == ""
    assert json.loads(result.stdout) == []


def test_syntax() -> None:
    """The miniprojects, test.py and what it imports are Python 3.8."""
    folders = ("Miniproject_1", "Miniproject_2", "grader")
    paths = [path for folder in folders for path in (ROOT / folder).rglob("*.py")]
    for path in [ROOT / "test.py", *paths]:
        ast.parse(path.read_text(encoding="utf-8"), str(path), feature_version=PYTHON)


def test_stray_files(files: list[Path]) -> None:
    """No notebook, data file, cache or half-written file is committed."""
    names = [path.relative_to(ROOT).as_posix() for path in files]
    assert [name for name in names if STRAY.search(name)] == []


def test_archived(sources: list[Path]) -> None:
    """Every Python file of the three folders that are handed in is in the archive."""
    names = {path.relative_to(ROOT).as_posix() for path in sources}
    handed_in = {name for name in names if re.match("(Miniproject_[12]|others)/", name)}
    assert handed_in <= set(archive_files(ROOT, with_others=True))


def test_machine_paths(files: list[Path]) -> None:
    """No file names a folder of the machine that it was written on."""
    found = {path: MACHINE_PATH.search(path.read_bytes()) for path in files}
    assert {path: match.group() for path, match in found.items() if match} == {}


def test_length_of_files(sources: list[Path]) -> None:
    """A file has at most 350 lines."""
    lengths = {path: len(path.read_text(encoding="utf-8").splitlines()) for path in sources}
    assert {path: length for path, length in lengths.items() if length > LINES_OF_A_FILE} == {}


def test_size_of_folders(files: list[Path]) -> None:
    """A folder below others/ or tests/ has at most 12 files of its own."""
    folders = [path.parent for path in files if path.relative_to(ROOT).parts[0] in ROOMS]
    crowded = {folder: folders.count(folder) for folder in sorted(set(folders))}
    assert {str(f): n for f, n in crowded.items() if n > FILES_OF_A_FOLDER} == {}


def test_commands_are_no_libraries(sources: list[Path]) -> None:
    """A module that is a command is imported by tests alone: what others need is in a library."""
    assert libraries_by_accident(ROOT, sources) == []


def test_tests_do_not_import_each_other(sources: list[Path]) -> None:
    """What several files of tests need is in a module that is no file of tests."""
    tests = [path for path in sources if path.relative_to(ROOT).parts[0] == "tests"]
    assert [
        f"{path.name}: {name}"
        for path in tests
        for name in imported(path)
        if any(part.startswith("test_") for part in name.split(".")[:-1])
    ] == []


def test_length_of_functions(sources: list[Path]) -> None:
    """A function has at most 40 lines besides its docstring."""
    assert [line for path in sources for line in long_functions(path)] == []


def test_docstrings(sources: list[Path]) -> None:
    """Every module, public function and public class says what it is."""
    assert [line for path in sources for line in undocumented(path)] == []


def test_accidents_are_seen(tmp_path: Path) -> None:
    """Importing a command, or a name of it, is seen wherever it happens but in tests."""
    sources = {
        "others/command.py": "main = print\nTABLE = 1\n",
        "others/old.py": "def main():\n    pass\n",
        "others/one.py": "from others import command\n",
        "others/two.py": "from others.command import TABLE\n",
        "others/three.py": "import others.library, others.old\n",
        "tests/test_command.py": "from others import command\n",
    }
    for name, text in sources.items():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(text)
    found = libraries_by_accident(tmp_path, [tmp_path / name for name in sources])
    assert found == [
        "others/one.py: others.command",
        "others/two.py: others.command.TABLE",
        "others/three.py: others.old",
    ]


def test_measures(tmp_path: Path) -> None:
    """The rules about functions and docstrings see what breaks them, and nothing else."""
    path = tmp_path / "made_up.py"
    documented = '    """One.\n\n    Three."""\n' + "    x = 1\n" * 39
    path.write_text(
        f"def just_right():\n{documented}def _private():\n{documented}    x = 1\n"
        "class Bare:\n    pass\ndef bare():\n    pass\n"
    )
    assert long_functions(path) == ["made_up.py: _private has 41 lines"]
    assert undocumented(path) == ["made_up.py", "made_up.py: Bare", "made_up.py: bare"]
