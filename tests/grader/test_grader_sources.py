"""What the grader reads in a submission's files without running them."""

from __future__ import annotations

from contextlib import nullcontext
from pathlib import Path

import pytest
import torch

from grader import sources
from grader.subject import Refusal, Subject


def make_subject(project: Path, number: int = 1) -> Subject:
    """A miniproject of `project`, for a check that needs no data."""
    images = torch.zeros(1, 3, 8, 8)
    return Subject(project, number, (images, images), (), {}, lambda **event: None)


@pytest.mark.parametrize(
    ("number", "source", "told"),
    [
        (1, "import os, torch.nn as nn\nfrom .blocks import Conv2d", ""),
        (1, "import importlib\nimportlib.import_module('torch.optim')", ""),
        (1, "import importlib\nimportlib.import_module('.blocks', __package__)", ""),
        (1, "import numpy as np", "imports numpy"),
        (1, "def f():\n    return __import__('numpy').zeros(3)", "imports numpy"),
        (1, "import builtins\nnp = builtins.__import__('numpy')", "imports numpy"),
        (
            1,
            "import importlib\nnp = importlib.import_module('numpy.linalg')",
            "imports numpy.linalg",
        ),
        (1, "from importlib import import_module\nnp = import_module('numpy')", "imports numpy"),
        (1, "import sys\nnp = sys.modules['numpy']", "imports numpy"),
        (1, "np = __import__('sys').modules['numpy.linalg']", "imports numpy.linalg"),
        (1, "import sys\nt = sys.modules['torch'], sys.modules[__name__]", ""),
        (1, "class Net:\n    def layer(self):\n        return self.modules['head']", ""),
        (1, "from ..Miniproject_2 import model", "imports from outside Miniproject_1"),
        (2, "from torch import empty, cat, arange\nimport math", ""),
        (2, "import torch", "imports torch"),
        (2, "from torch import empty, zeros", "imports torch.zeros"),
        (2, "zeros = __import__('torch').zeros", "imports torch"),
    ],
)
def test_imports(project: Path, number: int, source: str, told: str) -> None:
    """The sources are searched for every form of an import, that by a function included."""
    (project / f"Miniproject_{number}" / "extra.py").write_text(source)
    s = make_subject(project, number)
    refused = pytest.raises(Refusal, match=f"^extra.py {told}$") if told else nullcontext()
    with refused:
        sources.allowed_imports(s)
    assert s.warnings == []


@pytest.mark.parametrize(
    "content",
    [
        "# -*- coding: latin-1 -*-\n# Arr\xeate\nimport math\n".encode("latin-1"),
        b"\xef\xbb\xbfimport math\n",
        "s = 'é'\n".encode(),
    ],
    ids=["latin-1", "byte order mark", "UTF-8"],
)
def test_encodings(project: Path, content: bytes) -> None:
    """A file is read as Python reads it: in the encoding that it names, or behind its mark."""
    s = make_subject(project)
    (project / "Miniproject_1" / "extra.py").write_bytes(content)
    sources.allowed_imports(s)
    assert s.warnings == []


@pytest.mark.parametrize("content", [b"print 'an old script'\n", b"x = 1\0\n"])
def test_unreadable_source(project: Path, content: bytes) -> None:
    """A file that this Python cannot read draws a warning: nothing can import it."""
    s = make_subject(project)
    (project / "Miniproject_1" / "extra.py").write_bytes(content)
    sources.allowed_imports(s)
    assert len(s.warnings) == 1
    assert "Miniproject_1/extra.py cannot be read by this Python: " in s.warnings[0][1]


@pytest.mark.parametrize("source", ["__import__('nu' + 'mpy')", "load = __import__\nload('numpy')"])
def test_computed_imports(project: Path, source: str) -> None:
    """A name that the program computes draws a warning; `conduct` sees what it then imports."""
    (project / "Miniproject_1" / "extra.py").write_text(source)
    s = make_subject(project)
    sources.allowed_imports(s)
    text = "Miniproject_1/extra.py imports a name that only running it tells"
    assert s.warnings == [["ours", text]]


@pytest.mark.parametrize("name", [".ipynb_checkpoints/model-checkpoint.py", "._model.py"])
def test_hidden_source(project: Path, name: str) -> None:
    """What Jupyter and macOS leave beside the code is no part of it: no name can import it."""
    hidden = project / "Miniproject_1" / name
    hidden.parent.mkdir(exist_ok=True)
    hidden.write_bytes(b"import numpy\n")
    s = make_subject(project)
    sources.allowed_imports(s)
    assert s.warnings == []
