"""Files of weights: what comes back from them, what is refused, and what a dying writer leaves."""

from __future__ import annotations

import os
import pickle
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from random import Random
from types import SimpleNamespace
from typing import IO, Any

import pytest
import torch

from Miniproject_1.noise2noise import checkpoint as first_reader
from Miniproject_2.framework import state
from Miniproject_2.model import kernels
from others.networks.prescribed import prescribed, with_kernels
from others.records.paths import ROOT
from tests.helpers.weights import assert_refused, write
from tests.subjects import Subject, Weights, noisy_images, same_bits, weights_of

pytestmark = pytest.mark.usefixtures("narrow")


@pytest.fixture
def good(subject: Subject, tmp_path: Path) -> Path:
    """A file of good weights, alone in its folder."""
    path = tmp_path / "weights" / "good.pth"
    path.parent.mkdir()
    subject.rough(seed=1).save_model(path)
    return path


@pytest.fixture
def older_torch(monkeypatch: pytest.MonkeyPatch) -> None:
    """Miniproject 1 reads as with torch before 1.13, whose `load` has no `weights_only`."""
    if torch.__version__.startswith("1.13"):
        pytest.skip("torch 1.13 cannot do as its predecessors")
    without = SimpleNamespace(signature=lambda function: SimpleNamespace(parameters={}))
    monkeypatch.setattr(first_reader, "inspect", without)


# Reading


def test_round_trip(subject: Subject, good: Path) -> None:
    """What was saved is loaded to the bit, and answers the same."""
    saved, loaded, noisy = subject.rough(seed=1), subject.rough(seed=2), noisy_images(2)[0]
    assert not same_bits(weights_of(saved), weights_of(loaded))
    loaded.load_pretrained_model(good)
    assert same_bits(weights_of(saved), weights_of(loaded))
    assert torch.equal(saved.predict(noisy), loaded.predict(noisy))


def test_weights_that_were_copied_in() -> None:
    """Who copies weights of torch.nn into Miniproject 2's model, with autograd on, can train it."""
    model = Subject(2).untrained()
    for value, _ in model.network.param():
        value.copy_(torch.nn.Parameter(value / 2))
    model.train(*noisy_images(2)[:2], 1)
    assert not any(value.requires_grad for value in model.network.state_dict().values())


def test_shipped_file() -> None:
    """Miniproject 1's file is read with weights_only=True, and holds float32 tensors for a CPU."""
    content = torch.load(ROOT / "Miniproject_1/bestmodel.pth", weights_only=True)
    assert content.keys() == weights_of(Subject(1).untrained()).keys()
    for value in content.values():
        assert value.dtype == torch.float32
        assert value.device.type == "cpu"


def test_a_model_becomes_as_wide_as_its_weights(tmp_path: Path) -> None:
    """Wider weights are loaded, trained on, saved and loaded again; weights of no network are not.

    Miniproject 2's are refused by the test of foreign files; its network has one width, and kernels
    of several sides: the next test.
    """
    narrow, wide = Subject(1).rough(), Subject(1).shipped()
    first, second, _ = noisy_images(2, 8, 8)
    assert weights_of(wide)["stem.weight"].shape[0] > weights_of(narrow)["stem.weight"].shape[0]
    wide.train(first, second, 1)
    for model in (wide, narrow):
        model.save_model(tmp_path / "weights.pth")
        loaded = Subject(1).shipped()
        loaded.load_pretrained_model(tmp_path / "weights.pth")
        assert same_bits(weights_of(loaded), weights_of(model))
        assert torch.equal(loaded.predict(first), model.predict(first))
    broken = weights_of(wide)
    broken["encoder.1.0.first.weight"] = broken["encoder.1.0.first.weight"][:5]
    torch.save(broken, tmp_path / "broken.pth")
    assert_refused(narrow, tmp_path / "broken.pth")


def test_kernels_become_as_large_as_in_the_weights(tmp_path: Path) -> None:
    """Outer and inner kernels of 2 to 12 are loaded, trained on, saved and loaded; zeros around
    those of a new model change no answer."""
    first, second, _ = noisy_images(2, 8, 8)
    model, small, path = Subject(2).rough(1), Subject(2).rough(2), tmp_path / "weights.pth"
    answer = small.predict(first)
    for outer, inner in [(12, 4), (8, 6), (2, 2), (4, 8), (2, 6), (4, 4)]:
        if min(outer, inner) >= 4:
            state.save(path, with_kernels(weights_of(small), outer, inner))
            model.load_pretrained_model(path)
            torch.testing.assert_close(model.predict(first), answer)
        else:
            network = prescribed((8, 12), kernel=inner, outer=outer)
            state.save(path, weights_of(SimpleNamespace(network=network)))
            model.load_pretrained_model(path)
        assert kernels(weights_of(model)) == (outer, inner)
        model.train(first, second, 1)
        model.save_model(path)
        loaded = Subject(2).rough()
        loaded.load_pretrained_model(path)
        assert same_bits(weights_of(loaded), weights_of(model))
        assert torch.equal(loaded.predict(first), model.predict(first))


@pytest.mark.parametrize(("first", "last"), [(8, 4), (4, 8), (5, 5), (3, 3), (0, 0), (10, 9)])
@pytest.mark.parametrize("place", ["outer", "inner"])
def test_kernels_of_no_network(tmp_path: Path, place: str, first: int, last: int) -> None:
    """Odd sides, none, or two different ones are refused, and the model stays as it was."""
    weights = weights_of(Subject(2).rough())
    names = {"outer": ("0.weight", "6.weight"), "inner": ("2.weight", "4.weight")}[place]
    for name, side in zip(names, (first, last)):
        weights[name] = torch.zeros(*weights[name].shape[:2], side, side)
    state.save(tmp_path / "weights.pth", weights)
    assert_refused(Subject(2).rough(), tmp_path / "weights.pth")


def test_float16_numbers_take_half_the_room(tmp_path: Path) -> None:
    """A tensor of numbers that float16 holds is written in two bytes each, any other in four, and
    every number is read back to the bit: the largest, the smallest, infinity and minus zero."""
    halves = torch.tensor([0.0, -0.0, 1.5, 65504.0, 2.0**-24, float("-inf")])
    others = [halves + 0.1, halves * 2.0**-24]
    for tensor, bytes_each in [(halves, 2), *((other, 4) for other in others)]:
        state.save(tmp_path / "file", {"x": tensor.view(2, 3)})
        data = (tmp_path / "file").read_bytes()
        assert len(data) == len(data.partition(b"\n")[0]) + 1 + bytes_each * 6 + 4
        assert same_bits({"x": tensor.view(2, 3)}, state.load(tmp_path / "file"))


def test_a_network_of_ones_own_keeps_its_layers(tmp_path: Path) -> None:
    """Who has put another network into Miniproject 2's model gets the weights refused."""
    model, path = Subject(2).rough(), tmp_path / "weights.pth"
    model.save_model(path)
    model.network = prescribed((8, 12), nearest=3)
    assert_refused(model, path)


def test_missing(subject: Subject, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A file that is not there is missed by its name, whether given or the model's own."""
    assert_refused(subject.rough(), tmp_path / "none.pth", FileNotFoundError)
    model = subject.rough()
    monkeypatch.setattr(sys.modules[type(model).__module__], "WEIGHTS", tmp_path / "own.pth")
    with pytest.raises(FileNotFoundError, match=r"own\.pth"):
        model.load_pretrained_model()


@pytest.mark.parametrize("share", [0, 0.001, 0.1, 0.5, 0.9, 0.999, 1])
def test_truncated(subject: Subject, good: Path, share: float) -> None:
    """A file that ends too early, be it by one byte, is refused."""
    content = good.read_bytes()
    good.write_bytes(content[: int(share * (len(content) - 1))])
    assert_refused(subject.rough(), good)


@pytest.mark.parametrize("start", [b"", b"PK\x03\x04", b"\x80\x02", b"\x80\x04\x95", b"}", b"\n"])
@pytest.mark.filterwarnings("ignore:Detected pickle protocol")
def test_random_bytes(subject: Subject, tmp_path: Path, start: bytes) -> None:
    """Random bytes are refused, even if they begin like a file of weights."""
    path = tmp_path / "random.pth"
    for seed in range(3):
        path.write_bytes(start + Random(seed).randbytes(3000))
        assert_refused(subject.rough(), path)


FOREIGN: dict[str, Callable[[Weights], Any]] = {
    "nothing": lambda own: {},
    "a list": lambda own: [*own.values()],
    "a number": lambda own: 3,
    "other names": lambda own: {f"x.{name}": value for name, value in own.items()},
    "a name missing": lambda own: dict([*own.items()][1:]),
    "a name too many": lambda own: {**own, "more": torch.zeros(3)},
    "another shape": lambda own: {name: value[..., None] for name, value in own.items()},
    "texts": lambda own: dict.fromkeys(own, "text"),
    "numbers and texts as names": lambda own: {**own, 0: torch.zeros(3)},
    "one inside the other": lambda own: {"network": own},
}


@pytest.mark.parametrize("kind", FOREIGN)
def test_foreign(subject: Subject, tmp_path: Path, kind: str) -> None:
    """A readable file with anything but this network's weights is refused."""
    path = tmp_path / "foreign.pth"
    write(subject, FOREIGN[kind](weights_of(subject.rough())), path)
    assert_refused(subject.rough(), path)


@pytest.mark.filterwarnings("ignore:Detected pickle protocol")
def test_other_miniproject(subject: Subject, tmp_path: Path) -> None:
    """The weights of one miniproject are foreign to the other, and so is a training's state."""
    Subject(3 - subject.number).untrained().save_model(tmp_path / "other.pth")
    assert_refused(subject.rough(), tmp_path / "other.pth")
    first, second, _ = noisy_images(2, 8, 8)
    subject.untrained().train(first, second, 1, checkpoint=tmp_path / "state.pth")
    assert_refused(subject.rough(), tmp_path / "state.pth")


class Payload:
    """Pickled, it is a call of os.system that writes a file."""

    def __init__(self, marker: Path) -> None:
        self.marker = marker

    def __reduce__(self) -> tuple[Callable, tuple[str]]:
        return os.system, (f'echo ran > "{self.marker}"',)


WRITERS: dict[str, Callable[[Any, Path], Any]] = {
    "a pickle": lambda content, path: path.write_bytes(pickle.dumps(content, protocol=2)),
    "torch's zip": torch.save,
    "torch's old format": lambda content, path: torch.save(
        content, path, _use_new_zipfile_serialization=False
    ),
}


def test_payload(tmp_path: Path) -> None:
    """The payload works: a file that is read without care runs it."""
    WRITERS["a pickle"](Payload(tmp_path / "marker"), tmp_path / "bad.pth")
    pickle.loads((tmp_path / "bad.pth").read_bytes())
    assert (tmp_path / "marker").exists()


@pytest.mark.parametrize("old", [False, True])
@pytest.mark.parametrize("writer", WRITERS)
def test_malicious(
    subject: Subject, tmp_path: Path, writer: str, old: bool, request: pytest.FixtureRequest
) -> None:
    """A file that would run code when unpickled is refused, and runs none; with old torch too."""
    if old:
        request.getfixturevalue("older_torch")
    marker, path, model = tmp_path / "marker", tmp_path / "bad.pth", subject.rough()
    first, second, _ = noisy_images(2, 8, 8)
    for content in (Payload(marker), {**weights_of(model), "more": Payload(marker)}):
        WRITERS[writer](content, path)
        assert_refused(model, path)
        with pytest.raises(ValueError, match=path.name):
            model.train(first, second, 1, checkpoint=path)
    assert not marker.exists()


@pytest.mark.usefixtures("older_torch")
def test_older_torch(tmp_path: Path) -> None:
    """Before torch 1.13, weights and a training's state are read as they were written."""
    model, (first, second, _) = Subject(1).rough(), noisy_images(3, 8, 8)
    model.train(first, second, 1, checkpoint=tmp_path / "state.pth")
    model.save_model(tmp_path / "weights.pth")
    assert same_bits(first_reader.read_checkpoint(tmp_path / "weights.pth"), weights_of(model))
    state = first_reader.read_checkpoint(tmp_path / "state.pth")
    whole = torch.load(tmp_path / "state.pth", weights_only=True)
    assert state.keys() == whole.keys()
    assert same_bits(state["network"], whole["network"])
    assert torch.equal(state["generator"], whole["generator"])


# Writing


@pytest.mark.parametrize("place", ["fsync", "replace"])
@pytest.mark.parametrize("error", [OSError, KeyboardInterrupt])
def test_dying_writer(
    subject: Subject,
    good: Path,
    place: str,
    error: type[BaseException],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Saving that fails before its end leaves the old file whole, and nothing beside it."""

    def fail(*arguments: object) -> None:
        raise error

    before, model = good.read_bytes(), subject.rough(seed=2)
    monkeypatch.setattr(os, place, fail)
    with pytest.raises(error):
        model.save_model(good)
    assert [path.name for path in good.parent.iterdir()] == [good.name]
    assert good.read_bytes() == before


def test_half_written(subject: Subject, good: Path) -> None:
    """A writer that raises halfway leaves the old file whole, and nothing beside it."""

    def write_half(file: IO[bytes]) -> None:
        file.write(before[: len(before) // 2])
        raise RuntimeError("no more")

    before = good.read_bytes()
    with pytest.raises(RuntimeError, match="no more"):
        subject.part("files").write_atomically(good, write_half)
    assert [path.name for path in good.parent.iterdir()] == [good.name]
    assert good.read_bytes() == before


KILLED = """
import os, signal, sys
from pathlib import Path
from files import write_atomically

def write_half(file):
    file.write(b"half")
    file.flush()
    os.kill(os.getpid(), signal.SIGKILL)

write_atomically(Path(sys.argv[1]), write_half)
"""


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no SIGKILL")
def test_killed_writer(subject: Subject, good: Path) -> None:
    """A process killed while it writes leaves the old file whole."""
    before, folder = good.read_bytes(), ROOT / subject.package / subject.parts
    result = subprocess.run([sys.executable, "-c", KILLED, str(good)], cwd=folder)
    assert result.returncode == -signal.SIGKILL
    assert good.read_bytes() == before
    subject.rough(seed=2).save_model(good)
    assert good.read_bytes() != before
