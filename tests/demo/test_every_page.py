"""All pages in a real browser: the header, the keys, and a monkey."""

from __future__ import annotations

import json
import os
import random
import subprocess
import sys
import time
from pathlib import Path

import pytest
from selenium.common.exceptions import WebDriverException
from selenium.webdriver.common.keys import Keys

from others.demo.app import PAGES, prepared
from others.records.paths import ROOT
from tests.helpers.browser import Tab, check_page, missing

SECONDS = float(os.environ.get("MONKEY_SECONDS", "5"))  # 600 once in a while, by hand
SEED = int(os.environ.get("MONKEY_SEED", "0"))


@pytest.mark.parametrize("name", PAGES)
def test_each_page_opens(tab: Tab, name: str) -> None:
    """Each page opens in a window of 1280×720, and is what `check_page` says."""
    check_page(tab, name, PAGES[name].TITLE)


def test_keys_walk_through_prepared_states(tab: Tab) -> None:
    """N opens the next prepared state, P the previous one; a slider keeps its keys."""
    states = prepared()
    first = next(place for place, state in enumerate(states) if state.address == "/denoise")
    tab.open(f"/denoise?step={first}")
    for key, step in (("n", first + 1), ("p", first)):
        tab.all("body")[0].send_keys(key)
        tab.wait(lambda step=step: tab.parameter("step") == str(step) and tab.is_connected())
        assert states[step].title in tab.text("header")
    tab.all('[aria-label="number"] [tabindex]')[0].send_keys(Keys.PAGE_DOWN)
    tab.wait(lambda: tab.parameter("number"))
    assert tab.parameter("step") == str(first)


def test_dark_colours_stay(tab: Tab) -> None:
    """The switch darkens the page, says so in the address, and holds for the next page."""
    colour = "return getComputedStyle(document.body).backgroundColor"
    tab.open("/results")
    light = tab.run(colour)
    tab.press("dark")
    tab.wait(lambda: tab.run(colour) != light and tab.parameter("dark") == "1")
    tab.open("/results?show=question-2")
    tab.wait(lambda: tab.run(colour) != light)
    tab.press("dark")
    tab.wait(lambda: tab.run(colour) == light)


def test_without_a_network(data: Path, tmp_path: Path) -> None:
    """Server, browser and pages need no network: they work where there is none but this machine's
    own loopback."""
    reason = missing()
    if reason:
        pytest.skip(reason)
    inside = ["unshare", *(["--net"] if os.geteuid() == 0 else ["-rn"]), "sh", "-c"]
    up = "ip link set lo up"
    tried = subprocess.run([*inside, up], capture_output=True, text=True)
    if tried.returncode:
        pytest.skip(f"no namespace without a route can be made here: {tried.stderr.strip()}")
    code = "import sys; from tests.helpers.browser import check_pages; check_pages(*sys.argv[1:])"
    titles = json.dumps({name: page.TITLE for name, page in PAGES.items()})
    pages = [sys.executable, "-c", code, str(data), str(tmp_path), titles]
    found = subprocess.run(
        [*inside, f'{up} && test -z "$(ip route)" && "$@"', "sh", *pages],
        cwd=ROOT,
        capture_output=True,
        text=True,
    )
    assert found.returncode == 0, found.stderr
    assert found.stdout.split() == list(PAGES)


def test_a_monkey_finds_no_error(tab: Tab) -> None:
    """Random clicks and keys on all pages raise nothing; the seed is the same each time."""
    draw = random.Random(SEED)
    end = time.monotonic() + SECONDS
    while time.monotonic() < end:
        tab.open(f"/{draw.choice(list(PAGES))}")
        for _ in range(draw.randrange(5, 25)):
            touch(tab, draw)
            if time.monotonic() > end:
                break
    tab.open("/results")  # answers that are still on their way go to a page that is left


def touch(tab: Tab, draw: random.Random) -> None:
    """Click on something that can be clicked, or press keys on something that takes them."""
    chosen = "button, [tabindex='0'], .q-item, input:not([type=file]), header a, nav a, .picture"
    keys = draw.choice([Keys.ARROW_RIGHT, Keys.ARROW_LEFT, Keys.ENTER, " ", "+", "n", "7"])
    shown = tab.all(chosen)
    try:
        if shown and draw.random() < 0.6:
            draw.choice(shown).click()
        elif shown:
            draw.choice(shown).send_keys(keys)
    except WebDriverException:  # it is covered or gone meanwhile: a user could not touch it either
        return
