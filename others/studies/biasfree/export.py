"""A model as one file that needs nothing of this project: TorchScript and ONNX.

    python -m others.studies.biasfree.export --model NAME --output FOLDER [--weights FILE]

NAME is a bias-free model. FOLDER gets NAME.pt and NAME.onnx, with
the normalisation inside: uint8 (N, 3, H, W) to uint8 of the same shape, for any N, H and W, and
NAME.json, which says what they are. Both are compared with the model before anything is written,
at another size than the one they were made with. ONNX needs the packages onnx and onnxruntime.
"""

from __future__ import annotations

import argparse
import importlib
import io
import sys
import warnings
from collections.abc import Sequence
from pathlib import Path
from types import ModuleType
from typing import Any, Callable

import torch
from torch import Generator, Tensor, nn

from Miniproject_1.noise2noise.files import write_atomically
from others.networks.biasfree.networks import BiasFree
from others.networks.pretrained import load_named
from others.records.json_files import save_json

OPSET = 17  # of ONNX: the first with all operations in use here
EXAMPLE, OTHER = (1, 3, 64, 72), (2, 3, 37, 50)  # shapes: to make the files with, to try them with
TOLERANCE = 1  # grey level: a value between two may be rounded to either


class Bytes(nn.Module):
    """uint8 images to uint8 images, around a network for [0, 1]."""

    def __init__(self, net: nn.Module) -> None:
        super().__init__()
        self.net = net

    def forward(self, images: Tensor) -> Tensor:
        y = self.net(images.to(torch.float32) / 255)
        return (y.clamp(0, 1) * 255).round().to(torch.uint8)


def example(shape: Sequence[int]) -> Tensor:
    """Random uint8 images."""
    return torch.randint(256, tuple(shape), generator=Generator().manual_seed(0)).byte()


def torchscript(net: nn.Module, images: Tensor) -> Any:
    """The network traced on these images; other sizes give other shapes, as in the network."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # of TorchScript, which is asked for
        with torch.no_grad():
            return torch.jit.trace(net.eval(), images, check_trace=False)


def script_bytes(net: nn.Module, images: Tensor) -> bytes:
    """The content of a TorchScript file."""
    buffer = io.BytesIO()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        torch.jit.save(torchscript(net, images), buffer)
    return buffer.getvalue()


def onnx_bytes(net: nn.Module, images: Tensor) -> bytes:
    """The content of an ONNX file, with N, H and W free.

    ModuleNotFoundError if onnx is not installed.
    """
    needed("onnx")
    buffer: Any = io.BytesIO()
    free = {0: "images", 2: "height", 3: "width"}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of the exporter by tracing, which needs onnx alone
        torch.onnx.export(
            net.eval(),
            (images,),
            buffer,
            dynamo=False,
            opset_version=OPSET,
            input_names=["noisy"],
            output_names=["denoised"],
            dynamic_axes={"noisy": free, "denoised": free},
        )
    return buffer.getvalue()


def needed(name: str, package: str | None = None) -> ModuleType:
    """A module that only some commands need, of a package that may have another name.

    ModuleNotFoundError that says how to get it.
    """
    try:
        return importlib.import_module(name)
    except ModuleNotFoundError as error:
        message = f"this needs {name}, which is not installed: `pip install {package or name}`"
        raise ModuleNotFoundError(message) from error


def run_script(content: bytes) -> Callable[[Tensor], Tensor]:
    """What a TorchScript file computes."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        return torch.jit.load(io.BytesIO(content))


def run_onnx(content: bytes) -> Callable[[Tensor], Tensor]:
    """What an ONNX file computes; ModuleNotFoundError if onnxruntime is not installed."""
    session = needed("onnxruntime").InferenceSession(content, providers=["CPUExecutionProvider"])

    def run(images: Tensor) -> Tensor:
        (name,) = (entry.name for entry in session.get_inputs())
        return torch.from_numpy(session.run(None, {name: images.numpy()})[0])

    return run


FORMATS = {
    "torchscript": (script_bytes, run_script, ".pt"),
    "onnx": (onnx_bytes, run_onnx, ".onnx"),
}


def difference(run: Callable[[Tensor], Tensor], net: nn.Module, images: Tensor) -> float:
    """The largest one between what a file and the network compute."""
    with torch.no_grad():
        return float((run(images).double() - net(images).double()).abs().max())


def export(net: nn.Module, name: str, folder: Path, formats: Sequence[str]) -> list[Path]:
    """Write the files and return their paths.

    Args:
        net: for images in [0, 1], in evaluation mode.
        formats: some of "torchscript" and "onnx".

    Raises:
        ModuleNotFoundError: a package is missing.
        ValueError: a file computes something else than the network; nothing is written then.
    """
    whole = Bytes(net)
    contents: dict[Path, bytes] = {}
    for kind in formats:
        make, run, suffix = FORMATS[kind]
        content = make(whole, example(EXAMPLE))
        found = difference(run(content), whole, example(OTHER))
        if found > TOLERANCE:
            raise ValueError(f"{kind} of {name} differs from it by {found:g} grey levels")
        contents[folder / f"{name}{suffix}"] = content
    folder.mkdir(parents=True, exist_ok=True)
    for path, content in contents.items():
        write_atomically(path, lambda file, content=content: file.write(content))
    save_json(folder / f"{name}.json", description(net, name, list(contents)))
    return [*contents, folder / f"{name}.json"]


def description(net: nn.Module, name: str, files: Sequence[Path]) -> dict[str, Any]:
    """What the files are."""
    return {
        "model": name,
        "files": [path.name for path in files],
        "input": "uint8 (N, 3, H, W), red, green and blue",
        "output": "uint8 (N, 3, H, W)",
        "parameters": sum(values.numel() for values in net.parameters()),
        "torch": torch.__version__,
        "opset": OPSET,
    }


def main(arguments: Sequence[str] | None = None) -> None:
    """The command line."""
    parser = argparse.ArgumentParser(
        prog="python -m others.studies.biasfree.export",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--model", required=True, metavar="NAME")
    parser.add_argument("--weights", type=Path, metavar="FILE", help="other weights of it")
    parser.add_argument("--output", type=Path, required=True, metavar="FOLDER")
    parser.add_argument("--formats", nargs="+", choices=FORMATS, default=list(FORMATS))
    given = parser.parse_args(arguments)
    try:
        net = load_named(given.model, given.weights)
        if not any(isinstance(part, BiasFree) for part in net.modules()):
            raise ValueError(f"{given.model} is no bias-free model: its padding cannot be traced")
        for path in export(net, given.model, given.output, given.formats):
            print(f"{path}: {path.stat().st_size:,} bytes")
    except (ValueError, OSError, ModuleNotFoundError) as error:
        sys.exit(f"{parser.prog}: {error}")


if __name__ == "__main__":
    main()
