"""Noises that were not trained on: each is what its name says, and all are scored."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from torch import Generator

from Miniproject_1.model import WEIGHTS
from others.records.json_files import read_json
from others.studies.submission import unseen
from tests.helpers.images import write_images


def test_the_middle_of_an_image() -> None:
    """The square is the largest of whole cells; an image below 32 pixels a side is refused."""
    image = torch.arange(3 * 70 * 101).view(3, 70, 101)
    assert torch.equal(unseen.largest_square(image)[0], image[:, 3:67, 18:82])
    with pytest.raises(ValueError, match="31x40"):
        unseen.largest_square(image[:, :31, :40])


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


def test_the_command_on_photographs(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    usage_error: Callable[..., str],
) -> None:
    """The file has a row for each noise, a score and a share of images for each model.

    What it says of models that are not asked for again stays, but not for other images.
    """
    write_images(tmp_path / "photographs", [(40, 44), (70, 65), (33, 32)])
    monkeypatch.setattr(unseen, "RESULTS", tmp_path)
    again = f"again={WEIGHTS}"
    folder = ["--photographs", str(tmp_path / "photographs")]
    unseen.main([*folder, "--count", "2", "--model", again])
    found = read_json(tmp_path / "unseen.json")  # of which numbers may be infinite
    assert (found["images"], found["kind"]) == (2, "photographs")
    assert found["rows"].keys() == {*unseen.ON_SOURCE, *unseen.ON_CLEAN}
    for row in found["rows"].values():
        assert row["shipped"] == row["again"]
    for name, shares in found["made_worse"].items():
        assert shares["shipped"] == shares["again"]
        assert shares["shipped"] in (0, 0.5, 1)
        fallen = found["rows"][name]["shipped"] < found["rows"][name]["noisy"]
        assert shares["shipped"] > 0 or not fallen
    unseen.main([*folder, "--count", "2"])
    assert read_json(tmp_path / "unseen.json")["rows"] == found["rows"]
    unseen.main([*folder, "--count", "1"])
    assert "again" not in (tmp_path / "unseen.json").read_text()
    before = (tmp_path / "unseen.json").read_bytes()
    capsys.readouterr()
    unseen.main([*folder, "--count", "2", "--json", str(tmp_path / "trial.json")])
    assert (tmp_path / "unseen.json").read_bytes() == before
    said = capsys.readouterr().out
    assert "impulses, 5 %" in said
    assert said.endswith(f"{tmp_path / 'trial.json'}: the results\n")
    assert "expected NAME=WEIGHTS" in usage_error(unseen.main, *folder, "--model", "nameless")
