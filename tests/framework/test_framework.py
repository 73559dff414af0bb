"""The blocks of Miniproject 2 against torch's autograd, finite differences and pen and paper."""

from __future__ import annotations

from typing import Any, Tuple

import pytest
import torch
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from torch import nn
from torch.nn import functional as F

from Miniproject_2 import framework as f
from Miniproject_2.framework import batched, convolution
from Miniproject_2.framework.convolution import Geometry, Pair
from tests.reference import errors, relative_error, repeat

EXACT = 1e-10  # relative, in float64
Triple = Tuple[int, int, int]

# The arguments besides the channels, and the shape of the input
CONVOLUTIONS: list[tuple[dict[str, Any], tuple[int, ...]]] = [
    ({"kernel_size": 3}, (2, 4, 8, 8)),
    ({"kernel_size": 1}, (2, 4, 5, 7)),
    ({"kernel_size": 3, "stride": 2, "padding": 1}, (3, 4, 9, 8)),
    ({"kernel_size": 4, "stride": 2, "padding": 1}, (1, 4, 8, 8)),
    ({"kernel_size": (2, 5), "stride": (3, 1), "padding": (0, 2)}, (2, 4, 9, 9)),
    ({"kernel_size": 3, "dilation": (2, 3), "padding": 2}, (2, 4, 9, 9)),
    ({"kernel_size": 3, "groups": 2}, (2, 4, 6, 6)),
    ({"kernel_size": 3, "groups": 4, "stride": 2}, (1, 4, 7, 7)),
    ({"kernel_size": 3, "bias": False}, (2, 4, 6, 6)),
    ({"kernel_size": 3, "padding": 1}, (4, 5, 6)),
]
TRANSPOSED: list[tuple[dict[str, Any], tuple[int, ...]]] = [
    ({"kernel_size": 3}, (2, 4, 5, 5)),
    ({"kernel_size": 2, "stride": 2}, (2, 4, 5, 6)),
    ({"kernel_size": 4, "stride": 2, "padding": 1}, (3, 4, 8, 8)),
    ({"kernel_size": 4, "stride": 2, "padding": 1}, (1, 4, 8, 8)),
    ({"kernel_size": 3, "stride": 2, "padding": 1, "output_padding": 1}, (2, 4, 4, 4)),
    ({"kernel_size": 4, "stride": 2, "output_padding": 1}, (2, 4, 4, 4)),
    ({"kernel_size": 3, "dilation": 3, "output_padding": 2, "stride": 1}, (2, 4, 4, 4)),
    ({"kernel_size": 3, "groups": 2, "stride": 2}, (2, 4, 4, 5)),
    ({"kernel_size": 3, "bias": False}, (4, 5, 5)),
]
CASES = [
    *((f.Conv2d, nn.Conv2d, *case) for case in CONVOLUTIONS),
    *((f.TransposeConv2d, nn.ConvTranspose2d, *case) for case in TRANSPOSED),
]


@pytest.mark.parametrize(("ours", "theirs", "options", "shape"), CASES)
def test_convolutions_equal_torch(ours: Any, theirs: Any, options: dict, shape: tuple) -> None:
    """Output and all gradients of both convolutions are torch's, to rounding in float64."""
    torch.manual_seed(0)
    found = errors(ours(4, 8, **options), theirs(4, 8, **options), torch.randn(shape).double())
    assert max(found.values()) < EXACT, found


pairs = st.tuples(st.integers(1, 4), st.integers(1, 4))
strides = st.tuples(st.integers(1, 3), st.integers(1, 3))
paddings = st.tuples(st.integers(0, 3), st.integers(0, 3))
dilations = st.sampled_from([(1, 1), (1, 1), (1, 1), (2, 2), (1, 3), (3, 2)])
channels = st.tuples(st.sampled_from([1, 1, 2, 3]), st.integers(1, 3), st.integers(1, 3))
inputs = st.tuples(st.integers(1, 3), st.integers(1, 9), st.integers(1, 9))


def images(count_and_size: tuple[int, int, int], channel_count: int) -> torch.Tensor:
    """Random images of a count and size, in float64."""
    count, height, width = count_and_size
    generator = torch.Generator().manual_seed(sum(count_and_size))
    return torch.randn(count, channel_count, height, width, generator=generator).double()


@settings(max_examples=1200, deadline=None, derandomize=True)
@given(channels, pairs, strides, paddings, dilations, st.booleans(), inputs)
def test_any_convolution_equals_torch(
    channels: Triple,
    kernel: Pair,
    stride: Pair,
    padding: Pair,
    dilation: Pair,
    bias: bool,
    size: Triple,
) -> None:
    """Conv2d is torch's for 1,200 random settings, and refuses just what torch refuses."""
    groups, inner, outer = channels
    arguments = (groups * inner, groups * outer, kernel, stride, padding, dilation, groups, bias)
    x, ours, theirs = images(size, groups * inner), f.Conv2d(*arguments), nn.Conv2d(*arguments)
    if min(Geometry(kernel, stride, padding, dilation).positions(*size[1:])) < 1:
        with pytest.raises(ValueError, match="no output"):
            ours.forward(x)
        return
    assert max(errors(ours, theirs, x).values()) < EXACT


@settings(max_examples=1200, deadline=None, derandomize=True)
@given(channels, pairs, strides, paddings, dilations, st.booleans(), inputs, st.data())
def test_any_transposed_convolution_equals_torch(
    channels: Triple,
    kernel: Pair,
    stride: Pair,
    padding: Pair,
    dilation: Pair,
    bias: bool,
    size: Triple,
    data: st.DataObject,
) -> None:
    """TransposeConv2d is torch's for 1,200 random settings, output padding included."""
    groups, inner, outer = channels
    rows, columns = (st.integers(0, max(s, d) - 1) for s, d in zip(stride, dilation))
    extra = data.draw(rows), data.draw(columns)
    arguments = (
        groups * inner,
        groups * outer,
        kernel,
        stride,
        padding,
        extra,
        groups,
        bias,
        dilation,
    )
    x = images(size, groups * inner)
    ours, theirs = f.TransposeConv2d(*arguments), nn.ConvTranspose2d(*arguments)
    least = Geometry(kernel, stride, padding, dilation).size_from(*size[1:])
    if min(one + more for one, more in zip(least, extra)) < 1:
        with pytest.raises(ValueError, match="no output"):
            ours.forward(x)
        return
    assert max(errors(ours, theirs, x).values()) < EXACT


@settings(max_examples=600, deadline=None, derandomize=True)
@given(channels, pairs, strides, paddings, dilations, st.booleans(), inputs, strides, st.booleans())
def test_any_upsampling_equals_torch(
    channels: Triple,
    kernel: Pair,
    stride: Pair,
    padding: Pair,
    dilation: Pair,
    bias: bool,
    size: Triple,
    scale: Pair,
    dense: bool,
) -> None:
    """Upsampling is nearest upsampling and a convolution, by either path, for 600 settings."""
    groups, inner, outer = channels
    if dense:
        groups, stride, dilation = 1, (1, 1), (1, 1)
    arguments = (groups * inner, groups * outer, kernel, stride, padding, dilation, groups, bias)
    x = images(size, groups * inner)
    enlarged = size[1] * scale[0], size[2] * scale[1]
    assume(min(Geometry(kernel, stride, padding, dilation).positions(*enlarged)) >= 1)
    ours, theirs = f.Upsampling(*arguments, scale_factor=scale), nn.Conv2d(*arguments)
    assert max(errors(ours, theirs, x, repeat(scale)).values()) < EXACT


@pytest.mark.parametrize(
    ("ours", "theirs"),
    [
        (f.ReLU(), nn.ReLU()),
        (f.LeakyReLU(), nn.LeakyReLU()),
        (f.LeakyReLU(0.3), nn.LeakyReLU(0.3)),
        (f.LeakyReLU(-0.5), nn.LeakyReLU(-0.5)),
        (f.LeakyReLU(1.5), nn.LeakyReLU(1.5)),
        (f.LeakyReLU(1e20), nn.LeakyReLU(1e20)),
        (f.Sigmoid(), nn.Sigmoid()),
        (f.NearestUpsampling(), nn.UpsamplingNearest2d(scale_factor=2)),
        (f.NearestUpsampling(3), nn.UpsamplingNearest2d(scale_factor=3)),
    ],
)
@pytest.mark.parametrize("shape", [(2, 3, 4, 5), (1, 1, 1, 1)])
def test_functions_without_parameters_equal_torch(ours: Any, theirs: Any, shape: tuple) -> None:
    """Activations and nearest upsampling are torch's, forward and backward."""
    found = errors(ours, theirs, torch.randn(shape).double())
    assert max(found.values()) < EXACT, found


def test_mse_equals_torch() -> None:
    """The loss is the mean over all elements, its gradient 2 (prediction - target) / elements."""
    prediction, target = torch.randn(4, 3, 5, 5).double(), torch.randn(4, 3, 5, 5).double()
    tracked, loss = prediction.clone().requires_grad_(), f.MSE()
    expected = F.mse_loss(tracked, target)
    expected.backward()
    assert relative_error(loss.forward(prediction, target), expected.detach()) < EXACT
    assert tracked.grad is not None
    assert relative_error(loss.backward(), tracked.grad) < EXACT
    assert torch.equal(loss.backward(torch.tensor(3.0).double()), 3 * loss.backward())


def test_a_convolution_worked_by_hand() -> None:
    """3×3 pixels 0…8, weights 1, 2 over 3, 4, bias 1: each number below was found on paper."""
    layer = f.Conv2d(1, 1, 2)
    layer.load_state_dict({"weight": torch.tensor([[[[1.0, 2], [3, 4]]]]), "bias": torch.ones(1)})
    x = torch.arange(9.0).view(1, 1, 3, 3)
    assert layer.forward(x).tolist() == [[[[28, 38], [58, 68]]]]
    assert layer.backward(torch.tensor([[[[1.0, 0], [0, 2]]]])).tolist() == [
        [[[1, 2, 0], [3, 6, 4], [0, 6, 8]]]
    ]
    assert layer.weight_grad.tolist() == [[[[8, 11], [17, 20]]]]
    assert layer.bias_grad is not None
    assert layer.bias_grad.tolist() == [3]


@pytest.mark.parametrize(
    "module",
    [
        f.Conv2d(2, 3, 3, 2, 1),
        f.TransposeConv2d(2, 3, 4, 2, 1),
        f.Upsampling(2, 3, 3, padding=1),
        f.Sequential(f.Conv2d(2, 4, 3), f.LeakyReLU(), f.TransposeConv2d(4, 2, 3), f.Sigmoid()),
    ],
    ids=repr,
)
def test_gradients_equal_central_differences(module: f.Module) -> None:
    """⟨gradient, direction⟩ is the slope of the loss along it, for input and parameters."""
    torch.manual_seed(1)
    x = torch.randn(2, 2, 6, 7).double()
    weights = torch.randn_like(module.forward(x))
    module.zero_grad()
    gradient = module.backward(weights)
    step = 1e-5
    for value, slope in [(x, gradient), *module.param()]:
        direction = torch.randn_like(value)
        original = value.clone()
        sides = []
        for sign in (1, -1):
            value.copy_(original + sign * step * direction)
            sides.append(float((module.forward(x) * weights).sum()))
        value.copy_(original)
        numeric = (sides[0] - sides[1]) / (2 * step)
        assert numeric == pytest.approx(float((slope * direction).sum()), rel=1e-6)


@pytest.mark.parametrize("maps", [convolution, batched])
@pytest.mark.parametrize(
    "geometry",
    [
        Geometry((3, 3)),
        Geometry((4, 4), (2, 2), (1, 1)),
        Geometry((3, 2), (2, 3), (1, 0), (1, 2)),
    ],
)
def test_transpose_is_the_adjoint_of_convolve(maps: Any, geometry: Geometry) -> None:
    """⟨A x, y⟩ = ⟨x, Aᵀ y⟩ between Conv2d's map and TransposeConv2d's, and both paths agree."""
    torch.manual_seed(2)
    x, weight = torch.randn(2, 4, 8, 9).double(), torch.randn(6, 4, *geometry.kernel).double()
    positions = geometry.positions(8, 9)
    there = maps.convolve(x, weight, None, geometry, positions)
    y = torch.randn_like(there)
    back = maps.transpose(y, weight, None, geometry, (8, 9))
    assert float((there * y).sum()) == pytest.approx(float((x * back).sum()), rel=1e-12)
    other = convolution.convolve(x, weight, None, geometry, positions)
    assert relative_error(there, other) < EXACT


def test_gather_and_scatter_are_unfold_and_fold() -> None:
    """Channels-last G and Gᵀ hold what the appendix's unfold and fold hold."""
    geometry = Geometry((3, 2), (2, 1), (1, 2), (1, 2))
    x = torch.randn(2, 5, 8, 9).double()
    rows, columns = positions = geometry.positions(8, 9)
    patches = batched.gather(x, geometry, positions)
    unfolded = F.unfold(x, (3, 2), (1, 2), (1, 2), (2, 1)).view(2, 5, 6, rows, columns)
    assert torch.equal(patches, unfolded.permute(0, 3, 4, 2, 1).flatten(3).flatten(0, 2))
    folded = F.fold(unfolded.flatten(3).flatten(1, 2), (8, 9), (3, 2), (1, 2), (1, 2), (2, 1))
    padded = torch.zeros(2, 8 + 2, 9 + 4, 5).double()
    batched.scatter(patches, padded, geometry, positions)
    assert relative_error(padded[:, 1:-1, 2:-2].permute(0, 3, 1, 2), folded) < EXACT


def test_single_images_pass_the_course_s_comparison() -> None:
    """The course's own comparison, at allclose's default tolerance, holds for all of 200 seeds."""
    for seed in range(200):
        torch.manual_seed(seed)
        layer, x = f.Conv2d(3, 3, 3), torch.randn(1, 3, 32, 32)
        assert torch.allclose(layer.forward(x), F.conv2d(x, layer.weight, layer.bias))


def test_initial_weights_are_torch_s() -> None:
    """From the same seed come the weights and biases that torch's layers start with."""
    for ours, theirs in [(f.Conv2d, nn.Conv2d), (f.TransposeConv2d, nn.ConvTranspose2d)]:
        torch.manual_seed(3)
        own = ours(4, 6, (3, 2), groups=2).state_dict()
        torch.manual_seed(3)
        reference = theirs(4, 6, (3, 2), groups=2).state_dict()
        assert all(torch.allclose(own[name], reference[name]) for name in ("weight", "bias"))
