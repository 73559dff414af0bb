"""Repeat a student report on the network TNet: train every row with several seeds.

    python -m others.studies.tnet --data DIR [--only ROW ...] [--seeds 5] [--epochs 1]
    python -m others.studies.tnet --quick

DIR holds train_data.pkl and val_data.pkl. Each run saves its state in OUTPUT/ROW/SEED after every
epoch, and its result in RESULTS/study.json; after each run the tables in RESULTS/README.md are
renewed. The same command goes on where it was stopped, and it trains nothing twice. The row
`claims` trains nothing: it measures what the report says about the influence of pixels, on the
weights of the row tnet_taught. --quick runs everything on a few generated images, prints the
tables, and leaves no file behind.
"""

import argparse
from pathlib import Path

from others.engine import command
from others.records.paths import PRETRAINED
from others.studies.tnet import tables
from others.studies.tnet.rows import ROWS, SEEDS
from others.studies.tnet.runs import Budget, StudyImages
from others.studies.tnet.study import CLAIMS, TNetStudy, run_quickly


def parser() -> argparse.ArgumentParser:
    """The options."""
    result = command.parser(__spec__, __doc__)
    command.add_data(result)
    names, budget, number = [*ROWS, CLAIMS], Budget(), command.whole(1)
    result.add_argument(
        "--only", nargs="+", choices=names, metavar="ROW", help="run these rows (all, see --list)"
    )
    result.add_argument("--seeds", type=number, default=SEEDS, help="runs of each row, at most")
    result.add_argument("--pairs", type=number, default=budget.pairs, help="training pairs")
    result.add_argument("--epochs", type=number, default=budget.epochs, help="passes over them")
    output, results = Path("out/tnet_study"), tables.FOLDER
    result.add_argument("--output", type=Path, default=output, help="folder of the states")
    result.add_argument("--results", type=Path, default=results, help="folder of the results")
    result.add_argument("--install", action="store_true", help="keep weights in others/pretrained")
    mode = result.add_mutually_exclusive_group()
    mode.add_argument("--list", action="store_true", help="print the rows and stop")
    mode.add_argument("--quick", action="store_true", help="try everything on a few images")
    return result


def run(options: argparse.Namespace) -> None:
    """Do what the options say."""
    names = options.only or [*ROWS, CLAIMS]
    if options.list:
        print("\n".join(f"{name}: {row.changes()}" for name, row in ROWS.items()))
        print(f"{CLAIMS}: nothing is trained; the influence of pixels is measured")
    elif options.quick:
        print(run_quickly(names), end="")
    else:
        budget = Budget(options.pairs, options.epochs)
        images = StudyImages.read(options.data, budget.pairs)
        install = PRETRAINED if options.install else None
        study = TNetStudy(ROWS, budget, images, options.output, options.results, install)
        study.run(names, options.seeds)
        print(f"{options.results}: study.json, and the tables in README.md")


main = command.main_of(parser, run)

if __name__ == "__main__":
    main()
