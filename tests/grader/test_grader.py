"""The grader itself, tried on a small submission that is right, and on the same one sabotaged."""

from __future__ import annotations

import json
import shutil
import sys
from pathlib import Path
from xml.etree import ElementTree

import pytest

from tests.grading import ROOT, change, grade

SABOTAGES = [  # the check that must catch it, the file, what is taken out of it, what is put in
    (
        "importing of Miniproject_2",
        "Miniproject_2/model.py",
        "WEIGHTS =",
        '__import__("torch").set_grad_enabled(False)\nWEIGHTS =',
    ),
    (
        "importing of Miniproject_1",
        "Miniproject_1/model.py",
        "WEIGHTS =",
        '__import__("torch").manual_seed(0)\nWEIGHTS =',
    ),
    (
        "importing of Miniproject_1",
        "Miniproject_1/model.py",
        "WEIGHTS =",
        '__import__("warnings").filterwarnings("ignore")\nWEIGHTS =',
    ),
    (
        "predict of Miniproject_1",  # an image that depends on the others of its batch
        "Miniproject_1/model.py",
        "output.clamp",
        "(output / output.max()).clamp",
    ),
    (
        "unclipped of Miniproject_1",  # noise that leaves 0..255 is refused
        "Miniproject_1/model.py",
        "not images.isfinite().all()",
        "not (images.min() >= 0 and images.max() <= 255)",
    ),
    (
        "autograd of Miniproject_1",
        "Miniproject_1/model.py",
        "loss, optimizer =",
        'if not __import__("torch").is_grad_enabled():\n            return\n'
        "        loss, optimizer =",
    ),
    (
        "autograd of Miniproject_1",
        "Miniproject_1/model.py",
        "loss, optimizer =",
        '__import__("warnings").simplefilter("error")\n        loss, optimizer =',
    ),
    (
        "bad_input of Miniproject_1",  # NaN is accepted
        "Miniproject_1/model.py",
        "not images.isfinite().all()",
        "images.isinf().any()",
    ),
    (
        "bad_weights of Miniproject_2",
        "Miniproject_2/model.py",
        'json.loads(WEIGHTS.read_text(encoding="utf-8"))',
        'json.loads(WEIGHTS.read_text(encoding="utf-8")) if WEIGHTS.exists() else []',
    ),
    ("plain_import of Miniproject_1", "Miniproject_1/model.py", "if __package__:", "if True:"),
    ("plain_import of Miniproject_2", "Miniproject_2/model.py", "if __package__:", "if True:"),
    (
        "as_handed_out",  # the bias is a little off
        "Miniproject_2/blocks.py",
        "self.bias.view(1, -1, 1).baddbmm(self.matrix, self.columns)",
        "self.bias.view(1, -1, 1).mul(1.0001).baddbmm(self.matrix, self.columns)",
    ),
    (
        "loading_keeps_pairs",
        "Miniproject_2/model.py",
        "values = json",
        "self.network = Sequential(Conv2d(3, 3, 1))\n        values = json",
    ),
    (
        "beats_noise of Miniproject_1",
        "Miniproject_1/model.py",
        ".clamp(0, 1) * 255",
        ".clamp(0, 1)",
    ),
    (
        "pretrained of Miniproject_2",  # the weights are found from one working folder alone
        "Miniproject_2/model.py",
        'Path(__file__).with_name("bestmodel.pth")',
        'Path("Miniproject_2/bestmodel.pth")',
    ),
    ("keeps_quality of Miniproject_2", "Miniproject_2/model.py", "lr=0.01", "lr=9.0"),
]


def test_right(project: Path, data: Path) -> None:
    """A submission that is right passes every check, with its scores in a table and warnings.

    Here, every process is a new interpreter, as for a user.
    """
    before = {path: path.read_bytes() for path in project.rglob("*.*")}
    options = ["--train-pairs", "64"]
    status, output = grade(ROOT / "test.py", project, data, *options, forks=False)
    assert status == 0, output
    assert "FAIL" not in output
    assert "    |" not in output  # nothing is printed but by the grader
    rows = [line for line in output.splitlines() if line.startswith("ok    ")]
    course = [row for row in rows if row.startswith("ok    course  ")]
    ours = [row for row in rows if row.startswith("ok    ours    ")]
    assert output.splitlines()[-3:] == [
        f"course: {len(course)} passed, 0 failed",
        f"ours: {len(ours)} passed, 0 failed",
        f"{len(rows)} passed, 0 failed",
    ]
    assert "warnings: 2\nwarn  course  Miniproject_1/Report_1.pdf is missing\nwarn  cou" in output
    table = output[output.index("per image  ") :].splitlines()
    assert [line.count(" dB") for line in table[1:4]] == [2, 4, 4]
    assert {path: path.read_bytes() for path in project.rglob("*.*")} == before


@pytest.mark.parametrize(
    ("check", "file", "old", "new"), SABOTAGES, ids=[f"{s[0]}: {s[3]}" for s in SABOTAGES]
)
def test_sabotaged(project: Path, data: Path, check: str, file: str, old: str, new: str) -> None:
    """Each sabotage is caught by the check that is meant for it, and the status says so."""
    change(project / file, old, new)
    status, output = grade(ROOT / "test.py", project, data, "--only", check)
    assert status == 1, output
    assert any(row.startswith("FAIL") and row[14:].startswith(check) for row in output.splitlines())
    assert output.splitlines()[-1].endswith(" passed, 1 failed")


def test_default_dtype(project: Path, data: Path) -> None:
    """A submission that changes the default dtype on import passes the course's checks here as it
    does there, where nobody sets it back between them; one of ours says what it changes."""
    line = '__import__("torch").set_default_dtype(__import__("torch").float64)\nWEIGHTS ='
    change(project / "Miniproject_2/model.py", "WEIGHTS =", line)
    for number in (1, 2):
        change(project / f"Miniproject_{number}/model.py", ".float() / 255", " / 255")
    status, output = grade(ROOT / "test.py", project, data, forks=False)
    assert status == 1
    assert "FAIL  ours    importing of Miniproject_2: changes the default dtype" in output
    assert "FAIL  course" not in output
    assert "ok    course  as_handed_out" in output


PARSER = """
        import argparse

        parser = argparse.ArgumentParser()
        for name in {names}:
            parser.add_argument(name, required=True)
        parser.parse_args()
        self.network = Sequential(Conv2d(3, 3, 1))"""


@pytest.mark.parametrize(("names", "expected"), [(("-p", "-d"), 0), (("-d", "--lr"), 1)])
def test_command_line(project: Path, data: Path, names: tuple[str, ...], expected: int) -> None:
    """A submission that reads the command line finds that of the course's script, none of ours."""
    parser = PARSER.format(names=names)
    change(
        project / "Miniproject_1/model.py",
        "        self.network = Sequential(Conv2d(3, 3, 1))",
        parser,
    )
    options = ["--skip-training", "--time-limit", "60", "--only", "of Miniproject_1"]
    status, output = grade(ROOT / "test.py", project, data, *options)
    assert status == expected, output
    assert ("FAIL  course  instantiate of Miniproject_1: SystemExit: 2" in output) == bool(expected)


def test_reports(project: Path, data: Path, tmp_path: Path) -> None:
    """JSON, JUnit and Gradescope's format hold every check, with whose it is and what failed."""
    change(
        project / "Miniproject_1/model.py", "return output", "print('so', 1)\n        return output"
    )
    change(project / "Miniproject_1/model.py", "expected (N, 3, H, W)", "\\x00\\udc80 <&> ü")
    change(project / "Miniproject_1/model.py", "images.dim() != 4", "images.shape[-1] == 512")
    files = {name: tmp_path / f"results.{name}" for name in ("json", "junit", "gradescope")}
    options = [part for name, file in files.items() for part in (f"--{name}", str(file))]
    status, output = grade(ROOT / "test.py", project, data, "--only", "dummy", *options)
    assert status == 1
    assert "\ufffd\ufffd <&> ü" in output
    content = json.loads(files["json"].read_text(encoding="utf-8"))
    failed, passed = content["checks"]
    assert (content["passed"], content["failed"]) == (1, 1)
    assert (failed["name"], failed["passed"]) == ("dummy of Miniproject_1", False)
    assert {"origin": "course", "function": "grader.models.dummy"}.items() <= passed.items()
    assert content["warnings"] == []
    assert content["scores"]["noisy"]["per image"] > 0
    assert content["data"] == {"training pairs": 120, "validation images": 120}

    suites = ElementTree.parse(files["junit"]).getroot()
    assert [suite.get("tests") for suite in suites] == ["2", "0"]
    assert [suite.get("failures") for suite in suites] == ["1", "0"]
    case = suites[0][0]
    assert case.get("name") == "dummy of Miniproject_1"
    message = next(iter(case)).get("message") or ""
    assert "\ufffd\ufffd <&> ü" in message  # XML has neither nulls nor half characters

    content = json.loads(files["gradescope"].read_text(encoding="utf-8"))
    assert isinstance(content["execution_time"], int)
    for test, score, word in zip(content["tests"], (0.0, 1.0), ("failed", "passed")):
        assert (test["score"], test["max_score"], test["status"]) == (score, 1.0, word)
        assert test["visibility"] == "visible"
        assert test["name"].startswith("course: dummy of ")
    assert "<&> ü" in content["tests"][0]["output"]
    assert not list(tmp_path.glob("*.tmp"))


def test_prints_are_marked(project: Path, data: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A print of a submission is not taken for a line of the grader; on import, it is a warning."""
    line = "print('ok    course  everything')\nWEIGHTS ="
    change(project / "Miniproject_1/model.py", "WEIGHTS =", line)
    change(
        project / "Miniproject_1/model.py",
        "        output = ",
        "        print('ok\\x1b[A')\n        output = ",
    )
    monkeypatch.delenv("PYTHONUNBUFFERED", raising=False)
    status, output = grade(ROOT / "test.py", project, data, "--only", "dummy", forks=False)
    assert status == 0
    marked = "    | ok    course  everything\n    | ok\ufffd[A\nok    course  dummy of M"
    assert output.startswith(marked)  # and nothing moves the cursor of a terminal
    output = grade(ROOT / "test.py", project, data, "--only", "importing")[1]
    assert (
        "warn  ours    the import of Miniproject_1 prints 'ok    course  everything\\n'" in output
    )


@pytest.mark.parametrize("option", ["--json", "--junit", "--gradescope"])
def test_report_without_folder(project: Path, data: Path, option: str) -> None:
    """A report that could not be written is refused before anything runs."""
    status, output = grade(ROOT / "test.py", project, data, option, str(project / "no/such.file"))
    assert status == 1
    assert output.endswith("expected a file in a folder that exists\n")


def test_structure(project: Path, data: Path) -> None:
    """As in the course, a missing __init__.py fails, a missing report or bestmodel.pth does not."""
    (project / "Miniproject_1/__init__.py").unlink()
    (project / "Miniproject_2/bestmodel.pth").unlink()
    status, output = grade(ROOT / "test.py", project, data, "--only", "structure")
    assert status == 1
    assert "FAIL  course  structure of Miniproject_1: " in output
    assert "ok    course  structure of Miniproject_2\n" in output
    assert "warn  course  Miniproject_2/bestmodel.pth is missing\n" in output


@pytest.mark.skipif(sys.platform == "win32", reason="Windows needs a privilege to make links")
def test_linked_folder(project: Path, data: Path, tmp_path: Path) -> None:
    """A miniproject may be a link to a folder elsewhere: its files are its own nevertheless."""
    for number in (1, 2):
        real = tmp_path / f"team_{number}"
        (project / f"Miniproject_{number}").rename(real)
        (project / f"Miniproject_{number}").symlink_to(real)
    options = ["--only", "Miniproject_1", "--train-pairs", "64"]
    status, output = grade(ROOT / "test.py", project, data, *options)
    assert status == 0, output


def test_plain_import_of_what_is_there(project: Path, data: Path) -> None:
    """`from model import ...` is tried with the names that are there: one upsampling is enough."""
    for name in ("TransposeConv2d", "Upsampling"):
        change(project / "Miniproject_2/model.py", f"        {name},\n", "")
    change(project / "Miniproject_2/model.py", '__all__ += ["Sigmoid", "TransposeConv2d", ', "# ")
    status, output = grade(
        ROOT / "test.py", project, data, "--only", "plain_import of Miniproject_2"
    )
    assert status == 0, output


def test_named_folder(project: Path, data: Path, tmp_path: Path) -> None:
    """The folder that -p names is tested, not the one beside test.py."""
    broken = tmp_path / "beside"
    shutil.copytree(ROOT / "grader", broken / "grader")
    shutil.copyfile(ROOT / "test.py", broken / "test.py")
    for number in (1, 2):
        miniproject = broken / f"Miniproject_{number}"
        miniproject.mkdir()
        (miniproject / "__init__.py").touch()
        (miniproject / "model.py").write_text("raise RuntimeError('the one beside')")
    status, output = grade(broken / "test.py", project, data, "--only", "import")
    assert status == 0, output


@pytest.mark.parametrize("content", [None, b"not a tensor"], ids=["missing", "foreign"])
def test_bad_data(project: Path, data: Path, tmp_path: Path, content: bytes | None) -> None:
    """Without two readable data files nothing runs, and the message names the file."""
    shutil.copyfile(data / "val_data.pkl", tmp_path / "val_data.pkl")
    if content is not None:
        (tmp_path / "train_data.pkl").write_bytes(content)
    status, output = grade(ROOT / "test.py", project, tmp_path)
    assert status == 1
    assert output.startswith(f"{tmp_path / 'train_data.pkl'}: ")
    assert "two uint8 tensors" in output
    assert "ok  " not in output


def test_unknown_name(project: Path, data: Path) -> None:
    """An --only that no check has in its name is refused, so that nothing passes by mistake."""
    status, output = grade(ROOT / "test.py", project, data, "--only", "nothing of the kind")
    assert status == 1
    assert "no check has" in output
