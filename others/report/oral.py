"""The questions of report/ORAL.md, with their references to code and to pages of `make demo`.

A reference is written [`path:12` "piece of line 12"]. The piece must stand on that line; when code
moves, `refreshed` finds the line anew. A page is written [`make demo` `/training?a_seed=1` "title"]
with its address and a title.
"""

import re
from functools import lru_cache
from typing import NamedTuple

from others.records.paths import ROOT

REFERENCE = re.compile(r'\[`([^`:]+):(\d+)` "([^"]+)"\]')
STATE = re.compile(r'\[`make demo` `([^`]+)` "([^"]+)"\]')
QUESTION = re.compile(r"^\*\*(\d+)\. (.+?)\*\*\n(.+?)(?=\n\n|\Z)", re.MULTILINE | re.DOTALL)


class Shown(NamedTuple):
    """A page of `make demo` that shows an answer."""

    address: str  # without the host
    title: str


class Question(NamedTuple):
    """A question of the exam, with its answer."""

    number: int
    title: str
    answer: str  # its lines, without the references
    references: list[tuple[str, int, str]]  # path, line and what is quoted from that line
    shown: list[Shown]


def questions(text: str) -> list[Question]:
    """The questions of ORAL.md, in their order."""
    found = []
    for number, title, body in QUESTION.findall(text):
        places = [(path, int(line), piece) for path, line, piece in REFERENCE.findall(body)]
        shown = [Shown(*state) for state in STATE.findall(body)]
        answer = STATE.sub("", REFERENCE.sub("", body)).strip()
        found.append(Question(int(number), title, answer, places, shown))
    return found


@lru_cache(maxsize=None)
def sheet() -> dict[str, Question]:
    """The questions of report/ORAL.md by the names question-1 …, as they are when first asked for.

    Raises:
        ValueError: there are none, as in a file that is just being written.
    """
    found = questions((ROOT / "report" / "ORAL.md").read_text(encoding="utf-8"))
    if not found:
        raise ValueError("report/ORAL.md has no questions; expected lines like **1. Why?**")
    return {f"question-{question.number}": question for question in found}


def excerpt(path: str, number: int, after: int = 9) -> str:
    """The line that a reference names, marked, with some lines around it, all numbered."""
    lines = (ROOT / path).read_text(encoding="utf-8").splitlines()
    shown = range(max(number - 2, 1), min(number + after, len(lines)) + 1)
    return "\n".join(
        f"{place:<4} {'▶' if place == number else '│'} {lines[place - 1]}".rstrip()
        for place in shown
    )


def lines_with(path: str, piece: str) -> list[int]:
    """The numbers of the lines of a file that contain a piece."""
    lines = (ROOT / path).read_text(encoding="utf-8").splitlines()
    return [number for number, line in enumerate(lines, 1) if piece in line]


def refreshed(text: str) -> str:
    """The text with every line number as it is now; ValueError where the quote is not unique."""

    def reference(match: re.Match[str]) -> str:
        path, _, piece = match.groups()
        found = lines_with(path, piece)
        if len(found) != 1:
            raise ValueError(f"ORAL.md: {len(found)} lines of {path} have {piece!r}, expected one")
        return f'[`{path}:{found[0]}` "{piece}"]'

    return REFERENCE.sub(reference, text)
