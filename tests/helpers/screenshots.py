"""Renew the pictures of the pages in README.md, while `make demo` runs in another terminal.

    python -m tests.helpers.screenshots http://127.0.0.1:8080

Each is a page at 1280×720 with generated images only, in 256 colours: together they take less than
400 KB, as the archive that holds them is to stay small.
"""

from __future__ import annotations

import io
import sys
import tempfile
from pathlib import Path

from PIL import Image

from others.records.paths import ROOT
from tests.helpers.browser import Tab, started

FOLDER = ROOT / "others" / "demo" / "screenshots"
PAGES = {  # what is shown of each page
    "denoise": "/denoise?dark=0",
    "pixel": "/pixel?model1=biasfree_12&number=5&noise=gaussian&level=40&row=20&column=12&dark=0",
    "framework": "/framework?block=TransposeConv2d&rows=3&columns=3&stage=1&i=3&j=3&dark=0",
}
COLOURS = 256


def save(tab: Tab, name: str) -> None:
    """Write the picture of a page once it is complete."""
    tab.open(PAGES[name])
    tab.settled()
    picture = Image.open(io.BytesIO(tab.driver.get_screenshot_as_png())).convert("RGB")
    picture.quantize(COLOURS, dither=Image.Dither.NONE).save(FOLDER / f"{name}.png", optimize=True)


def main(address: str, names: list[str]) -> None:
    """Write the pictures with these names."""
    FOLDER.mkdir(exist_ok=True)
    driver = started(Path(tempfile.gettempdir()))
    try:
        size = {"width": 1280, "height": 720, "deviceScaleFactor": 1, "mobile": False}
        driver.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", size)
        for name in names:
            save(Tab(driver, address), name)
    finally:
        driver.quit()


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2:] or list(PAGES))
