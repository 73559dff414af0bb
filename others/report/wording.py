"""Sentences that follow from numbers: which rows of a study gain, cost, or make no difference."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import NamedTuple

from others.records.formats import enumeration, in_words, signed
from others.report.results import AblationRow

CERTAIN = 2.0  # standard errors of a difference, below which it is called none
LEAST = 0.02  # dB, below which a difference is called none however certain it is
LISTED = 12  # rows that a sentence names


class Comparisons(NamedTuple):
    """The rows of a study beside its unchanged row, as lists of names with differences in dB."""

    gains: str
    costs: str
    equals: str  # undecided: the difference is too small or too uncertain


def gap(row: AblationRow, base: AblationRow) -> float:
    """The difference of two rows in dB, of single passes."""
    return row.single.mean - base.single.mean


def certain_gap(row: AblationRow, base: AblationRow) -> float:
    """The least difference in dB that counts.

    It is two standard errors of the difference of two means, √(a² + b²) with the standard errors a
    and b of each. One run does not show its own standard error; the spread of the runs of `base`,
    which is the standard error of one of them, then stands for it.
    """
    of_one_run = base.single.std or 0.0
    errors = (of_one_run if one.error() is None else one.error() or 0.0 for one in (row, base))
    return max(LEAST, CERTAIN * math.hypot(*errors))


def comparisons(base: AblationRow, rows: Sequence[AblationRow]) -> Comparisons:
    """The rows that gain on `base`, cost, or do neither; of each the largest difference first."""
    others = sorted((row for row in rows if row != base), key=lambda row: -abs(gap(row, base)))
    gains = [row for row in others if gap(row, base) > certain_gap(row, base)]
    costs = [row for row in others if gap(row, base) < -certain_gap(row, base)]
    equals = [row for row in others if abs(gap(row, base)) <= certain_gap(row, base)]
    return Comparisons(*(listed(group, base) for group in (gains, costs, equals)))


def listed(rows: Sequence[AblationRow], base: AblationRow) -> str:
    """At most LISTED of the rows, each with its difference to `base`: L1 (−0.71) and ..."""
    if not rows:
        return "none of them"
    words = [f"{row.name} ({signed(gap(row, base))})" for row in rows[:LISTED]]
    more = len(rows) - LISTED
    return enumeration([*words, f"{in_words(more)} more by less"] if more > 0 else words)


def seeds_of(rows: Sequence[AblationRow]) -> str:
    """How many runs the rows have, in words: one to three seeds."""
    counts = sorted({row.seeds for row in rows})
    words = [in_words(count) for count in counts]
    ends = words[0] if len(words) == 1 else f"{words[0]} to {words[-1]}"
    return f"{ends} seed{'s' if counts[-1] > 1 else ''}"
