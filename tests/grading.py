"""What the tests of the grader share: a small submission that is right, data for it, and a run."""

from __future__ import annotations

import json
import os
import runpy
import shutil
import subprocess
import sys
from pathlib import Path
from subprocess import Popen
from typing import Any

import torch

from tests.helpers import fork_server

ROOT = Path(__file__).resolve().parents[1]
STANDIN = Path(__file__).with_name("standin")
WEIGHTS = [torch.eye(3).mul(0.5).flatten().tolist(), [0.25, 0.25, 0.25]]  # half way to grey


def grade(
    script: Path, project: Path, data: Path, *options: str, forks: bool = hasattr(os, "fork")
) -> tuple[int, str]:
    """Run the grader; returns its status and all that it printed.

    Args:
        forks: whether the grader and the processes that it judges are forks of one that has torch
            already; otherwise they are new interpreters, as for a user, and take seconds longer.
    """
    arguments = [str(script), "-p", str(project), "-d", str(data), *options]
    if forks:
        code = "from tests import grading; grading.be_grader()"
        done = fork_server.run(code, *arguments, limit=3600)  # the grader has limits of its own
    else:
        command = [sys.executable, *arguments]
        done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    return done.returncode, done.stdout


def be_grader() -> None:
    """Do in this process what the command line asks for, with judged processes that are forks."""
    os.dup2(1, 2)
    subprocess.Popen = ForkedProcess
    be(sys.argv[1:])


def be(command: list[str]) -> None:
    """Run a script with its arguments in this process, as an interpreter does."""
    sys.argv[:] = command
    sys.path[0] = str(Path(command[0]).parent)
    runpy.run_path(command[0], run_name="__main__")


class ForkedProcess(Popen):
    """What `Popen` gives for a Python script, but a fork of this process runs it.

    Popen forks, gives the fork its session, streams and working folder, and then starts another
    program in its place; `instead` is called right before that, and never returns.
    """

    def __init__(self, command: list[str], env: dict[str, str], **options: Any) -> None:
        script = next(place for place, part in enumerate(command) if part.endswith(".py"))

        def instead() -> None:
            subprocess.Popen = Popen
            os.closerange(3, 1000)  # as where a program is started; Popen waits for one of them
            os.environ.clear()
            os.environ.update(env)
            fork_server.open_streams()
            fork_server.leave(lambda: be(command[script:]))

        sys.stdout.flush()
        super().__init__(command, preexec_fn=instead, **options)


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
