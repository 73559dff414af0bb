"""The reports of the grader as files: where they go, and what they cannot hold."""

from __future__ import annotations

import json
import math
import os
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest

from grader import formats
from grader.process import Judgement


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="this system has no such pipes")
def test_where_reports_go(tmp_path: Path) -> None:
    """A file is replaced as a whole, behind a link too and whatever its name, and nothing is left
    where that fails; a pipe, which nobody can replace, is written to."""
    long, link, pipe = tmp_path / ("a" * 255), tmp_path / "link", tmp_path / "pipe"
    link.symlink_to(long)
    for content in ("one", "two"):
        formats.write(link, content)
        assert long.read_text() == content
    os.mkfifo(pipe)
    with open(os.open(pipe, os.O_RDWR)) as reader:  # so that it has a reader meanwhile
        formats.write(pipe, "three\n")
        assert reader.readline() == "three\n"
    with pytest.raises(OSError, match="directory"):
        formats.write(tmp_path / "none" / "report", "four")
    with pytest.raises(UnicodeEncodeError):
        formats.write(long, "\udc80")
    assert long.read_text() == "two"
    assert {path.name for path in tmp_path.iterdir()} == {long.name, "link", "pipe"}


def test_a_progress_bar_is_one_line(capsys: pytest.CaptureFixture[str]) -> None:
    """Of a line that overwrites itself the last state is shown, and every line that does not."""
    output = "one\r\n\r10 %\r 50 %\r100 %\r\ntwo\n\rhalf\rwhole"
    result = {"passed": True, "origin": "ours", "name": "a check", "text": "", "output": output}
    formats.print_result(result)
    printed = capsys.readouterr()
    assert printed.err == "    | one\n    | 100 %\n    | two\n    | whole\n"
    assert printed.out == "ok    ours    a check\n"
    formats.print_result({**result, "output": ""})
    assert capsys.readouterr().err == ""


@pytest.mark.skipif(not os.path.exists("/dev/fd"), reason="this system has no such names")
def test_pipe_without_a_name() -> None:
    """A report may go to what a shell makes of `>(command)`, and to /dev/stdout before a `|`."""
    reading, writing = os.pipe()
    with open(reading) as reader:
        path = Path(f"/dev/fd/{writing}")
        assert formats.can_be_written(path)
        formats.write(path, "report")
        os.close(writing)
        assert reader.read() == "report"


def test_scores_that_are_none(tmp_path: Path) -> None:
    """A score that is NaN is not among those of a report, which JSON could not hold."""
    judgement = Judgement([], {}, (1, 1), print)
    judgement.noisy = {"per image": 20.0, "pooled": math.nan}
    content = json.loads(formats.as_json(formats.everything(judgement, tmp_path)))
    assert content["scores"] == {"noisy": {"per image": 20.0}}


def texts(value: Any) -> list[str]:
    """All texts in what JSON holds."""
    if isinstance(value, (dict, list)):
        parts = value.values() if isinstance(value, dict) else value
        return [text for part in parts for text in texts(part)]
    return [value] if isinstance(value, str) else []


def test_characters_of_reports(tmp_path: Path) -> None:
    """Whatever a submission prints or its folder is called, each report can be written, and read by
    a strict reader: XML, and the database behind Gradescope, have neither nulls nor half
    characters."""
    odd = "a\x00\x1b[2J\udc80\uffff]]>\r\n<&é\U0001f600"
    known = {"origin": "course", "function": "grader.models.dummy", "seconds": 1.0}
    result = {"name": "dummy", "passed": False, "text": odd, "output": odd, **known}
    judgement = Judgement([], {}, (1, 1), print)
    judgement.results = {"dummy": result}
    judgement.state = {"Miniproject_1": {"scores": {}, "warnings": [["ours", odd]]}}
    content = formats.everything(judgement, tmp_path / odd)
    for name, as_text in formats.FORMATS.items():
        formats.write(tmp_path / name, as_text(content))
    for name in ("json", "gradescope"):
        found = texts(json.loads((tmp_path / name).read_bytes().decode()))
        assert sum("\ufffd" in text for text in found) >= 2
        assert not any(c in text for text in found for c in "\x00\x1b\udc80\uffff")
    suites = ElementTree.parse(tmp_path / "junit").getroot()
    assert suites[0][0][1].text == "a\ufffd\ufffd[2J\ufffd\ufffd]]>\n<&é\U0001f600"


def test_each_is_one_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A result and a warning are a line each, whatever is in them."""
    judgement = Judgement([], {}, (1, 1), print)
    odd = "no\n\rok    course  dummy"
    judgement.state = {"Miniproject_1": {"scores": {}, "warnings": [["ours", odd]]}}
    formats.print_summary(judgement, tmp_path)
    result = {"origin": "ours", "name": "dummy", "passed": False, "text": odd, "output": ""}
    formats.print_result(result)
    printed = capsys.readouterr().out
    assert "warn  ours    no  ok    course  dummy\n" in printed
    assert "FAIL  ours    dummy: no  ok    course  dummy\n" in printed
