"""Train the assignment's networks, score them on the test images, keep weights and results.

    python -m others.studies.assignment.study --protocol short --data BSDS [--only NAME ...]
        [--seeds 1] [--install]
    python -m others.studies.assignment.study --bonus --data BSDS [--seeds 1] [--install]

BSDS holds train/ and test/. The protocol `full` is the assignment's and needs a GPU, `short` is for
one core of a processor with bfloat16, `early` has a twentieth of its steps, so that several seeds
can be afforded, and `quick` is a trial. The rows are the three networks trained
towards clean images and, by the names that end in _n2n, without any: towards a second noisy copy of
each crop (Noise2Noise).

The same command goes on where it was stopped. OUTPUT/PROTOCOL has the state of each training, a
picture of it, and its weights; the results are in OUTPUT/PROTOCOL.json. With --install, results go
to others/results/assignment/PROTOCOL.json instead, and the weights of `full` and `short` to
others/pretrained/NAME.pth too. --bonus has rows and a PROTOCOL of its own, `bonus`, and keeps its
results alone.

PSNR is the assignment's: the mean over images, which are not clipped.
"""

from __future__ import annotations

import argparse
from pathlib import Path

from others.engine import command
from others.records.paths import PRETRAINED, RESULTS
from others.records.table import markdown
from others.studies.assignment.bonus import bonus_table, run_bonus
from others.studies.assignment.scores import CONTESTANTS, score_table
from others.studies.assignment.trainings import PROTOCOLS, SHIPPED, AssignmentStudy


def parser() -> argparse.ArgumentParser:
    """The options."""
    result = command.parser(__spec__, __doc__)
    result.add_argument("--protocol", choices=PROTOCOLS, default="short", help="how to train")
    result.add_argument("--data", type=Path, required=True, help="folder with train/ and test/")
    command.add_names(result, "--only", CONTESTANTS, "rows to train")
    result.add_argument("--seeds", type=command.whole(1), default=1, help="trainings of each row")
    output = Path("out/assignment")
    result.add_argument("--output", type=Path, default=output, help="folder of the trainings")
    result.add_argument("--bonus", action="store_true", help="run the rows of the bonus alone")
    result.add_argument("--install", action="store_true", help="keep what is found in others")
    return result


def run(options: argparse.Namespace) -> None:
    """Train what is missing, and print the table."""
    folder = RESULTS / "assignment" if options.install else options.output
    path = folder / f"{'bonus' if options.bonus else options.protocol}.json"
    if options.bonus:
        print(markdown(bonus_table(run_bonus(options.data, options.seeds, path))))
    else:
        pretrained = PRETRAINED if options.install and options.protocol in SHIPPED else None
        study = AssignmentStudy(options.protocol, options.data, options.output, path, pretrained)
        print(markdown(score_table(study.run(options.only, options.seeds))))
    print(f"{path}: the results")


main = command.main_of(parser, run)

if __name__ == "__main__":
    main()
