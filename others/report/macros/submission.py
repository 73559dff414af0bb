"""The two shipped models: their networks, their training, what they reach, how long they take.

The macros of Miniproject 1 begin with One, those of Miniproject 2 with Two.
"""

from itertools import groupby
from typing import Any, NamedTuple

from Miniproject_1.model import WIDTHS
from Miniproject_1.noise2noise import prediction
from Miniproject_1.noise2noise.network import ResidualUNet
from Miniproject_1.noise2noise.training import Settings as SettingsOne
from Miniproject_2.framework.training import Settings as SettingsTwo
from Miniproject_2.model import CHANNELS, KERNELS
from others.data.dead_leaves import SIZE
from others.data.photographs import WEAK_POINTS, WEAK_STD
from others.networks.receptive_field import multiply_adds
from others.records.formats import NO_BREAK, decibels, decimals, enumeration, plain, signed, whole
from others.report.results import Results, curve_points
from others.report.wording import LEAST
from others.studies.submission.models import parameters, pretrained


def scores(results: Results) -> dict[str, str]:
    """Both shipped models on the validation images."""
    found = results.read("submission")
    noisy, one, two = (found["rows"][name] for name in ("noisy", "Miniproject 1", "Miniproject 2"))
    check_parameters("Miniproject 1", one)
    check_parameters("Miniproject 2", two)
    return {
        "LeastDb": plain(LEAST),
        "ValImages": whole(found["images"]),
        "NoisyDb": decimals(noisy["psnr_per_image_db"]),
        "NoisyPooled": decimals(noisy["psnr_pooled_db"]),
        "OneParameters": whole(one["parameters"]),
        "OneDb": decimals(one["self_ensemble_psnr_per_image_db"]),
        "OnePooled": decimals(one["self_ensemble_psnr_pooled_db"]),
        "OneSingle": decimals(one["psnr_per_image_db"]),
        "OneEnsemble": decimals(one["self_ensemble_psnr_per_image_db"] - one["psnr_per_image_db"]),
        "TwoParameters": whole(two["parameters"]),
        "TwoDb": decimals(two["self_ensemble_psnr_per_image_db"]),
        "TwoPooled": decimals(two["self_ensemble_psnr_pooled_db"]),
        "TwoSingle": decimals(two["psnr_per_image_db"]),
    }


def check_parameters(name: str, row: dict[str, Any]) -> None:
    """ValueError if a row of submission.json is about another network than the code's."""
    count = sum(value.numel() for value in parameters(pretrained(name)))
    if count != row["parameters"]:
        raise ValueError(
            f"submission.json is about {name} with {row['parameters']:,} parameters, the code "
            f"has {count:,}: run `python -m others.evaluate --json` anew"
        )


def course_images(results: Results) -> dict[str, str]:
    """Miniproject 1 on images of the course's own validation set."""
    found = results.read("course")
    one = found["rows"]["Miniproject 1"]
    return {
        "CourseImages": whole(found["images"]),
        "CourseOne": decimals(one["self_ensemble_psnr_per_image_db"]),
        "CourseOneGain": decimals(one["self_ensemble_gain_db"]),
        "CourseOneGainError": decimals(one["self_ensemble_gain_error_db"]),
    }


def networks(results: Results) -> dict[str, str]:
    """What the code itself says about the two networks."""
    shipped = ResidualUNet()
    trained = results.read("training/miniproject_2")
    widths = [int(stage[0].first.in_channels) for stage in shipped.encoder]  # type: ignore[index]
    return {
        "OneWidths": enumeration([str(width) for width in widths]),
        "OneNewWidths": enumeration([str(width) for width in WIDTHS]),
        "OnePoolings": {1: "one pooling", 2: "two poolings"}[len(widths) - 1],
        "OneMultiplyAdds": whole(multiply_adds(shipped, SIZE, SIZE) / 1e6),
        "OneTile": str(prediction.TILE),
        "OneMargin": str(prediction.MARGIN),
        "TwoFew": str(CHANNELS[0]),
        "TwoMany": str(CHANNELS[1]),
        "TwoNewKernel": str(KERNELS[1]),
        "TwoOuterKernel": plain(trained["outer_kernel"]),
        "TwoInnerKernel": plain(trained["inner_kernel"]),
    }


class Kind(NamedTuple):
    """What stretches of a training that are told as one have in common."""

    photographs: int
    weak: float
    device: str
    targets: int
    outer_kernel: int  # 0 in records from before it could be another one
    inner_kernel: int  # likewise


def stretches(log: dict[str, Any]) -> list[dict[str, Any]]:
    """The trainings that led to these weights, the earliest at the beginning."""
    before = log.get("started_from")
    return [*(stretches(before) if before else []), log]


def training_one(results: Results) -> dict[str, str]:
    """How Miniproject 1 was trained: the earliest stretch, and a sentence on the others."""
    log, *later = stretches(results.read("training/miniproject_1"))
    photographs = max(training.get("photographs", 0) for training in later)
    defaults = SettingsOne()._asdict()  # of settings that the log of an older training lacks
    settings = {**defaults, **log["settings"]}
    return {
        "OneAgain": continued(log, later),
        "OnePhotographs": whole(photographs),
        "OneWeakPercent": plain(round(100 * later[-1]["weak"], 3)),
        "OneWeakPoints": plain(WEAK_POINTS),
        "OneWeakStd": plain(WEAK_STD),
        "OneEpochs": plain(log["epochs"]),
        "OnePairs": whole(log["pairs"]),
        "OneBatchSize": plain(settings["batch_size"]),
        "OneLearningRate": plain(settings["learning_rate"]),
        "OneFineTuningRate": plain(defaults["fine_tuning_rate"]),
        "OneAverage": plain(settings["average"]),
        "OneNoiseFloor": plain(settings["noise_floor"]),
        "OneHeldOut": whole(settings["held_out"]),
        "OneWarmUpPercent": plain(round(100 * settings["warm_up"], 3)),
        "OneGaussianPercent": plain(round(100 * settings["gaussian"], 3)),
        "OneImpulsesPercent": plain(round(100 * settings["impulses"], 3)),
        "OneBetas": " and ".join(plain(beta) for beta in log["settings"]["betas"]),
    }


def continued(log: dict[str, Any], later: list[dict[str, Any]]) -> str:
    """A sentence on the trainings that went on from the weights of `log`.

    Those that follow each other on the same kind of pairs and device are told as one, and of each
    only what differs from the one before.
    """

    def score(training: dict[str, Any]) -> float:
        return training["validation"]["self_ensemble_psnr_per_image_db"]

    most = max(training.get("photographs", 0) for training in (log, *later))

    def kind(training: dict[str, Any]) -> Kind:
        return Kind(
            training.get("photographs", most),
            training.get("weak") or 0,
            training.get("device") or "cpu",
            training.get("targets", 1),
            training.get("outer_kernel", 0),
            training.get("inner_kernel", 0),
        )

    before, told = facts(kind(log), [log]), []
    for of, group in groupby(later, kind):
        trainings = list(group)
        now = facts(of, trainings)
        millions = sum(one["pairs"] * one["epochs"] for one in trainings) / 1e6
        changes = ", ".join(fact for fact, old in zip(now, before) if fact not in ("", old))
        number = f"{decimals(millions, 1)} million" + ("" if told else " shown")
        described = f"{number} {changes}".rstrip()
        told.append(f"{described} ({decimals(score(trainings[-1]))})")
        before = now
    start, stretches_told = decibels(score(log)), "; ".join(told)
    return f" From there ({start}) it went on with new pairs (changes are named): {stretches_told}."


def facts(kind: Kind, trainings: list[dict[str, Any]]) -> list[str]:
    """What the trainings of one kind had: each fact at its place, and empty where it is unknown."""
    photographs, weak, device, targets, outer, inner = kind
    settings = trainings[0]["settings"]
    batches = dict.fromkeys(plain(one["settings"]["batch_size"]) for one in trainings)
    return [
        f"of {whole(photographs)} photographs",
        f"with weak noise in {plain(round(100 * weak))}{NO_BREAK}%",
        f"in batches of {enumeration([*batches])}",
        "on a GPU" if device == "cuda" else "on a CPU",
        f"by {trainings[0]['optimizer']}" if "optimizer" in trainings[0] else "",
        f"with the {'weighted' if 'noise_floor' in settings else 'plain'} loss",
        f"each input with {targets} noisy target{'s, not exchanged' if targets > 1 else ''}",
        f"with outer kernels grown to {outer}×{outer} by zeros" if outer else "",
        f"with inner kernels grown to {inner}×{inner} by zeros" if inner else "",
    ]


def training_two(results: Results) -> dict[str, str]:
    """How Miniproject 2 was trained: the earliest stretch, and a sentence on the others."""
    log, *later = stretches(results.read("training/miniproject_2"))
    earlier = results.read("training/miniproject_2_sgd")
    settings = {**SettingsTwo()._asdict(), **log["settings"]}
    return {
        "TwoAgain": continued(log, later),
        "TwoPhotographs": whole(log["photographs"]),
        "TwoEpochs": plain(log["epochs"]),
        "TwoPairs": whole(log["pairs"]),
        "TwoBatchSize": plain(settings["batch_size"]),
        "TwoLearningRate": plain(settings["learning_rate"]),
        "TwoMomentum": plain(settings["momentum"]),
        "TwoAverage": plain(settings["average"]),
        "SgdLongEpochs": plain(earlier["epochs"]),
        "SgdLongDb": decimals(earlier["validation"]["self_ensemble_psnr_per_image_db"]),
        "TwoWarmUpPercent": plain(round(100 * settings["warm_up"], 3)),
    }


def limits(results: Results) -> dict[str, str]:
    """The course's limits: times of `predict`, and what a further epoch changes."""
    one, two = (results.read(f"limits/miniproject_{number}") for number in (1, 2))
    return {
        "LimitsOneThousand": whole(one["times"]["seconds_1000_images"]),
        "LimitsOneLarge": decimals(one["times"]["seconds_512"], 1),
        "LimitsOneThreads": plain(one["times"]["threads"]),
        "LimitsOneChange": signed(further_change(one["further_epoch"]), 3),
        "LimitsTwoThousand": decimals(two["times"]["seconds_1000_images"], 1),
        "LimitsTwoLarge": decimals(two["times"]["seconds_512"], 1),
        "LimitsTwoThreads": plain(two["times"]["threads"]),
        "LimitsTwoChange": signed(further_change(two["further_epoch"]), 3),
    }


def further_change(epoch: dict[str, Any]) -> float:
    """PSNR per image in dB that a further epoch on the shipped weights gains."""
    before, after = (epoch[when]["self_ensemble_psnr_per_image_db"] for when in ("before", "after"))
    return after - before


def curves(results: Results) -> dict[str, str]:
    """The shortest and the longest training from scratch of each miniproject."""
    (one, *_, longest_one), two, sgd = (
        curve_points(results, f"miniproject_{name}") for name in ("1", "2", "2_sgd")
    )
    longest_two = two[-1]
    (epoch_muon, epoch_sgd) = (
        next(point for point in points if point.epochs == 1) for points in (two, sgd)
    )
    return {
        "CurvePairs": whole(results.study("curve/miniproject_1")["setting"]["pairs"]),
        "CurveOneFirstSeconds": whole(60 * one.minutes),
        "CurveOneFirstEpochs": plain(one.epochs),
        "CurveOneFirstDb": decimals(one.ensemble),
        "CurveOneLastSeconds": whole(60 * longest_one.minutes),
        "CurveOneLastEpochs": plain(longest_one.epochs),
        "CurveOneLastDb": decimals(longest_one.ensemble),
        "CurveTwoLastEpochs": plain(longest_two.epochs),
        "CurveTwoLastDb": decimals(longest_two.ensemble),
        "EpochMuonDb": decimals(epoch_muon.ensemble),
        "EpochSgdDb": decimals(epoch_sgd.ensemble),
    }
