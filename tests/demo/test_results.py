"""Page 5 in a real browser: all that both reports show, and the questions beside their code."""

from __future__ import annotations

import pytest

from others.demo.app import PAGES, prepared
from others.demo.captions import CAPTIONS
from others.records.paths import ROOT
from others.report.figures import FIGURE_SOURCES, FIGURES
from others.report.oral import sheet
from others.report.results import Results
from others.report.tables import SOURCES
from tests.helpers.browser import Tab


def test_every_figure_has_its_source() -> None:
    """Each figure says what it shows; each command stands in the table of all commands."""
    assert set(FIGURE_SOURCES) == set(FIGURES)
    known = (ROOT / "others" / "README.md").read_text(encoding="utf-8")
    commands = {command for source in SOURCES.values() for command in source.commands}
    assert [command for command in commands if " ".join(command.split()[:3]) not in known] == []


def test_every_result_has_its_caption() -> None:
    """What the titles leave open, such as ∗, is said for everything that both reports show."""
    assert set(CAPTIONS) == set(SOURCES)


def test_the_list_shows_what_is_open(tab: Tab) -> None:
    """The list is scrolled to the entry that is shown; the page itself stays at its top."""
    tab.open(f"/results?show={list(SOURCES)[-1]}")
    seen = (
        "const list = document.querySelector('nav').getBoundingClientRect();"
        "const one = document.querySelector('nav [aria-current]').getBoundingClientRect();"
        "return list.top <= one.top && one.bottom < list.bottom + 1 && scrollY === 0"
    )
    tab.wait(lambda: tab.run(seen))


def test_every_question_has_an_answer_to_show() -> None:
    """Each question of the exam has a state to show, and every state is on one of the pages."""
    assert all(question.shown for question in sheet().values())
    assert {state.address[1:].partition("?")[0] for state in prepared()} == set(PAGES)


def test_figures_are_drawn(tab: Tab) -> None:
    """A figure is drawn from the results, with an alternative text."""
    tab.open("/results?show=figure-noise")
    size = "return document.querySelector('img[alt^=\"The noise\"]')?.naturalWidth"
    assert tab.wait(lambda: tab.run(size)) > 100
    assert "measure_noise_law" in tab.text("code")


def test_tables_have_the_numbers_of_the_results(tab: Tab) -> None:
    """A table shows what the JSON file holds."""
    tab.open("/results?show=table-TableScoresOne")
    row = Results().read("submission")["rows"]["Miniproject 1"]
    assert f"{row['self_ensemble_psnr_per_image_db']:.2f}" in tab.text(".tables td")


def test_a_question_shows_its_code_and_opens_its_page(tab: Tab) -> None:
    """The quoted line of code is marked, and the button opens the state that answers it."""
    tab.open("/results?show=question-14")
    assert "▶ def psnr_per_image(" in tab.text("code")
    tab.press("Per image: as others state it")
    tab.wait(lambda: "TableScoresOne" in tab.driver.current_url)


@pytest.mark.parametrize("path", ["../../etc/passwd", "question-1/../x", "figure-../tables"])
def test_no_path_comes_from_the_browser(tab: Tab, path: str) -> None:
    """What is shown is one of the names that the page has itself; all else gets a sentence."""
    tab.open(f"/results?show={path}")
    assert "expected one of question-1" in tab.text("[role=alert]")
