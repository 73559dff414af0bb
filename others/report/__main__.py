"""Write what the reports show: numbers.tex, the figures, and the line numbers of ORAL.md.

    python -m others.report [--results DIR] [--output DIR] [--check]

`make report` calls this and then LaTeX. The digest of everything that a report shows, and of its
text, goes into the PDF: a test compares it with the digest of the results as they are now.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from Miniproject_1.noise2noise.files import write_atomically
from others.records.paths import RESULTS
from others.report.document import PDFS, REPORT, numbers_tex, problems, shown
from others.report.figures import save
from others.report.oral import refreshed
from others.report.results import Results


def check_logs(folder: Path) -> None:
    """ValueError with all that LaTeX complained about."""
    for name in PDFS:
        path = folder / f"{name}.log"
        found = problems(path.read_text(encoding="utf-8", errors="replace"))
        if found:
            raise ValueError("\n  ".join([f"{path} has complaints:", *found]))


def main() -> None:
    """The command line."""
    parser = argparse.ArgumentParser(prog="python -m others.report", description=__doc__)
    parser.add_argument("--results", type=Path, default=RESULTS, help="folder of the JSON files")
    parser.add_argument("--output", type=Path, default=REPORT, help="folder of the .tex files")
    parser.add_argument("--check", action="store_true", help="only look at LaTeX's logs")
    options = parser.parse_args()
    results = Results(options.results)
    try:
        if options.check:
            return check_logs(options.output)
        text, figures = numbers_tex(results), shown(results)
        options.output.mkdir(parents=True, exist_ok=True)
        write_atomically(options.output / "numbers.tex", lambda file: file.write(text.encode()))
        for name, data in figures.items():
            save(name, data, options.output / "figures")
        oral = REPORT / "ORAL.md"
        answers = refreshed(oral.read_text(encoding="utf-8"))
        write_atomically(oral, lambda file: file.write(answers.encode()))
    except (ValueError, OSError) as error:
        sys.exit(f"{parser.prog}: {error}")
    print(f"{options.output}: numbers.tex and {len(figures)} figures")


if __name__ == "__main__":
    main()
