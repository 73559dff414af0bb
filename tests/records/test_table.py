"""Tables, and numbers as they are printed: one description, Markdown and LaTeX."""

from __future__ import annotations

import pytest

from others.records.formats import (
    Spread,
    decimals,
    enumeration,
    percent,
    plain,
    power,
    signed,
    spread,
    spread_of,
    tex,
    thousands,
    whole,
)
from others.records.page import filled, marked, names_of
from others.records.table import RULE, Bold, Column, Table, latex, markdown

COLUMNS = [Column("net|work"), Column("PSNR per image", spread, "dB", short="dB")]
TABLE = Table(
    COLUMNS,
    [
        [Bold("ours_1"), Bold(Spread(25.987, 0.011))],
        ["3→64", Spread(-1.0)],
        RULE,
        ["noisy", None],
    ],
)


def test_settings_are_written_as_by_hand() -> None:
    """Neither small nor large numbers get an exponent, and whole ones keep all their digits."""
    values = 4e-5, 0.998, 2.0, 1_048_577, 1e6, "mean"
    assert [plain(v) for v in values] == ["0.00004", "0.998", "2", "1048577", "1000000", "mean"]


def test_numbers() -> None:
    """Minus signs, commas between thousands, powers of ten; what rounds to zero has no sign."""
    assert decimals(-0.126) == "−0.13"
    assert decimals(-0.001) == "0.00"
    assert signed(0.5) == "+0.50"
    assert signed(-0.5, 1) == "−0.5"
    assert whole(1234567) == "1,234,567"
    assert thousands(43_064) == "43\u202fk"
    assert percent(0.256) == "26"
    assert power(0.00021) == "2.1·10⁻⁴"
    assert power(0) == "0"
    assert spread(spread_of([25.0, 25.2])) == "25.10 ± 0.14"
    assert spread(spread_of([25.0])) == "25.00"
    assert enumeration(["1", "2", "3"]) == "1, 2 and 3"


def test_plain_text_as_latex() -> None:
    """Signs that LaTeX reads as its own are escaped, and numbers are set as numbers."""
    assert tex("5 % of σ_1 & {a}") == r"5 \% of $\sigma$\_1 \& \{a\}"
    assert tex("−0.13 and +0.50") == "$-$0.13 and $+$0.50"
    assert tex("1,234,567, then 2") == r"1\,234\,567, then 2"
    assert tex("25.10 ± 0.14") == r"25.10\,$\pm$\,0.14"
    assert tex("at most 2.1·10⁻⁴ off") == r"at most $2.1\cdot10^{-4}$ off"
    assert tex("a\\b") == r"a\textbackslash{}b"


def test_a_table_for_a_readme() -> None:
    """Units stand behind the values, a bar inside a cell is escaped, and rules are left out."""
    header, _, *rows = [" ".join(line.split()) for line in markdown(TABLE).splitlines()]
    assert header == "| net\\|work | PSNR per image |"
    assert rows == ["| **ours_1** | **25.99 ± 0.01 dB** |", "| 3→64 | −1.00 dB |", "| noisy | |"]


def test_a_table_for_a_report() -> None:
    """Short headers, no units, everything escaped, a rule where one is asked for."""
    lines = [" ".join(line.split()) for line in latex(TABLE, tight=True).splitlines()]
    assert lines == [
        r"\begin{tabular}{@{}lr@{}}",
        r"\toprule",
        r"net|work & dB \\",
        r"\midrule",
        r"\textbf{ours\_1} & \textbf{25.99\,$\pm$\,0.01} \\",
        r"3$\to$64 & $-$1.00 \\",
        r"\midrule",
        r"noisy & \\",
        r"\bottomrule",
        r"\end{tabular}",
    ]


def test_blocks_beside_each_other() -> None:
    """Five rows in two blocks: 1 4, 2 5, 3 and nothing."""
    table = Table([Column("row", "{}".format)], [[number] for number in range(1, 6)])
    body = latex(table, blocks=2).split("\\midrule\n")[1].split("\\bottomrule")[0]
    rows = [line.replace("\\\\", "").split("&") for line in body.splitlines()]
    assert [[cell.strip() for cell in row] for row in rows] == [["1", "4"], ["2", "5"], ["3", ""]]


def test_columns_by_their_headers() -> None:
    """A table with some of its columns keeps its rules."""
    narrow = TABLE.select(["PSNR per image"])
    assert narrow.rows[1:] == [[Spread(-1.0)], RULE, [None]]


def test_a_page_is_filled_between_its_markers() -> None:
    """Text around a table stays; a table without a place, or a place without a table, is named."""
    page = f"Before.\n{marked('a', 'old')}\nAfter.\n"
    assert names_of(page) == ["a"]
    assert filled(page, {"a": "new"}) == f"Before.\n{marked('a', 'new')}\nAfter.\n"
    with pytest.raises(ValueError, match="0 places for the table 'b'"):
        filled(page, {"a": "new", "b": "new"})
    with pytest.raises(ValueError, match="2 places for the table 'a'"):
        filled(page + page, {"a": "new"})
    with pytest.raises(ValueError, match="nothing makes the table 'a'"):
        filled(page, {})
