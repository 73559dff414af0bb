"""The small network that learns from the shipped weights."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from Miniproject_1.noise2noise.network import ResidualUNet
from others.data.course import VALIDATION, save_pair
from others.engine.metrics import psnr_per_image
from others.networks.catalogue import make_network
from others.networks.pretrained import load_network
from others.networks.teacher import denoise
from others.studies.submission import distill
from tests.helpers.images import pixels, write_images


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A working directory with two photographs and a few images to score on."""
    write_images(tmp_path / "photos", [(40, 44), (50, 36)])
    save_pair(tmp_path / VALIDATION, pixels(4, 32, 32), pixels(4, 32, 32, seed=1))
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(distill, "ROUNDS", 1)
    return tmp_path


def distilled(*options: str) -> dict[str, Tensor]:
    """The weights of a short training in the working directory."""
    distill.main(["--photographs", "photos", "--data", ".", "--pairs", "8", *options])
    return torch.load(f"out/{distill.NAME}.pth", weights_only=True)


def test_the_small_network_comes_closer_to_its_teacher(folder: Path) -> None:
    """After a few steps its answers are nearer to the teacher's than the noisy images are."""
    distilled("--epochs", "6", "--batch-size", "4")
    noisy = torch.load(folder / VALIDATION, weights_only=True)[0]
    expected = denoise(load_network("miniproject_1"), noisy)
    answers = denoise(load_network(distill.NAME, Path(f"out/{distill.NAME}.pth")), noisy)
    before = psnr_per_image(noisy.float() / 255, expected)
    assert psnr_per_image(answers, expected) > before + 1


def test_the_log_says_what_was_trained_and_what_it_reaches(folder: Path) -> None:
    """Nothing is written outside of out/; the shipped log has the same entries."""
    distilled("--epochs", "1")
    log = json.loads(Path(f"out/{distill.NAME}.json").read_text())
    assert (log["pairs"], log["photographs"], log["parameters"]) == (8, 2, 57251)
    assert log["setting"]["optimizer"]["class"] == "Muon"
    assert log["validation"].keys() >= {"psnr_per_image_db", "self_ensemble_psnr_pooled_db"}
    shipped = json.loads((distill.RESULTS / f"training/{distill.NAME}.json").read_text())
    assert log.keys() == shipped.keys()


def test_a_stopped_training_goes_on(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Stopped after an epoch, it ends with the same weights as one that was not."""
    straight = distilled("--epochs", "2")
    (folder / "out" / distill.NAME / "last.pth").unlink()
    (folder / "out" / distill.NAME / "config.json").unlink()
    record = distill.Experiment._record

    def stopped(*arguments: Any) -> None:
        record(*arguments)
        raise KeyboardInterrupt

    monkeypatch.setattr(distill.Experiment, "_record", stopped)
    with pytest.raises(SystemExit):
        distilled("--epochs", "2")
    monkeypatch.setattr(distill.Experiment, "_record", record)
    resumed = distilled("--epochs", "2")
    assert all(torch.equal(resumed[name], value) for name, value in straight.items())


def test_the_state_of_other_settings_is_refused(folder: Path) -> None:
    """With the difference, before anything is written."""
    distilled("--epochs", "1")
    before = Path(f"out/{distill.NAME}.pth").stat().st_mtime_ns
    with pytest.raises(SystemExit, match=r"optimizer\.lr: 0\.02 -> 0\.01"):
        distilled("--epochs", "1", "--rate", "0.01")
    assert Path(f"out/{distill.NAME}.pth").stat().st_mtime_ns == before


@pytest.mark.parametrize("missing", ["photos", VALIDATION])
def test_what_is_missing_is_named_before_the_training(missing: str, folder: Path) -> None:
    """A folder without photographs, or no images to score on."""
    (folder / missing).rename(folder / "elsewhere")
    with pytest.raises(SystemExit, match=missing):
        distilled("--epochs", "1")
    assert not (folder / "out").exists()


def test_blocks_are_used_twice() -> None:
    """Answers are those of a network with the blocks written out, which has the same weights."""
    net, twin = make_network(distill.NAME), ResidualUNet((32,), (6,), ())
    for parameter in net.parameters():
        nn.init.normal_(parameter, std=0.05)
    weights = net.state_dict()
    twin.load_state_dict(
        {
            name: weights[name.replace(f"encoder.0.{number}", f"encoder.0.{number % 3}")]
            for name in twin.state_dict()
            for number in [int(name.split(".")[2]) if name.startswith("encoder") else 0]
        }
    )
    x = torch.rand(2, 3, 9, 7)
    torch.testing.assert_close(net(x), twin(x))
