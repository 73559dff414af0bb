"""A training's state in a file: whose it is, what is refused, what a stop at any moment leaves."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from pathlib import Path
from random import Random
from types import FrameType
from typing import Any

import pytest
import torch

from tests.helpers import fork_server
from tests.subjects import Subject, Weights, noisy_images, same_bits, weights_of

pytestmark = pytest.mark.usefixtures("narrow")


def saved(subject: Subject, path: Path) -> bytes:
    """The content of the state of a training of one epoch on four pairs."""
    subject.rough().train(*noisy_images(4, 8, 12)[:2], 1, checkpoint=path)
    return path.read_bytes()


def assert_refused(model: Any, arguments: tuple[Any, ...], path: Path, message: str) -> None:
    """The training is refused with the file's name; neither the model nor the file changes."""
    before, content = weights_of(model), path.read_bytes()
    with pytest.raises(ValueError, match=rf"state\.pth.*{message}"):
        model.train(*arguments, checkpoint=path)
    assert same_bits(weights_of(model), before)
    assert path.read_bytes() == content


# Whose a state is


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ("epochs", "num_epochs was 1, now 2"),
        ("count", r"pairs was \[4, 3, 8, 12\], now \[3, 3, 8, 12\]"),
        ("size", r"pairs was \[4, 3, 8, 12\], now \[4, 3, 8, 8\]"),
        ("one pixel", "checksum of the pairs was '[0-9a-f]{8}', now '[0-9a-f]{8}'"),
        ("copies exchanged", "checksum of the pairs was"),
        ("rate", "peak was"),
        ("start", "checksum of the weights was '[0-9a-f]{8}', now '[0-9a-f]{8}'"),
        ("weights", "belongs to another training"),
    ],
)
def test_foreign_state(subject: Subject, change: str, message: str, tmp_path: Path) -> None:
    """A state of other pairs, another start or another length is refused with the difference."""
    path, (noisy_a, noisy_b, _), epochs = tmp_path / "state.pth", noisy_images(4, 8, 12), 1
    saved(subject, path)
    model = subject.rough(seed=1 if change == "start" else 0)
    if change == "epochs":
        epochs = 2
    if change == "count":
        noisy_a, noisy_b = noisy_a[:3], noisy_b[:3]
    if change == "size":
        noisy_a, noisy_b = noisy_a[..., :8], noisy_b[..., :8]
    if change == "one pixel":
        noisy_a[3, 2, 7, 11] += 1
    if change == "copies exchanged":
        noisy_a, noisy_b = noisy_b, noisy_a
    model.pretrained = change == "rate"
    if change == "weights":
        model.save_model(path)
    assert_refused(model, (noisy_a, noisy_b, epochs), path, message)


def test_seeds_are_told_apart(subject: Subject, tmp_path: Path) -> None:
    """The state of another seed, or of any other setting, is refused with both values."""
    path, training, model = tmp_path / "state.pth", subject.part("training"), subject.rough()
    saved(subject, path)
    settings = training.Settings(seed=1, held_out=7)
    pairs = noisy_images(4, 8, 12)[:2]
    with pytest.raises(ValueError, match=r"held_out was '?1000'?, now '?7'?; seed was '?0'?, now"):
        training.Trainer(model.network, *pairs, 1, checkpoint=path, settings=settings)


# Damaged states


@pytest.mark.filterwarnings("ignore:Detected pickle protocol")
def test_damaged_states(subject: Subject, tmp_path: Path) -> None:
    """Truncated, overwritten and flipped states are refused, and leave the model as it was."""
    path, model, random = tmp_path / "state.pth", subject.rough(), Random(0)
    content, before = saved(subject, path), weights_of(subject.rough())
    pairs = noisy_images(4, 8, 12)[:2]
    for number in range(100):
        changed, place = bytearray(content), random.randrange(len(content))
        if number % 4 == 0:
            changed = changed[:place]
        elif number % 4 == 1:
            changed[place : place + 50] = random.randbytes(50)
        else:
            changed[place] ^= 1 << random.randrange(8)
        if changed == content:
            continue
        path.write_bytes(changed)
        try:
            model.train(*pairs, 1, checkpoint=path)
        except ValueError as error:
            assert "state.pth" in str(error)  # noqa: PT017 - some changes hit what nobody reads
            assert same_bits(weights_of(model), before)
            assert path.read_bytes() == changed
        else:
            model.network.load_state_dict(before)
            model.pretrained = False


WRONG: dict[str, Callable[[dict[str, Any]], Any]] = {
    "no epoch": lambda state: state.pop("epoch"),
    "epoch 7 of 1": lambda state: state.update(epoch=7),
    "a text as epoch": lambda state: state.update(epoch="1"),
    "an epoch before the first": lambda state: state.update(epoch=-1),
    "a text for the precision": lambda state: state.update(bfloat16="no"),
    "a tensor as number of epochs": lambda state: state["described"].update(
        num_epochs=torch.ones(2)
    ),
    "no average": lambda state: state.pop("average"),
    "an average of another shape": lambda state: first_of(state["average"], lambda x: x[:1]),
    "NaN in the average": lambda state: first_of(state["average"], lambda x: x / 0 * 0),
    "infinite weights": lambda state: first_of(state["network"], lambda x: x / 0),
    "a list of weights": lambda state: state.update(network=[*state["network"].values()]),
    "no random numbers": lambda state: state.pop("random", state.pop("generator", None)),
    "a list as description": lambda state: state.update(described=[1, 2]),
}


def first_of(weights: Weights, change: Callable[[torch.Tensor], torch.Tensor]) -> None:
    """Replace the first tensor by what `change` makes of it."""
    name = next(iter(weights))
    weights[name] = change(weights[name])


@pytest.mark.parametrize("kind", WRONG)
def test_wrong_content(subject: Subject, kind: str, tmp_path: Path) -> None:
    """A whole file with a state that lacks something, or holds nonsense, is refused by its name."""
    path = tmp_path / "state.pth"
    saved(subject, path)
    if subject.number == 1:
        content = subject.part("checkpoint").read_checkpoint(path)
        WRONG[kind](content)
        torch.save(content, path)
    else:
        content = subject.part("state").load(path)
        WRONG[kind](content)
        subject.part("state").save(path, content)
    assert_refused(subject.rough(), (*noisy_images(4, 8, 12)[:2], 1), path, "")


@pytest.mark.parametrize("place", ["nowhere/state.pth", "file/state.pth", "folder", "pipe"])
def test_impossible_place(subject: Subject, place: str, tmp_path: Path) -> None:
    """A state that cannot be saved is refused before the first epoch, and nothing changes."""
    (tmp_path / "folder").mkdir()
    (tmp_path / "file").touch()
    if sys.platform != "win32":
        os.mkfifo(tmp_path / "pipe")
    model, (noisy_a, noisy_b, _) = subject.untrained(), noisy_images(4, 8, 12)
    before = weights_of(model)
    with pytest.raises((OSError, ValueError), match=rf"checkpoint.*{place}"):
        model.train(noisy_a, noisy_b, 1, checkpoint=tmp_path / place)
    assert same_bits(weights_of(model), before)


def test_read_only_place(subject: Subject, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A folder that cannot be written to is noticed before the first epoch."""
    monkeypatch.setattr(subject.part("training").Trainer, "_epoch", lambda *arguments: 1 / 0)
    path = Path("/proc/state.pth") if Path("/proc").is_dir() else tmp_path / "x" / "state.pth"
    with pytest.raises(OSError, match=r"state\.pth"):
        subject.untrained().train(*noisy_images(4, 8, 12)[:2], 1, checkpoint=path)


# Stops at any moment


class Interruption:
    """Raises `error` after some lines of the miniproject's code; for 0 it only counts them."""

    def __init__(self, subject: Subject, lines: int, error: type[BaseException]) -> None:
        self.folder, self.stop, self.error = f"{subject.package}{os.sep}", lines, error
        self.lines = 0

    def trace(self, frame: FrameType, event: str, argument: object) -> Any:
        """What Python calls on each line."""
        if self.folder not in frame.f_code.co_filename:
            return None
        self.lines += event == "line"
        if event == "line" and self.lines == self.stop:
            raise self.error
        return self.trace

    def __enter__(self) -> Interruption:
        sys.settrace(self.trace)
        return self

    def __exit__(self, *arguments: object) -> None:
        sys.settrace(None)


@pytest.mark.parametrize("error", [KeyboardInterrupt, SystemExit])
def test_interrupted_at_any_moment(subject: Subject, error: type[BaseException]) -> None:
    """Ctrl-C, or a handler of SIGTERM that exits, leaves the old weights or those of the whole
    training, at whatever line it comes, those of the last comparison included."""
    pairs, random, model = noisy_images(40, 8, 8)[:2], Random(0), subject.rough()
    before = weights_of(model)
    with Interruption(subject, 0, error) as counting:
        model.train(*pairs, 1)
    after, whole = weights_of(model), counting.lines
    assert not same_bits(before, after)
    anywhere = [random.randrange(1, whole) for _ in range(30)]
    late = [whole - 1 - random.randrange(whole // 4) for _ in range(30)]
    for lines in (1, *anywhere, *late, whole):
        model = subject.rough()
        with Interruption(subject, lines, error), pytest.raises(error):
            model.train(*pairs, 1)
        assert same_bits(weights_of(model), before) or same_bits(weights_of(model), after)
        assert not torch.is_autocast_enabled("cpu")


@pytest.mark.parametrize("error", [KeyboardInterrupt, OSError])
def test_stopped_during_the_comparison(
    subject: Subject, error: type[BaseException], monkeypatch: pytest.MonkeyPatch
) -> None:
    """What interrupts either half of the comparison leaves the weights of the beginning."""
    trainer = subject.part("training").Trainer
    judge = trainer._held_out_loss
    for fatal in (1, 2):
        model, calls = subject.rough(), []
        before = weights_of(model)

        def judged(*arguments: Any, calls: list[int] = calls, fatal: int = fatal) -> float:
            calls.append(1)
            if len(calls) == fatal:
                raise error
            return judge(*arguments)

        monkeypatch.setattr(trainer, "_held_out_loss", judged)
        with pytest.raises(error):
            model.train(*noisy_images(40, 8, 8)[:2], 1)
        assert same_bits(weights_of(model), before)


KILLED = """
import os, random, signal, sys, time, warnings
import torch
warnings.simplefilter("ignore")
torch.set_num_threads(1)  # a fork needs no threads of its parent then
from pathlib import Path
import {package}.model as module
module.{width} = (8, 12)
from tests.helpers import fork_server
from tests.subjects import Subject, noisy_images, same_bits, weights_of
subject, folder = Subject({number}), Path(sys.argv[1])
pairs = noisy_images(120, 8, 8)[:2]

def train(path):
    model = subject.rough()
    model.train(*pairs, 4, checkpoint=path)
    return model

train(None)  # the first one is slower
start = time.perf_counter()
whole = train(folder / "whole.pth")
seconds = time.perf_counter() - start
random.seed(0)
killed = 0
for attempt in range(13):
    child = os.fork()
    if child == 0:
        train(folder / "state.pth")
        os._exit(0)
    time.sleep(random.uniform(0.1, 1) * seconds)
    os.kill(child, random.choice([signal.SIGKILL, signal.SIGTERM]))
    finished = os.waitpid(child, 0)[1] == 0
    killed += not finished
    seconds *= 0.8 if finished else 1  # the machine is less busy than it was
    if not (folder / "state.pth").exists():
        continue
    content = (folder / "state.pth").read_bytes()
    again = train(folder / "copy.pth") if (folder / "copy.pth").exists() else None
    (folder / "copy.pth").write_bytes(content)
    if finished or attempt % 3 == 0:
        (folder / "state.pth").unlink()
    assert again is None or same_bits(weights_of(again), weights_of(whole))
assert same_bits(weights_of(train(folder / "state.pth")), weights_of(whole))
print(killed, len(list(folder.glob(".*.tmp"))))
"""


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system does not fork processes")
def test_killed_at_any_moment(subject: Subject, tmp_path: Path) -> None:
    """Killed at random moments, a training goes on from its state to the same bits as a whole one,
    and what it left half written is removed."""
    width = "WIDTHS" if subject.number == 1 else "CHANNELS"
    code = KILLED.format(package=subject.package, number=subject.number, width=width)
    done = fork_server.run(code, str(tmp_path))
    assert done.returncode == 0, done.stderr
    killed, strays = map(int, done.stdout.split())
    assert killed >= 3
    assert strays == 0
