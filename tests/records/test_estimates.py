"""Means, their confidence, verdicts and rank correlations, against values worked out by hand."""

from __future__ import annotations

import math

import pytest

from others.records.estimates import estimate, rank_correlation, verdict


def test_an_interval_is_that_of_students_t() -> None:
    """1, 2 and 3 have the mean 2 and the deviation 1; Student's quantile for three is 4.30."""
    found = estimate([1.0, 2.0, 3.0])
    assert found[:3] == (3, 2, 1)
    assert found.confidence == pytest.approx(4.30 / math.sqrt(3))


def test_an_interval_may_be_that_of_the_normal_distribution() -> None:
    """With `normal`, the mean of 1, 2 and 3 is known to ± 1.96 / sqrt(3)."""
    assert estimate([1.0, 2.0, 3.0], normal=True).confidence == pytest.approx(1.96 / math.sqrt(3))


@pytest.mark.parametrize(
    ("count", "quantile"), [(2, 12.71), (4, 3.18), (8, 2.36), (100, 1.98), (1000, 1.96)]
)
def test_quantiles_are_those_of_printed_tables(count: int, quantile: float) -> None:
    """Two decimals of Student's quantile, which comes close to 1.96 for many values."""
    values = [float(number % 2) for number in range(count)]
    found = estimate(values)
    assert found.confidence == pytest.approx(quantile * found.std / math.sqrt(count))


def test_few_values_say_little() -> None:
    """One value has no deviation and an infinite interval; no value has not even a mean."""
    assert estimate([5.0]) == (1, 5, 0, math.inf)
    assert math.isnan(estimate([]).mean)
    assert verdict(*estimate([5.0])[1::2]) == verdict(*estimate([])[1::2]) == "undecided"


@pytest.mark.parametrize(
    ("gain", "confidence", "expected"),
    [
        (2, 1, "holds"),
        (-2, 1, "refuted"),
        (1, 2, "undecided"),
        (-1, 2, "undecided"),
        (1, 1, "undecided"),
        (0, 0, "undecided"),
        (1, math.nan, "undecided"),
    ],
)
def test_verdicts(gain: float, confidence: float, expected: str) -> None:
    """A claim holds or is refuted only if zero is outside the interval."""
    assert verdict(gain, confidence) == expected


@pytest.mark.parametrize(
    ("one", "other", "expected"),
    [
        ([1, 2, 3, 4], [1, 10, 11, 99], 1),  # only the order counts
        ([1, 2, 3, 4], [4, 3, 2, 0], -1),
        ([1, 1, 2, 2], [5, 5, 7, 7], 1),  # equal values share their rank
        ([1, 2, 3], [1, 3, 2], 0.5),  # 1 - 6 (0 + 1 + 1) / (3 (9 - 1))
    ],
)
def test_rank_correlation(one: list[float], other: list[float], expected: float) -> None:
    """Spearman's coefficient, by hand."""
    assert rank_correlation(one, other) == pytest.approx(expected)


def test_equal_values_have_no_rank_correlation() -> None:
    """Where all values are equal there is no order to compare, and no warning either."""
    assert math.isnan(rank_correlation([1, 1, 1], [1, 2, 3]))
