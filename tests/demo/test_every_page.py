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


@pytest.mark.parametrize("width", [390, 683, 800])
@pytest.mark.parametrize("name", PAGES)
def test_narrow_windows(tab: Tab, name: str, width: int) -> None:
    """On a phone, enlarged by the browser or in a small window, nothing is cut off at the side, and
    pictures with their legends stay readable."""
    size = {"width": width, "height": 600, "deviceScaleFactor": 1, "mobile": False}
    tab.driver.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", size)
    try:
        tab.open(f"/{name}")
        tab.wait(lambda: tab.run("return document.documentElement.scrollWidth") <= width)
        widths = "return [...document.querySelectorAll('.picture')].map(one => one.clientWidth)"
        assert min(tab.run(widths), default=width) >= 140
        cut = "[...document.querySelectorAll('.legend .q-row, .legend .row')]"
        assert tab.run(f"return {cut}.every(one => one.scrollWidth <= one.clientWidth)")
    finally:
        tab.driver.execute_cdp_cmd("Emulation.clearDeviceMetricsOverride", {})


def test_a_printed_page_has_all_of_it(tab: Tab) -> None:
    """On paper no header covers what a page shows, and long lines of code are continued."""
    tab.open("/results?show=question-6")
    tab.driver.execute_cdp_cmd("Emulation.setEmulatedMedia", {"media": "print"})
    try:
        style = "return getComputedStyle(document.querySelector(arguments[0]))[arguments[1]]"
        assert tab.run(style, "header", "display") == "none"
        assert tab.run(style, ".q-page-container", "paddingTop") == "0px"
        assert tab.run(style, "pre", "whiteSpace") == "pre-wrap"
    finally:
        tab.driver.execute_cdp_cmd("Emulation.setEmulatedMedia", {"media": ""})


@pytest.mark.parametrize("dark", "01")
def test_alerts_can_be_read(tab: Tab, dark: str) -> None:
    """The letters of an alert stand out from the ground by 4.5 to 1, as WCAG asks."""
    tab.open(f"/denoise?number=99&dark={dark}")
    colour = "return getComputedStyle(arguments[0])[arguments[1]].match(/\\d+/g).slice(0, 3)"
    alert, body = tab.all("[role=alert]")[0], tab.all("body")[0]
    letters, ground = tab.run(colour, alert, "color"), tab.run(colour, body, "backgroundColor")
    light, deep = sorted([luminance(letters), luminance(ground)], reverse=True)
    assert (light + 0.05) / (deep + 0.05) > 4.5
    tab.driver.delete_all_cookies()


def luminance(colour: list[str]) -> float:
    """The relative luminance of a colour, red, green and blue from 0 to 255."""
    shares = [int(part) / 255 for part in colour]
    linear = [x / 12.92 if x <= 0.04045 else ((x + 0.055) / 1.055) ** 2.4 for x in shares]
    return sum(weight * x for weight, x in zip((0.2126, 0.7152, 0.0722), linear))


def test_keys_walk_through_prepared_states(tab: Tab) -> None:
    """N opens the next prepared state, P the previous one, capital or not; a slider keeps its
    keys."""
    states = prepared()
    first = next(place for place, state in enumerate(states) if state.address == "/denoise")
    tab.open(f"/denoise?step={first}")
    for key, step in (("n", first + 1), ("P", first)):
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
