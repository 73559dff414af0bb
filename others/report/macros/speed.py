"""How fast the framework is, against torch.nn and against plain fold and unfold."""

from typing import Any

from others.records.formats import decimals, enumeration, in_words, plain, whole
from others.report.results import Results, block_times, network_steps


def blocks(results: Results) -> dict[str, str]:
    """Forward and backward of each block: our time over torch's."""
    found = results.read("bench/framework")
    rows = {name: parts["both"] for name, parts in block_times(results).items()}
    best = min(rows, key=lambda name: rows[name]["ratio"])
    worst = max(rows, key=lambda name: rows[name]["ratio"])
    return {
        "SpeedThreads": plain(found["threads"]),
        "SpeedProcessor": found["processor"],
        "SpeedRounds": plain(found["rounds"]),
        "SpeedBlocks": str(len(rows)),
        # Counted where the whole range from the 10 % to the 90 % quantile is on one side of 1.
        "SpeedFaster": so_many(sum(row["high"] < 1 for row in rows.values())),
        "SpeedSlower": so_many(sum(row["low"] > 1 for row in rows.values())),
        "SpeedBest": decimals(rows[best]["ratio"]),
        "SpeedWorst": decimals(rows[worst]["ratio"]),
        "SpeedBestName": best,
        "SpeedWorstName": worst,
    }


def so_many(count: int) -> str:
    """A number with its verb: one is, eight are."""
    return f"{in_words(count)} {'is' if count == 1 else 'are'}"


def steps(results: Results) -> dict[str, str]:
    """Whole training steps of three networks: our time and peak memory over torch's."""
    kinds = network_steps(results)
    nearest, new, transposed = (
        [row["ratio"] for row in kinds[kind].values()]
        for kind in ("nearest", "new model", "transposed")
    )
    memory = [row["ours_mib"] / row["torch_mib"] for row in kinds["new model"].values()]
    return {
        "SpeedNearestLow": decimals(min(nearest)),
        "SpeedNearestHigh": decimals(max(nearest)),
        "SpeedNewLow": decimals(min(new)),
        "SpeedNewHigh": decimals(max(new)),
        "SpeedTransposedLow": decimals(min(transposed)),
        "SpeedTransposedHigh": decimals(max(transposed)),
        "SpeedMemoryLow": decimals(min(memory)),
        "SpeedMemoryHigh": decimals(max(memory)),
        "SpeedShort": in_bfloat16(kinds),
    }


def on_a_gpu(results: Results) -> dict[str, str]:
    """Training steps of a new Model on a GPU, with torch's own rounding and without it."""

    def ratios(file: str) -> str:
        steps = network_steps(results, file)["new model"].values()
        return enumeration([decimals(row["ratio"]) for row in steps])

    batches = network_steps(results, "framework_gpu")["new model"]
    return {
        "GpuName": results.read("bench/framework_gpu")["device_name"],
        "GpuBatches": enumeration([whole(batch) for batch in batches]),
        "GpuExact": ratios("framework_gpu_exact"),
        "GpuRounded": ratios("framework_gpu"),
    }


def in_bfloat16(kinds: dict[str, dict[int, dict[str, Any]]]) -> str:
    """A sentence on the step of a new Model in bfloat16, at the smallest batch."""
    short = kinds["new model, bfloat16"]
    batch = min(short)
    ratio = decimals(short[batch]["ratio"])
    return f" In bfloat16, batch {batch}, it takes {ratio} of the time of torch.nn under autocast."


def products(results: Results) -> dict[str, str]:
    """The time of a product over torch's convolution, and of steps where both have AVX2 alone."""
    rows = results.read("bench/products")["rows"]
    ratio = {row["type"]: row["ratio"] for row in rows if row["name"] == "Conv2d"}
    steps = [row["ratio"] for row in network_steps(results, "framework_avx2")["new model"].values()]
    return {
        "ProductFloat": decimals(ratio["float32"], 1),
        "SpeedAvxLow": decimals(min(steps)),
        "SpeedAvxHigh": decimals(max(steps)),
    }


def straightforward(results: Results) -> dict[str, str]:
    """What phases and smearing save over fold and unfold."""
    found = results.read("bench/straightforward")
    ratio = {row["name"]: row["ratio"] for row in found["rows"]}
    phases = found["counts"]["TransposeConv2d, k4 s2"]
    smeared = found["counts"]["Upsampling, k3"]
    return {
        "WaysBatch": plain(found["batch"]),
        "WaysConv": decimals(ratio["Conv2d, k4 s2"], 1),
        "WaysTransposed": decimals(ratio["TransposeConv2d, k4 s2"], 1),
        "WaysNearest": decimals(ratio["Upsampling, k3"], 1),
        "WaysZeros": plain(phases["products_with_zeros_between"] / phases["products"]),
        "WaysRuns": plain(phases["runs"]),
        "WaysRunsByPhases": plain(phases["runs_by_phases"]),
        "WaysProducts": decimals(smeared["products_of_the_enlarged"] / smeared["products"]),
        "WaysCopies": plain(smeared["copies_of_the_enlarged"] / smeared["copies"]),
    }
