"""What is measured on mini-batches, and what is shown of it."""

from __future__ import annotations

import json
import math
from pathlib import Path

import pytest
import torch
from PIL import Image
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
from torch import Generator, Tensor

from others.engine.hooks import Picture, TensorBoard, every, report
from others.engine.metrics import psnr_per_image
from others.engine.stats_manager import DenoisingStatsManager, StatsManager
from tests.helpers.experiments import Make


def batches(low: float = 0.0, high: float = 1.0) -> list[tuple[Tensor, Tensor]]:
    """Three mini-batches of outputs, some outside the range, and desired outputs."""
    generator = Generator().manual_seed(0)
    result = []
    for count in (4, 4, 2):
        d = torch.rand(count, 3, 12, 12, generator=generator)
        y = d + 0.1 * torch.randn(d.shape, generator=generator)
        result.append((low + (high - low) * y, low + (high - low) * d))
    return result


def measured(manager: StatsManager, pairs: list[tuple[Tensor, Tensor]]) -> dict[str, float]:
    """The summary of these mini-batches, with the mean squared error as the loss."""
    manager.init()
    for y, d in pairs:
        manager.accumulate((y - d).square().mean(), None, y, d)
    return manager.summarize()


def test_the_assignments_psnr() -> None:
    """PSNR is the mean over mini-batches of 10 log10(4n / ‖y − d‖²) for images in [−1, 1], the loss
    a mean over mini-batches too; both are the same figures as for the images in [0, 1]."""
    pairs = batches(-1, 1)
    figures = measured(DenoisingStatsManager(), pairs)
    expected = [10 * math.log10(4 * y.numel() / float((y - d).square().sum())) for y, d in pairs]
    assert figures["PSNR"] == pytest.approx(sum(expected) / 3, abs=1e-4)
    assert figures["loss"] == pytest.approx(
        sum(float((y - d).square().mean()) for y, d in pairs) / 3, rel=1e-5
    )
    unit = measured(DenoisingStatsManager(0, 1), batches())
    assert unit["PSNR"] == pytest.approx(figures["PSNR"], abs=1e-4)
    assert unit["psnr_per_image_db"] == pytest.approx(figures["psnr_per_image_db"], abs=1e-4)


def test_psnr_per_image() -> None:
    """The PSNR per image is `engine.metrics`' of all clipped images; a training leaves it out."""
    manager = DenoisingStatsManager(0, 1)
    pairs = batches()
    outputs, desired = (torch.cat(images) for images in zip(*pairs))
    expected = psnr_per_image(outputs.clamp(0, 1), desired)
    assert measured(manager, pairs)["psnr_per_image_db"] == pytest.approx(expected, abs=1e-4)
    assert manager.score(manager.summarize()) == manager.summarize()["psnr_per_image_db"]
    manager.training = True
    assert measured(manager, pairs).keys() == {"loss", "PSNR"}


def test_ssim() -> None:
    """SSIM is 1 for equal images and less for noisy ones."""
    manager = DenoisingStatsManager(0, 1, ssim=True)
    assert repr(manager) == "DenoisingStatsManager(0, 1, ssim)"
    assert 0.5 < measured(manager, batches())["SSIM"] < 0.99
    almost = [(d + 1e-4 * (0.5 - d), d) for _, d in batches()]
    assert measured(manager, almost)["SSIM"] == pytest.approx(1, abs=1e-4)


def test_bad_statistics() -> None:
    """An empty range, no mini-batch, no output: errors that say so."""
    with pytest.raises(ValueError, match=r"the range is \[1, 1\]; expected low < high"):
        DenoisingStatsManager(1, 1)
    with pytest.raises(ValueError, match="nothing to summarize"):
        StatsManager().summarize()
    with pytest.raises(ValueError, match="needs the output y"):
        DenoisingStatsManager().accumulate(0.5)


def test_parts_add_up() -> None:
    """The rows of two parts of a mini-batch, one of them empty, add up to the row of the whole."""
    (y, d), *_ = batches()
    loss = (y - d).square().mean((1, 2, 3))
    for cut in (1, 4):
        rows = []
        for part in (slice(cut), slice(cut, None)):
            manager = DenoisingStatsManager(0, 1)
            mean = loss[part].mean() if len(loss[part]) else torch.tensor(7.0)
            manager.accumulate(mean, None, y[part], d[part])
            rows.append(manager.rows[0])
        manager.init()
        manager.accumulate(loss.mean(), None, y, d)
        torch.testing.assert_close(rows[0] + rows[1], manager.rows[0])


def test_report_and_pictures(
    make: Make, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """After each epoch a line on stdout and two pictures; nothing on stderr, no terminal here."""
    make().run(2, plot=every([report, Picture(tmp_path)]))
    captured = capsys.readouterr()
    lines = captured.out.splitlines()
    assert captured.err == ""
    assert lines[0] == "start from epoch 1"
    assert lines[2].startswith("epoch 2: train: loss ")
    assert "; validation: loss " in lines[2]
    assert lines[2].endswith(" images/s; 0.0 min")
    for name, size in (("samples.png", (408, 554)), ("curve.png", (640, 320))):
        with Image.open(tmp_path / name) as image:
            assert image.size == size
            assert len(image.convert("RGB").getcolors(2**24) or []) > 2


def test_an_experiment_prints_its_settings(make: Make) -> None:
    """A line for each setting, those of its parts too; config.json has the same ones."""
    experiment = make()
    lines = repr(experiment).splitlines()
    assert "batch_size: 4" in lines
    assert any(line.startswith("optimizer") and line.endswith("0.01") for line in lines)
    saved = json.loads((make.folder / "experiment" / "config.json").read_text())
    assert saved == json.loads(json.dumps(experiment.setting()))


def test_bar(make: Make, capsys: pytest.CaptureFixture[str]) -> None:
    """Where a bar is asked for, it shows loss, PSNR, images a second and the time left."""
    make(progress=True).run(1)
    drawn = capsys.readouterr().err
    for part in ("epoch 1", "loss=", "PSNR=", "images/s", "<"):
        assert part in drawn


def test_tensorboard(make: Make, tmp_path: Path) -> None:
    """Losses, PSNR, rate and speed are logged once for each epoch, also by a resumed training.

    So are images, what becomes of pure noise, and a histogram of each parameter.
    """
    for epochs in (1, 3):
        make().run(epochs, plot=TensorBoard(tmp_path / "log"))
    events = EventAccumulator(str(tmp_path / "log"))
    events.Reload()
    names = {f"{name}/{part}" for name in ("loss", "PSNR") for part in ("train", "validation")}
    assert {*names, "learning_rate", "images_per_second"} < set(events.Tags()["scalars"])
    assert [event.step for event in events.Scalars("PSNR/validation")] == [1, 2, 3]
    shown = {tag.split("/")[0] for tag in events.Tags()["images"]}  # NAME/NUMBER, or NAME for one
    assert shown == {"noisy", "denoised", "clean", "iterated on pure noise"}
    parameters = {name for name, _ in make().net.named_parameters()}
    assert set(events.Tags()["histograms"]) == parameters
