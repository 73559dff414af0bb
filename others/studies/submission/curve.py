"""PSNR against training time: `Model().train` from scratch, a whole schedule for each point.

    python -m others.studies.submission.curve 2 --epochs 0.25 0.5 1 2 4 --data DIR

Each point is a training of its own, because the learning rate falls to zero at the end of each; a
part of an epoch is one over that part of the pairs.
DIR holds train_data.pkl and val_data.pkl. Results go to others/results/curve/miniproject_N.json
after every point, the weights to out/curve; points that are there already are not run again.
`cpu_seconds` is what the process computed, on all its threads together, whatever else the machine
did meanwhile.
"""

from __future__ import annotations

import argparse
import json
import platform
import sys
import time
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from Miniproject_1.model import Model as FirstModel
from Miniproject_2.model import Model as SecondModel
from others.data.course import TRAIN, VALIDATION, load_pair
from others.records.json_files import save_json
from others.records.paths import RESULTS
from others.studies.submission.models import denoise, scores

FOLDER = RESULTS / "curve"
Result = dict[str, Any]


def point(
    number: int, epochs: float, pairs: tuple[Tensor, Tensor], val: Any, seed: int, weights: Path
) -> Result:
    """Train once and score on the validation images, without and with self-ensemble."""
    first, second = (images[: round(min(epochs, 1) * len(images))] for images in pairs)
    torch.manual_seed(seed)
    model: Any = FirstModel() if number == 1 else SecondModel()
    start, computed = time.perf_counter(), time.process_time()
    model.train(first, second, num_epochs=max(1, int(epochs)))
    seconds, cpu = time.perf_counter() - start, time.process_time() - computed
    weights.mkdir(parents=True, exist_ok=True)
    model.save_model(weights / f"miniproject_{number}_{epochs}_{seed}.pth")
    noisy, clean = val
    target = clean.float() / 255
    single, _ = denoise(model, noisy, ensemble=False)
    return {
        "epochs": epochs,
        "seed": seed,
        "seconds": round(seconds, 1),
        "cpu_seconds": round(cpu, 3),
        **scores(single, target),
        **scores(denoise(model, noisy)[0], target, self_ensemble=True),
    }


def length(text: str) -> float:
    """Epochs: a whole number, or a part of one; ValueError for anything else."""
    epochs = float(text)
    if not (0 < epochs < 1 or (epochs.is_integer() and epochs >= 1)):
        raise ValueError(text)
    return int(epochs) if epochs >= 1 else epochs


def main() -> None:
    """The command line."""
    parser = argparse.ArgumentParser(
        prog="python -m others.studies.submission.curve", description=__doc__
    )
    parser.add_argument("number", type=int, choices=(1, 2), help="the miniproject")
    parser.add_argument("--epochs", type=length, nargs="+", required=True, help="one training each")
    parser.add_argument("--data", type=Path, default=Path("data"), help="folder of the .pkl files")
    parser.add_argument("--seed", type=int, default=0, help="of the initial weights (0)")
    parser.add_argument("--weights", type=Path, default=Path("out/curve"), help="their folder")
    options = parser.parse_args()
    path = FOLDER / f"miniproject_{options.number}.json"
    points = json.loads(path.read_text(encoding="utf-8"))["points"] if path.is_file() else []
    try:
        pairs, val = (load_pair(options.data / name) for name in (TRAIN, VALIDATION))
        for epochs in options.epochs:
            if any((one["epochs"], one["seed"]) == (epochs, options.seed) for one in points):
                continue
            points.append(point(options.number, epochs, pairs, val, options.seed, options.weights))
            points.sort(key=lambda one: (one["epochs"], one["seed"]))
            machine = {"torch": torch.__version__, "python": platform.python_version()}
            threads = torch.get_num_threads()
            shared = {"pairs": len(pairs[0]), **machine, "threads": threads}
            save_json(path, {**shared, "points": points})
            print(points, flush=True)
    except (ValueError, OSError) as error:
        sys.exit(f"{parser.prog}: {error}")


if __name__ == "__main__":
    main()
