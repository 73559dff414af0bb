"""The prepared states: what the keys for next and previous walk through, in the exam's order."""

from __future__ import annotations

from typing import NamedTuple


class Prepared(NamedTuple):
    """A state worth showing."""

    title: str
    page: str
    query: str  # of the address, without its question mark


PREPARED = (
    Prepared("Both miniprojects under the course's noise", "denoise", ""),
    Prepared("Twice the cells: noise that was not trained on", "denoise", "level=2"),
    Prepared("The self-ensemble", "denoise", "ensemble=1"),
    Prepared(
        "Gaussian noise, and networks made for it",
        "denoise",
        "image=mosaic&noise=gaussian&level=40&models=miniproject_1,biasfree_12,tnet",
    ),
    Prepared("No noise at all: what a model takes away", "denoise", "noise=none"),
    Prepared("The weights of one pixel", "pixel", ""),
    Prepared(
        "Without biases, f(x) = J(x) x",
        "pixel",
        "model1=biasfree_12&model2=miniproject_1&noise=gaussian&level=30",
    ),
    Prepared("A convolution is a product of matrices", "framework", "stage=1&i=1&j=1"),
    Prepared("Its backward pass, from one pixel", "framework", "stage=3&i=1&j=1&gradient=pixel"),
    Prepared(
        "A transposed convolution in four phases",
        "framework",
        "block=TransposeConv2d&rows=3&columns=3&stage=2&i=3&j=3",
    ),
    Prepared(
        "Nearest upsampling by smeared weights",
        "framework",
        "block=Upsampling&rows=3&columns=3&stage=3&i=2&j=2",
    ),
    Prepared("Checkerboards", "framework", "part=checkerboards"),
    Prepared("The cliff: SGD at 2 and at 0.01", "training", ""),
    Prepared("Muon beside SGD", "training", "b_optimizer=Muon&b_learning_rate=0.02"),
    Prepared("Miniproject 1 from scratch", "training", "a_project=1"),
    Prepared("The climb and the cliff of the learning rate", "results", "show=figure-rates"),
    Prepared("The questions", "results", ""),
)
# The state that answers each question of report/ORAL.md, by the question's number.
ANSWERS = {
    1: "/training",
    2: "/results?show=figure-noise",
    3: "/results?show=table-TableAblationsOne",
    4: "/results?show=table-TableAblationsOne",
    5: "/training",
    6: "/framework?stage=3&i=1&j=1&gradient=pixel",
    7: "/framework?block=TransposeConv2d&rows=3&columns=3&stage=2&i=3&j=3",
    8: "/results?show=figure-rates",
    9: "/results?show=table-TableExact",
    10: "/framework",
    11: "/denoise?image=validation&number=0",
    12: "/pixel?image=mosaic&row=32&column=32",
    13: "/denoise?ensemble=1",
    14: "/results?show=table-TableScoresOne",
    15: "/framework?part=checkerboards",
    16: "/training",
    17: "/denoise?noise=gaussian&level=60",
    18: "/results?show=table-TableFramework",
    19: "/results?show=table-TableAblationsTwo",
    20: "/training?b_optimizer=Muon&b_learning_rate=0.02",
}


def address(place: int) -> str:
    """The address of a prepared state; `step` in it tells the keys where they are."""
    state = PREPARED[place % len(PREPARED)]
    query = f"{state.query}&" if state.query else ""
    return f"/{state.page}?{query}step={place % len(PREPARED)}"
