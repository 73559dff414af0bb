"""What reading and writing image files costs beside the bare libraries that decode and encode them.

    python -m others.studies.bench.image_files [--rounds 9] [--json PATH]

Every kind, depth and packing that `others.files` keeps, on an image of 3000x2000 pixels in memory.
Reading is `picture_of`, which also checks the file and takes what lies beside the pixels; beside it
stands the same library alone, from the same bytes to an array. Writing is `bytes_of`, likewise. A
ratio is that of the shortest processor times of either, which take turns: whatever else the machine
does makes single times longer, and none shorter. The last row lists a folder of 20,000 images.
"""

import argparse
import io
import os
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import cv2
import numpy as np
import tifffile
import torch
from PIL import Image

from others.data.images import image_files
from others.engine import command
from others.files.image_file import bytes_of, picture_of
from others.records.json_files import save_json
from others.records.paths import RESULTS
from others.records.study import brief, machine

FILE = RESULTS / "bench" / "image_files.json"
SIZE = (2000, 3000)  # height and width
LISTED = 20_000
LZW = 5  # OpenCV's number of the packing
CHANNELS = {"L": 1, "LA": 2, "RGB": 3, "RGBA": 4}
Array = np.ndarray
Write = Callable[[Array], bytes]
Read = Callable[[bytes], Array]


def by_pillow(name: str, mode: str = "", **options: Any) -> Write:
    """A writer of a format that Pillow knows; `mode`: to which the image is changed before."""

    def write(array: Array) -> bytes:
        image, file = Image.fromarray(array), io.BytesIO()
        (image.convert(mode) if mode else image).save(file, name, **options)
        return file.getvalue()

    return write


def by_opencv(suffix: str, *options: int) -> Write:
    """A writer of a kind of file that OpenCV knows."""

    def write(array: Array) -> bytes:
        return cv2.imencode(suffix, array, options)[1].tobytes()

    return write


def by_tifffile(**options: Any) -> Write:
    """A writer of TIFF."""

    def write(array: Array) -> bytes:
        file = io.BytesIO()
        photometric = "rgb" if array.ndim == 3 else "minisblack"
        tifffile.imwrite(file, array, photometric=photometric, metadata=None, **options)
        return file.getvalue()

    return write


def pillow(data: bytes) -> Array:
    """The pixels by Pillow."""
    with Image.open(io.BytesIO(data)) as image:
        return np.array(image)


def opencv(data: bytes) -> Array:
    """The pixels by OpenCV."""
    array = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_UNCHANGED)
    assert array is not None
    return array


def bare_tiff(data: bytes) -> Array:
    """The pixels by tifffile."""
    return np.asarray(tifffile.imread(io.BytesIO(data)))


class Case(NamedTuple):
    """A row: how the file is made, what reads it alone, and what alone writes what we write."""

    suffix: str
    mode: str  # of the array, ";16" for 16 bits
    write: Write  # the file that is read
    read: Read  # the library that `others.files` reads this file with
    again: Write | None = None  # the library that it writes such a picture with; None for `write`


PNG, TIFF = by_pillow("PNG"), by_tifffile()
CASES = {
    "PNG, 8 bits": Case(".png", "RGB", PNG, opencv),
    "PNG, 8 bits, grey": Case(".png", "L", PNG, opencv),
    "PNG, 8 bits, alpha": Case(".png", "RGBA", PNG, opencv),
    "PNG, palette": Case(".png", "L", by_pillow("PNG", "P"), opencv, by_pillow("PNG", "RGB")),
    "PNG, 16 bits": Case(".png", "RGB;16", by_opencv(".png"), opencv),
    "PNG, 16 bits, grey": Case(".png", "L;16", by_opencv(".png"), opencv),
    "TIFF, 8 bits": Case(".tif", "RGB", TIFF, bare_tiff),
    "TIFF, 8 bits, LZW": Case(
        ".tif", "RGB", by_pillow("TIFF", compression="tiff_lzw"), pillow, TIFF
    ),
    "TIFF, 8 bits, deflate": Case(".tif", "RGB", by_tifffile(compression="zlib"), bare_tiff, TIFF),
    "TIFF, 16 bits": Case(".tif", "RGB;16", TIFF, bare_tiff),
    "TIFF, 16 bits, grey": Case(".tif", "L;16", TIFF, bare_tiff),
    "TIFF, 16 bits, big-endian": Case(".tif", "RGB;16", by_tifffile(byteorder=">"), bare_tiff),
    "TIFF, 16 bits, deflate": Case(
        ".tif", "RGB;16", by_tifffile(compression="zlib"), bare_tiff, TIFF
    ),
    "TIFF, 16 bits, LZW": Case(
        ".tif", "RGB;16", by_opencv(".tif", cv2.IMWRITE_TIFF_COMPRESSION, LZW), opencv, TIFF
    ),
    "JPEG": Case(".jpg", "RGB", by_pillow("JPEG", quality=90), pillow),
    "JPEG, grey": Case(".jpg", "L", by_pillow("JPEG", quality=90), pillow),
    "WebP": Case(".webp", "RGB", by_pillow("WEBP", quality=95), pillow),
    "WebP, lossless": Case(".webp", "RGB", by_pillow("WEBP", lossless=True, quality=95), pillow),
    "BMP": Case(".bmp", "RGB", by_pillow("BMP"), pillow),
    "PPM, 8 bits": Case(".ppm", "RGB", by_pillow("PPM"), pillow),
    "PPM, 16 bits": Case(".ppm", "RGB;16", by_opencv(".ppm"), opencv),
}


def drawn(mode: str, height: int, width: int) -> Array:
    """Waves with noise on them, which pack as photographs do."""
    name, _, deep = mode.partition(";")
    rows, columns = np.ogrid[:height, :width]
    waves = np.sin(rows / 90)[..., None] * np.cos(columns / 70)[..., None]
    waves = (waves + np.arange(CHANNELS[name]) / 4) / 4 + 0.4
    noise = np.random.default_rng(0).normal(0, 0.01, (height, width, CHANNELS[name]))
    values = (waves + noise).clip(0, 1) * (65535 if deep else 255)
    return np.ascontiguousarray(values.astype(np.uint16 if deep else np.uint8).squeeze())


def fastest(steps: Sequence[Callable[[], object]], rounds: int) -> list[float]:
    """The shortest processor time of each step in milliseconds, with turns taken."""
    times = []
    for _ in range(rounds):
        row = []
        for step in steps:
            start = time.process_time()
            step()
            row.append(1000 * (time.process_time() - start))
        times.append(row)
    return [min(column) for column in zip(*times)]


def row(name: str, case: Case, size: tuple[int, int], rounds: int) -> dict[str, Any]:
    """The times of a case and their ratios."""
    array = drawn(case.mode, *size)
    data, again = case.write(array), case.again or case.write
    picture = picture_of(data, name)
    target = Path("x" + case.suffix)
    shown = array
    if name == "PNG, palette":  # whose colours are written, not their numbers
        shown = np.repeat(array[..., None], 3, axis=2)
    steps = [lambda: picture_of(data, name), lambda: case.read(data)]
    read, bare_read = fastest(steps, rounds)
    steps = [lambda: bytes_of(target, picture), lambda: again(shown)]
    write, bare_write = fastest(steps, max(1, rounds // 2))
    return {
        "name": name,
        "read": round(read / bare_read, 3),
        "read_ms": round(read, 2),
        "write": round(write / bare_write, 3),
        "write_ms": round(write, 2),
    }


def listing(count: int, rounds: int) -> dict[str, Any]:
    """The time of finding the images of a folder, over that of the sorted names alone."""
    with tempfile.TemporaryDirectory() as place:
        for number in range(count):
            (Path(place) / f"{number}.png").touch()
        steps = [lambda: image_files(Path(place)), lambda: sorted(os.listdir(place))]
        found, bare = fastest(steps, rounds)
    name = f"names of {count} images"
    return {"name": name, "read": round(found / bare, 3), "read_ms": round(found, 2)}


def parser() -> argparse.ArgumentParser:
    """The options."""
    result = command.parser(__spec__, __doc__)
    result.add_argument("--rounds", type=command.whole(1), default=9, help="turns of each row")
    command.add_json(result, FILE)
    return result


def run(options: argparse.Namespace) -> None:
    """Time every case on one thread."""
    torch.set_num_threads(1)
    cv2.setNumThreads(1)
    rows = []
    for name, case in CASES.items():
        rows.append(row(name, case, SIZE, options.rounds))
        print(f"{name}: {brief(rows[-1])}", flush=True)
    rows.append(listing(LISTED, options.rounds))
    print(f"{rows[-1]['name']}: {brief(rows[-1])}")
    setting = {"size": list(SIZE), "rounds": options.rounds}
    save_json(options.json, {**machine(), **setting, "rows": rows})
    print(f"{options.json}: the results")


main = command.main_of(parser, run)


if __name__ == "__main__":
    main()
