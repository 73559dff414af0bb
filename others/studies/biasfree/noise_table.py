"""The table of noise and error: what is left of additive noise at every level, for every model.

    python -m others.studies.biasfree.noise_table --images FOLDER [--models NAME ...] [--count 100]

The squares in the middle of the images get noise of σ = 1, 5, 10, 20 to 80 grey levels, clipped and
rounded, as in the table of the library "blind image denoising" (N. Markou), whose figures stand
beside ours: these are of 256x256 crops of KITTI, other images than ours. The networks are not told
σ; the assignment's DnCNN was trained for σ = 30 alone. Non-local means (Buades et al., 2005, by
scikit-image) is told σ. Results go to --json after each model, and what is there is not measured
again, unless a model has other weights now.

NAME:SHARE is a network whose weights with the smallest magnitudes are 0, this share of the weights
of each convolution (others/results/biasfree/pruning.json). NAME/grey denoises
grey images as three equal channels, and NAME/luma scores the luma alone of coloured ones; for both,
all channels have the same noise (others/results/biasfree/grey.json).
"""

from __future__ import annotations

import argparse
import re
import sys
from collections.abc import Sequence
from functools import partial
from pathlib import Path

import torch
from torch import Generator, Tensor, nn
from torch.nn.utils import prune

from others.analysis.scoring import (
    LEVELS,
    add_options,
    checksum,
    score,
    scores,
    squares,
    with_noise,
)
from others.data.corruptions import Corruption, CorruptionSettings, Strength
from others.data.seeds import seed_of
from others.engine import command
from others.networks.catalogue import BIAS_FREE
from others.networks.pretrained import load_denoiser, load_network, weights_file
from others.records.paths import RESULTS
from others.records.study import Row, Study
from others.records.weights import digest
from others.studies.biasfree.judgement import (
    SIGMAS,
    Scores,
    error_table,
    findings_in_words,
)

NLM, DNCNN = "non_local_means", "dncnn"
TRUNCATED = 0.88  # standard deviation of the truncated noise, in σ
LUMA = (0.299, 0.587, 0.114)  # of red, green and blue
SIDE = 256  # pixels along a side of the squares
COUNT = 100  # images at most


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
        generator = Generator().manual_seed(seed_of("luma", sigma))
        noisy = shared(true if grey else clean, generator)
        found[f"{sigma:g}"] = score(lambda x: luma(denoise(x)), noisy, true)
    return found


def measure_scores(name: str, clean: Tensor) -> Scores:
    """The scores of one model at every noise level; "noisy" is the input itself."""
    base, _, what = name.partition("/")
    if what:
        return luma_scores(base, what == "grey", clean)
    base, _, share = name.partition(":")
    if share:
        return scores(pruned(base, float(share)), clean, SIGMAS)
    if name == NLM:
        return {
            f"{s:g}": score(partial(non_local_means, s), with_noise(clean, s), clean)
            for s in SIGMAS
        }
    return scores((lambda x: x) if name == "noisy" else load_denoiser(name), clean, SIGMAS)


def weights_row(name: str) -> Row:
    """The row of a model, which changes when the model gets other weights."""
    weights = weights_file(re.split("[:/]", name)[0])
    return Row({"weights": digest(weights)} if weights.is_file() else {})


def parser() -> argparse.ArgumentParser:
    """The options of the command."""
    result = command.parser(__spec__, __doc__)
    add_options(result, COUNT, SIDE)
    models = [NLM, DNCNN, *BIAS_FREE]
    result.add_argument(
        "--models",
        nargs="+",
        default=models,
        metavar="NAME",
        help=f"models of others.denoise, also as NAME:SHARE, NAME/grey or NAME/luma; or {NLM} "
        f"(default: {' '.join(models)})",
    )
    path = RESULTS / "biasfree" / "table.json"
    result.add_argument("--json", type=Path, default=path, help="the file of results")
    return result


def run(options: argparse.Namespace) -> None:
    """Measure what is missing, and print the table and what it says."""
    clean = squares(options.images, options.side, options.count)
    setting = {"images": len(clean), "side": options.side, "checksum": checksum(clean)}
    rows = {name: weights_row(name) for name in ("noisy", *options.models)}
    study = Study(options.json, setting, rows, again=True)
    results = study.run(
        lambda name, row, seed: measure_scores(name, clean),
        say=lambda text: print(text.rstrip(": "), file=sys.stderr, flush=True),
    )
    header, lines = error_table(results)
    for line in [header, *lines]:
        print("\t".join(line))
    for line in findings_in_words(results):
        print(line)


def main(arguments: Sequence[str] | None = None) -> None:
    """The command line."""
    command.main(parser(), run, arguments)


if __name__ == "__main__":
    main()
