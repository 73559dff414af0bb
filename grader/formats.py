"""What the grader has found, for people (printed) and for programs (JSON, JUnit, Gradescope)."""

from __future__ import annotations

import contextlib
import json
import math
import os
import re
import sys
from pathlib import Path
from typing import Any, Callable
from uuid import uuid4
from xml.etree import ElementTree

from grader.process import Judgement

COLUMNS = {  # whose figure it is, and how it is written
    "per image": ("course", "{:.2f} dB"),
    "pooled": ("ours", "{:.2f} dB"),
    "images/s": ("ours", "{:.0f}"),
    "epoch": ("ours", "{:.1f} s"),
    "per image after": ("course", "{:.2f} dB"),
    "pooled after": ("ours", "{:.2f} dB"),
}
NOT_IN_XML = re.compile("[^\t\n\r\u0020-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


def print_result(result: dict[str, Any]) -> None:
    """Print the line of a check, and on stderr what was printed while it ran."""
    for line in result["output"].splitlines():
        # Of what overwrites itself, such as a progress bar, the last is what is to be seen.
        print(f"    | {line}", file=sys.stderr, flush=True)
    remark = f": {result['text']}" if result["text"] else ""
    line = f"{'ok' if result['passed'] else 'FAIL':4}  {result['origin']:6}  "
    print(line + (result["name"] + remark).replace("\n", " "), flush=True)


def count(results: list[dict[str, Any]], origin: str = "") -> tuple[int, int]:
    """How many checks have passed and failed: the course's, ours, or all."""
    passed = [r["passed"] for r in results if origin in ("", r["origin"])]
    return sum(passed), len(passed) - sum(passed)


def scores(judgement: Judgement) -> dict[str, dict[str, float]]:
    """The scores that are known, of the noisy images and of each miniproject; NaN is none."""
    rows = {name: state["scores"] for name, state in judgement.state.items()}
    return {
        name: {which: score for which, score in row.items() if math.isfinite(score)}
        for name, row in {"noisy": judgement.noisy, **rows}.items()
    }


def all_warnings(judgement: Judgement, project: Path) -> list[list[str]]:
    """All warnings, each with whose it is; that about the project's name is the course's."""
    found = [warning for state in judgement.state.values() for warning in state["warnings"]]
    if not re.fullmatch(r"Proj_\d{6}_\d{6}_\d{6}", project.name):
        text = f"the folder is called {project.name}, not Proj_ and three SCIPER numbers"
        found.append(["course", text])
    return found


def print_summary(judgement: Judgement, project: Path) -> None:
    """Print a table of the scores, the warnings, and how many checks have passed."""
    print("\n" + " " * 13 + "".join(f"{whose:>17}" for whose, _ in COLUMNS.values()))
    print(" " * 13 + "".join(f"{column:>17}" for column in COLUMNS))
    for name, row in scores(judgement).items():
        cells = [form.format(row[c]) if c in row else "-" for c, (_, form) in COLUMNS.items()]
        print(f"{name:13}" + "".join(f"{cell:>17}" for cell in cells))
    warnings = all_warnings(judgement, project)
    print(f"\nwarnings: {len(warnings)}")
    for origin, text in warnings:
        print(f"warn  {origin:6}  {text}")
    results = list(judgement.results.values())
    print()
    for origin in ("course", "ours"):
        print("{}: {} passed, {} failed".format(origin, *count(results, origin)))
    print("{} passed, {} failed".format(*count(results)))


def as_json(judgement: Judgement, project: Path) -> str:
    """Everything that the output says, for programs."""
    results = list(judgement.results.values())
    passed, failed = count(results)
    warnings = [{"origin": o, "text": text} for o, text in all_warnings(judgement, project)]
    content = {
        "project": project.name,
        "environment": judgement.environment,
        "data": judgement.data,
        "passed": passed,
        "failed": failed,
        "checks": results,
        "scores": scores(judgement),
        "warnings": warnings,
    }
    return json.dumps(content, indent=1) + "\n"


def as_gradescope(judgement: Judgement, project: Path) -> str:
    """Gradescope's results.json: a point for each check that has passed.

    https://gradescope-autograders.readthedocs.io/en/latest/specs/
    """
    results = list(judgement.results.values())
    warnings = [f"warning ({origin}): {t}" for origin, t in all_warnings(judgement, project)]
    tests = [
        {
            "name": f"{r['origin']}: {r['name']}",
            "score": float(r["passed"]),
            "max_score": 1.0,
            "status": "passed" if r["passed"] else "failed",
            "output": "\n".join(part for part in (r["text"], r["output"]) if part),
            "tags": [r["origin"]],
            "visibility": "visible",
        }
        for r in results
    ]
    content = {
        "score": float(count(results)[0]),
        "execution_time": round(sum(r["seconds"] for r in results)),
        "output": "\n".join(["{} passed, {} failed".format(*count(results)), *warnings]),
        "visibility": "visible",
        "stdout_visibility": "visible",
        "tests": tests,
    }
    return json.dumps(content, indent=1)


def as_junit(judgement: Judgement, project: Path) -> str:
    """JUnit's XML, as Jenkins and GitLab read it: a suite of the course's checks, one of ours."""
    root = ElementTree.Element("testsuites", name=project.name)
    results = list(judgement.results.values())
    for origin in ("course", "ours"):
        mine = [result for result in results if result["origin"] == origin]
        numbers = {"tests": len(mine), "failures": count(mine)[1], "errors": 0, "skipped": 0}
        attributes = {name: str(number) for name, number in numbers.items()}
        attributes["time"] = f"{sum(result['seconds'] for result in mine):.3f}"
        suite = ElementTree.SubElement(root, "testsuite", {"name": origin, **attributes})
        for result in mine:
            add_case(suite, result)
    content = ElementTree.tostring(root, encoding="unicode")
    return f'<?xml version="1.0" encoding="utf-8"?>\n{content}\n'


def add_case(suite: ElementTree.Element, result: dict[str, Any]) -> None:
    """Add a check to a suite of JUnit's."""
    name, text, output = (
        NOT_IN_XML.sub("\ufffd", result[key]) for key in ("name", "text", "output")
    )
    function = f"{result['origin']}.{result['function']}"
    attributes = {"classname": function, "name": name, "time": f"{result['seconds']:.3f}"}
    case = ElementTree.SubElement(suite, "testcase", attributes)
    if not result["passed"]:
        failure = ElementTree.SubElement(case, "failure", {"message": text, "type": "failure"})
        failure.text = text
    if output:
        ElementTree.SubElement(case, "system-out").text = output


FORMATS: dict[str, Callable[[Judgement, Path], str]] = {
    "json": as_json,
    "junit": as_junit,
    "gradescope": as_gradescope,
}


def can_be_written(path: Path) -> bool:
    """Whether `write` has a chance: it replaces a file in its folder, and all else but folders."""
    target = os.path.realpath(path)
    if os.path.exists(target) and not os.path.isfile(target):
        return not os.path.isdir(target) and os.access(target, os.W_OK)
    return os.access(os.path.dirname(target), os.W_OK | os.X_OK)


def write(path: Path, content: str) -> None:
    """Write a report whole or not at all; what is no file, such as a pipe, gets it straight.

    Raises:
        OSError: it cannot be written.
    """
    target = Path(os.path.realpath(path))  # a link stays one
    if target.exists() and not target.is_file():
        target.write_text(content, encoding="utf-8")
        return
    unfinished = target.with_name(f".{uuid4().hex}.tmp")
    try:
        unfinished.write_text(content, encoding="utf-8")
        os.replace(unfinished, target)
    except BaseException:  # Ctrl-C too
        with contextlib.suppress(OSError):
            unfinished.unlink()
        raise
