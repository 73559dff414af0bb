"""Measure PSNR against training time: `Model().train` from scratch, once for each length.

    python -m others.studies.submission.curve 2 --epochs 0.25 0.5 1 2 4 --data DIR
    python -m others.studies.submission.curve 2 --sgd --epochs 0.25 0.5 1 2 --data DIR

Each length is a training of its own, because the learning rate falls to zero at the end of each. A
part of an epoch is one epoch over that part of the pairs. DIR holds train_data.pkl and
val_data.pkl. The results go to others/results/curve after every training, and the weights to
out/curve. Trainings whose results are there are not run again. `cpu_seconds` is the processor time
of all threads together, which other processes on the machine hardly change. With --sgd, Miniproject
2 is trained by the handout's optimizer and loss instead, with the settings of their ablation.
"""

import argparse
import time
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from Miniproject_1.noise2noise.tensor import checksum
from others.data.course import TRAIN, VALIDATION, load_pair
from others.engine import command
from others.networks.prescribed import PLAIN_LOSS
from others.records.json_files import blaming
from others.records.paths import RESULTS
from others.records.study import Row, Study, read_study
from others.studies.submission.ablations.sgd import SGD
from others.studies.submission.models import MODELS, denoise, scores, train_with

Pair = tuple[Tensor, Tensor]


def epochs(text: str) -> float:
    """The type of a length: a whole number of epochs, or a part of one."""
    try:
        number = float(text)
    except ValueError:
        number = 0.0
    if not (0 < number < 1 or (number >= 1 and number.is_integer())):
        raise argparse.ArgumentTypeError(f"{text!r} is no whole number of epochs or part of one")
    return int(number) if number >= 1 else number


def named(lengths: Sequence[float]) -> dict[str, Row]:
    """The rows of a curve by their names, from the shortest training to the longest."""
    return {
        f"{length:g} epoch{'' if length == 1 else 's'}": Row({"epochs": length})
        for length in sorted(set(lengths))
    }


def parser() -> argparse.ArgumentParser:
    """The options."""
    result = command.parser(__spec__, __doc__)
    result.add_argument("number", type=int, choices=(1, 2), help="the miniproject")
    result.add_argument("--sgd", action="store_true", help="train Miniproject 2 by SGD")
    result.add_argument(
        "--epochs", type=epochs, nargs="+", required=True, help="lengths, one training each"
    )
    command.add_data(result)
    result.add_argument("--seeds", type=command.whole(1), default=1, help="trainings per length")
    result.add_argument(
        "--weights", type=Path, default=Path("out/curve"), help="folder of the trained weights"
    )
    result.add_argument(
        "--json", type=Path, help="file of the results (others/results/curve/miniproject_N.json)"
    )
    return result


def train_and_score(
    options: argparse.Namespace, pairs: Pair, validation: Pair, length: float, seed: int
) -> dict[str, Any]:
    """Train a new model for `length` epochs, save its weights, and score it.

    Args:
        pairs: both noisy copies of the training images, uint8 (N, 3, H, W).
        validation: noisy and clean images, uint8 (M, 3, H, W).
    """
    part, epochs = round(min(length, 1) * len(pairs[0])), max(1, int(length))
    train_input, train_target = (images[:part] for images in pairs)
    options.weights.mkdir(parents=True, exist_ok=True)  # now, so that a bad place is noticed now
    torch.manual_seed(seed)
    model = MODELS[f"Miniproject {options.number}"]()
    start, computed = time.perf_counter(), time.process_time()
    if options.sgd:
        train_with(model, (train_input, train_target), epochs, {**PLAIN_LOSS, **SGD})
    else:
        model.train(train_input, train_target, epochs)
    seconds, cpu_seconds = time.perf_counter() - start, time.process_time() - computed
    model.save_model(options.weights / f"{study_name(options)}_{length}_{seed}.pth")
    noisy, clean = validation
    target = clean.float() / 255
    single, _ = denoise(model, noisy, ensemble=False)
    return {
        "seconds": round(seconds, 1),
        "cpu_seconds": round(cpu_seconds, 3),
        **scores(single, target),
        **scores(denoise(model, noisy)[0], target, self_ensemble=True),
    }


def study_name(options: argparse.Namespace) -> str:
    """The name of the results' file, and the beginning of the weights' names."""
    return f"miniproject_{options.number}{'_sgd' if options.sgd else ''}"


def run(options: argparse.Namespace) -> None:
    """Train and score what the file of results lacks."""
    if options.sgd and options.number != 2:
        raise command.UsageError(
            "--sgd is for Miniproject 2; Miniproject 1 is trained by Muon alone"
        )
    path = options.json or RESULTS / "curve" / f"{study_name(options)}.json"
    pairs, validation = (load_pair(options.data / name) for name in (TRAIN, VALIDATION))

    def measure(_: str, row: Row, seed: int) -> dict[str, Any]:
        return train_and_score(options, pairs, validation, row.changes["epochs"], seed)

    # Lengths of earlier calls are rows of this study too, so that the file has all in their order.
    earlier = read_study(path)["rows"].values() if path.is_file() else ()
    lengths = [*options.epochs, *(row["changes"]["epochs"] for row in earlier)]
    setting = {"pairs": len(pairs[0]), "checksum": checksum((*pairs, *validation))}
    with blaming([path]):  # what is there may be no length
        study = Study(path, setting, named(lengths))
    study.run(measure, list(named(options.epochs)), options.seeds, partial(print, flush=True))
    print(f"{path}: the results; {options.weights}: the weights")


main = command.main_of(parser, run)

if __name__ == "__main__":
    main()
