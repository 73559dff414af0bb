"""Train a model of the submission from noisy pairs, in stretches if need be.

    python -m others.train_submission 1 --epochs 12 [--data data] [--install]

The state is saved after each epoch, and the same command continues where an earlier one was
stopped. The weights go to out/, and with --install to the miniproject's bestmodel.pth; what was
trained, on what and with what result goes to a JSON file beside them or in others/results/.
"""

from __future__ import annotations

import argparse
import platform
import sys
import time
from dataclasses import asdict
from pathlib import Path
from typing import Any, Sequence

import torch
from torch import Tensor

from Miniproject_1 import model as first
from Miniproject_1.others.network import ResidualUNet
from Miniproject_1.others.training import Settings as FirstSettings
from Miniproject_1.others.training import Trainer
from Miniproject_2 import model as second
from Miniproject_2.framework.training import Settings as SecondSettings
from others.data import TRAIN, VALIDATION, load_pair
from others.evaluate import denoise, scores
from others.json_files import save_json

RESULTS = Path(__file__).resolve().parent / "results" / "training"


def new_model(number: int, widths: Sequence[int] | None) -> Any:
    """An untrained model of a miniproject; the first with these widths, or as it is shipped."""
    if number == 2:
        return second.Model()
    model = first.Model()
    network = ResidualUNet(widths) if widths else ResidualUNet()
    model.network = network.to(model.device)
    return model


def settings_of(number: int, other_noises: bool = True) -> dict[str, Any]:
    """The settings that `Model.train` of a miniproject uses; of the first without other noises."""
    if number == 2:
        return SecondSettings()._asdict()
    return {**asdict(FirstSettings()), **({} if other_noises else {"gaussian": 0, "impulses": 0})}


def train(
    model: Any, settings: dict[str, Any], epochs: int, pairs: tuple[Tensor, Tensor], state: Path
) -> float:
    """Train as `Model.train` does, but with these settings; the seconds it took."""
    start = time.perf_counter()
    state.parent.mkdir(parents=True, exist_ok=True)
    if isinstance(model, first.Model):
        Trainer(
            model.network, *pairs, epochs, checkpoint=state, settings=FirstSettings(**settings)
        ).run()
    else:
        model.train(*pairs, epochs, checkpoint=state)
    return time.perf_counter() - start


def main() -> None:
    """The command line."""
    parser = argparse.ArgumentParser(prog="python -m others.train_submission", description=__doc__)
    parser.add_argument("number", type=int, choices=(1, 2), help="the miniproject")
    parser.add_argument("--epochs", type=int, default=12, help="passes over the pairs (12)")
    parser.add_argument("--data", type=Path, default=Path("data"), help="folder of the .pkl files")
    parser.add_argument("--seed", type=int, default=0, help="of the initial weights (0)")
    parser.add_argument("--widths", type=int, nargs=2, help="of the first (64 128)")
    parser.add_argument("--no-other-noises", action="store_true", help="the first on plain pairs")
    parser.add_argument("--install", action="store_true", help="replace bestmodel.pth")
    options = parser.parse_args()
    name = f"miniproject_{options.number}"
    try:
        noisy, clean = load_pair(options.data / VALIDATION)
        pairs = load_pair(options.data / TRAIN)
        state = Path("out") / f"{name}.state"
        torch.manual_seed(options.seed)
        model = new_model(options.number, options.widths)
        settings = settings_of(options.number, not options.no_other_noises)
        seconds = train(model, settings, options.epochs, pairs, state)
    except (ValueError, OSError) as error:
        sys.exit(f"{parser.prog}: {error}")
    denoised, _ = denoise(model, noisy)
    log = {
        "epochs": options.epochs,
        "pairs": len(pairs[0]),
        "seed": options.seed,
        "settings": settings,
        "seconds_of_the_last_stretch": round(seconds),
        "torch": torch.__version__,
        "python": platform.python_version(),
        "validation": scores(denoised, clean.float() / 255),
    }
    weights = (first if options.number == 1 else second).WEIGHTS
    model.save_model(weights if options.install else Path("out") / f"{name}.pth")
    save_json((RESULTS if options.install else Path("out")) / f"{name}.json", log)
    print(f"{name}: {log['validation']} after {options.epochs} epochs")


if __name__ == "__main__":
    main()
