"""The source's advice, tried: which of its seven claims hold here, at a small equal budget?

    python -m others.studies.biasfree.ablation --data FOLDER ... --images FOLDER [--only ROW ...]

Each row of `others.studies.biasfree.advice` changes one thing of configs/ablation.json. All rows
are trained for the same number of steps on noise of σ up to 50, and scored on the same squares of
test images, at noise levels inside that range and beyond it.

Runs go to --json as soon as they are known, and what is there is not run again, so that the command
can be stopped and repeated. A claim holds if the mean difference to the plain row is on its side by
more than the 95 % confidence of Student's t, is refuted if it is as far on the other side, and is
undecided otherwise.
"""

import argparse
import math
import statistics
import time
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from torch import Tensor

from Miniproject_1.noise2noise.surroundings import gpu_or_cpu
from others.analysis.scoring import (
    LEVELS,
    Denoise,
    add_options,
    answers_of,
    checksum,
    scores,
    squares,
    with_noise,
)
from others.engine import command
from others.records.paths import CONFIGS, RESULTS
from others.records.settings import merged
from others.records.study import Result, Row, Study
from others.studies.biasfree.advice import PLAIN, ROWS
from others.studies.biasfree.judgement import judged
from others.studies.biasfree.pipeline import Pipeline, load_pipeline, parse
from others.studies.biasfree.training import make_experiment

SIGMAS_INSIDE, SIGMAS_BEYOND = (10, 25, 50), (75, 100)  # σ of the noise: as trained, and more
RARE = 1e-3  # the share of all values whose error may be larger than `worst`
SIDE = 128  # pixels along a side of the test images
SEEDS = 3  # runs of each row
COUNT = 30  # test images at most


def variant(base: dict[str, Any], changes: dict[str, Any], seed: int) -> Pipeline:
    """The pipeline of a run: that of `base`, as parsed JSON, with the changes of its row."""
    pipeline = parse(merged(base, changes))
    return replace(pipeline, training=replace(pipeline.training, seed=seed))


def train_and_score(pipeline: Pipeline, sets: tuple[Any, Any], clean: Tensor) -> Result:
    """One run: PSNR per image and errors on `clean` (N, 3, H, W), and what the training cost."""
    device = gpu_or_cpu()
    experiment = make_experiment(pipeline, sets, None, device)
    start = time.process_time()
    history = experiment.run(pipeline.training.epochs)
    seconds = time.process_time() - start
    net = experiment.denoiser.eval()

    def denoise(x: Tensor) -> Tensor:
        return net(x.to(device)).cpu()

    found = scores(denoise, clean, (*SIGMAS_INSIDE, *SIGMAS_BEYOND))

    def average(sigmas: Sequence[float], name: str) -> float:
        return round(statistics.fmean(found[f"{sigma:g}"][name] for sigma in sigmas), 4)

    return {
        "inside_psnr_per_image_db": average(SIGMAS_INSIDE, "psnr_per_image_db"),
        "beyond_psnr_per_image_db": average(SIGMAS_BEYOND, "psnr_per_image_db"),
        "inside_mae": average(SIGMAS_INSIDE, "mae"),
        "early_psnr_per_image_db": round(history[0]["validation"]["psnr_per_image_db"], 4),
        "worst": round(statistics.fmean(worst(denoise, clean, s) for s in SIGMAS_INSIDE), 3),
        "cpu_seconds": round(seconds, 3),
        "parameters": sum(values.numel() for values in net.parameters()),
    }


def worst(denoise: Denoise, clean: Tensor, sigma: float) -> float:
    """The absolute error, in grey levels, that the share RARE of all values exceeds."""
    errors = (answers_of(denoise, with_noise(clean, sigma)) - clean).abs().flatten()
    rank = len(errors) - math.ceil(RARE * len(errors))
    return LEVELS * float(errors.kthvalue(max(rank, 1)).values)


def parser() -> argparse.ArgumentParser:
    """The options of the command."""
    result = command.parser(__spec__, __doc__)
    result.add_argument(
        "--config", type=Path, default=CONFIGS / "ablation.json", help="that of the plain row"
    )
    result.add_argument(
        "--data", type=Path, nargs="+", required=True, metavar="FOLDER", help="images to train on"
    )
    add_options(result, COUNT, SIDE)
    result.add_argument("--seeds", type=command.whole(1), default=SEEDS, help="runs of each row")
    result.add_argument(
        "--only", nargs="+", choices=ROWS, metavar="ROW", help=f"some of: {'; '.join(ROWS)}"
    )
    path = RESULTS / "biasfree" / "ablation.json"
    result.add_argument("--json", type=Path, default=path, help="the file of results")
    return result


def run(options: argparse.Namespace) -> None:
    """Run what is missing, and say what holds."""
    base = load_pipeline(options.config).as_json()  # with every default written out
    test = squares(options.images, options.side, options.count)
    sets = parse(base).sets(options.data)
    setting = {
        "base": base,
        "train": len(sets[0]),
        "images": len(test),
        "side": test.shape[-1],
        "checksum": checksum(test),
        "inside": SIGMAS_INSIDE,
        "beyond": SIGMAS_BEYOND,
    }

    def measure(name: str, row: Row, seed: int) -> Result:
        return train_and_score(variant(base, dict(row.changes), seed), sets, test)

    study = Study(options.json, setting, {name: Row(row.changes) for name, row in ROWS.items()})
    names = dict.fromkeys([PLAIN, *(options.only or ROWS)])
    results = study.run(measure, list(names), options.seeds, lambda text: print(text, flush=True))
    for name, line in judged(results).items():
        for claim in line["claims"]:
            print(f"{name}: claim {claim['claim']}, {claim['text']}: {claim['verdict']}")
    print(f"{options.json}: the results")


main = command.main_of(parser, run)

if __name__ == "__main__":
    main()
