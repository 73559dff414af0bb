"""Noise that was never seen: a bias-free network and its twin with biases, trained on little noise.

    python -m others.studies.biasfree.generalisation --data FOLDER ... --images FOLDER [--seeds 3]

Both networks are trained in the same way on noise of σ up to 10 only, on the same crops with the
same noise, and denoise the test images at σ up to 100. By default they are a chain of twelve
convolutions without normalisation (configs/generalisation_chain.json), much like DnCNN. The claim
(Mohan et al., ICLR 2020, figures 1 and 5) is that the two agree at the noise levels of their
training, while at stronger noise the twin collapses and the bias-free network does not. Only the
answers are clipped, the noisy images are not.

Trainings lie in --output and are continued there; --json gets the PSNR at every σ, as mean and
standard deviation over seeds, and --picture the curve. All three have the name of the configuration
unless they are given.
"""

import argparse
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from Miniproject_1.noise2noise.surroundings import gpu_or_cpu
from others.analysis.panels import save
from others.analysis.scoring import add_options, scores, squares
from others.engine import command
from others.engine.hooks import every, report
from others.records.estimates import estimate
from others.records.json_files import save_json
from others.records.paths import CONFIGS, RESULTS
from others.studies.biasfree.judgement import TWINS
from others.studies.biasfree.pipeline import Pipeline, load_pipeline
from others.studies.biasfree.training import make_experiment

SIGMAS = (1, 5, 10, 15, 20, 30, 40, 50, 60, 70, 80, 90, 100)
SIDE = 160  # pixels along a side of the test images
NAME = "generalisation_chain"
COUNT, SEEDS = 100, 3  # test images at most, trainings of each network
Curve = dict[str, dict[str, float]]  # by σ, and then by the name of a quantity


def twin(pipeline: Pipeline, bias: bool, seed: int) -> Pipeline:
    """A copy of a pipeline with this seed, for a network with or without biases."""
    return replace(
        pipeline,
        model=replace(pipeline.model, bias=bias),
        training=replace(pipeline.training, seed=seed),
    )


def curves(
    pipeline: Pipeline, sets: tuple[Any, Any], clean: Tensor, seeds: int, output: Path
) -> dict[str, list[Curve]]:
    """Train both networks with every seed, and score each on `clean` (N, 3, H, W): its curves.

    The trainings lie in subfolders of `output`, such as bias_free_0 for the seed 0.
    """
    device = gpu_or_cpu()
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
            psnr = estimate([curve[sigma]["psnr_per_image_db"] for curve in each])
            rows[name][sigma] = {
                "psnr_per_image_db": round(psnr.mean, 3),
                "psnr_per_image_std_db": round(psnr.std, 3),
                "gain_db": round(psnr.mean - noisy[sigma]["psnr_per_image_db"], 3),
            }
    return rows


def draw(results: dict[str, Any], path: Path) -> None:
    """Draw PSNR in dB against σ in grey levels; the σ of the training are shaded."""
    from matplotlib.figure import Figure  # only where one is drawn

    figure = Figure(figsize=(5.5, 3.8), layout="constrained")
    axes = figure.subplots()
    pipeline = results["pipeline"]
    trained = pipeline["corruption"]["additive"]["high"]
    axes.axvspan(0, trained, color="0.9", label="σ in the training")
    for name, row in results["rows"].items():
        sigmas = [float(sigma) for sigma in row]
        values = [cell["psnr_per_image_db"] for cell in row.values()]
        spread = [cell.get("psnr_per_image_std_db", 0.0) for cell in row.values()]
        axes.errorbar(sigmas, values, spread, marker=".", capsize=2, label=name.replace("_", " "))
    seeds = f"mean ± std of {results['seeds']} seeds" if results["seeds"] > 1 else "one seed"
    axes.set_title(f"{pipeline['name']}, {seeds}", fontsize=10)
    axes.set(xlabel="σ of the noise, grey levels of 255", ylabel="PSNR per image, dB")
    axes.legend()
    save(figure, path, dpi=100)


def parser() -> argparse.ArgumentParser:
    """The options of the command."""
    result = command.parser(__spec__, __doc__)
    result.add_argument(
        "--config",
        type=Path,
        default=CONFIGS / f"{NAME}.json",
        help="that of the bias-free network, of which the twin differs in its biases",
    )
    result.add_argument(
        "--data", type=Path, nargs="+", required=True, metavar="FOLDER", help="images to train on"
    )
    add_options(result, COUNT, SIDE)
    result.add_argument(
        "--seeds", type=command.whole(1), default=SEEDS, help="trainings of each network"
    )
    result.add_argument("--output", type=Path, help="for trainings (out/CONFIG)")
    where = "others/results/biasfree/generalisation/CONFIG"
    result.add_argument("--json", type=Path, help=f"file of the results ({where}.json)")
    result.add_argument("--picture", type=Path, help=f"PNG file ({where}.png)")
    return result


def run(options: argparse.Namespace) -> None:
    """Train, score, write and draw."""
    pipeline, name = load_pipeline(options.config), options.config.stem
    results_of = RESULTS / "biasfree" / "generalisation" / name
    path = command.output(options.json or results_of.with_suffix(".json"))
    picture = command.output(options.picture or results_of.with_suffix(".png"))
    clean = squares(options.images, options.side, options.count)
    sets = pipeline.sets(options.data)
    found = curves(pipeline, sets, clean, options.seeds, options.output or Path("out") / name)
    rows = summary(found, scores(lambda x: x, clean, SIGMAS, False))
    setting = {"images": len(clean), "side": options.side, "seeds": options.seeds}
    results = {**setting, "pipeline": pipeline.as_json(), "rows": rows}
    save_json(path, results)
    draw(results, picture)
    for sigma in rows["noisy"]:
        shown = (f"{name} {row[sigma]['psnr_per_image_db']:.2f}" for name, row in rows.items())
        print(f"σ {sigma}, PSNR per image: {', '.join(shown)} dB")
    print(f"{path}: the results; {picture}: their curve")


main = command.main_of(parser, run)

if __name__ == "__main__":
    main()
