"""Results and configurations in JSON, damaged in 300 ways each: refused by name, or taken."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

from others.networks.biasfree.networks import build_network
from others.records.paths import CONFIGS, RESULTS
from others.records.study import Row, Study
from others.report.figures import FIGURES
from others.report.macros import GROUPS
from others.report.pages import PAGES
from others.report.results import Results
from others.report.tables import REPORT_TABLES
from others.studies.biasfree.pipeline import load_pipeline
from tests.helpers.hostile import fuzz, json_alter

ROWS = {"base": Row(), "batch 8": Row({"batch_size": 8}, {"title": "small"})}
SHOWN: list[Callable[[Results], Any]] = [
    *PAGES.values(),
    *GROUPS,
    *(table.make for table in REPORT_TABLES.values()),
    *(data_of for data_of, _ in FIGURES.values()),
]


def test_studies(tmp_path: Path) -> None:
    """The results of a study that goes on."""
    path = tmp_path / "study.json"

    def load() -> None:
        study = Study(path, {"pairs": 4}, ROWS)
        study.run(lambda name, row, seed: {"psnr": 20.0}, seeds=2, say=str)

    load()
    tally = fuzz(path, load, json_alter(path))
    assert tally.faults == []
    assert tally.refused > 150


def test_pipelines(tmp_path: Path) -> None:
    """The configurations of bias-free models, and the networks that they describe."""
    path = tmp_path / "model.json"
    shutil.copy(CONFIGS / "biasfree_6.json", path)
    tally = fuzz(path, lambda: build_network(load_pipeline(path).model), json_alter(path))
    assert tally.faults == []
    assert tally.refused > 200


def test_results(tmp_path: Path) -> None:
    """What the tables, numbers and figures of README files and reports are made of."""
    results = Results(tmp_path / "results")
    shutil.copytree(RESULTS, results.folder)
    using: dict[Path, list[Callable[[Results], Any]]] = {}
    for show in SHOWN:
        results.make(show)
        for path in set(results.asked):
            using.setdefault(path, []).append(show)
    tallies = []
    for path, shows in using.items():

        def load(shows: list[Callable[[Results], Any]] = shows) -> None:
            for show in shows:
                results.make(show)

        tallies.append(fuzz(path, load, json_alter(path), count=16, seed=len(tallies)))
    assert [fault for tally in tallies for fault in tally.faults] == []
    assert sum(tally.tried for tally in tallies) >= 300
    assert sum(tally.refused for tally in tallies) > 150
