"""The macros of report/numbers.tex: each number in the text of a report, by the name of its macro.

A group of numbers has a switch, `\\ifHasFirst` for the group `First`; it is false, and the numbers
are not defined, where the measurement is missing.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

from Miniproject_1.model import Model as FirstModel
from Miniproject_1.others import prediction
from Miniproject_1.others.training import Settings as FirstSettings
from Miniproject_2.framework.training import Settings as SecondSettings
from Miniproject_2.model import CHANNELS
from Miniproject_2.model import Model as SecondModel
from others.evaluate import parameters
from others.noise_law import TAIL
from others.receptive_field import multiply_adds
from others.report.figures import curve
from others.report.measures import exactness, influence, pictures, speed, straightforward, unseen
from others.report.results import Results, decimals, plain, power, signed, study_rows, tex, whole
from others.report.wording import LEAST, comparisons, enumeration, seeds_of

Macros = dict[str, str]
RATES = {"learning_rate", "batch_size", "momentum", "optimizer"}
SIZE = 32  # of the course's images
NAMES = {"Miniproject 1": "One", "Miniproject 2": "Two"}


def scores(results: Results) -> Macros:
    """Both shipped models on the validation images; they must be the ones of the code."""
    found = results.need("submission")
    rows = found["rows"]
    macros = {
        "LeastDb": plain(LEAST),
        "ValImages": whole(found["images"]),
        "NoisyDb": decimals(rows["noisy"]["per_image_db"]),
        "NoisyPooled": decimals(rows["noisy"]["pooled_db"]),
    }
    for name, make in (("Miniproject 1", FirstModel), ("Miniproject 2", SecondModel)):
        row, prefix = rows[name], NAMES[name]
        count = sum(value.numel() for value in parameters(make()))
        if count != row["parameters"]:
            raise ValueError(
                f"submission.json is about {name} with {row['parameters']:,} parameters, the code "
                f"has {count:,}: run `python -m others.evaluate --json` anew"
            )
        macros[f"{prefix}Parameters"] = whole(count)
        macros[f"{prefix}Db"] = decimals(row["per_image_db"])
        macros[f"{prefix}Pooled"] = decimals(row["pooled_db"])
        macros[f"{prefix}Single"] = decimals(row["without_ensemble_db"])
        macros[f"{prefix}Ensemble"] = decimals(row["per_image_db"] - row["without_ensemble_db"])
        macros[f"{prefix}Gain"] = decimals(row["per_image_db"] - rows["noisy"]["per_image_db"])
        macros[f"{prefix}PerSecond"] = whole(row["images_per_second"])
    return macros


def trainings(results: Results) -> Macros:
    """How the shipped weights were trained; what an older log does not say is the default."""
    macros = {}
    defaults = {"One": vars(FirstSettings()), "Two": SecondSettings()._asdict()}
    for number, prefix in ((1, "One"), (2, "Two")):
        log = results.need(f"training/miniproject_{number}")
        settings = {**defaults[prefix], **log["settings"]}
        macros[f"{prefix}Epochs"] = plain(log["epochs"])
        macros[f"{prefix}Pairs"] = whole(log["pairs"])
        for name, value in settings.items():
            if isinstance(value, (int, float)) and not isinstance(value, bool):
                macros[prefix + camel(name)] = plain(value) if value < 1000 else whole(value)
        for name in ("warm_up", "gaussian", "impulses"):
            if name in settings:
                macros[f"{prefix}{camel(name)}Percent"] = plain(round(100 * settings[name], 3))
    betas = {**defaults["One"], **results.need("training/miniproject_1")["settings"]}["betas"]
    macros["OneBetas"] = " and ".join(plain(beta) for beta in betas)
    return macros


def camel(name: str) -> str:
    """learning_rate as LearningRate."""
    return "".join(part.capitalize() for part in name.split("_") if part.isalpha())


def networks(_: Results) -> Macros:
    """What the code says about the two networks."""
    net = FirstModel().network
    widths = [int(stage[0].first.in_channels) for stage in net.encoder]  # type: ignore[index]
    encoder, decoder = [len(stage) for stage in net.encoder], [len(stage) for stage in net.decoder]  # type: ignore[arg-type]
    elements = 3 * SIZE**2
    rate = SecondSettings().learning_rate
    return {
        "OneWidths": enumeration([str(width) for width in widths]),
        "OneWidthFine": str(widths[0]),
        "OneEncoder": enumeration([str(count) for count in encoder]),
        "OneDecoder": enumeration([str(count) for count in decoder]),
        "OnePoolings": {1: "one pooling", 2: "two poolings"}[len(widths) - 1],
        "OneMultiplyAdds": whole(multiply_adds(net.cpu(), SIZE, SIZE) / 1e6),
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
    both = [row for row in found["first"] + found["second"] if "reported_db" in row]
    gaps = [row["reported_db"] - row["here_db"] for row in both]
    rows = results.need("submission")["rows"]
    macros = {
        "PublicGapLow": decimals(min(gaps)),
        "PublicGapHigh": decimals(max(gaps)),
        "PublicSmallRate": plain(found["small_rates"]["rate"]),
        "PublicSmallLow": decimals(found["small_rates"]["low_db"], 1),
        "PublicSmallHigh": decimals(found["small_rates"]["high_db"], 0),
        "PublicConstant": decimals(found["small_rates"]["constant_db"], 1),
        "PublicSlowLow": plain(found["speed"]["low"]),
        "PublicSlowHigh": plain(found["speed"]["high"]),
    }
    source = found["source_report"]
    for name, value in source.items():
        if isinstance(value, (int, float)):
            macros[f"Source{camel(name)}"] = plain(value)
    macros["SourceSlower"] = plain(source["own_minutes"] / source["torch_minutes"])
    for name, prefix, group in (
        ("Miniproject 1", "One", found["first"]),
        ("Miniproject 2", "Two", [row for row in found["second"] if row["prescribed"]]),
    ):
        best = max(group, key=lambda row: row["here_db"])
        macros[f"{prefix}PublicBest"] = decimals(best["here_db"])
        macros[f"{prefix}PublicBestName"] = tex(best["network"])
        macros[f"{prefix}OverPublic"] = signed(rows[name]["per_image_db"] - best["here_db"])
        macros[f"{prefix}SingleOverPublic"] = signed(
            rows[name]["without_ensemble_db"] - best["here_db"]
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
    base = small["psnr_average_of_weights"]

    rates = sorted(found["miniproject_2"], key=lambda row: row["learning_rate"])
    slow, fast = rates[0], rates[-1]
    best = max(rates, key=lambda row: row["psnr"])

    def behind(row: dict[str, Any]) -> str:
        return decimals(kept["psnr_average_of_weights"] - row["psnr_average_of_weights"])

    return {
        "TryKept": whole(kept["parameters"]),
        "TryLarge": whole(large["parameters"]),
        "TryLargeBehind": behind(large),
        "TrySmallBehind": behind(small),
        "TryHalf": whole(half["parameters"]),
        "TryHalfBehind": behind(half),
        "TryWeighted": signed(weighted["psnr_average_of_weights"] - base),
        "TryExact": decimals(abs(exact["psnr_average_of_weights"] - base), 3),
        "TrySlowRate": plain(slow["learning_rate"]),
        "TrySlowBehind": decimals(best["psnr"] - slow["psnr"], 1),
        "TryBestRate": plain(best["learning_rate"]),
        "TryFastRate": plain(fast["learning_rate"]),
        "TryFastDb": decimals(fast["psnr"], 1),
        "TryLast": decimals(abs(kept["psnr_last_weights"] - kept["psnr_average_of_weights"]), 3),
    }


def study(name: str, left_out: set[str]) -> Callable[[Results], Macros | None]:
    """The macros of a study of others/results/ablations: its budget, and what its rows say.

    Rows that change nothing but the settings `left_out` are not compared: a figure has them.
    """

    def macros(results: Results) -> Macros | None:
        found = results.get(f"ablations/{name}")
        rows = study_rows(found) if found else {}
        if not found or len(rows) < 2 or "shipped" not in rows:
            return None
        prefix = camel(name)
        compared = [
            row for row in rows.values() if not set(row.changes) or set(row.changes) - left_out
        ]
        groups = comparisons(compared)
        return {
            f"{prefix}Pairs": whole(found["pairs"]),
            f"{prefix}Epochs": plain(found["epochs"]),
            f"{prefix}Seeds": seeds_of(list(rows.values())),
            f"{prefix}Shipped": decimals(rows["shipped"].single),
            f"{prefix}Spread": decimals(rows["shipped"].spread),
            **{f"{prefix}{group}": text for group, text in groups.items()},
        }

    return macros


def targets(results: Results) -> Macros | None:
    """What noisy targets cost: the same training with clean ones."""
    found = results.get("ablations/first")
    rows = study_rows(found) if found else {}
    noisy, clean = rows.get("no exchange"), rows.get("no exchange, clean targets")
    if noisy is None or clean is None:
        return None
    return {
        "TargetsNoisy": decimals(noisy.single),
        "TargetsClean": decimals(clean.single),
        "TargetsGap": signed(clean.single - noisy.single),
    }


def tnet(results: Results) -> Macros | None:
    """The budget of the repeated report on TNet."""
    found = results.get("tnet/tnet")
    if found is None:
        return None
    shared = found["configuration"]
    return {"TnetPairs": whole(shared["pairs"]), "TnetEpochs": plain(shared["epochs"])}


def frameworks(results: Results) -> Macros | None:
    """The same training with our passes and with torch's: the largest difference."""
    found = results.get("ablations/framework")
    rows = study_rows(found) if found else {}
    pairs = [
        (row, rows[name.replace(": ours", ": torch.nn")])
        for name, row in rows.items()
        if name.endswith(": ours") and name.replace(": ours", ": torch.nn") in rows
    ]
    if not found or not pairs:
        return None
    gaps = [abs(ours.single - theirs.single) for ours, theirs in pairs]
    return {
        "FrameworkPairs": whole(found["pairs"]),
        "FrameworkEpochs": plain(found["epochs"]),
        "FrameworkSeeds": seeds_of(list(rows.values())),
        "FrameworkGap": decimals(max(gaps), 3 if max(gaps) < 0.01 else 2),
        "FrameworkSpread": decimals(max(max(a.spread, b.spread) for a, b in pairs)),
    }


def curves(number: int) -> Callable[[Results], Macros | None]:
    """The first and the last point of the curve of training time."""

    def macros(results: Results) -> Macros | None:
        points = curve(results, number)
        if points is None:
            return None
        written = {}
        for name, point in (("First", points[0]), ("Last", points[-1])):
            prefix = f"Curve{'One' if number == 1 else 'Two'}{name}"
            written[f"{prefix}Minutes"] = whole(point["minutes"])
            written[f"{prefix}Epochs"] = plain(point["epochs"])
            written[f"{prefix}Db"] = decimals(point["ensemble"])
        return written

    return macros


def all_macros(results: Results) -> tuple[Macros, dict[str, bool]]:
    """Every macro that the results allow, and the switch of each group that may be missing."""
    macros: Macros = {}
    for always in (scores, trainings, networks, public):
        macros.update(always(results))
    groups: dict[str, Callable[[Results], Macros | None]] = {
        "Noise": noise,
        "Try": exploration,
        "First": study("first", set()),
        "Second": study("second", RATES),
        "Targets": targets,
        "Tnet": tnet,
        "Framework": frameworks,
        "CurveOne": curves(1),
        "CurveTwo": curves(2),
        "Unseen": unseen,
        "Pictures": pictures,
        "Influence": influence,
        "Exact": exactness,
        "Speed": speed,
        "Ways": straightforward,
    }
    found = {name: make(results) for name, make in groups.items()}
    for group in found.values():
        macros.update(group or {})
    return macros, {name: group is not None for name, group in found.items()}
