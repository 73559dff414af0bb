"""The command that measures the noise of the course's images."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch
from torch import Generator

from others.analysis.measure_noise_law import main
from others.data.course import CLEAN, TRAIN, VALIDATION, save_pair
from others.data.generated import clean_of_pairs, noisy_pairs


def test_the_command_writes_its_figures(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The command measures the images that have a clean version, and refuses those of others."""
    noisy_a, noisy_b = noisy_pairs(6, Generator().manual_seed(0))
    clean = clean_of_pairs(4, Generator().manual_seed(0))
    save_pair(tmp_path / TRAIN, noisy_a, noisy_b)
    save_pair(tmp_path / CLEAN, noisy_a[:4], clean)
    options = ["--data", str(tmp_path), "--json", str(tmp_path / "noise.json")]
    main(options)
    found = json.loads((tmp_path / "noise.json").read_text())
    assert found["images"] == 4
    noise = (noisy_a[:4].float() - clean.float()) / 255
    assert found["std"] == pytest.approx(float(noise.square().mean().sqrt()), abs=1e-5)
    assert "kurtosis" in capsys.readouterr().out
    save_pair(tmp_path / CLEAN, torch.zeros_like(noisy_a[:4]), clean)
    with pytest.raises(SystemExit, match="is not about the first images of"):
        main(options)


def test_pairs_with_clean_images(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Noisy and clean images are enough, but for what two copies have in common; the figures
    replace none of another set, unless they are told to."""
    noisy = noisy_pairs(6, Generator().manual_seed(0))[0]
    clean = clean_of_pairs(6, Generator().manual_seed(0))
    save_pair(tmp_path / VALIDATION, noisy, clean)
    options = ["--pairs", str(tmp_path / VALIDATION)]
    main([*options, "--json", str(tmp_path / "noise.json")])
    found = json.loads((tmp_path / "noise.json").read_text())
    assert found["correlations"].keys() == {"right", "below", "diagonal", "red and green"}
    monkeypatch.chdir(tmp_path)
    main(options)
    assert json.loads((tmp_path / "out" / "noise.json").read_text()) == found
