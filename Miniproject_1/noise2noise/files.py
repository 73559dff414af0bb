"""Files that are written whole or not at all.

This file lies in both miniprojects, byte for byte the same, because neither may import the other.
"""

import errno
import os
import platform
import stat
import time
import zlib
from contextlib import suppress
from io import BytesIO
from pathlib import Path
from typing import IO, Callable, Optional
from uuid import uuid4

STRAY_SECONDS = 3600  # a temporary file of another machine that is older than this was left behind


def write_atomically(path: Path, write: Callable[[IO[bytes]], object]) -> None:
    """Replace the file at `path` by what `write` writes, or leave it as it is.

    The content is collected in memory, written to a temporary file in the same folder, and that
    file is renamed. So the old file stays whole if the process is killed or the disk is full. A
    link stays a link to the file that is replaced, and a replaced file keeps its permissions. A
    device or a pipe cannot be replaced, so the content goes straight into it.

    Args:
        path: any number of threads and processes may write to it; the last one wins.
        write: is given the file in memory, open for writing bytes.

    Raises:
        OSError: the content could not be written; the message names `path`.
    """
    content = BytesIO()
    write(content)
    try:
        mode = _mode(path)
        if mode is None or stat.S_ISREG(mode):
            _replace(Path(os.path.realpath(path)), content, mode)
        else:
            with open(path, "wb") as file:
                file.write(content.getbuffer())
    except OSError as error:
        raise OSError(error.errno, error.strerror or str(error), str(path)) from error


def check_writable(path: Path) -> None:
    """Raise what `write_atomically` would raise, before there is anything to write.

    Raises:
        OSError: the folder is missing or read-only, or `path` is a folder; the message names it.
    """
    temporary = _temporary(Path(os.path.realpath(path)))
    try:
        mode = _mode(path)  # of `path`: what /dev/stdout leads to has no name of its own
        if mode is not None and stat.S_ISDIR(mode):
            raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR))
        if mode is None or stat.S_ISREG(mode):  # beside a device or a pipe nothing is written
            open(temporary, "xb").close()
            os.unlink(temporary)
    except OSError as error:
        raise OSError(error.errno, error.strerror, str(path)) from error


def _mode(path: Path) -> Optional[int]:
    """Type and permissions of what is at `path`, or None if there is nothing."""
    try:
        return os.stat(path).st_mode
    except FileNotFoundError:
        return None


def _prefix(target: Path) -> str:
    """How the names of the temporary files of `target` begin: short, however long its own is."""
    return f".{zlib.crc32(os.fsencode(target.name)):08x}."


def _machine() -> str:
    return f"{zlib.crc32(platform.node().encode('utf-8', 'surrogateescape')):08x}"


def _temporary(target: Path) -> Path:
    """A name that says whose it is: .TARGET.MACHINE.PROCESS.RANDOM.tmp, all but PROCESS hashed."""
    return target.with_name(f"{_prefix(target)}{_machine()}.{os.getpid()}.{uuid4().hex}.tmp")


def _replace(target: Path, content: BytesIO, mode: Optional[int]) -> None:
    _remove_strays(target)
    temporary = _temporary(target)
    try:
        with open(temporary, "xb") as file:
            if mode is not None:
                os.chmod(temporary, stat.S_IMODE(mode))
            file.write(content.getbuffer())
            file.flush()
            os.fsync(file.fileno())
        os.replace(temporary, target)
    except BaseException:  # Ctrl-C too
        with suppress(OSError):
            os.unlink(temporary)
        raise


def _remove_strays(target: Path) -> None:
    """Remove what killed processes left of `target`; what cannot be removed does no harm."""
    with suppress(OSError):
        for stray in target.parent.glob(f"{_prefix(target)}*.tmp"):
            with suppress(OSError, ValueError, OverflowError):  # not each name is one of ours
                if _is_left_behind(stray):
                    os.unlink(stray)


def _is_left_behind(stray: Path) -> bool:
    """Whether nobody writes to a temporary file any more.

    That is so when its process has ended. Processes of other machines, which may share the folder,
    cannot be seen, and Windows has no harmless way to ask: there an hour must have passed.
    """
    machine, process = stray.name.split(".")[2:4]
    if os.name == "posix" and machine == _machine():
        try:
            os.kill(int(process), 0)  # asks only: no signal has the number 0
        except ProcessLookupError:
            return True
    return time.time() - os.stat(stray).st_mtime > STRAY_SECONDS
