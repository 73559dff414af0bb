"""A real browser without a window, and what tests do with a page in it.

selenium drives it directly, and the pages are served by a process of their own, as for a user.
nicegui.testing would run the server inside pytest: its event loop, its warnings and its global
state would then belong to every test of the process, of which pytest-xdist runs several.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Callable, TypeVar
from urllib.error import URLError
from urllib.parse import urlparse
from urllib.request import urlopen

from selenium import webdriver
from selenium.webdriver.chrome.service import Service
from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys

from others.records.paths import ROOT

PATIENCE = 120  # seconds: on a busy machine a page may take long
OPTIONS = (
    "--headless=new",
    "--no-sandbox",
    "--disable-gpu",
    "--window-size=1280,720",
    # No name of another machine is found, so that a request to one fails instead of passing unseen.
    "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1",
)
# What NiceGUI and the browser say of a connection on a busy machine, which they then make anew.
SLOW = (
    "connection timed out, falling back to polling",
    "before the connection is established",
    "Slow network is detected",
)
UNSEEN = ("step", "view", "dark")  # values of an address of which no answer depends
# Of the answers that are shown and of the address: the values, as "name=value".
SHOWN = """const shown = document.querySelector(".busy").dataset.shown;
return [shown, location.search].map(text => [...new URLSearchParams(text)]
  .filter(([name, value]) => !arguments[0].includes(name)).map(pair => pair.join("=")).sort()
  .concat(text === undefined ? "nothing yet" : []))"""
Found = TypeVar("Found")


def missing() -> str | None:
    """Why there is no browser to test with; None if there is one."""
    names = [name for name in ("chromium", "chromedriver") if shutil.which(name) is None]
    return f"no {' and no '.join(names)} here; make demo INSTALL=1 brings them" if names else None


def started(downloads: Path) -> Any:
    """A browser that keeps its logs and saves into a folder."""
    os.environ["SE_OFFLINE"] = "true"  # selenium would otherwise look for a browser on the net
    options = webdriver.ChromeOptions()
    options.binary_location = str(shutil.which("chromium"))
    for option in OPTIONS:
        options.add_argument(option)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL", "performance": "ALL"})
    driver = webdriver.Chrome(options=options, service=Service(shutil.which("chromedriver")))
    executor: Any = driver.command_executor
    executor.client_config.timeout = 5 * PATIENCE  # of each call
    driver.set_script_timeout(4 * PATIENCE)
    driver.set_page_load_timeout(4 * PATIENCE)
    driver.execute_cdp_cmd(
        "Browser.setDownloadBehavior", {"behavior": "allow", "downloadPath": str(downloads)}
    )
    return driver


@contextmanager
def served(data: Path, errors: Path) -> Iterator[str]:
    """Serve the pages in a process of its own; the address, whose port is a free one.

    Args:
        data: the folder of the course's files.
        errors: a file for what the server writes on stderr.
    """
    command = [sys.executable, "-m", "others.demo", "--port", "0", "--no-browser", "--data", data]
    # With this variable, NiceGUI would take itself for a part of a test.
    surroundings = {n: value for n, value in os.environ.items() if n != "PYTEST_CURRENT_TEST"}
    with errors.open("w") as stderr, subprocess.Popen(
        command, cwd=ROOT, env=surroundings, stdout=subprocess.PIPE, stderr=stderr, text=True
    ) as server:
        try:
            assert server.stdout is not None
            address = server.stdout.readline().partition(" ")[0]
            while not _answers(address):
                if server.poll() is not None:
                    raise OSError(f"the server ended: {errors.read_text()}")
                time.sleep(0.1)
            yield address
        finally:
            server.terminate()


def _answers(address: str) -> bool:
    try:
        with urlopen(address):
            return True
    except URLError:
        return False


class Tab:
    """A page of the server at `address`, in the tab that the driver shows."""

    def __init__(self, driver: Any, address: str) -> None:
        self.driver, self.address = driver, address

    def open(self, path: str) -> None:
        """Open a page and wait until its script runs: its first answers may still be missing."""
        self.driver.get(self.address + path)
        self.wait(self.is_connected)

    def is_connected(self) -> bool:
        """Whether the page is complete and hears the server."""
        return self.run("return document.querySelector('header a') && window.socket?.connected")

    def run(self, script: str, *arguments: object) -> Any:
        """What a script gives that runs in the page."""
        return self.driver.execute_script(script, *arguments)

    def all(self, selector: str) -> list[Any]:
        """The elements that a CSS selector finds."""
        return self.driver.find_elements(By.CSS_SELECTOR, selector)

    def wait(self, look: Callable[[], Found]) -> Found:
        """What `look` gives as soon as it is true; AssertionError if it never is."""
        end = time.monotonic() + PATIENCE
        while time.monotonic() < end:
            found = look()
            if found:
                return found
            time.sleep(0.05)
        raise AssertionError(f"waited {PATIENCE} s in vain at {self.driver.current_url}")

    def pictures(self) -> list[str]:
        """The contents of all pictures that are there."""
        return self.run("return [...document.querySelectorAll('.picture img')].map(x => x.src)")

    def settled(self, **asked: str) -> list[str]:
        """All pictures, and the numbers as one text, once they are those of the address.

        Args:
            asked: values that the address has by then: a browser may not have sent yet what was
                changed in it last.
        """

        def complete() -> list[str]:
            shown, address = self.run(SHOWN, list(UNSEEN))
            wanted = set(address) >= {f"{name}={value}" for name, value in asked.items()}
            if shown != address or not wanted:
                return []
            return [*self.pictures(), self.text(".scores")]

        return self.wait(complete)

    def text(self, selector: str) -> str:
        """The text of all elements that a selector finds, a line each."""
        script = "return [...document.querySelectorAll(arguments[0])].map(x => x.innerText)"
        return "\n".join(self.run(script, selector))

    def slide(self, label: str, steps: int = 3) -> None:
        """Move a slider by its keys: steps to the right, or to the left below 0.

        The page may answer several values on the way.
        """
        track = self.all(f'[aria-label="{label}"] [tabindex]')[0]
        track.send_keys((Keys.ARROW_RIGHT if steps > 0 else Keys.ARROW_LEFT) * abs(steps))

    def fill(self, label: str, value: object) -> None:
        """Type into a field in the place of what it holds."""
        field = self.all(f'input[aria-label="{label}"]')[0]
        field.send_keys(Keys.CONTROL + "a")
        field.send_keys(str(value))

    def choose(self, label: str, option: str) -> None:
        """Choose an option of a select; of several of one name, of the first.

        No click here depends on where a thing is: on a busy machine, a menu or a button that is
        still on its way to its place would be missed.
        """
        self.wait(lambda: not self.all(".q-menu"))  # one that was opened before is closed
        self.all(f'input[aria-label="{label}"]')[0].send_keys(Keys.ARROW_DOWN)
        self.wait(lambda: option in self.text(".q-menu .q-item").split("\n"))
        self.run(
            "[...document.querySelectorAll('.q-menu .q-item')]"
            ".find(one => one.innerText === arguments[0]).click()",
            option,
        )
        self.run("document.activeElement.blur()")

    def press(self, text: str) -> None:
        """Press Enter on the button, link or switch with this text, or with it as its label."""
        kinds = "button, a, .q-toggle"
        next(
            found
            for found in self.all(kinds)
            if text in found.text or text == found.get_attribute("aria-label")
        ).send_keys(Keys.ENTER)

    def parameter(self, name: str) -> str | None:
        """A value in the address."""
        return self.run("return new URLSearchParams(location.search).get(arguments[0])", name)

    def complaints(self) -> list[str]:
        """Errors in the console, and requests to other machines, since this was last asked."""
        messages = [line["message"] for line in self.driver.get_log("browser")]
        logged = [one for one in messages if not any(part in one for part in SLOW)]
        return logged + [url for url in self._requested() if foreign(url)]

    def _requested(self) -> Iterator[str]:
        for line in self.driver.get_log("performance"):
            message = json.loads(line["message"])["message"]
            if message["method"] == "Network.requestWillBeSent":
                yield message["params"]["request"]["url"]
            elif message["method"] == "Network.webSocketCreated":
                yield message["params"]["url"]


def check_page(tab: Tab, name: str, title: str) -> None:
    """A page opens at 1280×720 without scrolling sideways, names itself, and all pictures on it
    have alternative texts."""
    tab.open(f"/{name}")
    assert tab.driver.title == title
    assert tab.text('header [aria-current="page"]') == title
    assert tab.run("return document.documentElement.scrollWidth") <= 1280
    assert tab.run("return document.querySelectorAll('img:not([alt])').length") == 0


def check_pages(data: str, folder: str, titles: str) -> None:
    """Start a server and a browser in this process, and check every page in it.

    Args:
        data: the folder of the course's files.
        folder: an empty one, for downloads and for what the server writes on stderr.
        titles: those of the pages by their names, as JSON.
    """
    driver = started(Path(folder))
    try:
        with served(Path(data), Path(folder, "stderr")) as address:
            for name, title in json.loads(titles).items():
                tab = Tab(driver, address)
                check_page(tab, name, title)
                said = tab.complaints()
                assert said == [], (name, said)
                print(name)
    finally:
        driver.quit()


def foreign(url: str) -> bool:
    """Whether a request leaves the machine."""
    parts = urlparse(url)
    return parts.scheme not in ("data", "blob") and parts.hostname != "127.0.0.1"
