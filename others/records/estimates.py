"""What a sample of values says about its mean: an interval, and a verdict on a claim.

found = estimate([1.9, 2.0, 2.1])      # differences in dB, one for each seed
found.mean, found.confidence           # 2.0 and 0.2483: the mean is 2.0 ± 0.25 dB
verdict(found.mean, found.confidence)  # "holds", for a claim that the difference is positive
"""

import math
import statistics
import warnings
from collections.abc import Sequence
from typing import NamedTuple

from scipy import stats

LEVEL = 0.95  # probability that an interval covers the mean it is an estimate of


class Estimate(NamedTuple):
    """The mean of some values, and how well it is known."""

    count: int
    mean: float  # NaN without any value
    std: float  # of the values, not of their mean; 0 for a single one
    confidence: float  # the mean is known to ± this at 95 %; infinite for fewer than two values


def estimate(values: Sequence[float], normal: bool = False) -> Estimate:
    """The mean of `values` and its 95 % confidence by Student's t with len(values) − 1 degrees.

    The quantile has two decimals, as in printed tables: every published interval was computed so.

    Args:
        values: independent measurements of one quantity, none of them NaN.
        normal: take the normal distribution's 1.96 in the place of Student's quantile, which is
            right for large samples only: Student's is 2.26 for ten values, 1.98 for a hundred.
    """
    count = len(values)
    if count < 2:
        mean = float(values[0]) if count else math.nan
        return Estimate(count, mean, 0.0, math.inf)
    distribution = stats.norm if normal else stats.t(count - 1)
    quantile = round(float(distribution.ppf((1 + LEVEL) / 2)), 2)
    std = statistics.stdev(values)
    return Estimate(count, statistics.fmean(values), std, quantile * std / math.sqrt(count))


def verdict(gain: float, confidence: float) -> str:
    """What a measured gain ± confidence says about the claim that the true gain is positive.

    "holds" if the whole interval is above zero, "refuted" if all of it is below, else "undecided",
    which includes gains that are not known.
    """
    if gain > confidence:
        return "holds"
    return "refuted" if gain < -confidence else "undecided"


def rank_correlation(one: Sequence[float], other: Sequence[float]) -> float:
    """Spearman's coefficient of two lists of one length: 1 if they have the same order.

    Equal values share the mean of their ranks. NaN if all values of a list are equal.
    """
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", stats.ConstantInputWarning)  # the NaN says as much
        return float(stats.spearmanr(one, other)[0])  # pyright: ignore[reportArgumentType]
