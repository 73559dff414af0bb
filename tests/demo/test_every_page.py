"""All pages in a real browser: the header, the keys, and a monkey."""

from __future__ import annotations

import os
import random
import subprocess
import sys
import time

import pytest
from selenium.common.exceptions import WebDriverException
from selenium.webdriver.common.keys import Keys

from others.demo.app import PAGES, prepared
from others.records.paths import ROOT
from tests.helpers.browser import Tab

SECONDS = float(os.environ.get("MONKEY_SECONDS", "5"))  # 600 once in a while, by hand
SEED = int(os.environ.get("MONKEY_SEED", "0"))


@pytest.mark.parametrize("name", PAGES)
def test_each_page_opens(tab: Tab, name: str) -> None:
    """A page opens at 1280×720 without scrolling sideways, names itself, and all pictures on it
    have alternative texts."""
    tab.open(f"/{name}")
    assert tab.driver.title == PAGES[name].TITLE
    assert tab.text('header [aria-current="page"]') == PAGES[name].TITLE
    assert tab.run("return document.documentElement.scrollWidth") <= 1280
    assert tab.run("return document.querySelectorAll('img:not([alt])').length") == 0


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


def test_without_a_network() -> None:
    """Server, browser and pages need no network: they work where there is none but this machine's
    own loopback."""
    inside = (
        ["unshare", "--net", "sh", "-c"] if os.geteuid() == 0 else ["unshare", "-rn", "sh", "-c"]
    )
    up = "ip link set lo up"
    tried = subprocess.run([*inside, up], capture_output=True, text=True)
    if tried.returncode:
        pytest.skip(f"no namespace without a route can be made here: {tried.stderr.strip()}")
    pages = f"{sys.executable} -m pytest -q -p no:cacheprovider -k test_each_page_opens {__file__}"
    found = subprocess.run(
        [*inside, f'{up} && test -z "$(ip route)" && {pages}'],
        cwd=ROOT,
        capture_output=True,
        text=True,
    )
    assert f"{len(PAGES)} passed" in found.stdout, found.stdout + found.stderr


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
