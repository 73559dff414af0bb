"""Bias-free models as files that need nothing of this project: TorchScript and ONNX."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch
from torch import nn

from others.networks.biasfree.networks import build_network
from others.networks.biasfree.settings import ModelSettings
from others.networks.catalogue import make_network
from others.networks.pretrained import load_network
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
from tests.helpers.biasfree import SETTINGS, shaken


@pytest.mark.parametrize("name", SETTINGS)
def test_torchscript_is_the_network(name: str) -> None:
    """Traced at one size, the file gives at another size what the network gives."""
    net = shaken(SETTINGS[name]).float()
    run = run_script(script_bytes(net, torch.rand(EXAMPLE)))
    for shape in (OTHER, (1, 3, 1, 1)):
        assert difference(run, net, torch.rand(shape)) < 1e-4


@pytest.mark.parametrize("name", SETTINGS)
def test_onnx_is_the_network(name: str) -> None:
    """The ONNX file, run by onnxruntime, gives what the network gives, also at other sizes."""
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


def test_export_command(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The command writes files that denoise uint8 images of any size, and their description."""
    torch.manual_seed(0)
    save_weights(make_network("biasfree_6"), tmp_path / "weights.pth")
    options = ["--model", "biasfree_6", "--weights", str(tmp_path / "weights.pth")]
    exporting.main([*options, "--output", str(tmp_path / "out")])
    content = json.loads((tmp_path / "out" / "biasfree_6.json").read_text())
    assert content["files"] == ["biasfree_6.pt", "biasfree_6.onnx"]
    images = example((1, 3, 20, 31))
    whole = Bytes(load_network("biasfree_6", tmp_path / "weights.pth"))
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
    """What a format gets wrong is found before anything is written."""
    net = build_network(ModelSettings(blocks=1, channels=4, base_kernel=3)).eval()
    wrong = (script_bytes, lambda content: lambda images: 255 - images, ".pt")
    monkeypatch.setitem(exporting.FORMATS, "torchscript", wrong)
    with pytest.raises(ValueError, match="torchscript of x differs from it by"):
        exporting.export(net, "x", tmp_path / "out", ["torchscript"])
    assert not (tmp_path / "out").exists()
