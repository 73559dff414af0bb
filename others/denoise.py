"""Denoise image files with any model of the project.

    python -m others.denoise IN ... OUT [--model NAME] [--ensemble]

IN are images or folders of images, OUT is a folder, or for one image the name of a file. Depth,
grey or colour, alpha, colour profile and whatever else the file holds stay as they are (the table
in others/files/kinds.py says what), and a file that would lose some of it is refused by name. Alpha
is not denoised. A grey image goes through the network in all three channels, and the mean of the
three is the answer.

No strength of the noise is asked for: the bias-free models find it out by themselves, and the
others remove what they were trained on. Large images are cut into overlapping tiles, so that memory
is bounded and no seam shows. What is there is not overwritten unless asked for, and an input never
is. A file that cannot be read does not stop the others: it is named at the end, and the exit status
is 1.

A run that was stopped goes on by the same command, which keeps the images that are finished. Until
all of a folder are, a file .unfinished in OUT tells them from images of another origin.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import sys
import time
from collections import Counter
from collections.abc import Sequence
from contextlib import nullcontext
from pathlib import Path
from typing import Any

from tqdm import tqdm

from Miniproject_1.noise2noise.files import write_atomically
from others.data.images import image_files
from others.engine import command
from others.files.image_file import bytes_of, read_picture
from others.files.kinds import SUFFIXES, check_holds, kind_of, left_out
from others.files.tiling import DEFAULT, TILE, denoised
from others.networks.pretrained import Denoiser, load_denoiser, model_names, weights_file
from others.records.json_files import locked
from others.records.weights import digest

MODELS = {  # a line each, for the help
    "miniproject_1": "the first submission, trained on noisy pairs of 32x32 pixels as the course's",
    "miniproject_2": "the second submission, trained on the same pairs",
    "miniproject_1_small": "a network with a twentieth of the first one's weights, taught by it",
    "biasfree_6": "bias-free, 6 residual blocks: Gaussian noise of any strength; the fastest",
    "biasfree_12": "bias-free, 12 residual blocks: Gaussian noise of any strength",
    "biasfree_18": "bias-free, 18 residual blocks: Gaussian noise of any strength",
    "biasfree_large": "bias-free U-Net: Gaussian noise of any strength, clipped or not",
    "dncnn": "the DnCNN assignment's plain network, for Gaussian noise of one strength",
    "udncnn": "the DnCNN assignment's network with pooling, for the same noise",
    "dudncnn": "the DnCNN assignment's network with dilations, for the same noise",
    "tnet": "Noise2Noise's network with a twentieth of its weights, for Gaussian noise",
    "unet": "Noise2Noise's network, for Gaussian noise",
}
RECORD = ".unfinished"  # the name of a record, in the folder that is written to
Job = tuple[Path, Path]  # what is read, what is written


class Record:
    """Which images of a folder are finished, in a file that a kill leaves behind.

    It has a line for each image: a checksum of the settings, the input and the bytes of the output.
    The line is written before the image. An image that matches one is therefore whole, and what the
    same command would write again; every other image is of another origin.

    Raises:
        ValueError: something else than a file has the name of this one.
    """

    def __init__(self, path: Path, settings: dict[str, Any]) -> None:
        self.path, self.settings = path, settings
        if os.path.lexists(self.path) and (self.path.is_symlink() or not self.path.is_file()):
            raise ValueError(f"{self.path} is no file of this command; remove it")
        self.lines = set(self.path.read_bytes().split()) if self.path.exists() else set()

    def has(self, source: Path, target: Path) -> bool:
        """Whether this image is finished."""
        if not self.lines or not target.is_file() or not source.is_file():
            return False
        return self._line(source, target, target.read_bytes()) in self.lines

    def add(self, source: Path, target: Path, data: bytes) -> None:
        """Note what is about to be written; OSError that names the file of the record."""
        try:
            with open(self.path, "ab") as file:
                file.write(b"\n" + self._line(source, target, data) + b"\n")
        except OSError as error:
            raise OSError(error.errno, error.strerror, str(self.path)) from error

    def _line(self, source: Path, target: Path, data: bytes) -> bytes:
        found = source.stat()  # an input that was changed since then is another one
        described = [str(source.absolute()), found.st_size, found.st_mtime_ns, target.name]
        text = json.dumps([self.settings, *described])
        return hashlib.sha256(text.encode() + data).hexdigest().encode()


def planned(inputs: Sequence[Path], output: Path, suffix: str | None) -> list[Job]:
    """What is read and what is written.

    Args:
        inputs: images, and folders whose images are taken.
        output: a folder, or the name of a file if there is one image.
        suffix: of the files in the folder; None for that of each input.

    Raises:
        FileNotFoundError: an input that is missing, or a folder without images.
        ValueError: a name that no image can have, or one for several images.
    """
    for path in inputs:
        if not path.exists():
            raise FileNotFoundError(f"{path}: no such image")
    sources = [file for path in inputs for file in (image_files(path) if path.is_dir() else [path])]
    alone = len(inputs) == 1 and not inputs[0].is_dir() and not output.is_dir()
    if alone and output.suffix:
        targets = [output]
        kind_of(output)
    else:
        targets = [output / (s.with_suffix(suffix) if suffix else s).name for s in sources]
    folder = targets[0].parent
    nearest = next(path for path in (folder, *folder.absolute().parents) if os.path.lexists(path))
    if not nearest.is_dir():
        raise ValueError(f"{nearest} is no folder; expected one for the {len(sources)} images")
    target, count = Counter(targets).most_common(1)[0]
    if count > 1:
        raise ValueError(f"several images would be written to {target}")
    return list(zip(sources, targets))


def unfinished(jobs: Sequence[Job], overwrite: bool, record: Record) -> list[Job]:
    """The jobs that no earlier run has finished.

    Args:
        overwrite: whether files that are there are replaced.

    Raises:
        ValueError: an input or, without `overwrite`, another file would be overwritten.
    """
    inputs = {_identity(source) for source, _ in jobs} - {None}
    left = []
    for source, target in jobs:
        identity = _identity(target)
        if identity in inputs:
            raise ValueError(f"{target} is an input, which is never overwritten")
        if identity is not None and target.is_dir():
            raise ValueError(f"{target} is a folder; expected an image or nothing in its place")
        if record.has(source, target):
            continue
        if identity is not None and not overwrite:
            raise ValueError(f"{target} is there; --overwrite replaces it")
        left.append((source, target))
    return left


def _identity(path: Path) -> tuple[int, int] | None:
    """What tells a file from all others, whatever its names; None for none and for a dead link."""
    try:
        found = os.stat(path)
    except OSError:
        return None
    return found.st_dev, found.st_ino


def run_jobs(
    jobs: Sequence[Job], denoiser: Denoiser, tile: int, record: Record | None
) -> list[str]:
    """Denoise all files, with a line on stdout for each; returns what is wrong with the others."""
    failures = []
    with tqdm(jobs, "images", unit="", leave=False, disable=None) as bar:
        for source, target in bar:
            try:
                bar.write(one_line(done(source, target, denoiser, tile, record)))
            except (ValueError, OSError, RuntimeError, MemoryError) as error:
                told = str(error)
                failures.append(one_line(told if str(source) in told else f"{source}: {told}"))
    return failures


def one_line(text: str) -> str:
    """The text with a code in the place of every line break and of all else that is not shown.

    The name of a file may hold such, and what moves the cursor or colours a terminal as well.
    """
    codes = (c if c.isprintable() else ascii(c)[1:-1] for c in text)  # a line break becomes \n
    return "".join(codes)


def done(source: Path, target: Path, denoiser: Denoiser, tile: int, record: Record | None) -> str:
    """Denoise a file; returns a line that says so, and what is left out."""
    start = time.perf_counter()
    picture = read_picture(source)
    check_holds(target, picture)  # before the work
    result = denoised(denoiser, picture, tile)
    target.parent.mkdir(parents=True, exist_ok=True)
    data = bytes_of(target, result)
    if record:
        record.add(source, target, data)
    write_atomically(target, lambda file: file.write(data))
    height, width = picture.colour.shape[1:]
    without = "".join(f", without {name}" for name in left_out(target, picture))
    seconds = time.perf_counter() - start
    return f"{source} -> {target}: {width}x{height} {picture.mode}{without}, {seconds:.1f} s"


def parser() -> argparse.ArgumentParser:
    """The options."""
    result = command.parser(__spec__, __doc__)
    lines = [f"  {name:19} {MODELS.get(name, 'a bias-free network')}" for name in model_names()]
    result.epilog = "models:\n" + "\n".join(lines)
    result.add_argument("inputs", type=Path, nargs="+", metavar="IN", help="images or folders")
    result.add_argument("output", type=Path, metavar="OUT", help="folder, or name of one image")
    result.add_argument("--model", default=DEFAULT, metavar="NAME", help="one of those below")
    result.add_argument("--weights", type=Path, metavar="FILE", help="other weights of the model")
    result.add_argument(
        "--ensemble",
        action="store_true",
        help="mean over eight flips and turns, eight times as slow",
    )
    result.add_argument(
        "--tile",
        type=command.whole(1),
        default=TILE,
        metavar="PIXELS",
        help="side of what is denoised at once; a model that looks at the whole image needs one as "
        "large as the image",
    )
    result.add_argument(
        "--suffix", type=suffix_of, metavar=".png", help="kind of the files in OUT, else as in IN"
    )
    result.add_argument("--overwrite", action="store_true", help="replace files that are there")
    return result


def suffix_of(text: str) -> str:
    """The type of --suffix: the end of a name that an image can have."""
    if text.lower() not in SUFFIXES:
        raise argparse.ArgumentTypeError(f"{text!r} is none of {', '.join(SUFFIXES)}")
    return text


def settings_of(options: argparse.Namespace) -> dict[str, Any]:
    """What the bytes of an output depend on, besides those of the input."""
    file = options.weights or weights_file(options.model)
    return {
        "model": options.model,
        "weights": digest(file) if file.is_file() else None,  # a pipe may have no end
        "ensemble": options.ensemble,
        "tile": options.tile,
    }


def run(options: argparse.Namespace) -> int:
    """Denoise what is asked for; 1 if a file could not be."""
    start = time.perf_counter()
    jobs = planned(options.inputs, options.output, options.suffix)
    denoiser = load_denoiser(options.model, options.weights, options.ensemble)
    several = len(jobs) > 1  # a single image is whole or not there, which needs no record
    with locked(options.output / RECORD) if several else nullcontext():
        record = Record(options.output / RECORD, settings_of(options))
        left = unfinished(jobs, options.overwrite, record)
        failures = run_jobs(left, denoiser, options.tile, record if several else None)
        if several and not failures:
            record.path.unlink(missing_ok=True)
    seconds = time.perf_counter() - start
    kept = f", {len(jobs) - len(left)} of them by an earlier run" if len(left) < len(jobs) else ""
    count = len(jobs) - len(failures)
    print(f"{count} of {len(jobs)} images denoised in {seconds:.1f} s{kept}")
    for failure in failures:
        print(f"not denoised: {failure}", file=sys.stderr)
    return int(bool(failures))


main = command.main_of(parser, run)


if __name__ == "__main__":
    main()
