"""How long a user waits: for the first page, and for a picture after a slider has moved.

    python -m tests.helpers.latency [rounds]

It starts the server and a browser of its own, and prints milliseconds, each beside its limit.
"""

from __future__ import annotations

import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from others.records.paths import ROOT
from tests.helpers.browser import Tab, served, started

ROUNDS = 10
WAITS = {  # page, slider, the picture that is waited for, and the limit in milliseconds
    "denoised by Miniproject 1": ("/denoise?models=miniproject_1", "number", "miniproject_1", 300),
    "denoised by Miniproject 2": ("/denoise?models=miniproject_2", "number", "miniproject_2", 300),
    "mask of Miniproject 1": ("/pixel", "row", "its row of the Jacobian (model 1)", 2000),
    "mask of Miniproject 2": ("/pixel", "row", "its row of the Jacobian (model 2)", 2000),
}
# From the key that moves a slider to the first new picture with this alternative text.
WATCH = """document.addEventListener("keydown", () => { window.began = performance.now(); }, true);
new MutationObserver(found => {
  if (found.some(one => one.target.alt === arguments[0])) window.took = performance.now() - began;
}).observe(document, {subtree: true, attributeFilter: ["src"]});"""


def waits(tab: Tab, path: str, slider: str, alternative: str, rounds: int) -> list[float]:
    """Milliseconds of each round, after one that is not counted, in which a model is loaded."""
    tab.open(path)
    tab.settled()
    tab.run(WATCH, alternative)
    found = []
    for step in range(rounds + 1):
        tab.run("window.took = 0")
        tab.slide(slider, 1 if step % 2 else -1)
        found.append(float(tab.wait(lambda: tab.run("return window.took"))))
        tab.settled()
    return found[1:]


def seconds_of_torch() -> float:
    """How long the import of torch takes, which every command of the project waits for."""
    start = time.perf_counter()
    subprocess.run([sys.executable, "-c", "import torch"], cwd=ROOT, check=True)
    return time.perf_counter() - start


def main(rounds: int) -> None:
    """Measure and print."""
    seconds_of_torch()  # from the disk
    torch = seconds_of_torch()
    driver = started(Path(tempfile.gettempdir()))
    try:
        start = time.perf_counter()
        with served(ROOT / "data", Path("/dev/null")) as address:
            tab = Tab(driver, address)
            tab.open("/denoise")
            first = 1000 * (time.perf_counter() - start - torch)
            print(f"first page: {first:.0f} ms after torch's import of {torch:.1f} s, limit 5000")
            for name, (path, slider, alternative, limit) in WAITS.items():
                found = waits(tab, path, slider, alternative, rounds)
                median, most = statistics.median(found), max(found)
                print(f"{name}: median {median:.0f} ms, at most {most:.0f} ms, limit {limit}")
    finally:
        driver.quit()


if __name__ == "__main__":
    main(int(sys.argv[1]) if sys.argv[1:] else ROUNDS)
