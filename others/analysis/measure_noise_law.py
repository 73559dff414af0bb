"""The noise of a set of images, measured: `others.analysis.noise_law` says what of it.

    python -m others.analysis.measure_noise_law --data FOLDER [--json FILE]
    python -m others.analysis.measure_noise_law --pairs FILE [--json FILE]

The folder holds train_data.pkl and clean_data.pkl: two noisy copies of each image, and the clean
versions of the first images (`python -m others.generate FOLDER --clean` generates both). The file
of pairs is like val_data.pkl: noisy images and their clean versions, without a second noisy copy.
Only the noise is looked at; nothing is trained or chosen.
"""

import argparse
from pathlib import Path

import torch
from torch import Tensor

from others.analysis.noise_law import measure_noise
from others.data.course import CLEAN, TRAIN, load_pair
from others.engine import command
from others.records.json_files import save_json
from others.records.study import brief

FILE = Path("out/noise.json")  # others/results has a file for each set of images


def parser() -> argparse.ArgumentParser:
    """The options of the command."""
    result = command.parser(__spec__, __doc__)
    command.add_data(result)
    result.add_argument("--pairs", type=Path, help="a file of noisy and clean images instead")
    command.add_json(result, FILE)
    return result


def images_of(folder: Path) -> tuple[Tensor, Tensor, Tensor]:
    """Both noisy copies, and the clean versions, of the images whose clean version is known.

    Raises:
        ValueError: the clean images are not those of the first pairs.
    """
    input_of_clean, clean = load_pair(folder / CLEAN)
    noisy_a, noisy_b = (part[: len(clean)] for part in load_pair(folder / TRAIN))
    if not torch.equal(noisy_a, input_of_clean):
        raise ValueError(f"{CLEAN} is not about the first images of {TRAIN}")
    return noisy_a, noisy_b, clean


def run(options: argparse.Namespace) -> None:
    """Measure the noise, and write and print what it is."""
    if options.pairs:
        noisy, clean = (part.float() / 255 for part in load_pair(options.pairs))
        result = measure_noise(noisy, None, clean)
    else:
        result = measure_noise(*(part.float() / 255 for part in images_of(options.data)))
    save_json(options.json, result)
    print(brief(result))
    print(f"correlations: {brief(result['correlations'])}")
    for group in result["by_contrast"]:
        print(brief(group))
    print(f"{options.json}: the same, and a histogram")


main = command.main_of(parser, run)

if __name__ == "__main__":
    main()
