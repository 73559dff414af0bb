"""Macros of the studies that train: ablations, both frameworks, other networks, training time."""

from __future__ import annotations

from collections.abc import Callable

from others.report.figures import curve
from others.report.results import (
    Macros,
    Results,
    base_of,
    camel,
    decimals,
    plain,
    side_by_side,
    signed,
    study_rows,
    tex,
    whole,
)
from others.report.wording import comparisons, enumeration, seeds_of

FALLEN = 2.0  # dB between the seeds of a row, beyond which some of them have diverged


def study(name: str, prefix: str, left_out: set[str]) -> Callable[[Results], Macros | None]:
    """The macros of a study of others/results/ablations: its budget, and what its rows say.

    Rows that change nothing but the settings `left_out` are not compared: a figure has them.
    """

    def macros(results: Results) -> Macros | None:
        found = results.get(f"ablations/{name}")
        rows = study_rows(found) if found else {}
        base = base_of(rows)
        if not found or len(rows) < 2 or base is None:
            return None
        budget = found["setting"]
        channels = budget["base"].get("channels", budget["base"].get("widths", []))
        compared = [
            row for row in rows.values() if not set(row.changes) or set(row.changes) - left_out
        ]
        groups = comparisons(compared)
        most = max(rows.values(), key=lambda row: row.single)
        return {
            f"{prefix}Pairs": whole(budget["pairs"]),
            f"{prefix}Epochs": plain(budget["epochs"]),
            f"{prefix}Seeds": seeds_of(list(rows.values())),
            f"{prefix}Base": decimals(base.single),
            f"{prefix}Spread": decimals(base.spread),
            f"{prefix}Fallen": enumeration(
                [tex(row.name) for row in rows.values() if row.spread > FALLEN] or ["none"]
            ),
            f"{prefix}Best": tex(most.name),
            f"{prefix}BestGain": signed(most.single - base.single),
            f"{prefix}Channels": enumeration([str(c) for c in channels]),
            **{f"{prefix}{group}": text for group, text in groups.items()},
        }

    return macros


def targets(results: Results) -> Macros | None:
    """What noisy targets cost: the same training with clean ones."""
    found = results.get("ablations/miniproject_1")
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
    found = results.get("tnet/study")
    if found is None:
        return None
    pairs, epochs = (found["setting"][name] for name in ("pairs", "epochs"))
    length = "one epoch" if epochs == 1 else f"{plain(epochs)} epochs"
    return {"TnetPairs": whole(pairs), "TnetLength": length}


def best(results: Results) -> Macros | None:
    """TNet and the U-Net trained long, on noisy pairs and taught: PSNR, and minutes of training."""
    macros = {}
    for kind, prefix in (("best", "Best"), ("taught", "Taught")):
        for name in ("tnet", "unet"):
            found = results.get("tnet/study")
            if found is None or f"{name}_{kind}" not in found["rows"]:
                return None
            (run,) = found["rows"][f"{name}_{kind}"]["seeds"].values()
            start = f"{prefix}{camel(name)}"
            macros[start] = decimals(run["psnr_per_image_db"])
            macros[f"{start}Minutes"] = whole(run["seconds"] / 60)
    return macros


def frameworks(results: Results) -> Macros | None:
    """The same training with our passes and with torch's: the largest difference."""
    found = results.get("ablations/frameworks")
    rows = study_rows(found) if found else {}
    pairs = [(rows[ours], rows[theirs]) for _, ours, theirs in side_by_side(rows)]
    if not found or not pairs:
        return None
    gaps = [abs(ours.single - theirs.single) for ours, theirs in pairs]
    return {
        "FrameworkPairs": whole(found["setting"]["pairs"]),
        "FrameworkEpochs": plain(found["setting"]["epochs"]),
        "FrameworkChannels": enumeration(
            [str(c) for c in found["setting"]["base"].get("channels", [])]
        ),
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
        of = "One" if number == 1 else "Two"
        found = results.need(f"curve/miniproject_{number}")
        written = {f"Curve{of}Pairs": whole(found["setting"]["pairs"])}
        for name, point in (("First", points[0]), ("Last", points[-1])):
            prefix = f"Curve{of}{name}"
            written[f"{prefix}Minutes"] = whole(point["minutes"])
            written[f"{prefix}Epochs"] = plain(point["epochs"])
            written[f"{prefix}Db"] = decimals(point["ensemble"])
        return written

    return macros
