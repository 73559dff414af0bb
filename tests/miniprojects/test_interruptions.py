"""Ctrl-C and other threads: nothing is lost or waits for ever, and nobody sees half a change."""

from __future__ import annotations

import copy
import os
import pickle
import signal
import sys
import threading
import time
from _thread import start_new_thread
from collections.abc import Callable, Iterator
from contextlib import suppress
from itertools import count
from pathlib import Path
from types import FrameType, SimpleNamespace
from typing import Any

import pytest
import torch

from Miniproject_2.framework import state
from Miniproject_2.model import SGD, kernels
from others.networks.prescribed import prescribed, with_kernels
from tests.subjects import Subject, noisy_images, same_bits, weights_of


@pytest.fixture
def interruptible() -> Iterator[None]:
    """Ctrl-C raises KeyboardInterrupt, also where the tests run in the background of a shell."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


@pytest.mark.usefixtures("interruptible")
def test_interrupted_thread(subject: Subject) -> None:
    """Ctrl-C ends work in another thread at once, and is raised where the caller waits for it.

    Tried often, because it may come before the thread has a number, or just before a wait.
    """
    surroundings = subject.part("surroundings")
    for _ in range(50):
        ended = threading.Event()

        def endless(ended: threading.Event = ended) -> None:
            try:
                os.kill(os.getpid(), signal.SIGINT)
                while True:
                    pass
            finally:
                ended.set()

        with pytest.raises(KeyboardInterrupt):
            surroundings.in_new_thread(endless)
        assert ended.is_set()


@pytest.mark.usefixtures("interruptible")
def test_interrupted_at_the_end(subject: Subject) -> None:
    """Ctrl-C that comes when the work in another thread is just done is not lost, and harms no
    later thread, which may have the number of the one that has ended."""
    in_new_thread = subject.part("surroundings").in_new_thread

    def stopped() -> None:
        in_new_thread(lambda: os.kill(os.getpid(), signal.SIGINT))
        time.sleep(60)  # it may also come just behind

    for _ in range(50):
        with pytest.raises(KeyboardInterrupt):
            stopped()
        assert in_new_thread(lambda: sum(range(10_000))) == 49_995_000


class Stopper:
    """Raises KeyboardInterrupt before the step with this number that Python takes in a function.

    A step is an instruction of the byte code. A stop can come before each one in the thread that
    waits, and in the other one, which is in `run`, while its number is in the list `threads` of the
    call.
    """

    def __init__(self, name: str, step: int) -> None:
        self.name, self.left, self.possible = name, step, name != "run"

    def trace(self, frame: FrameType, event: str, argument: object) -> Any:
        """What Python calls before each step."""
        if frame.f_code.co_name != self.name:
            return None
        frame.f_trace_opcodes = True
        if self.possible and event == "opcode":
            self.left -= 1
            if self.left == 0:
                raise KeyboardInterrupt
        self.possible = self.name != "run" or bool(frame.f_locals["self"].threads)
        return self.trace

    def run(self, function: Callable[[], object]) -> object:
        """Call the function under this trace."""
        sys.settrace(self.trace)
        try:
            return function()
        finally:
            sys.settrace(None)


@pytest.mark.parametrize("name", ["in_new_thread", "run"])
def test_interrupted_at_any_step(
    subject: Subject, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Ctrl-C ends the wait for another thread whichever step it hits, on either side of it."""
    surroundings = subject.part("surroundings")
    endings: list[object] = []

    def wait(stopper: Stopper) -> None:
        """Let another thread do something, where the stopper may watch both."""
        start = surroundings.start_new_thread
        if name == "run":

            def start(call: Callable[[], None], _: object) -> int:
                return start_new_thread(lambda: stopper.run(call), ())

        with monkeypatch.context() as patch, suppress(KeyboardInterrupt):
            patch.setattr(surroundings, "start_new_thread", start)
            if name == "run":
                endings.append(surroundings.in_new_thread(lambda: "done"))
            else:
                endings.append(stopper.run(lambda: surroundings.in_new_thread(lambda: "done")))

    for step in count(1):
        stopper = Stopper(name, step)
        waiting = threading.Thread(target=wait, args=(stopper,), daemon=True)
        waiting.start()
        waiting.join(60)
        assert not waiting.is_alive(), f"it waits for ever after a stop at step {step}"
        if stopper.left > 0:  # the functions have no such step
            break
    assert step > 10
    assert set(endings) == {"done"}


@pytest.mark.usefixtures("narrow")
@pytest.mark.parametrize("name", ["load_pretrained_model", "change", "become"])
def test_loading_is_interrupted_at_any_step(subject: Subject, name: str, tmp_path: Path) -> None:
    """Ctrl-C leaves the old weights or the new ones, whole, and the model knows which it has.

    The new ones are wider in Miniproject 1, and have larger kernels in Miniproject 2.
    """
    path, old, new = tmp_path / "weights.pth", subject.rough(1), subject.rough(2)
    if subject.number == 1:
        new = subject.shipped()
        new.save_model(path)
    else:
        state.save(path, with_kernels(weights_of(new), 8, 6))
        new.load_pretrained_model(path)
    image, seen = noisy_images(1, 8, 8)[0], set()
    answers = {False: old.predict(image), True: new.predict(image)}
    for step in count(1, 1 if name == "change" else 5):
        model, stopper = copy.deepcopy(old), Stopper(name, step)
        with suppress(KeyboardInterrupt):
            stopper.run(lambda model=model: model.load_pretrained_model(path))
        assert torch.equal(model.predict(image), answers[model.pretrained])
        seen.add(model.pretrained)
        if stopper.left > 0:  # the function has no such step
            break
    assert seen == ({False, True} if name == "load_pretrained_model" else {True})


@pytest.mark.usefixtures("narrow")
def test_interrupted_twice(subject: Subject, monkeypatch: pytest.MonkeyPatch) -> None:
    """Ctrl-C leaves the old weights, whatever the trainer has done to its network until then."""
    model, pairs = subject.rough(), noisy_images(40, 8, 8)[:2]
    before = weights_of(model)

    def ruined(trainer: Any) -> None:
        for name, value in trainer.network.state_dict().items():
            trainer.network.load_state_dict({**trainer.network.state_dict(), name: value + 1})
        raise KeyboardInterrupt

    monkeypatch.setattr(subject.part("training").Trainer, "run", ruined)
    with pytest.raises(KeyboardInterrupt):
        model.train(*pairs, 1)
    assert same_bits(weights_of(model), before)


@pytest.mark.usefixtures("narrow")
def test_the_network_stays_the_same_object(subject: Subject, tmp_path: Path) -> None:
    """Whoever holds a model's parameters still has its own after loading and training."""
    model, pairs = subject.rough(), noisy_images(40, 8, 8)[:2]
    held = list(model.network.parameters() if subject.number == 1 else model.network.param())
    model.save_model(tmp_path / "weights.pth")
    model.load_pretrained_model(tmp_path / "weights.pth")
    model.train(*pairs, 1)
    now = list(model.network.parameters() if subject.number == 1 else model.network.param())
    if subject.number == 2:
        held, now = ([one for pair in pairs for one in pair] for pairs in (held, now))
    assert all(one is other for one, other in zip(held, now))
    assert all(torch.equal(one, other) for one, other in zip(held, now))


@pytest.mark.usefixtures("narrow")
@pytest.mark.parametrize("sides", [(2, 4), (8, 4), (4, 6), (8, 2)])
def test_layers_stay_the_same_with_other_kernels(sides: tuple[int, int], tmp_path: Path) -> None:
    """Who holds pairs and layers of Miniproject 2 has the model's own after loading other kernels.

    Its gradients have the new sizes too, so that a training of one's own goes on.
    """
    model, path = Subject(2).rough(1), tmp_path / "weights.pth"
    network, layers, pairs = model.network, model.network.modules, model.network.param()
    other = prescribed((8, 12), kernel=sides[1], outer=sides[0])
    state.save(path, weights_of(SimpleNamespace(network=other)))
    gradient = network(torch.rand(2, 3, 8, 8))
    model.load_pretrained_model(path)
    for block in (network, *layers):
        with pytest.raises(RuntimeError, match="before forward"):
            block.backward(gradient)
    assert model.network is network
    assert all(one is other for one, other in zip(layers, network.modules))
    now = network.param()
    assert all(one is other for both in zip(pairs, now) for one, other in zip(*both))
    assert all(value.shape == gradient.shape for value, gradient in pairs)
    before = weights_of(model)
    network.backward(network(torch.rand(2, 3, 8, 8)))
    SGD(pairs, lr=0.1).step()
    assert not any(torch.equal(before[name], value) for name, value in weights_of(model).items())
    model.train(*noisy_images(2, 8, 8)[:2], 1)
    assert kernels(weights_of(model)) == sides


def by_pickle(model: Any) -> Any:
    """A copy by way of a pickle."""
    return pickle.loads(pickle.dumps(model))


@pytest.mark.usefixtures("narrow")
@pytest.mark.parametrize("duplicate", [copy.deepcopy, copy.copy, by_pickle])
def test_copies_wait_for_their_turn(subject: Subject, duplicate: Callable[[Any], Any]) -> None:
    """A copy is made when no other thread is at work on the model, which may change its weights.

    Whatever refers in the model to itself or to its network refers in the copy to the copy's.
    """
    model, copies = subject.rough(), []
    model.itself, model.same = model, model.network
    copying = threading.Thread(target=lambda: copies.append(duplicate(model)))
    with model.locks.setdefault(os.getpid(), threading.RLock()):
        copying.start()
        copying.join(0.2)
        assert copying.is_alive()
    copying.join(60)
    (copied,) = copies
    assert same_bits(weights_of(copied), weights_of(model))
    assert copied.same is copied.network
    assert copied.itself is (model if duplicate is copy.copy else copied)


@pytest.mark.usefixtures("narrow")
def test_old_weights_until_the_end(subject: Subject, monkeypatch: pytest.MonkeyPatch) -> None:
    """While a training goes on, whoever looks at the model, as a fork does, sees old weights."""
    model, trainer = subject.rough(), subject.part("training").Trainer
    before, epoch, seen = weights_of(model), trainer._epoch, []

    def watched(*arguments: Any) -> None:
        epoch(*arguments)
        seen.append(same_bits(weights_of(model), before))

    monkeypatch.setattr(trainer, "_epoch", watched)
    model.train(*noisy_images(40, 8, 8)[:2], 2)
    assert seen == [True, True]
    assert not same_bits(weights_of(model), before)


def test_no_thread_in_a_thread(subject: Subject, monkeypatch: pytest.MonkeyPatch) -> None:
    """In a fork, work gets one new thread, and what it calls does not get another one in turn."""
    surroundings = subject.part("surroundings")
    monkeypatch.setattr(surroundings, "HOME", -1)  # as if this process were a fork of that one

    def numbers() -> tuple[int, int]:
        return threading.get_ident(), surroundings.plainly(threading.get_ident, "cpu")

    outer, inner = surroundings.plainly(numbers, "cpu")
    assert outer == inner != threading.get_ident()
