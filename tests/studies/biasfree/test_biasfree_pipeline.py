"""The pipeline of the bias-free models: configuration, training, trained models."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Generator

from others.analysis.scoring import score, with_noise
from others.data.generated import noisy_and_clean
from others.networks.catalogue import BIAS_FREE
from others.networks.pretrained import load_network, load_trained, weights_file
from others.records.checkpoints import CONFIG, HISTORY, LAST
from others.records.paths import CONFIGS
from others.records.weights import digest
from others.studies.biasfree import export as exporting
from others.studies.biasfree.export import (
    Bytes,
    difference,
    example,
    run_script,
)
from others.studies.biasfree.pipeline import Pipeline, load_pipeline, parse
from others.studies.biasfree.regularisers import SoftOrthogonal
from others.studies.biasfree.train import epochs_within, main
from others.studies.biasfree.training import start_of
from tests.helpers.images import write_images

TINY = {
    "name": "tiny",
    "model": {"blocks": 1, "channels": 8, "base_kernel": 3, "residual": True},
    "loss": {"hinge": 0.5, "regularisers": [{"name": "soft_orthogonal"}]},
    "training": {"crop": 16, "batch_size": 2, "epochs": 2, "steps_per_epoch": 2, "average": 0.9},
}


@pytest.fixture
def config(tmp_path: Path) -> Path:
    """A file with a tiny pipeline."""
    path = tmp_path / "tiny.json"
    path.write_text(json.dumps(TINY))
    return path


@pytest.fixture
def photos(tmp_path: Path) -> Path:
    """A folder of four images."""
    write_images(tmp_path / "photos", [(24, 20)] * 4)
    return tmp_path / "photos"


def test_everything_is_written_out() -> None:
    """A pipeline as JSON has every setting, and reads back as the same pipeline."""
    pipeline = parse(TINY)
    assert pipeline.model.blocks == 1
    assert pipeline.loss.regularisers == (SoftOrthogonal(),)
    assert parse(pipeline.as_json()) == pipeline
    assert parse({}) == Pipeline()
    assert pipeline.as_json()["training"]["learning_rate"] == 1e-3


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ([], "the file is .*; expected an object in braces"),
        ({"modle": {}}, "modle is unknown; expected some of name, model, loss"),
        ({"name": "../x"}, "name is '../x'; expected a name that matches"),
        ({"model": 3}, "model is 3; expected an object"),
        ({"model": {"blocks": 2.5}}, "model.blocks is 2.5; expected a whole number"),
        ({"model": {"blocks": True}}, "model.blocks is True; expected a whole number"),
        ({"model": {"blocks": 0}}, "model.blocks is 0; expected at least 1"),
        ({"model": {"blocks": 10**9}}, "model.blocks is 1000000000; expected at most 256"),
        ({"model": {"channels": 10**9}}, "model.channels is 1000000000; expected at most 512"),
        ({"model": {"levels": 60}}, "model.levels is 60; expected at most 10"),
        ({"model": {"base_kernel": 10**6 + 1}}, "model.base_kernel is 1000001; expected at most"),
        ({"model": {"base_kernel": 4}}, "model: base_kernel is 4; expected an odd number"),
        ({"model": {"residual": 1}}, "model.residual is 1; expected true or false"),
        ({"model": {"backbone": "vgg"}}, "model.backbone is 'vgg'; expected 'resnet', 'unet' or"),
        ({"model": {"growth": 2}}, "model: growth is 2 of a resnet; expected a unet"),
        ({"model": {"channels": 6}}, "a grouped head needs a multiple of 4"),
        ({"model": {"range": [1, 0]}}, "expected two numbers in order"),
        ({"model": {"range": [1]}}, r"model.range.1 is \[1\]; expected another entry"),
        ({"model": {"block": {"kernels": [3, 2]}}}, "model.block: kernels is 2; expected an odd"),
        ({"model": {"block": {"kernels": [3, 999]}}}, "kernels.1 is 999; expected at most 63"),
        ({"model": {"block": {"kernels": 3}}}, "model.block.kernels is 3; expected a list"),
        ({"model": {"block": {"kernels": []}}}, "kernels is .*; expected entries, at least 1"),
        ({"model": {"block": {"kernels": [3]}}}, "kernels, widths and groups have 1, 2, 2 entries"),
        ({"model": {"block": {"activation": "elu"}}}, "activation is 'elu'; expected 'relu', "),
        ({"model": {"pyramid": {"levels": 1}}}, "model.pyramid.levels is 1; expected at least 2"),
        ({"loss": {"hinge": "low"}}, "loss.hinge is 'low'; expected a number"),
        ({"loss": {"hinge": float("nan")}}, "loss.hinge is nan; expected a finite number"),
        ({"loss": {"hinge": 300}}, "loss: hinge is 300 and cutoff 255; expected hinge < cutoff"),
        ({"loss": {"regularisers": [{"name": "l3"}]}}, "expected 'name' to be one of 'l1', 'l2'"),
        ({"loss": {"regularisers": ["l1"]}}, "loss.regularisers.0 is 'l1'; expected an object"),
        ({"loss": {"regularisers": [{"name": "l1", "b": 1}]}}, "l1.b is unknown; .* of name, a$"),
        ({"loss": {"regularisers": [{"name": "erf", "sigma": 0}]}}, "sigma is 0; .* more than 0"),
        ({"corruption": {"additive": {"low": 9, "high": 1}}}, "corruption.additive: low is 9 and"),
        ({"corruption": {"smoothing": 2}}, "corruption.smoothing is 2; expected at most 1"),
        ({"corruption": {"additive": {"weight": 0}}}, "weight 0; expected one above"),
        ({"training": {"schedule": "steps"}}, "schedule is 'steps'; expected one of constant, "),
        ({"training": {"average": 1}}, "training.average is 1; expected less than 1"),
        ({"training": {"steps_per_epoch": 0}}, "training.steps_per_epoch is 0; expected at least"),
    ],
)
def test_a_wrong_configuration_is_refused(content: Any, message: str) -> None:
    """The message names the place, what is there and what was expected, in one line."""
    with pytest.raises(ValueError, match=message) as caught:
        parse(content)
    assert "\n" not in str(caught.value)


def test_groups_that_do_not_divide() -> None:
    """Groups that do not fit the channels are found when the file is read."""
    with pytest.raises(ValueError, match="3 groups do not divide 16 and 16 channels"):
        parse({"model": {"block": {"groups": [3, 1]}}})


def test_files(tmp_path: Path) -> None:
    """A missing file, or one that is no JSON, is named."""
    with pytest.raises(FileNotFoundError, match=r"none\.json: no such file"):
        load_pipeline(tmp_path / "none.json")
    (tmp_path / "broken.json").write_text("{")
    with pytest.raises(ValueError, match=r"broken\.json is not JSON: Expecting property name"):
        load_pipeline(tmp_path / "broken.json")


def test_sets(photos: Path, tmp_path: Path) -> None:
    """All folders are trained on but for the last tenth of each, which validates; of many images
    that could validate, as many as the settings say do."""
    write_images(tmp_path / "more", [(30, 40)] * 3)
    pipeline, folders = parse(TINY), [photos, tmp_path / "more"]
    train, val = pipeline.sets(folders)
    assert (len(train), len(val)) == (3 + 2, 1 + 1)
    few = replace(pipeline, training=replace(pipeline.training, validation=1))
    assert [len(one) for one in few.sets(folders)] == [5, 1]


def test_training(
    config: Path, photos: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The command trains, continues where it was, and installs a model that `load_network` finds;
    another configuration in the same folder is refused."""
    monkeypatch.setattr("others.networks.pretrained.PRETRAINED", tmp_path / "pretrained")
    output = tmp_path / "output"
    options = ["--config", str(config), "--data", str(photos), "--output", str(output)]
    main([*options, "--epochs", "1"])
    main([*options, "--install"])
    history = json.loads((output / HISTORY).read_text())["epochs"]
    assert [entry["epoch"] for entry in history] == [1, 2]
    saved = json.loads((output / CONFIG).read_text())
    assert saved["loss"]["hinge"] == 0.5
    assert saved["net"]["block"]["kernels"] == [3, 3]
    net = load_network("tiny")
    assert not net.training
    x = torch.rand(1, 3, 9, 7)
    with torch.no_grad():
        torch.testing.assert_close(net(2 * x), 2 * net(x))
    described = json.loads((tmp_path / "pretrained" / "biasfree" / "tiny.json").read_text())
    assert described["trained"]["epochs"] == 2
    assert parse(described["pipeline"]) == parse(TINY)
    config.write_text(json.dumps({**TINY, "loss": {"hinge": 1.0}}))
    with pytest.raises(SystemExit, match=r"loss\.hinge: 0\.5 -> 1\.0"):
        main(options)


def test_another_training_starts_from_trained_weights(
    config: Path, photos: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With --start-from a training of another configuration begins with the weights of a folder or
    of a name, says so beside what it installs, and is no training that began with others."""
    store, first, second = (tmp_path / name for name in ("pretrained", "first", "second"))
    monkeypatch.setattr("others.networks.pretrained.PRETRAINED", store)
    options = ["--config", str(config), "--data", str(photos), "--epochs", "1", "--output"]
    main([*options, str(first), "--install"])
    described = store / "biasfree" / "tiny.json"
    assert start_of("tiny").known["trained"]["epochs"] == 1
    still = {**TINY["training"], "learning_rate": 1e-9}
    config.write_text(json.dumps({**TINY, "training": still}))
    with pytest.raises(SystemExit, match="no training and no model 'magic' to start from"):
        main([*options, str(second), "--start-from", "magic"])
    with pytest.raises(SystemExit, match=r"last\.pth: no such file; expected the weights"):
        main([*options, str(second), "--start-from", str(photos)])
    main([*options, str(second), "--start-from", str(first), "--install"])
    with pytest.raises(SystemExit, match="started_from"):
        main([*options, str(second), "--start-from", "tiny"])
    for old, new in zip(load_trained(first).parameters(), load_trained(second).parameters()):
        torch.testing.assert_close(new, old)
    known = json.loads(described.read_text())["started_from"]
    assert known == {"weights": digest(first / LAST), "training": "first"}


def test_a_training_of_so_many_minutes(
    config: Path,
    photos: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    usage_error: Callable[..., str],
) -> None:
    """--minutes makes as many epochs as its trial has room for, and --epochs excludes it."""
    pipeline = load_pipeline(config)
    room = epochs_within(1, pipeline, pipeline.sets([photos]), torch.device("cpu"))
    assert room > 10  # of two steps each, on images of 24x20 pixels
    monkeypatch.setattr("others.studies.biasfree.train.epochs_within", lambda *_: 3)
    output = tmp_path / "output"
    options = ["--config", str(config), "--data", str(photos), "--output", str(output)]
    main([*options, "--minutes", "2"])
    assert "3 epochs in 2 minutes" in capsys.readouterr().out
    assert len(json.loads((output / HISTORY).read_text())["epochs"]) == 3
    said = usage_error(main, *options, "--minutes", "2", "--epochs", "3")
    assert "not allowed with argument --minutes" in said


def test_a_default_of_an_entry_within(tmp_path: Path) -> None:
    """What a nested entry leaves out is the default at that place, not that of its class."""
    only = parse({"corruption": {"additive": {"high": 50}}})
    assert only.corruption.additive == replace(Pipeline().corruption.additive, high=50.0)
    assert only.corruption.additive.weight == 1


def test_another_network_is_not_replaced(
    config: Path, photos: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """A configuration that has the name of another network is not installed, nor trained."""
    config.write_text(json.dumps({**TINY, "name": "dncnn"}))
    options = ["--config", str(config), "--data", str(photos), "--output", str(tmp_path / "out")]
    with pytest.raises(SystemExit, match="2"):
        main([*options, "--install"])
    assert "'dncnn' names another network" in capsys.readouterr().err
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("name", BIAS_FREE)
def test_shipped_weights(name: str) -> None:
    """Shipped weights fit the network of their name, are a million at most and take less than 5 MB
    in all, and bring noisy images closer to the clean ones."""
    described = json.loads(weights_file(name).with_suffix(".json").read_text())
    ours = parse(described["pipeline"])
    assert asdict(ours.model) == asdict(load_pipeline(CONFIGS / f"{name}.json").model)
    assert ours.as_json() == described["pipeline"]
    clean = noisy_and_clean(8, Generator().manual_seed(0))[1].float() / 255
    net = load_network(name)
    for sigma in (10, 50):
        noisy = with_noise(clean, sigma)
        before, after = (score(one, noisy, clean)["mae"] for one in (lambda x: x, net))
        assert after < before, sigma
    assert sum(values.numel() for values in net.parameters()) < 1e6
    assert sum(weights_file(n).stat().st_size for n in BIAS_FREE) < 5e6


def test_a_training_is_exported_from_its_folder(
    config: Path, photos: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """The files of a training have the name of its folder and compute its averaged last weights,
    without anything being installed; other folders are refused."""
    folder, out = tmp_path / "mine", tmp_path / "out"
    main(["--config", str(config), "--data", str(photos), "--output", str(folder), "--epochs", "1"])
    options = ["--output", str(out), "--formats", "torchscript", "--training"]
    exporting.main([*options, str(folder)])
    images = example((1, 3, 11, 12))
    run = run_script((out / "mine.pt").read_bytes())
    assert difference(run, Bytes(load_trained(folder)), images) <= 1
    with pytest.raises(SystemExit, match=r"config\.json: no such file"):
        exporting.main([*options, str(tmp_path / "none")])
    with pytest.raises(SystemExit, match="2"):
        exporting.main([*options, str(folder), "--weights", str(folder / "last.pth")])
    assert "a training has weights of its own" in capsys.readouterr().err
    (folder / CONFIG).write_text(json.dumps({"net": {"class": "DnCNN"}}))
    with pytest.raises(SystemExit, match=r"config\.json: net\.class is unknown"):
        exporting.main([*options, str(folder)])
