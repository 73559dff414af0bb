"""What is left of Gaussian noise, for every model, under two conventions: two tables.

    python -m others.studies.biasfree.noise_table --images FOLDER [--models NAME ...] [--count 100]

*As in a file*, after the library "blind image denoising" (N. Markou): the squares in the middle of
the images get truncated noise of σ = 1, 5, 10, 20 to 80 grey levels, which is clipped and rounded.
The library's own figures stand beside ours; they are of 256x256 crops of KITTI, other images than
ours.

*As in papers* on denoising: whole images get noise of σ = 15, 25 and 50 that is neither truncated
nor clipped. FOLDER is to hold the 100 test images of BSDS300 under their own names, 68 of which are
the usual test set CBSD68: the means are over these, and over all. The list of the 68 and the
published figures that stand beside ours are in `judgement.py`.

The networks are not told σ; those of the DnCNN assignment were trained for σ = 30 alone. Non-local
means (Buades et al., 2005, by scikit-image) is told σ, and stands in the first table only. Results
go to table.json and papers.json in --output after each model. What is there is not measured again,
unless a model has other weights now.

NAME may say more than a model, in the first table alone, which --json FILE puts into another file:

    biasfree_6:0.5   half of the weights of each convolution, the smallest ones, are set to 0
                     (others/results/biasfree/pruning.json)
    biasfree_6/grey  grey images are denoised as three equal channels with the same noise
    biasfree_6/luma  coloured images with the same noise in all channels are denoised, and their
                     luma is scored (both: others/results/biasfree/grey.json)
"""

import argparse
import re
import sys
from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path
from statistics import fmean
from typing import Callable

import torch
from torch import Tensor, nn
from torch.nn.utils import prune

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
from others.data.corruptions import Corruption, CorruptionSettings, Strength
from others.data.images import image_files, read_image
from others.data.seeds import seed_of, seeded
from others.engine import command
from others.networks.pretrained import load_denoiser, load_network, model_names, weights_file
from others.records.paths import RESULTS
from others.records.study import Result, Row, Study
from others.records.table import markdown
from others.records.weights import digest
from others.studies.biasfree.judgement import (
    CBSD68,
    PAPERS_SIGMAS,
    SIGMAS,
    Scores,
    error_table,
    findings_in_words,
    papers_table,
)

NLM = "non_local_means"
TOO_FEW = ("tnet", "unet", "miniproject_1_small")  # models for the noise of other studies
TRUNCATED = 0.88  # standard deviation of the truncated noise, in σ
LUMA = (0.299, 0.587, 0.114)  # of red, green and blue
SIDE = 256  # pixels along a side of the squares
COUNT = 100  # images at most
PSNR = "psnr_per_image_db"


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


def parts_of(name: str) -> tuple[str, str]:
    """The model of a NAME, and what NAME says more: nothing, or :SHARE, /grey or /luma."""
    model, *added = re.split("(?=[:/])", name, maxsplit=1)
    return model, "".join(added)


def name_of(text: str) -> str:
    """The type of an option that takes a NAME, so that a wrong one is found before the work."""
    model, added = parts_of(text)
    if model not in model_names() and text != NLM:
        known = ", ".join((NLM, *model_names()))
        raise argparse.ArgumentTypeError(f"{text!r} is no model; there is {known}")
    if added.startswith(":"):
        command.number(0, 1)(added[1:])
        if model == "miniproject_2":
            raise argparse.ArgumentTypeError("weights of miniproject_2 cannot be set to 0")
    elif added not in ("", "/grey", "/luma"):
        raise argparse.ArgumentTypeError(f"{text!r} ends in neither /grey nor /luma")
    return text


def model_of(name: str) -> Denoise:
    """The model of that name; "noisy" is the input itself."""
    return (lambda x: x) if name == "noisy" else load_denoiser(name)


def pruned(name: str, share: float) -> nn.Module:
    """A pretrained network without the smallest weights of each of its convolutions.

    Of each by itself: the weights of all convolutions together would lose those of the last one,
    which are small, and with them the whole answer.
    """
    net: nn.Module = load_network(name)
    net = net.to(memory_format=torch.contiguous_format)  # type: ignore[call-overload]
    for module in net.modules():  # prune does not take weights that lie channels-last
        if isinstance(module, nn.Conv2d):
            prune.l1_unstructured(module, "weight", share)
            prune.remove(module, "weight")
    return net


def luma(images: Tensor) -> Tensor:
    """Three equal channels with the luma of (N, 3, H, W), by the weights of Rec. 601."""
    return (images * images.new_tensor(LUMA).view(3, 1, 1)).sum(1, keepdim=True).expand_as(images)


def luma_scores(name: str, grey: bool, clean: Tensor) -> Scores:
    """The scores of a model's luma on grey or coloured images, whose channels share the noise."""
    denoise = load_denoiser(name)
    true = (LEVELS * luma(clean)).round() / LEVELS
    found = {}
    for sigma in SIGMAS:
        shared = Corruption(
            CorruptionSettings(additive=Strength(sigma, sigma, weight=1), per_channel=0)
        )
        generator = seeded(seed_of("luma", sigma))
        noisy = shared(true if grey else clean, generator)
        found[f"{sigma:g}"] = score(lambda x: luma(denoise(x)), noisy, true)
    return found


def measure_scores(name: str, clean: Tensor) -> Scores:
    """The scores of one model at every noise level, of noise as in a file."""
    model, added = parts_of(name)
    if added.startswith("/"):
        return luma_scores(model, added == "/grey", clean)
    if added:
        return scores(pruned(model, float(added[1:])), clean, SIGMAS)
    if name == NLM:
        return {
            f"{s:g}": score(partial(non_local_means, s), with_noise(clean, s), clean)
            for s in SIGMAS
        }
    return scores(model_of(name), clean, SIGMAS)


def papers_scores(name: str, images: Mapping[str, Tensor]) -> Scores:
    """The mean scores of one model on whole images (1, 3, H, W), of noise as in papers.

    Args:
        images: by the names of their files without suffix. If all of CBSD68 are among them, the
            mean PSNR over these has the key "cbsd68_db". The noise of an image follows from σ and
            from its name.
    """
    model, means = model_of(name), {}
    for sigma in PAPERS_SIGMAS:
        found = {}
        for title, clean in images.items():
            noise = torch.randn(clean.shape, generator=seeded(seed_of("papers", sigma, title)))
            found[title] = score(model, clean + sigma / LEVELS * noise, clean)
        mean = {key: fmean(one[key] for one in found.values()) for key in ("mae", PSNR)}
        if CBSD68 <= set(found):
            mean["cbsd68_db"] = fmean(found[title][PSNR] for title in CBSD68)
        means[str(sigma)] = {key: round(value, 4) for key, value in mean.items()}
    return means


def weights_row(name: str) -> Row:
    """The row of a model, which changes when the model gets other weights."""
    weights = weights_file(parts_of(name)[0])
    return Row({"weights": digest(weights)} if weights.is_file() else {})


def parser() -> argparse.ArgumentParser:
    """The options of the command."""
    result = command.parser(__spec__, __doc__)
    add_options(result, COUNT, SIDE)
    models = [NLM, *(name for name in model_names() if name not in TOO_FEW)]
    result.add_argument(
        "--models",
        nargs="+",
        type=name_of,
        default=models,
        metavar="NAME",
        help=f"models of others.denoise, also as NAME:SHARE, NAME/grey or NAME/luma; or {NLM}",
    )
    result.add_argument("--only", choices=("table", "papers"), help="one of the two tables")
    result.add_argument("--json", type=Path, help="file of the first table, which is then the only")
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
    path = options.json or options.output / "table.json"
    results = measured(
        path,
        setting,
        options.models,
        lambda name: measure_scores(name, clean),
    )
    table = error_table(results)
    print("mean absolute error in grey levels (PSNR per image)")
    for line in [[column.header for column in table.columns], *table.rows]:
        print("\t".join(line))
    for line in findings_in_words(results):
        print(line)
    print(f"{path}: the results")


def run_papers(options: argparse.Namespace) -> None:
    """Noise as in papers: measure what is missing, and print the table."""
    files = image_files(options.images)[: options.count]
    images = {path.stem: read_image(path)[None].float() / LEVELS for path in files}
    setting = {"images": len(images), "checksum": sum(checksum(x) for x in images.values())}
    models = [name for name in options.models if name != NLM]
    path = options.output / "papers.json"
    results = measured(path, setting, models, lambda name: papers_scores(name, images))
    print(markdown(papers_table(results)))
    print(f"{path}: the results")


def run(options: argparse.Namespace) -> None:
    """Both tables, or the one that is asked for."""
    if options.only == "papers" and options.json:
        raise command.UsageError("--json is for the first table; expected --output for the other")
    says_more = any(parts_of(name)[1] for name in options.models)
    if says_more and options.only != "table" and not options.json:
        raise command.UsageError("NAME:SHARE and NAME/grey or /luma are for --only table or --json")
    if options.only != "papers":
        run_table(options)
    if options.only != "table" and options.json is None:
        run_papers(options)


main = command.main_of(parser, run)


if __name__ == "__main__":
    main()
