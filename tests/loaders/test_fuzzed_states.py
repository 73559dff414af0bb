"""Weights and states of trainings, damaged in 300 ways each: refused by name, or taken whole."""

from __future__ import annotations

import copy
import shutil
from functools import partial
from pathlib import Path

import pytest
import torch

from Miniproject_1.noise2noise.tensor import checksum
from others.networks.catalogue import make_network
from others.networks.pretrained import load_network
from others.records.checkpoints import CONFIG, LAST
from others.records.paths import PRETRAINED
from others.records.weights import load_weights, save_weights
from tests.helpers.experiments import Make, Small
from tests.helpers.hostile import fuzz, json_alter, state_alter, torch_alter
from tests.subjects import Subject, noisy_images

pytestmark = pytest.mark.usefixtures("narrow")


def test_weights(subject: Subject, tmp_path: Path) -> None:
    """The miniprojects' weights."""
    path, model = tmp_path / "weights.pth", subject.rough()
    subject.rough(seed=1).save_model(path)
    own, before = model.network, copy.deepcopy(model.network.state_dict())

    def load() -> None:
        model.load_pretrained_model(path)
        assert all(bool(value.isfinite().all()) for value in model.network.state_dict().values())
        model.network = own
        own.load_state_dict(before)

    alter = torch_alter(path) if subject.number == 1 else state_alter(path)
    tally = fuzz(path, load, alter, lambda: checksum(model.network.state_dict().values()))
    assert tally.faults == []
    assert tally.refused > 200


def test_checkpoints(subject: Subject, tmp_path: Path) -> None:
    """The miniprojects' states of a training after the first of two epochs."""
    path, model, pairs = tmp_path / "state.pth", subject.rough(), noisy_images(4, 8, 8)[:2]
    before = copy.deepcopy(model.network.state_dict())
    trainer = subject.part("training").Trainer(model.network, *pairs, 2, False, path)
    trainer._epoch(subject.part("progress").Progress(1))
    model.network.load_state_dict(before)

    def load() -> None:
        model.train(*pairs, 2, checkpoint=path)
        assert all(bool(value.isfinite().all()) for value in model.network.state_dict().values())
        model.network.load_state_dict(before)
        model.pretrained = False

    alter = torch_alter(path) if subject.number == 1 else state_alter(path)
    tally = fuzz(path, load, alter, lambda: checksum(model.network.state_dict().values()))
    assert tally.faults == []
    assert tally.refused > 200


@pytest.mark.parametrize("name", [CONFIG, LAST])
def test_experiments(name: str, tmp_path: Path) -> None:
    """The folder of a training with the engine, whose other files stay as they are."""
    make = Make(tmp_path)
    make(average=0.9).run(1)
    folder = tmp_path / "experiment"

    def contents() -> dict[str, bytes]:
        return {p.name: p.read_bytes() for p in folder.iterdir() if p.name != name and p.is_file()}

    def load() -> None:
        make(average=0.9).run(2)

    alter = json_alter(folder / name) if name == CONFIG else torch_alter(folder / name)
    tally = fuzz(folder / name, load, alter, contents, names=folder.name)
    assert tally.faults == []
    assert tally.refused > 200


def test_weights_of_any_network(tmp_path: Path) -> None:
    """Weights with running means and whole numbers among them."""
    path, net = tmp_path / "weights.pth", Small()
    net.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    save_weights(net, path)
    before = copy.deepcopy(net.state_dict())

    def load() -> None:
        load_weights(net, path)
        assert all(bool(value.isfinite().all()) for value in net.state_dict().values())
        net.load_state_dict(before)

    tally = fuzz(path, load, torch_alter(path), lambda: checksum(net.state_dict().values()))
    assert tally.faults == []
    assert tally.refused > 200


def test_described_networks(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The configuration beside the weights of a bias-free model."""
    net = make_network("biasfree_6")
    save_weights(net, tmp_path / "biasfree" / "described.pth")
    path = tmp_path / "biasfree" / "described.json"
    shutil.copy(PRETRAINED / "biasfree" / "biasfree_6.json", path)
    monkeypatch.setattr("others.networks.pretrained.PRETRAINED", tmp_path)
    load = partial(load_network, "described")
    tally = fuzz(path, load, json_alter(path), names="described")
    assert tally.faults == []
