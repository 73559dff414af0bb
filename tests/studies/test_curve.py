"""The curve of training time: a training from scratch for each length, none of them twice."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from Miniproject_2.framework.training import Settings, Trainer
from others.data.course import TRAIN, VALIDATION, save_pair
from others.records.study import read_study
from others.studies.submission import curve
from others.studies.submission.ablations.sgd import BASE
from tests.subjects import noisy_images


def write_pairs(folder: Path, count: int = 8) -> None:
    """The course's files with a few images."""
    noisy_a, noisy_b, clean = noisy_images(count, 32, 32)
    save_pair(folder / TRAIN, noisy_a, noisy_b)
    save_pair(folder / VALIDATION, noisy_a, clean)


@pytest.mark.usefixtures("narrow")
@pytest.mark.parametrize("number", [1, 2])
def test_a_curve_is_continued(number: int, tmp_path: Path) -> None:
    """The file has all lengths in their order, whichever came first; none is trained again."""
    write_pairs(tmp_path)
    path = tmp_path / "curve.json"
    options = ["--data", str(tmp_path), "--json", str(path), "--weights", str(tmp_path / "weights")]
    curve.main([str(number), *options, "--epochs", "1"])
    first = read_study(path)["rows"]["1 epoch"]
    curve.main([str(number), *options, "--epochs", "2", "0.5", "1"])
    rows = read_study(path)["rows"]
    assert list(rows) == ["0.5 epochs", "1 epoch", "2 epochs"]
    assert [row["changes"]["epochs"] for row in rows.values()] == [0.5, 1, 2]
    assert rows["1 epoch"] == first
    assert all(row["seeds"]["0"]["cpu_seconds"] > 0 for row in rows.values())
    names = [f"miniproject_{number}_{length}_0.pth" for length in (0.5, 1, 2)]
    assert sorted(file.name for file in (tmp_path / "weights").iterdir()) == names


@pytest.mark.usefixtures("narrow")
def test_another_number_of_pairs_is_another_curve(tmp_path: Path) -> None:
    """Trainings on other sets are not mixed in one file."""
    write_pairs(tmp_path)
    path = tmp_path / "curve.json"
    options = ["--data", str(tmp_path), "--json", str(path), "--weights", str(tmp_path / "weights")]
    curve.main(["2", *options, "--epochs", "0.5"])
    before = path.read_bytes()
    write_pairs(tmp_path, 9)
    with pytest.raises(SystemExit, match="pairs: 8 -> 9"):
        curve.main(["2", *options, "--epochs", "1"])
    assert path.read_bytes() == before


@pytest.mark.parametrize("epochs", ["0", "-1", "1.5", "some", "nan", "inf"])
def test_a_length_that_cannot_be(epochs: str, usage_error: Callable[..., str]) -> None:
    """Epochs are whole, or a part of one; anything else is a usage error."""
    assert "is no whole number of epochs or part of one" in usage_error(
        curve.main, "1", "--epochs", epochs
    )


@pytest.mark.usefixtures("narrow")
def test_sgd_has_the_loss_of_the_handout(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The curve of SGD is that of its ablation, in whose loss all images count alike."""
    write_pairs(tmp_path)
    used: list[Settings] = []
    monkeypatch.setattr(Trainer, "run", lambda trainer: used.append(trainer.settings))
    files = ["--json", str(tmp_path / "curve.json"), "--weights", str(tmp_path / "weights")]
    curve.main(["2", "--sgd", "--data", str(tmp_path), *files, "--epochs", "0.5"])
    assert [(one.optimizer, one.noise_floor) for one in used] == [("sgd", BASE["noise_floor"])]
