"""Numbers and words as they are printed: once as plain text, and how LaTeX writes the same text.

Every function here gives plain Unicode, which a terminal and a README show as it is; `tex` turns
any such text into LaTeX. What is measured is thus formatted in one place and escaped in one place.
"""

import re
from collections.abc import Sequence
from decimal import Decimal
from statistics import mean, stdev
from typing import Any, Callable, NamedTuple

Format = Callable[[Any], str]

MINUS, NO_BREAK, THIN = "\u2212", "\u00a0", "\u202f"  # a sign and two spaces that keyboards lack
NORMAL, RAISED = "-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹"
NUMBERS = ("no", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine")
SIGNS = {
    "\\": r"\textbackslash{}",
    "%": r"\%",
    "&": r"\&",
    "_": r"\_",
    "#": r"\#",
    "$": r"\$",
    "{": r"\{",
    "}": r"\}",
    "+": "$+$",
    MINUS: "$-$",
    "±": r"$\pm$",
    "×": r"$\times$",
    "→": r"$\to$",
    "∗": r"$^\ast$",
    "σ": r"$\sigma$",
    "–": "--",
    NO_BREAK: "~",
    THIN: r"\,",
}
POWER_OF_TEN = re.compile(rf"([\d.]+)·10([{RAISED}]+)")


class Spread(NamedTuple):
    """A mean over runs, with the standard deviation of one run; None where there is one run."""

    mean: float
    std: float | None = None


def spread_of(values: Sequence[float]) -> Spread:
    """The mean of some values and, of more than one, their standard deviation."""
    return Spread(mean(values), stdev(values) if len(values) > 1 else None)


def decimals(value: float, digits: int = 2) -> str:
    """A number with this many digits after the point; what rounds to zero has no sign."""
    written = f"{value:.{digits}f}"
    negative = written.startswith("-") and float(written) != 0
    return (MINUS if negative else "") + written.lstrip("-")


def signed(value: float, digits: int = 2) -> str:
    """A number with its sign, also a plus, and this many digits after the point."""
    written = decimals(value, digits)
    return written if written.startswith(MINUS) else f"+{written}"


def whole(value: float) -> str:
    """A whole number with a comma between groups of three digits: 1,250,179."""
    return f"{round(value):,}"


def thousands(value: float) -> str:
    """A count in thousands: 1,250 k."""
    return f"{whole(value / 1000)}{THIN}k"


def percent(share: float, digits: int = 0) -> str:
    """A share of 1 in hundredths, without the sign."""
    return decimals(100 * share, digits)


def power(value: float) -> str:
    """A small number as a·10ᵇ with one digit after the point; 0 as it is."""
    if value == 0:
        return "0"
    digits, exponent = f"{value:.1e}".split("e")
    return f"{digits}·10{str(int(exponent)).translate(str.maketrans(NORMAL, RAISED))}"


def plain(value: Any) -> str:
    """A setting as it would be written by hand: 0.003, 2, 0.998, 0.00004, 1048576."""
    return f"{Decimal(f'{value:g}'):f}" if isinstance(value, float) else str(value)


def decibels(value: float) -> str:
    """A PSNR with its unit, which no line break separates."""
    return f"{decimals(value)}{NO_BREAK}dB"


def spread(value: Spread, digits: int = 2) -> str:
    """Mean ± standard deviation; the mean alone where there was one run."""
    if value.std is None:
        return decimals(value.mean, digits)
    return f"{decimals(value.mean, digits)} ± {decimals(value.std, digits)}"


def with_digits(format_of: Callable[[Any, int], str], digits: int) -> Format:
    """One of the formats above with another number of digits than two."""
    return lambda value: format_of(value, digits)


def enumeration(words: Sequence[str]) -> str:
    """One, two and three."""
    return " and ".join([", ".join(words[:-1]), words[-1]] if len(words) > 1 else words)


def in_words(count: int) -> str:
    """A small number as a word."""
    return NUMBERS[count] if count < len(NUMBERS) else str(count)


def tex(text: str) -> str:
    """Plain text as LaTeX: 1,000 → 3 becomes 1\\,000 $\\to$ 3."""

    def raised(found: re.Match[str]) -> str:
        digits, exponent = found.groups()
        return rf"${digits}\cdot10^{{{exponent.translate(str.maketrans(RAISED, NORMAL))}}}$"

    text = re.sub(r"(?<=\d),(?=\d{3})", THIN, text)
    text = text.replace(" ± ", f"{THIN}±{THIN}").translate(str.maketrans(SIGNS))
    return POWER_OF_TEN.sub(raised, text)
