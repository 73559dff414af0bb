"""The grader: one process imports both miniprojects of a folder and tries what is asked of them.

    python test.py -p PROJECT -d DATA [--train-pairs N] [--skip-training] [--only NAME]

PROJECT holds Miniproject_1 and Miniproject_2, DATA holds train_data.pkl and val_data.pkl. It needs
torch alone; the checks are in grader/, which must lie beside this file. It prints a line for each
check, a table of scores and the warnings. Status 0 means that every check passed.
"""

from __future__ import annotations

import argparse
import inspect
import os
import re
import sys
import tempfile
import traceback
from functools import partial
from pathlib import Path
from typing import Any, Callable

import torch
from torch import Tensor

from grader import blocks, models, subject
from grader.subject import Subject

Check = Callable[[], Any]  # returns a remark or None, raises an error if it fails
COLUMNS = {
    "per image": "{:.2f} dB",
    "pooled": "{:.2f} dB",
    "images/s": "{:.0f}",
    "epoch": "{:.1f} s",
    "per image after": "{:.2f} dB",
    "pooled after": "{:.2f} dB",
}


def list_checks(one: Subject, two: Subject) -> dict[str, Check]:
    """All checks by name, in the order in which they run."""
    of_both = [models.structure, models.importing, models.allowed_imports, models.interface]
    of_both += [models.dummy, models.predict, models.autograd, models.bad_input, models.bad_weights]
    of_blocks = [blocks.plain_import, blocks.as_handed_out, blocks.mse, blocks.loading_keeps_pairs]
    long = [models.pretrained, models.training]

    named: list[Any] = [(f"{c.__name__} of {s.name}", c, s) for s in (one, two) for c in of_both]
    named += [(check.__name__, check, two) for check in of_blocks]
    named += [(f"{text} of {size}", blocks.layer, two, text, size) for text, size in blocks.LAYERS]
    named += [(text, blocks.optimizer, two, text) for text in blocks.OPTIMIZERS]
    named += [(f"{c.__name__} of {s.name}", c, s) for c in long for s in (one, two)]
    return {name: partial(*call) for name, *call in named}


def passes(name: str, check: Check) -> bool:
    """Run a check, print its line, and set back what the next one relies on."""
    torch.manual_seed(0)
    passed = True
    try:
        remark = check()
        line = f"ok    {name}" + (f": {remark}" if remark else "")
    except (Exception, SystemExit) as error:  # noqa: BLE001 - whatever it is, the next check runs
        last = traceback.extract_tb(error.__traceback__)[-1]
        line, passed = f"FAIL  {name}: {error}", False
        if last.filename != subject.__file__:  # not refused there, but raised somewhere else
            line += f" ({type(error).__name__} in {last.filename}, line {last.lineno})"
    print(line.replace("\n", " "), flush=True)
    torch.set_grad_enabled(True)
    torch.set_default_dtype(torch.float32)
    return passed


def print_scores(rows: dict[str, dict[str, float]]) -> None:
    """Print a table of the scores that are known."""
    print("\n" + " " * 13 + "".join(f"{column:>17}" for column in COLUMNS))
    for name, scores in rows.items():
        cells = [form.format(scores[c]) if c in scores else "-" for c, form in COLUMNS.items()]
        print(f"{name:13}" + "".join(f"{cell:>17}" for cell in cells))


def read_pair(path: Path) -> tuple[Tensor, Tensor]:
    """Read two uint8 tensors (N, 3, H, W) of one size; anything else ends the program."""
    safely = "weights_only" in inspect.signature(torch.load).parameters
    try:
        options = {"weights_only": True} if safely else {}
        first, second = torch.load(path, map_location="cpu", **options)
        for tensor in (first, second):
            shape, right = tuple(tensor.shape), (len(first), 3, *first.shape[2:])
            if tensor.dtype != torch.uint8 or len(shape) != 4 or shape != right:
                raise ValueError(f"it holds {tensor.dtype} {shape}")
    except Exception as error:  # noqa: BLE001 - reading a foreign file may raise anything
        expected = "expected a file with two uint8 tensors (N, 3, H, W) of one size"
        sys.exit(f"{path}: {type(error).__name__}: {error}; {expected}")
    return first, second


def parse_arguments() -> argparse.Namespace:
    """The command line; -p and -d are the course's."""
    parser = argparse.ArgumentParser(description="Test the two miniprojects of a folder.")
    parser.add_argument("-p", "--project", type=Path, required=True, help="holds Miniproject_1, _2")
    parser.add_argument("-d", "--data", type=Path, required=True, help="holds the two .pkl files")
    parser.add_argument("--train-pairs", type=int, metavar="N", help="train on the first N pairs")
    parser.add_argument("--skip-training", action="store_true", help="leave the long training out")
    parser.add_argument("--only", metavar="NAME", default="", help="checks with NAME in their name")
    return parser.parse_args()


def main() -> int:
    """Run the checks that the command line asks for, and return the exit status."""
    arguments = parse_arguments()
    project, data = arguments.project.resolve(), arguments.data.resolve()
    if not project.is_dir():
        sys.exit(f"{project} is no folder; -p names the one that holds both miniprojects")
    validation = read_pair(data / "val_data.pkl")
    training = () if arguments.skip_training else read_pair(data / "train_data.pkl")
    training = tuple(images[: arguments.train_pairs] for images in training)
    # Python has put this file's folder first, where other miniprojects may lie.
    here = Path(__file__).resolve().parent
    sys.path[:] = [str(project), *(entry for entry in sys.path if Path(entry).resolve() != here)]
    sys.dont_write_bytecode = True  # leave the project as it is

    one, two = (Subject(project, number, validation, training) for number in (1, 2))
    checks = list_checks(one, two)
    names = [name for name in checks if arguments.only in name]
    if arguments.skip_training:
        names = [name for name in names if not name.startswith("training")]
    if not names:
        sys.exit(f"no check has {arguments.only!r} in its name; they are: {', '.join(checks)}")
    with tempfile.TemporaryDirectory() as elsewhere:  # nothing may depend on the working folder
        os.chdir(elsewhere)
        passed = [passes(name, checks[name]) for name in names]
        os.chdir(here)

    noisy = dict(zip(COLUMNS, one.psnr(Tensor.float)))
    print_scores({"noisy": noisy, one.name: one.scores, two.name: two.scores})
    warnings = one.warnings + two.warnings
    if not re.fullmatch(r"Proj_\d{6}_\d{6}_\d{6}", project.name):
        warnings.append(f"the folder is called {project.name}, not Proj_ and three SCIPER numbers")
    print("\n" + "\n".join([f"warnings: {len(warnings)}", *warnings]))
    print(f"\n{sum(passed)} passed, {len(passed) - sum(passed)} failed")
    return 0 if all(passed) else 1


if __name__ == "__main__":
    sys.exit(main())
