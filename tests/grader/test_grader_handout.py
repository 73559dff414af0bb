"""The README of the grader: sentences of the handout, their checks, and what those gave."""

from __future__ import annotations

import importlib
import json
import re
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import torch

from grader import handout, models
from grader.checks import list_checks
from grader.subject import Refusal, Subject
from tests.grading import ROOT

TEXT = handout.README.read_text(encoding="utf-8")


def make_subject(number: int) -> Subject:
    """A miniproject of this project, with two images: black and grey, grey and white."""
    noisy = torch.tensor([0, 102], dtype=torch.uint8).view(2, 1, 1, 1).expand(2, 3, 4, 4)
    clean = torch.tensor([51, 255], dtype=torch.uint8).view(2, 1, 1, 1).expand(2, 3, 4, 4)
    return Subject(ROOT, number, (noisy, clean), (), {}, lambda **event: None)


def named() -> set[str]:
    """All checks that the table names."""
    return {name for _, checks, _ in handout.rows(TEXT) for name in handout.CODE.findall(checks)}


def test_checks_exist() -> None:
    """Every check that stands for a sentence is in the grader's list, or one of the tests."""
    listed = {check.function for check in list_checks(make_subject(1), make_subject(2))}
    tests = "".join(path.read_text(encoding="utf-8") for path in (ROOT / "tests").rglob("*.py"))
    for name in named():
        if name.startswith("test_"):
            assert f"def {name}(" in tests, name
        else:
            module, function = name.split(".")
            assert getattr(importlib.import_module(f"grader.{module}"), function) in listed, name


def test_every_check_has_a_sentence() -> None:
    """No check of the grader is without a sentence of the handout that it stands for."""
    checks = list_checks(make_subject(1), make_subject(2))
    functions = {check.described()["function"].replace("grader.", "") for check in checks}
    assert functions - named() == set()


def test_results_are_those_of_the_file() -> None:
    """The last column says what results.json says; `python -m grader.handout` writes it."""
    assert handout.render(TEXT, json.loads(handout.RESULTS.read_text(encoding="utf-8"))) == TEXT


def test_result_in_words() -> None:
    """A result counts all runs of all checks of its sentence, and invents none."""
    outcomes = [("models.dummy", True, ""), ("models.dummy", False, ""), ("blocks.mse", True, "")]
    outcomes.append(("models.device", True, handout.NO_GPU))
    keys = ("function", "passed", "text")
    results = {"checks": [dict(zip(keys, (f"grader.{o[0]}", *o[1:]))) for o in outcomes]}
    assert handout.result(["models.device"], results) == "not tried: there is no GPU here"
    assert handout.result(["models.dummy"], results) == "1 of 2 passed"
    assert handout.result(["models.dummy", "blocks.mse"], results) == "2 of 3 passed"
    assert handout.result(["models.predict", "test_x"], results) == "part of `make test`"
    assert handout.result([], results) == "for people to judge"


def test_files_are_listed() -> None:
    """The README lists every file of the grader, and every option of its command line."""
    files = {path.name for path in (ROOT / "grader").glob("*.py")} - {"__init__.py"}
    assert set(re.findall(r"`([a-z]+\.py)`", TEXT)) == files
    script = (ROOT / "test.py").read_text(encoding="utf-8")
    options = set(re.findall(r'"(--[a-z-]+)"', script)) - {"--project", "--data"}
    own = re.sub("`python -m others[^`]*`", "", TEXT)  # those of other commands are left out
    assert options | {"--json", "--junit", "--gradescope"} == set(
        re.findall(r"(--[a-z-]+) ?[A-Z]*`", own)
    )


def test_psnr_by_hand() -> None:
    """Errors of 0.2 and 0.6 of the range have PSNRs of 13.98 and 4.44 dB, on average 9.21 dB per
    image; pooled, the mean squared error is 0.2, which makes 6.99 dB."""
    per_image, pooled = make_subject(1).psnr(torch.Tensor.float)
    assert per_image == pytest.approx(9.208, abs=1e-3)
    assert pooled == pytest.approx(6.990, abs=1e-3)


@pytest.mark.parametrize(("used", "told"), [(0, "the GPU is not used"), (1, "")])
def test_device(monkeypatch: pytest.MonkeyPatch, used: int, told: str) -> None:
    """Where torch reports a GPU, a model that allocates nothing on it is found out."""
    memory = iter([0, used])
    for name, stub in {
        "is_available": lambda: True,
        "reset_peak_memory_stats": lambda: None,
        "max_memory_allocated": lambda: next(memory),
        "get_device_name": lambda: "a GPU",
    }.items():
        monkeypatch.setattr(torch.cuda, name, stub)
    monkeypatch.setattr(torch.Tensor, "cuda", lambda self: self)
    model: Any = SimpleNamespace(predict=torch.Tensor.float)
    s: Any = SimpleNamespace(noisy=make_subject(1).noisy, pretrained=lambda: model)
    if told:
        with pytest.raises(Refusal, match=told):
            models.device(s)
    else:
        assert models.device(s) == "a GPU"


def test_the_table_explains_its_command(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """--help is no file of results: it shows the docstring, and nothing is written."""
    monkeypatch.setattr(sys, "argv", ["handout", "--help"])
    with pytest.raises(SystemExit) as stop:
        handout.main()
    assert stop.value.code == 0
    assert (handout.__doc__ or "").strip() in capsys.readouterr().out
    assert handout.README.read_text(encoding="utf-8") == TEXT


def test_what_is_no_result_replaces_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Another file than the grader's results is refused by its name, and both files stay.

    So are results of some of the checks, such as those of --only, for the others' cells would be
    empty.
    """
    results, page, other = (tmp_path / name for name in ("results.json", "README.md", "new.json"))
    results.write_text("old")
    page.write_text(TEXT, encoding="utf-8")
    part = json.loads(handout.RESULTS.read_text(encoding="utf-8"))
    part["checks"] = [check for check in part["checks"] if "dummy" in check["function"]]
    monkeypatch.setattr(handout, "RESULTS", results)
    monkeypatch.setattr(handout, "README", page)
    monkeypatch.setattr(sys, "argv", ["handout", str(other)])
    for content, reason in (({"checks": 3}, ""), (part, ".* expected those of a whole run")):
        other.write_text(json.dumps(content))
        told = rf"new\.json holds no results of `test\.py --json`{reason}"
        with pytest.raises(SystemExit, match=told):
            handout.main()
        assert (results.read_text(), page.read_text(encoding="utf-8")) == ("old", TEXT)
