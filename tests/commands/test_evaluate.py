"""Scores of both shipped models: the command prints a table and writes a picture and the scores."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from others import evaluate
from others.data.course import make_data


def test_evaluation_writes_table_picture_and_json(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Both shipped models beat their input on generated images; the files are complete."""
    make_data(tmp_path, pairs=1, validation=12)
    arguments = ["--data", tmp_path, "--picture", tmp_path / "p.png", "--json", tmp_path / "r.json"]
    evaluate.main([*map(str, arguments)])
    assert "Miniproject 2" in capsys.readouterr().out
    assert (tmp_path / "p.png").read_bytes().startswith(b"\x89PNG")
    rows = json.loads((tmp_path / "r.json").read_text())["rows"]
    for name in ("Miniproject 1", "Miniproject 2"):
        score = rows[name]["self_ensemble_psnr_per_image_db"]
        assert score > rows["noisy"]["psnr_per_image_db"]


def test_evaluation_without_data_says_how_to_get_it(tmp_path: Path) -> None:
    """A missing file ends the command with a sentence, not a traceback."""
    with pytest.raises(SystemExit, match="make data"):
        evaluate.main(["--data", str(tmp_path)])
