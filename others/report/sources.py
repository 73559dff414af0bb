"""What each figure of the reports shows, and the commands that measured it; tables.py has its own.

The commands are those of others/README.md, which says what they need and how long they take.
"""

from typing import NamedTuple


class Source(NamedTuple):
    """Where a figure or a table comes from."""

    report: int  # 1 or 2
    title: str
    commands: tuple[str, ...]  # none where what is shown follows from the code alone


NOISE = "python -m others.analysis.measure_noise_law --data DIR"
EVALUATE = "python -m others.evaluate --data DIR"
IMAGES = "python -m others.studies.submission.report_images"
BENCH = "python -m others.studies.bench.framework"
CURVE = "python -m others.studies.submission.curve {} --epochs 0.25 0.5 1 2 --data DIR"
EXACTNESS = "python -m others.studies.bench.exactness"
TNET = "python -m others.studies.tnet --data DIR --pairs 16000"
UNSEEN = "python -m others.studies.submission.unseen --photographs FOLDER"
LIMITS = "python -m others.studies.submission.course_limits 1 --data DIR"
ABLATE = "python -m others.studies.submission.ablate {} --data DIR"

FIGURE_SOURCES: dict[str, Source] = {
    "noise": Source(
        1, "The noise: its density beside a normal one's, and its size by contrast", (NOISE,)
    ),
    "network": Source(1, "The residual U-Net of Miniproject 1", ()),
    "pictures": Source(
        1,
        "Generated images by approach: noisy, five answers, clean",
        (IMAGES, f"{IMAGES} --losses DIR"),
    ),
    "comparison": Source(
        1,
        "PSNR per image against parameters, time and training",
        (EVALUATE, LIMITS, CURVE.format(1), f"{IMAGES} --losses DIR"),
    ),
    "phases": Source(2, "The four phases of a 4×4 kernel with stride 2", ()),
    "speed": Source(
        2,
        "Training steps over torch.nn's time; PSNR against training time, by Muon and by SGD",
        (BENCH, CURVE.format(2), CURVE.format("2 --sgd")),
    ),
    "rates": Source(
        2,
        "PSNR per image against the learning rate: the climb and the cliff",
        (ABLATE.format("miniproject_2_sgd"),),
    ),
    "strip": Source(
        2,
        "Generated images by approach: noisy, a published training, Miniproject 2, clean",
        (IMAGES, f"{IMAGES} --frameworks DIR"),
    ),
}
