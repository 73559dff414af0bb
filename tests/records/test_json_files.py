"""JSON files: what is no result, or lacks what is asked for, is said with the file's name."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

import pytest

from others.records import json_files
from others.records.json_files import blaming, read_json, save_json
from others.records.paths import ROOT


def test_what_was_measured_is_read_again(tmp_path: Path) -> None:
    """The PSNR of equal images is infinite, and a correlation of constants is NaN: the file is
    plain JSON all the same, which knows no such numbers."""
    path = tmp_path / "a.json"
    save_json(path, {"psnr": math.inf, "rows": [{"losses": [[-math.inf], (1.5, math.nan)]}]})
    assert strictly_read(path)["psnr"] == "Infinity"
    found = read_json(path)
    assert found["psnr"] == math.inf
    least, (loss, correlation) = found["rows"][0]["losses"]
    assert (least, loss) == ([-math.inf], 1.5)
    assert math.isnan(correlation)


def strictly_read(path: Path) -> Any:
    """The content by the standard; Python's own reader takes NaN and Infinity for numbers."""

    def refuse(name: str) -> None:
        raise ValueError(f"{path} holds {name}")

    return json.loads(path.read_text(encoding="utf-8"), parse_constant=refuse)


def test_every_file_is_plain_json() -> None:
    """All results and descriptions of the project can be read by any reader of JSON."""
    files = [*(ROOT / "others").rglob("*.json")]
    assert len(files) > 30
    for path in files:
        strictly_read(path)


def test_entries_that_are_not_there(tmp_path: Path) -> None:
    """At any depth the error names the file and the entry; `get` gives None as ever."""
    path = tmp_path / "a.json"
    save_json(path, {"rows": [{"psnr": 20.0}]})
    row = read_json(path)["rows"][0]
    assert row.get("time") is None
    with pytest.raises(ValueError, match=r"a\.json lacks an entry 'time'"):
        row["time"]


def test_entries_of_another_kind(tmp_path: Path) -> None:
    """What code stumbles over in a file is a ValueError with the file's name."""
    with pytest.raises(ValueError, match=r"a\.json: an entry is not .*TypeError"), blaming(
        [tmp_path / "a.json"]
    ):
        len(3)  # type: ignore[arg-type]


def test_large_files_are_not_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The size of a file is looked at before its content."""
    monkeypatch.setattr(json_files, "LARGEST", 10)
    save_json(tmp_path / "a.json", {"psnr": 20.0})
    with pytest.raises(ValueError, match=r"a\.json has 18 bytes; expected at most 10"):
        read_json(tmp_path / "a.json")
