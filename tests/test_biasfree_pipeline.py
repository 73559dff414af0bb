"""The pipeline of the bias-free models: configuration, training, pretrained models, export."""

from __future__ import annotations

import json
import sys
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Generator, nn

from others.analysis.scoring import score, with_noise
from others.data.generated import noisy_and_clean
from others.networks import catalogue
from others.networks.biasfree.networks import ModelSettings, build_network
from others.networks.catalogue import make_network
from others.networks.pretrained import NAMES, installed, load_model, load_named
from others.records.checkpoints import CONFIG, HISTORY
from others.records.paths import CONFIGS, PRETRAINED
from others.records.weights import save_weights
from others.studies.biasfree import export as exporting
from others.studies.biasfree.export import (
    EXAMPLE,
    OTHER,
    Bytes,
    difference,
    example,
    onnx_bytes,
    run_onnx,
    run_script,
    script_bytes,
)
from others.studies.biasfree.pipeline import Pipeline, load_pipeline, parse
from others.studies.biasfree.train import install, main
from tests.helpers.images import write_images
from tests.test_biasfree import SETTINGS, shaken

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
    assert pipeline.loss.regularisers == ({"name": "soft_orthogonal"},)
    assert parse(pipeline.as_json()) == pipeline
    assert parse({}) == Pipeline()
    assert pipeline.as_json()["training"]["learning_rate"] == 1e-3


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ([], "the file is .*; expected an object in braces"),
        ({"modle": {}}, "modle is unknown; expected some of name, model, loss"),
        ({"name": "../x"}, "name is '../x'; expected lower case letters"),
        ({"model": 3}, "model is 3; expected an object"),
        ({"model": {"blocks": 2.5}}, "model.blocks is 2.5; expected a whole number"),
        ({"model": {"blocks": True}}, "model.blocks is True; expected a whole number"),
        ({"model": {"blocks": 0}}, "model: blocks is 0; expected at least 1"),
        ({"model": {"residual": 1}}, "model.residual is 1; expected true or false"),
        ({"model": {"backbone": "vgg"}}, "model: backbone is 'vgg'; expected one of resnet, unet"),
        ({"model": {"channels": 6}}, "a grouped head needs a multiple of 4"),
        ({"model": {"range": [1, 0]}}, "expected two numbers in order"),
        ({"model": {"block": {"kernels": [3, 2]}}}, "model.block: kernels is"),
        ({"model": {"block": {"kernels": 3}}}, "model.block.kernels is 3; expected a list"),
        ({"model": {"block": {"kernels": [3]}}}, "different lengths"),
        ({"model": {"block": {"activation": "elu"}}}, "activation is 'elu'; expected one of relu"),
        ({"model": {"pyramid": {"levels": 1}}}, "model.pyramid: levels is 1"),
        ({"loss": {"hinge": "low"}}, "loss.hinge is 'low'; expected a number"),
        ({"loss": {"hinge": 300}}, "expected 0 <= hinge < cutoff"),
        ({"loss": {"regularisers": [{"name": "l3"}]}}, "loss: a regulariser is .* among l1, l2"),
        ({"loss": {"regularisers": [{"name": "l1", "b": 1}]}}, "l1 has no 'b'; expected some of a"),
        ({"corruption": {"additive": {"low": 9, "high": 1}}}, "corruption.additive: low, high"),
        ({"corruption": {"smoothing": 2}}, "corruption: smoothing is 2.0; expected a probability"),
        ({"corruption": {"additive": {"weight": 0}}}, "weight 0; expected one above"),
        ({"training": {"schedule": "steps"}}, "training: schedule is 'steps'; expected one of"),
        ({"training": {"average": 1}}, "training: learning_rate, clip and average"),
    ],
)
def test_a_wrong_configuration_is_refused(content: Any, message: str) -> None:
    """The message names the place, what is there and what was expected."""
    with pytest.raises(ValueError, match=message):
        parse(content)


def test_groups_that_do_not_divide() -> None:
    """Groups that do not fit the channels are found when the network is made."""
    pipeline = parse({"model": {"block": {"groups": [3, 1]}}})
    with pytest.raises(ValueError, match="3 groups do not divide 16 and 16 channels"):
        pipeline.network()


def test_files(tmp_path: Path) -> None:
    """A missing file, or one that is no JSON, is named."""
    with pytest.raises(FileNotFoundError, match=r"none\.json: no such file"):
        load_pipeline(tmp_path / "none.json")
    (tmp_path / "broken.json").write_text("{")
    with pytest.raises(ValueError, match=r"broken\.json: Expecting property name"):
        load_pipeline(tmp_path / "broken.json")


def test_sets(photos: Path, tmp_path: Path) -> None:
    """All folders are trained on but for the last tenth of each, which validates; with a folder
    for that, everything is."""
    write_images(tmp_path / "more", [(30, 40)] * 3)
    pipeline = parse(TINY)
    train, val = pipeline.sets([photos, tmp_path / "more"])
    assert (len(train), len(val)) == (3 + 2, 1 + 1)
    train, val = pipeline.sets([photos], tmp_path / "more")
    assert (len(train), len(val)) == (4, 3)
    few = replace(pipeline, training=replace(pipeline.training, validation=2))
    assert len(few.sets([photos], tmp_path / "more")[1]) == 2


def test_training(
    config: Path, photos: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The command trains, continues where it was, and installs a model that `load_model` finds;
    another configuration in the same folder is refused."""
    store = tmp_path / "pretrained"
    monkeypatch.setattr("others.studies.biasfree.train.install", lambda p, e: install(p, e, store))
    output = tmp_path / "output"
    options = ["--config", str(config), "--data", str(photos), "--output", str(output)]
    main([*options, "--epochs", "1"])
    main([*options, "--install"])
    history = json.loads((output / HISTORY).read_text())["epochs"]
    assert [entry["epoch"] for entry in history] == [1, 2]
    saved = json.loads((output / CONFIG).read_text())
    assert saved["loss"]["hinge"] == 0.5
    assert saved["net"]["block"]["kernels"] == [3, 3]
    net = load_model("tiny", store)
    assert not net.training
    x = torch.rand(1, 3, 9, 7)
    with torch.no_grad():
        torch.testing.assert_close(net(2 * x), 2 * net(x))
    described = json.loads((store / "tiny.json").read_text())
    assert described["trained"]["epochs"] == 2
    assert parse(described["pipeline"]) == parse(TINY)
    config.write_text(json.dumps({**TINY, "loss": {"hinge": 1.0}}))
    with pytest.raises(SystemExit, match=r"loss\.hinge: 0\.5 -> 1\.0"):
        main(options)


def test_a_default_of_an_entry_within(tmp_path: Path) -> None:
    """What a nested entry leaves out is the default at that place, not that of its class."""
    only = parse({"corruption": {"additive": {"high": 50}}})
    assert only.corruption.additive == replace(Pipeline().corruption.additive, high=50.0)
    assert only.corruption.additive.weight == 1


def test_another_network_is_not_replaced(config: Path, photos: Path, tmp_path: Path) -> None:
    """A configuration that has the name of another network is not installed, nor trained."""
    config.write_text(json.dumps({**TINY, "name": "dncnn"}))
    options = ["--config", str(config), "--data", str(photos), "--output", str(tmp_path / "out")]
    with pytest.raises(SystemExit, match="'dncnn' names another network"):
        main([*options, "--install"])
    assert not (tmp_path / "out").exists()


def test_names_of_models(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Missing weights are named with what there is; weights may be given for a known network."""
    with pytest.raises(FileNotFoundError, match=r"no biasfree_9\.pth with its biasfree_9\.json"):
        load_model("biasfree_9", tmp_path)
    (tmp_path / "x.pth").write_bytes(b"")
    (tmp_path / "x.json").write_text("[]")
    with pytest.raises(ValueError, match=r"x\.json: .*; expected the pipeline of a model"):
        load_model("x", tmp_path)
    with pytest.raises(ValueError, match=r"unknown model 'magic'; expected one of .*biasfree_12"):
        catalogue.bias_free("magic")
    with pytest.raises(ValueError, match="no model 'magic'"):
        load_named("magic")
    save_weights(make_network("biasfree_6"), tmp_path / "weights.pth")
    assert load_named("biasfree_6", tmp_path / "weights.pth").training is False


@pytest.mark.parametrize("name", NAMES)
def test_shipped_weights(name: str) -> None:
    """Those that are shipped are of the network that is named so, and below 5 MB in all; they are
    closer to generated images than their noisy inputs."""
    if not installed(name):
        pytest.skip(f"{name} has no weights yet")
    described = json.loads((PRETRAINED / f"{name}.json").read_text())
    ours = parse(described["pipeline"])
    assert asdict(ours.model) == asdict(load_pipeline(CONFIGS / f"{name}.json").model)
    clean = noisy_and_clean(8, Generator().manual_seed(0))[1].float() / 255
    net = load_model(name)
    for sigma in (10, 50):
        noisy = with_noise(clean, sigma)
        before, after = (score(one, noisy, clean)["mae"] for one in (lambda x: x, net))
        assert after < before, sigma
    assert sum((PRETRAINED / f"{n}.pth").stat().st_size for n in NAMES) < 5e6


@pytest.mark.parametrize("name", SETTINGS)
def test_torchscript_is_the_network(name: str) -> None:
    """Traced at one size, the file gives at another size what the network gives."""
    net = shaken(SETTINGS[name]).float()
    run = run_script(script_bytes(net, torch.rand(EXAMPLE)))
    for shape in (OTHER, (1, 3, 1, 1)):
        assert difference(run, net, torch.rand(shape)) < 1e-4


@pytest.mark.parametrize("name", SETTINGS)
def test_onnx_is_the_network(name: str) -> None:
    """So it is for ONNX, in another program."""
    pytest.importorskip("onnx")
    pytest.importorskip("onnxruntime")
    net = shaken(SETTINGS[name]).float()
    run = run_onnx(onnx_bytes(net, torch.rand(EXAMPLE)))
    for shape in (OTHER, (1, 3, 1, 1)):
        assert difference(run, net, torch.rand(shape)) < 1e-4


def test_bytes() -> None:
    """The normalisation is inside: uint8 in, uint8 out, clipped and rounded."""

    class Affine(nn.Module):
        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return 2 * x - 100.4 / 255

    images = torch.tensor([[[[0, 50, 51, 100, 255]]]]).byte()
    assert Bytes(Affine())(images).flatten().tolist() == [0, 0, 2, 100, 255]


def test_export_command(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """The command writes files that denoise uint8 images of any size, and their description."""
    pytest.importorskip("onnx")
    pytest.importorskip("onnxruntime")
    torch.manual_seed(0)
    save_weights(make_network("biasfree_6"), tmp_path / "weights.pth")
    options = ["--model", "biasfree_6", "--weights", str(tmp_path / "weights.pth")]
    exporting.main([*options, "--output", str(tmp_path / "out")])
    content = json.loads((tmp_path / "out" / "biasfree_6.json").read_text())
    assert content["files"] == ["biasfree_6.pt", "biasfree_6.onnx"]
    images = example((1, 3, 20, 31))
    whole = Bytes(load_named("biasfree_6", tmp_path / "weights.pth"))
    for name, run in zip(content["files"], (run_script, run_onnx)):
        found = run((tmp_path / "out" / name).read_bytes())
        assert found(images).dtype == torch.uint8
        assert difference(found, whole, images) <= 1
    assert "biasfree_6.onnx: " in capsys.readouterr().out
    save_weights(make_network("tnet"), tmp_path / "tnet.pth")
    with pytest.raises(SystemExit, match="tnet is no bias-free model"):
        exporting.main(
            ["--model", "tnet", "--weights", str(tmp_path / "tnet.pth"), "--output", str(tmp_path)]
        )


def test_a_file_that_computes_something_else_is_not_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What a format gets wrong is found before anything is written; so is a missing package."""
    net = build_network(ModelSettings(blocks=1, channels=4, base_kernel=3)).eval()
    wrong = (script_bytes, lambda content: lambda images: 255 - images, ".pt")
    monkeypatch.setitem(exporting.FORMATS, "torchscript", wrong)
    with pytest.raises(ValueError, match="torchscript of x differs from it by"):
        exporting.export(net, "x", tmp_path / "out", ["torchscript"])
    monkeypatch.setitem(sys.modules, "onnx", None)
    with pytest.raises(ModuleNotFoundError, match="pip install onnx"):
        exporting.export(net, "x", tmp_path / "out", ["onnx"])
    assert not (tmp_path / "out").exists()
