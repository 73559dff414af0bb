"""Train a network to denoise: the command line of every experiment.

    python -m others.train --net NET --data FOLDER [--noise NOISE] [--epochs N]
    python -m others.train --dry-run
    torchrun --nproc-per-node=2 -m others.train --net NET --data FOLDER

FOLDER holds images, to which noise is added anew whenever they are drawn: in train/ and in val/ or
test/, or directly, and then the last tenth validates. Or it holds the course's train_data.pkl and
val_data.pkl, which are noisy already. Validation is always against clean images. The same command
continues a training that was stopped. --dry-run takes two steps with every network, noise and loss,
or with those that are given, and leaves nothing behind.
"""

from __future__ import annotations

import argparse
import itertools
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch
from torch import Generator

from others.data.folders import CROP, course_sets, image_sets, is_course
from others.data.noise import CELL, PAIRED_LOSS, TABLE, make_noise
from others.data.seeds import seeded
from others.data.sets import AUGMENTATIONS, Images, Noisy
from others.engine.distributed import processes, rank
from others.engine.experiment import PRECISIONS, Experiment
from others.engine.hooks import Picture, TensorBoard, every, report
from others.engine.losses import LOSSES
from others.engine.schedules import SCHEDULES
from others.engine.stats_manager import DenoisingStatsManager
from others.networks.catalogue import NETS, make_network

DRY_IMAGES, DRY_STEPS = 2, 2  # of each combination in a dry run: images in a batch, steps
DRY_SIDE, DRY_CELL = 8, 2  # pixels a side of its images and cells, where no images are given
Options = argparse.Namespace


class Help(argparse.ArgumentDefaultsHelpFormatter, argparse.RawDescriptionHelpFormatter):
    """Shows every default but None, which the help explains itself."""

    def _get_help_string(self, action: argparse.Action) -> str | None:
        return action.help if action.default is None else super()._get_help_string(action)


def parser() -> argparse.ArgumentParser:
    """All options, with their choices and defaults."""
    levels = "\n".join(
        f"  {name:15} {row.low:g} to {row.high:g}: {row.meaning}; loss {row.loss}"
        for name, row in TABLE.items()
    )
    result = argparse.ArgumentParser(
        prog="python -m others.train",
        description=__doc__,
        formatter_class=Help,
        epilog=f"noise levels, and the loss that Noise2Noise pairs with the noise:\n{levels}",
    )
    result.add_argument("--net", choices=NETS, help="network to train; needed but in a dry run")
    add_data_options(result.add_argument_group("data"))
    add_training_options(result.add_argument_group("training"))
    add_output_options(result.add_argument_group("output"))
    return result


def add_data_options(group: Any) -> None:
    """What is trained on."""
    group.add_argument("--data", type=Path, help="folder; needed but in a dry run")
    group.add_argument("--val-data", type=Path, help="other folder of images to validate on")
    group.add_argument("--noise", choices=TABLE, help="added to images (gaussian)")
    group.add_argument(
        "--noise-level",
        "--sigma",
        type=float,
        nargs="+",
        metavar="LEVEL",
        help="one, or the two between which it is drawn; see below (the noise's own default)",
    )
    group.add_argument("--cell", type=int, default=CELL, help="pixels a side, of point_sampling")
    group.add_argument(
        "--targets", choices=("noisy", "clean"), default="noisy", help="what is trained on"
    )
    group.add_argument("--crop", type=int, help=f"pixels a side of an image's crops ({CROP})")
    group.add_argument("--val-crop", type=int, help="the same, to validate on (as --crop)")
    group.add_argument(
        "--augment",
        choices=AUGMENTATIONS,
        default="none",
        help="turn and flip; exchange pixels of the course's pairs too",
    )


def add_training_options(group: Any) -> None:
    """How it is trained."""
    group.add_argument("--loss", choices=LOSSES, help="the one paired with the noise")
    group.add_argument("--epochs", type=int, default=10, help="in all")
    group.add_argument("--steps-per-epoch", type=int, help="batches (all images once)")
    group.add_argument("--batch-size", type=int, default=16, help="of all processes together")
    group.add_argument("--learning-rate", type=float, default=1e-3, help="Adam's, at its peak")
    group.add_argument("--schedule", choices=SCHEDULES, default="constant", help="of the rate")
    group.add_argument("--ema", type=float, metavar="DECAY", help="average the weights (no)")
    group.add_argument("--clip", type=float, metavar="NORM", help="of the gradient, at most (any)")
    group.add_argument("--precision", choices=PRECISIONS, default="float32", help="of products")
    group.add_argument("--seed", type=int, default=0, help="of everything random")


def add_output_options(group: Any) -> None:
    """What is written and shown."""
    group.add_argument("--output", type=Path, help="folder (out/NET-NOISE-LOSS)")
    group.add_argument("--ssim", action="store_true", help="measure SSIM too; needs torchmetrics")
    group.add_argument("--tensorboard", action="store_true", help="log to OUTPUT/tensorboard")
    group.add_argument("--plot", action="store_true", help="write samples and curve as PNG")
    group.add_argument("--progress", action="store_true", default=None, help="a bar in any case")
    group.add_argument("--dry-run", action="store_true", help="two steps, nothing left behind")


def complete(options: Options) -> Options:
    """With the defaults that follow from other options; ValueError if two do not go together."""
    course = options.data is not None and is_course(options.data)
    if course and (options.noise or options.noise_level or options.crop or options.val_crop):
        raise ValueError(
            f"{options.data} holds the course's files, which are noisy and small already; "
            "expected no --noise, --noise-level, --crop or --val-crop"
        )
    if course and options.targets == "clean":
        raise ValueError(f"{options.data} has no clean targets to train on")
    if options.augment == "exchange" and not course:
        raise ValueError("--augment exchange is for the course's pairs; expected none or turn")
    result = argparse.Namespace(**vars(options))
    result.course = course
    result.noise = "course" if course else options.noise or "gaussian"
    result.loss = options.loss or PAIRED_LOSS.get(result.noise, "l2")
    return result


def make_sets(options: Options, limit: int | None = None) -> tuple[Any, Any]:
    """Training and validation set for completed options; `limit` as in `others.data.folders`."""
    if options.course:
        return course_sets(options.data, options.augment, limit)
    level = options.noise_level
    if level is not None and len(level) == 1:
        level = level[0]
    cell = {"cell": options.cell} if options.noise == "point_sampling" else {}
    noise = make_noise(options.noise, level, **cell)
    noisy_targets = options.targets == "noisy"
    if options.data is None:
        shape = (DRY_IMAGES, 3, DRY_SIDE, DRY_SIDE)
        pixels = torch.randint(256, shape, generator=Generator().manual_seed(options.seed))
        images = Images(pixels.byte())
        return Noisy(images, noise, noisy_targets), Noisy(images, noise)
    return image_sets(
        options.data,
        noise,
        noisy_targets,
        options.crop or CROP,
        options.val_crop,
        options.val_data,
        options.augment == "turn",
        limit,
    )


def make_experiment(options: Options, device: torch.device, limit: int | None = None) -> Experiment:
    """The experiment of completed options, continued if its folder holds it already."""
    sets = make_sets(options, limit)
    with seeded(options.seed, device):
        net = make_network(options.net).to(device)
    count = sum(value.numel() for value in net.parameters())
    return Experiment(
        net,
        *sets,
        torch.optim.Adam(net.parameters(), options.learning_rate),
        DenoisingStatsManager(0, 1, options.ssim),
        options.output,
        options.batch_size,
        perform_validation_during_training=options.output is not None,
        seed=options.seed,
        loss=LOSSES[options.loss],
        schedule=SCHEDULES[options.schedule],
        average=options.ema,
        clip=options.clip,
        precision=options.precision,
        steps_per_epoch=options.steps_per_epoch,
        config={"net": {"name": options.net, "parameters": count}},
        progress=options.progress,
    )


def train(options: Options, device: torch.device) -> Experiment:
    """Train as the options say, or go on with it, and say so on stdout."""
    if options.net is None or options.data is None:
        raise ValueError("--net and --data are needed; only --dry-run does without")
    options = complete(options)
    if options.output is None:
        options.output = Path("out") / f"{options.net}-{options.noise}-{options.loss}"
    experiment = make_experiment(options, device)
    hooks: list[Any] = [report]
    if options.tensorboard:
        hooks.append(TensorBoard(options.output / "tensorboard"))
    if options.plot:
        hooks.append(Picture(options.output))
    experiment.run(options.epochs, plot=every(hooks))
    return experiment


def dry_run(options: Options, device: torch.device) -> int:
    """Two steps of every network, noise and loss, or of the given one.

    Returns:
        The number of combinations.
    """
    course = options.data is not None and is_course(options.data)
    noises = [None] if course else [options.noise] if options.noise else list(TABLE)
    nets = [options.net] if options.net else list(NETS)
    losses = [options.loss] if options.loss else list(LOSSES)
    with tempfile.TemporaryDirectory() as folder:
        for net, noise, loss in itertools.product(nets, noises, losses):
            # What is validated and written depends on the network alone: once is enough.
            output = Path(folder) / net if (noise, loss) == (noises[0], losses[0]) else None
            short = {"batch_size": DRY_IMAGES, "steps_per_epoch": DRY_STEPS, "output": output}
            if options.data is None:
                short["cell"] = DRY_CELL
            chosen = {**vars(options), **short, "net": net, "noise": noise, "loss": loss}
            experiment = make_experiment(complete(Options(**chosen)), device, DRY_IMAGES)
            (entry,) = experiment.run(1)
            if rank() == 0:
                print(f"{net} {noise or 'course'} {loss}: loss {entry['train']['loss']:.4g}")
    return len(nets) * len(noises) * len(losses)


def main(arguments: Sequence[str] | None = None) -> None:
    """The command line."""
    command = parser()
    options = command.parse_args(arguments)
    try:
        with processes() as device:
            (dry_run if options.dry_run else train)(options, device)
    except (ValueError, OSError, ModuleNotFoundError, FloatingPointError) as error:
        sys.exit(f"{command.prog}: {error}")
    except KeyboardInterrupt:
        sys.exit(f"{command.prog}: stopped; the same command continues after the last epoch")


if __name__ == "__main__":
    main()
