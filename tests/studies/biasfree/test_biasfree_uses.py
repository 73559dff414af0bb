"""Denoisers as papers measure them, as a prior for deblurring, and in pictures."""

from __future__ import annotations

import math
import re
from collections.abc import Callable
from contextlib import nullcontext
from pathlib import Path

import pytest
import torch
from PIL import Image
from torch import nn

from others.data.generated import leaves
from others.data.seeds import seeded
from others.networks.catalogue import BIAS_FREE
from others.networks.pretrained import Denoiser, load_denoiser
from others.networks.receptive_field import Field
from others.records.json_files import read_json
from others.records.paths import RESULTS
from others.records.study import read_study
from others.studies.biasfree import noise_table as table
from others.studies.biasfree.judgement import CBSD68
from others.studies.biasfree.uses import claims, deblurring, gallery
from tests.helpers.images import write_images

HALF = Denoiser(lambda x: (x + x.mean((2, 3), keepdim=True)) / 2, Field(0, 1), torch.device("cpu"))
IDENTITY = Denoiser(lambda x: x, Field(0, 1), torch.device("cpu"))


def test_papers_table(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    usage_error: Callable[..., str],
) -> None:
    """Whole images get noise of the full σ that is not clipped: an input that is answered as it is
    has 20 log10(255 / σ) dB before its values are clipped, and more after."""
    write_images(tmp_path / "photos", [(16, 20), (18, 16), (20, 20)])
    grey = {"a": torch.full((1, 3, 60, 80), 0.5), "b": torch.full((1, 3, 80, 60), 0.5)}
    noisy = table.papers_scores("noisy", grey)
    for sigma in (15, 25):  # 127.5 is five and more σ from both ends
        expected = 20 * math.log10(255 / sigma)
        assert noisy[str(sigma)]["psnr_per_image_db"] == pytest.approx(expected, abs=0.1)
    assert noisy["50"]["psnr_per_image_db"] > 20 * math.log10(255 / 50)
    blur = Denoiser(nn.AvgPool2d(3, 1, 1), Field(1, 1), torch.device("cpu"))
    monkeypatch.setattr(table, "load_denoiser", lambda name: blur)
    monkeypatch.setattr(table, "model_names", lambda: ["blur"])
    options = ["--images", str(tmp_path / "photos"), "--output", str(tmp_path)]
    table.main([*options, "--only", "papers", "--models", table.NLM, "blur"])
    results = read_study(tmp_path / "papers.json")
    assert list(results["rows"]) == ["noisy", "blur"]
    assert results["setting"]["images"] == 3
    printed = capsys.readouterr().out
    assert re.search(r"CDnCNN-B, published \(blind\) \| +33\.89 dB \| +31\.23 dB \|", printed)
    both = usage_error(table.main, *options, "--only", "papers", "--json", str(tmp_path / "a.json"))
    assert "--json is for the first table" in both


def test_the_usual_test_set() -> None:
    """Where all 68 images of CBSD68 are among others, their mean stands beside the mean of all."""
    assert len(CBSD68) == 68
    flat = {name: torch.full((1, 3, 2, 3), 0.5) for name in (*CBSD68, "156065", "361010")}
    flat["156065"] = torch.zeros(1, 3, 2, 3)  # half of its noise is clipped
    found = table.papers_scores("noisy", flat)["15"]
    assert found["cbsd68_db"] == pytest.approx(20 * math.log10(255 / 15), abs=0.6)
    assert found["psnr_per_image_db"] != found["cbsd68_db"]
    assert "cbsd68_db" not in table.papers_scores("noisy", {"3096": flat["3096"]})["15"]


@pytest.mark.parametrize("name", BIAS_FREE)
def test_no_blind_denoiser_does_harm(name: str) -> None:
    """On generated images, as in a file and as in papers, the answer is better than the input, at
    twice the σ of any training too. Below σ = 5 only photographs are claimed, in the test after
    the next one: the edges of generated images are sharper than any that the models have seen."""
    clean = leaves(1, seeded(0))[:, :, :64, :64] / 255
    found = claims.gains(load_denoiser(name), clean, [5, 20, 80, 150])
    assert list(found) == ["file", "papers"]
    for by_sigma in found.values():
        assert min(by_sigma.values()) > 0


def test_claims(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """A model that returns its input is named with each σ, and the exit status is 1; one that
    denoises is not."""
    write_images(tmp_path / "photos", [(16, 20)])
    monkeypatch.setattr(claims, "WITHIN", (80,))
    monkeypatch.setattr(claims, "BEYOND", ())
    monkeypatch.setattr(claims, "LARGE", (20, 30))
    options = ["--images", str(tmp_path / "photos"), "--side", "16", "--models", "biasfree_6"]
    for model, status, said in ((IDENTITY, 1, "80 (file), 80 (papers): its least"), (HALF, 0, "")):
        monkeypatch.setattr(claims, "load_denoiser", lambda name, model=model: model)
        output = tmp_path / str(status)
        ends = pytest.raises(SystemExit, match=str(status)) if status else nullcontext()
        with ends:
            claims.main([*options, "--output", str(output)])
        assert said in capsys.readouterr().out
        assert (output / "claims.json").is_file()


def test_published_claims() -> None:
    """Every blind denoiser has a row: better than its input at every σ under both conventions, and
    a large image in less than 90 s on two cores."""
    results = read_study(RESULTS / "biasfree" / "claims.json")
    assert set(results["rows"]) == set(BIAS_FREE)
    for name in results["rows"]:
        found = results["rows"][name]["seeds"]["0"]
        assert claims.in_words(name, found)[1] == 0
        assert found["cpu_seconds"] < 2 * 90


def test_the_step_towards_the_measurement() -> None:
    """The step ends where the gradient of ‖A x − y‖² + μ ‖x − z‖² is zero."""
    generator = torch.Generator().manual_seed(0)
    y, z = torch.rand(2, 1, 3, 16, 16, generator=generator).double()
    x = deblurring.solved(y, z, 0.1).requires_grad_()
    blur = torch.fft.irfft2(deblurring.response(16) * torch.fft.rfft2(x), s=(16, 16))
    ((blur - y).square().sum() + 0.1 * (x - z).square().sum()).backward()
    assert x.grad is not None
    assert float(x.grad.abs().max()) < 1e-6  # the blur is in float32
    assert float(deblurring.response(16)[0, 0]) == pytest.approx(1)  # grey stays grey


def test_commands(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, usage_error: Callable[..., str]
) -> None:
    """Both take a folder of images, and write a figure for each image or for the first one."""
    write_images(tmp_path / "photos", [(24, 20), (20, 24)])
    for module in (deblurring, gallery):
        monkeypatch.setattr(module, "SIDE", 16)
        monkeypatch.setattr(module, "load_denoiser", lambda name: IDENTITY)
    options = ["--images", str(tmp_path / "photos"), "--output", str(tmp_path)]
    deblurring.main([*options, "--sigma", "2.5"])
    found = read_json(tmp_path / "deblurring.json")
    assert found["images"] == 2
    assert list(found["rows"]["2.5"]) == ["blurred", "denoised", "wiener", "prior"]
    assert found["rows"]["2.5"]["denoised"] == found["rows"]["2.5"]["blurred"]
    gallery.main([*options, "--sigma", "5", "20", "--model", "same"])
    for name in ("deblurring.png", "same_0.png", "same_1.png"):
        with Image.open(tmp_path / name) as image:
            assert image.width > 100
    assert "expected numbers above 0" in usage_error(deblurring.main, *options, "--sigma", "0")


def test_the_prior_helps() -> None:
    """The published figures: better than the blurred image and the Wiener filter at each level."""
    for row in read_json(RESULTS / "biasfree" / "deblurring" / "deblurring.json")["rows"].values():
        others = (row[name]["mean_db"] for name in ("blurred", "denoised", "wiener"))
        assert row["prior"]["mean_db"] > max(others) + 1
