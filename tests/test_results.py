"""What is published agrees with what was measured, and the measuring commands work."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest

from others import evaluate
from others.data.course import make_data
from others.report import readme
from others.studies.bench import framework


def test_readme_shows_the_results() -> None:
    """Every table of the two README files is what the JSON files of others/results give."""
    for path, tables in readme.PAGES.items():
        text = path.read_text(encoding="utf-8")
        assert readme.rendered(text, tables) == text


def test_a_missing_marker_is_named() -> None:
    """A README without a place for a table is an error that names the table."""
    with pytest.raises(ValueError, match="submission"):
        readme.rendered("# No tables", readme.PAGES[readme.ROOT / "README.md"])


def test_every_file_named_in_the_readme_exists() -> None:
    """The file map names files that are there."""
    text = (readme.ROOT / "README.md").read_text(encoding="utf-8")
    names = [part for part in text.split("`") if part.endswith((".py", ".md", ".txt"))]
    plain = [name for name in names if not set(name) & set(" {}…")]
    assert len(plain) > 8
    assert not [name for name in plain if not list(readme.ROOT.rglob(name))]


def test_evaluation_writes_table_picture_and_json(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Both shipped models beat their input on generated images; the files are complete."""
    make_data(tmp_path, pairs=1, validation=12)
    arguments = ["--data", tmp_path, "--picture", tmp_path / "p.png", "--json", tmp_path / "r.json"]
    monkeypatch.setattr(sys, "argv", ["evaluate", *map(str, arguments)])
    evaluate.main()
    assert "| Miniproject 2 |" in capsys.readouterr().out
    assert (tmp_path / "p.png").read_bytes().startswith(b"\x89PNG")
    rows = json.loads((tmp_path / "r.json").read_text())["rows"]
    assert (
        rows["Miniproject 1"]["self_ensemble_psnr_per_image_db"]
        > rows["noisy"]["psnr_per_image_db"]
    )
    assert (
        rows["Miniproject 2"]["self_ensemble_psnr_per_image_db"]
        > rows["noisy"]["psnr_per_image_db"]
    )


def test_evaluation_without_data_says_how_to_get_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A missing file ends the command with a sentence, not a traceback."""
    monkeypatch.setattr(sys, "argv", ["evaluate", "--data", str(tmp_path)])
    with pytest.raises(SystemExit, match="make data"):
        evaluate.main()


def test_the_benchmark_compares_equal_things() -> None:
    """Ours and torch's network have the same parameters, and a comparison gives its ratio."""
    for kind in ("nearest", "transposed", "shipped"):
        ours = sum(value.numel() for value, _ in framework.our_network(kind).param())
        theirs = framework.torch_twin(framework.our_network(kind)).parameters()
        assert ours == sum(value.numel() for value in theirs)
    row = framework.compare(*framework.network_steps("nearest", 2, "cpu"), 3, "cpu")
    assert 0 < row["low"] <= row["ratio"] <= row["high"]
