"""What is left of Gaussian noise, for every model, under two conventions: two tables.

    python -m others.studies.biasfree.noise_table --images FOLDER [--models NAME ...] [--count 100]

*As in a file*, after the library "blind image denoising" (N. Markou): the squares in the middle of
the images get truncated noise of σ = 1, 5, 10, 20 to 80 grey levels, which is clipped and rounded.
The library's own figures stand beside ours; they are of 256x256 crops of KITTI, other images than
ours.

*As in papers* on denoising: whole images, the first 68 by name, get noise of σ = 15, 25 and 50 that
is neither truncated nor clipped. FOLDER is to hold the test images of BSDS300, of which CBSD68, the
usual test set, has 68. The published figures that stand beside ours are in `judgement.py`.

The networks are not told σ; those of the DnCNN assignment were trained for σ = 30 alone. Non-local
means (Buades et al., 2005, by scikit-image) is told σ, and stands in the first table only. Results
go to table.json and papers.json in --output after each model. What is there is not measured again,
unless a model has other weights now.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from statistics import fmean
from typing import Callable

import torch
from torch import Tensor

from others.analysis.scoring import (
    LEVELS,
    Denoise,
    add_options,
    checksum,
    score,
    scores,
    squares,
    with_noise,
)
from others.data.images import image_files, read_image
from others.data.seeds import seed_of, seeded
from others.engine import command
from others.networks.pretrained import load_denoiser, model_names, weights_file
from others.records.paths import RESULTS
from others.records.study import Result, Row, Study
from others.records.table import markdown
from others.records.weights import digest
from others.studies.biasfree.judgement import (
    PAPERS_SIGMAS,
    SIGMAS,
    Scores,
    error_table,
    findings,
    papers_table,
)

NLM = "non_local_means"
TOO_FEW = ("tnet", "unet")  # models for the noise of other studies
TRUNCATED = 0.88  # standard deviation of the truncated noise, in σ
SIDE = 256  # pixels along a side of the squares
COUNT = 100  # images at most
PAPERS_COUNT = 68


def non_local_means(sigma: float, images: Tensor) -> Tensor:
    """Each of (N, 3, H, W) in [0, 1], denoised by scikit-image, which is told σ in grey levels.

    Patches of 5x5 within 13x13, all channels together, h = 0.8 σ, as scikit-image's own example.
    """
    from skimage.restoration import denoise_nl_means  # a second to import, and only needed here

    std = TRUNCATED * sigma / LEVELS
    options = {"patch_size": 5, "patch_distance": 6, "h": 0.8 * std, "sigma": std}
    answers = [
        denoise_nl_means(image.permute(1, 2, 0).numpy(), fast_mode=True, channel_axis=-1, **options)
        for image in images
    ]
    return torch.stack([torch.from_numpy(answer).permute(2, 0, 1).float() for answer in answers])


def model_of(name: str) -> Denoise:
    """The model of that name; "noisy" is the input itself."""
    return (lambda x: x) if name == "noisy" else load_denoiser(name)


def measure_scores(name: str, clean: Tensor) -> Scores:
    """The scores of one model at every noise level, of noise as in a file."""
    if name == NLM:
        return {
            f"{s:g}": score(partial(non_local_means, s), with_noise(clean, s), clean)
            for s in SIGMAS
        }
    return scores(model_of(name), clean, SIGMAS)


def papers_scores(name: str, images: Sequence[Tensor]) -> Scores:
    """The mean scores of one model on whole images (1, 3, H, W), of noise as in papers.

    The noise of an image follows from σ and from its place among the images.
    """
    model, means = model_of(name), {}
    for sigma in PAPERS_SIGMAS:
        found = []
        for number, clean in enumerate(images):
            noise = torch.randn(clean.shape, generator=seeded(seed_of("papers", sigma, number)))
            found.append(score(model, clean + sigma / LEVELS * noise, clean))
        means[str(sigma)] = {
            key: round(fmean(result[key] for result in found), 4) for key in found[0]
        }
    return means


def weights_row(name: str) -> Row:
    """The row of a model, which changes when the model gets other weights."""
    weights = weights_file(name)
    return Row({"weights": digest(weights)} if weights.is_file() else {})


def parser() -> argparse.ArgumentParser:
    """The options of the command."""
    result = command.parser(__spec__, __doc__)
    add_options(result, COUNT, SIDE)
    models = [NLM, *(name for name in model_names() if name not in TOO_FEW)]
    result.add_argument(
        "--models",
        nargs="+",
        default=models,
        metavar="NAME",
        help=f"models of others.denoise, or {NLM} (default: {' '.join(models)})",
    )
    result.add_argument("--only", choices=("table", "papers"), help="one of the two tables")
    result.add_argument(
        "--output", type=Path, default=RESULTS / "biasfree", help="folder of the results"
    )
    return result


def measured(
    path: Path, setting: Result, models: Sequence[str], measure: Callable[[str], Scores]
) -> Result:
    """The results in a file, after what it lacks of them is measured."""
    rows = {name: weights_row(name) for name in ("noisy", *models)}
    return Study(path, setting, rows, again=True).run(
        lambda name, row, seed: measure(name),
        say=lambda text: print(text.rstrip(": "), file=sys.stderr, flush=True),
    )


def run_table(options: argparse.Namespace) -> None:
    """Noise as in a file: measure what is missing, and print the table and what it says."""
    clean = squares(options.images, options.side, options.count)
    setting = {"images": len(clean), "side": options.side, "checksum": checksum(clean)}
    results = measured(
        options.output / "table.json",
        setting,
        options.models,
        lambda name: measure_scores(name, clean),
    )
    header, lines = error_table(results)
    for line in [header, *lines]:
        print("\t".join(line))
    for name, found in findings(results).items():
        print(f"{name}: {found}")


def run_papers(options: argparse.Namespace) -> None:
    """Noise as in papers, likewise."""
    files = image_files(options.images)[: min(PAPERS_COUNT, options.count)]
    images = [read_image(path)[None].float() / LEVELS for path in files]
    setting = {"images": len(images), "checksum": sum(checksum(image) for image in images)}
    models = [name for name in options.models if name != NLM]
    results = measured(
        options.output / "papers.json", setting, models, lambda name: papers_scores(name, images)
    )
    print(markdown(papers_table(results)))


def run(options: argparse.Namespace) -> None:
    """Both tables, or the one that is asked for."""
    if options.only != "papers":
        run_table(options)
    if options.only != "table":
        run_papers(options)


def main(arguments: Sequence[str] | None = None) -> None:
    """The command line."""
    command.main(parser(), run, arguments)


if __name__ == "__main__":
    main()
