"""The commands that train and measure what is submitted, and the images of the reports."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from PIL import Image

from Miniproject_1.noise2noise.training import Settings
from others.data.course import TRAIN, VALIDATION, save_pair
from others.studies.submission import course_limits, report_images, train
from others.studies.submission.ablations.study import TUNE
from tests.helpers.images import write_images


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty working directory with a few images of pure noise in the course's files."""
    for name in (TRAIN, VALIDATION):
        save_pair(tmp_path / name, *torch.randint(256, (2, 6, 3, 8, 8), dtype=torch.uint8))
    monkeypatch.chdir(tmp_path)
    return tmp_path


def trained(number: int, *options: str) -> dict[str, Any]:
    """The JSON file of a training for one epoch on the files of the working directory."""
    train.main([str(number), "--epochs", "1", "--data", ".", *options])
    return json.loads(Path(f"out/miniproject_{number}.json").read_text())


@pytest.mark.parametrize("number", [1, 2])
def test_training_leaves_weights_and_a_log(
    number: int, folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """The command trains from files, and writes to out/ alone unless it is told to install.

    It ends with the scores, by the names in its file, and with the names of its files.
    """
    log = trained(number)
    lines = capsys.readouterr().out.splitlines()[-2:]
    score = log["validation"]["self_ensemble_psnr_per_image_db"]
    assert lines[0].startswith(f"validation: self_ensemble_psnr_per_image_db {score:g}, ")
    assert lines[1].startswith(
        f"out/miniproject_{number}.pth: the weights; out/miniproject_{number}"
    )
    assert (log["pairs"], log["epochs"]) == (6, 1)
    names = {f"miniproject_{number}.{kind}" for kind in ("json", "pth", "state")}
    assert {path.name for path in (folder / "out").iterdir()} == names


@pytest.mark.parametrize("options", [[], ["--widths", "4", "8"], ["--go-on"]])
def test_training_is_that_of_the_model(
    options: list[str], folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Without other settings Model.train is what trains, and no Trainer of our own making."""
    monkeypatch.setattr(train, "train_with", None)
    monkeypatch.setattr(train, "refuse_without_gain", lambda started_from, model: None)
    log = trained(1, *options)
    peak = "fine_tuning_rate" if "--go-on" in options else "learning_rate"
    assert log["settings"]["learning_rate"] == getattr(Settings(), peak)
    assert ("started_from" in log) == ("--go-on" in options)


def test_other_widths_and_noises(folder: Path) -> None:
    """Weights and log are of the network and the settings that were asked for."""
    options = ["--widths", "8", "12", "--no-other-noises", "--rate", "0.001", "--batch-size", "3"]
    log = trained(1, *options)
    assert log["settings"]["gaussian"] == log["settings"]["impulses"] == 0
    assert (log["settings"]["learning_rate"], log["settings"]["batch_size"]) == (0.001, 3)
    assert log["widths"] == [8, 12]
    weights = torch.load(folder / "out/miniproject_1.pth", weights_only=True)
    assert weights["stem.weight"].shape[0] == 8


def test_other_settings_of_miniproject_2(folder: Path) -> None:
    """The log says with which peak and batch its network was trained."""
    log = trained(2, "--rate", "0.01", "--batch-size", "3")
    settings = log["settings"]
    assert (settings["optimizer"], settings["batch_size"]) == ("muon", 3)
    assert settings["learning_rate"] == 0.01


def test_training_on_photographs(folder: Path) -> None:
    """The pairs are drawn from the images of a folder; the log says from how many."""
    write_images(folder / "photos", [(40, 44), (50, 36)])
    drawn = ["--widths", "4", "8", "--photographs", str(folder / "photos"), "--pairs", "6"]
    log = trained(1, *drawn)
    assert (log["pairs"], log["photographs"]) == (6, 2)


def test_a_further_training_without_gain_writes_nothing(folder: Path) -> None:
    """Pairs of pure noise teach nothing: the shipped weights stay, and no log claims otherwise."""
    with pytest.raises(SystemExit, match="no gain: the weights that it started from do better"):
        trained(1, "--go-on", "--rate", "1e3")
    assert not list((folder / "out").glob("miniproject_1.[jp]*"))


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["2", "--cuda-graph"], "one network and no other noises"),
        (["1", "--go-on", "--widths", "4", "8"], "omit --widths"),
        (["1", "--pairs", "0"], "'0' is no whole number from 1 on"),
        (["1", "--pairs", "6"], "--pairs and --weak are for --photographs; all of train_data"),
        (["1", "--weak", "0.1"], "--pairs and --weak are for --photographs"),
        (["1", "--weak", "1.5"], "'1.5' is no number from 0 to 1"),
    ],
)
def test_options_that_do_not_go_together(
    arguments: list[str], message: str, folder: Path, usage_error: Callable[..., str]
) -> None:
    """They are a usage error, and nothing is trained."""
    assert message in usage_error(train.main, *arguments, "--data", str(folder))
    assert not (folder / "out").exists()


def test_limits_are_measured_on_the_shipped_weights(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Times, and the scores before and after a further epoch, each written as soon as known."""
    monkeypatch.setattr(course_limits, "LARGE", 24)
    path = folder / "limits.json"
    call = ["2", "--data", str(folder), "--json", str(path)]
    course_limits.main([*call, "--only", "times"])
    assert json.loads(path.read_text()).keys() == {"times"}
    course_limits.main([*call, "--only", "further_epoch", "--pairs", "4"])
    found = json.loads(path.read_text())
    assert found["times"]["seconds_24"] >= 0
    assert found["further_epoch"]["pairs"] == 4
    assert found["further_epoch"]["after"].keys() == found["further_epoch"]["before"].keys()
    assert found["further_epoch"]["precision"] in ("bfloat16", "float32")
    course_limits.main([*call, "--only", "from_scratch", "--pairs", "8"])
    scratch = json.loads(path.read_text())["from_scratch"]
    assert scratch["processor"]
    assert scratch["before"] != found["further_epoch"]["before"]


def test_the_images_of_the_reports_are_made(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The file has what is in others/results/pictures.json, for whichever images are shown."""
    monkeypatch.setattr(report_images, "COUNT", 2)
    monkeypatch.setattr(report_images, "SHOWN", (1,))
    path = tmp_path / "images.json"
    report_images.main(["--json", str(path)])
    found = json.loads(path.read_text())
    shipped = json.loads((report_images.RESULTS / "pictures.json").read_text())
    assert found.keys() == shipped.keys()
    assert found["weights"] == shipped["weights"]
    (image,) = found["images"]
    assert {name: len(value) for name, value in image.items()} == {
        name: len(value) for name, value in shipped["images"][0].items()
    }


@pytest.mark.parametrize("scored_on", [TUNE, VALIDATION])
def test_two_losses_are_followed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, scored_on: str
) -> None:
    """Each loss has a PSNR after each epoch, on the images that an ablation would be scored on, and
    its answers to the images that are shown."""
    monkeypatch.setattr(report_images, "COUNT", 2)
    monkeypatch.setattr(report_images, "SHOWN", (1,))
    monkeypatch.setattr(report_images, "EPOCHS", 2)
    monkeypatch.setattr(report_images, "ABLATION", replace(report_images.ABLATION, pairs=4))
    for name in (TRAIN, scored_on):
        save_pair(tmp_path / name, *torch.randint(256, (2, 4, 3, 8, 8), dtype=torch.uint8))
    path = tmp_path / "losses.json"
    report_images.main(["--losses", str(tmp_path), "--json", str(path)])
    found = json.loads(path.read_text())
    shipped = json.loads((report_images.RESULTS / "losses.json").read_text())
    assert found.keys() == shipped.keys()
    assert {name: len(values) for name, values in found["psnr_per_image_db"].items()} == {
        "L2": 2,
        "L1": 2,
    }
    assert found["images"][0].keys() == shipped["images"][0].keys()


def test_both_frameworks_are_shown(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The file has the images by each row of the figure, and the picture a column for each."""
    monkeypatch.setattr(report_images, "COUNT", 2)
    monkeypatch.setattr(report_images, "SHOWN", (1,))
    small = replace(report_images.FRAMEWORKS, pairs=4, epochs=1)
    monkeypatch.setattr(report_images, "FRAMEWORKS", small)
    save_pair(tmp_path / TRAIN, *torch.randint(256, (2, 4, 3, 8, 8), dtype=torch.uint8))
    path, picture = tmp_path / "images.json", tmp_path / "images.png"
    arguments = ["--frameworks", str(tmp_path), "--json", str(path), "--picture", str(picture)]
    report_images.main(arguments)
    (image,) = json.loads(path.read_text())["images"]
    assert image.keys() == {*report_images.FIGURE, "psnr_per_image_db"}
    scores = image["psnr_per_image_db"]
    # The same weights, pairs and steps: both frameworks give the same image.
    assert scores["ours, nearest"] == pytest.approx(scores["torch.nn, nearest"], abs=0.02)
    with Image.open(picture) as sheet:
        columns = 2 + len(report_images.FIGURE)  # noisy and clean too
        assert sheet.size == (columns * (4 * 32 + 6) + 6, 4 * 32 + 6 + 18)
