"""Reading others/results, and the form in which numbers go to LaTeX."""

from __future__ import annotations

import json
from pathlib import Path
from statistics import mean, stdev
from typing import Any, NamedTuple

from others.records.paths import RESULTS

Macros = dict[str, str]  # LaTeX by the names of its macros
SIGNS = {
    "\\": r"\textbackslash{}",
    "%": r"\%",
    "&": r"\&",
    "_": r"\_",
    "#": r"\#",
    "σ": r"$\sigma$",
    "×": r"$\times$",
    "→": r"$\to$",
    "−": "$-$",
    "–": "--",
}


class Results:
    """The JSON files of a folder; a file that is not there is None."""

    def __init__(self, folder: Path = RESULTS) -> None:
        self.folder = folder

    def get(self, name: str) -> Any:
        """The content of `name`.json; ValueError for a damaged file."""
        path = self.folder / f"{name}.json"
        if not path.is_file():
            return None
        try:
            return json.loads(path.read_text(encoding="utf-8"))
        except json.JSONDecodeError as error:
            raise ValueError(f"{path} is no JSON: {error}") from error

    def need(self, name: str) -> Any:
        """As `get`, for what no report can do without; FileNotFoundError that names it."""
        content = self.get(name)
        if content is None:
            raise FileNotFoundError(
                f"the reports need {self.folder / name}.json, found no such file"
            )
        return content


class Row(NamedTuple):
    """A row of a study: mean and spread over its seeds, in dB."""

    name: str
    changes: dict[str, Any]
    single: float
    spread: float  # standard deviation of one run; 0 for one seed
    ensemble: float
    seeds: int

    def error(self) -> float:
        """The standard error of the mean."""
        return self.spread / self.seeds**0.5


def study_rows(study: dict[str, Any]) -> dict[str, Row]:
    """The rows of a file of others/results/ablations that have been run."""
    rows = {}
    for name, row in study["rows"].items():
        single = [one["psnr_per_image_db"] for one in row["seeds"].values()]
        ensemble = [one["self_ensemble_psnr_per_image_db"] for one in row["seeds"].values()]
        if single:
            spread = stdev(single) if len(single) > 1 else 0.0
            shape = mean(single), spread, mean(ensemble), len(single)
            rows[name] = Row(name, row["changes"], *shape)
    return rows


def curve_points(study: dict[str, Any]) -> list[dict[str, Any]]:
    """The runs in a file of others/results/curve, each with the epochs that it trained for."""
    rows = study["rows"].values()
    return [{**row["changes"], **run} for row in rows for run in row["seeds"].values()]


def base_of(rows: dict[str, Row]) -> Row | None:
    """The row that the others are compared with: the first that changes nothing."""
    return next((row for row in rows.values() if not row.changes), None)


def side_by_side(rows: dict[str, Any]) -> list[tuple[str, str, str]]:
    """Settings that were run with our passes and with torch's: what they are, and both names."""
    names = [name[: -len(": ours")] for name in rows if name.endswith(": ours")]
    both = [(name, f"{name}: ours", f"{name}: torch.nn") for name in names]
    return [found for found in both if found[2] in rows]


def seconds_of(row: dict[str, Any]) -> float:
    """The mean time of a row's trainings."""
    return mean(one["seconds"] for one in row["seeds"].values())


def camel(name: str) -> str:
    """learning_rate as LearningRate."""
    return "".join(part.capitalize() for part in name.split("_") if part.isalpha())


def tex(text: str) -> str:
    """Plain text for LaTeX."""
    return "".join(SIGNS.get(sign, sign) for sign in text)


def decimals(value: float, digits: int = 2) -> str:
    """A number with so many digits after the point, and LaTeX's minus."""
    written = f"{value:.{digits}f}"
    return (
        f"$-${written[1:]}" if written.startswith("-") and float(written) else written.lstrip("-")
    )


def signed(value: float, digits: int = 2) -> str:
    """As `decimals`, with a plus where it is not negative."""
    written = decimals(value, digits)
    return written if written.startswith("$") else f"$+${written}"


def whole(value: float) -> str:
    """A whole number with thin spaces between groups of three digits."""
    return f"{round(value):,}".replace(",", r"\,")


def power(value: float) -> str:
    """A small number as a·10ᵇ with one digit after the point; 0 as it is."""
    if value == 0:
        return "0"
    digits, exponent = f"{value:.1e}".split("e")
    return rf"${digits}\cdot10^{{{int(exponent)}}}$"


def plain(value: Any) -> str:
    """A setting as it would be written by hand: 0.003, 2, 0.998."""
    return f"{value:g}" if isinstance(value, (int, float)) else tex(str(value))
