"""Fill the tables of all README files from the JSON files that hold the measurements.

    python -m others.report.readme
    python -m others.report.readme --check

What stands between `<!-- table NAME -->` and `<!-- end of NAME -->` is rewritten; the text around
it is written by hand. With --check nothing is written, and the status is 1 if a page differs.
"""

import argparse
from pathlib import Path

from others.engine import command
from others.records.json_files import save_file
from others.records.page import filled
from others.records.paths import ROOT
from others.report.pages import PAGES
from others.report.results import Results


def rendered(path: Path, results: Results) -> str:
    """A page with its tables as the results have them; ValueError that names the page."""
    try:
        return filled(path.read_text(encoding="utf-8"), results.make(PAGES[path]))
    except ValueError as error:
        raise ValueError(f"{path.relative_to(ROOT)}: {error}") from error


def parser() -> argparse.ArgumentParser:
    """The options."""
    result = command.parser(__spec__, __doc__)
    result.add_argument("--check", action="store_true", help="change nothing")
    return result


def run(options: argparse.Namespace) -> None:
    """Fill the pages, or compare them."""
    results = Results()
    fresh = {path: rendered(path, results) for path in PAGES}  # before any is written
    changed = {
        path: text for path, text in fresh.items() if path.read_text(encoding="utf-8") != text
    }
    if options.check and changed:
        names = ", ".join(str(path.relative_to(ROOT)) for path in changed)
        raise ValueError(f"tables differ from others/results in {names}")
    for path, text in changed.items():
        save_file(path, text)
        print(f"{path.relative_to(ROOT)}: tables renewed")


main = command.main_of(parser, run)

if __name__ == "__main__":
    main()
