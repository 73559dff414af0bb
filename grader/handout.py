"""The table of the handout's sentences in README.md: each with its checks and what they gave.

    python -m grader.handout [RESULTS]

copies RESULTS, which `test.py --json` has written, to results.json beside this file, and writes the
last column of the table from it. A check is named as in `models.predict`; a name that begins with
`test_` is one of this project's own tests.
"""

from __future__ import annotations

import argparse
import json
import re
import sys
from pathlib import Path
from typing import Any

README = Path(__file__).with_name("README.md")
RESULTS = Path(__file__).with_name("results.json")
BEGIN, END = "<!-- handout -->\n", "<!-- end of handout -->"
NO_GPU = "there is no GPU here"  # what a check says that passes because it had nothing to try
CODE = re.compile("`([a-z_.0-9]+)`")


def rows(text: str) -> list[list[str]]:
    """The cells of the table in `text`, without its two lines of headings."""
    table = text[text.index(BEGIN) + len(BEGIN) : text.index(END)]
    return [line.strip("| \n").split(" | ") for line in table.splitlines()[2:]]


def result(checks: list[str], results: dict[str, Any]) -> str:
    """What `checks` gave: how many runs of them passed, of how many."""
    if not checks:
        return "for people to judge"
    wanted = {f"grader.{name}" for name in checks}
    found = [check for check in results["checks"] if check["function"] in wanted]
    passed = [check["passed"] for check in found if check["text"] != NO_GPU]
    parts = [f"{sum(passed)} of {len(passed)} passed"] if passed else []
    if len(found) > len(passed):
        parts.append(f"not tried: {NO_GPU}")
    if any(name.startswith("test_") for name in checks):
        parts.append("part of `make test`")
    return ", ".join(parts)


def check_whole(text: str, results: dict[str, Any]) -> None:
    """ValueError unless there is a result of each check that the table in `text` names."""
    named = {name for _, checks, *_ in rows(text) for name in CODE.findall(checks)}
    wanted = {f"grader.{name}" for name in named if not name.startswith("test_")}
    missing = wanted - {check["function"] for check in results["checks"]}
    if missing:
        raise ValueError(f"nothing on {', '.join(sorted(missing))}; expected those of a whole run")


def render(text: str, results: dict[str, Any]) -> str:
    """`text` with the last column of its table, and the line below it, written anew.

    ValueError if the results are not those of a whole run.
    """
    check_whole(text, results)
    lines = ["| the handout says | checks | result |", "|---|---|---|"]
    for sentence, checks, *_ in rows(text):
        lines.append(f"| {sentence} | {checks} | {result(CODE.findall(checks), results)} |")
    before, after = text[: text.index(BEGIN)], text[text.index(END) + len(END) :]
    place = "Python {python}, torch {torch}, {device}".format(**results["environment"])
    data = "{training pairs:,} training pairs and {validation images:,} images".format(
        **results["data"]
    )
    line = f"Results: {results['project']} with {data}, on {place}."
    after = re.sub(r"Results: .*", line, after)
    return before + BEGIN + "\n".join(lines) + "\n" + END + after


def main() -> None:
    """The command line."""
    parser = argparse.ArgumentParser(
        prog="python -m grader.handout",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("results", nargs="?", type=Path, help="those of results.json unless given")
    path = parser.parse_args().results or RESULTS
    try:
        content = path.read_text(encoding="utf-8")
        page = render(README.read_text(encoding="utf-8"), json.loads(content))
    except (OSError, ValueError, TypeError, LookupError, RecursionError) as error:
        sys.exit(f"{path} holds no results of `test.py --json`: {type(error).__name__}: {error}")
    RESULTS.write_text(content, encoding="utf-8")  # only now: what cannot be shown replaces nothing
    README.write_text(page, encoding="utf-8")


if __name__ == "__main__":
    main()
