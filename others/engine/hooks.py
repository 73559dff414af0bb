"""What a training shows after each epoch: things to hand to `Experiment.run` as `plot`.

Each is called with the experiment before the first epoch and after each one, in every process, and
acts in the first process only.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Any, Callable

import torch
from torch import Tensor
from torch.utils.tensorboard import SummaryWriter

from Miniproject_1.noise2noise.files import write_atomically
from others.data.seeds import seeded
from others.engine.contact_sheet import save_picture
from others.engine.distributed import rank
from others.engine.experiment import Experiment
from others.networks.regressor import evaluating
from others.records.checkpoints import BEST

PARTS = ("train", "validation")  # of an entry of the history
ITERATIONS = 10  # of a network on pure noise
SHOWN_SIDE = 128  # pixels at least that an image has in samples.png


def every(hooks: Sequence[Callable[[Experiment], object]]) -> Callable[[Experiment], None]:
    """One hook that calls them all, in the first process."""

    def call(experiment: Experiment) -> None:
        if rank() == 0:
            for hook in hooks:
                hook(experiment)

    return call


def report(experiment: Experiment) -> None:
    """Print a line: from where a run goes on, or an epoch's figures and the minutes so far."""
    if experiment.epoch == experiment.begun:
        begun = "continue" if experiment.history else "start"
        print(f"{begun} from epoch {experiment.epoch + 1}", flush=True)
        return
    last = experiment.history[-1]
    parts = [
        f"{part}: " + ", ".join(f"{name} {value:.5g}" for name, value in last[part].items())
        for part in PARTS
        if part in last
    ]
    rate = f"{last['images_per_second']:.0f} images/s"
    minutes = sum(entry["seconds"] for entry in experiment.history) / 60
    print(f"epoch {last['epoch']}: {'; '.join(parts)}; {rate}; {minutes:.1f} min", flush=True)


def report_end(experiment: Experiment, folder: Path) -> None:
    """Print what a training has left in its folder, also where all of it was done before."""
    if rank() == 0:
        best = f"{BEST} has the weights of epoch {experiment.best['epoch']}"
        print(f"{folder}: after epoch {experiment.epoch}; {best}", flush=True)


def iterated(experiment: Experiment) -> Tensor:
    """What a network makes of pure noise, applied to its own answer again and again: (N, C, H, W).

    A denoiser leads noise towards what it takes for an image; artefacts of its own show there.
    """
    x = experiment.samples()["noisy"]
    x = torch.rand(x.shape, generator=seeded(0)).to(x)
    with evaluating(experiment.denoiser) as net:
        for _ in range(ITERATIONS):
            x = net(x).clamp(0, 1)
    return x


class TensorBoard:
    """Writes logs for `tensorboard --logdir FOLDER`: figures, images, weights as histograms."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.writer: SummaryWriter | None = None

    def __call__(self, experiment: Experiment) -> None:
        epoch = experiment.epoch
        if self.writer is None:
            # A training that was stopped may have logged more epochs than it saved. They will be
            # done again, so their entries are removed.
            self.writer = SummaryWriter(str(self.folder), purge_step=epoch)
        for name, images in experiment.samples().items():
            self.writer.add_images(name, images.clamp(0, 1), epoch)
        self.writer.add_images("iterated on pure noise", iterated(experiment), epoch)
        for name, values in experiment.denoiser.named_parameters():
            self.writer.add_histogram(name, values.detach(), epoch)
        if experiment.history:
            self._log(self.writer, experiment.history[-1])
        self.writer.flush()

    def _log(self, writer: SummaryWriter, entry: dict[str, Any]) -> None:
        """The figures of an epoch: each of the training and the validation, and two more."""
        for part in PARTS:
            for name, value in entry.get(part, {}).items():
                writer.add_scalar(f"{name}/{part}", value, entry["epoch"])
        for name in ("learning_rate", "images_per_second"):
            writer.add_scalar(name, entry[name], entry["epoch"])


class Picture:
    """Writes samples.png, noisy, denoised and clean images, and curve.png, the PSNR by epochs."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def __call__(self, experiment: Experiment) -> None:
        samples = experiment.samples()
        images = {name: batch.clamp(0, 1).cpu() for name, batch in samples.items()}
        scale = max(1, SHOWN_SIDE // images["clean"].shape[-1])
        save_picture(self.folder / "samples.png", images, len(images["clean"]), scale)
        if len(experiment.history) > 1:
            draw_curve(experiment.history, self.folder / "curve.png")


def draw_curve(history: Sequence[dict[str, Any]], path: Path) -> None:
    """The PSNR of each epoch, of training and validation; the loss where there is no PSNR."""
    from matplotlib.figure import Figure  # matplotlib is slow to import
    from matplotlib.ticker import MaxNLocator

    name, unit = ("PSNR", " (dB)") if "PSNR" in history[0]["train"] else ("loss", "")
    figure = Figure((6.4, 3.2), layout="constrained")
    axes = figure.subplots()
    epochs = [entry["epoch"] for entry in history]
    for part in PARTS:
        if part in history[0]:
            values = [entry[part][name] for entry in history]
            axes.plot(epochs, values, label=f"{part}, last {values[-1]:.4g}")
    axes.set_xlabel("epoch")
    axes.set_ylabel(name + unit)
    axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    axes.legend()
    write_atomically(path, lambda file: figure.savefig(file, format="png", dpi=100))
