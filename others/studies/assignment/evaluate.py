"""Score the assignment's trained networks on the test images: the table of question 22.

    python -m others.studies.assignment.evaluate --data BSDS [--rows NAME ...] [--json PATH]

BSDS is a folder with a subfolder test/ of images; WEIGHTS holds NAME.pth of each row. The table has
the mean over several draws of crops and noise, and their standard deviation. PSNR is the
assignment's: the mean over images, which are not clipped.
"""

from __future__ import annotations

import argparse
from pathlib import Path

from others.engine import command
from others.records.json_files import save_json
from others.records.paths import PRETRAINED
from others.records.table import markdown
from others.studies.assignment.scores import CONTESTANTS, DRAWS, score_table, scores_of_weights


def parser() -> argparse.ArgumentParser:
    """The options."""
    result = command.parser(__spec__, __doc__)
    result.add_argument("--data", type=Path, required=True, help="folder with a subfolder test/")
    result.add_argument("--weights", type=Path, default=PRETRAINED, help="folder of the weights")
    number = command.whole(1)
    result.add_argument("--draws", type=number, default=DRAWS, help="draws of crops and noise")
    command.add_names(result, "--rows", CONTESTANTS, "rows to score")
    result.add_argument("--json", type=command.output, help="also write the scores to this file")
    return result


def run(options: argparse.Namespace) -> None:
    """Score, print, and write where that is asked for."""
    results = scores_of_weights(options.data, options.weights, options.draws, options.rows)
    print(markdown(score_table(results)))
    if options.json:
        save_json(options.json, results)
        print(f"{options.json}: the scores")


main = command.main_of(parser, run)

if __name__ == "__main__":
    main()
