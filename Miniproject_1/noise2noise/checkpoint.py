"""Reading checkpoints of tensors without running code from them."""

import inspect
import pickle
from pathlib import Path
from types import SimpleNamespace
from typing import Any, Dict

import torch

_ALLOWED = {("collections", "OrderedDict"), ("torch._utils", "_rebuild_tensor_v2")}


class _TensorsOnly(pickle.Unpickler):
    """For torch before 1.13, whose `load` has no `weights_only`: the same promise."""

    def find_class(self, module: str, name: str) -> Any:
        if (module, name) in _ALLOWED or (module == "torch" and name.endswith("Storage")):
            return super().find_class(module, name)
        raise pickle.UnpicklingError(f"{module}.{name} is neither a tensor nor a container")


def _load(*source: Any, **options: Any) -> Any:
    """`pickle.load`, for files that are none of torch's zips."""
    return _TensorsOnly(*source, **options).load()


def read_checkpoint(path: Path) -> Dict[str, Any]:
    """The dictionary in `path`, with its tensors on the CPU.

    Raises:
        FileNotFoundError: no such file.
        ValueError: truncated, no checkpoint, or with anything but tensors and plain values in it.
    """
    if not path.is_file():
        raise FileNotFoundError(f"expected a checkpoint at {path}, found no such file")
    if "weights_only" in inspect.signature(torch.load).parameters:
        options: Dict[str, Any] = {"weights_only": True}
    else:
        tensors_only = SimpleNamespace(Unpickler=_TensorsOnly, load=_load, __name__="tensors_only")
        options = {"pickle_module": tensors_only}
    try:
        content = torch.load(path, map_location="cpu", **options)
    except Exception as error:  # torch raises a different type for each way to be broken
        raise ValueError(f"{path} is not a checkpoint of tensors: {error}") from error
    if not isinstance(content, dict):
        raise ValueError(f"{path} should hold a dictionary, got a {type(content).__name__}")
    return content
