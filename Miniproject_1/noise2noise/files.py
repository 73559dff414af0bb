"""Files that are written whole or not at all.

This file lies in both miniprojects, byte for byte the same, because neither may import the other.
"""

import os
from pathlib import Path
from typing import IO, Callable


def write_atomically(path: Path, write: Callable[[IO[bytes]], object]) -> None:
    """Let `write` fill a temporary file beside `path` and rename it: a kill leaves the old one."""
    # Not all of the name: it may have the 255 bytes that a name can have.
    temporary = path.with_name(f"{path.name[:40]}.{os.getpid()}.tmp")
    try:
        with open(temporary, "wb") as file:
            write(file)
            file.flush()
            os.fsync(file.fileno())
        os.replace(temporary, path)
    finally:
        if temporary.exists():
            temporary.unlink()
