"""One way to any model by its name, and answers of the type of the images."""

from __future__ import annotations

import copy
import json
from pathlib import Path

import pytest
import torch
from torch import Generator, nn

from others.analysis.scoring import score, with_noise
from others.data.generated import leaves
from others.data.images import middle
from others.data.seeds import seeded
from others.networks.catalogue import BIAS_FREE, NETS, make_network
from others.networks.pretrained import (
    SUBMITTED,
    Denoiser,
    load_denoiser,
    load_network,
    model_names,
    weights_file,
)
from others.networks.receptive_field import Field
from others.records.paths import PRETRAINED
from others.records.weights import digest, save_weights
from tests.helpers import fork_server


def test_every_model_is_named_once() -> None:
    """Both miniprojects and each network that has weights, and nothing else; results name the
    weights that they belong to by the file that each has."""
    names = model_names()
    assert len(names) == len(set(names))
    assert names[:2] == list(SUBMITTED)
    assert set(names[2:]) == {name for name in NETS if weights_file(name).is_file()}
    assert set(BIAS_FREE) <= set(names)
    assert len({digest(weights_file(name)) for name in names}) == len(names)


QUICK = """
import sys, torch
from others.networks.pretrained import load_denoiser
for name in ("miniproject_1", "miniproject_2", "tnet", "biasfree_6"):
    load_denoiser(name)(torch.zeros(1, 3, 16, 16))
print("torch._dynamo" in sys.modules)
"""


@pytest.mark.skipif(not hasattr(torch, "compile"), reason="this torch has no compiler")
def test_no_compiler_is_imported() -> None:
    """A model of each kind is loaded and answers without torch's compiler, whose import takes
    longer than either."""
    done = fork_server.run(QUICK)
    assert (done.returncode, done.stdout) == (0, "False\n"), done.stderr


@pytest.mark.parametrize("name", model_names())
def test_answers_are_of_the_type_of_the_images(name: str) -> None:
    """uint8 gives uint8, rounded and clipped; float32 and float64 give what they are, and the
    same values; images are left as they were."""
    denoiser = load_denoiser(name)
    images = torch.randint(256, (2, 3, 21, 18), generator=Generator().manual_seed(0)).byte()
    before = images.clone()
    answers = {kind: denoiser(images.to(kind) / 255) for kind in (torch.float32, torch.float64)}
    whole = denoiser(images)
    assert whole.dtype == torch.uint8
    assert torch.equal(images, before)
    for kind, answer in answers.items():
        assert answer.dtype == kind
        assert answer.shape == images.shape
        assert not answer.requires_grad
        rounded = (answer.clamp(0, 1) * 255).round()
        assert float((rounded - whole.double()).abs().max()) <= 1


def test_floating_point_is_not_clipped() -> None:
    """Noise beyond black and white is data, and so is an answer there."""
    same = Denoiser(nn.Identity(), Field(0, 1), torch.device("cpu"))
    x = torch.tensor([-0.5, 0.5, 1.5]).view(1, 3, 1, 1)
    assert torch.equal(same(x), x)


@pytest.mark.parametrize("name", model_names())
def test_noise_beyond_black_and_white(name: str) -> None:
    """Every model takes images that are noisier than [0, 1] allows, and denoises them."""
    generator = Generator().manual_seed(0)
    clean = torch.full((1, 3, 32, 32), 0.4)
    noisy = clean + 0.25 * torch.randn(clean.shape, generator=generator)
    answer = load_denoiser(name)(noisy)
    assert bool(noisy.lt(0).any())
    assert bool(answer.isfinite().all())
    assert float((answer - clean).square().mean()) < float((noisy - clean).square().mean())


@pytest.mark.parametrize(
    "images", [torch.zeros(3, 8, 8), torch.zeros(1, 1, 8, 8), torch.zeros(1, 3, 8, 8).long()]
)
def test_other_images_are_refused(images: torch.Tensor) -> None:
    """The message says what was given and what was expected."""
    same = Denoiser(nn.Identity(), Field(0, 1), torch.device("cpu"))
    with pytest.raises(ValueError, match=r"expected uint8 or floating point \(N, 3, H, W\)"):
        same(images)


@pytest.mark.parametrize("name", ["miniproject_1", *NETS])
def test_channels_last_changes_rounding_alone(name: str, tmp_path: Path) -> None:
    """A loaded network gives the answers of one in torch's usual memory format."""
    path = None
    if name != "miniproject_1":
        torch.manual_seed(0)
        path = tmp_path / "weights.pth"
        save_weights(make_network(name), path)
    net = load_network(name, path)
    plain = copy.deepcopy(net).to(memory_format=torch.contiguous_format)  # pyright: ignore
    x = torch.rand(1, 3, 33, 47, generator=Generator().manual_seed(0))
    assert not net.training
    with torch.no_grad():
        expected = plain(x)
        error = float((net(x) - expected).abs().max())
    assert error <= 5e-6 * max(1.0, float(expected.abs().max()))


@pytest.mark.parametrize("name", ["biasfree_12", "dncnn"])
def test_half_precision_changes_no_figure(name: str, tmp_path: Path) -> None:
    """Kernels as float16 change the PSNR of a denoised image by less than 0.01 dB."""
    net, clean = load_network(name), middle(leaves(1, seeded(0))[0], 96) / 255
    save_weights(net, tmp_path / "half.pth", half=True)
    save_weights(net, tmp_path / "whole.pth")
    assert (tmp_path / "half.pth").stat().st_size < 0.6 * (tmp_path / "whole.pth").stat().st_size
    noisy = with_noise(clean, 30)
    short = load_network(name, tmp_path / "half.pth")
    assert {values.dtype for values in short.parameters()} == {torch.float32}
    found = [score(each, noisy, clean)["psnr_per_image_db"] for each in (net, short)]
    assert found[0] == pytest.approx(found[1], abs=0.01)


def test_wrong_names_and_files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """An unknown name is answered with the known ones, a damaged file with its path; weights may
    be given for any known network."""
    for load in (load_network, load_denoiser):
        with pytest.raises(ValueError, match=r"no model 'magic'; there is miniproject_1, .*dncnn"):
            load("magic")
    with pytest.raises(ValueError, match=r"miniproject_2 is no network of torch\.nn"):
        load_network("miniproject_2")
    monkeypatch.setattr("others.networks.pretrained.PRETRAINED", tmp_path)
    with pytest.raises(FileNotFoundError, match=r"biasfree_6\.pth"):
        load_network("biasfree_6")
    (tmp_path / "biasfree").mkdir()
    for content in ({}, {"pipeline": 3}, {"pipeline": {"model": {"blocks": 10**9}}}):
        (tmp_path / "biasfree" / "x.json").write_text(json.dumps(content))
        with pytest.raises(ValueError, match=r"x\.json: pipeline\.model.* is .*; expected "):
            load_network("x")
    many = {"kernels": [1] * 64, "widths": [1] * 64, "groups": [1] * 64}
    wide = {"kernels": [63] * 8, "widths": [16] * 7 + [1], "groups": [1] * 8}
    for model, fault in (
        ({"blocks": 256, "block": many}, "its blocks have 16384 convolutions; expected 4096 at"),
        (
            {"channels": 512, "block": wide},
            r"its blocks have \d{13} weights; expected 33554432 at",
        ),
    ):
        (tmp_path / "biasfree" / "x.json").write_text(json.dumps({"pipeline": {"model": model}}))
        with pytest.raises(ValueError, match=rf"x\.json: .*{fault}"):
            load_network("x")
    save_weights(make_network("biasfree_6"), tmp_path / "weights.pth")
    assert load_network("biasfree_6", tmp_path / "weights.pth").training is False


def test_no_folder_of_weights_is_crowded() -> None:
    """At most twelve files lie beside each other."""
    for folder in (PRETRAINED, PRETRAINED / "biasfree"):
        assert sum(path.is_file() for path in folder.iterdir()) <= 12
