"""The macros of report/numbers.tex: each number in the text of a report, by the name of its macro.

A group of numbers has a switch, `\\ifHasFirst` for the group `First`; it is false, and the numbers
are not defined, where the measurement is missing.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

from Miniproject_1.model import WIDTHS
from Miniproject_1.noise2noise import prediction
from Miniproject_1.noise2noise.network import ResidualUNet
from Miniproject_1.noise2noise.training import Settings as FirstSettings
from Miniproject_2.framework.training import Settings as SecondSettings
from Miniproject_2.model import CHANNELS
from Miniproject_2.model import Model as SecondModel
from others.analysis.noise_law import TAIL
from others.data.dead_leaves import SIZE
from others.networks.receptive_field import multiply_adds
from others.report.figures import network_data
from others.report.measures import (
    exactness,
    influence,
    limits,
    memory,
    pictures,
    speed,
    straightforward,
    unseen,
)
from others.report.results import Macros, Results, camel, decimals, plain, power, signed, tex, whole
from others.report.studies import best, curves, frameworks, study, targets, tnet
from others.report.wording import LEAST, enumeration
from others.studies.submission.models import parameters, pretrained

RATES = {"learning_rate", "batch_size", "momentum", "optimizer"}
NAMES = {"Miniproject 1": "One", "Miniproject 2": "Two"}


def scores(results: Results) -> Macros:
    """Both shipped models on the validation images; they must be the ones of the code."""
    found = results.need("submission")
    rows = found["rows"]
    macros = {
        "LeastDb": plain(LEAST),
        "ValImages": whole(found["images"]),
        "NoisyDb": decimals(rows["noisy"]["psnr_per_image_db"]),
        "NoisyPooled": decimals(rows["noisy"]["psnr_pooled_db"]),
    }
    for name, prefix in NAMES.items():
        row = rows[name]
        count = sum(value.numel() for value in parameters(pretrained(name)))
        if count != row["parameters"]:
            raise ValueError(
                f"submission.json is about {name} with {row['parameters']:,} parameters, the code "
                f"has {count:,}: run `python -m others.evaluate --json` anew"
            )
        macros[f"{prefix}Parameters"] = whole(count)
        macros[f"{prefix}Db"] = decimals(row["self_ensemble_psnr_per_image_db"])
        macros[f"{prefix}Pooled"] = decimals(row["self_ensemble_psnr_pooled_db"])
        macros[f"{prefix}Single"] = decimals(row["psnr_per_image_db"])
        macros[f"{prefix}Ensemble"] = decimals(
            row["self_ensemble_psnr_per_image_db"] - row["psnr_per_image_db"]
        )
        macros[f"{prefix}Gain"] = decimals(
            row["self_ensemble_psnr_per_image_db"] - rows["noisy"]["psnr_per_image_db"]
        )
        macros[f"{prefix}PerSecond"] = whole(row["images_per_second"])
    return macros


def course(results: Results) -> Macros | None:
    """Both shipped models on images of the course itself."""
    found = results.get("course")
    if found is None:
        return None
    rows = {
        name: row.get("self_ensemble_psnr_per_image_db", row["psnr_per_image_db"])
        for name, row in found["rows"].items()
    }
    scores = {name: decimals(value) for name, value in rows.items()}
    return {
        "CourseImages": whole(found["images"]),
        "CourseNoisy": scores["noisy"],
        **{f"Course{prefix}": scores[name] for name, prefix in NAMES.items()},
        "CourseOneGain": decimals(rows["Miniproject 1"] - rows["noisy"]),
    }


def trainings(results: Results) -> Macros:
    """How the shipped weights were trained; what an older log does not say is the default.

    Of weights that were trained several times, the numbers are those of the first training, and a
    sentence tells what the others did.
    """
    macros = {}
    defaults = {"One": vars(FirstSettings()), "Two": SecondSettings()._asdict()}
    for number, prefix in ((1, "One"), (2, "Two")):
        log, *later = stretches(results.need(f"training/miniproject_{number}"))
        settings = {**defaults[prefix], **log["settings"]}
        macros[f"{prefix}Again"] = again(log, later) if later else ""
        macros[f"{prefix}Epochs"] = plain(log["epochs"])
        macros[f"{prefix}Pairs"] = whole(log["pairs"])
        for name, value in settings.items():
            if isinstance(value, (int, float)) and not isinstance(value, bool):
                macros[prefix + camel(name)] = plain(value) if value < 1000 else whole(value)
        for name in ("warm_up", "gaussian", "impulses"):
            if name in settings:
                macros[f"{prefix}{camel(name)}Percent"] = plain(round(100 * settings[name], 3))
    macros["OneBetas"] = " and ".join(plain(beta) for beta in defaults["One"]["betas"])
    return macros


def stretches(log: dict[str, Any]) -> list[dict[str, Any]]:
    """The trainings that led to these weights, the first one first."""
    before = log.get("started_from")
    return [*(stretches(before) if before else []), log]


def again(log: dict[str, Any], later: list[dict[str, Any]]) -> str:
    """A sentence on the trainings that went on from trained weights."""

    def score(training: dict[str, Any]) -> str:
        return f"{decimals(training['validation']['self_ensemble_psnr_per_image_db'])}~dB"

    def told(training: dict[str, Any]) -> str:
        use, epochs = training["settings"], plain(training["epochs"])
        if "of_a_schedule_of" in training:
            epochs = f"the first {epochs} of {plain(training['of_a_schedule_of'])}"
        return (
            f"{epochs} epochs of {whole(training['pairs'])} in batches of "
            f"{plain(use['batch_size'])} at {plain(use['learning_rate'])}"
            f"{', on a GPU' if training.get('device') == 'cuda' else ''} ({score(training)})"
        )

    return (
        f" From these weights ({score(log)}) it went on with new pairs of the same "
        f"scenes: {'; then '.join(map(told, later))}."
    )


def networks(results: Results) -> Macros:
    """What the code says about the two networks."""
    widths, encoder, decoder = network_data(results).values()
    elements = 3 * SIZE**2
    rate = SecondSettings().learning_rate
    return {
        "OneWidths": enumeration([str(width) for width in widths]),
        "OneWidthFine": str(widths[0]),
        "OneNewWidths": enumeration([str(width) for width in WIDTHS]),
        "OneEncoder": enumeration([str(count) for count in encoder]),
        "OneDecoder": enumeration([str(count) for count in decoder]),
        "OnePoolings": {1: "one pooling", 2: "two poolings"}[len(widths) - 1],
        "OneMultiplyAdds": whole(multiply_adds(ResidualUNet(), SIZE, SIZE) / 1e6),
        "OneTile": str(prediction.TILE),
        "OneMargin": str(prediction.MARGIN),
        "TwoFew": str(CHANNELS[0]),
        "TwoMany": str(CHANNELS[1]),
        "TwoKernel": str(SecondModel().network[0].geometry.kernel[0]),  # type: ignore[attr-defined]
        "Elements": whole(elements),
        "TwoSumRate": power(rate / elements),
        "MomentumFactor": plain(round(1 / (1 - SecondSettings().momentum), 3)),
    }


def noise(results: Results) -> Macros | None:
    """What the noise is."""
    found = results.get("noise")
    if found is None:
        return None
    groups, related = found["by_contrast"], found["correlations"]
    return {
        "NoiseImages": whole(found["images"]),
        "NoiseStd": decimals(found["std"], 3),
        "NoiseMean": decimals(found["mean"], 4),
        "NoiseKurtosis": decimals(found["kurtosis"], 1),
        "NoiseTailAt": plain(TAIL),
        "NoiseTail": decimals(100 * found["tail"], 1),
        "NormalTail": decimals(100 * math.erfc(TAIL / math.sqrt(2)), 1),
        "NoiseRight": decimals(related["right"], 3),
        "NoiseBelow": decimals(related["below"], 3),
        "NoiseDiagonal": decimals(related["diagonal"], 3),
        "NoiseCopies": decimals(related["copies"], 3),
        "NoiseChannels": decimals(related["red and green"], 2),
        "NoiseFlat": decimals(groups[0]["std"], 3),
        "NoiseSharp": decimals(groups[-1]["std"], 3),
        "NoiseSharpShare": whole(100 * groups[-1]["share"]),
    }


def public(results: Results) -> Macros:
    """What others reached, and what the same weights give here."""
    found = results.need("public")
    rows = results.need("submission")["rows"]
    macros = {
        "PublicSmallRate": plain(found["small_rates"]["rate"]),
        "PublicSmallLow": decimals(found["small_rates"]["low_psnr_per_image_db"], 1),
        "PublicSmallHigh": decimals(found["small_rates"]["high_psnr_per_image_db"], 0),
        "PublicConstant": decimals(found["small_rates"]["constant_psnr_per_image_db"], 1),
        "PublicSlowLow": plain(found["speed"]["low"]),
        "PublicSlowHigh": plain(found["speed"]["high"]),
    }
    source = found["source_report"]
    for name, value in source.items():
        if isinstance(value, (int, float)):
            macros[f"Source{camel(name.replace('_psnr_per_image', ''))}"] = plain(value)
    macros["SourceSlower"] = plain(source["own_minutes"] / source["torch_minutes"])
    for name, prefix, group in (
        ("Miniproject 1", "One", found["first"]),
        ("Miniproject 2", "Two", [row for row in found["second"] if row["prescribed"]]),
    ):
        gaps = [
            row["reported_psnr_per_image_db"] - row["psnr_per_image_db"]
            for row in group
            if "reported_psnr_per_image_db" in row
        ]
        macros[f"{prefix}PublicGapLow"] = decimals(min(gaps))
        macros[f"{prefix}PublicGapHigh"] = decimals(max(gaps))
        best = max(group, key=lambda row: row["psnr_per_image_db"])
        stated = best["reported_psnr_per_image_db"] - found["noisy"]["reported_psnr_per_image_db"]
        macros[f"{prefix}PublicBestStatedGain"] = decimals(stated)
        macros[f"{prefix}PublicBest"] = decimals(best["psnr_per_image_db"])
        macros[f"{prefix}PublicBestName"] = tex(best["network"])
        macros[f"{prefix}OverPublic"] = signed(
            rows[name]["self_ensemble_psnr_per_image_db"] - best["psnr_per_image_db"]
        )
        macros[f"{prefix}SingleOverPublic"] = signed(
            rows[name]["psnr_per_image_db"] - best["psnr_per_image_db"]
        )
    return macros


def exploration(results: Results) -> Macros | None:
    """First tries, one seed each: differences to the network that was kept."""
    found = results.get("exploration")
    if found is None:
        return None
    rows = found["rows"]
    kept = next(row for row in rows if row["network"].startswith("U-Net 32-64, "))
    small, large = (
        next(row for row in rows if row["network"].startswith(f"U-Net {widths},"))
        for widths in ("24-48-96", "32-64-128")
    )
    half = next(row for row in rows if row["network"].startswith("half resolution"))
    same = [row for row in rows if row["network"] == small["network"]]
    weighted = next(row for row in same if row["loss_weight_exponent"] == 1)
    exact = next(row for row in same if row["precision"] == "float32")
    base = small["weight_average_psnr_per_image_db"]

    rates = sorted(found["miniproject_2"], key=lambda row: row["learning_rate"])
    slow, fast = rates[0], rates[-1]
    best = max(rates, key=lambda row: row["psnr_per_image_db"])

    def behind(row: dict[str, Any]) -> str:
        return decimals(
            kept["weight_average_psnr_per_image_db"] - row["weight_average_psnr_per_image_db"]
        )

    return {
        "TryKept": whole(kept["parameters"]),
        "TryLarge": whole(large["parameters"]),
        "TryLargeBehind": behind(large),
        "TrySmallBehind": behind(small),
        "TryHalf": whole(half["parameters"]),
        "TryHalfBehind": behind(half),
        "TryWeighted": signed(weighted["weight_average_psnr_per_image_db"] - base),
        "TryExact": decimals(abs(exact["weight_average_psnr_per_image_db"] - base), 3),
        "TrySlowRate": plain(slow["learning_rate"]),
        "TrySlowBehind": decimals(best["psnr_per_image_db"] - slow["psnr_per_image_db"], 1),
        "TryBestRate": plain(best["learning_rate"]),
        "TryFastRate": plain(fast["learning_rate"]),
        "TryFastDb": decimals(fast["psnr_per_image_db"], 1),
        "TryLast": decimals(
            abs(kept["last_weights_psnr_per_image_db"] - kept["weight_average_psnr_per_image_db"]),
            3,
        ),
    }


def all_macros(results: Results) -> tuple[Macros, dict[str, bool]]:
    """Every macro that the results allow, and the switch of each group that may be missing."""
    macros: Macros = {}
    for always in (scores, trainings, networks, public):
        macros.update(always(results))
    groups: dict[str, Callable[[Results], Macros | None]] = {
        "Course": course,
        "Noise": noise,
        "Try": exploration,
        "First": study("miniproject_1", "First", set()),
        "Second": study("miniproject_2", "Second", RATES),
        "Targets": targets,
        "Tnet": tnet,
        "Best": best,
        "Framework": frameworks,
        "CurveOne": curves(1),
        "CurveTwo": curves(2),
        "LimitsOne": limits(1),
        "LimitsTwo": limits(2),
        "Unseen": unseen,
        "Pictures": pictures,
        "Influence": influence,
        "Exact": exactness,
        "Speed": speed,
        "Memory": memory,
        "Ways": straightforward,
    }
    found = {name: make(results) for name, make in groups.items()}
    for group in found.values():
        macros.update(group or {})
    return macros, {name: group is not None for name, group in found.items()}
