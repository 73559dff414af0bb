"""Images chosen by name, their noise, and the colours of maps."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from others.analysis.panels import coloured
from others.analysis.subjects import IMAGES, LEVELS, NOISES, Subject, source_of, source_of_file
from others.data.course import VALIDATION, make_data


@pytest.mark.parametrize("noise", NOISES)
@pytest.mark.parametrize("image", IMAGES)
def test_every_noise_fits_every_image(tmp_path: Path, image: str, noise: str) -> None:
    """Noisy and clean images have one shape; the same draw gives the same noise."""
    make_data(tmp_path, 1, 2)
    subject = Subject(source_of(image, 1, tmp_path), noise, LEVELS[noise][0], 0)
    noisy, clean = subject.images()
    assert noisy.shape == clean.shape
    assert torch.equal(noisy, clean) == (noise == "none")
    assert torch.equal(noisy, subject.images()[0])


def test_there_may_be_no_file(tmp_path: Path) -> None:
    """Without a validation file its image is an error that names it."""
    with pytest.raises(FileNotFoundError, match=VALIDATION):
        source_of("validation", 0, tmp_path)


def test_the_middle_of_a_file_is_shown() -> None:
    """At most 256 pixels a side, in whole cells; grey in all channels; too small is an error."""
    colour = torch.arange(300 * 21).view(1, 300, 21).int()
    clean = source_of_file(colour, 65535).clean
    assert clean.shape == (1, 3, 256, 16)
    assert torch.equal(clean[0, 1], colour[0, 22:278, 2:18] / 65535)
    with pytest.raises(ValueError, match="the file has 21x7 pixels; expected at least 8x8"):
        source_of_file(colour[:, :7], 255)


def test_colours_of_maps() -> None:
    """Viridis from 0 to the largest value; with signs white is 0; beyond the end is the end."""
    ends = coloured(torch.tensor([[0.0, 2.0, 5.0]]), 2)
    assert ends[:, 0, 0].tolist() == [68, 1, 84]
    assert ends[:, 0, 1].tolist() == ends[:, 0, 2].tolist() == [253, 231, 36]
    red, white, blue = coloured(torch.tensor([[-1.0, 0.0, 1.0]]), 1, signed=True)[:, 0].mT.tolist()
    assert red[0] > red[2] + 50
    assert min(white) > 240
    assert blue[2] > blue[0] + 50
    assert coloured(torch.zeros(2, 3), 0).shape == (3, 2, 3)
