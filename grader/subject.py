"""What the checks of the grader work on and with: a miniproject under test, and ways to refuse it.

The grader is an independent judge: it takes nothing from the project but the two models, and so it
has a PSNR of its own. It needs torch alone, and runs on Python 3.8 and torch 1.11 as on today's.
"""

from __future__ import annotations

import contextlib
import importlib
import os
import random
import subprocess
import sys
import threading
import warnings
from collections import deque
from pathlib import Path
from typing import Any, Callable, Iterator

import torch
from torch import Tensor, allclose, equal  # bound before a submission could replace them

PATIENCE = 120  # seconds for a process that a check starts
LONGEST = 1000  # characters of a message
PIECE = 10_000  # bytes that are read of its output at a time


class Refusal(AssertionError):
    """A claim of the grader does not hold; any other error comes from the submission."""


class Subject:
    """One miniproject under test: its folder, the data, and what the checks found out about it.

    Args:
        project: the folder that holds both miniprojects.
        number: 1 or 2.
        validation: noisy and clean images, uint8 (N, 3, H, W).
        training: two noisy versions of other images, uint8 (N, 3, H, W); () where none are needed.
        broken: the steps that ended or blocked an earlier process, each with what happened.
        journal: is told of each step that might end this process, when it begins and when it ends.
    """

    def __init__(
        self,
        project: Path,
        number: int,
        validation: tuple[Tensor, ...],
        training: tuple[Tensor, ...],
        broken: dict[str, str],
        journal: Callable[..., None],
    ) -> None:
        self.name, self.number = f"Miniproject_{number}", number
        self.folder = project / self.name
        self.noisy, self.clean = validation
        self.training = training
        self.broken, self.journal = broken, journal
        self.scores: dict[str, float] = {}
        self.warnings: list[list[str]] = []  # who warns, "course" or "ours", and of what
        self.offences: list[str] = []  # what it did beside its answers, for the check `conduct`
        self.look: Callable[[], None] = lambda: None  # adds to them what has happened since

    @contextlib.contextmanager
    def step(self, what: str) -> Iterator[None]:
        """Do what may end or block the process; a later process refuses it without trying again."""
        require(what not in self.broken, f"{what}: {self.broken.get(what)}")
        self.journal(step=what)
        try:
            yield
        finally:
            self.journal(step="")

    @property
    def module(self) -> Any:
        """The miniproject's model.py, imported when first asked for."""
        name = f"{self.name}.model"
        if name in sys.modules:
            return sys.modules[name]
        with self.step(f"the import of {self.name}"):
            return importlib.import_module(name)

    def new(self) -> Any:
        """A new Model."""
        make = self.module.Model
        with self.step(f"Model() of {self.name}"):
            return make()

    def pretrained(self) -> Any:
        """A new Model that has loaded bestmodel.pth."""
        model = self.new()
        model.load_pretrained_model()
        return model

    def holds(self, file: str) -> bool:
        """Whether a file of code is the miniproject's, whose folder may be a link."""
        return not {self.folder, self.folder.resolve()}.isdisjoint(Path(file).parents)

    def warn(self, origin: str, text: str) -> None:
        """Note a warning, once; `origin` says whose it is, the course's or ours."""
        warning = [origin, text[:LONGEST]]
        if warning not in self.warnings:
            self.warnings.append(warning)

    def psnr(self, predict: Callable[[Tensor], Tensor]) -> tuple[float, float]:
        """PSNR in dB of `predict` on uint8 batches of 100, as in the course.

        Returns:
            The mean of the images' PSNRs, and the PSNR of one mean over all pixels (pooled).
        """
        answers = [require_tensor(predict(batch)).cpu() for batch in self.noisy.split(100)]
        denoised = torch.cat(answers) / 255
        mse = ((denoised - self.clean / 255) ** 2).mean((1, 2, 3)) + 1e-8  # the handout's constant
        return (-10 * mse.log10()).mean().item(), (-10 * mse.mean().log10()).item()


def require(condition: object, message: str) -> None:
    """Fail the check with `message` unless `condition` holds; unlike assert, under -O too."""
    if not condition:
        raise Refusal(message)


def require_same(
    what: str, found: Tensor, expected: Tensor | None, rtol: float = 1e-4, atol: float = 1e-5
) -> None:
    """Refuse another size, or values farther apart than float32 sums in another order are."""
    if expected is None:
        raise ValueError(f"{what}: autograd has no gradient to compare with")
    sizes = f"{what} has the size {tuple(found.shape)}, expected {tuple(expected.shape)}"
    require(found.shape == expected.shape, sizes)
    error = (found - expected).abs().max().item()
    require(allclose(found, expected, rtol, atol), f"{what} is off by up to {error:.2g}")


def require_same_image(what: str, found: Tensor, expected: Tensor) -> None:
    """Refuse images in [0, 255] that differ by more than rounding does, be it to whole numbers.

    On an H200 a batch of one image gave answers up to 0.12 off, because a GPU's convolutions round
    to TF32 unless they are told not to.
    """
    is_whole = not (found.is_floating_point() and expected.is_floating_point())
    atol = 1 if is_whole else 0.5 if torch.cuda.is_available() else 0.01
    require_same(what, found.float(), expected.float(), rtol=0, atol=atol)


def require_untouched(what: str, now: Tensor, before: Tensor) -> None:
    """Refuse that a call has written into what it was given."""
    require(equal(now, before), f"{what} is modified")


def require_tensor(output: Any) -> Tensor:
    """Return `output`, which predict has returned, if it is a tensor."""
    kind = type(output).__name__
    require(isinstance(output, Tensor), f"predict returns an object of {kind}, expected a tensor")
    return output


def require_range(images: Tensor, output: Any) -> Tensor:
    """Return `output` if it has the size of `images` and values in [0, 255], as the course asks."""
    require_tensor(output)
    sizes = f"an output of size {tuple(output.shape)} for an input of {tuple(images.shape)}"
    require(output.shape == images.shape, sizes)
    low, high = output.min().item(), output.max().item()
    require(low >= 0 and high <= 255, f"values from {low} to {high}, expected 0 to 255")
    return output


def require_image(s: Subject, images: Tensor, output: Any) -> Tensor:
    """Return `output` if it is in range; of its type and its graph the handout says nothing."""
    found = require_range(images, output)
    if not found.is_floating_point():
        s.warn("ours", f"{s.name}: predict returns {found.dtype}, which rounds the values")
    if found.requires_grad:
        s.warn("ours", f"{s.name}: predict builds a graph, which takes memory and time")
    return found.detach()


def settings() -> dict[str, object]:
    """What belongs to the whole process, and so to both miniprojects."""
    # A filter for a warning that a library defines is that library's own: SymPy adds one, which
    # torch loads with its first optimizer.
    filters = [entry for entry in warnings.filters if entry[2].__module__ == "builtins"]
    return {
        "grad mode": torch.is_grad_enabled(),
        "default dtype": torch.get_default_dtype(),
        "default device": torch.empty(0).device,
        "number of threads": torch.get_num_threads(),
        "working folder": Path.cwd(),
        "search path": list(sys.path),
        "warning filters": filters,
    }


def settings_and_rng() -> dict[str, object]:
    """The settings, and where the sequences of random numbers stand."""
    drawn = {"torch's random state": torch.get_rng_state().tolist()}
    return {**settings(), **drawn, "random's state": random.getstate()}


@contextlib.contextmanager
def nothing_changes(read: Callable[[], dict[str, object]] = settings) -> Iterator[None]:
    """Refuse that what is done inside changes what `read` gives."""
    before = read()
    yield
    changed = [name for name, value in read().items() if value != before[name]]
    require(not changed, f"changes the {' and the '.join(changed)}")


def no_graph() -> contextlib.AbstractContextManager[object]:
    """Refuse that autograd keeps a tensor for a backward pass of its own."""

    def refuse(tensor: Tensor) -> Tensor:
        raise Refusal(f"a graph is built: it keeps a tensor of size {tuple(tensor.shape)}")

    return torch.autograd.graph.saved_tensors_hooks(refuse, refuse)


def run_python(code: str, folder: Path) -> None:
    """Run `code` in a clean process in `folder`; refuse that it fails or takes too long.

    The process sees the same arguments as this one, which are those of the course's script.
    """
    clean = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith("PYTHON") or name == "PYTHONPATH"  # where torch may lie
    }
    command = [sys.executable, "-B", "-u", "-c", f"{code}\nprint('the end')", *sys.argv[1:]]
    with subprocess.Popen(
        command, cwd=folder, env=clean, stdout=subprocess.PIPE, stderr=subprocess.STDOUT
    ) as process:
        timer = threading.Timer(PATIENCE, process.kill)
        timer.daemon = True
        timer.start()
        output = process.stdout
        assert output is not None
        # Whatever it prints, no more than the last two pieces are held in memory.
        pieces = deque(iter(lambda: output.read(PIECE), b""), maxlen=2)
        status = process.wait()
    require(timer.is_alive(), f"a process of its own still runs after {PATIENCE} s")
    timer.cancel()
    lines = b"".join(pieces).decode("utf-8", errors="replace").splitlines()
    require(status == 0, lines[-1] if lines else "no message")
    reached = any(line.endswith("the end") for line in lines)
    require(reached, "a process of its own ends before its last line")
