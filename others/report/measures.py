"""Macros of single measurements: noises, pictures, gradients, exactness and speed."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from others.records.paths import RESULTS
from others.records.weights import digest
from others.report.results import Macros, Results, decimals, plain, power, signed, tex, whole
from others.report.wording import enumeration, in_words
from others.studies.submission.report_images import WEIGHTS

BATCH = "step, batch "
COMPARABLE = 0.5  # dB between inputs, beyond which gains on different photographs are not compared


def comparable(ours: dict[str, Any] | None, theirs: dict[str, Any]) -> bool:
    """Whether two rows of unseen noises are of inputs that are about as noisy."""
    return ours is not None and abs(ours["noisy"] - theirs["noisy"]) < COMPARABLE


def unseen(results: Results) -> Macros | None:
    """Noises that the training did not have."""
    found = results.get("unseen")
    if found is None:
        return None
    theirs = results.need("public")["unseen"]["rows"]
    gains = {name: row["shipped"] - row["noisy"] for name, row in found["rows"].items()}
    worst = min(gains, key=lambda name: gains[name])
    shared = [name for name in theirs if comparable(found["rows"].get(name), theirs[name])]
    public = {
        name: max(theirs[name]["psnr_per_image_db"]) - theirs[name]["noisy"] for name in shared
    }
    ahead = [name for name in shared if gains[name] > public[name]]
    behind = max(shared, key=lambda name: public[name] - gains[name], default=worst)
    return {
        "UnseenImages": whole(found["images"]),
        "UnseenWorst": tex(worst),
        "UnseenWorstGain": signed(gains[worst]),
        "UnseenAhead": in_words(len(ahead)),
        "UnseenShared": in_words(len(shared)),
        "UnseenBehind": tex(behind),
        "UnseenBehindBy": decimals(public.get(behind, gains[behind]) - gains[behind]),
    }


def pictures(results: Results) -> Macros | None:
    """The generated images and the masks; they must be of the weights that are shipped."""
    found = results.get("pictures")
    if found is None:
        return None
    if results.folder == RESULTS:
        stale = [name for name, path in WEIGHTS.items() if digest(path) != found["weights"][name]]
        if stale:
            raise ValueError(
                f"pictures.json shows other weights of {enumeration(stale)} than those shipped: "
                "run `python -m others.studies.submission.report_images`"
            )
    masks = found["masks"]
    smoothing = found["smoothing"]["smooth_grad"]
    macros = {"MaskCopies": plain(smoothing["n"]), "MaskSigma": plain(smoothing["sigma"])}
    for place in ("edge", "flat"):
        for name, short in (("jacobian", "Jacobian"), ("smooth_grad", "Smooth")):
            mask, prefix = masks[place][name], f"Mask{place.capitalize()}{short}"
            macros[f"{prefix}Sum"] = decimals(mask["sum"])
            macros[f"{prefix}Own"] = decimals(mask["own"])
    return macros


def influence(results: Results) -> Macros | None:
    """What moves a denoised pixel, over the whole validation set: of our network, or of TNet."""
    found, net = results.get("influence"), "our network"
    if found is None:
        claims, net = results.get("tnet/claims"), "TNet"
        found = claims["measured"][0] if claims else None
    if found is None:
        return None
    moved, edges = found["one pixel moved"], found["edges"]
    first, last = moved["rows"][0], moved["rows"][-1]
    whole_edges = edges["rows"][0]
    words = {"holds": "holds", "refuted": "is refuted", "undecided": "is undecided"}
    return {
        "InfluenceNet": net,
        "InfluenceStep": plain(last["step"]),
        "InfluenceCleanOwn": decimals(first["own weight"]["mean"], 3),
        "InfluenceNoisyOwn": decimals(last["own weight"]["mean"], 3),
        "InfluenceNeighbour": decimals(last["weight of a neighbour"]["mean"], 3),
        "InfluenceShare": whole(100 * last["share left"]["mean"]),
        "InfluenceRank": decimals(
            found["rank correlation"]["noise and gradient of the output"]["mean"], 3
        ),
        "InfluenceFalls": words[moved["own weight falls with its noise"]["verdict"]],
        "InfluenceAcross": decimals(whole_edges["across"]["mean"], 3),
        "InfluenceAlong": decimals(whole_edges["along"]["mean"], 3),
        "InfluenceEdges": words[edges["an edge stops influence"]["verdict"]],
    }


def exactness(results: Results) -> Macros | None:
    """The framework's largest errors."""
    found = results.get("bench/exactness")
    if found is None:
        return None

    def most(kind: str, who: str) -> float:
        layers = found["worst"].values()
        return max(max(layer[kind].get(who, {"": 0.0}).values()) for layer in layers)

    single = found["single_image"]
    return {
        "ExactCount": whole(found["layers_of_each_kind"]),
        "ExactAll": whole(found["layers_of_each_kind"] * len(found["worst"])),
        "ExactDouble": power(most("float64", "ours")),
        "ExactSingleOurs": power(most("float32", "ours")),
        "ExactSingleTorch": power(most("float32", "torch")),
        "ExactShortOurs": power(most("bfloat16", "ours")),
        "ExactShortTorch": power(most("bfloat16", "torch")),
        "ExactSeeds": whole(single["seeds"]),
        "ExactEqual": "all" if single["equal"] == single["seeds"] else whole(single["equal"]),
        "ExactClose": "all" if single["allclose"] == single["seeds"] else whole(single["allclose"]),
    }


def limits(number: int) -> Callable[[Results], Macros | None]:
    """The course's limits: times of `predict`, and what a further epoch does."""

    def macros(results: Results) -> Macros | None:
        found = results.get(f"limits/miniproject_{number}")
        if not found or len(found) < 2:
            return None
        times, epoch = found["times"], found["further_epoch"]
        prefix = f"Limits{'One' if number == 1 else 'Two'}"
        change = (
            epoch["after"]["self_ensemble_psnr_per_image_db"]
            - epoch["before"]["self_ensemble_psnr_per_image_db"]
        )
        return {
            f"{prefix}Thousand": whole(times["seconds_1000_images"]),
            f"{prefix}Large": decimals(times["seconds_512"], 1),
            f"{prefix}Threads": plain(times["threads"]),
            f"{prefix}Pairs": whole(epoch["pairs"]),
            f"{prefix}Change": signed(change, 3),
        }

    return macros


def memory(results: Results) -> Macros | None:
    """Page faults of a training step, and the share of its time that keeping memory saves."""
    found = results.get("bench/memory")
    if found is None:
        return None
    rows = {(row["who"], row["kept"]): row for row in found["rows"]}

    def saved(who: str) -> str:
        return whole(100 * (1 - rows[who, True]["seconds"] / rows[who, False]["seconds"]))

    return {
        "MemoryFaults": whole(rows["ours", False]["faults"]),
        "MemorySaved": saved("ours"),
        "MemorySavedTorch": saved("torch.nn"),
    }


def network_rows(found: dict[str, Any]) -> dict[str, dict[int, dict[str, Any]]]:
    """The rows of whole training steps: kind of network, then batch."""
    kinds: dict[str, dict[int, dict[str, Any]]] = {}
    for row in found["rows"]:
        if row["name"].startswith("network, ") and row["what"].startswith(BATCH):
            kind = row["name"][len("network, ") :]
            kinds.setdefault(kind, {})[int(row["what"][len(BATCH) :])] = row
    return kinds


def speed(results: Results) -> Macros | None:
    """The framework against torch.nn: ratios of time."""
    found = results.get("bench/framework")
    if found is None:
        return None
    kinds = network_rows(found)
    nearest = [row["ratio"] for row in kinds["nearest"].values()]
    shipped = [row["ratio"] for row in kinds["shipped"].values()]
    memory = [row["ours_mib"] / row["torch_mib"] for row in kinds["shipped"].values()]
    blocks = [row for row in found["rows"] if row["what"] == "both"]
    macros = {
        "SpeedBlocks": str(len(blocks)),
        "SpeedFaster": str(sum(row["high"] < 1 for row in blocks)),
        "SpeedSlower": str(sum(row["low"] > 1 for row in blocks)),
        "SpeedBest": decimals(min(row["ratio"] for row in blocks)),
        "SpeedWorst": decimals(max(row["ratio"] for row in blocks)),
        "SpeedBestName": tex(min(blocks, key=lambda row: row["ratio"])["name"]),
        "SpeedWorstName": tex(max(blocks, key=lambda row: row["ratio"])["name"]),
        "SpeedThreads": plain(found["threads"]),
        "SpeedRounds": plain(found["rounds"]),
        "SpeedNearestLow": decimals(min(nearest)),
        "SpeedNearestHigh": decimals(max(nearest)),
        "SpeedShippedLow": decimals(min(shipped)),
        "SpeedShippedHigh": decimals(max(shipped)),
        "SpeedMemoryLow": decimals(min(memory)),
        "SpeedMemoryHigh": decimals(max(memory)),
    }
    transposed = [row["ratio"] for row in kinds["transposed"].values()]
    macros["SpeedTransposedLow"] = decimals(min(transposed))
    macros["SpeedTransposedHigh"] = decimals(max(transposed))
    return {**macros, "SpeedShort": short_speed(kinds)}


def short_speed(kinds: dict[str, dict[int, dict[str, Any]]]) -> str:
    """A sentence on bfloat16 at the batch of the training; nothing where it was not measured."""
    short = kinds.get("shipped, bfloat16")
    if not short:
        return ""
    batch = min(short)
    row, full = short[batch], kinds["shipped"][batch]
    return (
        f" In bfloat16, batch {batch}, it takes {decimals(row['ratio'])} of the time of "
        f"torch.nn under autocast, and {decimals(row['ours_ms'] / full['ours_ms'])} of our "
        "own in float32."
    )


def straightforward(results: Results) -> Macros | None:
    """fold and unfold against phases and smearing."""
    found = results.get("bench/straightforward")
    if found is None:
        return None
    rows = {row["name"]: row["ratio"] for row in found["rows"]}
    conv, transposed, nearest = rows.values()
    counts = found["counts"]
    phases, smeared = counts["TransposeConv2d, k4 s2"], counts["Upsampling, k3"]
    return {
        "WaysBatch": plain(found["batch"]),
        "WaysConv": decimals(conv, 1),
        "WaysTransposed": decimals(transposed, 1),
        "WaysNearest": decimals(nearest, 1),
        "WaysZeros": plain(phases["products_with_zeros_between"] / phases["products"]),
        "WaysRuns": plain(phases["runs"]),
        "WaysRunsByPhases": plain(phases["runs_by_phases"]),
        "WaysProducts": decimals(smeared["products_of_the_enlarged"] / smeared["products"]),
        "WaysCopies": plain(smeared["copies_of_the_enlarged"] / smeared["copies"]),
    }
