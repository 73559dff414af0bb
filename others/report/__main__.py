"""Write what both reports show: their numbers, their tables, their figures.

    python -m others.report [--results DIR] [--output DIR]
    python -m others.report --check

The first form writes numbers.tex and figures/ into OUTPUT, where LaTeX reads them, and renews the
line numbers in report/ORAL.md. The second looks for complaints in the logs that LaTeX left there.
`make report` calls both, with LaTeX in between. A digest of all that a report shows goes into its
PDF, so that a test can tell whether a PDF shows the results as they are now.
"""

import argparse
from pathlib import Path

from others.engine import command
from others.records.json_files import save_file
from others.records.paths import RESULTS
from others.report.document import PDFS, REPORT, numbers_tex, problems, shown
from others.report.figures import save
from others.report.oral import refreshed
from others.report.results import Results


def check_logs(folder: Path) -> None:
    """ValueError with all that LaTeX complained about; FileNotFoundError where it has not run."""
    for name in PDFS:
        path = folder / f"{name}.log"
        if not path.is_file():
            raise FileNotFoundError(f"{path}: no file here; `make report` lets LaTeX write it")
        found = problems(path.read_text(encoding="utf-8", errors="replace"))
        if found:
            raise ValueError("\n  ".join([f"{path} has complaints:", *found]))


def parser() -> argparse.ArgumentParser:
    """The options."""
    result = command.parser(__spec__, __doc__)
    result.add_argument("--results", type=Path, default=RESULTS, help="folder of the JSON files")
    result.add_argument("--output", type=Path, default=REPORT, help="folder of the .tex files")
    result.add_argument("--check", action="store_true", help="only look at the logs of LaTeX")
    return result


def run(options: argparse.Namespace) -> None:
    """Write the files, or check the logs."""
    if options.check:
        return check_logs(options.output)
    results = Results(options.results)
    text, figures = numbers_tex(results), shown(results)  # all is read before any is written
    save_file(options.output / "numbers.tex", text)
    for name, data in figures.items():
        save(name, data, options.output / "figures")
    oral = REPORT / "ORAL.md"
    save_file(oral, refreshed(oral.read_text(encoding="utf-8")))
    print(f"{options.output}: numbers.tex and {len(figures)} figures")


main = command.main_of(parser, run)

if __name__ == "__main__":
    main()
