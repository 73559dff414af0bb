"""The table of noise and error: what is left of additive noise at every level, for every model.

    python -m others.studies.biasfree.noise_table --images FOLDER [--models NAME ...] [--count 100]

The squares in the middle of the images get noise of σ = 1, 5, 10, 20 to 80 grey levels, clipped and
rounded, as in the table of the library "blind image denoising" (N. Markou), whose figures stand
beside ours: they are of 256x256 crops of KITTI, other images than these. The networks are not told
σ; the assignment's DnCNN was trained for σ = 30 alone. Non-local means (Buades et al., 2005; from
scikit-image, which it needs) is told it. Results go to --json after each model, and what is there
is not measured again, unless a model has other weights now.
"""

from __future__ import annotations

import argparse
import json
import statistics
import sys
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from others.analysis.scoring import (
    LEVELS,
    add_options,
    checksum,
    same_setting,
    score,
    scores,
    squares,
    with_noise,
)
from others.networks.pretrained import NAMES, load_named
from others.records.json_files import save_json
from others.records.paths import PRETRAINED, RESULTS
from others.records.weights import digest
from others.studies.biasfree.export import needed

SIGMAS = (1, 5, 10, 20, 30, 40, 50, 60, 70, 80)
SOURCE = {  # mean absolute errors: noisy, denoised by the model of 18 blocks
    1: (0.65, 4.33),
    5: (3.50, 3.39),
    10: (6.44, 5.19),
    20: (13.22, 6.60),
    30: (19.84, 8.46),
    40: (27.02, 12.95),
    50: (30.59, 15.06),
    60: (34.34, 17.81),
    70: (40.64, 22.36),
    80: (45.68, 27.99),
}
NLM, DNCNN = "non_local_means", "dncnn"
TRUNCATED = 0.88  # standard deviation of the truncated noise, in σ
SIDE = 256  # pixels along a side of the squares
FILE = RESULTS / "biasfree" / "table.json"
Scores = dict[str, dict[str, float]]


def non_local_means(sigma: float, images: Tensor) -> Tensor:
    """Each of (N, 3, H, W) in [0, 1], told the noise; ModuleNotFoundError without scikit-image.

    Patches of 5x5 within 13x13, all channels together, h = 0.8 σ, as scikit-image's own example.
    """
    restoration: Any = needed("skimage.restoration", "scikit-image")
    std = TRUNCATED * sigma / LEVELS
    options = {"patch_size": 5, "patch_distance": 6, "h": 0.8 * std, "sigma": std}
    answers = [
        restoration.denoise_nl_means(
            image.permute(1, 2, 0).numpy(), fast_mode=True, channel_axis=-1, **options
        )
        for image in images
    ]
    return torch.stack([torch.from_numpy(answer).permute(2, 0, 1).float() for answer in answers])


def measure(name: str, clean: Tensor) -> Scores:
    """The scores of one model at every noise level; "noisy" is the input itself."""
    if name == NLM:
        return {
            f"{s:g}": score(partial(non_local_means, s), with_noise(clean, s), clean)
            for s in SIGMAS
        }
    if name == "noisy":
        return scores(lambda x: x, clean, SIGMAS)
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    net = load_named(name).to(device)
    return scores(lambda x: net(x.to(device)).cpu(), clean, SIGMAS)


def run(names: Sequence[str], folder: Path, count: int, side: int, path: Path) -> dict[str, Any]:
    """Measure what the file of results lacks or has of other weights; save it after each model.

    Raises:
        ValueError: the file has results of another setting, or an unknown model.
        FileNotFoundError, ModuleNotFoundError: images, weights or a package are missing.
    """
    clean = squares(folder, side, count)
    setting = {"images": len(clean), "side": side, "checksum": checksum(clean)}
    result: dict[str, Any] = {**setting, "weights": {}, "rows": {}}
    if path.is_file():
        result = json.loads(path.read_text(encoding="utf-8"))
        same_setting(result, setting, path)
    for name in ("noisy", *names):
        weights = PRETRAINED / f"{name}.pth"
        mark = digest(weights) if weights.is_file() else ""
        if name not in result["rows"] or result["weights"].get(name, "") != mark:
            result["rows"][name], result["weights"][name] = measure(name, clean), mark
            save_json(path, result)
            print(f"{name}: measured", file=sys.stderr, flush=True)
    return result


def findings(rows: dict[str, Scores]) -> dict[str, dict[str, Any]]:
    """For each model: at which σ it is worse than its input, and its error over the source's.

    The latter is the mean of the ratio to the source's denoised column over the σ where that is
    better than the source's own input: at σ = 1 it is not, and any model is far below it.
    """
    comparable = [s for s, (noisy, denoised) in SOURCE.items() if denoised < noisy]
    found = {}
    for name, row in rows.items():
        worse = [s for s in SIGMAS if row[str(s)]["mae"] >= rows["noisy"][str(s)]["mae"]]
        ratios = [row[str(s)]["mae"] / SOURCE[s][1] for s in comparable]
        if name != "noisy":
            found[name] = {
                "worse_than_input_at": worse,
                "mae_over_source": round(statistics.fmean(ratios), 3),
            }
    return found


def markdown(rows: dict[str, Scores]) -> str:
    """A line for each noise level: the error of each model, its PSNR in brackets."""
    names = list(rows)
    lines = [
        "| σ | " + " | ".join(names) + " | source, noisy | source, denoised |",
        "|---" * (len(names) + 3) + "|",
    ]
    for sigma in SIGMAS:
        cells = [rows[name][str(sigma)] for name in names]
        shown = " | ".join(
            f"{cell['mae']:.2f} ({cell['psnr_per_image_db']:.2f} dB)" for cell in cells
        )
        theirs = " | ".join(f"{value:.2f}" for value in SOURCE[sigma])
        lines.append(f"| {sigma} | {shown} | {theirs} |")
    return "\n".join(lines)


def main(arguments: Sequence[str] | None = None) -> None:
    """The command line."""
    parser = argparse.ArgumentParser(
        prog="python -m others.studies.biasfree.noise_table",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    add_options(parser, 100, SIDE)
    every = [NLM, DNCNN, *NAMES]
    parser.add_argument("--models", nargs="+", default=every, metavar="NAME", help=" ".join(every))
    parser.add_argument("--json", type=Path, default=FILE, help="results")
    given = parser.parse_args(arguments)
    try:
        result = run(given.models, given.images, given.count, given.side, given.json)
    except (ValueError, OSError, ModuleNotFoundError) as error:
        sys.exit(f"{parser.prog}: {error}")
    result["findings"] = findings(result["rows"])
    save_json(given.json, result)
    print(markdown(result["rows"]))
    for name, found in result["findings"].items():
        print(f"{name}: {found}")


if __name__ == "__main__":
    main()
