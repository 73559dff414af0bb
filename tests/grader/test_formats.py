"""The reports of the grader as files: where they go, and what they cannot hold."""

from __future__ import annotations

import json
import math
import os
from pathlib import Path

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


def test_scores_that_are_none(tmp_path: Path) -> None:
    """A score that is NaN is not among those of a report, which JSON could not hold."""
    judgement = Judgement([], {}, (1, 1), print)
    judgement.noisy = {"per image": 20.0, "pooled": math.nan}
    content = json.loads(formats.as_json(judgement, tmp_path))
    assert content["scores"] == {"noisy": {"per image": 20.0}}
