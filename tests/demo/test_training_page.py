"""Page 4 in a real browser: two trainings that can be started, paused, reset, and end with it."""

from __future__ import annotations

import os
import re
import time
from pathlib import Path

import pytest

from tests.helpers.browser import Tab

SMALL = "a_channels=4&b_channels=4&a_steps=4992&b_steps=4992"
POINTS = """return [...document.querySelectorAll('div[role=img]')].map(x =>
  getElement(+x.id.slice(1)).chart.getOption().series.map(one => one.data))"""


def said(tab: Tab, side: int) -> dict[str, float]:
    """The numbers that a run tells: step, loss and PSNR; nothing before they have come."""
    text = tab.run(
        "return document.querySelectorAll('[role=status]')[arguments[0]].innerText", side
    )
    return {name: float(value) for name, value in re.findall(r"(step|loss|PSNR) ([\d.]+)", text)}


def press(tab: Tab, label: str) -> None:
    """Click a button by its label for those who do not see it."""
    tab.all(f'button[aria-label="{label}"]')[0].click()


def trainings() -> set[int]:
    """The processes of trainings that the server of these tests has started."""
    parents: dict[int, tuple[int, str]] = {}
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            fields = (folder / "stat").read_text().rsplit(")", 1)[1].split()
            command = (folder / "cmdline").read_text()
        except OSError:  # it has ended meanwhile
            continue
        if fields[0] != "Z":
            parents[int(folder.name)] = int(fields[1]), command
    own = {pid for pid, (parent, _) in parents.items() if parent == os.getpid()}
    return {
        pid for pid, (parent, text) in parents.items() if parent in own and "spawn_main" in text
    }


def test_learning_rates_beside_each_other(tab: Tab) -> None:
    """Both runs are drawn over each other, and SGD at 2 leaves SGD at 0.01 behind."""
    tab.open(f"/training?{SMALL}")
    tab.press("start both")
    tab.wait(lambda: said(tab, 0).get("step", 0) > 150 and said(tab, 1).get("step", 0) > 20)
    first = tab.run(POINTS)[0][0][0][1]
    assert said(tab, 0)["loss"] < 0.8 * first
    assert said(tab, 0)["PSNR"] > said(tab, 1)["PSNR"] + 1
    loss, psnr = tab.run(POINTS)
    assert [len(loss), len(psnr)] == [2, 3]  # of the PSNR, that of the noisy images as well
    tab.wait(lambda: all(len(line) > 1 for lines in tab.run(POINTS) for line in lines))
    pictures = tab.run("return [...document.querySelectorAll('.strip')].map(x => x.src)")
    assert len(set(pictures)) == 4


def test_pause_and_reset(tab: Tab) -> None:
    """Pause stops the steps, go on goes on with them, and reset forgets them."""
    tab.open(f"/training?{SMALL}")
    press(tab, "start or pause run A")
    tab.wait(lambda: said(tab, 0).get("step", 0) > 0)
    press(tab, "start or pause run A")
    time.sleep(1)
    step = said(tab, 0)["step"]
    time.sleep(1)
    assert said(tab, 0)["step"] == step
    assert "paused" in tab.text("[role=status]")
    press(tab, "start or pause run A")
    tab.wait(lambda: said(tab, 0)["step"] > step)
    press(tab, "reset run A")
    tab.wait(lambda: tab.text("[role=status]").splitlines() == ["not started", "not started"])
    tab.wait(lambda: not tab.run(POINTS)[0][0])
    assert not trainings()


@pytest.mark.parametrize(
    "query",
    [
        "a_project=1",
        "a_optimizer=Adam&a_learning_rate=0.003",
        "a_optimizer=Muon&a_upsampling=nearest",
    ],
)
def test_other_trainings(tab: Tab, query: str) -> None:
    """Miniproject 1, the other optimizers and the other upsampling train as well, to their end."""
    tab.open(f"/training?{query}&a_channels=4&a_steps=64&a_batch_size=32")
    press(tab, "start or pause run A")
    tab.wait(lambda: tab.text("[role=status]").startswith("done"))
    assert said(tab, 0)["step"] == 64


def test_controls_are_in_the_address(tab: Tab) -> None:
    """A control changes the address; a reload shows it again."""
    tab.open("/training")
    tab.choose("optimizer", "Adam")
    tab.wait(lambda: tab.parameter("a_optimizer") == "Adam")
    tab.choose("network", "Miniproject 1")
    tab.wait(lambda: len(tab.all('input[aria-label="optimizer"]')) == 1)
    tab.driver.refresh()
    tab.wait(lambda: len(tab.all('input[aria-label="optimizer"]')) == 1)


def test_a_closed_tab_ends_its_training(tab: Tab) -> None:
    """The process of a training ends when its tab is closed, and not before."""
    first = tab.driver.current_window_handle
    tab.driver.switch_to.new_window("tab")
    tab.open(f"/training?{SMALL}")
    press(tab, "start or pause run B")
    tab.wait(lambda: said(tab, 1).get("step", 0) > 0)
    assert len(trainings()) == 1
    tab.driver.close()
    tab.driver.switch_to.window(first)
    tab.wait(lambda: not trainings())
