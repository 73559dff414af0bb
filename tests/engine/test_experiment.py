"""An experiment can be stopped anywhere, and refuses what does not belong to it."""

from __future__ import annotations

import json
import math
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Generator, Tensor
from torch.utils.data import Dataset

from others.data.noise import gaussian
from others.data.sets import Noisy, Pairs
from others.engine.experiment import Experiment
from others.engine.schedules import cosine
from others.records.checkpoints import BEST, CONFIG, HISTORY, LAST
from others.records.configuration import describe_call, differences
from others.records.weights import load_weights
from tests.helpers.experiments import Make, Small, images, same, state
from tests.helpers.images import fixed


class Drawn(Dataset[Any]):
    """A plain Dataset whose items are random."""

    def __len__(self) -> int:
        return 6

    def __getitem__(self, index: int) -> tuple[Tensor, Tensor]:
        clean = torch.full((3, 8, 8), index / 6)
        return clean + 0.1 * torch.randn(3, 8, 8), clean


class Stopped(Exception):
    """What stops a training in a test."""


def stop_at(epoch: int) -> Callable[[Experiment], None]:
    """A hook that stops the training when this number of epochs is done."""

    def hook(experiment: Experiment) -> None:
        if experiment.epoch == epoch:
            raise Stopped

    return hook


EVERYTHING: dict[str, Any] = {"schedule": cosine, "average": 0.9, "clip": 0.5}


@pytest.mark.parametrize("changes", [EVERYTHING, {"train_set": Drawn(), "val_set": Drawn()}])
def test_resume(make: Make, tmp_path: Path, changes: dict[str, Any]) -> None:
    """A training that was stopped ends as an uninterrupted one, to the bit, whatever the state of
    torch's random generator: weights, average, optimizer, history and best epoch."""
    whole = make(output_dir=tmp_path / "whole", **changes)
    whole.run(4)
    with pytest.raises(Stopped):
        make(**changes).run(4, plot=stop_at(1))
    torch.rand(3)
    with pytest.raises(Stopped):
        make(**changes).run(4, plot=stop_at(3))
    resumed = make(**changes)
    assert resumed.epoch == 3
    resumed.run(4)
    assert same(state(whole), state(resumed))
    first, second = (torch.load(tmp_path / name / BEST) for name in ("whole", "experiment"))
    assert same(first, second)


def test_stopped_in_an_epoch(make: Make) -> None:
    """An epoch that was broken off is done again, and the caller's random numbers are untouched."""

    class Breaking(Noisy):
        drawn = 0

        def batch(self, indices: Tensor, generator: Generator) -> tuple[Tensor, Tensor]:
            Breaking.drawn += 1
            if Breaking.drawn == 5:  # in the second epoch
                raise Stopped
            return super().batch(indices, generator)

    data = Breaking(fixed(images(10)), gaussian, True)
    before = torch.get_rng_state()
    with pytest.raises(Stopped):
        make(train_set=data).run(3)
    assert torch.equal(torch.get_rng_state(), before)
    resumed, whole = make(train_set=data), make(train_set=data, output_dir=None)
    assert resumed.epoch == 1
    for experiment in (resumed, whole):
        experiment.run(3)
    assert same(state(resumed), state(whole))


def test_run_counts_all_epochs(make: Make) -> None:
    """`run` takes the total of epochs, as in the assignment; with a constant rate, 1 and then 2
    more are 3; the hook is called before and after each."""
    seen: list[int] = []
    experiment = make(output_dir=None)
    experiment.run(1, plot=lambda e: seen.append(e.epoch))
    experiment.run(3, plot=lambda e: seen.append(e.epoch))
    assert experiment.run(3) is experiment.history
    assert seen == [0, 1, 1, 2, 3]
    whole = make(output_dir=None)
    whole.run(3)
    assert same(state(experiment), state(whole))


def test_files(make: Make, tmp_path: Path) -> None:
    """The folder holds configuration and history as JSON, the last state and the best weights."""
    experiment = make(**EVERYTHING)
    experiment.run(2)
    folder = tmp_path / "experiment"
    assert sorted(path.name for path in folder.iterdir()) == sorted([BEST, CONFIG, HISTORY, LAST])
    config = json.loads((folder / CONFIG).read_text())
    assert config["optimizer"]["class"] == "Adam"
    assert config["net"] == {"class": "Small", "parameters": 231}
    assert config["train_set"]["noise"] == {"name": "gaussian", "std": 0.1}
    assert config["schedule"] == "cosine"
    assert json.loads((folder / HISTORY).read_text()) == {"epochs": experiment.history}
    last = Small()
    load_weights(last, folder / LAST)
    assert same(last.state_dict(), experiment.denoiser.state_dict())


def contents(folder: Path) -> dict[str, bytes]:
    """All files in a folder."""
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def test_another_configuration(make: Make, tmp_path: Path) -> None:
    """A folder of an experiment with other settings or data is refused, with the differences, and
    stays as it is."""
    make().run(1)
    before = contents(tmp_path / "experiment")
    with pytest.raises(ValueError, match=r"\n  optimizer\.lr: 0\.01 -> 0\.1\n  seed: 0 -> 3$"):
        make(lr=0.1, seed=3)
    with pytest.raises(ValueError, match=r"train_set\.class: Noisy -> Pairs\n"):
        make(train_set=Pairs(images(10), images(10)))
    with pytest.raises(ValueError, match=r"val_set\.source\.checksum: \d+ -> \d+$"):
        make(val_set=Noisy(fixed(images(5, seed=2)), partial(gaussian, std=0.1)))
    with pytest.raises(ValueError, match=r"net\.parameters: 231 -> 459"):
        make(Small(8))
    assert contents(tmp_path / "experiment") == before


def test_another_network(make: Make, tmp_path: Path) -> None:
    """A state of another network is refused even where the configuration is the same."""
    make(config={"net": "a net"}).run(1)
    before = contents(tmp_path / "experiment")
    with pytest.raises(ValueError, match=r"another network than Small: 7 tensors differ .*first"):
        make(Small(8), config={"net": "a net"})
    assert contents(tmp_path / "experiment") == before


@pytest.mark.parametrize("name", [CONFIG, LAST])
def test_damaged_files(make: Make, tmp_path: Path, name: str) -> None:
    """A truncated file is named, and a state without configuration is refused."""
    make().run(1)
    path = tmp_path / "experiment" / name
    path.write_bytes(path.read_bytes()[:50])
    with pytest.raises(ValueError, match=name):
        make()
    (tmp_path / "experiment" / CONFIG).unlink()
    with pytest.raises(ValueError, match=r"holds last\.pth but no config\.json"):
        make()


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"batch_size": 0}, "batch_size is 0; expected a whole number"),
        ({"steps_per_epoch": 1.5}, r"steps_per_epoch is 1\.5"),
        ({"precision": "half"}, "expected one of float32, bfloat16"),
        ({"average": 1.0}, r"average is 1\.0; expected a decay between 0 and 1"),
        ({"clip": 0}, "clip is 0; expected a norm above 0"),
        ({"train_set": []}, "the sets have 0 and 5 images"),
        ({"optimizer": torch.optim.SGD(Small().parameters(), 1)}, "no parameter of the network"),
        ({"config": {"net": Small}}, "expected plain JSON"),
    ],
)
def test_bad_settings(make: Make, tmp_path: Path, changes: dict[str, Any], message: str) -> None:
    """Settings that cannot be are refused before anything is written."""
    with pytest.raises(ValueError, match=message):
        make(**changes)
    assert list(tmp_path.iterdir()) == []
    with pytest.raises(TypeError, match="got a NoneType; expected a set with `batch` or a torch"):
        make(val_set=None)
    with pytest.raises(ValueError, match="num_epochs is 0"):
        make(output_dir=None).run(0)


def test_divergence(make: Make, tmp_path: Path) -> None:
    """A loss that is no number ends the training; the files stay those of the epoch before."""
    make().run(1)
    before = contents(tmp_path / "experiment")
    experiment = make()
    with torch.no_grad():
        experiment.net.get_parameter("last.weight").fill_(math.nan)
    with pytest.raises(FloatingPointError, match="the loss is nan in epoch 2"):
        experiment.run(2)
    assert contents(tmp_path / "experiment") == before


def test_defaults_are_described() -> None:
    """The configuration has the strength of a noise even where it is the default one."""
    assert describe_call(gaussian) == {"name": "gaussian", "std": 25 / 255}
    assert describe_call(partial(gaussian, std=0.5)) == {"name": "gaussian", "std": 0.5}


def test_differences() -> None:
    """Nested settings are compared one by one: changed, gone and new."""
    saved = {"a": {"b": 1, "c": [1, 2]}, "d": None}
    asked = {"a": {"b": 2, "c": [1, 2]}, "e": 0.5}
    assert differences(saved, asked) == ["a.b: 1 -> 2", "d: None -> nothing", "e: nothing -> 0.5"]
