"""Page 3 in a real browser: the numbers on it are torch's, whatever is changed."""

from __future__ import annotations

import re
from typing import Any
from urllib.parse import parse_qsl, urlparse

import pytest
from selenium.webdriver.common.action_chains import ActionChains
from selenium.webdriver.common.keys import Keys

from others.analysis.blocks.case import Case
from others.analysis.blocks.comparison import torch_passes
from others.analysis.blocks.taps import BLOCKS, places_of, taps
from others.demo.pages.framework import case_of
from others.demo.state import State
from others.networks.prescribed import torch_twin
from tests.helpers.browser import Tab

INPUT, OUTPUT = 0, 1  # of the two matrices in which cells can be chosen
CELLS = """return [...document.querySelectorAll('.chooser')[arguments[0]]
  .querySelectorAll('[data-cell]')].map(x => +x.textContent)"""
LAST = """const svg = [...document.querySelectorAll('.matrices svg')].pop();
return [...svg.querySelectorAll('title')].map(x => +x.textContent)"""
MARKED = """return [...document.querySelectorAll('.chooser')[arguments[0]]
  .querySelectorAll('.over rect')].map(x => [x.y, x.x, x.width].map(y => y.baseVal.value))
  .map(([y, x, side]) => [y / side, x / side])"""


def case(tab: Tab) -> Case:
    """What the address of the page describes."""
    return case_of(State(dict(parse_qsl(urlparse(tab.driver.current_url).query))))


def output(tab: Tab) -> list[float]:
    """The numbers of y on the page."""
    return tab.run(CELLS, OUTPUT)


def expected(tab: Tab) -> list[float]:
    """The numbers of y by torch.nn, for what the address describes."""
    found = case(tab)
    return torch_passes(torch_twin(found.block), found.inputs, found.g)["y"].flatten().tolist()


def shows_torchs(tab: Tab) -> bool:
    """Whether y on the page is torch's."""
    found, wanted = output(tab), expected(tab)
    return len(found) == len(wanted) and found == pytest.approx(wanted, rel=1e-4, abs=1e-5)


@pytest.mark.parametrize("block", BLOCKS)
def test_every_block(tab: Tab, block: str) -> None:
    """The output on the page is torch's, and so is the gradient that the last step ends with."""
    tab.open("/framework")
    tab.wait(lambda: shows_torchs(tab))
    if block != "Conv2d":
        tab.choose("block", block)
        tab.wait(lambda: tab.parameter("block") == block and shows_torchs(tab))
    while any(button.text == "next step" for button in tab.all("button:not([disabled])")):
        title = tab.text(".step-title")
        tab.press("next step")
        tab.wait(lambda before=title: tab.text(".step-title") != before)
    found = case(tab)
    gradients = torch_passes(torch_twin(found.block), found.inputs, found.g)
    name = "weight" if block == "TransposeConv2d" else "x"
    wanted = sorted(gradients[name].flatten().tolist())
    assert sorted(tab.run(LAST)) == pytest.approx(wanted, rel=1e-4, abs=1e-5)


def test_every_parameter(tab: Tab) -> None:
    """Each field changes the output to what torch gives with that parameter; the address has it."""
    tab.open("/framework?block=TransposeConv2d&in_channels=2&out_channels=2&rows=3&columns=3")
    tab.wait(lambda: shows_torchs(tab))
    changes: dict[str, Any] = {
        "kernel_size": 3,
        "padding": 0,
        "output_padding": 1,
        "dilation": 2,
        "groups": 2,
        "stride": 3,
        "out_channels": 4,
        "in_channels": 4,
        "rows": 2,
        "columns": 4,
        "seed": 7,
    }
    for name, value in changes.items():
        before = output(tab)
        tab.fill(name.replace("_", " "), value)
        tab.wait(lambda before=before: output(tab) != before and shows_torchs(tab))
        assert tab.parameter(name) == str(value)


def test_refusals(tab: Tab) -> None:
    """Wrong parameters get the block's own sentence, and right ones afterwards the pictures."""
    tab.open("/framework?block=Conv2d&in_channels=2&groups=3")
    sentence = "3 groups must divide 2 and 1 channels."
    assert tab.wait(lambda: tab.text(".refusal").strip()) == sentence
    assert not tab.all(".chooser")[OUTPUT].is_displayed()
    tab.fill("groups", 1)
    tab.wait(lambda: tab.all(".chooser")[OUTPUT].is_displayed() and shows_torchs(tab))
    tab.fill("kernel size", 60)  # 6 is taken, and then 60 is not: the limits are said
    assert tab.wait(lambda: "0 to 6" in tab.text("body"))
    tab.wait(lambda: tab.parameter("kernel_size") == "6" and shows_torchs(tab))


def test_pointer_and_keys_choose_a_pixel(tab: Tab) -> None:
    """What the pixel under the pointer sees is framed; arrow keys go on from it."""
    tab.open("/framework")
    tab.wait(lambda: shows_torchs(tab))
    cell = tab.all(".chooser")[OUTPUT].find_element("css selector", '[data-cell="0,1,2"]')
    ActionChains(tab.driver).move_to_element(cell).perform()
    for pixel in ((1, 2), (2, 2)):
        tab.wait(
            lambda pixel=pixel: (tab.parameter("i"), tab.parameter("j")) == tuple(map(str, pixel))
        )
        seen = places_of(taps(case(tab).block, (5, 5), pixel))
        wanted = [[i + 1, j + 1] for i, j in seen]  # with the padding of 1
        tab.wait(lambda wanted=wanted: tab.run(MARKED, INPUT) == wanted)
        value = case(tab).y[0, 0, pixel[0], pixel[1]]
        assert tab.text(".sum").endswith(f"= {value:.4g}".replace("-", "−"))
        tab.all(".chooser")[OUTPUT].send_keys(Keys.ARROW_DOWN)


def test_the_input_is_edited(tab: Tab) -> None:
    """Arrows choose a pixel, whose field changes it; the address keeps it."""
    tab.open("/framework?block=Conv2d")
    tab.wait(lambda: shows_torchs(tab))
    tab.all(".chooser")[INPUT].send_keys(Keys.ARROW_RIGHT)
    tab.wait(lambda: tab.all('input[aria-label="x[0, 0, 1]"]'))
    tab.all(".chooser")[INPUT].send_keys(Keys.ARROW_DOWN)
    tab.wait(lambda: tab.all('input[aria-label="x[0, 1, 1]"]'))
    tab.fill("x[0, 1, 1]", 2.5)
    tab.wait(lambda: tab.run(CELLS, INPUT)[6] == 2.5 and shows_torchs(tab))
    tab.wait(lambda: tab.parameter("x0_1_1") == "2.5")
    tab.driver.refresh()
    tab.wait(lambda: tab.run(CELLS, INPUT)[6:7] == [2.5] and shows_torchs(tab))


def test_beside_torch(tab: Tab) -> None:
    """The page says how far both frameworks differ, and both times with their ratio."""
    tab.open("/framework?block=TransposeConv2d")
    said = tab.wait(lambda: tab.text("[role=status]"))
    differences = [float(one) for one in re.findall(r"^(?:y|∂L/∂\w+): (\S+)$", said, re.M)]
    assert len(differences) == 4
    assert max(differences) < 1e-4
    times = re.findall(r"([\d.]+) / ([\d.]+) ms, ratio ([\d.]+) \(", said)
    assert len(times) == 2
    assert all(float(number) > 0 for row in times for number in row)


def test_gradient_of_one_pixel(tab: Tab) -> None:
    """With g at the chosen pixel alone, the gradient of the input is what the pixel sees."""
    tab.open("/framework?stage=3&i=1&j=1")
    tab.wait(lambda: shows_torchs(tab))
    tab.choose("backward", "g: 1 at the chosen pixel")
    tab.wait(lambda: tab.parameter("gradient") == "pixel")
    found = case(tab)
    wanted = torch_passes(torch_twin(found.block), found.inputs, found.g)["x"].flatten().tolist()
    tab.wait(lambda: tab.run(LAST) == pytest.approx(wanted, abs=1e-5))


def test_checkerboards(tab: Tab) -> None:
    """Each slider changes the pictures; nearest upsampling leaves nothing uneven."""
    tab.open("/framework?part=checkerboards")
    for name, value in {"kernel": "4", "enlarge": "3", "layers": "2", "weights": "1"}.items():
        before = tab.settled()
        tab.slide(name, 1)
        assert tab.settled(**{name: value}) != before
    overlap, uneven, even = tab.text(".scores").splitlines()
    assert overlap.endswith("weights")
    assert even == "unevenness in the middle: 0.0 %"
    assert uneven != even
