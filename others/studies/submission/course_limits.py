"""Measure whether a miniproject keeps the course's limits, in time and in quality.

    python -m others.studies.submission.course_limits 2 --data DIR [--only times]

DIR holds train_data.pkl and val_data.pkl. `times` are the seconds for 1,000 images of 32x32 in
batches of 100, and for one image of 512x512. `further_epoch` is the PSNR before and after
`train(..., num_epochs=1)` on the pretrained weights, which is how the handout's script calls it,
and `from_scratch` that of a new model after one epoch. Each result goes to others/results/limits as
soon as it is known, with the processor, the number of threads and the precision of the training.
"""

import argparse
import time
from functools import partial
from pathlib import Path
from typing import Any, Callable

import torch

from Miniproject_1.noise2noise import training as training_1
from Miniproject_2.framework import training as training_2
from others.data.course import TRAIN, VALIDATION, load_pair
from others.engine import command
from others.records.json_files import read_json, save_json
from others.records.paths import RESULTS
from others.records.study import brief, machine
from others.studies.submission.models import MODELS, denoise, pretrained, scores

LARGE = 512  # pixels on a side of the large image
FAST_PRECISION: dict[str, Callable[[Any], bool]] = {
    "Miniproject 1": training_1.fast_precision,
    "Miniproject 2": training_2.fast_precision,
}


def measure_times(name: str, folder: Path, _: int | None) -> dict[str, Any]:
    """Seconds for 1,000 small images and for a large one, as `predict` is called by default."""
    model = pretrained(name)
    noisy, _clean = load_pair(folder / VALIDATION)
    model.predict(noisy[:1])  # the first call also allocates memory, which is not measured
    _images, images_per_second = denoise(model, noisy[:1000])
    start = time.perf_counter()
    model.predict(torch.rand(1, 3, LARGE, LARGE) * 255)
    large = time.perf_counter() - start
    return {
        "seconds_1000_images": round(1000 / images_per_second, 1),
        f"seconds_{LARGE}": round(large, 1),
    }


def measure_epoch(
    make: Callable[[str], Any], name: str, folder: Path, pairs: int | None
) -> dict[str, Any]:
    """The PSNR before and after an epoch of `Model.train`, its seconds and its precision.

    Args:
        make: gives the model that is trained.
        pairs: the first ones of the training set, which the epoch is over; None for all.
    """
    torch.manual_seed(0)
    model = make(name)
    noisy, clean = load_pair(folder / VALIDATION)
    target = clean.float() / 255
    before = scores(denoise(model, noisy)[0], target, self_ensemble=True)
    train_input, train_target = (images[:pairs] for images in load_pair(folder / TRAIN))
    start = time.perf_counter()
    model.train(train_input, train_target, num_epochs=1)
    seconds = round(time.perf_counter() - start, 1)
    after = scores(denoise(model, noisy)[0], target, self_ensemble=True)
    return {
        "pairs": len(train_input),
        "seconds": seconds,
        "precision": "bfloat16" if FAST_PRECISION[name](model.device) else "float32",
        "before": before,
        "after": after,
    }


MEASUREMENTS: dict[str, Callable[[str, Path, int | None], dict[str, Any]]] = {
    "times": measure_times,
    "further_epoch": partial(measure_epoch, pretrained),
    "from_scratch": partial(measure_epoch, lambda name: MODELS[name]()),
}


def parser() -> argparse.ArgumentParser:
    """The options."""
    result = command.parser(__spec__, __doc__)
    result.add_argument("number", type=int, choices=(1, 2), help="the miniproject")
    command.add_data(result)
    result.add_argument("--only", choices=MEASUREMENTS, help="one of the measurements (all)")
    result.add_argument(
        "--pairs", type=command.whole(1), help="pairs of the epoch (all of the file)"
    )
    result.add_argument(
        "--json", type=Path, help="file of the results (others/results/limits/miniproject_N.json)"
    )
    return result


def run(options: argparse.Namespace) -> None:
    """Measure, and replace the results of what was measured in the file."""
    path = command.output(options.json or RESULTS / "limits" / f"miniproject_{options.number}.json")
    result = read_json(path) if path.is_file() else {}
    for name in [options.only] if options.only else MEASUREMENTS:
        found = MEASUREMENTS[name](f"Miniproject {options.number}", options.data, options.pairs)
        result[name] = {**found, **machine()}
        save_json(path, result)
        print(f"{name}: {brief(found)}", flush=True)
        for part in (part for part in ("before", "after") if part in found):
            print(f"  {part}: {brief(found[part])}", flush=True)
    print(f"{path}: the results")


main = command.main_of(parser, run)

if __name__ == "__main__":
    main()
