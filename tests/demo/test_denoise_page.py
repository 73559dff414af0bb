"""Page 1 in a real browser: what each control does, and what becomes of files."""

from __future__ import annotations

import asyncio
import re
from contextlib import suppress
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import torch
from PIL import Image
from selenium.webdriver.common.action_chains import ActionChains
from selenium.webdriver.common.keys import Keys

from others.data.course import VALIDATION
from others.data.generated import scene
from others.data.noise import cell_mean, make_noise
from others.data.seeds import seeded
from others.demo.pages.denoise import FilePart
from others.engine.metrics import psnr_per_image
from others.files.image_file import read_picture, write_picture
from others.files.kinds import Picture
from others.files.tiling import denoised
from others.networks.pretrained import load_denoiser
from tests.helpers.browser import Tab

MODELS = "miniproject_1,miniproject_2"
CHANGES = {  # of each control: what is done to it, and what the address then says
    "image": (lambda tab: tab.choose("image", "validation file, 32×32"), "validation"),
    "number": (lambda tab: tab.slide("number"), "12"),
    "noise": (lambda tab: tab.choose("noise", "Gaussian"), "gaussian"),
    "level": (lambda tab: tab.slide("level"), "1.3"),
    "draw": (lambda tab: tab.fill("draw of the noise", 5), "5"),
    "models": (lambda tab: tab.choose("models", "biasfree_6"), f"{MODELS},biasfree_6"),
    "ensemble": (lambda tab: tab.press("self-ensemble"), "1"),
}


@pytest.mark.parametrize("name", CHANGES)
def test_each_control_changes_what_is_shown(tab: Tab, name: str) -> None:
    """A control changes pictures or numbers, and the address, which then shows the same again."""
    tab.open("/denoise")
    before = tab.settled()
    change, value = CHANGES[name]
    change(tab)
    after = tab.settled(**{name: value})
    assert after[:-1] != before[:-1]
    tab.driver.refresh()
    assert tab.settled()[:-1] == after[:-1]


def test_the_numbers_are_those_of_the_models(tab: Tab) -> None:
    """The PSNR on the page is what the project's functions give for the same image."""
    tab.open("/denoise?number=3&noise=gaussian&level=30")
    shown = re.findall(r"([\d.]+) dB", tab.settled()[-1])
    clean = cell_mean(scene(3))
    noisy = make_noise("gaussian", 30)(clean, seeded(0))
    images = [noisy, *(load_denoiser(f"miniproject_{n}")(noisy) for n in (1, 2))]
    expected = [psnr_per_image(image.clamp(0, 1), clean) for image in images]
    assert [float(text) for text in shown] == pytest.approx(expected, abs=0.006)


def test_pictures_zoom_together(tab: Tab) -> None:
    """+ on one picture enlarges all of them, and the address keeps it: with any networks, here
    those of the assignment on DnCNN."""
    tab.open("/denoise?image=mosaic&noise=gaussian&level=30&models=dncnn,udncnn,dudncnn")
    assert all(tab.settled())
    tab.all(".picture")[0].send_keys("++")
    found = tab.run(
        "const parts = [...document.querySelectorAll('.picture > div')];"
        "return parts.map(part => getComputedStyle(part).transform)"
    )
    moved = [[float(number) for number in re.findall(r"[-\d.]+", one)] for one in found]
    assert len(moved) == 9
    assert all(one == pytest.approx(moved[0], abs=0.1) for one in moved)  # parts of a pixel
    assert found[0].startswith("matrix(1.5625")
    assert str(tab.wait(lambda: tab.parameter("view"))).startswith("1.5625,")


@pytest.fixture
def picture(tmp_path: Path) -> Path:
    """A file with 16 bits that is larger than a tile."""
    colour = (65535 * scene(0)[0].repeat(1, 2, 2)[:, :500, :460]).int()
    write_picture(tmp_path / "large.png", Picture(colour, None, 65535))
    return tmp_path / "large.png"


def test_a_file_is_denoised_whole(tab: Tab, picture: Path, downloads: Path) -> None:
    """What is saved equals what the tiles of the model give, in all of its 16 bits."""
    tab.open("/denoise?models=biasfree_6")
    before = tab.settled()
    tab.all("input[type=file]")[0].send_keys(str(picture))
    tab.wait(lambda: "large.png, 460×500 RGB;16" in tab.text("[role=status]"))
    assert tab.settled(noise="none")[:-1] != before[:-1]
    tab.press("denoise the whole file")
    saved = downloads / "denoised.png"
    tab.wait(saved.is_file)
    expected = denoised(load_denoiser("biasfree_6"), read_picture(picture)).colour
    assert (read_picture(saved).colour.int() - expected.int()).abs().max() <= 1


def test_a_file_is_left_again(tab: Tab, picture: Path) -> None:
    """While a file is shown, no image is named; each can be chosen, the one before it as well."""
    tab.open("/denoise?models=biasfree_6&noise=none")
    before = tab.settled()
    shown = "return document.querySelector('input[aria-label=image]').closest('label').innerText"
    assert "generated, 32×32" in tab.run(shown)
    tab.all("input[type=file]")[0].send_keys(str(picture))
    tab.wait(lambda: tab.settled()[:-1] != before[:-1])
    assert "large.png" in tab.text("[role=status]")
    assert "generated" not in tab.run(shown)
    tab.choose("image", "generated, 32×32")
    tab.wait(lambda: tab.settled()[:-1] == before[:-1])
    assert not tab.text("[role=status]")
    tab.all("input[type=file]")[0].send_keys(str(picture))
    tab.wait(lambda: "large.png" in tab.text("[role=status]"))
    tab.slide("number")
    tab.settled(number="12")
    assert "generated, 32×32" in tab.run(shown)


def test_what_changes_nothing_is_not_offered(tab: Tab) -> None:
    """The noise of the validation file is fixed; another noise has a level and a draw."""
    off = "return document.querySelectorAll('.q-slider.disabled, label.q-field--disabled').length"
    tab.open("/denoise?image=validation&models=miniproject_2")
    tab.settled()
    assert tab.run(off) == 2
    assert "the noise that the file has" in tab.text("body")
    tab.choose("noise", "Gaussian")
    tab.settled(noise="gaussian")
    assert tab.run(off) == 0


@pytest.mark.parametrize("error", [ValueError("too long for a PNG"), RuntimeError("a fault")])
def test_a_file_can_be_tried_again(error: Exception, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever ends the denoising of a whole file, the page says so, and its button works again."""
    part: Any = FilePart.__new__(FilePart)
    said: list[str] = []
    part.picture = Picture(torch.zeros(3, 8, 8), None, 255)
    part.page = SimpleNamespace(controls={"models": ["biasfree_6"], "ensemble": False})
    part.said = SimpleNamespace(set_text=said.append)

    async def fail(*arguments: object) -> None:
        assert part.share == 0
        raise error

    monkeypatch.setattr("others.demo.pages.denoise.run.io_bound", fail)
    with suppress(RuntimeError):
        asyncio.run(part._denoise_whole())
    assert part.share is None
    assert said[-1].startswith("Not denoised: ")


def test_a_file_that_cannot_be_read_gets_a_sentence(tab: Tab, data: Path) -> None:
    """While a file of data/ is being written, the page says so; afterwards it shows the image."""
    path = data / VALIDATION
    content = path.read_bytes()
    path.write_bytes(content[:1000])
    try:
        tab.open("/denoise?image=validation&number=2&models=miniproject_2")
        said = tab.wait(lambda: tab.text("[role=alert]").strip())
        assert f"{VALIDATION}: 1000 bytes, not a whole file" in said
    finally:
        path.write_bytes(content)
    tab.driver.refresh()
    assert all(tab.settled())
    assert not tab.text("[role=alert]").strip()


def test_selects_by_the_keyboard(tab: Tab) -> None:
    """Arrows and Enter choose; Tab reaches every control, and nothing takes the focus for good."""
    tab.open("/denoise?models=miniproject_2")
    tab.settled()
    field = tab.all('input[aria-label="noise"]')[0]
    field.send_keys(Keys.ARROW_DOWN)
    tab.wait(lambda: tab.all(".q-menu .q-item"))
    focused = ".q-menu .q-manual-focusable--focused"
    while tab.text(focused) != "Gaussian":
        before = tab.text(focused)
        field.send_keys(Keys.ARROW_DOWN)
        tab.wait(lambda before=before: tab.text(focused) != before)
    field.send_keys(Keys.ENTER)
    tab.settled(noise="gaussian")
    focus = (
        "const at = document.activeElement; return at.getAttribute('aria-label') || at.innerText"
    )
    reached = set()
    for _ in range(40):
        ActionChains(tab.driver).send_keys(Keys.TAB).perform()
        reached.add(tab.run(focus))
    controls = {"image", "noise", "draw of the noise", "models", "next", "previous", "dark"}
    assert controls <= {name.partition(" state")[0] for name in reached if name}


@pytest.mark.parametrize("kind", ["text", "100 megapixels", "tiny"])
def test_files_are_refused_by_a_sentence(tab: Tab, tmp_path: Path, kind: str) -> None:
    """What is no image, or too large or too small, is named on the page, which stays as it was."""
    path = tmp_path / "file.png"
    if kind == "text":
        path.write_text("no image")
    else:
        side = 10_000 if kind == "100 megapixels" else 4
        Image.new("1", (side, side)).save(path)  # 10,000² white pixels take 12 kB
    tab.open("/denoise")
    before = tab.settled()
    tab.all("input[type=file]")[0].send_keys(str(path))
    expected = {"text": "no image", "100 megapixels": "100", "tiny": "at least 8x8"}[kind]
    said = tab.wait(lambda: tab.text("[role=status]"))
    assert said.startswith("Refused: ")
    assert expected in said
    assert tab.settled()[:-1] == before[:-1]


def test_tabs_do_not_disturb_each_other(tab: Tab) -> None:
    """What is changed in one tab leaves another as it was."""
    tab.open("/denoise")
    before = tab.settled()
    first = tab.driver.current_window_handle
    tab.driver.switch_to.new_window("tab")
    tab.open("/denoise?number=1")
    assert tab.settled()[:-1] != before[:-1]
    tab.driver.close()
    tab.driver.switch_to.window(first)
    assert tab.pictures() == before[:-1]


def test_wrong_values_are_named(tab: Tab) -> None:
    """A value that cannot be gets a sentence, and the page shows its default."""
    tab.open("/denoise?number=99&noise=salt&models=miniproject_1,none")
    said = tab.text("[role=alert]")
    assert said.count("Shown is the default.") == 3
    assert "number='99'; expected a whole number from 0 to 15" in said
    assert "miniproject_2" in tab.text("body")
