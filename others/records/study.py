"""A study: rows that are measured under one setting, each with several seeds, in one JSON file.

    {"setting": {"pairs": 5000, "epochs": 2},
     "machine": {"torch": "2.13.0", "python": "3.11.7", "threads": 2},
     "rows": {"batch 8": {"changes": {"batch_size": 8},
                          "seeds": {"0": {"psnr_per_image_db": 25.27}, "1": {...}}}}}

The file is written after every run, and what it holds is not run again: a study that was stopped
goes on with the same command. Results of other settings are never mixed with these; they are
refused with the difference. While a study runs, another process cannot run it.
"""

import json
import platform
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch

from others.records.configuration import differences, shown
from others.records.json_files import locked, read_json, save_json

Result = dict[str, Any]


@dataclass(frozen=True)
class Row:
    """A row of a study."""

    # The settings that differ from the study's own, as plain JSON.
    changes: Mapping[str, Any] = field(default_factory=dict)
    # What else the file says of the row, such as a title; it is not compared.
    about: Mapping[str, Any] = field(default_factory=dict)
    seeds: int | None = None  # the most runs that the row gets; None for all that are asked for


class Study:
    """The results of `rows` in the file `path`, and the runs that it lacks.

    Args:
        setting: what all rows share and results must agree on, as plain JSON.
        rows: the table, by the rows' names, in the order in which the file has them.
        again: whether a row whose changes are not those in the file is measured anew instead of
            being refused.

    Raises:
        ValueError: the file is damaged or of another setting, or a row of it had other changes.
    """

    def __init__(
        self, path: Path, setting: Mapping[str, Any], rows: Mapping[str, Row], again: bool = False
    ) -> None:
        self.path, self.rows, self.again = Path(path), dict(rows), again
        self.setting = as_json(setting)
        self.results: Result = {"setting": self.setting, "machine": machine(), "rows": {}}
        self._read()

    def _read(self) -> None:
        # A folder or a pipe is refused now, not after the first run. A device may be written to.
        if self.path.exists() and not self.path.is_char_device():
            self.results = read_study(self.path)
            self._compare(self.results["setting"], self.setting, "")

    def _compare(self, found: Mapping[str, Any], asked: Mapping[str, Any], name: str) -> None:
        lines = differences(dict(found), dict(asked))
        if lines:
            where = f" of the row {name!r}" if name else ""
            raise ValueError(
                f"{self.path} has results of another setting{where} (found -> asked for); remove "
                "them, or name another file:\n  " + "\n  ".join(lines)
            )

    def run(
        self,
        measure: Callable[[str, Row, int], Result],
        names: Sequence[str] | None = None,
        seeds: int = 1,
        say: Callable[[str], object] = print,
    ) -> Result:
        """Measure what is missing of the rows `names` (all), and return all results.

        Seed after seed rather than row after row, so that a study that is stopped early has all of
        its rows. `measure(name, row, seed)` gives the result of one run as plain JSON.

        Raises:
            OSError: the file cannot be written; nothing has been measured then.
            ValueError: another process runs this study, or a row of the file had other changes.
        """
        names = list(self.rows) if names is None else names
        with locked(self.path):
            self._read()  # once more: another process may have gone on since
            for name in names:
                self._entry(name)  # rows that cannot be mixed are refused before anything is run
            ran = [
                self._run_missing(measure, name, seed, say)
                for seed in range(seeds)
                for name in names
            ]
        if ran and not any(ran):
            say(f"{self.path}: it has these results already, and nothing was run")
        return self.results

    def _run_missing(
        self,
        measure: Callable[[str, Row, int], Result],
        name: str,
        seed: int,
        say: Callable[[str], object],
    ) -> bool:
        """Whether there was something to run."""
        row, entry = self.rows[name], self._entry(name)
        if str(seed) in entry["seeds"] or (row.seeds is not None and seed >= row.seeds):
            return False
        entry["seeds"][str(seed)] = as_json(measure(name, row, seed))
        self.results["rows"][name] = entry
        self.save()
        say(f"{name}, seed {seed}: {brief(entry['seeds'][str(seed)])}")
        return True

    def _entry(self, name: str) -> Result:
        """The row as the file has it, or as a new one."""
        row, changes = self.rows[name], as_json(self.rows[name].changes)
        entry = self.results["rows"].get(name)
        if entry is not None and entry["changes"] != changes and not self.again:
            self._compare(entry["changes"], changes, name)
        if entry is None or entry["changes"] != changes:
            return {**as_json(row.about), "changes": changes, "seeds": {}}
        return entry

    def save(self) -> None:
        """Write the file, its rows in the order of the table and then those that it has not."""
        order = {name: place for place, name in enumerate(self.rows)}
        rows = sorted(self.results["rows"].items(), key=lambda row: order.get(row[0], len(order)))
        self.results["rows"] = dict(rows)
        save_json(self.path, self.results)


def read_study(path: Path) -> Result:
    """The results in a file; ValueError that names it if they are not those of a study."""
    results = read_json(path)
    rows = results.get("rows")
    if not isinstance(results.get("setting"), dict) or not isinstance(rows, dict):
        raise ValueError(f"{path} is no file of a study; expected setting, machine and rows in it")
    for name, row in rows.items():
        parts = [row.get(part) if isinstance(row, dict) else None for part in ("changes", "seeds")]
        runs = parts[1].values() if isinstance(parts[1], dict) else [None]
        if not all(isinstance(part, dict) for part in (*parts, *runs)):
            raise ValueError(
                f"{path} has a row {shown(name)!r} that is none of a study; expected changes, and "
                "seeds with a result each"
            )
    return results


def values(row: Result, key: str) -> list[float]:
    """A quantity of all runs of a row of `Study.results`, in the order of the seeds."""
    return [run[key] for run in row["seeds"].values()]


def machine() -> Result:
    """The versions, the number of threads and the processor that results depend on."""
    return {
        "torch": torch.__version__,
        "python": platform.python_version(),
        "threads": torch.get_num_threads(),
        "processor": processor(),
    }


def processor() -> str:
    """The processor's name where Linux tells it in a file, otherwise what Python knows of it."""
    told = Path("/proc/cpuinfo")
    text = told.read_text(encoding="utf-8") if told.is_file() else ""
    names = [line.partition(":")[2] for line in text.splitlines() if line.startswith("model name")]
    return names[0].strip() if names else platform.processor() or platform.machine()


def as_json(content: Any) -> Any:
    """What JSON makes of dictionaries, lists and tuples; ValueError for what it cannot hold."""
    try:
        return json.loads(json.dumps(content, default=dict))
    except TypeError as error:
        raise ValueError(f"expected plain JSON: {error}") from error


def brief(result: Result) -> str:
    """The numbers of a result in a line, by their names in its file; nested ones are left out."""
    return ", ".join(
        f"{key} {value:g}"
        for key, value in result.items()
        if isinstance(value, (int, float)) and not isinstance(value, bool)
    )
