"""What a training shows after each epoch: things to hand to `Experiment.run` as `plot`.

Each is called with the experiment before the first epoch and after each one, in every process, and
acts in the first process only.
"""

from __future__ import annotations

import importlib
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Callable

from PIL import Image, ImageDraw

from Miniproject_1.noise2noise.files import write_atomically
from others.engine.contact_sheet import save_picture
from others.engine.distributed import rank
from others.engine.experiment import Experiment

CURVE = (640, 240)  # pixels
COLOURS = {"train": "steelblue", "validation": "darkorange"}


def every(hooks: Sequence[Callable[[Experiment], object]]) -> Callable[[Experiment], None]:
    """One hook that calls them all."""

    def call(experiment: Experiment) -> None:
        if rank() == 0:
            for hook in hooks:
                hook(experiment)

    return call


def report(experiment: Experiment) -> None:
    """A line on stdout: where the training is, and its last figures."""
    if not experiment.history:
        print("training from epoch 1", flush=True)
        return
    last = experiment.history[-1]
    parts = [
        f"{part}: " + ", ".join(f"{name} {value:.5g}" for name, value in last[part].items())
        for part in COLOURS
        if part in last
    ]
    rate = f"{last['images_per_second']:.0f} images/s"
    print(f"epoch {last['epoch']}: {'; '.join(parts)}; {rate}", flush=True)


class TensorBoard:
    """Logs for `tensorboard --logdir FOLDER`; ModuleNotFoundError if that is not installed."""

    def __init__(self, folder: Path) -> None:
        try:
            self.module: Any = importlib.import_module("torch.utils.tensorboard")
        except ModuleNotFoundError as error:
            raise ModuleNotFoundError(
                "--tensorboard needs tensorboard, which is not installed: `pip install tensorboard`"
            ) from error
        self.folder = folder
        self.writer: Any = None

    def __call__(self, experiment: Experiment) -> None:
        epoch = experiment.epoch
        if (
            self.writer is None
        ):  # what an interrupted training logged beyond its last save is purged
            self.writer = self.module.SummaryWriter(str(self.folder), purge_step=epoch)
        for name, images in experiment.samples().items():
            self.writer.add_images(name, images.clamp(0, 1), epoch)
        for part in ("train", "validation"):
            for name, value in (experiment.history or [{}])[-1].get(part, {}).items():
                self.writer.add_scalar(f"{name}/{part}", value, epoch)
        if experiment.history:
            for name in ("learning_rate", "images_per_second"):
                self.writer.add_scalar(name, experiment.history[-1][name], epoch)
        self.writer.flush()


class Picture:
    """Writes samples.png, noisy, denoised and clean images, and curve.png, the PSNR by epochs."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def __call__(self, experiment: Experiment) -> None:
        samples = experiment.samples()
        images = {name: batch.clamp(0, 1).cpu() for name, batch in samples.items()}
        scale = max(1, 128 // images["clean"].shape[-1])
        save_picture(self.folder / "samples.png", images, len(images["clean"]), scale)
        if len(experiment.history) > 1:
            curve = draw_curve(experiment.history)
            write_atomically(self.folder / "curve.png", lambda file: curve.save(file, "PNG"))


def draw_curve(history: Sequence[dict[str, Any]]) -> Image.Image:
    """The PSNR of each epoch, of training and validation; the loss where there is no PSNR."""
    name = "PSNR" if "PSNR" in history[0]["train"] else "loss"
    lines = {
        part: [entry[part][name] for entry in history] for part in COLOURS if part in history[0]
    }
    low = min(min(values) for values in lines.values())
    high = max(max(values) for values in lines.values())
    (width, height), margin = CURVE, 24
    image = Image.new("RGB", CURVE, "white")
    pen = ImageDraw.Draw(image)
    for row, (part, values) in enumerate(lines.items()):
        points = [
            (
                margin + (width - 2 * margin) * number / (len(values) - 1),
                height - margin - (height - 2 * margin) * (value - low) / max(high - low, 1e-9),
            )
            for number, value in enumerate(values)
        ]
        pen.line(points, fill=COLOURS[part], width=2)
        label = f"{part} {name} {values[-1]:.4g}"
        pen.text((width / 2, height / 2 + 14 * row), label, fill=COLOURS[part])
    for value, top in ((high, 6), (low, height - 18)):
        pen.text((4, top), f"{value:.4g}", fill="black")
    return image
