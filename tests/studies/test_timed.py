"""Trainings that end by the clock: new pairs all along, and a rate that falls with the time."""

import math
from collections.abc import Callable
from pathlib import Path

import pytest
import torch

import Miniproject_2.model as miniproject_2
from Miniproject_1.noise2noise.network import ResidualUNet
from Miniproject_1.noise2noise.training import Settings
from Miniproject_2.framework import state
from others.data.course import VALIDATION
from others.data.photographs import Photographs
from others.data.seeds import seeded
from others.records.json_files import locked, read_json, save_json
from others.studies.submission import timed
from others.studies.submission.models import pretrained
from tests.helpers.images import pixels, write_images

CPU = torch.device("cpu")


def photographs() -> Photographs:
    """Three of one size."""
    return Photographs(list(pixels(3, 40, 44)), CPU)


def test_pairs_are_drawn_anew() -> None:
    """The first pairs change in place, and those that are held out stay."""
    pairs = timed.NewPairs(photographs(), 6, 0.5, seed=0)
    before = [copy.clone() for copy in pairs.both]
    pairs.renew(4)
    for old, new in zip(before, pairs.both):
        assert not torch.equal(old[:4], new[:4])
        assert torch.equal(old[4:], new[4:])


def test_every_copy_is_the_input_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """With three targets, four copies take turns, and the target is the mean of the others."""
    pairs = timed.NewPairs(photographs(), 5, 0.0, seed=0, targets=3)
    drawn, draw = [], pairs.photographs.copies
    monkeypatch.setattr(
        pairs.photographs, "copies", lambda *a, **k: drawn.append(draw(*a, **k)) or drawn[-1]
    )
    held_out = [copy[4:].clone() for copy in pairs.both]
    noisy, target = pairs.both
    seen = []
    for _ in range(4):
        pairs.renew(4)
        seen.append(noisy[:4].clone())
        whole = sum(copy.int() for copy in drawn[0])
        assert len(drawn) == 1
        assert len(drawn[0]) == 4
        assert float((target[:4] - (whole - noisy[:4].int()) / 3).abs().max()) <= 0.5
    assert all(torch.equal(one, copy) for one, copy in zip(seen, drawn[0]))
    pairs.renew(4)
    assert not torch.equal(noisy[:4], seen[0])
    assert all(torch.equal(copy[4:], old) for copy, old in zip(pairs.both, held_out))


@pytest.mark.parametrize("count", [1, 2, 3, 8])
def test_a_mean_is_rounded(count: int) -> None:
    """It is the nearest whole number, and the larger one of two that are as near."""
    images = [torch.randint(0, 256, (50,), generator=seeded(n)).byte() for n in range(count)]
    exact = torch.stack(images).double().mean(0)
    assert torch.equal(timed.mean(images).double(), (exact + 0.5).floor())


@pytest.mark.parametrize("share", [0.01, 0.3, 0.5, 1.0])
def test_the_rate_follows_the_clock(share: float, monkeypatch: pytest.MonkeyPatch) -> None:
    """After a share of the time the rate is where the schedule is after this share of the steps.

    Muon's rate is the one that is set, and Adam's is a fixed share of it.
    """
    pairs = timed.NewPairs(photographs(), 4, 0.0, seed=0)
    network = ResidualUNet((4, 8), (1, 1), (1,))
    settings = Settings(batch_size=4, learning_rate=0.1)
    trainer = timed.TimedTrainer1(network, *pairs.both, num_epochs=1, settings=settings)
    trainer.start(pairs, 100.0, Path("unused"))
    monkeypatch.setattr(trainer, "passed", lambda: share)
    noisy = torch.rand(4, 3, 32, 32, generator=seeded(0))
    trainer.step(0, (noisy, noisy))
    rising, falling = share / 0.05, 0.5 + 0.5 * math.cos(math.pi * (share - 0.05) / 0.95)
    of_muon, of_adam = (group["lr"] for group in trainer.optimizer.param_groups)
    assert of_muon == pytest.approx(0.1 * (rising if share < 0.05 else falling), abs=1e-5)
    assert of_adam == pytest.approx(trainer.optimizer.defaults["adam_share"] * of_muon)
    assert trainer.images == 4


@pytest.mark.parametrize("number", [1, 2])
def test_the_average_of_a_stopped_training_is_loaded(number: int, tmp_path: Path) -> None:
    """The miniproject that is trained loads the file, and has the average of its weights then."""
    pairs = timed.NewPairs(photographs(), 4, 0.0, seed=0)
    make = {1: timed.TimedTrainer1, 2: timed.TimedTrainer2}[number]
    model, other = (pretrained(f"Miniproject {number}") for _ in range(2))
    trainer = make(model.network, *pairs.both, 1)
    trainer.start(pairs, 100.0, tmp_path / "average.pth")
    trainer.step(0, (torch.rand(4, 3, 32, 32), torch.rand(4, 3, 32, 32)))
    trainer.keep_average()
    other.load_pretrained_model(tmp_path / "average.pth")
    kept = trainer.average if number == 2 else trainer.average.state_dict()
    for name, value in other.network.state_dict().items():
        assert torch.equal(value, kept[name])


def test_two_processes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A second training of the same miniproject, timed or not, is refused before it begins."""
    monkeypatch.chdir(tmp_path)
    options = ["1", "--minutes", "1", "--photographs", "."]
    with locked(Path("out") / "miniproject_1.state"), pytest.raises(SystemExit) as ended:
        timed.main(options)
    assert "another process" in str(ended.value)


@pytest.mark.parametrize(
    "wrong", [["--minutes", "0"], ["--minutes", "nan"], ["--weak", "3"], ["--rate", "-1"]]
)
def test_numbers_that_cannot_be(wrong: list[str], usage_error: Callable[..., str]) -> None:
    """They are refused before a million pairs are drawn."""
    options = ["1", "--minutes", "1", "--photographs", ".", *wrong]
    assert f"{wrong[0]}: '{wrong[1]}' is no number from" in usage_error(timed.main, *options)


@pytest.mark.parametrize(("number", "targets"), [(1, 1), (1, 2), (2, 1), (2, 2)])
def test_the_command(
    number: int, targets: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The training ends with its time, and the record chains those of earlier trainings."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(timed, "LOGS", tmp_path)
    monkeypatch.setattr(timed, "refuse_without_gain", lambda *_: None)
    write_images(tmp_path / "photographs", [(40, 44), (36, 32)])
    torch.save((pixels(2, 32, 32), pixels(2, 32, 32)), tmp_path / VALIDATION)
    save_json(tmp_path / f"miniproject_{number}.json", {"pairs": 7})
    folders = ["--photographs", "photographs", "photographs"]
    sizes = ["--minutes", "0.005", "--pairs", "4", "--batch-size", "2", "--targets", str(targets)]
    assert timed.main([str(number), *folders, *sizes, "--data", "."]) in (None, 0)
    log = read_json(tmp_path / "out" / f"miniproject_{number}.json")
    assert not list((tmp_path / "out").glob("*average*"))  # which is for a training that is stopped
    assert log["pairs"] > 0
    assert (log["targets"], log["settings"]["exchange"]) == (targets, targets == 1)
    assert (log["photographs"], log["photographs_with_repetitions"]) == (2, 4)
    assert log["started_from"] == {"pairs": 7}
    assert (tmp_path / "out" / f"miniproject_{number}.pth").is_file()
    if number == 2:
        shipped = pretrained("Miniproject 2").network.state_dict()
        sides = log["outer_kernel"], log["inner_kernel"]
        assert sides == miniproject_2.kernels(shipped)
        own = state.load(tmp_path / "out/miniproject_2.pth").values()
        assert all(torch.equal(weight, weight.half().float()) for weight in own)


@pytest.mark.parametrize(("outer", "inner"), [(10, None), (None, 8), (12, 10)])
def test_larger_kernels(outer: int | None, inner: int | None) -> None:
    """The model answers as before, with kernels of the sides that were asked for."""
    model, noisy = pretrained("Miniproject 2"), pixels(2, 32, 32)
    answer, before = model.predict(noisy), miniproject_2.kernels(model.network.state_dict())
    timed.enlarge(model, outer, inner)
    now = miniproject_2.kernels(model.network.state_dict())
    assert now == (outer or before[0], inner or before[1])
    torch.testing.assert_close(model.predict(noisy), answer, rtol=0, atol=1e-3)


@pytest.mark.parametrize(
    ("number", "side", "message"),
    [
        ("1", "10", "of Miniproject 2"),
        ("2", "11", "an even side"),
        ("2", "2", "larger than the"),
        ("2", "40", "expected smaller ones"),
    ],
)
@pytest.mark.parametrize("place", ["outer", "inner"])
def test_kernels_that_are_refused(
    place: str,
    number: str,
    side: str,
    message: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    usage_error: Callable[..., str],
) -> None:
    """Odd ones, smaller ones and those of the other miniproject, before anything is written."""
    monkeypatch.chdir(tmp_path)
    write_images(tmp_path / "photographs", [(40, 44)])
    torch.save((pixels(2, 32, 32), pixels(2, 32, 32)), tmp_path / VALIDATION)
    options = [number, "--minutes", "1", "--photographs", "photographs", "--data", "."]
    assert message in usage_error(timed.main, *options, f"--{place}-kernel", side)
