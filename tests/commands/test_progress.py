"""Bars over files and tiles on a terminal, and none where there is no terminal."""

from __future__ import annotations

import os
import re
import struct
import subprocess
import sys
from pathlib import Path

import pytest
import torch

from others.files.image_file import write_picture
from others.networks.catalogue import make_network
from others.records.paths import ROOT
from others.records.weights import save_weights
from tests.helpers.files import picture

pty = pytest.importorskip("pty", reason="Windows has no pseudo-terminals")
fcntl, termios = pytest.importorskip("fcntl"), pytest.importorskip("termios")

COLUMNS = 48  # of a narrow terminal
TOKEN = re.compile(r"\x1b\[[0-9;]*[A-Za-z]|[\r\n]|[^\r\n\x1b]")


@pytest.fixture
def arguments(tmp_path: Path) -> list[str]:
    """A command for two images, the first of which has 12 tiles."""
    torch.manual_seed(0)
    save_weights(make_network("biasfree_6"), tmp_path / "weights.pth")
    write_picture(tmp_path / "a.png", picture("RGB", 48, 64))
    write_picture(tmp_path / "b.png", picture("RGB", 9, 7))
    names = ["a.png", "b.png", "out", "--tile", "16"]
    model = ["--model", "biasfree_6", "--weights", "weights.pth"]
    return [sys.executable, "-m", "others.denoise", *names, *model]


def environment() -> dict[str, str]:
    """That of the command, which runs in the folder of the images."""
    return {**os.environ, "PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"}


def on_a_terminal(command: list[str], folder: Path) -> str:
    """All that a command writes to a terminal of 24 rows and COLUMNS columns; it has to succeed."""
    ours, theirs = pty.openpty()
    fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 24, COLUMNS, 0, 0))
    with subprocess.Popen(
        command, stdin=theirs, stdout=theirs, stderr=theirs, cwd=folder, env=environment()
    ) as process:
        os.close(theirs)
        written = b""
        while True:
            try:
                part = os.read(ours, 2**16)
            except OSError:  # Linux: the last one who could write has gone
                break
            if not part:
                break
            written += part
    os.close(ours)
    assert process.returncode == 0, written
    return written.decode()


def screen(written: str) -> list[str]:
    """The rows that a terminal shows in the end, as far as tqdm's control characters go."""
    rows, row, column = [""], 0, 0
    for token in TOKEN.findall(written):
        if token == "\r":
            column = 0
        elif token == "\n":
            row += 1
        elif token == "\x1b[A":
            row -= 1
        elif len(token) == 1:
            rows += [""] * (row + 1 - len(rows))
            line = rows[row].ljust(column)
            rows[row] = line[:column] + token + line[column + 1 :]
            column += 1
        else:
            raise AssertionError(f"{token!r} is no control character that is known here")
    return [line.rstrip() for line in rows if line.strip()]


def test_bars_on_a_narrow_terminal(tmp_path: Path, arguments: list[str]) -> None:
    """Bars count the files and, below, the tiles of a large one; none is wider than the terminal;
    in the end a line for each file and the summary stand there, and no trace of a bar."""
    written = on_a_terminal(arguments, tmp_path)
    parts = re.split(r"[\r\n]|\x1b\[A", written)
    bars = [part for part in parts if part.startswith(("images:", "tiles:"))]
    assert any(bar.startswith("images:") and "0/2" in bar for bar in bars)
    assert any(bar.startswith("tiles:") and "0/12" in bar for bar in bars)
    assert max(map(len, bars)) <= COLUMNS
    shown = [re.sub(r"\d+\.\d s", "T s", line) for line in screen(written)]
    assert shown == [
        "a.png -> out/a.png: 64x48 RGB, T s",
        "b.png -> out/b.png: 7x9 RGB, T s",
        "2 of 2 images denoised in T s",
    ]


def test_no_bar_without_a_terminal(tmp_path: Path, arguments: list[str]) -> None:
    """In a file or a pipe stand the lines alone: no control character, and nothing on stderr."""
    done = subprocess.run(arguments, cwd=tmp_path, env=environment(), capture_output=True)
    assert (done.returncode, done.stderr) == (0, b"")
    lines = done.stdout.decode().splitlines()
    assert len(lines) == 3
    assert lines[2].startswith("2 of 2 images denoised in ")
    assert (
        re.search(rb"[\x00-\x09\x0b-\x1f]", done.stdout.replace(os.linesep.encode(), b"\n")) is None
    )
