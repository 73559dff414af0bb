"""Data and image files, damaged in 300 ways each: refused by name, or taken whole."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from torch import Tensor

from grader.worker import read_pair
from others.data.course import load_pair
from others.files.image_file import read_picture, write_picture
from others.networks import teacher
from tests.helpers.files import picture
from tests.helpers.hostile import bytes_alter, fuzz, torch_alter
from tests.helpers.images import pixels

IMAGES = ("8.png", "16.png", "8.tif", "16.tif", "8.jpg", "8.webp", "8.bmp", "8.ppm", "16.ppm")


@pytest.mark.parametrize("zipped", [True, False], ids=["today's", "before 1.6"])
@pytest.mark.parametrize("read", [load_pair, read_pair], ids=["others", "grader"])
def test_data(read: Callable[[Path], tuple[Tensor, Tensor]], zipped: bool, tmp_path: Path) -> None:
    """The course's data files in both formats of torch; what is taken can be computed with."""
    path, pair = tmp_path / "val_data.pkl", (pixels(20, 8, 8), pixels(20, 8, 8, seed=1))
    torch.save(pair, path, _use_new_zipfile_serialization=zipped)

    def load() -> None:
        assert all(len(images.float()) == 20 for images in read(path))

    tally = fuzz(path, load, torch_alter(path))
    assert tally.faults == []
    assert tally.refused > 150


def test_answers(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What is kept of a teacher's answers; those of other images are made anew."""
    path, noisy = tmp_path / "answers.pth", pixels(20, 8, 6)

    class Teacher:
        apply = None

    monkeypatch.setattr(teacher, "load_denoiser", lambda *arguments: Teacher)
    monkeypatch.setattr(teacher, "answered", lambda network, images: 255 - images)
    teacher.taught("miniproject_1", noisy, path)

    def load() -> None:
        assert torch.equal(teacher.taught("miniproject_1", noisy, path), 255 - noisy)

    tally = fuzz(path, load, torch_alter(path))
    assert tally.faults == []
    assert tally.refused > 150


@pytest.mark.parametrize("name", IMAGES)
def test_images(name: str, tmp_path: Path) -> None:
    """Image files of every kind and depth, whose headers declare other sizes and depths."""
    path = tmp_path / name
    write_picture(path, picture("RGB;16" if name.startswith("16") else "RGB"))
    tally = fuzz(path, lambda: read_picture(path), bytes_alter(path))
    assert tally.faults == []
    assert tally.refused > 100
