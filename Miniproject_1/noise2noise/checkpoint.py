"""Reading files of tensors: no code in them is run, and no size that they declare is trusted."""

import inspect
import pickle
from pathlib import Path
from types import SimpleNamespace
from typing import Any, Dict
from zipfile import ZipFile

import torch

_ALLOWED = {("collections", "OrderedDict"), ("torch._utils", "_rebuild_tensor_v2")}


class _TensorsOnly(pickle.Unpickler):
    """For torch before 1.13, whose `load` has no `weights_only`: the same promise."""

    def find_class(self, module: str, name: str) -> Any:
        if (module, name) in _ALLOWED or (module == "torch" and name.endswith("Storage")):
            return super().find_class(module, name)
        raise pickle.UnpicklingError(f"{module}.{name} is neither a tensor nor a container")


def read_checkpoint(path: Path) -> Dict[str, Any]:
    """The dictionary that `torch.save` has written to `path`, with its tensors on the CPU.

    Raises:
        OSError: no such file, or none that may be read.
        ValueError: truncated, damaged, no checkpoint, or with other content than tensors and plain
            values; the message names the file.
    """
    if not path.is_file():
        raise FileNotFoundError(f"expected a checkpoint at {path}, found no such file")
    path.open("rb").close()  # a file that may not be read is not called damaged
    if "weights_only" in inspect.signature(torch.load).parameters:
        options: Dict[str, Any] = {"weights_only": True}
    else:  # for torch before 1.13, which would ignore the unpickler that it is given
        module = SimpleNamespace(Unpickler=_TensorsOnly, __name__="tensors_only")
        options = {"pickle_module": module}
    try:
        check_archive(path)
        content = torch.load(path, map_location="cpu", **options)
    except Exception as error:  # torch raises a different type for each way to be broken
        # Of torch's advice, which is to run the file's code, the fault alone is kept.
        fault = str(error).rpartition("WeightsUnpickler error: ")[2].partition("\n")[0]
        raise ValueError(f"{path} is not a checkpoint of tensors: {fault[:200]}") from error
    if not isinstance(content, dict):
        raise ValueError(f"{path} should hold a dictionary, got a {type(content).__name__}")
    return content


def check_archive(path: Path) -> None:
    """Refuse an archive with damaged content, or with more content than the file is long.

    torch reads both without a word. It never compresses, so a file that declares more than it
    holds is made to fill the memory. Files of torch before 1.6, which are no archives and declare
    their sizes as well, are refused too.

    Raises:
        ValueError, zipfile.BadZipFile: for these reasons.
    """
    with ZipFile(path) as archive:
        declared = sum(entry.file_size for entry in archive.infolist())
        if declared > path.stat().st_size:
            raise ValueError(f"it declares {declared} bytes and is shorter")
        damaged = archive.testzip()
    if damaged is not None:
        raise ValueError(f"{damaged} in it is damaged")
