"""Page 4 in a real browser: two trainings that can be started, paused, reset, and end with it."""

from __future__ import annotations

import os
import re
import time
from pathlib import Path

from tests.helpers.browser import Tab

SMALL = "a_channels=4&b_channels=4&a_steps=192&b_steps=192"
LONG = "a_steps=4992&b_steps=4992&a_optimizer=Adam&a_learning_rate=0.003"  # minutes
POINTS = """return [...document.querySelectorAll('div[role=img]')].map(x =>
  getElement(+x.id.slice(1)).chart.getOption().series.map(one => one.data))"""


def said(tab: Tab, side: int) -> dict[str, float]:
    """The numbers that a run tells: step, loss and PSNR; nothing before they have come."""
    text = tab.run(
        "return document.querySelectorAll('[role=status]')[arguments[0]].innerText", side
    )
    return {name: float(value) for name, value in re.findall(r"(step|loss|PSNR) ([\d.]+)", text)}


def command_of(pid: int) -> str:
    """What a process was started by; nothing if it has ended."""
    try:
        return Path(f"/proc/{pid}/cmdline").read_text()
    except OSError:
        return ""


def done(tab: Tab) -> bool:
    """Whether both runs have come to their ends."""
    return tab.run(
        "return [...document.querySelectorAll('[role=status]')]"
        ".every(one => one.innerText.startsWith('done'))"
    )


def trainings() -> set[int]:
    """The processes of trainings: children of the forkserver of the server of these tests."""
    parents: dict[int, int] = {}
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            state, parent = (folder / "stat").read_text().rsplit(")", 1)[1].split()[:2]
        except OSError:  # it has ended meanwhile
            continue
        if state != "Z":
            parents[int(folder.name)] = int(parent)

    def depth(pid: int) -> int:
        return 0 if pid == os.getpid() else 1 + depth(parents[pid]) if pid in parents else -99

    return {pid for pid in parents if depth(pid) == 3 and "forkserver" in command_of(pid)}


def test_learning_rates_beside_each_other(tab: Tab) -> None:
    """Both runs are drawn over each other, and SGD at 2 leaves SGD at 0.01 behind."""
    tab.open(f"/training?{SMALL}")
    tab.press("start both")
    tab.wait(lambda: done(tab))
    # Over four seeds 18.8 to 19.7 dB and 12.0 to 12.2 dB; as good as nothing is learnt at 0.01.
    assert said(tab, 0)["PSNR"] > said(tab, 1)["PSNR"] + 4
    tab.wait(lambda: {line[-1][0] for lines in tab.run(POINTS) for line in lines} == {192})
    loss, psnr = tab.run(POINTS)
    assert [len(loss), len(psnr)] == [2, 3]  # of the PSNR, that of the noisy images as well
    assert psnr[0][0][0] == 0
    assert psnr[0][-1][1] > psnr[0][0][1] + 4
    tab.wait(lambda: len(set(tab.pictures())) == 4)


def test_pause_and_reset(tab: Tab) -> None:
    """Pause stops the steps, go on goes on with them, and reset forgets them."""
    tab.open(f"/training?{LONG}")
    tab.press("start or pause run A")
    tab.wait(lambda: said(tab, 0).get("step", 0) > 0)
    tab.press("start or pause run A")
    tab.wait(lambda: "paused" in tab.text("[role=status]"))
    step = said(tab, 0)["step"]
    time.sleep(1)  # a training that went on would report within this time, or pass unseen
    assert said(tab, 0)["step"] == step
    tab.press("start or pause run A")
    tab.wait(lambda: said(tab, 0)["step"] > step)
    tab.press("reset run A")
    tab.wait(lambda: tab.text("[role=status]").splitlines() == ["not started", "not started"])
    tab.wait(lambda: not tab.run(POINTS)[0][0])
    assert not trainings()


def test_other_trainings(tab: Tab) -> None:
    """Miniproject 1, and Muon with the other upsampling, train as well, to their end."""
    muon = "b_optimizer=Muon&b_learning_rate=0.02&b_upsampling=nearest"
    tab.open(f"/training?a_project=1&{muon}&a_channels=4&b_channels=4&a_steps=32&b_steps=32")
    tab.press("start both")
    tab.wait(lambda: done(tab))
    assert said(tab, 0)["step"] == said(tab, 1)["step"] == 32


def test_controls_are_in_the_address(tab: Tab) -> None:
    """A control changes the address; a reload shows it again."""
    tab.open("/training")
    tab.choose("optimizer", "Adam")
    tab.wait(lambda: tab.parameter("a_optimizer") == "Adam")
    tab.choose("network", "Miniproject 1")
    tab.wait(lambda: tab.parameter("a_project") == "1")
    tab.wait(lambda: len(tab.all('input[aria-label="optimizer"]')) == 1)
    tab.driver.refresh()
    tab.wait(lambda: len(tab.all('input[aria-label="optimizer"]')) == 1)


def test_a_closed_tab_ends_its_training(tab: Tab) -> None:
    """The process of a training ends when its tab is closed, and not before."""
    first = tab.driver.current_window_handle
    tab.driver.switch_to.new_window("tab")
    tab.open(f"/training?{LONG}")
    tab.press("start or pause run B")
    tab.wait(lambda: said(tab, 1).get("step", 0) > 0)
    assert len(trainings()) == 1
    tab.driver.close()
    tab.driver.switch_to.window(first)
    tab.wait(lambda: not trainings())
