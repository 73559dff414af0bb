"""The one loop of all studies: what is missing is run, saved after each run, and never mixed."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from others.records.study import Row, Study, brief, read_study, values

ROWS = {"base": Row(), "batch 8": Row({"batch_size": 8}, {"title": "small"}, seeds=1)}
SETTING = {"pairs": 100, "sizes": (32, 32)}


class Measure:
    """Counts its runs, and stops in the one with the number `stop`."""

    def __init__(self, stop: int | None = None) -> None:
        self.runs: list[tuple[str, int]] = []
        self.stop = stop

    def __call__(self, name: str, row: Row, seed: int) -> dict[str, Any]:
        if len(self.runs) == self.stop:
            raise KeyboardInterrupt
        self.runs.append((name, seed))
        return {"psnr_per_image_db": 20.0 + seed, "batch": row.changes.get("batch_size", 32)}


def test_rows_run_seed_by_seed_and_once(tmp_path: Path) -> None:
    """All rows get their first seed before any gets its second; a second call runs nothing."""
    measure = Measure()
    results = Study(tmp_path / "a.json", SETTING, ROWS).run(measure, seeds=2)
    assert measure.runs == [("base", 0), ("batch 8", 0), ("base", 1)]
    assert values(results["rows"]["base"], "psnr_per_image_db") == [20.0, 21.0]
    assert results["rows"]["batch 8"]["title"] == "small"
    assert results == read_study(tmp_path / "a.json")
    again, said = Measure(), list[str]()
    study = Study(tmp_path / "a.json", SETTING, ROWS)
    assert study.run(again, seeds=2, say=said.append) == results
    assert again.runs == []
    assert said == [f"{tmp_path / 'a.json'}: it has these results already, and nothing was run"]
    said.clear()
    study.run(again, [], say=said.append)  # nothing was asked for, so nothing is said
    assert said == []


def test_a_result_in_a_line() -> None:
    """The numbers are shown by the names of the file, which have their units; nothing else is."""
    result = {"psnr_per_image_db": 25.5, "pairs": 3, "kept": True, "name": "base", "draws": [1, 2]}
    assert brief(result) == "psnr_per_image_db 25.5, pairs 3"


def test_a_stopped_study_goes_on(tmp_path: Path) -> None:
    """What was measured before the stop is kept, and the rest follows."""
    with pytest.raises(KeyboardInterrupt):
        Study(tmp_path / "a.json", SETTING, ROWS).run(Measure(stop=2), seeds=2)
    measure = Measure()
    Study(tmp_path / "a.json", SETTING, ROWS).run(measure, seeds=2)
    assert measure.runs == [("base", 1)]


def test_the_file_has_the_order_of_the_table(tmp_path: Path) -> None:
    """Whichever row was run first; rows that the table has no longer stay, at the end."""
    Study(tmp_path / "a.json", SETTING, {"old": Row()}).run(Measure())
    Study(tmp_path / "a.json", SETTING, ROWS).run(Measure(), ["batch 8"])
    results = Study(tmp_path / "a.json", SETTING, ROWS).run(Measure())
    assert list(results["rows"]) == ["base", "batch 8", "old"]


def test_other_settings_are_refused_with_the_difference(tmp_path: Path) -> None:
    """Neither another budget nor a row with other changes is mixed with what is there."""
    path = tmp_path / "a.json"
    Study(path, SETTING, ROWS).run(Measure())
    before = path.read_bytes()
    with pytest.raises(ValueError, match=r"a\.json has .* another setting .*\n  pairs: 100 -> 200"):
        Study(path, {**SETTING, "pairs": 200}, ROWS)
    other = {**ROWS, "batch 8": Row({"batch_size": 9})}
    measure = Measure()
    with pytest.raises(ValueError, match=r"of the row 'batch 8' .*\n  batch_size: 8 -> 9"):
        Study(path, SETTING, other).run(measure, seeds=3)
    assert (measure.runs, path.read_bytes()) == ([], before)
    Study(path, SETTING, other, again=True).run(measure)
    assert measure.runs == [("batch 8", 0)]


@pytest.mark.parametrize("content", ["", "[]", "{}", '{"setting": 1, "rows": []}', "[" * 10**5])
def test_damaged_files_are_named(content: str, tmp_path: Path) -> None:
    """A file that is no study's is refused by a sentence with its name, and left as it is."""
    path = tmp_path / "broken.json"
    path.write_text(content)
    with pytest.raises(ValueError, match=r"broken\.json"):
        Study(path, SETTING, ROWS)
    assert path.read_text() == content


def test_settings_are_plain_json(tmp_path: Path) -> None:
    """What a file cannot hold is refused before anything is run."""
    with pytest.raises(ValueError, match="expected plain JSON"):
        Study(tmp_path / "a.json", {"loss": object()}, ROWS)
    assert json.loads(json.dumps(Study(tmp_path / "a.json", SETTING, ROWS).setting))["sizes"] == [
        32,
        32,
    ]
