"""What the noise of point-sampled images is: white, without a mean, heavy-tailed, loud at edges.

    python -m others.analysis.measure_noise_law --data FOLDER [--json FILE]

The folder holds train_data.pkl and clean_data.pkl: two noisy copies of each image, and the clean
versions of the first images (`python -m others.generate FOLDER --clean` generates both). Only the
noise is looked at; nothing is trained or chosen.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence

import torch

from others.analysis.noise_law import measure_noise
from others.data.course import CLEAN, TRAIN, load_pair
from others.engine import command
from others.records.json_files import save_json
from others.records.paths import RESULTS


def parser() -> argparse.ArgumentParser:
    """The options of the command."""
    result = command.parser(__spec__, __doc__)
    command.add_data(result)
    path = RESULTS / "noise.json"
    result.add_argument(
        "--json", type=command.output, default=str(path), help="the file of results"
    )
    return result


def run(options: argparse.Namespace) -> None:
    """Measure the noise, and write and print what it is."""
    input_of_clean, clean = load_pair(options.data / CLEAN)
    noisy_a, noisy_b = (part[: len(clean)] for part in load_pair(options.data / TRAIN))
    if not torch.equal(noisy_a, input_of_clean):
        raise ValueError(f"{CLEAN} is not about the first images of {TRAIN}")
    result = measure_noise(*(part.float() / 255 for part in (noisy_a, noisy_b, clean)))
    save_json(options.json, result)
    print({name: value for name, value in result.items() if name != "histogram"})


def main(arguments: Sequence[str] | None = None) -> None:
    """The command line."""
    command.main(parser(), run, arguments)


if __name__ == "__main__":
    main()
