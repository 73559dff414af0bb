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

from Miniproject_2.model import Sequential
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


@pytest.mark.parametrize("floor", [1e-3, 1e6])
def test_images_with_little_noise_count_more(subject: Subject, floor: float) -> None:
    """The loss and its gradient follow from the error of each image over the noise in it.

    With a floor far above any noise, the loss is the mean squared error.
    """
    training, model = subject.part("training"), subject.rough()
    first, second, _ = noisy_images(8)
    second[:4] = first[:4]  # copies without noise, which count most
    noisy, target = first / 255, second / 255
    settings = training.Settings(noise_floor=floor)
    trainer = training.Trainer(model.network, first, second, 1, settings=settings)
    error = model.predict(first, ensemble=False) / 255 - target
    weights = 1 / ((noisy - target).square().mean((1, 2, 3)) + floor)
    share = (weights / weights.sum()).view(-1, 1, 1, 1) / error[0].numel()
    expected = (share * error.square()).sum()
    if subject.number == 1:
        found = trainer.loss(model.network, (noisy, target))
    else:
        found, roots = trainer._weighted_loss((noisy, target), bfloat16=False)
        torch.testing.assert_close(roots * trainer.loss.backward(), 2 * share * error)
    torch.testing.assert_close(found.detach(), expected)
    assert torch.allclose(expected, error.square().mean()) == (floor > 1)


@pytest.mark.parametrize(
    ("features", "expected"),
    [
        ("fma avx2 avx512f", False),
        ("avx512_bf16", True),
        ("amx_tile amx_bf16", True),
        (None, False),
    ],
)
def test_precision_follows_from_the_processor(
    features: str | None, expected: bool, tmp_path: Path
) -> None:
    """16 bits are used where Linux lists their instructions, so that one machine always does the
    same; never on a GPU, and not where nothing is listed. The processor's name may be any bytes."""
    listed = tmp_path / "cpuinfo"
    if features is not None:
        listed.write_bytes(b"model name : \xae\nflags : fpu %s sse\n" % features.encode())
    fast_precision = Subject(2).part("training").fast_precision
    assert fast_precision(torch.device("cpu"), listed) == expected
    assert not fast_precision(torch.device("cuda"), listed)


@pytest.mark.parametrize(
    ("capability", "supported", "expected"),
    [((7, 5), True, False), ((8, 0), True, True), ((8, 0), False, False)],
)
def test_precision_follows_from_the_gpu(
    capability: tuple[int, int], supported: bool, expected: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Miniproject 1 uses 16 bits on a GPU only if the GPU has instructions for them, and torch too.

    Newer torch calls them supported on older GPUs as well, where it emulates them: on a T4, for
    example, which has the capability 7.5.
    """
    monkeypatch.setattr(torch.cuda, "get_device_capability", lambda device: capability)
    monkeypatch.setattr(torch.cuda, "is_bf16_supported", lambda: supported)
    assert Subject(1).part("training").fast_precision(torch.device("cuda")) == expected


@pytest.mark.parametrize("short", [True, False, None])
def test_training_in_bfloat16(subject: Subject, short: bool | None) -> None:
    """With 16 bits, 32, or what is faster, a network learns, and its weights have 32."""
    training, model = subject.part("training"), subject.untrained()
    noisy_a, noisy_b, _ = noisy_images(300)
    before = loss(model, noisy_a, noisy_b)
    settings = training.Settings(bfloat16=short)
    training.Trainer(model.network, noisy_a, noisy_b, 2, settings=settings).run()
    assert loss(model, noisy_a, noisy_b) < before
    assert {value.dtype for value in weights_of(model).values()} == {torch.float32}


@pytest.mark.parametrize("short", [True, False])
def test_weights_are_compared_as_they_predict(subject: Subject, short: bool) -> None:
    """Old and new weights are compared in float32, whatever the precision of the steps."""
    training, model = subject.part("training"), subject.rough()
    noisy_a, noisy_b, _ = noisy_images(30)
    losses = []
    for bfloat16 in (short, False):
        settings = training.Settings(bfloat16=bfloat16)
        trainer = training.Trainer(model.network, noisy_a, noisy_b, 1, settings=settings)
        network = (model.network,) if subject.number == 1 else ()
        losses.append(trainer._held_out_loss(*network))
    assert losses[0] == losses[1]


def test_twins_have_the_same_settings() -> None:
    """What both trainings can set has one name in both; each has a few settings of its own."""
    names = [set(Subject(n).part("training").Settings.__annotations__) for n in (1, 2)]
    assert names[0] - names[1] == {"gaussian", "impulses"}
    assert names[1] - names[0] == {"optimizer", "bias_factor"}


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


def test_blocks_that_have_followed_another_type() -> None:
    """Whoever sent float64 images through Miniproject 2's network, or a block, trains as others."""
    first, second, _ = noisy_images(40, 8, 8)
    results = []
    for parts in (slice(0), slice(1), slice(None)):
        model = Subject(2).untrained()
        Sequential(*model.network.modules[parts]).forward(first.double() / 255)
        model.train(first, second, 1)
        results.append(model.predict(first))
    assert all(torch.equal(result, results[0]) for result in results)


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
    """Make the training of the miniproject stop after this number of images."""
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
    """A training that is stopped after this number of images."""
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
    assert same_bits(trained(subject, tmp_path / "state.pth", seed=0), whole)
    assert same_bits(trained(subject, tmp_path / "state.pth", seed=0), whole)  # nothing left to do


def test_interrupted(subject: Subject, monkeypatch: pytest.MonkeyPatch) -> None:
    """A training that an exception or Ctrl-C ends leaves the weights that it began with."""
    model, (first, second, _) = subject.untrained(), noisy_images(100, 8, 12)
    before = weights_of(model)
    stop_after(60, subject, monkeypatch)
    with pytest.raises(StoppedError):
        model.train(first, second, 1)
    assert same_bits(weights_of(model), before)


def test_resume_sabotaged(
    subject: Subject, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A ruinous training that was stopped and is continued ends with the weights before both."""
    monkeypatch.setattr(subject.part("training"), SCHEDULE, lambda *arguments: -1)
    stopped(subject, tmp_path / "state.pth", 120, monkeypatch)
    after = trained(subject, tmp_path / "state.pth", seed=0)
    assert same_bits(after, weights_of(subject.untrained(seed=0)))


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


@pytest.mark.parametrize("members", [{}, {"closed": False}])
def test_stderr_of_the_program(
    subject: Subject, members: dict[str, bool], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Training works where the program has put an object without `isatty` in the place of stderr.

    A log that copies what is printed into a file is such an object.
    """
    monkeypatch.setattr(sys, "stderr", SimpleNamespace(write=len, flush=lambda: None, **members))
    subject.untrained().train(*noisy_images(4)[:2], 1)


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
    bar = progress.Progress(1000)
    bar.update(100, torch.tensor(0.25))
    bar.update(100, 0.25)
    bar.close()
    drawn = terminal.getvalue().split("\r")
    assert drawn[1] == f"training [##{22 * '.'}]  10 %  loss 0.25000  10 images/s  1:30 left "
    assert drawn[-1] == f"training [####{20 * '.'}]  20 %  loss 0.25000  10 images/s  1:20 left \n"
