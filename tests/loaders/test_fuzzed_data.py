"""Data and image files, damaged in 300 ways each: refused by name, or taken whole."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from pathlib import Path

import pytest
import torch

from grader.worker import read_pair
from others.data.course import load_pair, save_pair
from others.files.image_file import read_picture, write_picture
from others.studies.tnet import runs
from tests.helpers.files import picture
from tests.helpers.hostile import bytes_alter, fuzz, torch_alter
from tests.helpers.images import pixels


@pytest.fixture(autouse=True)
def _quiet() -> Iterator[None]:
    """What torch warns of in foreign files is no error here."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield


@pytest.mark.parametrize("read", [load_pair, read_pair], ids=["others", "grader"])
@pytest.mark.parametrize("zipped", [True, False], ids=["zipped", "old"])
def test_data(read, zipped: bool, tmp_path: Path) -> None:
    """The course's data files, for both of their readers; what is taken can be computed with."""
    path = tmp_path / "val_data.pkl"
    pair = tuple(pixels(2, 20, 8, 8))
    torch.save(
        (pixels(20, 8, 8), pixels(20, 8, 8, seed=1)), path, _use_new_zipfile_serialization=zipped
    )

    def load() -> None:
        assert all(len(images.float()) == 20 for images in read(path))

    tally = fuzz(path, load, torch_alter(path))
    assert tally.faults == []
    assert tally.refused > 150


def test_answers(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What the TNet study keeps of a teacher's answers."""
    path, noisy = tmp_path / "answers.pth", pixels(20, 8, 8)
    monkeypatch.setattr(runs, "load_denoiser", lambda *arguments: runs)
    monkeypatch.setattr(runs, "apply", None, raising=False)
    monkeypatch.setattr(runs, "answered", lambda network, images: 255 - images)
    runs.taught("miniproject_1", noisy, path)

    def load() -> None:
        assert torch.equal(runs.taught("miniproject_1", noisy, path), 255 - noisy)

    tally = fuzz(path, load, torch_alter(path))
    assert tally.faults == []
    assert tally.refused > 150


@pytest.mark.parametrize("name", ["in.png", "16.png", "in.tif", "16.tif", "in.jpg", "in.webp", "in.bmp", "in.ppm", "16.ppm"])
def test_images(name: str, tmp_path: Path) -> None:
    """Image files of every kind."""
    path = tmp_path / name
    write_picture(path, picture("RGB;16" if name.startswith("16") else "RGB"))
    tally = fuzz(path, lambda: read_picture(path), bytes_alter(path), count=150 if name.startswith("16") else 300)
    assert tally.faults == []
