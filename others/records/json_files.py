"""Results and settings as small JSON files, and the lock of those who write them."""

import json
import math
import os
import sys
import zlib
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NoReturn

from Miniproject_1.noise2noise.files import write_atomically

# JSON has no such numbers: in a file they are texts, by the names that Python and JavaScript use.
NOT_FINITE = {"NaN": math.nan, "Infinity": math.inf, "-Infinity": -math.inf}
LONGEST = 255  # bytes of a file's name, in all usual file systems
LARGEST = 2**24  # bytes; the largest file of results has some 100,000
# What a program stumbles over where an entry is of another type, or a list shorter, than expected.
STUMBLES = (TypeError, AttributeError, LookupError, ArithmeticError, StopIteration, ValueError)


class Entries(dict[str, Any]):
    """An object of a JSON file. The error for an entry that it lacks names the file."""

    def __init__(self, content: dict[str, Any], path: Path) -> None:
        super().__init__(content)
        self.path = path

    def __missing__(self, name: str) -> NoReturn:
        raise ValueError(f"{self.path} lacks an entry {name!r}")


@contextmanager
def blaming(paths: Iterable[Path]) -> Iterator[None]:
    """Turn errors that damaged files cause in the code inside into a ValueError with their names.

    Args:
        paths: the files. The code may add some while it runs; without any, errors stay as they are.
    """
    try:
        yield
    except STUMBLES as error:
        names = ", ".join(map(str, paths))
        if not names or any(str(path) in str(error) for path in paths):  # it is said already
            raise
        raise ValueError(
            f"{names}: an entry is not what its command writes ({type(error).__name__}: {error})"
        ) from error


if sys.platform != "win32":
    from fcntl import LOCK_EX, LOCK_NB, flock


def save_file(path: Path, content: str | bytes) -> None:
    """Write a file, whole or not at all; its folder is made if need be."""
    data = content.encode() if isinstance(content, str) else content
    path.parent.mkdir(parents=True, exist_ok=True)
    write_atomically(path, lambda file: file.write(data))


def save_json(path: Path, content: dict[str, Any]) -> None:
    """`save_file` of an object as JSON.

    Any reader of JSON can read it: numbers that are not finite become texts (`NOT_FINITE`).
    """
    text = json.dumps(_texts(content), indent=1, ensure_ascii=False, allow_nan=False)
    save_file(path, f"{text}\n")


def _texts(value: Any) -> Any:
    """A copy of a value for JSON, with texts in the place of numbers that are not finite."""
    if isinstance(value, dict):
        return {name: _texts(one) for name, one in value.items()}
    if isinstance(value, (list, tuple)):
        return [_texts(one) for one in value]
    if isinstance(value, float) and not math.isfinite(value):
        return "NaN" if math.isnan(value) else "Infinity" if value > 0 else "-Infinity"
    return value


def _numbers(value: Any) -> Any:
    """The inverse of `_texts`, of a value whose inner objects are converted already."""
    if isinstance(value, list):
        return [_numbers(one) for one in value]
    return NOT_FINITE.get(value, value) if isinstance(value, str) else value


def read_json(path: Path) -> dict[str, Any]:
    """What `save_json` wrote: the object in a file, with all objects in it as `Entries`.

    Raises:
        FileNotFoundError: no such file.
        OSError: it cannot be read.
        ValueError: no JSON, too large, nested too deeply, or something else than an object. Every
            message names the file.
    """
    path = Path(path)
    if not path.is_file():
        raise FileNotFoundError(f"{path}: no such file; expected one with JSON")
    if path.stat().st_size > LARGEST:
        raise ValueError(f"{path} has {path.stat().st_size} bytes; expected at most {LARGEST}")

    def entries(found: dict[str, Any]) -> Entries:
        return Entries({name: _numbers(one) for name, one in found.items()}, path)

    try:
        content = json.loads(path.read_text(encoding="utf-8"), object_hook=entries)
    except OSError as error:
        raise OSError(error.errno, error.strerror, str(path)) from error
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
    name = os.fsencode(path.name)
    if len(name) > LONGEST - len("..lock"):
        name = b"%08x" % zlib.crc32(name)
    beside = path.with_name(f".{os.fsdecode(name)}.lock")
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
