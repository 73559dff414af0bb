"""Bias-free networks: homogeneous whatever the options, and pyramids that invert themselves."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Any, get_args

import pytest
import torch
from torch import Generator, Tensor
from torch.nn import functional as F

from others.data.corruptions import Corruption
from others.networks.biasfree.blocks import (
    ACTIVATIONS,
    DifferentiableReLU,
    ResidualBlock,
    ScaleNorm2d,
    Selector,
    Sparse,
    differentiable_relu,
    level,
)
from others.networks.biasfree.networks import BACKBONES, FINALS, BiasFree, build_network
from others.networks.biasfree.pyramid import (
    down,
    gaussian,
    joined,
    laplacian,
    reach_below,
    split,
    up,
)
from others.networks.biasfree.settings import BlockSettings, ModelSettings
from others.networks.catalogue import BIAS_FREE, make_network
from others.records.paths import CONFIGS
from others.studies.biasfree.objective import Objective
from others.studies.biasfree.pipeline import load_pipeline
from tests.helpers.biasfree import SETTINGS, shaken

KINDS = ("gaussian", "laplacian")


def images(height: int = 13, width: int = 11) -> Tensor:
    """Two images in float64."""
    return torch.rand(
        2, 3, height, width, generator=Generator().manual_seed(0), dtype=torch.float64
    )


@pytest.mark.parametrize("name", SETTINGS)
def test_homogeneous(name: str) -> None:
    """f(a x) = a f(x) for every backbone and option, at a size that nothing divides."""
    net, x = shaken(SETTINGS[name]), images()
    with torch.no_grad():
        y = net.body(x)
        assert y.shape == x.shape
        assert float(y.abs().max()) > 0.01
        for a in (1e-3, 0.3, 40.0):
            assert float((net.body(a * x) - a * y).abs().max()) <= 1e-5 * a * float(y.abs().max())


@pytest.mark.parametrize("name", SETTINGS)
def test_the_twin_is_not_homogeneous(name: str) -> None:
    """A network with biases is not homogeneous, so the test of those without can fail."""
    net, x = shaken(replace(SETTINGS[name], bias=True)), images()
    with torch.no_grad():
        y = net.body(x)
        assert float((net.body(0.3 * x) - 0.3 * y).abs().max()) > 1e-3 * float(y.abs().max())


@pytest.mark.parametrize("name", SETTINGS)
def test_reach_and_step(name: str) -> None:
    """An output pixel depends on none beyond `reach`; moved by `step`, an image has the same
    answer. A part that sees the whole image has no reach."""
    net = shaken(SETTINGS[name])
    side = 4 * net.step if net.reach is None else 2 * net.reach + 2 * net.step + 1
    x = torch.rand(
        1, 3, side, side, generator=Generator().manual_seed(0), dtype=torch.float64
    ).requires_grad_()
    for place in {side // 2, side // 2 + net.step - 1}:
        (gradient,) = torch.autograd.grad(net(x)[..., place, place].sum(), x)
        seen = gradient[0].abs().sum(0)
        if net.reach is None:
            assert float((seen > 0).double().mean()) > 0.9
        else:
            seen[place - net.reach : place + net.reach + 1, :] = 0
            assert float(seen.sum()) == 0
    if net.reach is not None:
        y = net(x).detach()
        moved = net(torch.roll(x, (net.step,) * 2, (2, 3))).detach()
        centre = slice(side // 2, side // 2 + 1)
        after = slice(side // 2 + net.step, side // 2 + net.step + 1)
        torch.testing.assert_close(y[..., centre, centre], moved[..., after, after])


@pytest.mark.parametrize("name", ["resnet, plain", "unet", "lunet", "gaussian 3 shared"])
def test_any_size(name: str) -> None:
    """Images of one pixel, one row, odd and even sizes keep their shape."""
    net = shaken(SETTINGS[name])
    for size in ((1, 1), (1, 9), (8, 8), (17, 6)):
        x = images(*size)
        assert net(x).shape == x.shape


def test_final_activation_and_range() -> None:
    """tanh comes after everything; in the range ±0.5 a grey image is what stays where it is."""
    use = ModelSettings(blocks=1, channels=8, final_activation="tanh", range=(-0.5, 0.5))
    net: Any = build_network(use).eval()
    x = images().float()
    torch.testing.assert_close(net(x), torch.tanh(net.net.body(x - 0.5)) + 0.5)
    torch.testing.assert_close(net(torch.full_like(x, 0.5)), torch.full_like(x, 0.5))


def test_scale_norm() -> None:
    """Training divides by the batch's deviation and subtracts nothing; the running variance
    follows; a dead channel has a finite gradient."""
    layer = ScaleNorm2d(2)
    x = torch.randn(4, 2, 5, 5, generator=Generator().manual_seed(0)) * torch.tensor(
        [3.0, 0.0]
    ).view(1, 2, 1, 1)
    x = (x + torch.tensor([7.0, 0.0]).view(1, 2, 1, 1)).requires_grad_()
    y = layer(x)
    std = x[:, 0].std(unbiased=False)
    torch.testing.assert_close(y[:, 0], x[:, 0] / std, rtol=1e-4, atol=0)
    torch.testing.assert_close(layer.running_var[0], (0.99 + 0.01 * std**2).detach())
    y.square().sum().backward()
    assert x.grad is not None
    assert bool(torch.isfinite(x.grad).all())
    assert not any("bias" in name or "mean" in name for name in layer.state_dict())


def test_differentiable_relu() -> None:
    """The differentiable ReLU is 0 far below its threshold, x above it, and at most its maximum."""
    x = torch.tensor([-3.0, 3.0, 20.0])
    torch.testing.assert_close(
        differentiable_relu(x, 0.0, 6.0, 10.0), torch.tensor([0.0, 3.0, 6.0]), atol=1e-5, rtol=0
    )
    torch.testing.assert_close(differentiable_relu(x, 0.0, None, 10.0)[2], x[2])
    assert differentiable_relu(torch.zeros(1), 0.0, 6.0, 10.0).item() == pytest.approx(0)
    zeros = torch.zeros(1, 2, 3, 3, requires_grad=True)
    DifferentiableReLU()(zeros).sum().backward()
    assert zeros.grad is not None
    assert bool(torch.isfinite(zeros.grad).all())


@pytest.mark.parametrize(("threshold", "zeros"), [(0.0, 0.5), (1.0, 0.841), (2.0, 0.977)])
def test_sparsity(threshold: float, zeros: float) -> None:
    """The expected share of normal features becomes 0, others stay; `reverse` keeps the rest."""
    x = 5 + 3 * torch.randn(2, 16, 40, 40, generator=Generator().manual_seed(0))
    y = Sparse("threshold", threshold)(x)
    assert float((y == 0).float().mean()) == pytest.approx(zeros, abs=0.01)
    assert torch.equal(y + Sparse("threshold", threshold, reverse=True)(x), x)
    assert torch.equal(y[y != 0], x[y != 0])


def test_level() -> None:
    """The root mean square of each image."""
    x = images()
    torch.testing.assert_close(level(3 * x).flatten(), 3 * x.square().mean((1, 2, 3)).sqrt())


def test_a_gate_is_on_and_can_be_off() -> None:
    """A block's gate is 1 for a weight of 0, and 0 for a large one: then the block is x."""
    net: Any = BiasFree(SETTINGS["resnet, gate"]).eval()
    block = net.body.backbone.blocks[0]
    x = torch.rand(1, 8, 5, 5, generator=Generator().manual_seed(0))
    with torch.no_grad():
        gate = block.branch[-1].weigh.weight
        gate.zero_()
        torch.testing.assert_close(block.branch(x), block.branch[:-1](x))
        means = block.branch[:-1](x).mean((2, 3), keepdim=True)
        gate.copy_(1e6 * means)
        torch.testing.assert_close(block(x), x)


def test_a_selector_weighs_both_sides() -> None:
    """What a channel takes of x it does not take of the branch, so equal sides stay as they are."""
    torch.manual_seed(0)
    select = Selector(4).double()
    x, branch = torch.rand(2, 2, 4, 5, 6, dtype=torch.float64)
    with torch.no_grad():
        y, kept = select(x, branch), select.factors(x)
        torch.testing.assert_close(y - branch, kept * (x - branch))
        torch.testing.assert_close(select(x, x), x)
    assert 0 <= float(kept.min()) <= float(kept.max()) <= 1


def test_a_centred_block_follows_level_and_contrast() -> None:
    """f(a x + b) = a f(x) + b with an a > 0 and a b for each channel; a plain block does not."""
    torch.manual_seed(0)
    x = torch.rand(2, 4, 5, 6, dtype=torch.float64)
    a, b = torch.rand(2, 1, 4, 1, 1, dtype=torch.float64) + 0.5
    for centred in (True, False):
        block = ResidualBlock(4, BlockSettings(centred=centred)).double().eval()
        with torch.no_grad():
            gap = float((block(a * x + b) - (a * block(x) + b)).abs().max())
        assert (gap < 1e-9) == centred


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("levels", [2, 3, 4])
@pytest.mark.parametrize("kernel", [3, 5])
def test_pyramids_are_inverted(kind: str, levels: int, kernel: int) -> None:
    """What is split is joined to the same image within 1e-6, in float32 and at any size."""
    for size in ((16, 24), (13, 7), (1, 5)):
        x = images(*size).float()
        parts = split(kind, x, levels, kernel)
        assert len(parts) == levels
        assert parts[1].shape[-2:] == tuple(math.ceil(side / 2) for side in size)
        image = parts.pop()
        while parts:
            image = joined(kind, image, parts.pop(), kernel)
        torch.testing.assert_close(image, x, atol=1e-6, rtol=0)


def test_pyramid_of_a_flat_image() -> None:
    """A flat image stays flat at every scale, up to its border, and has no details."""
    x = torch.full((1, 3, 9, 10), 0.7)
    for image in gaussian(x, 3):
        torch.testing.assert_close(image, torch.full_like(image, 0.7))
    for band in laplacian(x, 3)[:-1]:
        torch.testing.assert_close(band, torch.zeros_like(band), atol=1e-6, rtol=0)


def test_the_picture_of_a_reach() -> None:
    """The picture in `reach_below` is right: 5 pixels to a side of pixel 4, 4 of pixel 5."""
    x = torch.zeros(1, 1, 32, 32, dtype=torch.float64, requires_grad=True)
    for pixel, first, last in ((16, 11, 19), (17, 13, 21)):  # the picture's 4 and 5, off the border
        coarse = F.avg_pool2d(down(x, 3), 3, 1, 1)  # something that sees one pixel to each side
        (gradient,) = torch.autograd.grad(up(coarse, x)[0, 0, pixel, pixel], x)
        rows = (gradient[0, 0] != 0).any(1).nonzero().flatten().tolist()
        assert (rows[0], rows[-1]) == (first, last)
    assert reach_below(1, 3) == 6


def test_every_choice_of_the_settings_can_be_built() -> None:
    """The names that settings may have are those of the tables of parts."""
    for kind, name, table in (
        (BlockSettings, "activation", ACTIVATIONS),
        (ModelSettings, "backbone", BACKBONES),
        (ModelSettings, "final_activation", FINALS),
    ):
        choices = kind.__pydantic_fields__[name].annotation  # type: ignore[attr-defined]
        assert set(get_args(choices)) == set(table)


@pytest.mark.parametrize("name", [path.stem for path in sorted(CONFIGS.glob("*.json"))])
def test_every_configuration_builds(name: str) -> None:
    """A configuration has the name of its file, or of the model whose training it goes on with; it
    makes a network, its noise and its loss."""
    pipeline = load_pipeline(CONFIGS / f"{name}.json")
    assert pipeline.name == name.removesuffix("_weak")
    net = build_network(pipeline.model)
    x = Corruption(pipeline.corruption)(images().float(), Generator().manual_seed(0))
    loss = Objective(net, pipeline.loss)(net(x), x, 0.0)
    loss.backward()
    assert all(values.grad is not None for values in net.parameters())


def test_shipped_networks_are_named() -> None:
    """The three sizes are among the networks of the project, and together below 5 MB."""
    nets = {name: make_network(name) for name in BIAS_FREE}
    counts = [sum(values.numel() for values in net.parameters()) for net in nets.values()]
    assert counts == sorted(counts)
    assert 4 * sum(counts) < 4.5e6
