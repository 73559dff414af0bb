"""Page 2 in a real browser: what each control changes, and that the numbers are the project's."""

from __future__ import annotations

import re

import pytest

from others.analysis.jacobian.rows import effective_area, mask
from others.data.generated import scene
from others.data.noise import cell_mean, make_noise
from others.data.seeds import seeded
from others.networks.pretrained import differentiable
from tests.helpers.browser import Tab

FAST = "/pixel?model1=biasfree_6&model2=miniproject_2&n=2"
# Of each control: what is done to it, what the address then says, and which pictures of the first
# model change.
CHANGES = {
    "model1": (lambda tab: tab.choose("model 1", "tnet"), "tnet", range(5)),
    "row": (lambda tab: tab.slide("row"), "19", (1, 2, 3)),
    "column": (lambda tab: tab.slide("column", -3), "13", (1, 2, 3)),
    "n": (lambda tab: tab.slide("SmoothGrad: copies n"), "5", (2, 3)),
    "sigma": (lambda tab: tab.slide("SmoothGrad: σ, share of the range"), "0.13", (2, 3)),
}


@pytest.mark.parametrize("name", CHANGES)
def test_each_control_changes_its_pictures(tab: Tab, name: str) -> None:
    """A control changes the pictures that depend on it and no others, and the address."""
    tab.open(FAST)
    before = tab.settled()
    change, value, places = CHANGES[name]
    change(tab)
    after = tab.settled(**{name: value})
    changed = {place for place in range(5) if before[place] != after[place]}
    # A network without biases leaves no remainder, whichever it is.
    assert changed <= set(places)
    assert changed >= set(places) - {4}


def test_numbers_are_pale_until_all_are_new(tab: Tab) -> None:
    """While a long answer is computed, numbers of the one before it do not pass for its own."""
    opacity = "return +getComputedStyle(document.querySelector('.scores')).opacity"
    tab.open("/pixel?n=50&image=mosaic")
    tab.wait(lambda: tab.run(opacity) < 1)
    tab.settled()
    tab.wait(lambda: tab.run(opacity) == 1)


def test_a_click_asks_for_a_pixel(tab: Tab) -> None:
    """A click on any picture takes the pixel under it, zoomed or not."""
    tab.open(FAST + "&view=2,0.49,0.49")
    tab.settled()
    tab.all(".picture")[0].click()  # in the middle: at 0.49 + 1/4 of the image, 23.7 of 32 pixels
    tab.wait(lambda: (tab.parameter("row"), tab.parameter("column")) == ("23", "23"))


def test_the_sliders_end_where_the_image_does(tab: Tab) -> None:
    """A pixel outside a small image becomes its nearest one, in the sliders and the address too."""
    tab.open(FAST + "&image=mosaic&row=50&column=63")
    tab.settled(row="50")
    tab.choose("image", "generated, 32×32")
    tab.settled(image="generated", row="31", column="31")
    assert "row: 31" in tab.text("body").split("\n")


def test_the_numbers_are_those_of_the_row(tab: Tab) -> None:
    """Sum, area and own weight are what the project's functions give, by either framework."""
    tab.open(FAST + "&noise=gaussian&level=20&row=10&column=7")
    found = re.findall(r"Σ (\S+) · area (\S+) pixels · own (\S+)", tab.settled()[-1])
    noisy = make_noise("gaussian", 20)(cell_mean(scene(9)), seeded(0))
    for name, numbers in zip(("biasfree_6", "miniproject_2"), found):
        row = mask(differentiable(name), noisy, (10, 7))
        expected = [float(row.sum()), effective_area(row), float(row[10, 7])]
        assert [float(number) for number in numbers] == pytest.approx(expected, abs=0.06)


def test_a_network_without_biases_is_its_rows(tab: Tab) -> None:
    """The remainder of f(x) = J(x) x is rounding without biases, and is not with them."""
    tab.open("/pixel?model1=biasfree_6&model2=miniproject_1&n=1")
    sizes = re.findall(r"root mean square (\S+),", tab.settled()[-1])
    assert float(sizes[0]) < 1e-3
    assert float(sizes[1]) > 1
