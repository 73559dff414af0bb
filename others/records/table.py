"""A table described once, and written as Markdown for a README or as LaTeX for a report.

    table = Table([Column("network"), Column("PSNR", decimals, unit="dB")], [["ours", 25.987]])
    markdown(table)  # | network | PSNR | ... | ours | 25.99 dB |
    latex(table)     # \\begin{tabular}{lr} ... ours & 25.99\\\\ ...

Rows hold plain values; a column says how its values are printed. `tabulate` lays both out.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Callable, NamedTuple

from tabulate import SEPARATING_LINE, DataRow, Line, TableFormat, tabulate

from others.records.formats import Format, tex

BETWEEN_BLOCKS = r"@{\hspace{1.5em}}"


@dataclass(frozen=True)
class Column:
    """A column of a table."""

    header: str
    show: Format = str  # how a value is printed, as plain text; None is printed as nothing
    unit: str = ""  # behind each value in a README; a report says it in the table's caption
    short: str | None = None  # the header in a report, where columns are narrow; else `header`


class Bold(NamedTuple):
    """A value that is to be seen first."""

    value: Any


RULE = Bold("---")  # instead of a row: a line between the rows above and below it


@dataclass(frozen=True)
class Table:
    """Columns, and rows with a value for each; the values of the first column are names."""

    columns: Sequence[Column]
    rows: Sequence[Any]

    def select(self, headers: Sequence[str]) -> "Table":
        """The same table with some of its columns, by their headers."""
        names = [column.header for column in self.columns]
        places = [names.index(header) for header in headers]
        rows = [row if row == RULE else [row[place] for place in places] for row in self.rows]
        return Table([self.columns[place] for place in places], rows)


def of_rows(rows: Iterable[Any], *columns: tuple[str | Callable[[Any], Any], Column]) -> Table:
    """A table of dictionaries: each column beside its key in them, or a function of them."""
    lines = [
        [value(row) if callable(value) else row[value] for value, _ in columns] for row in rows
    ]
    return Table([column for _, column in columns], lines)


def markdown(table: Table) -> str:
    """The table for a README, all of its columns of equal width."""
    columns = table.columns
    headers = [_escaped(column.header) for column in columns]
    rows = [
        [_text(cell, column, "**{}**", _escaped, column.unit) for cell, column in zip(row, columns)]
        for row in table.rows
        if row != RULE  # Markdown's tables have one rule only, under the header
    ]
    return tabulate(rows, headers, "pipe", disable_numparse=True, colalign=_alignment(table))


def latex(table: Table, blocks: int = 1, tight: bool = False) -> str:
    """The table for a report, as a tabular with the rules of booktabs.

    Args:
        blocks: the rows go into this many blocks beside each other.
        tight: without the space before the first and after the last column.
    """
    columns = table.columns
    headers = [tex(column.short or column.header) for column in columns]
    rows: list[Any] = [
        SEPARATING_LINE
        if row == RULE
        else [_text(cell, column, r"\textbf{{{}}}", tex) for cell, column in zip(row, columns)]
        for row in table.rows
    ]
    letters = "".join(align[0] for align in _alignment(table))
    if blocks > 1:
        rows = _beside(rows, blocks, [""] * len(headers))
        letters, headers = BETWEEN_BLOCKS.join([letters] * blocks), headers * blocks
    layout = f"@{{}}{letters}@{{}}" if tight else letters
    return tabulate(rows, headers, _booktabs(layout), disable_numparse=True)


def _beside(rows: list[Any], blocks: int, empty: list[str]) -> list[list[str]]:
    """Rows 1 2 3 4 5 in two blocks: 1 4, 2 5, 3 and nothing."""
    height = -(-len(rows) // blocks)
    padded = rows + [empty] * (blocks * height - len(rows))
    return [[cell for row in padded[i::height] for cell in row] for i in range(height)]


def _booktabs(layout: str) -> TableFormat:
    """tabulate's own LaTeX formats know neither this column layout nor that cells are LaTeX."""
    return TableFormat(
        lineabove=Line(f"\\begin{{tabular}}{{{layout}}}\n\\toprule", "", "", ""),
        linebelowheader=Line("\\midrule", "", "", ""),
        linebetweenrows=None,
        linebelow=Line("\\bottomrule\n\\end{tabular}", "", "", ""),
        headerrow=DataRow("", "&", "\\\\"),
        datarow=DataRow("", "&", "\\\\"),
        padding=1,
        with_header_hide=None,
    )


def _alignment(table: Table) -> list[str]:
    """Names to the left, everything else to the right, so that digits stand below each other."""
    return ["left" if column.show is str else "right" for column in table.columns]


def _text(
    cell: Any, column: Column, bold: str, escape: Callable[[str], str], unit: str = ""
) -> str:
    """A cell as text: None as nothing, every other value with the unit behind it."""
    value = cell.value if isinstance(cell, Bold) else cell
    if value is None:
        return ""
    text = escape(column.show(value)) + (f" {unit}" if unit else "")
    return bold.format(text) if isinstance(cell, Bold) else text


def _escaped(text: str) -> str:
    """Text in which no sign ends a cell of a Markdown table."""
    return text.replace("|", r"\|")
