"""The answers of a teacher, which are computed once."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from torch import nn

from Miniproject_1.model import WEIGHTS, Model
from others.networks.teacher import taught
from tests.helpers.images import pixels


def test_a_teachers_answers_are_kept_for_its_weights_and_these_images(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The file is used again for the same ones only; other images may have the same sum."""
    path, noisy = tmp_path / "answers.pth", pixels(8, 32, 32)
    answers = taught("miniproject_1", noisy, path)
    before = path.stat().st_mtime_ns
    assert torch.equal(taught("miniproject_1", noisy, path), answers)
    assert path.stat().st_mtime_ns == before
    assert torch.equal(taught("miniproject_1", noisy.flip(0), path), answers.flip(0))
    other = Model()
    other.load_pretrained_model(WEIGHTS)
    with torch.no_grad():
        nn.init.ones_(other.network.head.bias)  # type: ignore[arg-type]  # all answers are white
    other.save_model(tmp_path / "other.pth")
    monkeypatch.setattr("Miniproject_1.model.WEIGHTS", tmp_path / "other.pth")
    assert (taught("miniproject_1", noisy.flip(0), path) == 255).float().mean() > 0.9


@pytest.mark.parametrize(
    ("kept", "message"),
    [
        (torch.zeros(2, 3, 8, 8), r"are torch\.float32, expected torch\.uint8"),
        (None, "are NoneType"),
        (torch.zeros(2, 3, 8, 4).byte(), "has the shape"),
        (torch.zeros(1, 3, 8, 8).byte().expand(2, 3, 8, 8), "memory of its own for each value"),
    ],
)
def test_a_file_of_other_answers_is_refused(kept: object, message: str, tmp_path: Path) -> None:
    """It names the same images and weights, but what it holds cannot be the answers to them."""
    path, noisy = tmp_path / "answers.pth", pixels(2, 8, 8)
    taught("miniproject_1", noisy, path)
    content = torch.load(path, weights_only=True)
    torch.save({**content, "answers": kept}, path)
    with pytest.raises(ValueError, match=rf"answers\.pth: the answers .*{message}"):
        taught("miniproject_1", noisy, path)
