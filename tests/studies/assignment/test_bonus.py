"""The assignment's bonus, and what its page says of networks that were trained once or more."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from others.records.json_files import save_json
from others.studies.assignment import bonus
from others.studies.assignment.scores import ahead, early_section
from tests.helpers.images import write_images

OVER_DRAWS = {"psnr_unclipped_std_db": 0.1, "psnr_unclipped_draws_db": [27.1, 26.9]}


def results_of(dncnn: float, udncnn: float) -> dict[str, Any]:
    """Results in which two networks have these scores."""
    found = {"dncnn": dncnn, "udncnn": udncnn}
    return {
        "rows": {
            name: {
                "changes": {"net": name},
                "seeds": {"0": {"psnr_unclipped_db": psnr, **OVER_DRAWS}},
            }
            for name, psnr in found.items()
        }
    }


def test_who_is_ahead() -> None:
    """The page says who is better, whoever it is, and how far the trainings can tell."""
    sentence = "DnCNN(6) is 0.50 dB ahead of UDnCNN(6) (each trained once)"
    assert ahead(results_of(28.5, 28.0), "dncnn", "udncnn") == sentence
    sentence = "UDnCNN(6) is 0.50 dB ahead of DnCNN(6) (each trained once)"
    assert ahead(results_of(28.0, 28.5), "dncnn", "udncnn") == sentence
    sentence = ahead(results_of(28.0, 28.1), "dncnn", "udncnn")
    assert sentence.startswith("which of UDnCNN(6) and DnCNN(6) is better is not known")
    several = results_of(28.0, 28.1)
    for row, psnr in zip(several["rows"].values(), (28.02, 28.14)):
        row["seeds"]["1"] = {**row["seeds"]["0"], "psnr_unclipped_db": psnr}
    sentence = ahead(several, "dncnn", "udncnn")
    assert sentence.startswith("UDnCNN(6) is 0.11 dB ± 0.01 dB (standard error over trainings)")


def test_the_bonus_is_run_and_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each row of the bonus has its line; without results the page says how to get them."""
    for mode in ("train", "test"):
        write_images(tmp_path / mode, [(40, 36), (36, 40)])
    path = tmp_path / "bonus.json"
    assert "Not run" in bonus.bonus_section(path)
    monkeypatch.setattr(bonus, "BASE", {**bonus.BASE, "steps": 1, "crop": 16, "test_crop": 32})
    monkeypatch.setattr(bonus, "ROWS", {name: bonus.ROWS[name] for name in ("base", "D = 2")})
    results = bonus.run_bonus(tmp_path, 1, path)
    depths = [row["seeds"]["0"]["parameters"] for row in results["rows"].values()]
    assert depths == [225_859, 77_635]
    text = bonus.bonus_section(path)
    assert "After 1 steps" in text
    assert "D = 2" in text


def test_short_trainings_with_several_seeds_are_told(tmp_path: Path) -> None:
    """Question 23 has the spread over trainings beside that over draws, or how to measure it."""
    path = tmp_path / "early.json"
    assert "--protocol early" in early_section(path)
    setting = {"epochs": 6, "steps_per_epoch": 100, "draws": 3, "test_crop": 160}
    found = results_of(27.0, 0.0) | {"setting": setting, "machine": {}}
    found["rows"]["dudncnn"] = {**found["rows"].pop("udncnn"), "changes": {"net": "dudncnn"}}
    for name, psnrs in {"dncnn": (27.0, 27.2), "dudncnn": (27.4, 27.5)}.items():
        run = {**OVER_DRAWS, "mse": 0.01}
        seeds = {str(k): {**run, "psnr_unclipped_db": psnr} for k, psnr in enumerate(psnrs)}
        found["rows"][name]["seeds"] = seeds
    save_json(path, found)
    text = early_section(path)
    assert "600 steps" in text
    assert "DUDnCNN(6) is 0.35 dB ± 0.05 dB (standard error over trainings) ahead" in text
    assert "std over trainings" in text
