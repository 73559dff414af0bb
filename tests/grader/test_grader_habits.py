"""Habits of real submissions: which are forgiven, and how it is said what is wrong with others."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.grading import ROOT, change, grade

ANSWER = "return output.clamp(0, 1) * 255"
PREDICT = "output = self.network.forward("

FORGIVEN = [  # what is taken out of model.py, what is put in, the warning
    (
        ANSWER,
        "return (output.clamp(0, 1) * 255).byte()",
        "predict returns torch.uint8, which rounds the values",
    ),
    (
        ANSWER,
        "return (output.clamp(0, 1) * 255).requires_grad_()",
        "predict builds a graph, which takes memory and time",
    ),
]


@pytest.mark.parametrize(("old", "new", "warning"), FORGIVEN, ids=[f[2] for f in FORGIVEN])
def test_forgiven(project: Path, data: Path, old: str, new: str, warning: str) -> None:
    """What the handout says nothing of is no fault: it draws a warning."""
    change(project / "Miniproject_1/model.py", old, new)
    status, output = grade(ROOT / "test.py", project, data, "--only", "of Miniproject_1")
    assert status == 0, output
    assert f"warn  ours    Miniproject_1: {warning}\n" in output


STREAMS = """
import io, os, sys

os.fstat(sys.stdout.fileno())
sys.stdout.buffer.write(b"")
sys.stdout.reconfigure(encoding="utf-8")
sys.stdout = io.TextIOWrapper(sys.stdout.buffer, encoding="utf-8")
"""


def test_streams(project: Path, data: Path) -> None:
    """What a submission does to the standard output on import works as in any script."""
    change(project / "Miniproject_1/model.py", "WEIGHTS =", f"{STREAMS}WEIGHTS =")
    options = ["--only", "importing of Miniproject_1"]
    status, output = grade(ROOT / "test.py", project, data, *options, forks=False)
    assert status == 0, output
    assert "warnings: 0\n" in output


REFUSED = [  # the check, what is taken out of model.py, what is put in, what the grader says
    (
        "dummy",
        ANSWER,
        "return output.clamp(0, 1) * 255,",
        "predict returns an object of tuple, expected a tensor",
    ),
    (
        "importing",
        "WEIGHTS =",
        "__import__('sys').stdout.close()\nWEIGHTS =",
        "closes the standard output",
    ),
    ("pretrained", ANSWER, "pass", "predict returns an object of NoneType, expected a tensor"),
    ("predict", ANSWER, "return output.clamp(0, 1).round() * 255 - 0.5", "values from -0.5 to"),
    ("interface", "num_epochs: int = 1", "num_epochs", "train(x, y) is not taken: missing a"),
    ("interface", "num_epochs: int = 1", "epochs=1", "train(x, y, num_epochs=1) is not taken: "),
    (
        "dummy",
        PREDICT,
        f"json.loads('{{')\n        {PREDICT}",  # an error inside a library
        "(char 1) (Miniproject_2/model.py, line 90)",
    ),
]


@pytest.mark.parametrize(
    ("check", "old", "new", "told"), REFUSED, ids=[f"{r[0]}: {r[2]}" for r in REFUSED]
)
def test_refused(project: Path, data: Path, check: str, old: str, new: str, told: str) -> None:
    """What is wrong is said in words, or by the error and the submission's own line."""
    change(project / "Miniproject_2/model.py", old, new)
    status, output = grade(ROOT / "test.py", project, data, "--only", f"{check} of Miniproject_2")
    assert status == 1
    assert output.startswith("FAIL  ")
    assert told in output.splitlines()[0]


def test_package_of_both(project: Path, data: Path) -> None:
    """Where both have a package of the same name on the search path, Python imports the first's;
    what the second misses in it is told with that folder."""
    for number in (1, 2):
        folder = project / f"Miniproject_{number}"
        (folder / "others").mkdir()
        for name in ("__init__", f"tools_{number}"):
            (folder / "others" / f"{name}.py").touch()
        line = f"__import__('sys').path.append({str(folder)!r})\nimport others.tools_{number}\n"
        change(folder / "model.py", "WEIGHTS =", f"{line}WEIGHTS =")
    status, output = grade(ROOT / "test.py", project, data, "--only", "instantiate")
    assert status == 1
    assert "ok    course  instantiate of Miniproject_1\n" in output
    told = (
        f"ModuleNotFoundError: No module named 'others.tools_2' in {project}/Miniproject_1/others"
    )
    assert f"FAIL  course  instantiate of Miniproject_2: {told} (Miniproject_2/model.py" in output
