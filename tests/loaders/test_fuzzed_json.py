"""Results and configurations in JSON, damaged in 300 ways each: refused by name, or taken."""

from __future__ import annotations

import shutil
from pathlib import Path
from random import Random

import pytest

from others.records.json_files import save_json
from others.records.paths import CONFIGS, RESULTS
from others.records.study import Row, Study
from others.report.document import definitions
from others.report.pages import PAGES
from others.report.results import Results
from others.studies.biasfree.pipeline import load_pipeline
from others.studies.submission import course_limits, curve
from tests.helpers.hostile import fuzz, json_alter

ROWS = {"base": Row(), "batch 8": Row({"batch_size": 8}, {"title": "small"})}


def test_studies(tmp_path: Path) -> None:
    """The results of a study that goes on."""
    path = tmp_path / "study.json"
    def load() -> None:
        Study(path, {"pairs": 4}, ROWS).run(lambda name, row, seed: {"psnr": 20.0}, seeds=2, say=str)
    load()
    tally = fuzz(path, load, json_alter(path))
    assert tally.faults == []
    assert tally.refused > 200


def test_pipelines(tmp_path: Path) -> None:
    """The configurations of bias-free models, and the networks that they describe."""
    path = tmp_path / "model.json"
    shutil.copy(CONFIGS / "biasfree_6.json", path)
    tally = fuzz(path, lambda: load_pipeline(path).network(), json_alter(path))
    assert tally.faults == []
    assert tally.refused > 200


def files() -> list[str]:
    return [str(p.relative_to(RESULTS)) for p in sorted(RESULTS.rglob("*.json"))]


@pytest.fixture(scope="module")
def copied(tmp_path_factory):
    folder = tmp_path_factory.mktemp("x") / "results"
    shutil.copytree(RESULTS, folder)
    return folder


@pytest.mark.parametrize("name", files())
def test_results(name: str, copied) -> None:
    """What the report and the README files are made of."""
    def load() -> None:
        results = Results(copied)
        for tables in PAGES.values():
            tables(results)
    path = copied / name
    tally = fuzz(path, load, json_alter(path), count=20, names=path.name)
    assert tally.faults == []
