"""A denoiser as a prior: blurred and noisy images made sharp with the denoiser inside a loop.

    python -m others.studies.biasfree.uses.deblurring [--model NAME] [--images FOLDER]
        [--sigma 2.55 7.65] [--output FOLDER]

What is given is y = A x + n, with a Gaussian blur A and white noise n of deviation σ. The answer x
has to explain y, and it has to look like an image, which a prior judges. Half-quadratic splitting
sees to these two in turns, with a level τ that falls from turn to turn:

    x ← argmin ‖A x − y‖² / σ² + λ ‖x − z‖² / τ²    in the Fourier domain, where A is a product
    z ← f(x + τ ε),   ε white noise                 the prior's step: noise out, image in

The prior's step can be taken by any denoiser f: "plug and play". Levels and λ are those of Zhang et
al., "Plug-and-play image restoration with deep denoiser prior", 2021, whose denoiser is told τ. A
blind denoiser removes the noise that it finds, so noise of deviation τ is added for it to remove;
a denoiser without biases does so at any level.

Images are generated unless a folder is named. Beside the blurred image and the denoiser's answer to
it stands the Wiener filter, x = Aᵀy / (AᵀA + r), with the r that suits these images best, which is
in its favour. The scheme was chosen on generated images with another seed. The blur wraps around
the border. Figures go to --output, as deblurring.json, and deblurring.png shows the first image.
"""

import argparse
from pathlib import Path
from statistics import fmean, stdev
from typing import Any

import torch
from torch import Tensor

from others.analysis.scoring import LEVELS, Denoise, squares
from others.data.seeds import seed_of, seeded
from others.engine import command
from others.engine.metrics import psnrs
from others.networks.pretrained import load_denoiser
from others.records.json_files import save_json
from others.records.paths import RESULTS
from others.records.study import brief

SIDE, COUNT = 128, 8  # pixels along a side of an image, and images
SEED = 1  # of the generated images
WIDTH = 1.6  # standard deviation of the blur, in pixels
SIGMAS = [2.55, 7.65]  # of the noise, in grey levels: 1 % and 3 % of the range
FIRST_LEVEL = 49.0  # τ at the first turn, in grey levels; at the last it is the noise's
LAMBDA, TURNS = 0.23, 8
WIENER = [10.0 ** (power / 2) for power in range(-8, -1)]  # r, from 0.0001 to 0.1


def response(side: int) -> Tensor:
    """The blur in the Fourier domain, (side, side // 2 + 1), real because a Gaussian is even."""
    places = torch.fft.fftfreq(side) * side  # 0, 1, ... and from the other side -1, -2, ...
    kernel = torch.exp(-(places[:, None] ** 2 + places**2) / (2 * WIDTH**2))
    return torch.fft.rfft2(kernel / kernel.sum()).real


def solved(blurred: Tensor, around: Tensor, mu: float) -> Tensor:
    """The x that minimises ‖A x − blurred‖² + μ ‖x − around‖², of (N, 3, side, side)."""
    blur = response(blurred.shape[-1])
    spectrum = blur * torch.fft.rfft2(blurred) + mu * torch.fft.rfft2(around)
    return torch.fft.irfft2(spectrum / (blur.square() + mu), s=blurred.shape[-2:])


def deblurred(denoise: Denoise, blurred: Tensor, sigma: float) -> Tensor:
    """Images (N, 3, side, side) in [0, 1] made sharp; `sigma` is the noise's, in grey levels."""
    z, generator = blurred, seeded(seed_of("prior", sigma))
    for turn in range(TURNS):
        level = FIRST_LEVEL * (sigma / FIRST_LEVEL) ** (turn / (TURNS - 1))
        x = solved(blurred, z, LAMBDA * (sigma / level) ** 2)
        z = denoise(x + level / LEVELS * torch.randn(x.shape, generator=generator))
    return z


def psnr(answers: Tensor, clean: Tensor) -> list[float]:
    """PSNR of each image in dB, of answers clipped to [0, 1]."""
    return psnrs(answers.clamp(0, 1), clean).tolist()


def answers_to(denoise: Denoise, clean: Tensor, sigma: float) -> dict[str, Tensor]:
    """The degraded images, and what each way makes of them."""
    blur = torch.fft.irfft2(response(clean.shape[-1]) * torch.fft.rfft2(clean), s=clean.shape[-2:])
    noise = torch.randn(clean.shape, generator=seeded(seed_of("blurred", sigma)))
    blurred = blur + sigma / LEVELS * noise
    filtered = [solved(blurred, torch.zeros_like(blurred), r) for r in WIENER]
    return {
        "blurred": blurred,
        "denoised": denoise(blurred),
        "wiener": max(filtered, key=lambda answers: fmean(psnr(answers, clean))),
        "prior": deblurred(denoise, blurred, sigma),
    }


def draw(path: Path, clean: Tensor, parts: dict[float, dict[str, Tensor]], model: str) -> None:
    """The first image at each noise level: degraded, all answers with their PSNR, and clean."""
    from others.analysis.panels import grid, save, show  # matplotlib is slow to import

    figure, axes = grid(len(parts), 5)
    figure.suptitle(f"a blurred image made sharp, with {model} as the prior")
    for line, (sigma, images) in zip(axes, parts.items()):
        for axis, (name, answers) in zip(line, images.items()):
            title = f"{name}, σ = {sigma:g}: {psnr(answers, clean)[0]:.2f} dB"
            show(axis, (title, answers[0].clamp(0, 1)))
        show(line[-1], ("clean", clean[0]))
    save(figure, path, dpi=72)


def parser() -> argparse.ArgumentParser:
    """The options of the command."""
    result = command.parser(__spec__, __doc__)
    result.add_argument("--model", default="biasfree_12", metavar="NAME", help="a blind denoiser")
    result.add_argument("--images", type=Path, metavar="FOLDER", help="images, else generated")
    result.add_argument("--count", type=command.whole(2), default=COUNT, help="images")
    result.add_argument(
        "--sigma", type=float, nargs="+", default=SIGMAS, help="of the noise, in grey levels"
    )
    output = str(RESULTS / "biasfree" / "deblurring")
    result.add_argument(
        "--output", type=command.folder, default=output, metavar="FOLDER", help="for files"
    )
    return result


def run(options: argparse.Namespace) -> None:
    """Measure and draw."""
    if min(options.sigma) <= 0:
        raise command.UsageError(f"--sigma is {options.sigma}; expected numbers above 0")
    denoise = load_denoiser(options.model)
    clean = squares(options.images, SIDE, options.count, SEED)
    rows: dict[str, Any] = {}
    parts = {sigma: answers_to(denoise, clean, sigma) for sigma in options.sigma}
    for sigma, images in parts.items():
        each = {name: psnr(answers, clean) for name, answers in images.items()}
        rows[f"{sigma:g}"] = {
            name: {"mean_db": round(fmean(values), 3), "std_db": round(stdev(values), 3)}
            for name, values in each.items()
        }
        means = {name: found["mean_db"] for name, found in rows[f"{sigma:g}"].items()}
        print(f"σ {sigma:g}, PSNR per image in dB: {brief(means)}", flush=True)
    setting = {"model": options.model, "images": len(clean), "side": SIDE, "blur": WIDTH}
    save_json(options.output / "deblurring.json", {**setting, "turns": TURNS, "rows": rows})
    draw(options.output / "deblurring.png", clean, parts, options.model)
    print(f"{options.output}: deblurring.json and deblurring.png")


main = command.main_of(parser, run)


if __name__ == "__main__":
    main()
