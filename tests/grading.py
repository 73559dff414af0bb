"""What the tests of the grader share: a small submission that is right, data for it, and a run."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path

import torch

ROOT = Path(__file__).resolve().parents[1]
STANDIN = Path(__file__).with_name("standin")
WEIGHTS = [torch.eye(3).mul(0.5).flatten().tolist(), [0.25, 0.25, 0.25]]  # half way to grey


def grade(script: Path, project: Path, data: Path, *options: str) -> tuple[int, str]:
    """Run the grader; returns its status and all that it printed."""
    command = [sys.executable, str(script), "-p", str(project), "-d", str(data), *options]
    done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    return done.returncode, done.stdout


def make_data(folder: Path) -> Path:
    """Make a data folder: images of a single grey each, with a noise as large as their spread."""
    generator = torch.Generator().manual_seed(0)
    clean = 128 + 25 * torch.randn(120, 1, 1, 1, generator=generator)
    clean = clean.clamp(0, 255).expand(120, 3, 8, 8)
    noise = 25 * torch.randn(3, 120, 3, 8, 8, generator=generator)
    noisy, noisy_a, noisy_b = (clean + noise).clamp(0, 255).byte()
    torch.save((noisy, clean.byte()), folder / "val_data.pkl")
    torch.save((noisy_a, noisy_b), folder / "train_data.pkl")
    return folder


def make_project(parent: Path) -> Path:
    """Make a project folder with the stand-in as both miniprojects."""
    folder = parent / "Proj_111111_222222_333333"
    for number in (1, 2):
        miniproject = folder / f"Miniproject_{number}"
        shutil.copytree(STANDIN, miniproject, ignore=shutil.ignore_patterns("__pycache__"))
        (miniproject / "bestmodel.pth").write_text(json.dumps(WEIGHTS), encoding="utf-8")
    return folder


def change(path: Path, old: str, new: str) -> None:
    """Replace a text in a file; the text must be there."""
    source = path.read_text(encoding="utf-8")
    assert old in source
    path.write_text(source.replace(old, new), encoding="utf-8")
