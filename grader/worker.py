"""The judged process: it imports both miniprojects, runs the checks, and writes down what happens.

Its parent (`grader/process.py`) starts it with the command line of the course's own script, and
gives it a folder with a `request`. It adds a line to the file `events` there for whatever happens,
so that the parent knows how far it came, however it ends.
"""

from __future__ import annotations

import inspect
import json
import os
import platform
import sys
import threading
import time
import traceback
from functools import partial
from pathlib import Path
from typing import Any, Callable

import torch
from torch import Tensor

from grader.checks import TRAINS, Check, list_checks
from grader.subject import LONGEST, Refusal, Subject
from grader.watch import Watch


def write_event(path: Path, **event: Any) -> None:
    """Tell the parent of an event: a line of JSON, complete before the next step begins."""
    # Opened anew each time: a submission may have closed every file that it found open.
    with path.open("a", encoding="utf-8") as file:
        file.write(json.dumps(event) + "\n")


def read_pair(path: Path) -> tuple[Tensor, Tensor]:
    """Read two uint8 tensors (N, 3, H, W) of one size; ValueError of anything else.

    A tensor that was made by `expand` is something else: a file of 1 KB may hold one of a billion
    values, with memory for a single one.
    """
    safely = "weights_only" in inspect.signature(torch.load).parameters
    try:
        if not path.is_file():  # to read from a pipe might never end
            raise ValueError("no such file")
        options = {"weights_only": True} if safely else {}
        pair = torch.load(path, map_location="cpu", **options)
        first, second = pair
        for tensor in pair:
            shape, right = tuple(tensor.shape), (len(first), 3, *first.shape[2:])
            if tensor.dtype != torch.uint8 or len(shape) != 4 or shape != right:
                raise ValueError(f"it holds {tensor.dtype} {shape}")
            steps = sum((size - 1) * step for size, step in zip(shape, tensor.stride()))
            if tensor.device.type != "cpu" or tensor.numel() > steps + 1:
                raise ValueError("it holds a tensor without memory for each value")
    except Exception as error:  # reading a foreign file may raise anything
        expected = "expected a file with two uint8 tensors (N, 3, H, W) of one size"
        # Of torch's advice, which is to run the file's code, the fault alone is kept.
        fault = str(error).rpartition("WeightsUnpickler error: ")[2].partition("\n")[0]
        raise ValueError(f"{path}: {type(error).__name__}: {fault[:200]}; {expected}") from error
    return first, second


def make_subjects(request: dict[str, Any], journal: Callable[..., None]) -> list[Subject]:
    """Both miniprojects, with the data that the request names and what is known of them so far."""
    data = Path(request["data"])
    validation = read_pair(data / "val_data.pkl")
    training = () if request["skip_training"] else read_pair(data / "train_data.pkl")
    training = tuple(images[: request["train_pairs"]] for images in training)
    common = validation, training, request["broken"], journal
    subjects = [Subject(Path(request["project"]), number, *common) for number in (1, 2)]
    for subject in subjects:
        vars(subject).update(request["state"].get(subject.name, {}))
    return subjects


def state_of(s: Subject) -> dict[str, Any]:
    """What is found out about a miniproject, and outlives this process."""
    return {"scores": s.scores, "warnings": s.warnings, "offences": s.offences}


def select(checks: list[Check], request: dict[str, Any]) -> list[Check]:
    """The checks that the request asks for; ValueError if there are none."""
    selected = [check for check in checks if request["only"] in check.name]
    if request["skip_training"]:
        selected = [check for check in selected if check.function.__name__ not in TRAINS]
    if not selected:
        known = ", ".join(check.name for check in checks)
        raise ValueError(f"no check has {request['only']!r} in its name; they are: {known}")
    return selected


def explain(error: BaseException, project: Path) -> str:
    """What an error says; one that the grader has not raised itself, with its type and place.

    The place is the submission's last line on the way to the error, if there is one.
    """
    if isinstance(error, Refusal):
        return str(error)
    text = "".join(traceback.format_exception_only(type(error), error)).strip()
    if isinstance(error, ModuleNotFoundError):  # in a package that both miniprojects may have
        package = sys.modules.get((error.name or "").rpartition(".")[0])
        text += "".join(f" in {folder}" for folder in getattr(package, "__path__", []))
    lines = traceback.extract_tb(error.__traceback__)
    own = [line for line in lines if project in Path(line.filename).parents]
    last = (own or lines)[-1]
    place = os.path.relpath(last.filename, project) if own else last.filename
    return f"{text} ({place}, line {last.lineno})"


def environment() -> dict[str, str]:
    """What the checks run on."""
    # The name of the GPU is not asked for: that would begin to use it before the submission does.
    found = "with a GPU" if torch.cuda.is_available() else "no GPU"
    return {"python": platform.python_version(), "torch": torch.__version__, "device": found}


def are_streams_open() -> bool:
    """Whether the process can still print."""
    try:
        os.fstat(1)
        os.fstat(2)
    except OSError:
        return False
    streams = (sys.stdout, sys.stderr)  # a submission may have put anything in their place
    return all(stream is not None and not getattr(stream, "closed", False) for stream in streams)


def run(check: Check, watch: Watch, failed: set[str]) -> dict[str, Any]:
    """Run a check; returns whether it passed, what there is to say, and how long it took."""
    torch.manual_seed(0)
    start, passed, text = time.perf_counter(), True, ""
    try:
        with watch.on(check.subject):
            if check.needs in failed:
                raise Refusal(f"{check.needs} has failed")
            text = check.function(check.subject, *check.arguments) or ""
    except BaseException as error:  # noqa: BLE001 - whatever it is, the next check runs
        passed, text = False, explain(error, check.subject.folder.parent)
    if not are_streams_open():
        passed, text = False, "closes the standard output or the standard error"
    seconds = round(time.perf_counter() - start, 3)
    return {**check.described(), "passed": passed, "text": text[:LONGEST], "seconds": seconds}


def end_with_parent() -> None:
    """End this process when its parent is gone, lest a blocked submission run for ever."""
    parent = os.getppid()
    while os.getppid() == parent:
        time.sleep(1)
    os._exit(1)


def main(folder: Path) -> None:
    """Do what `folder / "request"` asks for, and tell `folder / "events"`."""
    request = json.loads((folder / "request").read_text(encoding="utf-8"))
    journal = partial(write_event, folder / "events")
    threading.Thread(target=end_with_parent, daemon=True).start()
    try:
        one, two = make_subjects(request, journal)
        checks = select(list_checks(one, two), request)
    except ValueError as error:
        journal(error=str(error))
        return
    noisy = dict(zip(("per image", "pooled"), one.psnr(Tensor.float)))
    plan = [check.described() for check in checks]
    pairs = len(one.training[0]) if one.training else 0
    data = {"training pairs": pairs, "validation images": len(one.noisy)}
    journal(plan=plan, noisy=noisy, environment=environment(), data=data)
    # Python has put the script's folder first, where other miniprojects may lie.
    here = Path(sys.argv[0]).resolve().parent
    others = [entry for entry in sys.path if Path(entry).resolve() != here]
    sys.path[:] = [request["project"], *others]
    sys.dont_write_bytecode = True  # leave the project as it is
    # A process that a submission spawns would run that script again, which cannot import this
    # package there: macOS and Windows start the workers of a DataLoader so.
    del sys.modules["__main__"].__file__
    watch = Watch(Path(request["project"]), Path(request["data"], "val_data.pkl"))
    failed = set(request["failed"])
    for check in checks:
        if check.name in request["done"]:
            continue
        journal(begin=check.name)
        result = run(check, watch, failed)
        failed.update([] if result["passed"] else [check.name])
        journal(end=result, state={s.name: state_of(s) for s in (one, two)})
        if not are_streams_open():
            break  # a new process does the rest
