"""DnCNN, UDnCNN and DUDnCNN: counts, receptive fields, initialisation, sizes."""

from __future__ import annotations

import math
from collections.abc import Callable

import pytest
import torch
from torch import Tensor, nn
from torch.backends import cudnn
from torch.nn import functional as F

from others.networks.catalogue import make_network
from others.networks.dncnn import DnCNN, DUDnCNN, UDnCNN
from others.networks.receptive_field import (
    Layer,
    computed_sizes,
    field,
    layers_of,
    measured_field,
    measured_sizes,
    multiply_adds,
    parameters_of,
)
from others.studies.assignment import receptive_fields
from others.studies.assignment.initialisation import DEPTHS, response, untrained

ALL = [DnCNN, UDnCNN, DUDnCNN]


def image(*shape: int, seed: int = 0) -> Tensor:
    """Random values in [-1, 1]."""
    return 2 * torch.rand(shape, generator=torch.Generator().manual_seed(seed)) - 1


@pytest.mark.parametrize("kind", ALL)
def test_parameters(kind: type[DnCNN]) -> None:
    """All three have 3,523 + 37,056 D parameters, 225,859 for D = 6: 224,640 of them weights."""
    count = parameters_of(kind(6))
    assert count == (3456 + 36864 * 6, 2 * 3 - 3 + 64 * 7, 2 * 64 * 6)
    assert count.total == 225_859
    assert [parameters_of(kind(depth)).total for depth in (0, 1, 14)] == [3523, 40579, 522_307]


def test_the_three_share_their_parameters() -> None:
    """The weights of one fit the others."""
    net = DnCNN(6, 4)
    for kind in ALL[1:]:
        kind(6, 4).load_state_dict(net.state_dict())


@pytest.mark.parametrize(
    ("kind", "sizes", "largest", "repeats"),
    [(DnCNN, [17], 20, 1), (UDnCNN, [40, 44], 44, 4), (DUDnCNN, [39], 42, 1)],
)
def test_receptive_fields(kind: type[DnCNN], sizes: list[int], largest: int, repeats: int) -> None:
    """For D = 6: 17x17, 40 or 44 by the pixel's position, 39x39; computed and by gradients."""
    net = kind(6, 16)
    assert computed_sizes(net) == computed_sizes(net, axis=1) == sizes
    assert measured_sizes(net, largest, repeats) == sizes


def test_receptive_fields_of_other_depths() -> None:
    """DnCNN sees 2 D + 5 pixels, so 33 need D = 14; DUDnCNN sees 5 2^(D/2) - 1."""
    assert [computed_sizes(DnCNN(depth, 1)) for depth in (0, 8, 13, 14)] == [[5], [21], [31], [33]]
    for depth in (2, 4, 8):
        assert computed_sizes(DUDnCNN(depth, 1)) == [5 * 2 ** (depth // 2) - 1]


def test_dilations() -> None:
    """DUDnCNN(6) has the dilations that follow from UDnCNN(6)'s poolings and unpoolings."""
    assert [layer.reach // 2 for layer in layers_of(DUDnCNN(6, 1))] == [1, 1, 2, 4, 4, 4, 2, 1]
    strides = [layer.stride for layer in layers_of(UDnCNN(6, 1))]
    assert strides == [1, 1, 2, 1, 2, 1, 1, 1, 2, 1, 2, 1]


@pytest.mark.parametrize("kind", ALL)
@pytest.mark.parametrize("size", [(1, 1), (4, 4), (2, 16), (13, 7)])
def test_any_size(kind: type[DnCNN], size: tuple[int, int]) -> None:
    """Odd heights and widths, and a single pixel, come out as they went in."""
    x = image(2, 3, *size)
    assert kind(6, 4)(x).shape == x.shape


def unrolled(net: DnCNN, x: Tensor, pooled: bool) -> Tensor:
    """UDnCNN(6) or DUDnCNN(6), each line written out: the independent reference."""

    def layer(k: int, h: Tensor) -> Tensor:
        step = 1 if pooled else (1, 1, 2, 4, 4, 4, 2, 1)[k]
        conv: nn.Conv2d = net.conv[k]  # type: ignore[assignment]
        h = F.conv2d(h, conv.weight, conv.bias, padding=step, dilation=step)
        return F.relu(net.bn[k - 1](h)) if 0 < k < 7 else h

    def down(h: Tensor) -> tuple[Tensor, Tensor]:
        return F.max_pool2d(h, 2, return_indices=True) if pooled else (h, h)

    def up(h: Tensor, indices: Tensor, like: Tensor) -> Tensor:
        return F.max_unpool2d(h, indices, (2, 2), output_size=like.shape) if pooled else h

    h0 = F.relu(layer(0, x))
    h1, first = down(layer(1, h0))
    h2, second = down(layer(2, h1))
    h4 = layer(4, layer(3, h2))
    h5 = up(layer(5, (h4 + h2) / math.sqrt(2)), second, h1)
    h6 = up(layer(6, (h5 + h1) / math.sqrt(2)), first, h0)
    return layer(7, h6) + x


@pytest.mark.parametrize("kind", [UDnCNN, DUDnCNN])
def test_the_hourglass(kind: type[DnCNN]) -> None:
    """Skips, poolings and dilations are where the assignment has them."""
    net, x = kind(6, 8), image(2, 3, 18, 23)
    expected = unrolled(net, x, pooled=kind is UDnCNN)
    torch.testing.assert_close(net(x), expected)


@pytest.mark.parametrize("kind", [UDnCNN, DUDnCNN])
def test_shallow_ones_are_alike(kind: type[DnCNN]) -> None:
    """Below D = 4 there is nothing to pool, and all three are the same network."""
    for depth in (0, 1, 2, 3):
        net, other, x = DnCNN(depth, 4), kind(depth, 4), image(1, 3, 8, 8)
        other.load_state_dict(net.state_dict())
        torch.testing.assert_close(other(x), net(x), rtol=0, atol=0)


def added(gain: float | None = None, eps: float | None = None) -> list[float]:
    """The std of y − x of untrained networks of all depths, with another norm."""
    stds = []
    noisy, clean = image(1, 3, 48, 48), image(1, 3, 48, 48, seed=1)
    for depth in DEPTHS:
        net = untrained(depth, plain=False)
        for norm in net.bn:
            assert isinstance(norm, nn.BatchNorm2d)
            norm.eps = norm.eps if eps is None else eps
            nn.init.constant_(norm.weight, 1.25 * 8 if gain is None else gain)
        stds.append(response(net, noisy, clean).added)
    return stds


def test_initialisation_keeps_the_signal() -> None:
    """What untrained networks add to an image is of one size for D of 0 to 8."""
    assert all(0.1 < std < 0.5 for std in added())


def test_a_gain_of_one_loses_the_signal() -> None:
    """With torch's gain it fades by about 8 from layer to layer."""
    stds = added(gain=1)
    for (shallow, first), (deep, second) in zip(zip(DEPTHS, stds), zip(DEPTHS[1:], stds[1:])):
        assert 5 < (first / second) ** (1 / (deep - shallow)) < 14


def test_a_small_eps_makes_it_explode() -> None:
    """With torch's eps of 1e-5 the norm divides by the deviation, and the gain multiplies by 10."""
    stds = added(eps=1e-5)
    assert stds[0] < 0.5
    assert all(std > 2 for std in stds[1:])


def test_gradients_vanish_without_the_initialisation() -> None:
    """At D = 8 torch's own initialisation leaves the first layer hardly any gradient."""
    noisy, clean = image(1, 3, 48, 48), image(1, 3, 48, 48, seed=1)
    plain, ours = (response(untrained(8, which), noisy, clean) for which in (True, False))
    assert plain.gradient < 1e-8 < 1e-3 < ours.gradient


def test_cudnn_is_left_as_it_was() -> None:
    """DUDnCNN lets cuDNN measure its algorithms, but nobody else's; also after an error."""
    before = cudnn.benchmark
    seen: list[bool] = []
    net = DUDnCNN(0, 1)
    net.conv[0].register_forward_hook(lambda *_: seen.append(cudnn.benchmark))
    net(image(1, 3, 4, 4))
    with pytest.raises(RuntimeError):
        net(image(1, 2, 4, 4))
    assert seen == [True]
    assert cudnn.benchmark is before


@pytest.mark.parametrize(("depth", "channels"), [(-1, 4), (6, 0)])
def test_bad_settings(depth: int, channels: int) -> None:
    """A depth below 0 or no channel is an error that names both."""
    with pytest.raises(ValueError, match=f"D={depth} and C={channels}"):
        DnCNN(depth, channels)


def test_fields_by_hand() -> None:
    """A convolution of 3, a pooling by 2 and its opposite: worked out on paper."""
    layers = [Layer(1, 1, 2), Layer(2, 0, 1), Layer(2, 0, 1, upwards=True)]
    assert [field(layers, position) for position in range(4)] == [(-1, 2), (-1, 2), (1, 4), (1, 4)]


def test_the_picture_of_a_layer() -> None:
    """What the docstring of `Layer` draws: stride 2, padding 1 and a kernel of 3, and back."""
    assert [Layer(2, 1, 2).needs(o, o) for o in range(3)] == [(-1, 1), (1, 3), (3, 5)]
    upwards = Layer(2, 1, 2, upwards=True)
    assert [upwards.needs(o, o) for o in range(3)] == [(0, 0), (0, 1), (1, 1)]


@pytest.mark.parametrize(
    "layer",
    [
        nn.Conv2d(3, 3, (3, 5), padding=(1, 2)),
        nn.Conv2d(3, 3, 3, padding=2, dilation=2),
        nn.Sequential(nn.Conv2d(3, 8, 4, 2, 1), nn.ConvTranspose2d(8, 3, 4, 2, 1)),
        nn.Sequential(nn.Conv2d(3, 8, 1), nn.AvgPool2d(2), nn.Upsample(scale_factor=2)),
        nn.Sequential(nn.Conv2d(3, 3, 5, padding=2, stride=3), nn.Upsample(scale_factor=3)),
    ],
)
def test_both_ways_agree_on_any_chain(layer: nn.Module) -> None:
    """What is computed from strides, paddings and kernels is what the gradients show."""
    for position in range(12, 18):
        measured = measured_field(layer, position, side=30, draws=1)
        for axis in (0, 1):
            assert field(layers_of(layer, axis, side=30), position) == measured[axis]


def test_no_chain() -> None:
    """Layers that are not known are noticed by the scale that is missing."""
    net = nn.Sequential(nn.Conv2d(3, 12, 2, 2), nn.PixelShuffle(2))
    with pytest.raises(ValueError, match=r"scale by 0\.5"):
        computed_sizes(net)


def test_multiply_adds() -> None:
    """Products per pixel are the weights; pooling saves those below it."""
    assert multiply_adds(DnCNN(6), 16, 8) == 224_640 * 128
    shares = 1728 + 36864 * (1 + 1 / 4 + 3 / 16 + 1 / 4) + 1728
    assert multiply_adds(UDnCNN(6), 16, 8) == shares * 128


def test_asking_changes_nothing() -> None:
    """Counting and looking leave the mode and the statistics of a network as they were."""
    net = DnCNN(2, 4).train()
    before = {name: value.clone() for name, value in net.state_dict().items()}
    computed_sizes(net)
    measured_sizes(net, 9)
    multiply_adds(net, 8, 8)
    assert net.training
    for name, value in net.state_dict().items():
        assert torch.equal(value, before[name])


def test_the_table_has_every_network(
    capsys: pytest.CaptureFixture[str], usage_error: Callable[..., str]
) -> None:
    """The command prints counts and fields, and names the choices for an unknown network."""
    receptive_fields.main(["--net", "dncnn", "udncnn"])
    printed = capsys.readouterr().out
    assert "225,859" in printed
    assert "40 or 44" in printed
    assert "dudncnn" in usage_error(receptive_fields.main, "--net", "nonsense")
    both = usage_error(receptive_fields.main, "--net", "dncnn", "--depth", "6")
    assert "not allowed with argument" in both


def test_named_networks_are_for_zero_to_one() -> None:
    """`dncnn` and its like map [0, 1]: the networks inside have [-1, 1]."""
    net = make_network("dncnn").eval()
    inner = net.get_submodule("net")
    x = image(1, 3, 8, 8)
    torch.testing.assert_close(net((x + 1) / 2), (inner(x) + 1) / 2)
