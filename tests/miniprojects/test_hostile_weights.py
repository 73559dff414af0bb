"""Files of weights made to harm: small ones that declare much, damaged ones, odd tensors."""

from __future__ import annotations

import io
import os
import sys
import zipfile
import zlib
from collections.abc import Callable
from pathlib import Path
from random import Random
from typing import Any

import pytest
import torch
from torch import Tensor

from tests.helpers import fork_server
from tests.helpers.weights import assert_refused, write
from tests.subjects import Subject, Weights, same_bits, weights_of

pytestmark = pytest.mark.usefixtures("narrow")

ODD: dict[str, Callable[[Tensor], Any]] = {
    "NaN": lambda x: x * float("nan"),
    "infinity": lambda x: x / 0,
    "infinity as float32": lambda x: x.double() + 1e300,
    "no values": lambda x: x.to("meta"),
    "sparse": lambda x: x.to_sparse(),
    "quantized": lambda x: torch.quantize_per_tensor(x, 0.1, 0, torch.qint8),
    "complex": lambda x: torch.complex(x, x),
    "whole numbers": lambda x: x.long(),
    "booleans": lambda x: x > 0,
    "one value for all": lambda x: x.flatten()[:1].expand(x.numel()).view(x.shape),
    "overlapping": lambda x: x.flatten().as_strided(x.shape, [0] + [1] * (x.dim() - 1)),
}


@pytest.mark.parametrize("kind", ODD)
@pytest.mark.parametrize("place", [0, -1])
@pytest.mark.filterwarnings("ignore:.*[Qq]uantiz", "ignore:TypedStorage is deprecated")
def test_odd_tensors(kind: str, place: int, tmp_path: Path) -> None:
    """One tensor of another kind among good ones is refused, and none of the others is taken."""
    subject, path = Subject(1), tmp_path / "odd.pth"
    weights = weights_of(subject.rough(seed=1))
    name = list(weights)[place]
    weights[name] = ODD[kind](weights[name])
    torch.save(weights, path)
    assert_refused(subject.rough(), path)


@pytest.mark.parametrize("kind", ["NaN", "infinity"])
def test_numbers_that_are_none(kind: str, tmp_path: Path) -> None:
    """Weights of Miniproject 2 with NaN or infinity are refused, and none of them is taken."""
    subject, path = Subject(2), tmp_path / "odd.pth"
    weights = weights_of(subject.rough(seed=1))
    name = list(weights)[-1]
    weights[name] = ODD[kind](weights[name] + 1)
    write(subject, weights, path)
    assert_refused(subject.rough(), path)


@pytest.mark.parametrize("dtype", [torch.float16, torch.float64])
def test_other_precisions(dtype: torch.dtype, tmp_path: Path) -> None:
    """Weights in half or double precision are taken, as float32."""
    model, weights = Subject(1).rough(), weights_of(Subject(1).rough(seed=1))
    torch.save({name: value.to(dtype) for name, value in weights.items()}, tmp_path / "w.pth")
    model.load_pretrained_model(tmp_path / "w.pth")
    assert same_bits(weights_of(model), {n: v.to(dtype).float() for n, v in weights.items()})


# Small files that declare much


def laughs() -> list[Any]:
    """A list of two lists of two lists and so on, each the same twice: 2^40 in all."""
    value: list[Any] = []
    for _ in range(40):
        value = [value, value]
    return value


def wide(kind: str) -> Weights:
    """Weights that make Miniproject 1 as wide as 30,000 channels, without holding any."""
    model, weights = Subject(1).rough(), {}
    for name, value in weights_of(model).items():
        shape = [30_000 if size in (8, 12) else size for size in value.shape]
        empty = (
            torch.zeros(1).expand(shape)
            if kind == "expanded"
            else torch.empty(shape, device="meta")
        )
        weights[name] = empty
    return weights


def bomb(path: Path, compressed: bool) -> None:
    """An archive of torch's whose records are compressed, or lie over one another."""
    stream = io.BytesIO()
    torch.save({"stem.weight": torch.zeros(10_000_000)}, stream)
    with zipfile.ZipFile(stream) as whole, zipfile.ZipFile(path, "w") as archive:
        for name in whole.namelist():
            kind = zipfile.ZIP_DEFLATED if compressed else zipfile.ZIP_STORED
            archive.writestr(name, whole.read(name), kind)
    if not compressed:  # keep the table at the end alone: what it lists is not there
        path.write_bytes(path.read_bytes()[-2000:])


def framed(text: bytes, numbers: bytes = b"") -> Callable[[Path], Any]:
    """A writer of a file of Miniproject 2 with this JSON, these numbers and a right checksum."""
    data = text + b"\n" + numbers
    return lambda path: path.write_bytes(data + zlib.crc32(data).to_bytes(4, "little"))


SMALL: dict[str, tuple[int, Callable[[Path], Any]]] = {
    "expanded to 30,000 channels": (1, lambda path: torch.save(wide("expanded"), path)),
    "30,000 channels on meta": (1, lambda path: torch.save(wide("meta"), path)),
    "a compressed archive": (1, lambda path: bomb(path, compressed=True)),
    "an archive without content": (1, lambda path: bomb(path, compressed=False)),
    "lists of lists twice (1)": (1, lambda path: torch.save({"stem.weight": laughs()}, path)),
    "4 GB of numbers": (2, framed(b'{"x": {"tensor": [1000, 1000, 1000]}}', bytes(4000))),
    "4 EB of numbers": (2, framed(b'{"x": {"tensor": [1152921504606846976]}}', bytes(4000))),
    "more halves than there are": (2, framed(b'{"x": {"half": [1000]}}', bytes(1998))),
    "more numbers than memory": (2, framed(b'{"x": {"tensor": [1' + b"0" * 1000 + b"]}}")),
    "less than no numbers": (2, framed(b'{"x": {"tensor": [-1]}}', bytes(4000))),
    "no numbers in a large shape": (2, framed(b'{"x": {"tensor": [4611686018427387904, 0]}}')),
    "a shape that is none": (2, framed(b'{"x": {"tensor": {"a": 1}}}', bytes(4000))),
    "numbers taken twice": (2, framed(b'[{"tensor": [1000]}, {"tensor": [1000]}]', bytes(4000))),
    "lists 30,000 deep": (2, framed(b"[" * 30_000 + b"]" * 30_000)),
    "lists 2,000,000 deep": (2, framed(b"[" * 2_000_000 + b"]" * 2_000_000)),
    "1,500,000 lists": (2, framed(b"[" + b"[]," * 1_500_000 + b"[]]")),
    "a number of 60,000 digits": (2, framed(b'{"x": ' + b"9" * 60_000 + b"}")),
    "a number of 4,000,000 digits": (2, framed(b'{"x": ' + b"9" * 4_000_000 + b"}")),
    "no text": (2, framed(b"\xff\xfe{}")),
}
LOADING = """
import resource, sys, warnings
warnings.simplefilter("ignore")
from pathlib import Path
from {package}.model import Model
model = Model()
used = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
try:
    model.load_pretrained_model(Path(sys.argv[1]))
except ValueError as error:
    print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - used, str(error)[:1000])
"""


@pytest.mark.skipif(sys.platform != "linux", reason="ru_maxrss has another unit or is missing")
@pytest.mark.parametrize("kind", SMALL)
@pytest.mark.filterwarnings("ignore:TypedStorage is deprecated")
def test_small_files(kind: str, tmp_path: Path) -> None:
    """A small file is refused in seconds and in less than 200 MB, whatever it declares."""
    number, make = SMALL[kind]
    path = tmp_path / "small.pth"
    make(path)
    assert path.stat().st_size < 5_000_000
    code = LOADING.format(package=Subject(number).package)
    done = fork_server.run(code, str(path), limit=120)
    assert (done.returncode, done.stderr) == (0, "")
    kilobytes, message = done.stdout.split(" ", 1)
    assert int(kilobytes) < 200_000
    assert "small.pth" in message


# Damage


@pytest.mark.filterwarnings("ignore:Detected pickle protocol")
def test_damaged_weights(subject: Subject, tmp_path: Path) -> None:
    """Of 300 files that are cut, flipped, overwritten or lengthened, each is refused by its name,
    or its weights are those that were saved: a checksum finds what changes them."""
    path, model, random = tmp_path / "weights.pth", subject.rough(), Random(0)
    saved = subject.rough(seed=1)
    saved.save_model(path)
    content, good, before = path.read_bytes(), weights_of(saved), weights_of(model)
    refused = 0
    for number in range(300):
        changed, place = bytearray(content), random.randrange(len(content))
        if number % 4 == 0:
            changed = changed[:place]
        elif number % 4 == 1:
            changed[place] ^= 1 << random.randrange(8)
        elif number % 4 == 2:
            changed[place : place + 9] = random.randbytes(9)
        else:
            changed[place:place] = random.randbytes(9)
        path.write_bytes(changed)
        try:
            model.load_pretrained_model(path)
        except ValueError as error:
            assert "weights.pth" in str(error)  # noqa: PT017 - some changes hit what nobody reads
            assert same_bits(weights_of(model), before)
            refused += 1
        else:
            assert same_bits(weights_of(model), good)
            model.network.load_state_dict(before)
    assert refused > 250


@pytest.mark.parametrize("kind", ["folder", "link", "pipe"])
@pytest.mark.skipif(sys.platform == "win32", reason="links and pipes of POSIX")
def test_no_file(subject: Subject, kind: str, tmp_path: Path) -> None:
    """A folder, a pipe or a link to nothing in the place of the weights is no such file."""
    path = tmp_path / "weights.pth"
    {"folder": path.mkdir, "pipe": lambda: os.mkfifo(path), "link": lambda: path.symlink_to("no")}[
        kind
    ]()
    assert_refused(subject.rough(), path, FileNotFoundError)


def test_no_right_to_read(
    subject: Subject, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A whole file that this user may not read is not called damaged; the model stays as it was."""
    model, path = subject.rough(), tmp_path / "weights.pth"
    model.save_model(path)
    before = weights_of(model)

    def refuse(*_: Any, **__: Any) -> None:
        raise PermissionError(13, "Permission denied", str(path))

    monkeypatch.setattr(Path, "open", refuse)
    with pytest.raises(PermissionError, match=r"Permission denied: .*weights\.pth"):
        model.load_pretrained_model(path)
    assert same_bits(weights_of(model), before)
