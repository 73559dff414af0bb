"""Files are written whole or not at all, whatever is at their place and whatever happens."""

from __future__ import annotations

import errno
import os
import stat
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import IO, Any

import pytest

from tests.subjects import Subject

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="permissions and links of POSIX")


def put(subject: Subject, path: Path, content: bytes = b"new") -> None:
    """Write `content` as the miniproject writes all its files."""
    subject.part("files").write_atomically(path, lambda file: file.write(content))


def alone(path: Path) -> bool:
    """Whether nothing lies beside the file."""
    return [one.name for one in path.parent.iterdir()] == [path.name]


def test_a_device_stays_a_device(subject: Subject) -> None:
    """What is written to /dev/null goes into it; as root, too, it is not replaced by a file."""
    put(subject, Path(os.devnull))
    assert stat.S_ISCHR(os.stat(os.devnull).st_mode)


def test_a_pipe_stays_a_pipe(subject: Subject, tmp_path: Path) -> None:
    """What is written to a named pipe comes out at its other end."""
    os.mkfifo(tmp_path / "pipe")
    with ThreadPoolExecutor(1) as pool:
        read = pool.submit((tmp_path / "pipe").read_bytes)
        put(subject, tmp_path / "pipe")
        assert read.result() == b"new"
    assert stat.S_ISFIFO(os.stat(tmp_path / "pipe").st_mode)


def test_a_pipe_without_a_name(subject: Subject) -> None:
    """What a shell makes of `>(command)`, and /dev/stdout before a `|`, can be written to."""
    reading, writing = os.pipe()
    with open(reading, "rb") as reader:
        subject.part("files").check_writable(Path(f"/dev/fd/{writing}"))
        put(subject, Path(f"/dev/fd/{writing}"))
        os.close(writing)
        assert reader.read() == b"new"


@pytest.mark.parametrize("there", [True, False])
def test_a_link_is_followed(subject: Subject, tmp_path: Path, there: bool) -> None:
    """A link stays a link; the file it points to, in another folder, is replaced or made."""
    target, link = tmp_path / "folder" / "file", tmp_path / "link"
    target.parent.mkdir()
    if there:
        target.write_bytes(b"old")
    link.symlink_to(target)
    put(subject, link)
    assert link.is_symlink()
    assert target.read_bytes() == b"new"
    assert alone(target)


@pytest.mark.parametrize("mode", [0o600, 0o640, 0o755])
def test_permissions_are_kept(subject: Subject, tmp_path: Path, mode: int) -> None:
    """A file that is replaced keeps its permissions, also those that a new one would not have."""
    (tmp_path / "file").write_bytes(b"old")
    (tmp_path / "file").chmod(mode)
    put(subject, tmp_path / "file")
    assert stat.S_IMODE((tmp_path / "file").stat().st_mode) == mode


@pytest.mark.parametrize("mask", [0o022, 0o077])
def test_umask(subject: Subject, tmp_path: Path, mask: int) -> None:
    """A new file has the permissions that the umask leaves."""
    before = os.umask(mask)
    try:
        put(subject, tmp_path / "file")
    finally:
        os.umask(before)
    assert stat.S_IMODE((tmp_path / "file").stat().st_mode) == 0o666 & ~mask


@pytest.mark.parametrize("name", ["n" * 255, "ü" * 127, "with space\nand line", "-"])
def test_names(subject: Subject, tmp_path: Path, name: str) -> None:
    """Any name that the system takes works, up to its 255 bytes."""
    put(subject, tmp_path / name, b"old")
    put(subject, tmp_path / name)
    assert (tmp_path / name).read_bytes() == b"new"
    assert alone(tmp_path / name)


def test_many_threads(subject: Subject, tmp_path: Path) -> None:
    """Threads that write to one path all succeed, and one of them has the last word."""
    contents = [bytes([number]) * 100_000 for number in range(16)]
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda content: put(subject, tmp_path / "file", content), contents * 5))
    assert (tmp_path / "file").read_bytes() in contents
    assert alone(tmp_path / "file")


def test_strays(subject: Subject, tmp_path: Path) -> None:
    """The next writing to a file removes what a dead process left of it, or any process an hour
    ago; what a living process or another machine writes stays, and so does what is not ours."""
    files = subject.part("files")
    with subprocess.Popen([sys.executable, "-c", ""]) as process:
        process.wait()
    mine, old = (files._temporary(tmp_path / "file") for _ in range(2))
    start, machine, _, rest = mine.name[1:].split(".", 3)
    dead, elsewhere = f".{start}.{machine}.{process.pid}.{rest}", f".{start}.0.{process.pid}.{rest}"
    others = [f".{start}.tmp", f".{start}.{machine}.no number.tmp"]
    other = files._temporary(tmp_path / "other").name
    for name in (mine.name, old.name, dead, elsewhere, *others, other):
        (tmp_path / name).write_bytes(b"half")
    for name in (old.name, other):
        os.utime(tmp_path / name, (0, time.time() - 3700))
    put(subject, tmp_path / "file")
    left = {path.name for path in tmp_path.iterdir()}
    assert left == {"file", mine.name, elsewhere, *others, other}


def test_a_place_is_tried_without_a_trace(subject: Subject, tmp_path: Path) -> None:
    """A file, a new name and a device can be written to, and trying it changes nothing."""
    (tmp_path / "file").write_bytes(b"old")
    for path in (tmp_path / "file", tmp_path / "new", Path(os.devnull)):
        subject.part("files").check_writable(path)
    assert alone(tmp_path / "file")
    assert (tmp_path / "file").read_bytes() == b"old"


def full(*arguments: Any) -> None:
    """What the system answers where no space is left."""
    raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


def test_full_disk(subject: Subject, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A full disk is an OSError with the file's name; the old file stays whole, and alone."""
    path = tmp_path / "weights.pth"
    path.write_bytes(b"old")
    model = subject.untrained()
    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OSError, match=r"No space left.*weights\.pth"):
        model.save_model(path)
    assert path.read_bytes() == b"old"
    assert alone(path)


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="this system has no /dev/full")
def test_full_device(subject: Subject) -> None:
    """A device without space is an OSError with its name as well."""
    with pytest.raises(OSError, match=r"No space left.*/dev/full"):
        subject.untrained().save_model(Path("/dev/full"))


@pytest.mark.parametrize("place", ["folder", "file/weights.pth", "nowhere/weights.pth"])
def test_impossible_places(subject: Subject, tmp_path: Path, place: str) -> None:
    """A folder in the file's place, or none around it, is an OSError with the file's name."""
    (tmp_path / "folder").mkdir()
    (tmp_path / "file").touch()
    check = subject.part("files").check_writable
    for write in (lambda: put(subject, tmp_path / place), lambda: check(tmp_path / place)):
        with pytest.raises(OSError, match=place):
            write()
    assert sorted(path.name for path in tmp_path.iterdir()) == ["file", "folder"]


def test_content_is_made_before_the_file_is_touched(subject: Subject, tmp_path: Path) -> None:
    """While the content is made, nothing is on the disk yet, so that a kill leaves nothing."""

    def write(file: IO[bytes]) -> None:
        assert not list(tmp_path.iterdir())
        file.write(b"new")

    subject.part("files").write_atomically(tmp_path / "file", write)
    assert (tmp_path / "file").read_bytes() == b"new"
