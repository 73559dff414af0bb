"""numbers.tex, and the digest that ties a PDF to the results it shows."""

import hashlib
import json
import re
from typing import Any

from others.records.formats import tex
from others.records.paths import ROOT
from others.records.table import latex
from others.report.figures import FIGURES
from others.report.macros import all_macros
from others.report.results import Results
from others.report.tables import REPORT_TABLES

REPORT = ROOT / "report"
PDFS = {"Report_1": "Miniproject_1/Report_1.pdf", "Report_2": "Miniproject_2/Report_2.pdf"}
SOURCES = ("Report_1.tex", "Report_2.tex", "report.sty", "references.bib")
PAGES = 3  # of a report, by the handout
COMPLAINT = re.compile(r"^(Overfull|LaTeX Warning|Package \w+ Warning|! )|Missing character")
WRITTEN = re.compile(r"Output written on \S+ \((\d+) pages?")


def shown(results: Results) -> dict[str, Any]:
    """The data of every figure."""
    return {name: results.make(data_of) for name, (data_of, _) in FIGURES.items()}


def definitions(results: Results) -> str:
    """Every number and every table as a LaTeX macro."""
    lines = [
        f"\\newcommand{{\\{name}}}{{{tex(text)}}}" for name, text in all_macros(results).items()
    ]
    for name, table in REPORT_TABLES.items():
        text = latex(results.make(table.make), **table.layout)
        lines.append(f"\\newcommand{{\\{name}}}{{%\n{text}}}")
    return "\n".join(lines) + "\n"


def digest(results: Results) -> str:
    """A hash of all that the reports show: numbers, tables, data of the figures, and texts.

    How a figure is drawn does not count.
    """
    texts = [(REPORT / name).read_text(encoding="utf-8") for name in SOURCES]
    content = json.dumps([definitions(results), shown(results), texts], sort_keys=True)
    return hashlib.sha256(content.encode()).hexdigest()[:32]


def numbers_tex(results: Results) -> str:
    """The file that both reports read."""
    head = "% Written by `python -m others.report` from others/results; not to be edited.\n"
    mark = f"\\newcommand{{\\ResultsDigest}}{{results {digest(results)}}}\n"
    return head + mark + definitions(results)


def problems(log: str) -> list[str]:
    """What LaTeX's log complains about, and a report of too many pages."""
    lines = log.replace("\n)", ")").splitlines()
    found = [line for line in lines if COMPLAINT.search(line)]
    written = WRITTEN.search(log)
    if written is None:
        found.append("no PDF was written")
    elif int(written.group(1)) > PAGES:
        found.append(f"{written.group(1)} pages, expected at most {PAGES}")
    return found
