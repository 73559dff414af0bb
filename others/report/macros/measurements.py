"""Single measurements: the noise, other noises, influence, exactness."""

import math
from typing import Any

from others.analysis.noise_law import TAIL
from others.records.formats import decimals, in_words, percent, plain, signed, whole
from others.report.results import Results

COMPARABLE = 0.5  # dB between two noisy inputs, beyond which gains over them are not compared


def noise(results: Results) -> dict[str, str]:
    """What the noise is."""
    found = results.read("noise_training")
    course, photographs = (results.read(f"noise_{name}") for name in ("course", "photographs"))
    sets = [course, photographs, found]
    mean = max(abs(one["mean"]) for one in sets)
    neighbours = max(
        abs(one["correlations"][place]) for one in sets for place in ("right", "below")
    )
    colours = [decimals(one["correlations"]["red and green"]) for one in (course, photographs)]
    return {
        "NoiseImages": whole(found["images"]),
        "NoiseMean": decimals(mean, 4),
        "NoiseNeighbours": decimals(neighbours, 3),
        "NoiseColoursCourse": colours[0],
        "NoiseColoursPhotographs": colours[1],
        "NoiseTailAt": plain(TAIL),
        "NoiseTail": percent(photographs["tail"], 1),
        "NormalTail": percent(math.erfc(TAIL / math.sqrt(2)), 1),
        "NoiseCopies": decimals(found["correlations"]["copies"], 3),
        "NoiseSharpShare": percent(photographs["by_contrast"][-1]["share"]),
    }


def comparable(ours: dict[str, Any] | None, theirs: dict[str, Any] | None) -> bool:
    """Whether two rows of other noises, ours and the public ones, have inputs about as noisy.

    The photographs differ, so PSNRs do not compare at all, and gains over the input compare only
    where there was about as much to gain.
    """
    if ours is None or theirs is None:
        return False
    return abs(ours["noisy"] - theirs["noisy"]) < COMPARABLE


WITHOUT_WEAK = "without weak noise"  # the weights before the stretch that had some, in unseen.json
WEAK = "Gaussian, σ 10"


def other_noises(results: Results) -> dict[str, str]:
    """Noises that the training pairs do not have: what our weights and public ones gain."""
    found = results.read("unseen")
    rows, worse = found["rows"], found["made_worse"]
    theirs = results.read("public")["unseen"]["rows"]
    gains = {name: row["shipped"] - row["noisy"] for name, row in rows.items()}
    shared = [name for name in gains if comparable(rows[name], theirs.get(name))]
    ahead = {
        name: gains[name] - max(theirs[name]["psnr_per_image_db"]) + theirs[name]["noisy"]
        for name in shared
    }
    worst, behind = min(gains, key=gains.__getitem__), min(ahead, key=ahead.__getitem__)
    most = round(found["images"] * max(share["shipped"] for share in worse.values()))
    counts = [in_words(number) for number in (sum(gap > 0 for gap in ahead.values()), len(shared))]
    exception = f", and is furthest behind for ``{behind}'', by {decimals(-ahead[behind])}~dB"
    return {
        "UnseenImages": whole(found["images"]),
        "UnseenWorst": worst,
        "UnseenWorse": in_words(most) if most else "none",
        "UnseenAhead": " of ".join(counts) + " noises" + (exception if ahead[behind] < 0 else ""),
        "UnseenWeak": WEAK,
        "UnseenWeakGain": signed(gains[WEAK]),
        "UnseenWeakBefore": signed(rows[WEAK][WITHOUT_WEAK] - rows[WEAK]["noisy"]),
        "UnseenWeakWorse": percent(worse[WEAK][WITHOUT_WEAK]),
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
        "InfluenceLittle": verdict(moved["noisy pixel weighs less than a neighbour"]),
        "InfluenceAcross": decimals(all_edges["across"]["mean"], 3),
        "InfluenceAlong": decimals(all_edges["along"]["mean"], 3),
        "InfluenceEdges": verdict(edges["an edge weakens influence"]),
    }


def verdict(claim: dict[str, Any]) -> str:
    """Whether a claim holds, as the verb of a sentence."""
    words = {"holds": "holds", "refuted": "is refuted", "undecided": "is undecided"}
    return words[claim["verdict"]]


def exactness(results: Results) -> dict[str, str]:
    """How far the framework's layers are from torch's."""
    found = results.read("bench/exactness")
    single = found["single_image"]
    return {
        "ExactCount": whole(found["layers_of_each_kind"]),
        "ExactSeeds": whole(single["seeds"]),
        "ExactEqual": "all" if single["equal"] == single["seeds"] else whole(single["equal"]),
    }
