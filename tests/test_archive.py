"""The archive that is handed in, tested on a made-up project with stray files in every folder."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from others import archive

SCIPERS = ("111111", "222222", "333333")
CONTENTS = [
    "Miniproject_1/Report_1.pdf",
    "Miniproject_1/__init__.py",
    "Miniproject_1/bestmodel.pth",
    "Miniproject_1/model.py",
    "Miniproject_1/noise2noise/__init__.py",
    "Miniproject_1/noise2noise/network.py",
    "Miniproject_2/__init__.py",
    "Miniproject_2/bestmodel.pth",
    "Miniproject_2/framework/__init__.py",
    "Miniproject_2/framework/layers.py",
    "Miniproject_2/model.py",
    "others/README.md",
    "others/__init__.py",
    "others/evaluate.py",
    "others/pretrained/tnet.pth",
    "others/results/noise/0.json",
]
STRAY = [
    ".DS_Store",
    "Makefile",
    "Miniproject_1/.ipynb_checkpoints/model-checkpoint.py",
    "Miniproject_1/Report_2.pdf",
    "Miniproject_1/__pycache__/model.cpython-311.pyc",
    "Miniproject_1/bestmodel.pth.tmp",
    "Miniproject_1/model_old.py",
    "Miniproject_1/noise2noise/._network.py",
    "Miniproject_1/noise2noise/network.py~",
    "Miniproject_2/bestmodel_2.pth",
    "Miniproject_2/explore.ipynb",
    "Miniproject_2/train_data.pkl",
    "data/val_data.pkl",
    "others/notes.txt",
    "others/results/.ipynb_checkpoints/0.json",
    "others/results/noise/0.json.tmp",
    "test.py",
    "tests/test_archive.py",
]


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """A project whose files hold their own names."""
    root = tmp_path / "project"
    for name in CONTENTS + STRAY:
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(name)
    return root


def test_contents(project: Path, tmp_path: Path) -> None:
    """The archive holds what is listed, unchanged, and nothing else of what lies around."""
    path = archive.write_archive(project, SCIPERS, tmp_path / "dist")
    assert path == tmp_path / "dist" / "Proj_111111_222222_333333.zip"
    with zipfile.ZipFile(path) as content:
        assert content.testzip() is None
        assert content.namelist() == CONTENTS
        assert [content.read(name).decode() for name in CONTENTS] == CONTENTS


def test_same_bytes(project: Path, tmp_path: Path) -> None:
    """The same files give the same bytes, whatever their times and permissions."""
    first = archive.write_archive(project, SCIPERS, tmp_path / "first").read_bytes()
    os.utime(project / "Miniproject_1/model.py", (0, 0))
    (project / "Miniproject_2/model.py").chmod(0o755)
    second = archive.write_archive(project, SCIPERS, tmp_path / "second").read_bytes()
    assert first == second


@pytest.mark.parametrize(
    "scipers",
    [
        (),
        ("111111", "222222"),
        ("111111", "222222", "333333", "444444"),
        ("111111", "222222", "222222"),
        ("111111", "222222", "33333"),
        ("111111", "222222", "3333333"),
        ("111111", "222222", "33333x"),
        ("111111", "222222", "33333\n"),
        ("111111", "222222", "33333\uff13"),
        ("111111", "222222", "../333"),
    ],
)
def test_scipers(project: Path, tmp_path: Path, scipers: tuple[str, ...]) -> None:
    """Anything but three different numbers of six digits is refused before a file is touched."""
    with pytest.raises(ValueError, match="three different SCIPER numbers of six digits each, got"):
        archive.write_archive(project, scipers, tmp_path / "dist")
    assert not (tmp_path / "dist").exists()


@pytest.mark.parametrize("name", archive.REQUIRED)
def test_missing(project: Path, tmp_path: Path, name: str) -> None:
    """Without its code or its weights a project is not archived, and the error names the file."""
    (project / name).unlink()
    with pytest.raises(FileNotFoundError, match=name):
        archive.write_archive(project, SCIPERS, tmp_path / "dist")
    assert not (tmp_path / "dist").exists()


def test_size_limit(project: Path, tmp_path: Path) -> None:
    """More than 25 MB are refused, and the error names the largest file; an older archive stays."""
    older = archive.write_archive(project, SCIPERS, tmp_path).read_bytes()
    with (project / "others/pretrained/tnet.pth").open("wb") as file:
        file.truncate(25_000_000)
    with pytest.raises(ValueError, match=r"at most 25,000,000; .* others/pretrained/tnet\.pth"):
        archive.write_archive(project, SCIPERS, tmp_path)
    assert (tmp_path / "Proj_111111_222222_333333.zip").read_bytes() == older


KILLED = """
import os, pathlib, signal, sys
from others import archive

os.fsync = lambda file: os.kill(os.getpid(), signal.SIGKILL)
archive.write_archive(pathlib.Path(sys.argv[1]), sys.argv[3:], pathlib.Path(sys.argv[2]))
"""


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no SIGKILL")
def test_killed(project: Path, tmp_path: Path) -> None:
    """A process killed while it writes leaves no archive; the next one is not disturbed."""
    out = tmp_path / "dist"
    command = [sys.executable, "-c", KILLED, str(project), str(out), *SCIPERS]
    assert subprocess.run(command, cwd=archive.ROOT).returncode == -signal.SIGKILL
    assert [path.suffix for path in out.iterdir()] == [".tmp"]
    assert zipfile.is_zipfile(archive.write_archive(project, SCIPERS, out))


def test_interrupted(project: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Interrupted before the end, it leaves nothing behind but the archive that was there."""
    older = archive.write_archive(project, SCIPERS, tmp_path / "dist").read_bytes()
    (project / "others/README.md").write_text("changed")

    def interrupt(source: Path, target: Path) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(os, "replace", interrupt)
    with pytest.raises(KeyboardInterrupt):
        archive.write_archive(project, SCIPERS, tmp_path / "dist")
    assert [path.read_bytes() for path in (tmp_path / "dist").iterdir()] == [older]


def test_command_line(
    project: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture
) -> None:
    """The command names the archive on stdout and warns of a missing report on stderr."""
    monkeypatch.setattr(archive, "ROOT", project)
    archive.main(["--scipers", *SCIPERS, "--out", str(tmp_path)])
    output = capsys.readouterr()
    assert output.out.startswith(f"{tmp_path}{os.sep}Proj_111111_222222_333333.zip: ")
    assert output.err == "warning: Miniproject_2/Report_2.pdf is missing from the archive\n"


def test_command_line_refuses(tmp_path: Path) -> None:
    """The command says in one line what is wrong with its arguments, and fails."""
    with pytest.raises(SystemExit, match=r"^python -m others\.archive: expected .*, got '1 2 3'$"):
        archive.main(["--scipers", "1", "2", "3", "--out", str(tmp_path)])
