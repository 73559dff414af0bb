"""Write the course's data files with generated images, where they are missing.

    python -m others.generate data --pairs 2000

A file that is there, such as the course's own, is kept as it is.
"""

import argparse

from others.data.course import make_data
from others.engine import command


def parser() -> argparse.ArgumentParser:
    """The options."""
    result = command.parser(__spec__, __doc__)
    result.add_argument("folder", nargs="?", default="data", help="where the files are written")
    result.add_argument(
        "--pairs", type=command.whole(1), default=2000, help="noisy pairs to train on"
    )
    result.add_argument(
        "--validation", type=command.whole(1), default=500, help="noisy and clean images"
    )
    result.add_argument(
        "--seed", type=command.whole(0), default=0, help="decides which images are generated"
    )
    result.add_argument(
        "--clean", action="store_true", help="also write clean_data.pkl, of the pairs to train on"
    )
    return result


def run(options: argparse.Namespace) -> None:
    """Generate what is missing."""
    make_data(options.folder, options.pairs, options.validation, options.seed, options.clean)


main = command.main_of(parser, run)

if __name__ == "__main__":
    main()
