"""Denoise image files with any model of the project.

    python -m others.denoise IN ... OUT [--model NAME] [--ensemble]

IN are images or folders of images, OUT is a folder, or for one image the name of a file. Depth,
grey or colour, alpha and, from a kind of file to the same kind, the colour profile stay as they
are; alpha is not denoised. A file of grey goes through the network in all three channels, whose
mean is the answer. Large images are cut into tiles whose margins cover all that the network sees,
so that memory is bounded and no seam shows. What is there is not overwritten unless asked for, and
an input never is. A file that cannot be read is named, the others are denoised, and the command
ends without success.
"""

from __future__ import annotations

import argparse
import os
import sys
import time
from collections.abc import Sequence
from pathlib import Path

import torch

from others.data.images import image_files
from others.files.image_file import HOLDS, Picture, check_holds, read_picture, write_picture
from others.files.tiling import TILE, tiles
from others.networks.pretrained import Denoiser, load_denoiser, model_names

DEFAULT = "biasfree_12"
Job = tuple[Path, Path]  # what is read, what is written


@torch.no_grad()
def denoised(denoiser: Denoiser, picture: Picture, tile: int = TILE) -> Picture:
    """The picture with its colours denoised, alpha and all else as it was."""
    colour, white = picture.colour, picture.white
    result, (_, height, width) = torch.empty_like(colour), colour.shape
    for part in tiles(height, width, denoiser.seen, tile):
        x = colour[:, part.seen[0], part.seen[1]].to(denoiser.device).float() / white
        y = denoiser.apply(x.expand(3, -1, -1)[None])[0, :, part.inner[0], part.inner[1]]
        y = y.float().mean(0, keepdim=True) if len(colour) == 1 else y.float()
        result[:, part.kept[0], part.kept[1]] = (y.clamp(0, 1) * white).round().int().cpu()
    return picture._replace(colour=result)


def planned(inputs: Sequence[Path], output: Path, suffix: str | None, overwrite: bool) -> list[Job]:
    """What is read and what is written.

    Args:
        inputs: images, and folders whose images are taken.
        output: a folder, or the name of a file if there is one image.
        suffix: of the files in the folder; None for that of each input.
        overwrite: files that are there.

    Raises:
        FileNotFoundError: an input that is missing, or a folder without images.
        ValueError: two images that would be written to one file, or a file that is there.
    """
    sources = [file for path in inputs for file in (image_files(path) if path.is_dir() else [path])]
    for source in sources:
        if not source.is_file():
            raise FileNotFoundError(f"{source}: no such image")
    alone = len(inputs) == 1 and not inputs[0].is_dir() and not output.is_dir()
    if alone and output.suffix:
        targets = [output]
    elif output.exists() and not output.is_dir():
        raise ValueError(f"{output} is a file; expected a folder for the {len(sources)} images")
    else:
        targets = [output / (s.with_suffix(suffix) if suffix else s).name for s in sources]
    for target in targets:
        if targets.count(target) > 1:
            raise ValueError(f"several images would be written to {target}")
        if any(target.exists() and os.path.samefile(target, source) for source in sources):
            raise ValueError(f"{target} is an input, which is never overwritten")
        if target.exists() and not overwrite:
            raise ValueError(f"{target} is there; --overwrite replaces it")
        if target.suffix.lower() not in HOLDS:
            raise ValueError(f"{target}: expected a name that ends with one of {', '.join(HOLDS)}")
    return list(zip(sources, targets))


def run(jobs: Sequence[Job], denoiser: Denoiser, tile: int) -> int:
    """Denoise all files, say so on stdout, and return the number of those that could not be."""
    failed = 0
    for source, target in jobs:
        start = time.perf_counter()
        try:
            picture = read_picture(source)
            check_holds(target, picture)  # before the work
            result = denoised(denoiser, picture, tile)
            target.parent.mkdir(parents=True, exist_ok=True)
            write_picture(target, result)
        except (ValueError, OSError) as error:
            failed += 1
            named = str(error) if str(source) in str(error) else f"{source}: {error}"
            print(f"{named}; not denoised", file=sys.stderr, flush=True)
            continue
        height, width = picture.colour.shape[1:]
        seconds = time.perf_counter() - start
        print(f"{source} -> {target}: {width}x{height} {picture.mode}, {seconds:.1f} s", flush=True)
    return failed


def options(arguments: Sequence[str] | None) -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(
        prog="python -m others.denoise",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        epilog=f"models: {', '.join(model_names())}",
    )
    parser.add_argument("inputs", type=Path, nargs="+", metavar="IN", help="images or folders")
    parser.add_argument("output", type=Path, metavar="OUT", help="folder, or name of one image")
    parser.add_argument("--model", default=DEFAULT, metavar="NAME", help=f"({DEFAULT})")
    parser.add_argument("--weights", type=Path, metavar="FILE", help="other weights of the model")
    parser.add_argument("--ensemble", action="store_true", help="mean over eight flips and turns")
    parser.add_argument("--tile", type=int, default=TILE, help=f"pixels a side ({TILE})")
    parser.add_argument("--suffix", metavar=".png", help="kind of the files in OUT (as IN)")
    parser.add_argument("--overwrite", action="store_true", help="files that are there")
    return parser.parse_args(arguments)


def main(arguments: Sequence[str] | None = None) -> None:
    """Denoise what is asked for."""
    given = options(arguments)
    try:
        jobs = planned(given.inputs, given.output, given.suffix, given.overwrite)
        denoiser = load_denoiser(given.model, given.weights, given.ensemble)
        failed = run(jobs, denoiser, given.tile)
    except (ValueError, OSError) as error:
        sys.exit(f"python -m others.denoise: {error}")
    if failed:
        sys.exit(f"python -m others.denoise: {failed} of {len(jobs)} images were not denoised")


if __name__ == "__main__":
    main()
