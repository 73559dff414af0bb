"""Reading others/results for the reports and the README files."""

from collections.abc import Mapping
from pathlib import Path
from statistics import mean
from typing import Any, Callable, NamedTuple, TypeVar

from others.records.formats import Spread, spread_of
from others.records.json_files import blaming, read_json
from others.records.paths import RESULTS
from others.records.study import read_study, values

Shown = TypeVar("Shown")


class Results:
    """The JSON files of a folder, each read when it is asked for."""

    def __init__(self, folder: Path = RESULTS) -> None:
        self.folder = folder
        self.asked: list[Path] = []  # the files that were read for what is being made

    def read(self, name: str) -> dict[str, Any]:
        """The content of `name`.json; the error for a missing or damaged file names it."""
        return read_json(self._path(name))

    def study(self, name: str) -> dict[str, Any]:
        """The content of `name`.json, a file that `records.study` wrote; errors name it."""
        return read_study(self._path(name))

    def _path(self, name: str) -> Path:
        self.asked.append(self.folder / f"{name}.json")
        return self.asked[-1]

    def make(self, show: "Callable[[Results], Shown]") -> Shown:
        """What `show` makes of the results.

        Raises:
            FileNotFoundError, ValueError: a file is missing, or damaged, or an entry in it is of
                another kind than `show` expects; the message names the file, or the few that
                `show` has read.
        """
        self.asked.clear()
        with blaming(self.asked):
            return show(self)


class AblationRow(NamedTuple):
    """A row of a study of trainings: what it changes, and its PSNR per image in dB over seeds."""

    name: str
    changes: Mapping[str, Any]
    single: Spread  # of a single pass
    ensemble: float  # with self-ensemble, the mean
    seeds: int

    def error(self) -> float | None:
        """The standard error of the mean over seeds; None for one seed, which does not show it."""
        return None if self.single.std is None else self.single.std / self.seeds**0.5


class Ablations(NamedTuple):
    """A study of others/results/ablations."""

    pairs: int
    epochs: float
    base: Mapping[str, Any]  # the settings that all rows share and the shipped training does not
    rows: list[AblationRow]
    seconds: Mapping[str, float]  # of a training, by row: the mean over seeds

    def unchanged(self) -> AblationRow:
        """The row that changes nothing, which the others are compared with."""
        return next(row for row in self.rows if not row.changes)

    def row(self, name: str) -> AblationRow:
        """A row by its name; KeyError if it has not been run."""
        return {row.name: row for row in self.rows}[name]


def read_ablations(results: Results, name: str) -> Ablations:
    """The rows that have been run of ablations/`name`.json."""
    found = results.study(f"ablations/{name}")
    setting = found["setting"]
    run = {title: row for title, row in found["rows"].items() if row["seeds"]}
    rows = []
    for title, row in run.items():
        single = spread_of(values(row, "psnr_per_image_db"))
        ensemble = mean(values(row, "self_ensemble_psnr_per_image_db"))
        rows.append(AblationRow(title, row["changes"], single, ensemble, len(row["seeds"])))
    seconds = {title: mean(values(row, "seconds")) for title, row in run.items()}
    return Ablations(setting["pairs"], setting["epochs"], setting["base"], rows, seconds)


class FrameworkPair(NamedTuple):
    """The same settings trained with our passes and with torch.nn's."""

    name: str
    ours: AblationRow
    torch: AblationRow


def framework_pairs(study: Ablations) -> list[FrameworkPair]:
    """The settings of a study that were trained both ways."""
    found: dict[str, dict[str, AblationRow]] = {}
    for row in study.rows:
        # What both ways share; the framework is the one setting in which the two rows differ.
        shared = {name: value for name, value in row.changes.items() if name != "framework"}
        found.setdefault(repr(sorted(shared.items())), {})[row.changes["framework"]] = row
    return [
        FrameworkPair(both["ours"].name.removesuffix(": ours"), both["ours"], both["torch.nn"])
        for both in found.values()
        if len(both) == 2
    ]


class CurvePoint(NamedTuple):
    """A training from scratch of some length: means over seeds."""

    epochs: float
    minutes: float  # of processor time
    single: float  # PSNR per image in dB of a single pass
    ensemble: float  # with self-ensemble


def curve_points(results: Results, name: str, clock: str = "cpu_seconds") -> list[CurvePoint]:
    """PSNR against the length of a training from scratch, of others/results/curve/`name`.json.

    Args:
        clock: whose time counts: "cpu_seconds" or "seconds".
    """
    rows = results.study(f"curve/{name}")["rows"].values()
    points = [
        CurvePoint(
            row["changes"]["epochs"],
            mean(values(row, clock)) / 60,
            mean(values(row, "psnr_per_image_db")),
            mean(values(row, "self_ensemble_psnr_per_image_db")),
        )
        for row in rows
        if row["seeds"]
    ]
    return sorted(points)


def network_steps(
    results: Results, name: str = "framework"
) -> dict[str, dict[int, dict[str, Any]]]:
    """Whole training steps of bench/`name`.json: by kind of network, then by batch."""
    kinds: dict[str, dict[int, dict[str, Any]]] = {}
    for row in results.read(f"bench/{name}")["rows"]:
        if "batch" in row:
            kinds.setdefault(row["kind"], {})[row["batch"]] = row
    return kinds


def block_times(results: Results) -> dict[str, dict[str, dict[str, Any]]]:
    """Single blocks of bench/framework.json: by name, then forward, backward or both."""
    blocks: dict[str, dict[str, dict[str, Any]]] = {}
    for row in results.read("bench/framework")["rows"]:
        if "batch" not in row:
            blocks.setdefault(row["name"], {})[row["what"]] = row
    return blocks
