"""What is claimed of a blind denoiser: it does no harm, goes on beyond its training, and is fast.

    python -m others.studies.biasfree.uses.claims --images FOLDER [--models NAME ...]

*Does no harm*: on the squares in the middle of the images, the denoised image is nearer to the
clean one than the noisy image is, at each σ = 1, 2, 3 ... 80 and under both conventions: *as in a
file* (truncated noise, clipped and rounded) and *as in papers* (neither). *Goes on*: the gain in
PSNR at σ = 100, 125 and 150, where no model was trained (up to 75 at most). *Is fast*: processor
time of an image of 3000x2000 pixels, in tiles as `others.denoise` cuts them. Results go to
claims.json in --output after each model; what is there is not measured again, unless a model has
other weights now. The exit status is 1 if a model does harm at any of these σ.
"""

import argparse
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Callable

import torch
from torch import Tensor

from others.analysis.scoring import (
    LEVELS,
    Denoise,
    add_options,
    checksum,
    score,
    squares,
    with_noise,
)
from others.data.seeds import seed_of, seeded
from others.engine import command
from others.files.kinds import Picture
from others.files.tiling import denoised
from others.networks.catalogue import BIAS_FREE
from others.networks.pretrained import Denoiser, load_denoiser, weights_file
from others.records.paths import RESULTS
from others.records.study import Row, Study
from others.records.weights import digest
from others.studies.biasfree.judgement import BEYOND, WITHIN

COUNT, SIDE = 10, 96  # images at most, and pixels along a side of a square
LARGE = (2000, 3000)  # height and width
PSNR = "psnr_per_image_db"


def as_in_papers(clean: Tensor, sigma: float) -> Tensor:
    """Images with noise that is neither truncated nor clipped; it follows from σ alone."""
    noise = torch.randn(clean.shape, generator=seeded(seed_of("claims", sigma)))
    return clean + sigma / LEVELS * noise


CONVENTIONS: dict[str, Callable[[Tensor, float], Tensor]] = {
    "file": with_noise,
    "papers": as_in_papers,
}


def gains(denoise: Denoise, clean: Tensor, sigmas: Sequence[int]) -> dict[str, dict[str, float]]:
    """By the name of a convention and by σ: how much higher the PSNR is than the noisy image's."""
    found: dict[str, dict[str, float]] = {}
    for name, noisy_of in CONVENTIONS.items():
        found[name] = {}
        for sigma in sigmas:
            noisy = noisy_of(clean, sigma)
            before, after = (score(way, noisy, clean)[PSNR] for way in (lambda x: x, denoise))
            found[name][str(sigma)] = round(after - before, 3)
    return found


def processor_seconds(denoiser: Denoiser) -> float:
    """The processor time of a large image, over all threads."""
    colour = torch.randint(256, (3, *LARGE), generator=seeded(0)).byte()
    start = time.process_time()
    denoised(denoiser, Picture(colour, None, 255))
    return round(time.process_time() - start, 1)


def measure(name: str, clean: Tensor) -> dict[str, Any]:
    """All that is claimed of one model."""
    denoiser = load_denoiser(name)
    return {
        "gain_db": gains(denoiser, clean, [*WITHIN, *BEYOND]),
        "cpu_seconds": processor_seconds(denoiser),
    }


def parser() -> argparse.ArgumentParser:
    """The options of the command."""
    result = command.parser(__spec__, __doc__)
    add_options(result, COUNT, SIDE)
    result.add_argument(
        "--models", nargs="+", default=list(BIAS_FREE), metavar="NAME", help="of others.denoise"
    )
    result.add_argument(
        "--output", type=Path, default=RESULTS / "biasfree", help="folder of the results"
    )
    return result


def run(options: argparse.Namespace) -> int:
    """Measure what is missing; 1 if a model is worse than its input anywhere."""
    clean = squares(options.images, options.side, options.count)
    setting = {"images": len(clean), "side": options.side, "checksum": checksum(clean)}
    rows = {name: Row({"weights": digest(weights_file(name))}) for name in options.models}
    path = options.output / "claims.json"
    results = Study(path, setting, rows, again=True).run(
        lambda name, row, seed: measure(name, clean),
        say=lambda text: print(text.split(",")[0], file=sys.stderr, flush=True),
    )
    bad = 0
    for name in options.models:
        line, worse = in_words(name, results["rows"][name]["seeds"]["0"])
        print(line)
        bad += worse
    print(f"{path}: the results")
    return int(bad > 0)


def in_words(name: str, found: dict[str, Any]) -> tuple[str, int]:
    """A sentence on a model, and at how many σ it is not better than its input."""
    worse = [
        f"{sigma} ({convention})"
        for convention, by_sigma in found["gain_db"].items()
        for sigma, gain in by_sigma.items()
        if gain <= 0
    ]
    where = f"not better than its input at σ = {', '.join(worse)}" if worse else "always better"
    least = min(gain for by_sigma in found["gain_db"].values() for gain in by_sigma.values())
    height, width = LARGE
    return (
        f"{name} is {where}: its least gain is {least:.2f} dB; {width}x{height} pixels take "
        f"{found['cpu_seconds']:.0f} s of processor time.",
        len(worse),
    )


main = command.main_of(parser, run)


if __name__ == "__main__":
    main()
