"""What is published agrees with what was measured, and the measuring commands work."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest
import torch

from others import evaluate
from others.data.course import TRAIN, VALIDATION, make_data, save_pair
from others.report import readme
from others.studies.bench import framework
from others.studies.submission import limits
from others.studies.submission import train as train_submission
from tests.helpers.images import write_images


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


@pytest.mark.parametrize("number", ["1", "2"])
def test_training_a_submission_leaves_weights_and_a_log(
    number: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The command trains from files, and writes to out/ alone unless told to install."""
    images = torch.randint(256, (2, 8, 3, 16, 16), dtype=torch.uint8)
    for name in (TRAIN, VALIDATION):
        save_pair(tmp_path / name, *images)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "argv", ["train", number, "--epochs", "1", "--data", str(tmp_path)])
    train_submission.main()
    log = json.loads((tmp_path / f"out/miniproject_{number}.json").read_text())
    assert log["pairs"] == 8
    assert (tmp_path / f"out/miniproject_{number}.pth").is_file()


def test_a_submission_of_other_widths_and_noises(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Weights and log are of the network and the inputs that were asked for."""
    images = torch.randint(256, (2, 4, 3, 8, 8), dtype=torch.uint8)
    for name in (TRAIN, VALIDATION):
        save_pair(tmp_path / name, *images)
    monkeypatch.chdir(tmp_path)
    asked = ["train", "1", "--epochs", "1", "--widths", "8", "12", "--no-other-noises", "--data"]
    monkeypatch.setattr(sys, "argv", [*asked, str(tmp_path)])
    train_submission.main()
    settings = json.loads((tmp_path / "out/miniproject_1.json").read_text())["settings"]
    assert settings["gaussian"] == settings["impulses"] == 0
    assert settings["learning_rate"] > 0
    weights = torch.load(tmp_path / "out/miniproject_1.pth", weights_only=True)
    assert weights["stem.weight"].shape[0] == 8


def test_a_submission_trained_on_photographs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The pairs are drawn from the images of a folder; the log says from how many."""
    write_images(tmp_path / "photos", [(40, 44), (50, 36)])
    save_pair(tmp_path / VALIDATION, *torch.randint(256, (2, 4, 3, 8, 8), dtype=torch.uint8))
    monkeypatch.chdir(tmp_path)
    asked = ["train", "1", "--epochs", "1", "--widths", "4", "8", "--data", str(tmp_path)]
    drawn = ["--photographs", str(tmp_path / "photos"), "--pairs"]
    monkeypatch.setattr(sys, "argv", [*asked, *drawn, "6"])
    train_submission.main()
    log = json.loads((tmp_path / "out/miniproject_1.json").read_text())
    assert (log["pairs"], log["photographs"]) == (6, 2)
    monkeypatch.setattr(sys, "argv", [*asked, *drawn, "0"])
    with pytest.raises(SystemExit):
        train_submission.main()


def test_a_further_training_without_gain_writes_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Pairs of pure noise teach nothing: the shipped weights stay, and no log claims otherwise."""
    for name in (TRAIN, VALIDATION):
        save_pair(tmp_path / name, *torch.randint(256, (2, 4, 3, 8, 8), dtype=torch.uint8))
    monkeypatch.chdir(tmp_path)
    asked = ["train", "1", "--epochs", "1", "--go-on", "--rate", "1e3", "--data", str(tmp_path)]
    monkeypatch.setattr(sys, "argv", asked)
    with pytest.raises(SystemExit, match="no gain: the weights that it started from do better"):
        train_submission.main()
    assert not list((tmp_path / "out").glob("miniproject_1.[jp]*"))


def test_limits_are_measured_on_the_shipped_weights(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Times, and the scores before and after a further epoch, each written as soon as known."""
    for name in (TRAIN, VALIDATION):
        save_pair(tmp_path / name, *torch.randint(256, (2, 6, 3, 8, 8), dtype=torch.uint8))
    monkeypatch.setattr(limits, "LARGE", 24)
    path = tmp_path / "limits.json"
    call = ["limits", "2", "--data", str(tmp_path), "--json", str(path)]
    monkeypatch.setattr(sys, "argv", [*call, "--only", "times"])
    limits.main()
    assert json.loads(path.read_text()).keys() == {"times"}
    monkeypatch.setattr(sys, "argv", [*call, "--only", "further_epoch", "--pairs", "4"])
    limits.main()
    found = json.loads(path.read_text())
    assert found["times"]["seconds_24"] >= 0
    assert found["further_epoch"]["pairs"] == 4
    assert found["further_epoch"]["after"].keys() == found["further_epoch"]["before"].keys()


def test_the_benchmark_compares_equal_things() -> None:
    """Ours and torch's network have the same parameters, and a comparison gives its ratio."""
    for kind in ("nearest", "transposed", "shipped"):
        ours = sum(value.numel() for value, _ in framework.our_network(kind).param())
        theirs = framework.torch_twin(framework.our_network(kind)).parameters()
        assert ours == sum(value.numel() for value in theirs)
    row = framework.compare(*framework.network_steps("nearest", 2, "cpu"), 3, "cpu")
    assert 0 < row["low"] <= row["ratio"] <= row["high"]
