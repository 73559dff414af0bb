"""The archive that is handed in, tested on a made-up project with stray files in every folder."""

from __future__ import annotations

import os
import re
import shutil
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
]
OTHERS = [
    "others/README.md",
    "others/__init__.py",
    "others/evaluate.py",
    "others/pretrained/tnet.pth",
    "others/results/noise/0.json",
    "others/results/noise/figure.png",
    "others/studies/noise/README.md",
    "others/studies/noise/law.py",
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
    "others/demo/screenshots/page.png",
    "others/results/.ipynb_checkpoints/0.json",
    "others/results/noise/0.json.tmp",
    "test.py",
    "tests/test_archive.py",
]


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """A project whose files hold their own names."""
    root = tmp_path / "project"
    for name in CONTENTS + OTHERS + STRAY:
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(name)
    return root


@pytest.mark.parametrize(
    ("with_others", "expected"), [(False, CONTENTS), (True, CONTENTS + OTHERS)]
)
def test_contents(project: Path, tmp_path: Path, with_others: bool, expected: list[str]) -> None:
    """The archive holds what is listed, unchanged, and nothing else of what lies around: two
    folders, and a third for a reader who asks for it."""
    path = archive.write_archive(project, SCIPERS, tmp_path / "dist", with_others)
    assert path == tmp_path / "dist" / "Proj_111111_222222_333333.zip"
    with zipfile.ZipFile(path) as content:
        assert content.testzip() is None
        assert content.namelist() == expected
        assert [content.read(name).decode() for name in expected] == expected


def test_extracted(project: Path, tmp_path: Path) -> None:
    """The archive unpacks into exactly the two folders that the handout names."""
    path = archive.write_archive(project, SCIPERS, tmp_path / "dist")
    with zipfile.ZipFile(path) as content:
        content.extractall(tmp_path / "unpacked")
    found = sorted(path.name for path in (tmp_path / "unpacked").iterdir())
    assert found == ["Miniproject_1", "Miniproject_2"]


def git(folder: Path, *arguments: str) -> None:
    """Run git in a folder."""
    subprocess.run(["git", *arguments], cwd=folder, check=True, stdout=subprocess.DEVNULL)


@pytest.mark.skipif(shutil.which("git") is None, reason="there is no git")
def test_tracked(
    project: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture
) -> None:
    """In a git checkout only tracked code is packed, and what is left out is named; weights and
    reports need not be tracked."""
    git(project, "init", "-q")
    git(project, "add", *(name for name in CONTENTS if name.endswith(".py")))
    scratch = project / "Miniproject_1/noise2noise/scratch.py"
    scratch.write_text("an experiment of the evening before")
    assert archive.archive_files(project) == CONTENTS
    monkeypatch.setattr(archive, "ROOT", project)
    archive.main(["--scipers", *SCIPERS, "--out", str(tmp_path)])
    left_out = "Miniproject_1/noise2noise/scratch.py is left out, because git does not track it"
    assert f"warning: {left_out}\n" in capsys.readouterr().err


@pytest.mark.skipif(sys.platform == "win32", reason="Windows needs a privilege to make links")
@pytest.mark.parametrize(
    ("name", "target"),
    [
        ("Miniproject_1/noise2noise/users.py", "/etc/passwd"),
        ("Miniproject_2/bestmodel.pth", "../data/val_data.pkl"),
        ("Miniproject_2/framework/nowhere.py", "nothing.py"),
        ("Miniproject_2/framework/itself.py", "itself.py"),
        ("Miniproject_2/linked", "../tests"),
        ("Miniproject_1/Report_1.pdf", "Report_2.pdf"),
    ],
)
def test_links(project: Path, tmp_path: Path, name: str, target: str) -> None:
    """A link to what does not belong is refused by its name, be that outside or in the project."""
    (project / name).unlink(missing_ok=True)
    (project / name).symlink_to(target)
    with pytest.raises(ValueError, match=rf"^{name}.* is (a link to .*, which|no plain file)"):
        archive.write_archive(project, SCIPERS, tmp_path / "dist")
    assert not (tmp_path / "dist").exists()


@pytest.mark.skipif(sys.platform == "win32", reason="Windows needs a privilege to make links")
def test_link_to_what_belongs(project: Path, tmp_path: Path) -> None:
    """A link to a file that is packed itself becomes a plain file of the same content."""
    (project / "Miniproject_2/framework/network.py").symlink_to("layers.py")
    path = archive.write_archive(project, SCIPERS, tmp_path)
    with zipfile.ZipFile(path) as content:
        name = "Miniproject_2/framework/network.py"
        assert content.read(name).decode() == "Miniproject_2/framework/layers.py"
        assert content.getinfo(name).external_attr == 0o100644 << 16


LINK = re.compile(r"\]\(\s*<?([^)>\s]+)|^\s*\[[^]]+\]:\s+(\S+)|(?:src|href)=[\"']([^\"']+)", re.M)


def broken_links(folder: Path) -> list[str]:
    """The relative links of the texts in `folder` that lead to nothing in it."""
    broken = []
    for path in (path for path in folder.rglob("*") if path.suffix in (".md", ".txt", ".rst")):
        for found in LINK.findall(path.read_text(encoding="utf-8")):
            link = "".join(found)
            target = (path.parent / link.partition("#")[0]).resolve()
            is_relative = not re.match("[a-z]+:|#", link)
            if is_relative and not (target.exists() and folder.resolve() in target.parents):
                broken.append(f"{path.relative_to(folder)}: {link}")
    return broken


@pytest.mark.parametrize("with_others", [False, True], ids=["two folders", "with others"])
def test_texts(tmp_path: Path, with_others: bool) -> None:
    """No text in this project's own archive has a link to what is not in it."""
    path = archive.write_archive(archive.ROOT, SCIPERS, tmp_path, with_others)
    with zipfile.ZipFile(path) as content:
        content.extractall(tmp_path / "unpacked")
    assert len(list((tmp_path / "unpacked").iterdir())) == (3 if with_others else 2)
    assert broken_links(tmp_path / "unpacked") == []


def test_links_are_found(tmp_path: Path) -> None:
    """The search for broken links knows Markdown's two forms and HTML's, not those to the web."""
    (tmp_path / "there.md").write_text("[a](there.md#part), [b](https://example.org), [c](#part)")
    text = "[a](gone.png)\n[b]: ../outside.md\n<img src='lost.png'>\n[d](there.md)"
    (tmp_path / "README.txt").write_text(text)
    expected = ["README.txt: gone.png", "README.txt: ../outside.md", "README.txt: lost.png"]
    assert broken_links(tmp_path) == expected


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
        archive.write_archive(project, SCIPERS, tmp_path, with_others=True)
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
    (project / "Miniproject_1/model.py").write_text("changed")

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
    assert output.out.endswith(", 2 folders: Miniproject_1, Miniproject_2\n")
    missing = "warning: Miniproject_2/Report_2.pdf is missing from the archive\n"
    assert output.err == missing
    archive.main(["--scipers", *SCIPERS, "--out", str(tmp_path), "--with-others"])
    output = capsys.readouterr()
    assert output.out.endswith(", 3 folders: Miniproject_1, Miniproject_2, others\n")
    asked = "warning: others/ is for a reader, the course asks for two folders\n"
    assert output.err == missing + asked


def test_command_line_refuses(tmp_path: Path) -> None:
    """The command says in one line what is wrong with its arguments, and fails."""
    with pytest.raises(SystemExit, match=r"^python -m others\.archive: expected .*, got '1 2 3'$"):
        archive.main(["--scipers", "1", "2", "3", "--out", str(tmp_path)])
