"""Noise that was never seen: a bias-free network and its twin with biases, trained on little noise.

    python -m others.studies.biasfree.generalisation --data FOLDER ... --images FOLDER [--seeds 3]

Both networks are trained in the same way on noise of σ up to 10 only, on the same crops with the
same noise, and denoise the test images at σ up to 100; by default they are a chain of twelve
convolutions without normalisation (configs/generalisation_chain.json), much like DnCNN. The claim
(Mohan et al., ICLR 2020, figures 1 and 5): they agree where they were trained, beyond it the twin
collapses and the bias-free network does not.
Nothing is clipped but the answers. Trainings lie in --output and are continued there; --json gets
the PSNR at every σ, as mean and standard deviation over seeds, and --picture the curve.
"""

from __future__ import annotations

import argparse
import statistics
import sys
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from others.analysis.panels import save
from others.analysis.scoring import add_options, scores, squares
from others.engine.hooks import every, report
from others.records.json_files import save_json
from others.records.paths import CONFIGS, RESULTS
from others.studies.biasfree.pipeline import Pipeline, load_pipeline
from others.studies.biasfree.train import make_experiment

SIGMAS = (1, 5, 10, 15, 20, 30, 40, 50, 60, 70, 80, 90, 100)
TWINS = {"bias_free": False, "with_biases": True}
SIDE = 160  # pixels along a side of the test images
NAME = "generalisation_chain"
FILE = RESULTS / "biasfree" / NAME
Curve = dict[str, dict[str, float]]


def twin(pipeline: Pipeline, bias: bool, seed: int) -> Pipeline:
    """The same pipeline with or without biases, and with another seed."""
    return replace(
        pipeline,
        model=replace(pipeline.model, bias=bias),
        training=replace(pipeline.training, seed=seed),
    )


def curves(
    pipeline: Pipeline, sets: tuple[Any, Any], clean: Tensor, seeds: int, output: Path
) -> dict[str, list[Curve]]:
    """Train both networks with every seed, and score each: a curve for each seed."""
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    found: dict[str, list[Curve]] = {name: [] for name in TWINS}
    for seed in range(seeds):
        for name, bias in TWINS.items():
            one = twin(pipeline, bias, seed)
            experiment = make_experiment(one, sets, output / f"{name}_{seed}", device)
            experiment.run(one.training.epochs, plot=every([report]))
            net = experiment.denoiser.eval()
            with torch.no_grad():
                curve = scores(lambda x, net=net: net(x.to(device)).cpu(), clean, SIGMAS, False)
            found[name].append(curve)
    return found


def summary(found: dict[str, list[Curve]], noisy: Curve) -> dict[str, Any]:
    """PSNR in dB at each σ: mean, standard deviation and gain over the noisy image."""
    rows: dict[str, Any] = {
        "noisy": {s: {"psnr_per_image_db": row["psnr_per_image_db"]} for s, row in noisy.items()}
    }
    for name, each in found.items():
        rows[name] = {}
        for sigma in noisy:
            values = [curve[sigma]["psnr_per_image_db"] for curve in each]
            average = statistics.fmean(values)
            rows[name][sigma] = {
                "psnr_per_image_db": round(average, 3),
                "psnr_per_image_std_db": round(statistics.stdev(values), 3)
                if len(values) > 1
                else 0.0,
                "gain_db": round(average - noisy[sigma]["psnr_per_image_db"], 3),
            }
    return rows


def draw(rows: dict[str, Any], trained: float, path: Path) -> None:
    """The curves as a PNG, with the range of the training shaded."""
    from matplotlib.figure import Figure  # only where one is drawn

    figure = Figure(figsize=(5.5, 3.8), layout="constrained")
    axes = figure.subplots()
    axes.axvspan(0, trained, color="0.9", label="trained on")
    for name, row in rows.items():
        sigmas = [float(sigma) for sigma in row]
        values = [cell["psnr_per_image_db"] for cell in row.values()]
        spread = [cell.get("psnr_per_image_std_db", 0.0) for cell in row.values()]
        axes.errorbar(sigmas, values, spread, marker=".", capsize=2, label=name.replace("_", " "))
    axes.set(xlabel="σ of the noise, of 255", ylabel="PSNR per image, dB")
    axes.legend()
    save(figure, path, dpi=100)


def main(arguments: Sequence[str] | None = None) -> None:
    """The command line."""
    parser = argparse.ArgumentParser(
        prog="python -m others.studies.biasfree.generalisation",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    config = CONFIGS / f"{NAME}.json"
    parser.add_argument("--config", type=Path, default=config, help="of the bias-free network")
    parser.add_argument("--data", type=Path, nargs="+", required=True, metavar="FOLDER")
    add_options(parser, 100, SIDE)
    parser.add_argument("--seeds", type=int, default=3, help="trainings of each (3)")
    parser.add_argument("--output", type=Path, default=Path("out") / NAME)
    parser.add_argument("--json", type=Path, default=FILE.with_suffix(".json"))
    parser.add_argument("--picture", type=Path, default=FILE.with_suffix(".png"))
    given = parser.parse_args(arguments)
    try:
        if given.seeds < 1:
            raise ValueError(f"--seeds is {given.seeds}; expected at least 1")
        pipeline = load_pipeline(given.config)
        clean = squares(given.images, given.side, given.count)
        found = curves(pipeline, pipeline.sets(given.data), clean, given.seeds, given.output)
    except (ValueError, OSError, FloatingPointError) as error:
        sys.exit(f"{parser.prog}: {error}")
    rows = summary(found, scores(lambda x: x, clean, SIGMAS, False))
    setting = {"images": len(clean), "side": given.side, "seeds": given.seeds}
    save_json(given.json, {**setting, "pipeline": pipeline.as_json(), "rows": rows})
    draw(rows, pipeline.corruption.additive.high, given.picture)
    for sigma in rows["noisy"]:
        shown = (f"{name} {row[sigma]['psnr_per_image_db']:.2f}" for name, row in rows.items())
        print(f"σ {sigma}: {', '.join(shown)} dB")


if __name__ == "__main__":
    main()
