"""The course's limits, held by a shipped model or not: times, and what a further epoch does to it.

    python -m others.studies.submission.limits 2 --data DIR [--only times]

DIR holds train_data.pkl and val_data.pkl. Measured are the seconds for 1,000 images of 32x32 in
batches of 100 and for one of 512x512, and the PSNR before and after `train(..., num_epochs=1)` on
the pretrained weights: the handout's script trains them so. The result of each goes to
others/results/limits/miniproject_N.json as soon as it is known, with the number of threads.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from pathlib import Path
from typing import Any, Callable

import torch

from others.data.course import TRAIN, VALIDATION, load_pair
from others.records.json_files import save_json
from others.records.paths import RESULTS
from others.studies.submission.models import denoise, pretrained, scores

FOLDER = RESULTS / "limits"
LARGE = 512  # pixels a side of the large image
Result = dict[str, Any]


def times(name: str, folder: Path) -> Result:
    """Seconds for 1,000 small images and for a large one, as `predict` is called by default."""
    model = pretrained(name)
    noisy = load_pair(folder / VALIDATION)[0]
    model.predict(noisy[:1])  # what is slow only once is not counted
    _, rate = denoise(model, noisy[:1000])
    start = time.perf_counter()
    model.predict(torch.rand(1, 3, LARGE, LARGE) * 255)
    large = time.perf_counter() - start
    return {"seconds_1000_images": round(1000 / rate, 1), f"seconds_{LARGE}": round(large, 1)}


def further_epoch(name: str, folder: Path, pairs: int | None) -> Result:
    """PSNR of the shipped weights, and after one epoch of training on them."""
    model = pretrained(name)
    noisy, clean = load_pair(folder / VALIDATION)
    target = clean.float() / 255
    before = scores(denoise(model, noisy)[0], target, self_ensemble=True)
    first, second = (part[:pairs] for part in load_pair(folder / TRAIN))
    start = time.perf_counter()
    model.train(first, second, num_epochs=1)
    seconds = time.perf_counter() - start
    after = scores(denoise(model, noisy)[0], target, self_ensemble=True)
    return {"pairs": len(first), "seconds": round(seconds, 1), "before": before, "after": after}


MEASUREMENTS: dict[str, Callable[[str, Path, int | None], Result]] = {
    "times": lambda name, folder, _: times(name, folder),
    "further_epoch": further_epoch,
}


def main() -> None:
    """The command line."""
    parser = argparse.ArgumentParser(
        prog="python -m others.studies.submission.limits", description=__doc__
    )
    parser.add_argument("number", type=int, choices=(1, 2), help="the miniproject")
    parser.add_argument("--data", type=Path, default=Path("data"), help="folder of the .pkl files")
    parser.add_argument("--only", choices=MEASUREMENTS, help="one of the measurements (both)")
    parser.add_argument("--pairs", type=int, help="of the further epoch, the first so many (all)")
    parser.add_argument("--json", type=Path, help="results (others/results/limits/…)")
    options = parser.parse_args()
    path = options.json or FOLDER / f"miniproject_{options.number}.json"
    result = json.loads(path.read_text(encoding="utf-8")) if path.is_file() else {}
    try:
        model = f"Miniproject {options.number}"
        for name in [options.only] if options.only else MEASUREMENTS:
            found = MEASUREMENTS[name](model, options.data, options.pairs)
            threads = torch.get_num_threads()
            result[name] = {**found, "threads": threads, "torch": torch.__version__}
            save_json(path, result)
            print(f"{name}: {result[name]}", flush=True)
    except (ValueError, OSError) as error:
        sys.exit(f"{parser.prog}: {error}")


if __name__ == "__main__":
    main()
