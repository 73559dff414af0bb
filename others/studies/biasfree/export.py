"""A model as one file that needs nothing of this project: TorchScript and ONNX.

    python -m others.studies.biasfree.export --model NAME --output FOLDER [--weights FILE]
    python -m others.studies.biasfree.export --training FOLDER --output FOLDER

The model is a bias-free one of the project, or what `others.studies.biasfree.train` has left in its
folder. --output gets NAME.pt and NAME.onnx, which map uint8 (N, 3, H, W) to uint8 of the same shape
for any N, H and W, and NAME.json, which says what they are. The NAME of a training is that of its
folder. Both files are compared with the model before anything is written, at another size than the
one that they were made with.
"""

import argparse
import io
import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Callable

import onnxruntime
import torch
from torch import Tensor, nn

from others.data.seeds import seeded
from others.engine import command
from others.networks.biasfree.networks import BiasFree
from others.networks.pretrained import load_network, load_trained
from others.records.json_files import save_file, save_json

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
    return torch.randint(256, tuple(shape), generator=seeded(0)).byte()


def script_bytes(net: nn.Module, images: Tensor) -> bytes:
    """The content of a TorchScript file: the network traced on these images, for any others too."""
    buffer = io.BytesIO()
    with torch.no_grad(), warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # of TorchScript, which is asked for
        torch.jit.save(torch.jit.trace(net.eval(), images, check_trace=False), buffer)
    return buffer.getvalue()


def onnx_bytes(net: nn.Module, images: Tensor) -> bytes:
    """The content of an ONNX file, with N, H and W free."""
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


def run_script(content: bytes) -> Callable[[Tensor], Tensor]:
    """The function that a TorchScript file computes, from the file's content."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        return torch.jit.load(io.BytesIO(content))


def run_onnx(content: bytes) -> Callable[[Tensor], Tensor]:
    """The function that an ONNX file computes, by onnxruntime, from the file's content."""
    session = onnxruntime.InferenceSession(content, providers=["CPUExecutionProvider"])

    def run(images: Tensor) -> Tensor:
        (name,) = (entry.name for entry in session.get_inputs())
        return torch.from_numpy(session.run(None, {name: images.numpy()})[0])

    return run


FORMATS = {
    "torchscript": (script_bytes, run_script, ".pt"),
    "onnx": (onnx_bytes, run_onnx, ".onnx"),
}


def difference(run: Callable[[Tensor], Tensor], net: nn.Module, images: Tensor) -> float:
    """The largest difference between the answers of a file and of the network to `images`."""
    with torch.no_grad():
        return float((run(images).double() - net(images).double()).abs().max())


def export(net: nn.Module, name: str, folder: Path, formats: Sequence[str]) -> list[Path]:
    """Write the files and return their paths.

    Args:
        net: for images in [0, 1], in evaluation mode.
        formats: some of "torchscript" and "onnx".

    Raises:
        ValueError: the network is not bias-free, or a file computes something else than it does;
            nothing is written then.
    """
    if not any(isinstance(part, BiasFree) for part in net.modules()):
        raise ValueError(f"{name} is no bias-free model: its padding cannot be traced")
    whole = Bytes(net)
    contents: dict[Path, bytes] = {}
    for kind in formats:
        make, run, suffix = FORMATS[kind]
        content = make(whole, example(EXAMPLE))
        found = difference(run(content), whole, example(OTHER))
        if found > TOLERANCE:
            raise ValueError(f"{kind} of {name} differs from it by {found:g} grey levels")
        contents[folder / f"{name}{suffix}"] = content
    for path, content in contents.items():
        save_file(path, content)
    save_json(folder / f"{name}.json", description(net, name, list(contents)))
    return [*contents, folder / f"{name}.json"]


def description(net: nn.Module, name: str, files: Sequence[Path]) -> dict[str, Any]:
    """The content of NAME.json: what the files take and give, and what made them."""
    return {
        "model": name,
        "files": [path.name for path in files],
        "input": "uint8 (N, 3, H, W), red, green and blue",
        "output": "uint8 (N, 3, H, W)",
        "parameters": sum(values.numel() for values in net.parameters()),
        "torch": torch.__version__,
        "opset": OPSET,
    }


def parser() -> argparse.ArgumentParser:
    """The options of the command."""
    result = command.parser(__spec__, __doc__)
    source = result.add_mutually_exclusive_group(required=True)
    source.add_argument("--model", metavar="NAME", help="a bias-free model of the project")
    source.add_argument("--training", type=Path, metavar="FOLDER", help="where one was trained")
    result.add_argument("--weights", type=Path, metavar="FILE", help="other weights of the model")
    result.add_argument(
        "--output", type=command.folder, required=True, metavar="FOLDER", help="for the files"
    )
    result.add_argument(
        "--formats", nargs="+", choices=FORMATS, default=list(FORMATS), help="kinds of files"
    )
    return result


def run(options: argparse.Namespace) -> None:
    """Write the files, and say how large they are."""
    if options.training is None:
        net, name = load_network(options.model, options.weights), options.model
    elif options.weights is not None:
        raise command.UsageError("--weights goes with --model: a training has weights of its own")
    else:
        net, name = load_trained(options.training), options.training.resolve().name
    for path in export(net, name, options.output, options.formats):
        print(f"{path}: {path.stat().st_size:,} bytes")


main = command.main_of(parser, run)

if __name__ == "__main__":
    main()
