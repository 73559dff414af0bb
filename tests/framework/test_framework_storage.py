"""Where parameters lie in memory, and that torch's settings around the blocks change nothing."""

from __future__ import annotations

import copy
import io
import pickle
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from typing import Any, Callable, ContextManager

import pytest
import torch
from torch import Tensor

from Miniproject_2 import framework as f
from Miniproject_2.framework import batched, optimizers, storage
from tests.subjects import default_type

Copied = Callable[[Any], Any]
OPTIMIZERS = [
    lambda net: f.SGD(net, 0.1, 0.9),
    lambda net: f.Adam(net, 0.01),
    lambda net: f.Muon(net, 0.02),
]


@pytest.fixture(autouse=True)
def slow_calls(monkeypatch: pytest.MonkeyPatch) -> None:
    """Optimizers move the tensors of a module into one memory, as they do on a GPU alone."""
    monkeypatch.setattr(optimizers, "calls_are_slow", lambda tensor: True)


def network() -> f.Sequential:
    """A small network with every layer that has weights, and the same ones each time."""
    torch.manual_seed(0)
    first, last = f.Conv2d(3, 4, 3, 2, 1), f.TransposeConv2d(6, 3, 4, 2, 1)
    return f.Sequential(first, f.ReLU(), f.Upsampling(4, 6, 3, padding=1), f.LeakyReLU(), last)


def images(count: int = 2) -> tuple[Tensor, Tensor]:
    """An input and a target of the network, float32 on the CPU."""
    generator = torch.Generator("cpu").manual_seed(1)
    both = torch.randn((2, count, 3, 8, 8), generator=generator, dtype=torch.float32, device="cpu")
    return both[0], both[1].repeat_interleave(2, 2).repeat_interleave(2, 3)


def train(net: f.Module, optimizer: Any, steps: int = 3, count: int = 2) -> None:
    """A few steps of a training."""
    (x, target), loss = images(count), f.MSE()
    for _ in range(steps):
        optimizer.zero_grad()
        loss.forward(net.forward(x), target)
        net.accumulate(loss.backward())
        optimizer.step()


def same(one: f.Module, other: f.Module) -> bool:
    """Whether all parameters and gradients are equal, to the bit."""
    pairs = zip(one.param(), other.param())
    return all(torch.equal(a, b) for mine, theirs in pairs for a, b in zip(mine, theirs))


def pickled(value: Any) -> Any:
    """A copy by way of pickle."""
    return pickle.loads(pickle.dumps(value))


def saved(value: Any) -> Any:
    """A copy by way of torch.save."""
    file = io.BytesIO()
    torch.save(value, file)
    options: dict[str, Any] = {"weights_only": False}  # it is our own file
    return torch.load(io.BytesIO(file.getvalue()), **options)


@pytest.mark.parametrize("way", [copy.deepcopy, pickled, saved])
@pytest.mark.parametrize("make", OPTIMIZERS)
def test_copies_train_on(way: Copied, make: Callable[[f.Module], Any]) -> None:
    """Network and optimizer, copied before, between and after steps, go on as if not copied."""
    expected = network()
    train(expected, make(expected), 6)
    net = way(network())
    net, optimizer = way((net, make(net)))
    train(net, optimizer)
    original, (net, optimizer) = net, way((net, optimizer))
    train(net, optimizer)
    assert same(net, expected)
    assert not same(net, original)
    assert same(way(net), expected)


@pytest.mark.parametrize("way", [copy.deepcopy, pickled, saved])
@pytest.mark.parametrize(
    "block",
    [f.ReLU(), f.LeakyReLU(0.2), f.Sigmoid(), f.MSE(), f.NearestUpsampling(), f.Conv2d(3, 3, 1)],
    ids=repr,
)
def test_blocks_are_copied_without_their_pass(way: Copied, block: f.Module) -> None:
    """A used block is copied without what it keeps for backward, and keeps it itself."""
    x, _ = images()
    y = block.forward(*[x] * block.inputs)
    copied = way(block)
    assert repr(copied) == repr(block)
    with pytest.raises(RuntimeError, match="before forward"):
        copied.backward(y)
    assert torch.equal(copied.forward(*[x] * block.inputs), y)
    block.backward(y)


def test_a_file_holds_each_number_once() -> None:
    """A trained network is pickled as large as its numbers are, though they lie in one piece."""
    net = f.Sequential(*(f.Conv2d(16, 16, 3) for _ in range(8)))
    numbers = sum(tensor.numel() for pair in net.param() for tensor in pair)
    optimizer = f.SGD(net, 0.1, 0.9)
    optimizer.step()
    assert len(pickle.dumps(net)) < 1.3 * 4 * numbers
    assert len(pickle.dumps(optimizer)) < 1.3 * 4 * 1.5 * numbers


@pytest.mark.parametrize("make", OPTIMIZERS)
def test_parameters_lie_in_one_piece(make: Callable[[f.Module], Any]) -> None:
    """After a step all parameters lie in one piece, and so do all gradients; pairs stay valid."""
    net = network()
    pairs, optimizer = net.param(), make(net)
    moves: list[Callable[[], object]] = [
        lambda: net.load_state_dict(net.state_dict()),
        lambda: net.to("cpu"),
        lambda: net.to(torch.zeros(0).double()),
        lambda: net.forward(images()[0]),  # back to float32
        lambda: pickle.dumps(net),
        lambda: copy.deepcopy(optimizer),
    ]
    for move in moves:
        train(net, optimizer, 1)
        for tensors in zip(*pairs):
            ends = [one.data_ptr() + 4 * one.numel() for one in tensors]
            assert [one.data_ptr() for one in tensors[1:]] == ends[:-1]
        move()
        assert all(a is b for old, new in zip(pairs, net.param()) for a, b in zip(old, new))
    expected = network()
    train(expected, make(expected), len(moves))
    assert same(net, expected)


@pytest.mark.parametrize("make", OPTIMIZERS)
def test_a_step_counts_as_a_change(make: Callable[[f.Module], Any]) -> None:
    """A step changes each parameter, in one piece too: what went before it has no backward pass."""
    net, (x, _) = network(), images()
    optimizer, y = make(net), net.forward(x)
    optimizer.step()
    with pytest.raises(RuntimeError, match="changed in place"):
        net.backward(y)
    net.backward(net.forward(x))


@pytest.mark.parametrize("name", ["weight", "bias"])
def test_gradients_follow_assigned_parameters(name: str) -> None:
    """Where a float64 parameter is assigned, float64 images still give gradients in float64."""
    layer, x = f.Conv2d(3, 4, 3), torch.rand(2, 3, 8, 8).double()
    setattr(layer, name, getattr(layer, name).double())
    layer.accumulate(layer.forward(x))
    assert {one.dtype for pair in layer.param() for one in pair} == {torch.float64}


@pytest.mark.parametrize("way", [copy.deepcopy, pickled, saved])
@pytest.mark.parametrize("make", OPTIMIZERS)
def test_parameters_of_torch_may_be_copied_in(way: Copied, make: Callable[[f.Module], Any]) -> None:
    """Who copies parameters of torch.nn into a network with autograd on can copy the network, and
    in the midst of a pass too; the pairs of `param()` stay valid."""
    net = network()
    pairs, optimizer = net.param(), make(net)
    for value, _ in pairs:
        value.copy_(torch.nn.Parameter(value.clone()))
    assert pairs[0][0].grad_fn is not None
    output = net.forward(images()[0])
    copied, optimizer = way((net, optimizer))
    assert same(copied, net)
    net.backward(output)
    assert all(a is b for old, new in zip(pairs, net.param()) for a, b in zip(old, new))
    train(copied, optimizer)
    expected = network()
    train(expected, make(expected))
    assert same(copied, expected)


@pytest.mark.parametrize("make", OPTIMIZERS)
@pytest.mark.parametrize("mixed", [False, True])
def test_parameters_that_ask_for_gradients(make: Callable[[f.Module], Any], mixed: bool) -> None:
    """Parameters of torch.nn may be assigned: they are trained, saved and loaded like others."""
    expected, net = network(), network()
    if mixed:  # types, so that the optimizer takes one parameter after the other
        for own in (expected, net):
            own[0].to(torch.zeros(0).double())
    for module in net.modules:
        if isinstance(module, (f.Conv2d, f.TransposeConv2d)):
            module.weight = torch.nn.Parameter(module.weight)
    for own in (expected, net):
        for _, gradient in own.param():
            gradient.fill_(1)
        make(own).step()
    with torch.no_grad():
        assert same(net, expected)
    state = net.state_dict()
    assert not any(value.requires_grad for value in state.values())
    net.load_state_dict({name: value + 1 for name, value in state.items()})
    assert torch.equal(net.param()[0][0].detach(), state["0.weight"] + 1)


def test_types_may_differ() -> None:
    """Where parameters have two types, an optimizer changes one after the other."""
    both = f.Conv2d(2, 2, 1), f.Conv2d(2, 2, 1)
    both[1].to(torch.zeros(0).double())
    before = [value.clone() for layer in both for value, _ in layer.param()]
    pairs = [pair for layer in both for pair in layer.param()]
    for _, gradient in pairs:
        gradient.fill_(1)
    optimizer = f.SGD(pairs, 0.5, 0.9)
    optimizer.step()
    for (value, _), old in zip(pairs, before):
        assert value.dtype == old.dtype
        assert torch.equal(value, old - 0.5)
    optimizer.zero_grad()
    assert not any(gradient.any() for _, gradient in pairs)


def test_neighbours_by_chance() -> None:
    """Tensors are one piece only in one memory, in this order, without gaps."""
    memory = torch.zeros(10)
    a, b, c = memory[0:2], memory[2:4], memory[5:7]
    assert storage.joined([a, b]).data_ptr() == memory.data_ptr()
    for tensors in ([b, a], [a, c], [a, memory[2:8:2]], [a, torch.zeros(2)]):
        flat = storage.joined([one[:] for one in tensors])
        assert flat.data_ptr() != memory.data_ptr()


def test_to_moves_parameters_and_gradients(monkeypatch: pytest.MonkeyPatch) -> None:
    """`to` asks every parameter and gradient to move, and answers with the module itself."""
    net, asked = network(), []
    monkeypatch.setattr(torch.Tensor, "to", lambda tensor, place: asked.append(place) or tensor)
    assert net.to("a place") is net
    assert asked == ["a place"] * 2 * len(net.param())


def on_meta(net: f.Module) -> None:
    """Put the parameters on the device `meta`, which has shapes and no numbers."""
    for module in net.modules if isinstance(net, f.Sequential) else [net]:
        for name, value in vars(module).items():
            if isinstance(value, Tensor):
                setattr(module, name, value.to("meta"))


@pytest.mark.parametrize("count", [1, 2])
@pytest.mark.parametrize("make", OPTIMIZERS)
def test_blocks_follow_a_device(make: Callable[[f.Module], Any], count: int) -> None:
    """On a device that is not the CPU, nothing that a step makes is on the CPU."""
    net, loss = network(), f.MSE()
    on_meta(net)
    optimizer = make(net)
    x, target = (one.to("meta") for one in images(count))
    for _ in range(2):
        optimizer.zero_grad()
        y = net.forward(x)
        assert y.shape == target.shape
        value = loss.forward(y, target)
        x_grad = net.backward(loss.backward())
        optimizer.step()
    assert x_grad.shape == x.shape
    tensors = [y, value, x_grad, *(one for pair in net.param() for one in pair)]
    assert all(tensor.device.type == "meta" for tensor in tensors)


def test_a_gpu_gets_the_whole_batch_at_once() -> None:
    """Batches are cut into parts for a CPU's cache alone."""
    x, weight = torch.empty(1000, 64, 1, 1, device="meta"), torch.empty(8, 64, 3, 3, device="meta")
    assert len(list(batched.parts(weight, (16, 16), x))) == 1
    cut = list(batched.parts(torch.empty(8, 64, 3, 3), (16, 16), torch.arange(1000)))
    assert len(cut) > 100
    assert torch.equal(torch.cat([part for (part,) in cut]), torch.arange(1000))


@contextmanager
def default_device() -> Iterator[None]:
    """A default device that holds no numbers."""
    if not hasattr(torch, "set_default_device"):
        pytest.skip("this torch has no default device")
    torch.set_default_device("meta")
    try:
        yield
    finally:
        torch.set_default_device(None)


SURROUNDINGS: list[Callable[[], ContextManager[Any]]] = [
    lambda: default_type(torch.float64),
    default_device,
    torch.inference_mode,
    torch.no_grad,
    lambda: torch.autocast("cpu", torch.bfloat16),
]


@pytest.mark.parametrize("surroundings", SURROUNDINGS)
@pytest.mark.parametrize("make", OPTIMIZERS)
@pytest.mark.parametrize("count", [1, 3])
def test_surroundings_change_nothing(
    surroundings: Callable[[], ContextManager[Any]], make: Callable[[f.Module], Any], count: int
) -> None:
    """Made and trained in other surroundings, inside and then outside, a network is the same."""
    expected = network()
    optimizer = make(expected)
    train(expected, optimizer, 4, count)
    with surroundings():
        net = network()
        optimizer = make(net)
        train(net, optimizer, 2, count)
    for value, gradient in net.param():
        assert value.dtype == gradient.dtype == torch.float32
        assert value.device.type == gradient.device.type == "cpu"
    train(net, optimizer, 2, count)
    assert same(net, expected)


@pytest.mark.parametrize("inside", [True, False])
def test_made_in_inference_mode(inside: bool) -> None:
    """Parameters can be changed outside the mode that they were made or converted in."""
    with torch.inference_mode() if inside else nullcontext():
        net = network()
    with torch.inference_mode():
        net.forward(images()[0].double())
        optimizer = f.SGD(net, 0.1, 0.9)
        optimizer.step()
    train(net, optimizer)
    net.load_state_dict(network().state_dict())
    assert all(torch.equal(one, network().state_dict()[name]) for name, one, _ in net.named())


def test_backward_outside_inference_mode() -> None:
    """A forward pass in inference mode, whose tensors count no changes, has a backward pass too."""
    net, (x, _) = network(), images()
    expected = net.backward(net.forward(x))
    with torch.inference_mode():
        y = net.forward(x.clone())
    assert torch.equal(net.backward(y), expected)
