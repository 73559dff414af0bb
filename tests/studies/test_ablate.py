"""Ablations: every row trains, nothing is run twice, and no other setting is mixed in."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import nn

from Miniproject_2.model import CHANNELS, Model
from others.data.course import CLEAN, TRAIN, VALIDATION, load_pair, save_pair
from others.networks.autograd import Autograd
from others.networks.prescribed import prescribed, torch_twin
from others.records.paths import RESULTS
from others.records.study import as_json, read_study
from others.studies.submission import ablate
from others.studies.submission.ablations import sgd
from others.studies.submission.ablations.study import TUNE
from tests.reference import relative_error
from tests.subjects import noisy_images


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder with eight pairs, and as many validation images."""
    noisy_a, noisy_b, clean = noisy_images(8, 32, 32)
    for name, target in ((TRAIN, noisy_b), (CLEAN, clean), (VALIDATION, clean)):
        save_pair(tmp_path / name, noisy_a, target)
    return tmp_path


def run(folder: Path, name: str, *arguments: str) -> dict[str, Any]:
    """What the file has after the command on four pairs and one epoch."""
    path = folder / "results.json"
    small = ["--pairs", "4", "--epochs", "1", "--json", str(path)]
    ablate.main([name, "--data", str(folder), *small, *arguments])
    return read_study(path)


@pytest.mark.parametrize("name", ablate.ABLATIONS)
def test_every_row_trains(name: str) -> None:
    """Each row of each ablation is a training that gives images of the right shape."""
    ablation = ablate.ABLATIONS[name]
    noisy_a, noisy_b, _ = noisy_images(2, 32, 32)
    for row in ablation.rows:
        changes = ablation.changes(row)
        if "pairs" in changes:
            changes["pairs"] = 1  # a tenth of two pairs is none
        denoise = ablation.train(changes, noisy_a, noisy_b, 1, 0)
        with torch.no_grad():
            answer = denoise(noisy_a[:1].float() / 255, False)
        assert answer.shape == (1, 3, 32, 32), row


@pytest.mark.parametrize("name", ablate.ABLATIONS)
def test_the_files_of_results_are_of_these_tables(name: str) -> None:
    """What others/results/ablations says of setting and rows is what the tables of today say."""
    found, ablation = read_study(RESULTS / "ablations" / f"{name}.json"), ablate.ABLATIONS[name]
    budget = {"pairs": ablation.pairs, "epochs": ablation.epochs, "base": as_json(ablation.base)}
    assert budget.items() <= found["setting"].items()
    for row, entry in found["rows"].items():
        assert entry["changes"] == as_json(ablation.rows[row].changes)


def test_the_largest_channels_are_those_that_are_shipped() -> None:
    """A row says what the shipped channels gain."""
    rows = sgd.ROWS.values()
    assert max(row.changes.get("channels", []) for row in rows) == list(CHANNELS)


def test_an_ablation_is_continued(
    folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """What the file has is not run again, another seed is added, and all is shown at the end."""
    trained: list[tuple[dict[str, Any], int]] = []

    def train(changes: dict[str, Any], one: Any, other: Any, epochs: int, seed: int) -> Any:
        trained.append((changes, seed))
        assert (len(one), len(other), epochs) == (4, 4, 1)
        return lambda images, ensemble: images

    ablation = replace(ablate.ABLATIONS["miniproject_2_sgd"], train=train)
    monkeypatch.setitem(ablate.ABLATIONS, "miniproject_2_sgd", ablation)
    run(folder, "miniproject_2_sgd", "--only", "rate 8", "base", "--seeds", "1")
    results = run(folder, "miniproject_2_sgd", "--only", "base", "--seeds", "2")
    assert trained == [
        ({**ablation.base, "learning_rate": 8.0}, 0),
        (dict(ablation.base), 0),
        (dict(ablation.base), 1),
    ]
    setting = {"base": ablation.base, "pairs": 4, "epochs": 1, "scored_on": VALIDATION}
    assert setting.items() <= results["setting"].items()
    assert list(results["rows"]) == ["base", "rate 8"]  # the order of the table
    lines = capsys.readouterr().out.splitlines()
    assert [line.split("  ")[0] for line in lines[-3:-1]] == ["base", "rate 8"]
    assert "± 0.00 dB, self-ensemble" in lines[-3]
    assert "±" not in lines[-2]  # a single seed shows no spread
    assert lines[-1] == f"{folder / 'results.json'}: the results"


def test_other_settings_are_refused(folder: Path) -> None:
    """Another budget, base or set of images is named, and the file stays as it is."""
    run(folder, "miniproject_2_sgd", "--only", "base", "--seeds", "1")
    before = (folder / "results.json").read_bytes()
    with pytest.raises(SystemExit, match="epochs: 1 -> 2"):
        run(folder, "miniproject_2_sgd", "--only", "base", "--epochs", "2")
    with pytest.raises(SystemExit, match=r"base\.channels: \[32, 96\] -> \[64, 192\]"):
        run(folder, "frameworks")
    (folder / VALIDATION).rename(folder / TUNE)
    with pytest.raises(SystemExit, match=r"scored_on: val_data\.pkl -> tune_data\.pkl"):
        run(folder, "miniproject_2_sgd", "--only", "base")
    assert (folder / "results.json").read_bytes() == before


@pytest.mark.parametrize("name", [TRAIN, VALIDATION])
def test_other_data_are_refused(folder: Path, name: str) -> None:
    """One pixel of what is trained or scored on tells a folder of data from another."""
    run(folder, "miniproject_2_sgd", "--only", "base", "--seeds", "1")
    before = (folder / "results.json").read_bytes()
    one, other = load_pair(folder / name)
    other[3, 2, 31, 31] += 1
    save_pair(folder / name, one, other)
    changed = rf"checksums\.{name}: [0-9a-f]{{8}} -> [0-9a-f]{{8}}"
    with pytest.raises(SystemExit, match=changed):
        run(folder, "miniproject_2_sgd", "--only", "rate 8", "--seeds", "1")
    assert (folder / "results.json").read_bytes() == before


def test_a_row_without_its_data_is_left_out(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Not every folder has clean targets: such rows are skipped, and the missing file is named."""
    (folder / CLEAN).unlink()
    rows = ["no exchange, clean targets", "widths 8, 16"]
    results = run(folder, "miniproject_1", "--only", *rows, "--seeds", "1")
    assert list(results["rows"]) == ["widths 8, 16"]
    assert CLEAN in capsys.readouterr().err
    alone = run(folder, "miniproject_1", "--only", rows[0], "--seeds", "1")
    assert alone == results


def test_a_smaller_budget_is_not_passed_off_as_the_ablations(folder: Path) -> None:
    """Eight pairs are none of nine: an error, and no results."""
    with pytest.raises(SystemExit, match="has 8 pairs; expected at least 9"):
        run(folder, "miniproject_2_sgd", "--only", "base", "--pairs", "9")
    assert not (folder / "results.json").exists()


def test_rows_are_listed_and_unknown_ones_refused(
    capsys: pytest.CaptureFixture[str], usage_error: Callable[..., str]
) -> None:
    """--list needs no data; an unknown name is a usage error that shows the known ones."""
    ablate.main(["frameworks", "--list"])
    assert "published, batch 4: torch.nn: {" in capsys.readouterr().out
    assert "unknown rows ['bass']; expected some of 'base'" in usage_error(
        ablate.main, "miniproject_1", "--only", "bass"
    )


def test_the_prescribed_network_is_that_of_a_new_model() -> None:
    """What the ablations vary is the network that a new `Model` has."""
    assert repr(prescribed()) == repr(Model().network)


@pytest.mark.parametrize("outer", [0, 5, 8])
@pytest.mark.parametrize("nearest", [0, 3])
@pytest.mark.parametrize("kernel", [2, 3, 4])
def test_twins_agree(nearest: int, kernel: int, outer: int) -> None:
    """The torch.nn network gives the same images, and behind our interface the same gradients."""
    torch.manual_seed(0)
    ours = prescribed((4, 6), kernel, nearest, outer)
    theirs = Autograd(torch_twin(ours))
    images = torch.rand(2, 3, 16, 16)
    y = ours.forward(images)
    assert relative_error(theirs.forward(images), y) < 1e-5
    gradient = torch.randn_like(y)
    for network in (ours, theirs, theirs):
        network.backward(gradient) if network is ours else network.accumulate(gradient)
        if network is theirs:
            theirs.forward(images)
    for (_, own), (_, other) in zip(ours.param(), theirs.param()):
        assert relative_error(other / 2, own) < 1e-4
    assert isinstance(theirs.network, nn.Sequential)


@pytest.mark.parametrize("row", ["published, batch 4", "good settings"])
def test_both_frameworks_train_alike(row: str) -> None:
    """The same training by either gives the same images, and other ones than a shorter training.

    An optimizer moves parameters into one memory: a network that kept the old one would not learn.
    """
    noisy_a, noisy_b, _ = noisy_images(8, 32, 32)
    x = noisy_a.float() / 255
    images = {}
    for name in ("ours", "torch.nn"):
        changes = {**sgd.FRAMEWORKS.changes(f"{row}: {name}"), "channels": [4, 6]}
        changes |= {"least_warm_up": 0, "learning_rate": 5.0}
        for epochs in (1, 4):
            trained = sgd.FRAMEWORKS.train(changes, noisy_a, noisy_b, epochs, 0)
            images[name, epochs] = trained(x, False)
    assert relative_error(images["torch.nn", 4], images["ours", 4]) < 1e-3
    assert relative_error(images["torch.nn", 1], images["torch.nn", 4]) > 0.01
