"""The TNet study: its rows, runs that are never done twice, and its tables."""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch

from Miniproject_1.model import Model
from others.analysis.influence.weights import Smoothing
from others.data.course import TRAIN, VALIDATION, save_pair
from others.records.paths import RESULTS
from others.records.study import read_study
from others.studies.tnet import __main__ as study_command
from others.studies.tnet import norms, rows, runs, study, tables
from others.studies.tnet.rows import ROWS, TNetRow
from others.studies.tnet.runs import Budget, StudyImages
from tests.helpers.images import pixels

BUDGET = Budget(pairs=8, epochs=2, precision="float32")
SMALL = TNetRow("TNet", batch_size=4)


@pytest.fixture
def images() -> StudyImages:
    """Eight pairs to train on and six to score on."""
    sets = [pixels(count, 32, 32, seed=seed) for seed, count in enumerate((8, 8, 6, 6))]
    return StudyImages(*sets)


class Command:
    """The study's command on the files of `images`, with its results in `folder`/results."""

    def __init__(self, folder: Path, images: StudyImages) -> None:
        self.folder = folder
        save_pair(folder / TRAIN, images.train_input, images.train_target)
        save_pair(folder / VALIDATION, images.noisy, images.clean)

    def __call__(self, *arguments: str, pairs: int = 8) -> dict[str, Any]:
        """The rows of the study's file after the call."""
        folders = {"--data": "", "--output": "runs", "--results": "results"}
        where = [text for name, part in folders.items() for text in (name, str(self.folder / part))]
        study_command.main([*where, "--pairs", str(pairs), *arguments])
        return read_study(self.folder / "results/study.json")["rows"]

    def read(self, name: str) -> str:
        """The text of a file of results."""
        return (self.folder / "results" / name).read_text(encoding="utf-8")


@pytest.fixture
def command(tmp_path: Path, images: StudyImages) -> Command:
    """The command on the few images."""
    return Command(tmp_path, images)


def test_the_rows_are_those_of_the_report() -> None:
    """Both tables have the published networks, rates and losses, and five seeds for each."""
    found = {name: ROWS[name] for name in (*rows.TABLE_1, *rows.TABLE_2)}
    counts = {
        name: sum(value.numel() for value in row.make().parameters()) for name, row in found.items()
    }
    assert counts.pop("basenet") == 166_923
    assert counts.pop("unet") == 991_203
    assert counts.pop("tnet_bn") == 43_486
    assert set(counts.values()) == {43_064}
    shown = [1e-4, 5e-4, 9e-4]
    grid = [1.625e-3, 2.75e-3, 3.875e-3, 5e-3]  # tried as well, and in no table of the report
    assert [ROWS[name].learning_rate for name in rows.TABLE_1] == [*shown, *grid]
    assert ROWS["unet"].learning_rate == 1e-3
    assert ROWS["tnet_l1"].loss == "l1"
    assert {(row.seeds, row.epochs, row.batch_size) for row in found.values()} == {(5, None, 32)}


def test_all_rows_but_the_best_have_the_same_budget() -> None:
    """Only the best rows, and the pair that is trained for longer, bring epochs of their own."""
    longer = {"tnet_long", *rows.LONG_NORMS}
    assert {name for name, row in ROWS.items() if row.epochs} == {*rows.BEST, *longer}
    for name in longer:  # but for that as in table 2
        short = ROWS[name.replace("_long", "")]
        assert ROWS[name] == replace(short, epochs=rows.LONG, seeds=3)
    assert {row.pretrained for row in ROWS.values()} == {None, "tnet", "unet"}
    named = {*rows.TABLE_1, *rows.TABLE_2, *rows.TRIED, *rows.NORMS, *rows.BEST, *longer}
    assert named == set(ROWS)


def test_the_file_of_results_is_of_this_table() -> None:
    """What others/results/tnet says of each row is what the table of today says."""
    found = read_study(RESULTS / "tnet" / "study.json")
    settings = TNetRow("").settings()
    assert settings.items() <= found["setting"].items()
    for name, row in found["rows"].items():
        expected = study.study_row(ROWS[name])
        assert row["changes"] == expected.changes
        assert {key: row[key] for key in expected.about} == expected.about
        assert len(row["seeds"]) <= ROWS[name].seeds


def test_a_run_is_written_with_all_it_depends_on(command: Command) -> None:
    """The file has settings, images, scores, loss and time; the tables follow."""
    row = command("--only", "tnet", "--seeds", "1", "--epochs", "2")["tnet"]
    assert row["parameters"] == 43_064
    fine, middle, coarse = 3 * 16 + 32 * 3 + 6 * 3, 16 * 32 + 64 * 16, 32 * 32 + 64 * 32
    assert row["multiply_adds"] == 9 * (32**2 * fine + 16**2 * middle + 4**2 * coarse)
    setting = json.loads(command.read("study.json"))["setting"]
    assert (setting["pairs"], setting["epochs"], setting["images"]["validation"]) == (8, 2, 6)
    record = row["seeds"]["0"]
    assert record["epochs"] == 2
    assert min(record["psnr_per_image_db"], record["train_loss"]) > 0
    assert record["seconds"] >= 0
    assert re.search(r"\| TNet +\| +43,064 \| +5\.5 M \|", command.read("README.md"))


def test_no_run_is_done_twice(command: Command) -> None:
    """A result that is there is left alone; another seed is added to it."""
    before = command("--only", "tnet", "--seeds", "1")["tnet"]["seeds"]
    after = command("--only", "tnet", "--seeds", "2")["tnet"]["seeds"]
    assert list(after) == ["0", "1"]
    assert after["0"] == before["0"]  # its times too: it was not trained anew


def test_a_stopped_run_goes_on_to_the_same_end(tmp_path: Path, images: StudyImages) -> None:
    """One epoch, and then the second in another process's place, give what two in a row give."""
    runs.run(SMALL, 0, replace(BUDGET, epochs=1), images, tmp_path / "stopped")
    record, net = runs.run(SMALL, 0, BUDGET, images, tmp_path / "stopped")
    straight, other = runs.run(SMALL, 0, BUDGET, images, tmp_path / "straight")
    assert record["train_loss"] == straight["train_loss"]
    for one, two in zip(net.parameters(), other.parameters()):
        assert torch.equal(one, two)


def test_a_taught_network_learns_its_teachers_answers(tmp_path: Path, images: StudyImages) -> None:
    """The targets of all noisy images are what the teacher makes of them."""
    row = replace(SMALL, teacher="miniproject_1")
    pairs = runs.training_set(row, images, tmp_path)
    assert torch.equal(pairs.input, torch.cat([images.train_input, images.train_target]))
    model = Model()
    model.load_pretrained_model()
    expected = model.predict(pairs.input, ensemble=False).round().to(torch.uint8)
    assert (pairs.target.int() - expected.int()).abs().max() <= 1


def test_other_settings_do_not_mix(command: Command) -> None:
    """Another rate, budget or set of images is refused, with what differs, before any training."""
    command("--only", "tnet", "--seeds", "1")
    text = command.read("study.json")
    for options, pairs, message in (
        (["--epochs", "3"], 8, "epochs: 1 -> 3"),
        ([], 7, "pairs: 8 -> 7"),
    ):
        with pytest.raises(SystemExit, match=message):
            command("--only", "tnet", "--seeds", "2", *options, pairs=pairs)
    changed = json.loads(text)
    changed["rows"]["tnet"]["changes"] = {"learning_rate": 1e-3}
    (command.folder / "results/study.json").write_text(json.dumps(changed))
    with pytest.raises(SystemExit, match=r"learning_rate: 0\.001 -> nothing"):
        command("--only", "tnet", "--seeds", "2")
    assert json.loads(command.read("study.json")) == changed


def test_a_row_says_what_it_changes_of_the_studys_settings() -> None:
    """Only what differs, so that the table of results can be read; epochs where it has its own."""
    assert ROWS["tnet"].changes() == {}
    assert ROWS["tnet_fast"].changes() == {"learning_rate": 9e-4}
    assert ROWS["tnet_long"].changes() == {"epochs": rows.LONG}
    assert replace(SMALL, teacher="miniproject_1").changes() == {
        "batch_size": 4,
        "teacher": "miniproject_1",
    }


def test_different_seeds_and_dropouts_are_different_trainings(
    tmp_path: Path, images: StudyImages
) -> None:
    """The seed reaches the initial weights, and options without parameters the configuration."""
    starts = [
        next(runs.experiment(SMALL, seed, BUDGET, images, tmp_path / str(seed)).net.parameters())
        for seed in (0, 1)
    ]
    assert not torch.equal(*starts)
    with pytest.raises(ValueError, match="dropout"):
        runs.experiment(replace(SMALL, options={"dropout": 0.1}), 0, BUDGET, images, tmp_path / "0")


def test_a_longer_cosine_is_another_training(tmp_path: Path, images: StudyImages) -> None:
    """A constant rate may go on for more epochs, a schedule that ends may not."""
    row = replace(SMALL, schedule="cosine")
    runs.run(row, 0, replace(BUDGET, epochs=1), images, tmp_path)
    with pytest.raises(ValueError, match="epochs: 1 -> 2"):
        runs.run(row, 0, BUDGET, images, tmp_path)


def test_too_few_pairs_are_refused(tmp_path: Path) -> None:
    """A budget that the data does not cover is an error."""
    for name in (TRAIN, VALIDATION):
        save_pair(tmp_path / name, pixels(4, 8, 8), pixels(4, 8, 8, seed=1))
    assert len(StudyImages.read(tmp_path, 3).train_input) == 3
    with pytest.raises(ValueError, match="has 4 pairs; expected at least 5"):
        StudyImages.read(tmp_path, 5)


def test_batch_normalisation_is_evaluated_in_all_its_modes(command: Command) -> None:
    """One PSNR for each way to have statistics, and a table of them."""
    record = command("--only", "tnet_bn", "--seeds", "1")["tnet_bn"]["seeds"]["0"]
    assert len(record["evaluations"]) == 1 + len(norms.MOMENTA) + len(norms.BATCHES)
    assert (
        record["evaluations"]["running statistics of the training"] == record["psnr_per_image_db"]
    )
    assert "| statistics of each batch of 32 " in command.read("README.md")


def test_a_page_keeps_what_is_written_by_hand(tmp_path: Path) -> None:
    """Tables are renewed where they stand; a table without a place gets one at the end."""
    shutil.copy(tables.FOLDER / tables.STUDY, tmp_path)
    by_hand = "# By hand\n\n<!-- table models -->\nold\n<!-- end of models -->\n\nA conclusion.\n"
    page = tables.render(tmp_path, by_hand)
    assert page.startswith("# By hand\n\n<!-- table models -->\n| model")
    assert "\nA conclusion.\n\n## Budget\n" in page
    assert "SmoothGrad" not in page  # the claims are not in this folder
    assert tables.render(tmp_path, page) == page


def test_the_quick_study_runs_every_kind_of_row(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """--quick trains, scores and measures on generated images, and leaves nothing but its print."""
    monkeypatch.setattr(study, "SMOOTHINGS", (Smoothing(1, 0.0),))
    monkeypatch.setattr(study, "QUICK_PAIRS", 4)
    monkeypatch.setattr(study, "QUICK_VALIDATION", 12)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    names = ["tnet", "tnet_long", "tnet_bn_long", "tnet_best", "tnet_taught", "claims"]
    study_command.main(["--quick", "--only", *names])
    printed = capsys.readouterr().out
    assert re.search(r"\| TNet +\| +43,064 \|", printed)
    assert "## Batch normalisation after a longer training: PSNR per image, dB\n" in printed
    assert "Trained on 4 pairs × 1 epoch." in printed
    assert re.search(r"\| TNet, best +\| 4 pairs × 1 epoch, Adam", printed)
    taught = r"\| TNet, taught +\| both images of 4 pairs × 1 epoch, targets by miniproject_1"
    assert re.search(taught, printed)
    assert re.search(r"\| an edge weakens influence +\|", printed)
    assert list(tmp_path.iterdir()) == []


def test_the_claims_alone_can_be_measured(
    command: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    """`claims` trains nothing: without a state of its row it takes the pretrained weights."""
    monkeypatch.setattr(study, "SMOOTHINGS", (Smoothing(1, 0.0),))
    folder = str(command.folder / "results")
    study_command.main(
        ["--data", str(command.folder), "--pairs", "8", "--results", folder, "--only", "claims"]
    )
    assert json.loads(command.read("claims.json"))["row"] == "tnet_taught"
    assert not (command.folder / "results/study.json").exists()


def test_unknown_rows_and_missing_files_end_with_a_sentence(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], usage_error: Callable[..., str]
) -> None:
    """A wrong name is a usage error, a missing file is none; --list shows the names."""
    assert "invalid choice: 'tnet_xxl'" in usage_error(study_command.main, "--only", "tnet_xxl")
    with pytest.raises(SystemExit, match="train_data"):
        study_command.main(["--data", str(tmp_path)])
    study_command.main(["--list"])
    assert "tnet_dropout: {" in capsys.readouterr().out
