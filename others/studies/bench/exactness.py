"""How far the framework's answers are from torch's: the worst of many random layers.

    python -m others.studies.bench.exactness [--count 400] [--json PATH]

Kernels, strides, paddings, dilations, groups, sizes, memory layouts and weights are drawn anew for
each layer, of every kind that the framework has. An error is the norm of the difference over the
norm of what torch and its autograd give in float64: of the output, and of the gradients of input,
weights and bias. In float32 and bfloat16 torch's own error is given beside ours.
"""

import argparse
from random import Random
from typing import Any, Callable

import torch
from torch import Tensor, nn

from Miniproject_2 import framework as f
from Miniproject_2.framework import Module
from others.analysis.blocks.comparison import our_passes, torch_passes
from others.engine import command
from others.records.json_files import save_json
from others.records.paths import RESULTS
from others.records.study import brief

FILE = RESULTS / "bench" / "exactness.json"
TYPES = {"float64": torch.float64, "float32": torch.float32, "bfloat16": torch.bfloat16}
TITLES = {"y": "output", "x": "input"}  # of what is compared, beside "weight" and "bias"
Layers = tuple[int, Module, nn.Module]  # input channels, our layer, torch's with the same settings


def pair(random: Random, least: int, most: int) -> Any:
    """A setting of a layer: one number for both axes, or one for each."""
    one, other = random.randint(least, most), random.randint(least, most)
    return random.choice((one, (one, other)))


def channels(random: Random) -> tuple[int, int, int]:
    """Input channels, output channels, and a number of groups that divides both."""
    groups = random.choice((1, 1, 2))
    return groups * random.randint(1, 4), groups * random.randint(1, 4), groups


def convolution(random: Random) -> Layers:
    """Conv2d of ours and of torch's."""
    inputs, outputs, groups = channels(random)
    kernel, stride, padding = pair(random, 1, 4), pair(random, 1, 3), pair(random, 0, 2)
    bias = random.random() < 0.8
    settings = (inputs, outputs, kernel, stride, padding, pair(random, 1, 2), groups, bias)
    return inputs, f.Conv2d(*settings), nn.Conv2d(*settings)


def transposed(random: Random) -> Layers:
    """TransposeConv2d of ours, ConvTranspose2d of torch's."""
    inputs, outputs, groups = channels(random)
    kernel, padding = pair(random, 1, 4), pair(random, 0, 2)
    stride, dilation = random.randint(1, 3), random.choice((1, 1, 2))
    extra, bias = pair(random, 0, max(stride, dilation) - 1), random.random() < 0.8
    settings = (inputs, outputs, kernel, stride, padding, extra, groups, bias, dilation)
    return inputs, f.TransposeConv2d(*settings), nn.ConvTranspose2d(*settings)


def upsampling(random: Random) -> Layers:
    """Upsampling of ours; torch's nearest upsampling and Conv2d. Half of them are dense."""
    inputs, outputs, groups = channels(random)
    kernel, padding, scale = pair(random, 1, 4), pair(random, 0, 2), pair(random, 1, 3)
    rest = (1, padding, 1, 1) if random.random() < 0.5 else (2, padding, 2, groups)
    ours = f.Upsampling(inputs, outputs, kernel, *rest, scale_factor=scale)
    theirs = nn.Conv2d(inputs, outputs, kernel, *rest)
    return inputs, ours, nn.Sequential(nn.UpsamplingNearest2d(scale_factor=scale), theirs)


def nearest(random: Random) -> Layers:
    """NearestUpsampling of ours, UpsamplingNearest2d of torch's."""
    scale = pair(random, 1, 4)
    ours, theirs = f.NearestUpsampling(scale), nn.UpsamplingNearest2d(scale_factor=scale)
    return random.randint(1, 6), ours, theirs


def leaky_relu(random: Random) -> Layers:
    """LeakyReLU of ours and of torch's."""
    slope = random.choice((0.0, 1.0, random.uniform(-2, 2)))
    return random.randint(1, 6), f.LeakyReLU(slope), nn.LeakyReLU(slope)


LAYERS: dict[str, Callable[[Random], Layers]] = {
    "Conv2d": convolution,
    "TransposeConv2d": transposed,
    "Upsampling": upsampling,
    "NearestUpsampling": nearest,
    "ReLU": lambda random: (random.randint(1, 6), f.ReLU(), nn.ReLU()),
    "LeakyReLU": leaky_relu,
    "Sigmoid": lambda random: (random.randint(1, 6), f.Sigmoid(), nn.Sigmoid()),
}


def error(found: Tensor, exact: Tensor) -> float:
    """The norm of the difference over the norm of the exact answer."""
    scale = float(exact.norm())
    return float((found.double() - exact).norm()) / scale if scale else 0.0


def compare(ours: Module, theirs: nn.Module, x: Tensor) -> dict[str, dict[str, dict[str, float]]]:
    """For each type, the errors of ours and of torch's, by the part that they are of."""
    weights = [value.detach().clone() for value in theirs.parameters()]
    gradient = torch.rand(theirs(x).shape)  # positive, so that sums do not cancel
    exact = torch_passes(theirs.double(), [x.double()], gradient.double())
    found = {}
    for name, kind in TYPES.items():
        ours.forward(x.to(kind))  # the parameters take the type of the input
        for (value, _), weight in zip(ours.param(), weights):
            value.copy_(weight)
        answers = {"ours": our_passes(ours, [x.to(kind)], gradient.to(kind))}
        if name != "float64":
            # In torch's own layout: of channels-last images, oneDNN's backward pass of weights 1x1
            # with a stride writes beyond its memory on a Zen 5 processor (torch 2.13, AVX-512).
            inputs = [x.to(kind).contiguous()]
            answers["torch"] = torch_passes(theirs.to(kind), inputs, gradient.to(kind))
        found[name] = {
            who: {TITLES.get(part, part): error(values[part], exact[part]) for part in values}
            for who, values in answers.items()
        }
    return found


def has_output(theirs: nn.Module, x: Tensor) -> bool:
    """Whether torch takes images of this size."""
    try:
        return theirs(x).numel() > 0
    except RuntimeError:
        return False


def worst(kind: str, count: int) -> dict[str, Any]:
    """The largest error of each part, over `count` layers of a kind."""
    random, done = Random(0), 0
    most: dict[str, dict[str, dict[str, float]]] = {}
    while done < count:
        inputs, ours, theirs = LAYERS[kind](random)
        size = (random.randint(1, 3), inputs, random.randint(3, 10), random.randint(3, 10))
        layout = random.choice((torch.contiguous_format, torch.channels_last))
        x = torch.randn(size).contiguous(memory_format=layout)
        if not has_output(theirs, x):
            continue
        done += 1
        for name, by in compare(ours, theirs, x).items():
            for who, errors in by.items():
                known = most.setdefault(name, {}).setdefault(who, {})
                for part, value in errors.items():
                    known[part] = max(known.get(part, 0.0), float(f"{value:.2e}"))
    return most


def to_the_bit(count: int) -> dict[str, int]:
    """For how many seeds the course's own comparison, one image and Conv2d(3, 3, 3), is met."""
    equal = close = 0
    for seed in range(count):
        torch.manual_seed(seed)
        layer, x = f.Conv2d(3, 3, 3), torch.randn(1, 3, 32, 32)
        answer, expected = layer.forward(x), nn.functional.conv2d(x, layer.weight, layer.bias)
        equal += torch.equal(answer, expected)
        close += torch.allclose(answer, expected)
    return {"seeds": count, "equal": equal, "allclose": close}


def parser() -> argparse.ArgumentParser:
    """The options."""
    result = command.parser(__spec__, __doc__)
    number = command.whole(2)
    result.add_argument("--count", type=number, default=400, help="layers of each kind")
    command.add_json(result, FILE)
    return result


def run(options: argparse.Namespace) -> None:
    """Compare random layers, and write the worst of them."""
    torch.manual_seed(0)
    result = {
        "torch": torch.__version__,
        "layers_of_each_kind": options.count,
        "worst": {kind: worst(kind, options.count) for kind in LAYERS},
        "single_image": to_the_bit(options.count // 2),
    }
    save_json(options.json, result)
    for kind, types in result["worst"].items():
        for name, by in types.items():
            for who, errors in by.items():
                print(f"{kind}, {name}, {who}: {brief(errors)}")
    print(f"single images: {brief(result['single_image'])}")
    print(f"{options.json}: the results")


main = command.main_of(parser, run)

if __name__ == "__main__":
    main()
