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
NO_TEXT = re.compile("[^\t\n\r\u0020-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


def clean(value: Any) -> Any:
    """A copy of what is told, with a mark for each character that is in no text.

    A submission may print any byte, and the name of a file may hold any but two.
    """
    if isinstance(value, dict):
        return {key: clean(one) for key, one in value.items()}
    if isinstance(value, list):
        return [clean(one) for one in value]
    return NO_TEXT.sub("\ufffd", value) if isinstance(value, str) else value


def one_line(text: str) -> str:
    """The text without line breaks, behind which a line of the grader could be feigned."""
    return " ".join(text.splitlines())


def print_result(result: dict[str, Any]) -> None:
    """Print the line of a check, and on stderr what was printed while it ran."""
    result = clean(result)  # what moves the cursor would hide the grader's own lines
    for line in result["output"].replace("\r\n", "\n").rstrip("\n").split("\n"):
        # Of what overwrites itself, such as a progress bar, the last is what is to be seen.
        shown = line.rstrip("\r").rpartition("\r")[2]
        if shown:
            print(f"    | {one_line(shown)}", file=sys.stderr, flush=True)
    remark = f": {result['text']}" if result["text"] else ""
    line = f"{'ok' if result['passed'] else 'FAIL':4}  {result['origin']:6}  "
    print(line + one_line(result["name"] + remark), flush=True)


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
    warnings = clean(all_warnings(judgement, project))
    print(f"\nwarnings: {len(warnings)}")
    for origin, text in warnings:
        print(f"warn  {origin:6}  {one_line(text)}")
    results = list(judgement.results.values())
    print()
    for origin in ("course", "ours"):
        print("{}: {} passed, {} failed".format(origin, *count(results, origin)))
    print("{} passed, {} failed".format(*count(results)))


def everything(judgement: Judgement, project: Path) -> dict[str, Any]:
    """All that the output says, without the characters that XML and databases have none of."""
    results = list(judgement.results.values())
    passed, failed = count(results)
    warnings = [{"origin": o, "text": text} for o, text in all_warnings(judgement, project)]
    return clean(
        {
            "project": project.name,
            "environment": judgement.environment,
            "data": judgement.data,
            "passed": passed,
            "failed": failed,
            "checks": results,
            "scores": scores(judgement),
            "warnings": warnings,
        }
    )


def as_json(content: dict[str, Any]) -> str:
    """Everything that the output says, for programs."""
    return json.dumps(content, indent=1) + "\n"


def as_gradescope(content: dict[str, Any]) -> str:
    """Gradescope's results.json: a point for each check that has passed.

    https://gradescope-autograders.readthedocs.io/en/latest/specs/
    """
    results = content["checks"]
    warnings = [f"warning ({w['origin']}): {w['text']}" for w in content["warnings"]]
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
    whole = {
        "score": float(content["passed"]),
        "execution_time": round(sum(r["seconds"] for r in results)),
        "output": "\n".join(["{passed} passed, {failed} failed".format(**content), *warnings]),
        "visibility": "visible",
        "stdout_visibility": "visible",
        "tests": tests,
    }
    return json.dumps(whole, indent=1)


def as_junit(content: dict[str, Any]) -> str:
    """JUnit's XML, as Jenkins and GitLab read it: a suite of the course's checks, one of ours."""
    root = ElementTree.Element("testsuites", name=content["project"])
    for origin in ("course", "ours"):
        mine = [result for result in content["checks"] if result["origin"] == origin]
        numbers = {"tests": len(mine), "failures": count(mine)[1], "errors": 0, "skipped": 0}
        attributes = {name: str(number) for name, number in numbers.items()}
        attributes["time"] = f"{sum(result['seconds'] for result in mine):.3f}"
        suite = ElementTree.SubElement(root, "testsuite", {"name": origin, **attributes})
        for result in mine:
            add_case(suite, result)
    text = ElementTree.tostring(root, encoding="unicode")
    return f'<?xml version="1.0" encoding="utf-8"?>\n{text}\n'


def add_case(suite: ElementTree.Element, result: dict[str, Any]) -> None:
    """Add a check to a suite of JUnit's."""
    function = f"{result['origin']}.{result['function']}"
    time = f"{result['seconds']:.3f}"
    attributes = {"classname": function, "name": result["name"], "time": time}
    case = ElementTree.SubElement(suite, "testcase", attributes)
    if not result["passed"]:
        described = {"message": result["text"], "type": "failure"}
        ElementTree.SubElement(case, "failure", described).text = result["text"]
    if result["output"]:
        ElementTree.SubElement(case, "system-out").text = result["output"]


FORMATS: dict[str, Callable[[dict[str, Any]], str]] = {
    "json": as_json,
    "junit": as_junit,
    "gradescope": as_gradescope,
}


def can_be_written(path: Path) -> bool:
    """Whether `write` has a chance: it replaces a file in its folder, and all else but folders."""
    if is_replaced(path):
        return os.access(os.path.dirname(os.path.realpath(path)), os.W_OK | os.X_OK)
    return not os.path.isdir(path) and os.access(path, os.W_OK)


def is_replaced(path: Path) -> bool:
    """Whether a report at `path` is a file that replaces one or is new; else it is a pipe, say."""
    return os.path.isfile(path) or not os.path.exists(path)


def write(path: Path, content: str) -> None:
    """Write a report whole or not at all; what is no file, such as a pipe, gets it straight.

    Raises:
        OSError: it cannot be written.
    """
    if not is_replaced(path):
        path.write_text(content, encoding="utf-8")
        return
    target = Path(os.path.realpath(path))  # a link stays one
    unfinished = target.with_name(f".{uuid4().hex}.tmp")
    try:
        unfinished.write_text(content, encoding="utf-8")
        os.replace(unfinished, target)
    except BaseException:  # Ctrl-C too
        with contextlib.suppress(OSError):
            unfinished.unlink()
        raise
