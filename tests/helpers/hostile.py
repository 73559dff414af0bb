"""Files that accidents and attackers leave, and the claim that a loader survives them all.

`fuzz` puts one damaged file after the other in the place of a good one. Some are the good file with
other bytes, some hold its content with one entry changed, and some are no files at all.
"""

from __future__ import annotations

import json
import os
import pickle
import resource
import shutil
import signal
import stat
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from copy import deepcopy
from dataclasses import dataclass, field
from pathlib import Path
from random import Random
from types import FrameType
from typing import Any

import torch
from torch import Tensor

SECONDS = 30  # that a loader may take for one small file, on a machine with other work
MEGABYTES = 150  # that it may take while it does
ADDRESSES = 3 * 2**30  # bytes beyond those in use: more are refused, which spares the machine
LONGEST = 2000  # characters of a refusal
FOREIGN = (
    b"",
    b"no such content\n",
    b"\x89PNG\r\n\x1a\n",
    b"PK\x05\x06" + bytes(18),  # an archive of no files
    b"null",
    b"[]",
    b"{}",
    b'{"a": NaN}',
    b"[" * 10**5,
    b"\xff\xfe\x00",
    pickle.dumps({"a": [1, 2]}, 4),
    pickle.dumps(print),  # names a function
)
PLAIN: tuple[Any, ...] = (
    *(None, True, 0, -1, 3, 10**9, 10**30, 0.5, -1e300, float("nan"), float("inf")),
    *("", "text", "x" * 10**5, [], {}, [1, "two", None], {"a": 1}, [[0.0] * 3] * 3, [0] * 10**5),
)
ONES = torch.ones(2, 3)
ODD: dict[str, Callable[[Tensor], Any]] = {
    "NaN": lambda x: x * float("nan"),
    "infinity": lambda x: x.double() + 1e300 if x.is_floating_point() else x / 0,
    "transposed": lambda x: x.mT if x.dim() > 1 else x[None],
    "shorter": lambda x: x[:-1] if x.dim() else x[None],
    "expanded": lambda x: x.flatten()[:1].expand(max(x.numel(), 1)).view(x.shape),
    "a billion": lambda x: x.flatten()[:1].expand(1000, 3, 1000, 1000),
    "no values": lambda x: x.to("meta"),
    "a billion of no values": lambda x: torch.empty(1000, 3, 1000, 1000, device="meta"),
    "sparse": lambda x: x.to_sparse(),
    "a sparse billion": lambda x: torch.empty(
        (1000, 3, 1000, 1000), layout=torch.sparse_coo, dtype=x.dtype
    ),
    "quantized": lambda x: torch.quantize_per_tensor(x.float(), 0.1, 0, torch.qint8),
    "nested": lambda x: torch.nested.nested_tensor([x.float().flatten()[:2], x.float().flatten()]),
    "of 4 bits": lambda x: torch.empty(x.shape, dtype=torch.float4_e2m1fn_x2),
    "complex": lambda x: torch.complex(x.float(), x.float()),
    "whole numbers": lambda x: x.long() + 1,
    "booleans": lambda x: x > 0,
    "a number": lambda x: 3,
    "a list": lambda x: x.flatten()[:5].tolist(),
}


# What is damaged


def damaged(content: bytes, random: Random) -> bytes:
    """The content cut, lengthened, or with some other bytes; or another content altogether."""
    place, changed = random.randrange(len(content)), bytearray(content)
    kind = random.randrange(6)
    if kind == 0:
        return content[:place]
    if kind == 1:
        changed[place] ^= 1 << random.randrange(8)
    elif kind == 2:
        changed[place : place + 4] = random.choice([b"\xff" * 4, b"\0" * 4, b"\x7f" + b"\xff" * 3])
    elif kind == 3:
        changed[place : place + 9] = random.randbytes(9)
    elif kind == 4:
        changed[place:place] = random.randbytes(9)
    else:
        return random.choice(FOREIGN)
    return bytes(changed)


def altered(value: Any, random: Random, tensors: float = 0.0) -> Any:
    """A copy of nested dictionaries, lists, tuples and tensors with one entry changed or gone.

    Args:
        tensors: how often a tensor takes the place of a plain value.
    """
    if isinstance(value, tuple):
        changed = altered(list(value), random, tensors)
        return tuple(changed) if isinstance(changed, list) else changed
    if not isinstance(value, (dict, list)) or not value or random.random() < 0.05:
        return odd(value, random, tensors)
    changed = value.copy()
    key = random.choice(list(changed) if isinstance(changed, dict) else range(len(changed)))
    if random.random() < 0.6 and isinstance(changed[key], (dict, list, tuple)):
        changed[key] = altered(changed[key], random, tensors)
    elif random.random() < 0.2:
        del changed[key]
    else:
        changed[key] = odd(changed[key], random, tensors)
    return changed


def odd(value: Any, random: Random, tensors: float) -> Any:
    """Another value in the place of this one, which no loader expects there."""
    if random.random() < (0.8 if isinstance(value, Tensor) else tensors):
        try:
            return random.choice(list(ODD.values()))(value if isinstance(value, Tensor) else ONES)
        except (RuntimeError, TypeError):  # not every kind can be made of every tensor
            return None
    return deepcopy(random.choice(PLAIN))


PLACES: dict[str, Callable[[Path], object]] = {
    "missing": lambda path: None,
    "a folder": Path.mkdir,
    "a pipe": os.mkfifo,
    "a link to nothing": lambda path: path.symlink_to("nothing"),
    "a link to itself": lambda path: path.symlink_to(path),
    "unreadable": lambda path: path.symlink_to("/proc/self/mem"),  # EIO, for root as well
    "without an end": lambda path: path.symlink_to("/dev/zero"),
}


# What happens


class Hang(BaseException):
    """A loader took longer than it may; no loader mistakes it for an error of the file."""


@dataclass
class Tally:
    """How often a loader was tried, and what went wrong."""

    tried: int = 0
    refused: int = 0
    faults: list[str] = field(default_factory=list)


@contextmanager
def limited() -> Iterator[None]:
    """Limit the time and the memory of the code inside."""

    def stop(number: int, frame: FrameType | None) -> None:
        raise Hang

    soft, hard = resource.getrlimit(resource.RLIMIT_AS)
    resource.setrlimit(resource.RLIMIT_AS, (memory("VmSize") + ADDRESSES, hard))
    before = signal.signal(signal.SIGALRM, stop)
    signal.setitimer(signal.ITIMER_REAL, SECONDS)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)
        resource.setrlimit(resource.RLIMIT_AS, (soft, hard))


def memory(name: str) -> int:
    """What Linux says of this process' memory under this name, in bytes."""
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) << 10 for line in lines if line.startswith(f"{name}:"))


def removed(path: Path) -> None:
    """Remove whatever is at the path."""
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)


def what_is(path: Path) -> object:
    """The kind of what is at the path, and its content or its target."""
    if not os.path.lexists(path):
        return None
    mode = stat.S_IFMT(os.lstat(path).st_mode)
    if path.is_symlink():
        return mode, os.readlink(path)
    return mode, path.read_bytes() if path.is_file() else b""


def fuzz(
    path: Path,
    load: Callable[[], object],
    alter: Callable[[Random], object],
    state: Callable[[], object] = lambda: None,
    names: str | None = None,
    count: int = 300,
    seed: int = 0,
) -> Tally:
    """Try a loader on `count` damaged files, one after the other in the place of a good one.

    Args:
        path: of the good file, which is there again in the end.
        load: reads the file; after a file that it took, it is as it was before.
        alter: writes a file like the good one, with something in it changed.
        state: what a refusal must leave as it was.
        names: what a refusal has to name, if that is not the file.
    """
    good, random, tally = path.read_bytes(), Random(seed), Tally()
    load()  # the good file is taken; and what is imported at the first time is not counted below
    for number in range(count):
        kind = list(PLACES)[number] if number < len(PLACES) else ("content", "bytes")[number % 2]
        removed(path)
        if kind == "content":
            alter(random)
        elif kind == "bytes":
            path.write_bytes(damaged(good, random))
        else:
            PLACES[kind](path)
        before, left = state(), what_is(path)
        refused, fault = tried(load, names or path.name)
        tally.tried += 1
        tally.refused += refused
        if not fault and refused and what_is(path) != left:
            fault = "the file was changed"
        if not fault and refused and state() != before:
            fault = "what was loaded into was changed"
        if fault:
            tally.faults.append(f"{number} ({kind}): {fault}")
    removed(path)
    path.write_bytes(good)
    return tally


def tried(load: Callable[[], object], name: str) -> tuple[bool, str]:
    """Whether a loader refuses its file, and what is wrong with how it does."""
    with suppress(OSError):  # where it is not allowed, smaller peaks hide behind larger ones
        Path("/proc/self/clear_refs").write_text("5")  # the peak of the memory begins anew
    used, refused, fault = memory("VmHWM"), False, ""
    try:
        with limited():
            load()
    except (ValueError, OSError) as error:
        refused, text = True, str(error)
        if name not in text:
            fault = f"{type(error).__name__} that does not name the file: {text[:200]}"
        elif len(text) > LONGEST:
            fault = f"{len(text)} characters: {text[:200]}"
    except BaseException as error:  # noqa: BLE001 - it is counted
        fault = f"{type(error).__name__}: {str(error)[:200]}"
    grown = (memory("VmHWM") - used) >> 20
    return refused, fault or (f"took {grown} MB" if grown > MEGABYTES else "")


# The content of a file with one entry changed


def torch_alter(path: Path) -> Callable[[Random], None]:
    """An `alter` for `fuzz`: changes what `torch.save` has written to the path."""
    content = torch.load(path, weights_only=True)

    def alter(random: Random) -> None:
        while True:
            with suppress(RuntimeError, TypeError, NotImplementedError):  # not all can be written
                torch.save(altered(content, random, tensors=0.2), path)
                return

    return alter


def state_alter(path: Path) -> Callable[[Random], None]:
    """An `alter` for `fuzz`: changes the JSON in a file of Miniproject 2, and its checksum."""
    text, _, numbers = path.read_bytes()[:-4].partition(b"\n")
    content = json.loads(text)

    def alter(random: Random) -> None:
        data = json.dumps(altered(content, random)).encode() + b"\n" + numbers
        path.write_bytes(data + zlib.crc32(data).to_bytes(4, "little"))

    return alter


def json_alter(path: Path) -> Callable[[Random], None]:
    """An `alter` for `fuzz`: changes the JSON at the path."""
    content = json.loads(path.read_text(encoding="utf-8"))

    def alter(random: Random) -> None:
        path.write_text(json.dumps(altered(content, random)), encoding="utf-8")

    return alter


def bytes_alter(path: Path, start: int = 64) -> Callable[[Random], None]:
    """An `alter` for `fuzz` where no library writes nonsense: changes some of the first bytes."""
    content = path.read_bytes()

    def alter(random: Random) -> None:
        changed = bytearray(content)
        for _ in range(random.randrange(1, 4)):
            changed[random.randrange(min(start, len(content)))] = random.choice([0, 127, 255, 1])
        path.write_bytes(changed)

    return alter
