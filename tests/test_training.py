"""What both models promise of training: never worse, repeatable, resumable, quiet."""

from __future__ import annotations

import io
import math
import random
import re
import sys
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import torch
from torch import Tensor

from Miniproject_2.framework import training
from tests.subjects import Subject, Weights, loss, noisy_images, same_bits, weights_of

pytestmark = pytest.mark.usefixtures("narrow")
SCHEDULE = "learning_rate_factor"


# Never worse


@pytest.mark.parametrize("factor", [-1, 1e4, math.inf, math.nan])
def test_sabotaged_rate(subject: Subject, factor: float, monkeypatch: pytest.MonkeyPatch) -> None:
    """A learning rate that ruins the weights leaves them as they were, bit for bit."""
    model, (first, second, _) = subject.untrained(), noisy_images(60)
    before = weights_of(model)
    monkeypatch.setattr(subject.part("training"), SCHEDULE, lambda *arguments: factor)
    model.train(first, second, 2)
    assert same_bits(weights_of(model), before)


def test_one_epoch(subject: Subject) -> None:
    """One epoch from scratch lowers the loss on pairs that it has not seen."""
    model, (first, second, _) = subject.untrained(), noisy_images(300)
    unseen = noisy_images(50, seed=1)[:2]
    before = loss(model, *unseen)
    model.train(first, second, num_epochs=1)
    assert loss(model, *unseen) < before


def test_trial_of_bfloat16(monkeypatch: pytest.MonkeyPatch) -> None:
    """16 bits are used where the fastest product takes less than half of the time of 32."""
    for exact, short, expected in ((3.0, 1.0, True), (3.0, 2.0, False), (3.0, 9.0, False)):
        times = {torch.float32: exact, torch.bfloat16: short}
        monkeypatch.setattr(training, "fastest_product", lambda m, n, t=times: t[m.dtype])
        assert faster_in_bfloat16(torch.zeros(1)) == expected


@pytest.mark.parametrize("short", [True, False, None])
def test_training_in_bfloat16(short: bool | None) -> None:
    """With 16 bits, 32, or what is faster, Miniproject 2 learns, and its weights have 32."""
    model, (first, second, _) = Subject(2).untrained(), noisy_images(300)
    before = loss(model, first, second)
    settings = training.Settings(bfloat16=short)
    training.Trainer(model.network, first, second, 2, settings=settings).run()
    assert loss(model, first, second) < before
    assert {value.dtype for value in weights_of(model).values()} == {torch.float32}


# Whatever comes


@pytest.mark.parametrize("count", [1, 3, 33])
@pytest.mark.parametrize(("height", "width"), [(16, 16), (8, 12), (5, 3), (1, 1)])
def test_few_pairs(subject: Subject, count: int, height: int, width: int) -> None:
    """One epoch of one pair, of three, of a ragged batch; square or not, of odd sizes."""
    model, (first, second, _) = subject.untrained(), noisy_images(count, height, width)
    model.train(first, second, num_epochs=1)
    assert all(value.isfinite().all() for value in weights_of(model).values())
    assert model.predict(first).shape == first.shape


def surroundings() -> list[Any]:
    """What a training must leave alone."""
    return [
        torch.is_grad_enabled(),
        torch.get_default_dtype(),
        torch.get_num_threads(),
        torch.get_rng_state().tolist(),
        random.getstate(),
    ]


@pytest.mark.parametrize("enabled", [False, True])
@pytest.mark.parametrize("dtype", [torch.uint8, torch.float32])
def test_surroundings(subject: Subject, enabled: bool, dtype: torch.dtype) -> None:
    """Training works with autograd on and off, and leaves it, its input and global state alone."""
    model, (first, second, _) = subject.untrained(), noisy_images(40)
    first, second = first.to(dtype), second.to(dtype)
    given, targets, before = first.clone(), second.clone(), weights_of(model)
    with torch.set_grad_enabled(enabled):
        around = surroundings()
        model.train(given, targets, 1)
        assert surroundings() == around
    assert torch.equal(given, first)
    assert torch.equal(targets, second)
    assert not same_bits(weights_of(model), before)


def test_types_agree(subject: Subject) -> None:
    """The same pairs as uint8, as float64 and requiring gradients are trained on alike."""
    first, second, _ = noisy_images(40)
    kinds: list[Callable[[Tensor], Tensor]] = [
        Tensor.byte,
        Tensor.double,
        lambda images: images.float().requires_grad_(),
    ]
    results = []
    for kind in kinds:
        model = subject.untrained()
        model.train(kind(first), kind(second), 1)
        results.append(weights_of(model))
    assert all(same_bits(result, results[0]) for result in results)
    assert not same_bits(results[0], weights_of(subject.untrained()))


def test_same_seed(subject: Subject) -> None:
    """The seed at construction decides every bit; random numbers drawn later do not matter."""
    first, second, _ = noisy_images(60, 8, 12)
    results = []
    for later in (1, 2):
        model = subject.untrained(seed=3)
        torch.manual_seed(later)
        random.seed(later)
        model.train(first, second, 2)
        results.append(weights_of(model))
    assert same_bits(*results)
    assert not same_bits(results[0], weights_of(subject.untrained(seed=3)))


# Stopping and resuming


class StoppedError(Exception):
    """Raised in place of a kill."""


def stop_after(images: int, subject: Subject, monkeypatch: pytest.MonkeyPatch) -> None:
    """Make the training of the miniproject stop after so many images."""
    progress = subject.part("training").Progress

    class Stopping(progress):
        def update(self, *arguments: Any) -> None:
            super().update(*arguments)
            if self.done >= images:
                raise StoppedError

    monkeypatch.setattr(subject.part("training"), "Progress", Stopping)


def trained(subject: Subject, path: Path | None, seed: int) -> Weights:
    """The weights after three epochs on 100 pairs."""
    model, (first, second, _) = subject.untrained(seed), noisy_images(100, 8, 12)
    model.train(first, second, 3, checkpoint=path)
    return weights_of(model)


def stopped(subject: Subject, path: Path, images: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """The same training, stopped after so many images."""
    with monkeypatch.context() as patch:
        stop_after(images, subject, patch)
        with pytest.raises(StoppedError):
            trained(subject, path, seed=0)


@pytest.mark.parametrize("images", [120, 250])  # in the second epoch and in the third
def test_resume(
    subject: Subject, images: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A training that was stopped and is continued, by a new model, ends as if it had not been."""
    whole = trained(subject, None, seed=0)
    assert not same_bits(whole, weights_of(subject.untrained(seed=0)))
    stopped(subject, tmp_path / "state.pth", images, monkeypatch)
    assert [path.name for path in tmp_path.iterdir()] == ["state.pth"]
    assert same_bits(trained(subject, tmp_path / "state.pth", seed=5), whole)
    assert same_bits(trained(subject, tmp_path / "state.pth", seed=6), whole)  # nothing left to do


def test_interrupted(subject: Subject, monkeypatch: pytest.MonkeyPatch) -> None:
    """A training that an exception or Ctrl-C ends leaves the weights that it began with."""
    model, (first, second, _) = subject.untrained(), noisy_images(100, 8, 12)
    before = weights_of(model)
    stop_after(60, subject, monkeypatch)
    with pytest.raises(StoppedError):
        model.train(first, second, 1)
    assert same_bits(weights_of(model), before)


def test_state_without_a_folder(subject: Subject, tmp_path: Path) -> None:
    """A state that could not be saved is refused before the training, not after an epoch."""
    model, (first, second, _) = subject.untrained(), noisy_images(4, 8, 12)
    with pytest.raises(FileNotFoundError, match="existing folder"):
        model.train(first, second, 1, checkpoint=tmp_path / "nowhere" / "state.pth")


def test_resume_sabotaged(
    subject: Subject, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A ruinous training that was stopped and is continued ends with the weights before both."""
    monkeypatch.setattr(subject.part("training"), SCHEDULE, lambda *arguments: -1)
    stopped(subject, tmp_path / "state.pth", 120, monkeypatch)
    after = trained(subject, tmp_path / "state.pth", seed=5)
    assert same_bits(after, weights_of(subject.untrained(seed=0)))


@pytest.mark.parametrize("change", ["epochs", "count", "size", "rate", "weights", "truncated"])
def test_foreign_state(subject: Subject, change: str, tmp_path: Path) -> None:
    """The state of another training is refused, and neither the model nor the file changes."""
    path, (first, second, _) = tmp_path / "state.pth", noisy_images(4, 8, 12)
    subject.untrained().train(first, second, 1, checkpoint=path)
    model = subject.rough()
    model.pretrained = change == "rate"
    if change == "weights":
        model.save_model(path)
    if change == "truncated":
        path.write_bytes(path.read_bytes()[:-100])
    before, content = weights_of(model), path.read_bytes()
    if change == "count":
        first, second = first[:3], second[:3]
    if change == "size":
        first, second = first[..., :8], second[..., :8]
    with pytest.raises(ValueError, match=r"state\.pth"):
        model.train(first, second, 2 if change == "epochs" else 1, checkpoint=path)
    assert same_bits(weights_of(model), before)
    assert path.read_bytes() == content


# Progress


class Terminal(io.StringIO):
    """A stream that says it is a terminal."""

    def isatty(self) -> bool:
        return True


def test_silent(subject: Subject, capfd: pytest.CaptureFixture) -> None:
    """Where stderr is no terminal, training prints nothing."""
    first, second, _ = noisy_images(40)
    subject.untrained().train(first, second, 2)
    assert capfd.readouterr() == ("", "")


def test_progress_of_training(subject: Subject, monkeypatch: pytest.MonkeyPatch) -> None:
    """On a terminal, training draws a bar on stderr, and ends its line."""
    terminal, (first, second, _) = Terminal(), noisy_images(40)
    monkeypatch.setattr(sys, "stderr", terminal)
    subject.untrained().train(first, second, 2)
    assert re.search(r"loss \d.* images/s .* left", terminal.getvalue())
    assert terminal.getvalue().endswith("\n")


def test_progress(subject: Subject, monkeypatch: pytest.MonkeyPatch) -> None:
    """The bar shows the share done, the loss, images per second and the time left."""
    progress, terminal = subject.part("progress"), Terminal()
    clock = iter([100.0, 110.0, 110.0, 120.0, 120.0, 120.0])
    monkeypatch.setattr(sys, "stderr", terminal)
    monkeypatch.setattr(progress, "time", SimpleNamespace(monotonic=lambda: next(clock)))
    bar = progress.Progress(1000, "training")
    bar.update(100, torch.tensor(0.25))
    bar.update(100, 0.25)
    bar.close()
    drawn = terminal.getvalue().split("\r")
    assert drawn[1] == f"training [##{22 * '.'}]  10 %  loss 0.25000  10 images/s  1:30 left "
    assert drawn[-1] == f"training [####{20 * '.'}]  20 %  loss 0.25000  10 images/s  1:20 left \n"
