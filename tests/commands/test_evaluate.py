"""`make run`: scores and a picture of both submissions."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from PIL import Image

from others.data.course import VALIDATION, save_pair
from others.evaluate import main
from tests.helpers.images import pixels


def test_scores_and_picture(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The table, the picture and the JSON file are about the images in the folder."""
    clean = pixels(9, 8, 8) // 2 + 64
    save_pair(tmp_path / VALIDATION, clean // 2 + 32, clean)
    picture, scores = tmp_path / "denoised.png", tmp_path / "scores.json"
    main(["--data", str(tmp_path), "--picture", str(picture), "--json", str(scores)])
    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == f"{tmp_path / VALIDATION}: 9 images of 8x8"
    content = json.loads(scores.read_text())
    assert content["images"] == 9
    assert set(content["rows"]) == {"noisy", "Miniproject 1", "Miniproject 2"}
    psnr = content["rows"]["Miniproject 2"]["self_ensemble_psnr_per_image_db"]
    (line,) = (line for line in lines if line.startswith("| Miniproject 2 | "))
    assert f" {psnr:.2f} dB |" in line
    with Image.open(picture) as image:
        assert image.width > image.height / 3


def test_no_data(tmp_path: Path) -> None:
    """A missing file is one line, which says how to make it."""
    with pytest.raises(SystemExit, match=r"python -m others\.generate "):
        main(["--data", str(tmp_path)])
