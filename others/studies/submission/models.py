"""The models of both miniprojects: made by name, run as the course's script does, and scored."""

from __future__ import annotations

import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Callable

import torch
from torch import Tensor

import Miniproject_1.model as miniproject_1
import Miniproject_2.model as miniproject_2
from Miniproject_1.noise2noise import training as training_1
from Miniproject_2.framework import training as training_2
from others.engine.metrics import psnr_per_image, psnr_pooled, psnrs
from others.records.formats import decimals, whole
from others.records.json_files import save_json
from others.records.paths import RESULTS
from others.records.study import brief
from others.records.table import Column, Table, markdown

BATCH = 100  # images that the course's script hands to `predict` at once
MODELS: dict[str, Callable[[], Any]] = {
    "Miniproject 1": miniproject_1.Model,
    "Miniproject 2": miniproject_2.Model,
}
WEIGHTS: dict[str, Path] = {  # the files with the shipped weights
    "Miniproject 1": miniproject_1.WEIGHTS,
    "Miniproject 2": miniproject_2.WEIGHTS,
}
OUTPUT, LOGS = Path("out"), RESULTS / "training"  # of trainings that are not installed, and are
Scores = dict[str, Any]


def train_with(
    model: Any,
    pairs: tuple[Tensor, Tensor],
    epochs: int,
    settings: Mapping[str, Any],
    checkpoint: Path | None = None,
    trainer: type[training_1.Trainer] = training_1.Trainer,
) -> None:
    """Train the Model of either miniproject in place, as its `train` does but with other settings.

    The course has fixed the signature of `Model.train`, which has no place for them.

    Args:
        pairs: two noisy copies of the images, uint8 (N, 3, H, W).
        settings: entries of the `Settings` of the miniproject; the others keep their defaults.
        checkpoint: a file to save the state to after each epoch, and to continue from.
        trainer: what trains Miniproject 1.
    """
    if isinstance(model, miniproject_2.Model):
        noisy_a, noisy_b = (miniproject_2.padded(images) for images in pairs)
        use = training_2.Settings(**settings)
        training_2.Trainer(
            model.network, noisy_a, noisy_b, epochs, checkpoint=checkpoint, settings=use
        ).run()
    else:
        use = training_1.Settings(**settings)
        trainer(model.network, *pairs, epochs, checkpoint=checkpoint, settings=use).run()


def refuse_without_gain(started_from: dict[str, Tensor], model: Any) -> None:
    """ValueError if the weights are still those that the training started from."""
    if all(torch.equal(started_from[name], v) for name, v in model.network.state_dict().items()):
        raise ValueError(
            "no gain: the weights that it started from do better on the held-out pairs than those "
            "it has come to; nothing is written"
        )


def round_to_half(model: miniproject_2.Model) -> None:
    """Round Miniproject 2's weights to float16 numbers, whose file is half as long.

    The answers change by far less than a grey level, and the PSNR by 0.0001 dB.
    """
    weights = model.network.state_dict()
    model.network.load_state_dict({name: v.half().float() for name, v in weights.items()})


def write_trained(number: int, model: Any, log: dict[str, Any], install: bool) -> None:
    """Write the weights of a trained miniproject and what is known of them, and say where.

    The records name what was another one in earlier trainings: the optimizer of Miniproject 1, and
    the kernels of Miniproject 2.

    Args:
        install: whether they replace the shipped ones, or go to OUTPUT.
    """
    name = f"miniproject_{number}"
    shipped = WEIGHTS[f"Miniproject {number}"]
    if number == 1:
        log = {**log, "optimizer": "Muon"}
    else:
        outer, inner = miniproject_2.kernels(model.network.state_dict())
        log = {**log, "outer_kernel": outer, "inner_kernel": inner}
    weights = shipped if install else OUTPUT / f"{name}.pth"
    about = (LOGS if install else OUTPUT) / f"{name}.json"
    model.save_model(weights)
    save_json(about, log)
    say_trained(weights, about, log)


def say_trained(weights: Path, about: Path, log: dict[str, Any]) -> None:
    """Print the scores of a training by the names that its JSON file has, and both files."""
    print(f"validation: {brief(log['validation'])}")
    print(f"{weights}: the weights; {about}: what was trained")


def denoise(model: Any, noisy: Tensor, **options: bool) -> tuple[Tensor, float]:
    """Denoise uint8 (N, 3, H, W) in batches: the answers in [0, 1] on the CPU, and images/s."""
    start = time.perf_counter()
    answers = [model.predict(batch, **options).cpu() for batch in noisy.split(BATCH)]
    seconds = time.perf_counter() - start
    return (torch.cat(answers) / 255).clamp(0, 1), len(noisy) / seconds


def scores(denoised: Tensor, clean: Tensor, self_ensemble: bool = False) -> Scores:
    """Both PSNRs, in dB, of images in [0, 1]; the keys say whether a self-ensemble made them."""
    by = "self_ensemble_" if self_ensemble else ""
    return {
        f"{by}psnr_per_image_db": round(psnr_per_image(denoised, clean), 3),
        f"{by}psnr_pooled_db": round(psnr_pooled(denoised, clean), 3),
    }


def gain(noisy: Tensor, denoised: Tensor, clean: Tensor) -> Scores:
    """What self-ensembled answers gain on the noisy images, in dB, with its standard error.

    The error is that of the mean over images. Each image has a gain of its own, so that the error
    does not grow where some images are harder than others.
    """
    gains = psnrs(denoised, clean) - psnrs(noisy, clean)
    error = float(gains.std()) / len(gains) ** 0.5 if len(gains) > 1 else None
    return {
        "self_ensemble_gain_db": round(float(gains.mean()), 3),
        "self_ensemble_gain_error_db": None if error is None else round(error, 3),
    }


def pretrained(name: str) -> Any:
    """The model of a miniproject, by its name in MODELS, with the shipped weights."""
    model = MODELS[name]()
    model.load_pretrained_model()
    return model


def evaluate(noisy: Tensor, clean: Tensor) -> tuple[dict[str, Scores], dict[str, Tensor]]:
    """Score the noisy images and what both pretrained models make of them.

    Args:
        noisy, clean: uint8 (N, 3, H, W).

    Returns:
        The scores, and the images in [0, 1], by the names "noisy", "Miniproject 1" and
        "Miniproject 2"; among the images is "clean" as well.
    """
    target = clean.float() / 255
    images = {"noisy": noisy.float() / 255}
    rows = {"noisy": scores(images["noisy"], target)}
    for name in MODELS:
        model = pretrained(name)
        images[name], rate = denoise(model, noisy)
        single, _ = denoise(model, noisy, ensemble=False)
        rows[name] = {
            "parameters": sum(value.numel() for value in parameters(model)),
            **scores(images[name], target, self_ensemble=True),
            "psnr_per_image_db": round(psnr_per_image(single, target), 3),
            **gain(images["noisy"], images[name], target),
            "images_per_second": round(rate),
        }
    return rows, {**images, "clean": target}


def parameters(model: Any) -> list[Tensor]:
    """The trained tensors of the Model of either miniproject."""
    if isinstance(model, miniproject_1.Model):
        return list(model.network.parameters())
    return [value for value, _ in model.network.param()]


def table(rows: dict[str, Scores]) -> str:
    """The scores of `evaluate` as Markdown."""
    lines = []
    for name, row in rows.items():
        by = "self_ensemble_" if "parameters" in row else ""  # the noisy images are as they are
        both = [row[f"{by}psnr_per_image_db"], row[f"{by}psnr_pooled_db"]]
        lines.append([name, *both, row.get("images_per_second")])
    columns = [
        Column(""),
        Column("PSNR per image", decimals, "dB"),
        Column("PSNR pooled", decimals, "dB"),
        Column("images/s", whole),
    ]
    return markdown(Table(columns, lines))
