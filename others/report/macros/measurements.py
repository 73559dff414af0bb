"""Single measurements: the noise, other noises, masks, influence, exactness."""

from __future__ import annotations

import math
from typing import Any

from others.analysis.noise_law import TAIL
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
from others.records.paths import RESULTS
from others.records.weights import digest
from others.report.results import Results
from others.studies.submission.models import WEIGHTS

COMPARABLE = 0.5  # dB between two noisy inputs, beyond which gains over them are not compared


def noise(results: Results) -> dict[str, str]:
    """What the noise is."""
    found = results.read("noise")
    groups, related = found["by_contrast"], found["correlations"]
    return {
        "NoiseImages": whole(found["images"]),
        "NoiseStd": decimals(found["std"], 3),
        "NoiseMean": decimals(found["mean"], 4),
        "NoiseKurtosis": decimals(found["kurtosis"], 1),
        "NoiseTailAt": plain(TAIL),
        "NoiseTail": percent(found["tail"], 1),
        "NormalTail": percent(math.erfc(TAIL / math.sqrt(2)), 1),
        "NoiseRight": decimals(related["right"], 3),
        "NoiseBelow": decimals(related["below"], 3),
        "NoiseCopies": decimals(related["copies"], 3),
        "NoiseChannels": decimals(related["red and green"], 2),
        "NoiseFlat": decimals(groups[0]["std"], 3),
        "NoiseSharp": decimals(groups[-1]["std"], 3),
        "NoiseSharpShare": percent(groups[-1]["share"]),
    }


def comparable(ours: dict[str, Any] | None, theirs: dict[str, Any] | None) -> bool:
    """Whether two rows of other noises, ours and the public ones, have inputs about as noisy.

    The photographs differ, so PSNRs do not compare at all, and gains over the input compare only
    where there was about as much to gain.
    """
    if ours is None or theirs is None:
        return False
    return abs(ours["noisy"] - theirs["noisy"]) < COMPARABLE


def other_noises(results: Results) -> dict[str, str]:
    """Noises that the training pairs do not have: what our weights and public ones gain."""
    found = results.read("unseen")
    theirs = results.read("public")["unseen"]["rows"]
    gains = {name: row["shipped"] - row["noisy"] for name, row in found["rows"].items()}
    shared = [name for name in gains if comparable(found["rows"][name], theirs.get(name))]
    public = {
        name: max(theirs[name]["psnr_per_image_db"]) - theirs[name]["noisy"] for name in shared
    }
    worst = min(gains, key=lambda name: gains[name])
    behind = max(shared, key=lambda name: public[name] - gains[name])
    return {
        "UnseenImages": whole(found["images"]),
        "UnseenWorst": worst,
        "UnseenWorstGain": signed(gains[worst]),
        "UnseenAhead": in_words(sum(gains[name] > public[name] for name in shared)),
        "UnseenShared": in_words(len(shared)),
        "UnseenBehind": behind,
        "UnseenBehindBy": decimals(public[behind] - gains[behind]),
    }


def masks(results: Results) -> dict[str, str]:
    """Which input pixels move a denoised one, in two places; of the weights that are shipped."""
    found = results.read("pictures")
    if results.folder == RESULTS:
        stale = [name for name, path in WEIGHTS.items() if digest(path) != found["weights"][name]]
        if stale:
            raise ValueError(
                f"pictures.json shows other weights of {enumeration(stale)} than those shipped: "
                "run `python -m others.studies.submission.report_images`"
            )
    smoothing = found["smoothing"]["smooth_grad"]
    edge, flat = found["masks"]["edge"], found["masks"]["flat"]
    return {
        "MaskCopies": plain(smoothing["n"]),
        "MaskSigma": plain(smoothing["sigma"]),
        "MaskEdgeJacobianSum": decimals(edge["jacobian"]["sum"]),
        "MaskEdgeJacobianOwn": decimals(edge["jacobian"]["own"]),
        "MaskEdgeSmoothOwn": decimals(edge["smooth_grad"]["own"]),
        "MaskFlatJacobianSum": decimals(flat["jacobian"]["sum"]),
        "MaskFlatJacobianOwn": decimals(flat["jacobian"]["own"]),
        "MaskFlatSmoothOwn": decimals(flat["smooth_grad"]["own"]),
    }


def influence(results: Results) -> dict[str, str]:
    """What moves a denoised pixel of TNet, over the whole validation set."""
    found = results.read("tnet/claims")["measured"][0]
    moved, edges = found["one pixel moved"], found["edges"]
    clean, farthest = moved["rows"][0], moved["rows"][-1]
    correlation = found["rank correlation"]["noise and gradient of the output"]
    all_edges = edges["rows"][0]
    return {
        "InfluenceStep": plain(farthest["step"]),
        "InfluenceCleanOwn": decimals(clean["own weight"]["mean"], 3),
        "InfluenceNoisyOwn": decimals(farthest["own weight"]["mean"], 3),
        "InfluenceNeighbour": decimals(farthest["weight of a neighbour"]["mean"], 3),
        "InfluenceShare": percent(farthest["share left"]["mean"]),
        "InfluenceRank": decimals(correlation["mean"], 3),
        "InfluenceFalls": verdict(moved["own weight falls with its noise"]),
        "InfluenceAcross": decimals(all_edges["across"]["mean"], 3),
        "InfluenceAlong": decimals(all_edges["along"]["mean"], 3),
        "InfluenceEdges": verdict(edges["an edge stops influence"]),
    }


def verdict(claim: dict[str, Any]) -> str:
    """Whether a claim holds, as the verb of a sentence."""
    words = {"holds": "holds", "refuted": "is refuted", "undecided": "is undecided"}
    return words[claim["verdict"]]


def exactness(results: Results) -> dict[str, str]:
    """How far the framework's layers are from torch's."""
    found = results.read("bench/exactness")
    single = found["single_image"]

    def largest_in_bfloat16(who: str) -> float:
        return max(max(layer["bfloat16"][who].values()) for layer in found["worst"].values())

    return {
        "ExactCount": whole(found["layers_of_each_kind"]),
        "ExactShortOurs": power(largest_in_bfloat16("ours")),
        "ExactShortTorch": power(largest_in_bfloat16("torch")),
        "ExactSeeds": whole(single["seeds"]),
        "ExactEqual": "all" if single["equal"] == single["seeds"] else whole(single["equal"]),
    }
