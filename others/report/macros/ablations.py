"""What the studies that train say: ablations, both frameworks, first tries, other networks."""

from collections.abc import Sequence
from typing import Any

from Miniproject_1.noise2noise.training import Settings as SettingsOne
from others.data.dead_leaves import SIZE
from others.records.formats import (
    decimals,
    enumeration,
    in_words,
    percent,
    plain,
    power,
    signed,
    whole,
)
from others.report.results import AblationRow, Results, framework_pairs, read_ablations
from others.report.wording import (
    LEVEL,
    chance,
    comparisons,
    gap,
    printed_gap,
    seeds_of,
    significant,
)

ELEMENTS = 3 * SIZE**2  # of an image, which the loss is a mean over


def study_one(results: Results) -> dict[str, str]:
    """The ablations of Miniproject 1: their budget, and what gains and costs."""
    study = read_ablations(results, "miniproject_1")
    base = study.unchanged()
    starred = significant(base, study.rows)
    gains = [f"“{row.name}”" for row in starred if gap(row, base) > 0]
    steps = study.epochs * study.pairs / SettingsOne().batch_size
    sgd = [row.single.mean for row in study.rows if row.changes.get("optimizer") == "sgd"]
    return {
        "AblationsOnePairs": whole(study.pairs),
        "AblationsOneEpochs": plain(study.epochs),
        "AblationsOneSeeds": seeds_of(study.rows),
        "AblationsOneChannels": enumerated(study.base["widths"]),
        "AblationsOneComparisons": str(len(study.rows) - 1),
        "AblationsOneSteps": whole(steps),
        "AblationsOneWarmUp": plain(SettingsOne().least_warm_up),
        "AblationsOneGains": enumeration(gains or ["none"]),
        "OneSgdRates": in_words(len(sgd)),
        "OneSgdBehind": decimals(base.single.mean - max(sgd)),
        "SignificantPercent": percent(LEVEL),
    }


def study_one_full(results: Results) -> dict[str, str]:
    """Optimizers with the channels of a new model, and as many pairs as the course has."""
    study = read_ablations(results, "miniproject_1_full")
    muon, adam = study.unchanged(), study.row("Adam, rate 0.002")
    return {
        "OneFullPairs": whole(study.pairs),
        "OneFullMuon": decimals(printed_gap(muon, adam)),
        "OneFullSeeds": seeds_of([muon, adam]),
        "OneFullRate": signed(printed_gap(study.row("Adam, rate 0.008"), adam)),
        "OneFullBatch": signed(printed_gap(study.row("Adam, batch 8"), adam)),
    }


def augmentation(results: Results) -> dict[str, str]:
    """What exchange and symmetries save in a training that sees the same pairs often."""
    study = read_ablations(results, "miniproject_1_long")
    base = study.unchanged()
    lost = {row.name: -printed_gap(row, base) for row in study.rows}
    return {
        "LongEpochs": plain(study.epochs),
        "LongBothLost": decimals(lost["no augmentation"]),
        "LongEitherLost": decimals(max(lost["no exchange"], lost["no symmetries"])),
    }


def study_two(results: Results) -> dict[str, str]:
    """The ablations of Miniproject 2, trained by Muon; the other optimizers beside it."""
    study = read_ablations(results, "miniproject_2")
    base = study.unchanged()
    named = [row for row in study.rows if "optimizer" not in row.changes]
    found = comparisons(base, study.rows, named)
    others = {
        name: max(
            (row for row in study.rows if row.changes.get("optimizer") == name),
            key=lambda row: row.single.mean,
        )
        for name in ("sgd", "adam")
    }
    return {
        "MuonShortDb": decimals(base.single.mean),
        "MuonOverSgd": signed(printed_gap(base, others["sgd"])),
        "MuonOverAdam": signed(printed_gap(base, others["adam"])),
        "AblationsTwoPairs": whole(study.pairs),
        "AblationsTwoEpochs": plain(study.epochs),
        "AblationsTwoSeeds": seeds_of(study.rows),
        "AblationsTwoChannels": enumerated(study.base["channels"]),
        "AblationsTwoWarmUp": plain(study.base["least_warm_up"]),
        "AblationsTwoGains": found.gains,
        "AblationsTwoCosts": found.costs,
    }


def study_two_full(results: Results) -> dict[str, str]:
    """Loss, kernel and batch with the shipped channels and as many pairs as the course has."""
    study = read_ablations(results, "miniproject_2_full")
    base = study.unchanged()
    gained = {row.name: signed(printed_gap(row, base)) for row in study.rows}
    return {
        "FullPairs": whole(study.pairs),
        "FullWeighted": decimals(printed_gap(study.row("weighted loss"), base)),
        "FullWeightedSeeds": seeds_of([base, study.row("weighted loss")]),
        "FullKernelThree": gained["kernel 3"],
        "FullKernelSix": gained["kernel 6"],
        "FullOuterKernels": gained["outer kernels 8"],
        "FullBatchEight": gained["batch 8"],
        "FullBatchSixteen": gained["batch 16"],
        "FullBatchSixtyFour": gained["batch 64"],
        "FullBatchMost": gained["batch 128"],
    }


def study_sgd(results: Results) -> dict[str, str]:
    """Miniproject 2's network trained by SGD: the settings that all rows share."""
    study = read_ablations(results, "miniproject_2_sgd")
    return {
        "SgdRate": plain(study.base["learning_rate"]),
        "SgdMomentum": plain(study.base["momentum"]),
        "Elements": whole(ELEMENTS),
        "SgdSumRate": power(study.base["learning_rate"] / ELEMENTS),
        "MomentumFactor": plain(round(1 / (1 - study.base["momentum"]), 3)),
        "SgdBatchSize": plain(study.base["batch_size"]),
    }


def enumerated(numbers: Sequence[int]) -> str:
    """[16, 32] as "16 and 32"."""
    return enumeration([str(number) for number in numbers])


def clean_targets(results: Results) -> dict[str, str]:
    """What noisy targets cost: the same training with clean ones."""
    study = read_ablations(results, "miniproject_1")
    # Without exchange, which needs two noisy copies: else the rows would differ in that as well.
    noisy, clean = study.row("no exchange"), study.row("no exchange, clean targets")
    verdict = "significant" if chance(clean, noisy) < LEVEL else "not significant"
    return {"TargetsGap": decimals(printed_gap(clean, noisy)), "TargetsVerdict": verdict}


def frameworks(results: Results) -> dict[str, str]:
    """Trainings that were run with our passes and with torch's: the largest difference in PSNR."""
    study = read_ablations(results, "frameworks")
    pairs = framework_pairs(study)
    gap = max(abs(pair.ours.single.mean - pair.torch.single.mean) for pair in pairs)
    rows: list[AblationRow] = [row for pair in pairs for row in (pair.ours, pair.torch)]
    return {
        "FrameworkPairs": whole(study.pairs),
        "FrameworkEpochs": plain(study.epochs),
        "FrameworkChannels": enumerated(study.base["channels"]),
        "FrameworkSeeds": seeds_of(rows),
        "FrameworkGap": decimals(gap, 3 if gap < 0.01 else 2),
        "FrameworkSpread": decimals(max(row.single.std or 0 for row in rows)),
    }


def frameworks_full(results: Results) -> dict[str, str]:
    """The published settings at the published length, with both frameworks."""
    study = read_ablations(results, "frameworks_full")
    nearest, transposed = framework_pairs(study)
    return {
        "PublishedPairs": whole(study.pairs),
        "PublishedOurs": decimals(nearest.ours.single.mean),
        "PublishedTorch": decimals(nearest.torch.single.mean),
        "PublishedTransposed": decimals(transposed.torch.single.mean),
    }


def first_tries_one(results: Results) -> dict[str, str]:
    """Tries before the shipped settings of Miniproject 1 were chosen, one seed each."""
    rows = results.read("exploration")["miniproject_1"]
    plain_loss = [row for row in rows if row["loss_weight_exponent"] == 0]
    kept = next(row for row in plain_loss if row["widths"] == [32, 64])
    large = next(row for row in plain_loss if row["widths"] == [32, 64, 128])
    half = next(row for row in plain_loss if row["resolution"] == "half")
    same = [row for row in rows if row["widths"] == [24, 48, 96]]  # in other losses, precisions
    base = next(row for row in same if row["loss_weight_exponent"] == 0)
    exact = next(row for row in same if row["precision"] == "float32")

    def gap(one: dict[str, Any], other: dict[str, Any]) -> float:
        return one["weight_average_psnr_per_image_db"] - other["weight_average_psnr_per_image_db"]

    return {
        "TryKept": whole(kept["parameters"]),
        "TryLarge": whole(large["parameters"]),
        "TryLargeBehind": decimals(gap(kept, large)),
        "TryHalfBehind": decimals(gap(kept, half)),
        "TryExact": decimals(abs(gap(exact, base)), 3),
    }


def tnet(results: Results) -> dict[str, str]:
    """The report on TNet, repeated: its budget, and what longer trainings reach, one seed each."""
    study = results.study("tnet/study")
    budget, rows = study["setting"], study["rows"]
    length = "one epoch" if budget["epochs"] == 1 else f"{plain(budget['epochs'])} epochs"
    (best_tnet, best_unet, taught_tnet, taught_unet) = (
        rows[name]["seeds"]["0"]
        for name in ("tnet_best", "unet_best", "tnet_taught", "unet_taught")
    )
    return {
        "TnetPairs": whole(budget["pairs"]),
        "TnetLength": length,
        "BestTnet": decimals(best_tnet["psnr_per_image_db"]),
        "BestTnetMinutes": whole(best_tnet["seconds"] / 60),
        "BestUnet": decimals(best_unet["psnr_per_image_db"]),
        "BestUnetMinutes": whole(best_unet["seconds"] / 60),
        "TaughtTnet": decimals(taught_tnet["psnr_per_image_db"]),
        "TaughtTnetMinutes": whole(taught_tnet["seconds"] / 60),
        "TaughtUnet": decimals(taught_unet["psnr_per_image_db"]),
        "TaughtUnetMinutes": whole(taught_unet["seconds"] / 60),
    }
