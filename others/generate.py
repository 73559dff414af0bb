"""Write the course's data files with generated images, where they are missing."""

from __future__ import annotations

import argparse
import sys

from others.data.course import make_data


def main() -> None:
    """The command line."""
    parser = argparse.ArgumentParser(prog="python -m others.generate", description=__doc__)
    parser.add_argument("folder", nargs="?", default="data", help="where the files are (data)")
    parser.add_argument("--pairs", type=int, default=2000, help="to train on (2000)")
    parser.add_argument("--validation", type=int, default=500, help="noisy and clean (500)")
    parser.add_argument("--seed", type=int, default=0, help="other images for another one (0)")
    parser.add_argument("--clean", action="store_true", help="write clean_data.pkl as well")
    options = parser.parse_args()
    try:
        make_data(options.folder, options.pairs, options.validation, options.seed, options.clean)
    except (ValueError, OSError) as error:
        sys.exit(f"{parser.prog}: {error}")


if __name__ == "__main__":
    main()
