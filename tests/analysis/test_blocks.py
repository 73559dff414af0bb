"""The steps of a block's passes, against what torch computes for the same block."""

from __future__ import annotations

import re
from typing import Any

import pytest
import torch
from torch import Tensor

from Miniproject_2 import framework as f
from others.analysis.blocks import checkerboards
from others.analysis.blocks.case import Case
from others.analysis.blocks.comparison import largest_differences, our_passes, torch_passes
from others.analysis.blocks.drawing import LEAST, PADDING, Grid, cell_size, svg
from others.analysis.blocks.steps import Step, rows_of, steps
from others.analysis.blocks.taps import BLOCKS, make_block, parameters_of, sum_for, taps
from others.networks.prescribed import torch_twin

CHANNELS = {"in_channels": 2, "out_channels": 4}
CASES: list[tuple[str, dict[str, Any]]] = [
    ("Conv2d", {**CHANNELS, "kernel_size": 3, "stride": 2, "padding": 1}),
    ("Conv2d", {**CHANNELS, "kernel_size": 2, "dilation": 2, "groups": 2}),
    ("TransposeConv2d", {**CHANNELS, "kernel_size": 4, "stride": 2, "padding": 1}),
    ("TransposeConv2d", {**CHANNELS, "kernel_size": 3, "stride": 2, "output_padding": 1}),
    ("TransposeConv2d", {**CHANNELS, "kernel_size": 2, "dilation": 2, "groups": 2}),
    ("Upsampling", {**CHANNELS, "kernel_size": 3, "padding": 1}),
    ("Upsampling", {**CHANNELS, "kernel_size": 3, "stride": 2, "groups": 2, "scale_factor": 3}),
    ("NearestUpsampling", {"scale_factor": 2}),
    ("ReLU", {}),
    ("LeakyReLU", {"negative_slope": 0.2}),
    ("Sigmoid", {}),
    ("MSE", {}),
]
NAMES = [f"{name} {arguments}" for name, arguments in CASES]
WEIGHED = [case for case in CASES if "kernel_size" in case[1]]


def case_of(name: str, arguments: dict[str, Any]) -> tuple[f.Module, list[Tensor], Tensor]:
    """A block, its inputs, and a gradient of its output, in whole numbers."""
    generator = torch.Generator().manual_seed(1)
    inputs = torch.randint(-4, 6, (1 + (name == "MSE"), 1, 2, 4, 5), generator=generator).float()
    block = make_block(name, arguments)
    shape = block.forward(*inputs).shape
    g = torch.randint(-3, 4, shape, generator=generator).float() if shape else torch.ones(())
    return block, list(inputs), g


def find(found: list[Step], start: str) -> Tensor:
    """The channels of the last matrix of that name, put together again: (C, H, W)."""
    last: dict[str, Tensor] = {}
    for step in found:
        last.update({one.name: one.values for one in step.grids if one.name.startswith(start)})
    return torch.stack(list(last.values()))


def test_all_blocks() -> None:
    """Every block of the framework can be shown."""
    classes = {name: one for name, one in vars(f).items() if isinstance(one, type)}
    blocks = {name for name, one in classes.items() if issubclass(one, f.Module)}
    assert set(BLOCKS) == blocks - {"Module", "Sequential"}
    assert parameters_of("NearestUpsampling") == ["scale_factor"]
    assert "bias" not in parameters_of("Conv2d")


@pytest.mark.parametrize(("name", "arguments"), CASES, ids=NAMES)
def test_agrees_with_torch(name: str, arguments: dict[str, Any]) -> None:
    """The block has torch's output and gradients, up to float32's rounding."""
    block, inputs, g = case_of(name, arguments)
    differences = largest_differences(block, inputs, g)
    assert max(differences.values()) < 2e-5
    expected = {"y", "x", "weight", "bias"} if "kernel_size" in arguments else {"y", "x"}
    assert set(differences) == expected


@pytest.mark.parametrize(("name", "arguments"), CASES, ids=NAMES)
def test_steps_end_at_the_gradient(name: str, arguments: dict[str, Any]) -> None:
    """The steps end with what torch gives as the gradient of the input, of the shown group."""
    block, inputs, g = case_of(name, arguments)
    expected = torch_passes(torch_twin(block), inputs, g)["x"]
    found = steps(block, inputs, g, (0, 1, 1) if g.dim() else (0, 0, 0))
    if arguments.get("groups") == 2:
        expected = expected[:, :1]
    if name == "TransposeConv2d":  # whose gradient stands as a matrix with a row for each pixel
        assert torch.allclose(find(found, "∂L/∂x")[0], rows_of(expected), atol=1e-5)
    else:
        title = "∂L/∂prediction" if name == "MSE" else "∂L/∂x"
        assert torch.allclose(find(found, title), expected[0], atol=1e-5)


@pytest.mark.parametrize(("name", "arguments"), WEIGHED)
def test_marked_product(name: str, arguments: dict[str, Any]) -> None:
    """The weights of an output pixel times what it sees, and the bias, are the pixel."""
    block, (x,), _ = case_of(name, arguments)
    assert isinstance(block, (f.Conv2d, f.TransposeConv2d))
    assert block.bias is not None
    y = block.forward(x)
    for pixel in ((0, 0, 0), (3, 1, 2), (2, y.shape[2] - 1, y.shape[3] - 1)):
        total = sum(weight * value for weight, value in sum_for(block, x, pixel))
        assert total + float(block.bias[pixel[0]]) == pytest.approx(float(y[0][pixel]), abs=1e-4)


@pytest.mark.parametrize(("name", "arguments"), CASES, ids=NAMES)
def test_taps_are_the_jacobian(name: str, arguments: dict[str, Any]) -> None:
    """An output pixel sees those pixels of the input whose gradient it has, and no others."""
    block, inputs, g = case_of(name, arguments)
    if "kernel_size" in arguments:  # no weight is zero, and no two cancel
        block.load_state_dict({name: value * 0 + 1 for name, value, _ in block.named()})
    inputs = [inputs[0].abs() + 1, *(-one.abs() for one in inputs[1:])]
    pixel = (1, 1, 1) if g.dim() else ()
    one_hot = torch.zeros_like(g)
    one_hot[(0, *pixel) if pixel else ()] = 1
    gradient = our_passes(block, inputs, one_hot)["x"][0]
    found = {place for place, _ in taps(block, (4, 5), pixel[1:] or (0, 0))}
    inside = {(i, j) for i, j in found if 0 <= i < 4 and 0 <= j < 5}
    assert inside == {tuple(place) for place in gradient.sum(0).nonzero().tolist()}


def test_transposed_entries_meet() -> None:
    """In a transposed convolution the marked entries of x Mᵀ add up to the pixel less its bias."""
    block, (x,), g = case_of("TransposeConv2d", CASES[2][1])
    assert isinstance(block, f.TransposeConv2d)
    assert block.bias is not None
    patches = next(one for one in steps(block, [x], g, (3, 2, 5))[1].grids if one.name == "x Mᵀ")
    expected = float(block.forward(x)[0, 3, 2, 5] - block.bias[3])
    assert float(patches.values[patches.marked].sum()) == pytest.approx(expected, abs=1e-5)


def test_phases() -> None:
    """With a kernel of 4×4 and a stride of 2, there are four phases of 2×2, and one is marked."""
    block, (x,), g = case_of("TransposeConv2d", CASES[2][1])
    whole, *phases = steps(block, [x], g, (0, 0, 0))[2].grids
    assert [tuple(one.values.shape) for one in phases] == [(2, 2)] * 4
    assert [bool(one.marked.all()) for one in phases] == [False, False, False, True]
    assert torch.equal(whole.values[whole.marked], phases[3].values.flatten())
    odd, (x,), g = case_of("TransposeConv2d", CASES[3][1])
    assert steps(odd, [x], g, (0, 0, 0))[2].formula == "no phases"


def test_refusal_in_its_own_words() -> None:
    """What a block does not take, it says itself."""
    with pytest.raises(ValueError, match="3 groups must divide 2 and 4 channels"):
        make_block("Conv2d", {**CHANNELS, "kernel_size": 3, "groups": 3})


def test_overlap() -> None:
    """A kernel of 4 with stride 2 meets every pixel alike, one of 3 does not: Distill's point."""
    even, odd = checkerboards.overlap(4, 2), checkerboards.overlap(3, 2)
    assert set(even[2:-2, 2:-2].unique().tolist()) == {4.0}
    assert set(odd[2:-2, 2:-2].unique().tolist()) == {1.0, 2.0, 4.0}


@pytest.mark.parametrize("layers", [1, 2])
def test_checkerboards(layers: int) -> None:
    """Nearest upsampling keeps a constant image constant in the middle, transposed does not."""
    smooth = checkerboards.answer("nearest", 3, 2, layers, 0)
    uneven = checkerboards.answer("transposed", 4, 2, layers, 0)
    assert checkerboards.unevenness(smooth) < 1e-5 < 0.01 < checkerboards.unevenness(uneven)
    assert smooth.shape == uneven.shape


def test_case() -> None:
    """A case has the edited pixels, marks what its pixel sees, and writes it out as a sum."""
    arguments = {**CHANNELS, "kernel_size": 3, "padding": 1, "groups": 2}
    case = Case("Conv2d", arguments, (3, 4), edits={(0, 0, 1): 7, (9, 0, 0): 1}, pixel=(1, 0, 9))
    assert case.planes.shape == (2, 3, 4)
    assert case.planes[0, 0, 1] == 7
    assert case.pixel == (1, 0, 3)  # the nearest one
    first, second = case.drawn_inputs()
    assert first.values.shape == (5, 6)
    assert first.marked.nonzero().tolist() == [[i, j] for i in (0, 1, 2) for j in (3, 4, 5)]
    assert not second.marked.any()  # of the other group
    assert case.sentence().endswith(f"= {float(case.y[0, 1, 0, 3]):.4g}".replace("-", "−"))
    assert case.sentence().count("·") == 4  # the rest lies in the padding


def test_gradient_of_a_case() -> None:
    """The gradient is 1 everywhere, or at the pixel alone."""
    for one_hot, total in ((False, 12.0), (True, 1.0)):
        case = Case("ReLU", {}, (3, 4), pixel=(0, 2, 1), one_hot=one_hot)
        assert float(case.g.sum()) == total
        assert float(case.g[0, 0, 2, 1]) == 1


def test_matrices_as_pictures() -> None:
    """A cell has the colour of its number, which it tells, and a frame where it is marked."""
    values = torch.tensor([[-2.0, 0.0], [1.0, 2.0]])
    drawn = svg(Grid("M", values, values > 1), 20, plane=3)
    fills = re.findall(r'fill="(#......)" data-cell="3,(.),(.)"><title>(.*?)</title>', drawn)
    assert fills[0] == ("#67001f", "0", "0", "-2")  # the red end of the colours
    assert fills[3] == ("#053061", "1", "1", "2")  # the blue end
    assert drawn.count('<rect x="20" y="20" width="20" height="20"/>') == 2
    for size in (LEAST, 32):  # the dashed frame stays inside its cell, however small
        inner = re.findall(
            '"cursor".*? width="(.*?)"', svg(Grid("M", values, values > 1), size, cursor=(0, 1))
        )
        assert 0 < int(inner[0]) <= size
    framed = svg(Grid("M", values, values > 9), 20, plane=0, frame=(1, 0))
    assert framed.count(PADDING) == 4
    assert "data-cell" not in framed
    assert cell_size([Grid("M", values, values > 9)] * 3, width=90, height=90) == 10
