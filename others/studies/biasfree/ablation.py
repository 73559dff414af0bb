"""The source's advice, tried: which of its seven claims hold here, at a small equal budget?

    python -m others.studies.biasfree.ablation --data FOLDER ... --images FOLDER [--only ROW ...]

Under "Designing the best possible denoiser", the library "blind image denoising" (N. Markou) makes
seven claims, some in several parts. Each row changes one thing of configs/ablation.json; all are
trained for the same number of steps on noise of σ up to 50, and scored on the same squares of test
images:

    inside   PSNR per image at σ within that range, and beyond it: generalisation
    early    PSNR per image of the validation images after the first epoch: speed of learning
    worst    the error in grey levels that one value in a thousand exceeds: artefacts

Runs go to --json as soon as they are known, and what is there is not run again, so that the command
can be stopped and repeated. Differences to the plain row are taken seed by seed; a claim holds if
their mean is on its side by more than the 95 % confidence of Student's t, is refuted if it is so
much on the other, and undecided otherwise.
"""

from __future__ import annotations

import argparse
import json
import math
import statistics
import sys
import time
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, NamedTuple

import torch
from torch import Tensor

from others.analysis.scoring import (
    LEVELS,
    Denoise,
    add_options,
    answers_of,
    checksum,
    same_setting,
    scores,
    squares,
    with_noise,
)
from others.records.estimates import estimate, verdict
from others.records.json_files import save_json
from others.records.paths import CONFIGS, RESULTS
from others.studies.biasfree.pipeline import Pipeline, load_pipeline, parse
from others.studies.biasfree.train import make_experiment

INSIDE, BEYOND = (10, 25, 50), (75, 100)  # σ of the noise: as in the training, and more
RARE = 1e-3  # share of all values
SIDE = 128  # pixels along a side of the test images
PLAIN = "plain"
FILE = RESULTS / "biasfree" / "ablation.json"
MEASURES = (
    "inside_psnr_per_image_db",
    "beyond_psnr_per_image_db",
    "early_psnr_per_image_db",
    "worst",
)  # what differences are taken of
Result = dict[str, Any]


class Claim(NamedTuple):
    """A part of a claim, and the measure that would be higher or lower for it."""

    number: int  # in the source's list
    text: str
    measure: str
    higher: bool = True

    def judged(self, line: Result) -> str:
        """What the differences of a row say about it."""
        gain, confidence = line[self.measure]["gain"], line[self.measure]["confidence"]
        return verdict(gain if self.higher else -gain, confidence)


class Variant(NamedTuple):
    """A row: what it changes, and the claims that it is about."""

    changes: dict[str, Any]
    claims: tuple[Claim, ...] = ()


HINGE = Claim(1, "a small hinge in the loss works very well", "inside_psnr_per_image_db")
SCALES = Claim(2, "multi-scale models work better", "inside_psnr_per_image_db")
ORTHOGONAL = (
    Claim(3, "soft orthogonal regularisation generalises better", "beyond_psnr_per_image_db"),
    Claim(3, "it is slower to train", "early_psnr_per_image_db", higher=False),
)
RECEPTIVE = (
    Claim(
        4,
        "regularising the effective receptive field generalises better",
        "beyond_psnr_per_image_db",
    ),
    Claim(4, "it is slower to train", "early_psnr_per_image_db", higher=False),
)
EXCITE = Claim(5, "squeeze-and-excite gives a small boost", "inside_psnr_per_image_db")
FINAL_NORM = Claim(
    6, "avoid batch normalisation at the end", "inside_psnr_per_image_db", higher=False
)
RESIDUAL = (
    Claim(7, "residual learning trains faster", "early_psnr_per_image_db"),
    Claim(7, "it gives better metrics", "inside_psnr_per_image_db"),
    Claim(7, "it may give out artefacts", "worst"),
)


def pyramid(kind: str, levels: int, between: bool = False) -> dict[str, Any]:
    """The change to a pyramid whose levels share one network."""
    settings = {"kind": kind, "levels": levels, "shared": True, "between": between}
    return {"model": {"pyramid": settings}}


def regulariser(name: str) -> dict[str, Any]:
    """The change to one regulariser with the source's defaults."""
    return {"loss": {"regularisers": [{"name": name}]}}


ROWS: dict[str, Variant] = {
    PLAIN: Variant({}),
    "hinge 0.5": Variant({"loss": {"hinge": 0.5}}, (HINGE,)),
    "hinge 1": Variant({"loss": {"hinge": 1.0}}, (HINGE,)),
    "hinge 2": Variant({"loss": {"hinge": 2.0}}, (HINGE,)),
    "laplacian, 3 scales": Variant(pyramid("laplacian", 3), (SCALES,)),
    "laplacian, 4 scales": Variant(pyramid("laplacian", 4), (SCALES,)),
    "gaussian, 3 scales": Variant(pyramid("gaussian", 3), (SCALES,)),
    "gaussian, 4 scales": Variant(pyramid("gaussian", 4), (SCALES,)),
    "gaussian, 3 scales, residuals": Variant(pyramid("gaussian", 3, between=True), (SCALES,)),
    "lunet": Variant({"model": {"backbone": "lunet", "blocks": 1}}, (SCALES,)),
    "multi-scale loss": Variant({"loss": {"scales": 3}}),
    "soft orthogonal": Variant(regulariser("soft_orthogonal"), ORTHOGONAL),
    "soft orthonormal": Variant(regulariser("soft_orthonormal"), ORTHOGONAL),
    "receptive field": Variant(regulariser("erf"), RECEPTIVE),
    "squeeze-and-excite": Variant({"model": {"block": {"squeeze_excite": True}}}, (EXCITE,)),
    "final norm": Variant({"model": {"final_norm": True}}, (FINAL_NORM,)),
    "residual": Variant({"model": {"residual": True}}, RESIDUAL),
    "about mid-grey": Variant({"model": {"range": [-0.5, 0.5]}}),
}


def merged(base: dict[str, Any], changes: dict[str, Any]) -> dict[str, Any]:
    """Nested dictionaries with some entries replaced; the arguments stay as they are."""
    result = dict(base)
    for name, value in changes.items():
        inner = isinstance(value, dict) and isinstance(result.get(name), dict)
        result[name] = merged(result[name], value) if inner else value
    return result


def variant(base: dict[str, Any], row: Variant, seed: int) -> Pipeline:
    """The pipeline of a run."""
    pipeline = parse(merged(base, row.changes))
    return replace(pipeline, training=replace(pipeline.training, seed=seed))


def train_and_score(pipeline: Pipeline, sets: tuple[Any, Any], clean: Tensor) -> Result:
    """One run: PSNR per image, errors, seconds of processor time."""
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    experiment = make_experiment(pipeline, sets, None, device)
    start = time.process_time()
    history = experiment.run(pipeline.training.epochs)
    seconds = time.process_time() - start
    net = experiment.denoiser.eval()

    def denoise(x: Tensor) -> Tensor:
        return net(x.to(device)).cpu()

    found = scores(denoise, clean, (*INSIDE, *BEYOND))

    def average(sigmas: Sequence[float], name: str) -> float:
        return round(statistics.fmean(found[f"{sigma:g}"][name] for sigma in sigmas), 4)

    return {
        "inside_psnr_per_image_db": average(INSIDE, "psnr_per_image_db"),
        "beyond_psnr_per_image_db": average(BEYOND, "psnr_per_image_db"),
        "inside_mae": average(INSIDE, "mae"),
        "early_psnr_per_image_db": round(history[0]["validation"]["psnr_per_image_db"], 4),
        "worst": round(statistics.fmean(worst(denoise, clean, s) for s in INSIDE), 3),
        "cpu_seconds": round(seconds, 3),
        "parameters": sum(values.numel() for values in net.parameters()),
    }


def worst(denoise: Denoise, clean: Tensor, sigma: float) -> float:
    """The absolute error, in grey levels, that the share RARE of all values exceeds."""
    errors = (answers_of(denoise, with_noise(clean, sigma)) - clean).abs().flatten()
    rank = len(errors) - math.ceil(RARE * len(errors))
    return LEVELS * float(errors.kthvalue(max(rank, 1)).values)


def run(
    base: dict[str, Any],
    names: Sequence[str],
    folders: Sequence[Path],
    test: Tensor,
    seeds: int,
    path: Path,
) -> Result:
    """Every missing run of these rows, seed by seed, saved as soon as it is known.

    ValueError if the file has results of another setting, or of a row with other changes.
    """
    base = parse(base).as_json()  # every default written out
    sets = parse(base).sets(folders)
    setting = {
        "base": base,
        "train": len(sets[0]),
        **{"images": len(test), "side": test.shape[-1], "checksum": checksum(test)},
        **{"inside": list(INSIDE), "beyond": list(BEYOND)},
    }
    results: Result = {**setting, "rows": {}}
    if path.is_file():
        results = json.loads(path.read_text(encoding="utf-8"))
        same_setting(results, setting, path)
    for seed in range(seeds):
        for name in names:
            changes = ROWS[name].changes
            row = results["rows"].setdefault(name, {"changes": changes, "seeds": {}})
            if row["changes"] != changes:
                raise ValueError(f"{path}: {name!r} was run as {row['changes']}; remove it first")
            if str(seed) not in row["seeds"]:
                found = train_and_score(variant(base, ROWS[name], seed), sets, test)
                row["seeds"][str(seed)] = found
                save_json(path, results)
                print(f"{name}, seed {seed}: {found}", flush=True)
    return results


def judged(results: Result) -> dict[str, Result]:
    """For each row but the plain one: differences to it seed by seed, and what they say.

    Rows that this table has no longer are left out.
    """
    plain = results["rows"].get(PLAIN, {"seeds": {}})["seeds"]
    found: dict[str, Result] = {}
    for name, row in results["rows"].items():
        both = [(row["seeds"][seed], plain[seed]) for seed in row["seeds"] if seed in plain]
        if name == PLAIN or name not in ROWS or not both:
            continue
        line: Result = {"seeds": len(both)}
        for measure in MEASURES:
            gain = estimate([one[measure] - other[measure] for one, other in both])
            line[measure] = {"gain": round(gain.mean, 3), "confidence": round(gain.confidence, 3)}
        for name_of in ("cpu_seconds", "parameters"):
            ratio = statistics.fmean(one[name_of] / other[name_of] for one, other in both)
            line[f"times_{name_of}"] = round(ratio, 2)
        line["claims"] = [
            {"claim": claim.number, "text": claim.text, "verdict": claim.judged(line)}
            for claim in ROWS[name].claims
        ]
        found[name] = line
    return found


def markdown(lines: dict[str, Result]) -> str:
    """The judged rows as a table."""
    head = ["row", "σ as trained, dB", "σ beyond, dB", "early, dB", "worst, levels", "time"]
    head += ["parameters", "claims"]
    table = [f"| {' | '.join(head)} |", "|---" * len(head) + "|"]
    for name, line in lines.items():
        gains = [f"{line[m]['gain']:+.2f} ± {line[m]['confidence']:.2f}" for m in MEASURES]
        costs = [f"x {line[f'times_{cost}']:.2f}" for cost in ("cpu_seconds", "parameters")]
        claims = "; ".join(f"{c['claim']}, {c['text']}: {c['verdict']}" for c in line["claims"])
        table.append(f"| {' | '.join([name, *gains, *costs, claims])} |")
    return "\n".join(table)


def options(arguments: Sequence[str] | None) -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(
        prog="python -m others.studies.biasfree.ablation",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    config = CONFIGS / "ablation.json"
    parser.add_argument("--config", type=Path, default=config, help="of the plain row")
    parser.add_argument("--data", type=Path, nargs="+", required=True, metavar="FOLDER")
    add_options(parser, 50, SIDE)
    parser.add_argument("--seeds", type=int, default=3, help="runs of each row (3)")
    parser.add_argument("--only", nargs="+", choices=ROWS, metavar="ROW", help=", ".join(ROWS))
    parser.add_argument("--json", type=Path, default=FILE, help="results")
    return parser.parse_args(arguments)


def main(arguments: Sequence[str] | None = None) -> None:
    """Run what is missing, and judge."""
    given = options(arguments)
    try:
        if given.seeds < 1:
            raise ValueError(f"--seeds is {given.seeds}; expected at least 1")
        base = load_pipeline(given.config).as_json()
        test = squares(given.images, given.side, given.count)
        names = list(dict.fromkeys([PLAIN, *(given.only or ROWS)]))
        results = run(base, names, given.data, test, given.seeds, given.json)
    except (ValueError, OSError, FloatingPointError) as error:
        sys.exit(f"python -m others.studies.biasfree.ablation: {error}")
    results["judged"] = judged(results)
    save_json(given.json, results)
    print(markdown(results["judged"]))


if __name__ == "__main__":
    main()
