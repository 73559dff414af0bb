"""Train a network to denoise: the command line of every experiment.

    python -m others.train --net NET --data FOLDER [--noise NOISE] [--epochs N]
    python -m others.train --dry-run
    torchrun --nproc-per-node=2 -m others.train --net NET --data FOLDER

FOLDER holds images, to which noise is added anew whenever they are drawn: in train/ and in val/ or
test/, or directly, and then the last tenth validates. Or it holds the course's train_data.pkl and
val_data.pkl, which are noisy already. The same command continues a training that was stopped.
--dry-run takes two steps with every network, noise and loss, or with those that are given, and
leaves nothing behind.

OUTPUT has the weights of the best epoch, best.pth, and history.json, of which a line is printed
after each epoch. Validation is always against clean images. PSNR is that of whole batches, which
are not clipped, and psnr_per_image_db that of clipped images, both as means in dB. In the training,
PSNR is measured against the targets: against noisy ones it is mostly that of their noise.
"""

import argparse
import itertools
import tempfile
from pathlib import Path
from typing import Any

import torch

from others.data.folders import CROP, course_sets, image_sets, is_course
from others.data.images import Crops
from others.data.noise import CELL, TABLE, make_noise
from others.data.seeds import global_seed, seeded
from others.data.sets import AUGMENTATIONS, Noisy
from others.engine import command
from others.engine.distributed import processes, rank
from others.engine.experiment import Experiment
from others.engine.hooks import Picture, TensorBoard, every, report, report_end
from others.engine.losses import LOSSES
from others.engine.options import PRECISIONS, TrainingOptions
from others.engine.schedules import SCHEDULES
from others.engine.stats_manager import DenoisingStatsManager
from others.networks.catalogue import NETS, make_network

DRY_IMAGES, DRY_STEPS = 2, 2  # of each combination in a dry run: images in a batch, steps
DRY_SIDE, DRY_CELL = 8, 2  # pixels a side of its images and cells, where no images are given
Options = argparse.Namespace


def parser() -> argparse.ArgumentParser:
    """All options, with their choices and defaults."""
    levels = "\n".join(
        f"  {name:15} {row.low:g} to {row.high:g}: {row.meaning}; loss {row.loss}"
        for name, row in TABLE.items()
    )
    result = command.parser(__spec__, __doc__)
    result.epilog = f"noises, their levels, and the losses that suit them (Noise2Noise):\n{levels}"
    result.add_argument("--net", choices=NETS, help="network to train; needed but in a dry run")
    add_data_options(result.add_argument_group("data"))
    add_training_options(result.add_argument_group("training"))
    add_output_options(result.add_argument_group("output"))
    return result


def add_data_options(group: Any) -> None:
    """What is trained on."""
    group.add_argument("--data", type=Path, help="folder; needed but in a dry run")
    group.add_argument("--noise", choices=TABLE, help="noise for the images, gaussian unless given")
    group.add_argument(
        "--noise-level",
        "--sigma",
        type=float,
        nargs="+",
        metavar="LEVEL",
        help="strength of the noise, or the two between which it is drawn; see below",
    )
    group.add_argument(
        "--cell",
        type=command.whole(1),
        help=f"pixels along a side of the cells of point_sampling, {CELL} unless given",
    )
    group.add_argument(
        "--targets",
        choices=("noisy", "clean"),
        default="noisy",
        help="what the network learns to predict",
    )
    group.add_argument(
        "--crop",
        type=command.whole(1),
        help=f"pixels along a side of the crops of images, {CROP} unless given",
    )
    group.add_argument(
        "--augment",
        choices=AUGMENTATIONS,
        default="none",
        help="turn and flip images; exchange also mixes the two images of the course's pairs",
    )


def add_training_options(group: Any) -> None:
    """How it is trained."""
    number = command.whole(1)
    group.add_argument("--loss", choices=LOSSES, help="the one that suits the noise unless given")
    group.add_argument("--epochs", type=number, default=10, help="epochs in all, earlier ones too")
    group.add_argument("--steps-per-epoch", type=number, help="as many as show each image once")
    group.add_argument("--batch-size", type=number, default=16, help="images of all processes")
    group.add_argument("--learning-rate", type=float, default=1e-3, help="Adam's, at its peak")
    group.add_argument(
        "--schedule", choices=SCHEDULES, default="constant", help="course of the learning rate"
    )
    group.add_argument(
        "--ema", type=float, metavar="DECAY", help="keep a moving average of the weights"
    )
    group.add_argument("--clip", type=float, metavar="NORM", help="most that a gradient may have")
    group.add_argument(
        "--precision", choices=PRECISIONS, default="float32", help="numbers in products"
    )
    group.add_argument(
        "--seed", type=command.whole(0), default=0, help="decides everything that is random"
    )


def add_output_options(group: Any) -> None:
    """What is written and shown."""
    group.add_argument("--output", type=Path, help="folder; out/NET-NOISE-LOSS unless given")
    group.add_argument("--ssim", action="store_true", help="measure the structural similarity too")
    group.add_argument("--tensorboard", action="store_true", help="log to OUTPUT/tensorboard")
    group.add_argument("--plot", action="store_true", help="write samples and the curve as PNG")
    group.add_argument(
        "--dry-run", action="store_true", help="take two steps and leave nothing behind"
    )


def complete(options: Options) -> Options:
    """The options with the defaults that follow from other options.

    UsageError if two do not go together.
    """
    course = options.data is not None and is_course(options.data)
    if course and (options.noise or options.noise_level or options.crop):
        raise command.UsageError(
            f"{options.data} holds the course's files, which are noisy and small already; "
            "expected no --noise, --noise-level or --crop"
        )
    if course and options.targets == "clean":
        raise command.UsageError(f"{options.data} has no clean targets to train on")
    if options.cell and options.noise != "point_sampling" and not options.dry_run:
        raise command.UsageError("--cell is for --noise point_sampling")
    if options.augment == "exchange" and not course:
        raise command.UsageError(
            "--augment exchange is for the course's pairs; expected none or turn"
        )
    result = argparse.Namespace(**vars(options))
    result.course = course
    result.noise = "course" if course else options.noise or "gaussian"
    result.loss = options.loss or ("l2" if course else TABLE[result.noise].loss)
    return result


def make_sets(options: Options, limit: int | None = None) -> tuple[Any, Any]:
    """Training and validation set for completed options.

    Args:
        limit: images to take of each set; None for all.
    """
    if options.course:
        return course_sets(options.data, options.augment, limit)
    level = options.noise_level
    if level is not None and len(level) == 1:
        level = level[0]
    cell = {"cell": options.cell or CELL} if options.noise == "point_sampling" else {}
    noise = make_noise(options.noise, level, **cell)
    noisy_targets = options.targets == "noisy"
    if options.data is None:
        shape = (DRY_IMAGES, 3, DRY_SIDE, DRY_SIDE)
        pixels = torch.randint(256, shape, generator=seeded(options.seed))
        images = Crops({str(n): one for n, one in enumerate(pixels.byte())}, DRY_SIDE)
        return Noisy(images, noise, noisy_targets), Noisy(images, noise)
    return image_sets(
        options.data,
        noise,
        noisy_targets,
        options.crop or CROP,
        options.augment == "turn",
        limit,
    )


def make_experiment(options: Options, device: torch.device, limit: int | None = None) -> Experiment:
    """The experiment of completed options, continued if its folder holds it already."""
    sets = make_sets(options, limit)
    with global_seed(options.seed, device):
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
        options=TrainingOptions(
            seed=options.seed,
            loss=LOSSES[options.loss],
            schedule=SCHEDULES[options.schedule],
            average=options.ema,
            clip=options.clip,
            precision=options.precision,
            steps_per_epoch=options.steps_per_epoch,
            config={"net": {"name": options.net, "parameters": count}},
        ),
    )


def train(options: Options, device: torch.device) -> Experiment:
    """Train as the options say, or continue such a training, with a line on stdout each epoch."""
    if options.net is None or options.data is None:
        raise command.UsageError("--net and --data are needed; only --dry-run does without")
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
    report_end(experiment, options.output)
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
                short["cell"] = options.cell or DRY_CELL
            chosen = {**vars(options), **short, "net": net, "noise": noise, "loss": loss}
            experiment = make_experiment(complete(Options(**chosen)), device, DRY_IMAGES)
            (entry,) = experiment.run(1)
            if rank() == 0:
                print(f"{net} {noise or 'course'} {loss}: loss {entry['train']['loss']:.4g}")
    return len(nets) * len(noises) * len(losses)


def run(options: Options) -> None:
    """Train, or try that everything can be trained, in all processes that torchrun started."""
    with processes() as device:
        (dry_run if options.dry_run else train)(options, device)


main = command.main_of(parser, run)

if __name__ == "__main__":
    main()
