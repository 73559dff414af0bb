"""What the blocks of Miniproject 2 promise beyond values: pairs, accumulation, errors, steps."""

from __future__ import annotations

from typing import Any, Callable

import pytest
import torch
from torch import nn

from Miniproject_2 import framework as f
from Miniproject_2.model import Model
from others.networks.prescribed import torch_twin
from tests.reference import relative_error


def network() -> f.Sequential:
    """A small network with both convolutions."""
    return f.Sequential(f.Conv2d(3, 4, 3, 2, 1), f.ReLU(), f.TransposeConv2d(4, 3, 4, 2, 1))


@pytest.mark.parametrize(
    ("ours", "theirs", "options"),
    [
        (f.SGD, torch.optim.SGD, {"lr": 0.5}),
        (f.SGD, torch.optim.SGD, {"lr": 0.2, "momentum": 0.9, "weight_decay": 1e-3}),
        (f.SGD, torch.optim.SGD, {"lr": 0.2, "momentum": 0.9, "dampening": 0.5}),
        (f.SGD, torch.optim.SGD, {"lr": 0.2, "momentum": 0.9, "nesterov": True}),
        (f.Adam, torch.optim.Adam, {"lr": 1e-2}),
        (
            f.Adam,
            torch.optim.Adam,
            {"lr": 1e-2, "betas": (0.8, 0.9), "eps": 1e-4, "weight_decay": 1e-2},
        ),
    ],
    ids=str,
)
def test_twenty_steps_equal_torch(ours: Any, theirs: Any, options: dict[str, Any]) -> None:
    """After 20 steps on a new model's network every parameter is torch's to 1e-8, in float64."""
    torch.manual_seed(0)
    x, target = torch.rand(3, 3, 16, 16).double(), torch.rand(3, 3, 16, 16).double()
    own = Model().network
    own.forward(x)
    reference = torch_twin(own).double()
    loss, own_optimizer = f.MSE(), ours(own.param(), **options)
    optimizer = theirs(reference.parameters(), **options)
    for _ in range(20):
        loss.forward(own.forward(x), target)
        own_optimizer.zero_grad()
        own.backward(loss.backward())
        own_optimizer.step()
        optimizer.zero_grad()
        nn.functional.mse_loss(reference(x), target).backward()
        optimizer.step()
    for name, value in own.state_dict().items():
        assert relative_error(value, reference.state_dict()[name]) < 1e-8


def test_gradients_accumulate_until_zero_grad() -> None:
    """Two backward passes add up; `accumulate` adds the same; `zero_grad` clears."""
    torch.manual_seed(0)
    net, x = network(), torch.rand(2, 3, 8, 8)
    gradient = torch.rand_like(net.forward(x))
    net.backward(gradient)
    once = [own.clone() for _, own in net.param()]
    net.accumulate(gradient)
    assert all(torch.allclose(own, 2 * first) for (_, own), first in zip(net.param(), once))
    net.zero_grad()
    assert all(not own.any() for _, own in net.param())


def test_pairs_stay_valid() -> None:
    """What `param()` returned is what the network uses after steps, loading, a change of type."""
    net, x = network(), torch.rand(2, 3, 8, 8)
    pairs = net.param()
    loss, optimizer = f.MSE(), f.SGD(pairs, 0.1, 0.9)
    for images in (x, x.double(), x):
        loss.forward(net.forward(images), images)
        net.backward(loss.backward())
        optimizer.step()
        net.load_state_dict(net.state_dict())
        for (value, gradient), (now, its) in zip(pairs, net.param()):
            assert value is now
            assert gradient is its
            assert value.shape == gradient.shape
            assert value.dtype == gradient.dtype == images.dtype


@pytest.mark.parametrize("count", [1, 3])
def test_sixteen_bits_inside(count: int) -> None:
    """On bfloat16 images, answers and gradients are float32's but for rounding; parameters stay."""
    torch.manual_seed(0)
    up = f.Upsampling(8, 8, 3, padding=1)
    net = f.Sequential(f.Conv2d(3, 8, 4, 2, 1), f.LeakyReLU(), up, f.TransposeConv2d(8, 3, 3))
    x = torch.rand(count, 3, 12, 12)
    y = net.forward(x)
    gradient = torch.randn_like(y)
    x_grad = net.backward(gradient)
    expected = [own.clone() for _, own in net.param()]
    net.zero_grad()
    short = net.forward(x.bfloat16())
    short_grad = net.backward(gradient)
    assert short.dtype == short_grad.dtype == torch.bfloat16
    assert relative_error(short.float(), y) < 0.02
    assert relative_error(short_grad.float(), x_grad) < 0.05
    for (value, own), exact in zip(net.param(), expected):
        assert value.dtype == own.dtype == torch.float32
        assert relative_error(own, exact) < 0.05


@pytest.mark.parametrize("enabled", [True, False])
def test_no_graph_is_built(enabled: bool) -> None:
    """With autograd on or off, and inputs that ask for gradients, nothing carries a graph."""
    with torch.set_grad_enabled(enabled):
        net, loss = network(), f.MSE()
        layer = net[0]
        assert isinstance(layer, f.Conv2d)
        layer.weight.requires_grad_()  # as when a torch.nn.Parameter is assigned to it
        x = torch.rand(2, 3, 8, 8, requires_grad=True)
        y = net.forward(x)
        value = loss.forward(y, x)
        gradient = net.backward(loss.backward())
        tensors = [y, value, gradient, *(own for _, own in net.param())]
        assert not any(tensor.requires_grad for tensor in tensors)


@pytest.mark.parametrize(
    "module",
    [
        f.Conv2d(2, 2, 3),
        f.TransposeConv2d(2, 2, 3),
        f.Upsampling(2, 2, 3),
        f.NearestUpsampling(),
        f.ReLU(),
        f.LeakyReLU(),
        f.Sigmoid(),
    ],
    ids=repr,
)
def test_inputs_are_not_modified(module: f.Module) -> None:
    """Neither the input of `forward` nor the gradient given to `backward` changes."""
    x = torch.randn(2, 2, 5, 5)
    kept = x.clone()
    gradient = torch.randn_like(module.forward(x))
    given = gradient.clone()
    module.backward(gradient)
    assert torch.equal(x, kept)
    assert torch.equal(gradient, given)


@pytest.mark.parametrize(
    "module",
    [
        f.Conv2d(2, 2, 3),
        f.TransposeConv2d(2, 2, 3, 2),
        f.Upsampling(2, 2, 3),
        f.NearestUpsampling(),
    ],
    ids=repr,
)
def test_images_without_a_batch(module: f.Module) -> None:
    """(C, H, W) gives what (1, C, H, W) gives, forward and backward."""
    x = torch.randn(2, 5, 5)
    y = module.forward(x.unsqueeze(0))
    gradient = torch.randn_like(y)
    expected = module.backward(gradient)
    assert torch.equal(module.forward(x), y[0])
    assert torch.equal(module.backward(gradient[0]), expected[0])


X = torch.zeros(2, 3, 8, 8)


def after_forward(block: f.Module) -> f.Module:
    """A block that has been run."""
    block.forward(X)
    return block


WRONG: list[tuple[Callable[[], Any], type, str]] = [
    (lambda: f.Conv2d(3, 4, 3).backward(torch.rand(1, 4, 6, 6)), RuntimeError, "before forward"),
    (lambda: f.MSE().backward(), RuntimeError, "before forward"),
    (lambda: f.Conv2d(3, 4, 3).forward(torch.rand(1, 2, 8, 8)), ValueError, r"\(1, 2, 8, 8\)"),
    (lambda: f.Conv2d(3, 4, 3).forward(torch.rand(8, 8)), ValueError, r"\(8, 8\)"),
    (lambda: f.Conv2d(3, 4, 3).forward(torch.rand(1, 3, 2, 8)), ValueError, "no output"),
    (lambda: f.Conv2d(3, 4, 3).forward(torch.rand(0, 3, 8, 8)), ValueError, "elements"),
    (
        lambda: f.TransposeConv2d(3, 4, 1, padding=1).forward(torch.rand(1, 3, 2, 2)),
        ValueError,
        "no out",
    ),
    (lambda: f.Conv2d(3, 4, 3).forward(torch.ones(1, 3, 8, 8).byte()), TypeError, "uint8"),
    (lambda: f.Conv2d(3, 4, 3).forward(X, X), TypeError, "1 input.* got 2"),
    (lambda: f.ReLU().forward(X, X), TypeError, "1 input.* got 2"),
    (lambda: f.Sequential(f.ReLU()).forward(X, X), TypeError, "1 input.* got 2"),
    (lambda: f.MSE().forward(X), TypeError, "2 input.* got 1"),
    (lambda: after_forward(f.ReLU()).backward(X, X), TypeError, "one tensor"),
    (lambda: after_forward(f.ReLU()).backward(), ValueError, "shape"),
    (lambda: after_forward(f.ReLU()).backward(1.0), TypeError, "float"),  # type: ignore[arg-type]
    (lambda: f.ReLU().forward([1.0]), TypeError, "list"),  # type: ignore[arg-type]
    (lambda: f.MSE().forward(torch.rand(2, 3), torch.rand(3)), ValueError, r"\(2, 3\) and \(3,\)"),
    (lambda: f.Conv2d(3, 4, 0), ValueError, "kernel_size"),
    (lambda: f.Conv2d(3, 4, 3, stride=0), ValueError, "stride"),
    (lambda: f.Conv2d(3, 4, 3, padding=-1), ValueError, "padding"),
    (lambda: f.Conv2d(3, 4, (1, 2, 3)), ValueError, "kernel_size"),  # type: ignore[arg-type]
    (lambda: f.Conv2d(3, 4, 3, groups=2), ValueError, "2 groups"),
    (lambda: f.Conv2d(0, 4, 3), ValueError, r"input channels.*\(0, 4, 1\)"),
    (lambda: f.TransposeConv2d(3, 4, 3, output_padding=1), ValueError, "output_padding"),
    (lambda: f.NearestUpsampling(0), ValueError, "scale_factor"),
    (lambda: f.Sequential(torch.nn.ReLU()), TypeError, "ReLU"),  # type: ignore[arg-type]
    (lambda: f.Conv2d(3, 4, True), ValueError, "kernel_size"),
    (lambda: f.Conv2d(3, 4.0, 3), ValueError, "output channels"),  # type: ignore[arg-type]
    (lambda: f.SGD([], 0.1), ValueError, "no parameters"),
    (lambda: f.SGD([torch.zeros(2, 3)], 0.1), TypeError, "Tensor"),  # type: ignore[list-item]
    (lambda: f.SGD(torch.zeros(2, 2), 0.1), TypeError, "Tensor"),  # type: ignore[arg-type]
    (lambda: f.SGD([(X, None)], 0.1), TypeError, "tuple"),  # type: ignore[list-item]
    (lambda: f.SGD([(X, X[0])], 0.1), ValueError, "one shape"),
    (lambda: f.Muon(network(), bias_factor=-1), ValueError, "bias_factor"),
    (lambda: f.SGD(network(), -0.1), ValueError, "lr"),
    (lambda: f.SGD(network(), 0.1, nesterov=True), ValueError, "momentum"),
    (lambda: f.Adam(network(), betas=(0.9, 1.0)), ValueError, "betas"),
    (lambda: f.Adam(network(), weight_decay=-1), ValueError, "weight_decay"),
    (lambda: network().load_state_dict({}), ValueError, "weight"),
]


@pytest.mark.parametrize(("call", "error", "said"), WRONG)
def test_wrong_use_is_named(call: Callable[[], Any], error: type[Exception], said: str) -> None:
    """Wrong inputs, gradients and settings raise an error that says what came."""
    with pytest.raises(error, match=said):
        call()


def test_sizes_may_be_numpy_s() -> None:
    """Whole numbers of NumPy are sizes, as for torch, and pairs may be lists of them."""
    numpy = pytest.importorskip("numpy")
    three, two, one = numpy.int64(3), numpy.int32(2), numpy.uint8(1)
    layer = f.Conv2d(three, two, [three, two], two, one, one, one)  # type: ignore[arg-type]
    assert repr(layer) == repr(f.Conv2d(3, 2, (3, 2), 2, 1))
    assert all(type(size) is int for pair in layer.geometry for size in pair)
    assert repr(f.NearestUpsampling(two)) == repr(f.NearestUpsampling(2))


def test_a_gradient_of_the_wrong_shape_is_refused() -> None:
    """`backward` takes a gradient as large as the output, and changes nothing otherwise."""
    layer = f.Conv2d(3, 4, 3)
    layer.forward(torch.rand(2, 3, 8, 8))
    with pytest.raises(ValueError, match=r"\(2, 4, 6, 6\).*\(2, 4, 8, 8\)"):
        layer.backward(torch.rand(2, 4, 8, 8))
    assert not layer.weight_grad.any()


def test_loading_checks_before_it_copies() -> None:
    """A state with one wrong shape leaves every parameter as it was."""
    net = network()
    before, wrong = net.state_dict(), net.state_dict()
    wrong["0.weight"] = wrong["0.weight"] + 1
    wrong["2.bias"] = torch.zeros(7)
    with pytest.raises(ValueError, match=r"2\.bias"):
        net.load_state_dict(wrong)
    assert all(torch.equal(value, before[name]) for name, value in net.state_dict().items())


def test_networks_nest_and_print() -> None:
    """Sequentials hold Sequentials, can be indexed, and print as one would say them."""
    net = f.Sequential(f.Sequential(f.Conv2d(3, 8, 3, bias=False), f.ReLU()), f.Upsampling(8, 3, 3))
    inner = net[0]
    assert isinstance(inner, f.Sequential)
    assert isinstance(inner[1], f.ReLU)
    assert (len(net), len(inner)) == (2, 2)
    assert [name for name, _, _ in net.named()] == ["0.0.weight", "1.weight", "1.bias"]
    assert repr(net) == (
        "Sequential(\n"
        "  (0): Sequential(\n"
        "    (0): Conv2d(3, 8, (3, 3), bias=False)\n"
        "    (1): ReLU()\n"
        "  )\n"
        "  (1): Upsampling(8, 3, (3, 3), scale_factor=(2, 2))\n"
        ")"
    )


def test_the_shipped_network_is_the_prescribed_one() -> None:
    """Conv (stride 2), ReLU, Conv (stride 2), ReLU, Upsampling, ReLU, Upsampling, Sigmoid."""
    model = Model()
    model.load_pretrained_model()
    modules = model.network.modules
    kinds = [f.Conv2d, f.ReLU, f.Conv2d, f.ReLU, None, f.ReLU, None, f.Sigmoid]
    assert len(modules) == len(kinds)
    for module, kind in zip(modules, kinds):
        assert isinstance(module, kind or (f.TransposeConv2d, f.Upsampling))
        if isinstance(module, f.Conv2d) and not isinstance(module, f.Upsampling):
            assert module.geometry.stride == (2, 2)
