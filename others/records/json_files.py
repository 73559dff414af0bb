"""Results and settings as small JSON files, and the lock of those who write them."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from Miniproject_1.noise2noise.files import write_atomically

if sys.platform != "win32":
    from fcntl import LOCK_EX, LOCK_NB, flock


def save_json(path: Path, content: dict[str, Any]) -> None:
    """Write a file, whole or not at all; its folder is made if need be."""
    path.parent.mkdir(parents=True, exist_ok=True)
    data = (json.dumps(content, indent=1, ensure_ascii=False) + "\n").encode()
    write_atomically(path, lambda file: file.write(data))


def read_json(path: Path) -> dict[str, Any]:
    """The object in a file.

    Raises:
        FileNotFoundError: no such file.
        ValueError: no JSON, nested too deeply, or something else than an object; the message names
            the file.
    """
    path = Path(path)
    if not path.is_file():
        raise FileNotFoundError(f"{path}: no such file; expected one with JSON")
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except (ValueError, RecursionError) as error:
        raise ValueError(f"{path} is not JSON: {error}") from error
    if not isinstance(content, dict):
        raise ValueError(f"{path} holds a {type(content).__name__}; expected an object in braces")
    return content


@contextmanager
def locked(path: Path) -> Iterator[None]:
    """Let one process at a time do the work whose results go to the file `path`.

    The lock is on an empty file beside `path`, whose folder is made if need be. The system frees
    the lock when the process ends, however it ends. Windows has no such locks: there nobody is
    refused, and of two processes the one that writes last has the last word.

    Raises:
        OSError: nothing can be written there, which is thus known before the work is done.
        ValueError: another process is at it.
    """
    if sys.platform == "win32":
        yield
        return
    path.parent.mkdir(parents=True, exist_ok=True)
    beside = path.with_name(f".{path.name}.lock")
    with open(beside, "w") as file:
        try:
            flock(file, LOCK_EX | LOCK_NB)
            if not os.fstat(file.fileno()).st_nlink:  # its holder has just removed it, and ended
                raise BlockingIOError
        except BlockingIOError as error:
            raise ValueError(f"another process is working on {path}; wait until it ends") from error
        try:
            yield
        finally:
            beside.unlink(missing_ok=True)
