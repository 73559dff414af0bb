"""Sentences that follow from numbers: which rows of a study gain or cost, and how many seeds."""

from collections.abc import Sequence
from typing import NamedTuple

from scipy import stats

from others.records.formats import enumeration, in_words, signed
from others.report.results import AblationRow

LEVEL = 0.05  # chance that a study without any true difference names one nevertheless
LEAST = 0.02  # dB, below which a difference is called none however certain it is
LISTED = 4  # rows that a sentence names


class Comparisons(NamedTuple):
    """Two groups of a study's rows, each as a text: "L1 (−0.71) and batch 128 (−0.35)".

    The differences in dB are those to the row that changes nothing.
    """

    gains: str
    costs: str


def gap(row: AblationRow, base: AblationRow) -> float:
    """The difference of two rows in dB, of single passes."""
    return row.single.mean - base.single.mean


def printed_gap(row: AblationRow, base: AblationRow) -> float:
    """The difference of two means as they are printed, so that a reader who subtracts finds it.

    25.074 and 25.137 dB differ by 0.063, but are printed as 25.07 and 25.14.
    """
    return round(row.single.mean, 2) - round(base.single.mean, 2)


def chance(row: AblationRow, base: AblationRow) -> float:
    """The chance of a difference like this one, or a larger one, if there were none in truth.

    Student's t with the spread of both rows' runs taken together. One run shows no spread of its
    own, and that of the other row then stands for both; 1 if neither row shows any.
    """
    if row.seeds + base.seeds == 2:
        return 1.0
    samples = [(one.single.mean, one.single.std or 0.0, one.seeds) for one in (row, base)]
    return float(stats.ttest_ind_from_stats(*samples[0], *samples[1]).pvalue)


def significant(base: AblationRow, rows: Sequence[AblationRow]) -> list[AblationRow]:
    """The rows that differ from `base`, by Holm's procedure for many comparisons with it.

    The smallest chance of n has to be below LEVEL / n, the next below LEVEL / (n - 1), and so on to
    the first that is not. The chance that any row is named wrongly is then at most LEVEL. Rows
    whose difference is at most LEAST are left out afterwards, however certain it is.
    """
    others = sorted((row for row in rows if row != base), key=lambda row: chance(row, base))
    found: list[AblationRow] = []
    for row in others:
        if not chance(row, base) < LEVEL / (len(others) - len(found)):
            break
        found.append(row)
    return [row for row in found if abs(gap(row, base)) > LEAST]


def comparisons(
    base: AblationRow, rows: Sequence[AblationRow], named: Sequence[AblationRow]
) -> Comparisons:
    """The rows that gain on `base`, and those that cost; of each the largest difference first.

    Args:
        rows: all rows of the study, which are all compared.
        named: those of them that the sentences are about.
    """
    differing = [row for row in significant(base, rows) if row in named]
    differing.sort(key=lambda row: -abs(gap(row, base)))
    gains = [row for row in differing if gap(row, base) > 0]
    costs = [row for row in differing if gap(row, base) < 0]
    return Comparisons(listed(gains, base), listed(costs, base))


def listed(rows: Sequence[AblationRow], base: AblationRow) -> str:
    """At most LISTED of the rows, each with its difference to `base`: L1 (−0.71) and ..."""
    if not rows:
        return "none of them"
    words = [f"{row.name} ({signed(printed_gap(row, base))})" for row in rows[:LISTED]]
    more = len(rows) - LISTED
    return enumeration([*words, f"{in_words(more)} more by less"] if more > 0 else words)


def seeds_of(rows: Sequence[AblationRow]) -> str:
    """How many runs the rows have, in words: one to three seeds."""
    counts = sorted({row.seeds for row in rows})
    words = [in_words(count) for count in counts]
    ends = words[0] if len(words) == 1 else f"{words[0]} to {words[-1]}"
    return f"{ends} seed{'s' if counts[-1] > 1 else ''}"
