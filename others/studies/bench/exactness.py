"""How far the framework's answers are from torch's: the worst of many random layers.

    python -m others.studies.bench.exactness [--count 400] [--json PATH]

Kernels, strides, paddings, dilations, groups, sizes and weights are drawn anew for each layer. An
error is the norm of the difference over the norm of what torch and its autograd give in float64:
of the output, and of the gradients of input, weights and bias. In float32 and bfloat16 torch's own
error is given beside ours.
"""

from __future__ import annotations

import argparse
from random import Random
from typing import Any

import torch
from torch import Tensor, nn

from Miniproject_2 import framework as f
from Miniproject_2.framework import Module
from others.engine import command
from others.records.json_files import save_json
from others.records.paths import RESULTS

FILE = RESULTS / "bench" / "exactness.json"
TYPES = {"float64": torch.float64, "float32": torch.float32, "bfloat16": torch.bfloat16}
PARTS = ("output", "input", "weight", "bias")


def random_layers(kind: str, random: Random) -> tuple[int, Module, nn.Module]:
    """Input channels, and a layer of ours and of torch's with the same random settings."""
    groups = random.choice((1, 1, 2))
    inputs, outputs = (groups * random.randint(1, 4) for _ in range(2))
    kernel, stride, padding = random.randint(1, 4), random.randint(1, 3), random.randint(0, 2)
    dilation = random.choice((1, 1, 2))
    if kind == "Conv2d":
        settings = (inputs, outputs, kernel, stride, padding, dilation, groups)
        return inputs, f.Conv2d(*settings), nn.Conv2d(*settings)
    if kind == "TransposeConv2d":
        extra = random.randrange(max(stride, dilation))
        settings = (inputs, outputs, kernel, stride, padding, extra, groups, True, dilation)
        return inputs, f.TransposeConv2d(*settings), nn.ConvTranspose2d(*settings)
    scale, padding = random.randint(1, 3), min(padding, kernel - 1)
    theirs = nn.Conv2d(inputs, outputs, kernel, padding=padding)
    ours = f.Upsampling(inputs, outputs, kernel, padding=padding, scale_factor=scale)
    return inputs, ours, nn.Sequential(nn.UpsamplingNearest2d(scale_factor=scale), theirs)


def torch_answers(theirs: nn.Module, x: Tensor, gradient: Tensor) -> tuple[Tensor, ...]:
    """torch's output, and autograd's gradients of the input and of all parameters."""
    x = x.clone().requires_grad_()
    output = theirs(x)
    return (output.detach(), *torch.autograd.grad(output, [x, *theirs.parameters()], gradient))


def our_answers(ours: Module, x: Tensor, gradient: Tensor) -> tuple[Tensor, ...]:
    """The same from our forward and backward passes."""
    output = ours.forward(x)
    ours.zero_grad()
    x_grad = ours.backward(gradient)
    return (output, x_grad, *(own.clone() for _, own in ours.param()))


def error(found: Tensor, exact: Tensor) -> float:
    """The norm of the difference over the norm of the exact answer."""
    scale = float(exact.norm())
    return float((found.double() - exact).norm()) / scale if scale else 0.0


def compare(ours: Module, theirs: nn.Module, x: Tensor) -> dict[str, dict[str, list[float]]]:
    """For each type, the errors of ours and of torch's, in the order of PARTS."""
    weights = [value.detach().clone() for value in theirs.parameters()]
    gradient = torch.rand(theirs(x).shape)  # positive, so that sums do not cancel
    exact = torch_answers(theirs.double(), x.double(), gradient.double())
    found = {}
    for name, kind in TYPES.items():
        ours.forward(x.to(kind))  # the parameters take the type of the input
        for (value, _), weight in zip(ours.param(), weights):
            value.copy_(weight)
        answers = {"ours": our_answers(ours, x.to(kind), gradient.to(kind))}
        if name != "float64":
            answers["torch"] = torch_answers(theirs.to(kind), x.to(kind), gradient.to(kind))
        found[name] = {
            who: [error(*pair) for pair in zip(values, exact)] for who, values in answers.items()
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
    most: dict[str, dict[str, list[float]]] = {}
    while done < count:
        inputs, ours, theirs = random_layers(kind, random)
        size = (random.randint(1, 3), inputs, random.randint(3, 10), random.randint(3, 10))
        x = torch.randn(size)
        if not has_output(theirs, x):
            continue
        done += 1
        for name, by in compare(ours, theirs, x).items():
            for who, errors in by.items():
                known = most.setdefault(name, {}).setdefault(who, [0.0] * len(PARTS))
                known[:] = [max(pair) for pair in zip(known, errors)]
    return {
        name: {
            who: {part: float(f"{value:.2e}") for part, value in zip(PARTS, errors)}
            for who, errors in by.items()
        }
        for name, by in most.items()
    }


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
    result.add_argument(
        "--json", type=command.output, default=str(FILE), help="file of the results"
    )
    return result


def run(options: argparse.Namespace) -> None:
    """Compare random layers, and write the worst of them."""
    torch.manual_seed(0)
    kinds = ("Conv2d", "TransposeConv2d", "Upsampling")
    result = {
        "torch": torch.__version__,
        "layers_of_each_kind": options.count,
        "worst": {kind: worst(kind, options.count) for kind in kinds},
        "single_image": to_the_bit(options.count // 2),
    }
    save_json(options.json, result)
    for kind, errors in result["worst"].items():
        print(kind, errors)
    print(result["single_image"])


main = command.main_of(parser, run)

if __name__ == "__main__":
    main()
