"""What the checks of the grader work on and with: a miniproject under test, and ways to refuse it.

It belongs to an independent judge: it takes nothing from the project but the two models, so it has
a PSNR of its own. It needs torch alone, and runs on Python 3.8 and torch 1.11 as on today's.
"""

from __future__ import annotations

import contextlib
import importlib
import os
import random
import subprocess
import sys
from functools import partial
from pathlib import Path
from typing import Any, Callable, Iterator

import torch
from torch import Tensor


class Subject:
    """One miniproject under test: its folder, the data, and what the checks found out about it.

    Args:
        project: the folder that holds both miniprojects.
        number: 1 or 2.
        validation: noisy and clean images, uint8 (N, 3, H, W).
        training: two noisy versions of other images, uint8 (N, 3, H, W).
    """

    def __init__(
        self,
        project: Path,
        number: int,
        validation: tuple[Tensor, ...],
        training: tuple[Tensor, ...],
    ) -> None:
        self.name, self.number = f"Miniproject_{number}", number
        self.folder = project / self.name
        self.noisy, self.clean = validation
        self.training = training
        self.scores: dict[str, float] = {}
        self.warnings: list[str] = []

    @property
    def module(self) -> Any:
        """The miniproject's model.py, imported when first asked for."""
        return importlib.import_module(f"{self.name}.model")

    def pretrained(self) -> Any:
        """A new Model that has loaded bestmodel.pth."""
        model = self.module.Model()
        model.load_pretrained_model()
        return model

    def psnr(self, predict: Callable[[Tensor], Tensor]) -> tuple[float, float]:
        """PSNR in dB of `predict` on uint8 batches of 100, as in the course.

        Returns:
            The mean of the images' PSNRs, and the PSNR of one mean over all pixels (pooled).
        """
        denoised = torch.cat([predict(batch).cpu() / 255 for batch in self.noisy.split(100)])
        mse = ((denoised - self.clean / 255) ** 2).mean((1, 2, 3)) + 1e-8  # the handout's constant
        return (-10 * mse.log10()).mean().item(), (-10 * mse.mean().log10()).item()


def require(condition: object, message: str) -> None:
    """Fail the check with `message` unless `condition` holds; unlike assert, under -O too."""
    if not condition:
        raise AssertionError(message)


def require_same(
    what: str, found: Tensor, expected: Tensor | None, rtol: float = 1e-4, atol: float = 1e-5
) -> None:
    """Refuse another size, or values farther apart than float32 sums in another order are."""
    if expected is None:
        raise ValueError(f"{what}: autograd has no gradient to compare with")
    sizes = f"{what} has the size {tuple(found.shape)}, expected {tuple(expected.shape)}"
    require(found.shape == expected.shape, sizes)
    error = (found - expected).abs().max().item()
    require(torch.allclose(found, expected, rtol, atol), f"{what} is off by up to {error:.2g}")


require_same_image = partial(require_same, rtol=0, atol=0.01)  # of 255


def require_image(images: Tensor, output: Tensor) -> Tensor:
    """Return `output` if it is a possible answer of predict to `images`."""
    sizes = f"an output of size {tuple(output.shape)} for an input of {tuple(images.shape)}"
    require(output.shape == images.shape, sizes)
    require(output.is_floating_point(), f"an output of {output.dtype}, expected a float type")
    require(not output.requires_grad, "the output is part of a graph")
    low, high = output.min().item(), output.max().item()
    require(low >= 0 and high <= 255, f"values from {low} to {high}, expected 0 to 255")
    return output


def settings() -> dict[str, object]:
    """What belongs to the whole process, and so to both miniprojects."""
    return {
        "grad mode": torch.is_grad_enabled(),
        "default dtype": torch.get_default_dtype(),
        "number of threads": torch.get_num_threads(),
        "working folder": Path.cwd(),
        "search path": list(sys.path),
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
        raise AssertionError(f"a graph is built: it keeps a tensor of size {tuple(tensor.shape)}")

    return torch.autograd.graph.saved_tensors_hooks(refuse, refuse)


def run_python(code: str, folder: Path) -> None:
    """Run `code` in a clean process whose working folder is `folder`; refuse that it fails."""
    clean = {name: value for name, value in os.environ.items() if not name.startswith("PYTHON")}
    command = [sys.executable, "-B", "-c", code]
    done = subprocess.run(command, cwd=folder, env=clean, capture_output=True, text=True)
    require(done.returncode == 0, (done.stderr.strip() or "no message").splitlines()[-1])
