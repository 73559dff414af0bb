"""Sentences that follow from numbers: which rows of a study gain, cost, or make no difference."""

from __future__ import annotations

from others.report.results import Row, signed, tex

CERTAIN = 2.0  # standard errors of a difference, below which it is called none
LEAST = 0.02  # dB, below which a difference is called none however certain
LISTED = 12  # rows that a sentence names
NUMBERS = ("no", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine")


def enumeration(words: list[str]) -> str:
    """One, two and three."""
    return " and ".join([", ".join(words[:-1]), words[-1]] if len(words) > 1 else words)


def difference(row: Row, base: Row) -> str:
    """Whether a row gains, costs or equals `base`; a single seed is as uncertain as one of it."""
    errors = [one.error() or base.spread for one in (row, base)]
    least = max(LEAST, CERTAIN * (errors[0] ** 2 + errors[1] ** 2) ** 0.5)
    change = row.single - base.single
    return "Gains" if change > least else "Costs" if change < -least else "Equals"


def comparisons(rows: list[Row]) -> dict[str, str]:
    """The rows after the first by what they do, as lists with their differences in dB."""
    base = rows[0]
    groups: dict[str, list[Row]] = {"Gains": [], "Costs": [], "Equals": []}
    for row in sorted(rows[1:], key=lambda row: -abs(row.single - base.single)):
        groups[difference(row, base)].append(row)
    return {name: listed(some, base) for name, some in groups.items()}


def listed(rows: list[Row], base: Row) -> str:
    """The first LISTED of the rows with their differences to `base`."""
    if not rows:
        return "none of them"
    words = [f"{tex(row.name)} ({signed(row.single - base.single)})" for row in rows[:LISTED]]
    more = len(rows) - LISTED
    return enumeration([*words, f"{in_words(more)} more by less"] if more > 0 else words)


def in_words(count: int) -> str:
    """A small number as a word."""
    return NUMBERS[count] if count < len(NUMBERS) else str(count)


def seeds_of(rows: list[Row]) -> str:
    """How many runs the rows have, in words."""
    counts = sorted({row.seeds for row in rows})
    words = [in_words(count) for count in counts]
    ends = words[0] if len(words) == 1 else f"{words[0]} to {words[-1]}"
    return f"{ends} seed{'s' if counts[-1] > 1 else ''}"
