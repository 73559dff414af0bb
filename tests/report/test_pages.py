"""The README files: their tables are those of the results, and what they name is there."""

from __future__ import annotations

import argparse
import importlib
import re
import shlex
from pathlib import Path

import pytest

from others.engine import command
from others.records.json_files import read_json
from others.records.paths import RESULTS, ROOT
from others.report import pages, readme
from others.report.results import Results

PAGES = [ROOT / "README.md", ROOT / "others" / "README.md", ROOT / "CONTRIBUTING.md"]
PAGES += [ROOT / "grader" / "README.md"]
PAGES += sorted((ROOT / "others" / "results").rglob("README.md"))
COMMAND = re.compile(r"(?:python|torchrun [^`\n]*?) -m (others[\w.]*)")
CALL = re.compile(r"`python -m (others[\w.]*)((?:\s[^`]*)?)`")  # with its arguments
TARGET = re.compile(r"\bmake ([a-z]+)\b(?=[ `]*(?:`|$|\s+[A-Z]+=|#|\s+#))", re.MULTILINE)
LINK = re.compile(r"\]\(([^)#:]+)\)")
SPENT = {  # how a command of others/README.md begins: the trainings whose time its row states
    "submission.ablate miniproject_1 ": "ablations/miniproject_1",
    "submission.ablate miniproject_1_full ": "ablations/miniproject_1_full",
    "assignment.study --protocol short ": "assignment/short",
    "assignment.study --protocol early ": "assignment/early",
    "assignment.study --bonus ": "assignment/bonus",
    "tnet --data ": "tnet/study",
    "biasfree.ablation ": "biasfree/ablation",
}
CLOCKS = ("cpu_seconds", "training_seconds", "seconds")  # of a run, the first that its study has


def commands() -> list[str]:
    """The modules that the pages run, each one once."""
    texts = [path.read_text(encoding="utf-8") for path in PAGES]
    return sorted({name for text in texts for name in COMMAND.findall(text)})


def module_of(name: str) -> str:
    """The module that `python -m name` runs: that of a package is its __main__."""
    folder = ROOT.joinpath(*name.split("."))
    return f"{name}.__main__" if folder.is_dir() else name


@pytest.mark.parametrize("path", list(pages.PAGES), ids=lambda path: str(path.relative_to(ROOT)))
def test_a_page_shows_the_results(path: Path) -> None:
    """Every table is what the JSON files give; else run `python -m others.report.readme`."""
    assert readme.rendered(path, Results()) == path.read_text(encoding="utf-8")


def test_every_page_is_filled() -> None:
    """No page has a table between markers that nothing fills."""
    marked = [path for path in PAGES if "<!-- table " in path.read_text(encoding="utf-8")]
    assert set(marked) == set(pages.PAGES)


def test_every_picture_is_shown() -> None:
    """A page shows every picture of the tree: none was left behind by accident."""
    shown = {
        (path.parent / link).resolve()
        for path in PAGES
        for link in LINK.findall(path.read_text(encoding="utf-8"))
    }
    assert {*ROOT.glob("*.png"), *(ROOT / "others").rglob("*.png")} <= shown


@pytest.mark.parametrize("name", commands())
def test_every_command_explains_itself(name: str) -> None:
    """-h shows the module's docstring, its lines unbroken, and says something on each option."""
    module = importlib.import_module(module_of(name))
    parser: argparse.ArgumentParser = module.parser()
    text = parser.format_help()
    assert parser.prog == f"python -m {name}"
    assert module.__doc__
    assert module.__doc__.strip() in text
    shown = [action for action in parser._actions if action.help != argparse.SUPPRESS]
    assert [action.dest for action in shown if not action.help] == []


def test_every_named_command_can_be_run(monkeypatch: pytest.MonkeyPatch) -> None:
    """What a page says to run has the options that the command needs, and no others."""
    monkeypatch.setattr(command, "output", Path)  # it would try to write the file
    texts = {path: path.read_text(encoding="utf-8") for path in PAGES}
    calls = {call for text in texts.values() for call in CALL.findall(text)}
    assert len(calls) > 40
    for name, arguments in sorted(calls):
        try:
            importlib.import_module(module_of(name)).parser().parse_args(shlex.split(arguments))
        except SystemExit:
            pytest.fail(f"python -m {name}{arguments}")


def test_what_a_page_says_to_run_is_what_was_run(monkeypatch: pytest.MonkeyPatch) -> None:
    """On the page of the measurements of speed, a command has the settings of its results."""
    monkeypatch.setattr(command, "output", Path)
    page = RESULTS / "bench" / "README.md"
    calls = CALL.findall(page.read_text(encoding="utf-8"))
    assert len(calls) == 9
    for name, arguments in calls:
        options = importlib.import_module(name).parser().parse_args(shlex.split(arguments))
        on_a_gpu = getattr(options, "device", "cpu") == "cuda" and "cuda" in arguments
        kind = "_gpu" if on_a_gpu else "_avx2" if "--avx2" in arguments else ""
        file = name.rpartition(".")[2] + kind
        found = read_json(RESULTS / "bench" / f"{file}.json")
        found["count"] = found.get("layers_of_each_kind")
        for setting in ("rounds", "steps", "side", "count"):
            assert getattr(options, setting, None) == found.get(setting), (file, setting)
        assert getattr(options, "avx2", False) == found.get("avx2", False)


@pytest.mark.parametrize(("command_line", "name"), SPENT.items())
def test_times_are_those_of_the_results(command_line: str, name: str) -> None:
    """The time beside a study's command is that of all its runs, to the minute."""
    page = (ROOT / "others" / "README.md").read_text(encoding="utf-8")
    (row,) = [line for line in page.splitlines() if f"others.studies.{command_line}" in line]
    stated = re.search(r"\| (\d+) min", row)
    runs = [run for one in Results().study(name)["rows"].values() for run in one["seeds"].values()]
    # The noisy images have a row as well, which took no time.
    spent = sum(next((run[clock] for clock in CLOCKS if clock in run), 0) for run in runs)
    assert stated
    assert int(stated[1]) == round(spent / 60)


def test_every_target_is_there() -> None:
    """What the pages call by `make` is a target of the Makefile, and every target is explained."""
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    explained = set(re.findall(r"^([a-z]+):.*## ", makefile, re.MULTILINE))
    texts = [path.read_text(encoding="utf-8") for path in PAGES]
    called = {target for text in texts for target in TARGET.findall(text)}
    assert len(called) > 6
    assert called <= explained


@pytest.mark.parametrize("path", PAGES, ids=lambda path: str(path.relative_to(ROOT)))
def test_every_link_leads_somewhere(path: Path) -> None:
    """A link inside the project names a file or a folder that is there."""
    links = LINK.findall(path.read_text(encoding="utf-8"))
    assert [link for link in links if not (path.parent / link).exists()] == []


def test_every_file_of_the_map_exists() -> None:
    """The root README names files that are there."""
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    names = [part for part in text.split("`") if part.endswith((".py", ".md", ".txt"))]
    plain = [name for name in names if not set(name) & set(" {}…")]
    assert len(plain) > 8
    tops = [path for path in ROOT.iterdir() if not path.name.startswith(".")]  # no environment
    there = [*tops, *(path for top in tops for path in top.rglob("*.*"))]
    assert [name for name in plain if not any(path.match(name) for path in there)] == []


def test_check_names_the_page(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """--check ends with status 1 and the page that differs, and writes nothing."""
    page = tmp_path / "README.md"
    monkeypatch.setattr(readme, "ROOT", tmp_path)
    monkeypatch.setattr(readme, "PAGES", {page: lambda results: {"a": "new"}})
    page.write_text("<!-- table a -->\nold\n<!-- end of a -->\n")
    with pytest.raises(SystemExit, match=r"differ from others/results in README\.md"):
        readme.main(["--check"])
    assert "old" in page.read_text()
    readme.main([])
    assert page.read_text() == "<!-- table a -->\nnew\n<!-- end of a -->\n"
    readme.main(["--check"])
