"""Ablations and curves: every row trains, nothing is run twice, nothing is overwritten."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import nn

from Miniproject_2.model import Model
from others.data.course import CLEAN, TRAIN, VALIDATION, save_pair
from others.networks.autograd import Autograd
from others.networks.prescribed import prescribed, torch_twin
from others.studies.submission import ablate
from others.studies.submission import ablation_frameworks as framework
from others.studies.submission import ablation_miniproject_1 as first
from others.studies.submission import ablation_miniproject_2 as second
from others.studies.submission.ablation import Study
from tests.reference import relative_error
from tests.subjects import noisy_images


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder with eight pairs, and as many validation images."""
    one, other, clean = noisy_images(8, 32, 32)
    for name, target in ((TRAIN, other), (CLEAN, clean), (VALIDATION, clean)):
        save_pair(tmp_path / name, one, target)
    return tmp_path


@pytest.mark.parametrize("module", [first, second, framework], ids=lambda m: m.__name__)
def test_every_row_trains(module: Any, folder: Path) -> None:
    """Each row of each study is a training that gives images of the right shape."""
    one, other, _ = noisy_images(2, 32, 32)
    for name in module.STUDY.rows:
        row = {**module.STUDY.settings(name), **({"pairs": 1} if module is first else {})}
        denoise = module.train(row, one, other, 1, 0)
        with torch.no_grad():
            answer = denoise(one[:1].float() / 255, False)
        assert answer.shape == (1, 3, 32, 32), name


def test_a_study_is_continued(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What the file has is not run again; another budget or another row is refused."""
    trained: list[tuple[Any, int]] = []

    def train(row: Any, one: Any, other: Any, epochs: int, seed: int) -> Any:
        trained.append((row, seed))
        return lambda images, ensemble: images

    study = Study(
        "a study", 4, 1, {"plain": {}, "fast": {"rate": 2}, "clean": {"data": CLEAN}}, train
    )
    path = folder / "results.json"
    ablate.run(study, ["plain", "fast", "clean"], folder, 1, path)
    assert len(trained) == 3
    ablate.run(study, ["plain", "fast"], folder, 2, path)
    assert trained[3:] == [({}, 1), ({"rate": 2}, 1)]
    based = study._replace(base={"rate": 1, "batch": 4})
    ablate.run(based, ["plain", "fast"], folder, 1, folder / "based.json")
    assert trained[5:] == [({"rate": 1, "batch": 4}, 0), ({"rate": 2, "batch": 4}, 0)]
    results = json.loads(path.read_text())
    assert results["scored_on"] == VALIDATION
    names = [line[0] for line in ablate.summary(results)]
    assert names == ["plain", "fast", "clean"]
    assert list(ablate.in_order({"old": 0, "clean": 1, "plain": 2}, study)) == [
        "plain",
        "clean",
        "old",
    ]
    before = path.read_bytes()
    with pytest.raises(ValueError, match="epochs is 1, asked for 2"):
        ablate.run(study._replace(epochs=2), ["plain"], folder, 1, path)
    with pytest.raises(ValueError, match=r"base is {}, asked for {'rate': 3}"):
        ablate.run(study._replace(base={"rate": 3}), ["plain"], folder, 1, path)
    with pytest.raises(ValueError, match="'fast' was run as"):
        ablate.run(study._replace(rows={"fast": {"rate": 3}}), ["fast"], folder, 1, path)
    assert path.read_bytes() == before


def test_a_row_without_its_data_is_left_out(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Clean targets are had for a few: the row is skipped and the file is named."""
    (folder / CLEAN).unlink()
    study = Study("a study", 4, 1, {"clean": {"data": CLEAN}}, first.train)
    ablate.run(study, ["clean"], folder, 1, folder / "results.json")
    assert CLEAN in capsys.readouterr().err


def test_a_smaller_budget_is_not_passed_off_as_the_studys(folder: Path) -> None:
    """Eight pairs are none of nine: an error, and no results."""
    study = Study("a study", 9, 1, {"plain": {}}, first.train)
    with pytest.raises(ValueError, match="has 8 pairs; expected at least 9"):
        ablate.run(study, ["plain"], folder, 1, folder / "results.json")
    assert not (folder / "results.json").exists()


def test_the_prescribed_network_is_the_shipped_one() -> None:
    """What the studies vary is the network that `Model` has."""
    assert repr(prescribed()) == repr(Model().network)


@pytest.mark.parametrize("nearest", [0, 3])
@pytest.mark.parametrize("kernel", [2, 3, 4])
def test_twins_agree(nearest: int, kernel: int) -> None:
    """The torch.nn network gives the same images, and behind our interface the same gradients."""
    torch.manual_seed(0)
    ours = prescribed((4, 6), kernel, nearest)
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
