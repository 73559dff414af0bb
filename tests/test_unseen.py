"""Unseen noises and the curve of training time: small versions of both run as documented."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest
import torch
from torch import Generator

from others.data.course import TRAIN, VALIDATION, save_pair
from others.studies.submission import curve, unseen
from tests.subjects import noisy_images


def test_the_middle_of_an_image() -> None:
    """The largest middle square of whole cells; an image smaller than a cell each is refused."""
    image = torch.arange(3 * 70 * 101).view(3, 70, 101)
    assert torch.equal(unseen.middle(image), image[:, 3:67, 18:82])
    with pytest.raises(ValueError, match="31x40"):
        unseen.middle(image[:, :31, :40])


def test_noises_keep_their_promises() -> None:
    """Each noise's images are as far from the clean ones as its name says, and repeatable."""
    sources = list((torch.rand(6, 3, 96, 80, generator=Generator().manual_seed(1)) * 255).byte())
    noisy, clean = unseen.corrupted(sources, Generator().manual_seed(0))
    again, _ = unseen.corrupted(sources, Generator().manual_seed(0))
    assert clean.shape == (6, 3, 32, 32)
    deviation = {}
    for name, images in noisy.items():
        assert torch.equal(images, again[name])
        deviation[name] = float((images.float() - clean.float()).square().mean().sqrt())
    for std in (10, 25, 50):
        assert abs(deviation[f"Gaussian, σ {std}"] - std) < 0.1 * std
    changed = (noisy["impulses, 5 %"] != clean).any(1).float().mean()
    assert 0.03 < changed < 0.07


@pytest.mark.usefixtures("narrow")
@pytest.mark.parametrize("number", [1, 2])
def test_a_curve_is_continued(number: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each point is a training from scratch; points that are there are not run again."""
    one, other, clean = noisy_images(8, 32, 32)
    save_pair(tmp_path / TRAIN, one, other)
    save_pair(tmp_path / VALIDATION, one, clean)
    monkeypatch.setattr(curve, "FOLDER", tmp_path)
    for epochs in (["1"], ["0.5", "1", "2"]):
        monkeypatch.setattr(
            sys, "argv", ["curve", str(number), "--data", str(tmp_path), "--epochs", *epochs]
        )
        curve.main()
    points = json.loads((tmp_path / f"miniproject_{number}.json").read_text())["points"]
    assert [point["epochs"] for point in points] == [0.5, 1, 2]
    assert all(point["cpu_seconds"] > 0 for point in points)


@pytest.mark.parametrize("epochs", ["0", "-1", "1.5", "some"])
def test_a_length_that_cannot_be(epochs: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Epochs are whole, or a part of one."""
    monkeypatch.setattr(sys, "argv", ["curve", "1", "--epochs", epochs])
    with pytest.raises(SystemExit):
        curve.main()
