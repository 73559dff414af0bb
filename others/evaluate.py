"""Both pretrained models on the validation images: a table of scores and a picture.

    python -m others.evaluate [--data data] [--picture out/denoised.png] [--json PATH]
    python -m others.evaluate --assignment BSDS [--json PATH]

The models get uint8 batches of 100 images, as from the course's script. With generated images the
scores are not those of photographs: the table says which file it is about. The second form is
`others.assignment.evaluate`: the networks of the DnCNN assignment on the images in BSDS/test.
"""

from __future__ import annotations

import argparse
import hashlib
import platform
import sys
import time
from pathlib import Path
from typing import Any, Callable

import torch
from torch import Tensor

from Miniproject_1.model import Model as FirstModel
from Miniproject_1.noise2noise.files import write_atomically
from Miniproject_2.model import Model as SecondModel
from others.assignment import evaluate as assignment
from others.data import VALIDATION, load_pair
from others.json_files import save_json
from others.metrics import psnr_per_image, psnr_pooled

BATCH = 100
MODELS: dict[str, Callable[[], Any]] = {"Miniproject 1": FirstModel, "Miniproject 2": SecondModel}
Row = dict[str, Any]


def denoise(model: Any, noisy: Tensor, **options: bool) -> tuple[Tensor, float]:
    """Denoise uint8 (N, 3, H, W) in batches; the result in [0, 1] on the CPU, and images/s."""
    start = time.perf_counter()
    answers = [model.predict(batch, **options).cpu() for batch in noisy.split(BATCH)]
    seconds = time.perf_counter() - start
    return (torch.cat(answers) / 255).clamp(0, 1), len(noisy) / seconds


def scores(denoised: Tensor, clean: Tensor) -> Row:
    """Both PSNRs, in dB, of images in [0, 1]."""
    return {
        "per_image_db": round(psnr_per_image(denoised, clean), 3),
        "pooled_db": round(psnr_pooled(denoised, clean), 3),
    }


def pretrained(name: str) -> Any:
    """The shipped model of a miniproject, by its name in MODELS."""
    model = MODELS[name]()
    model.load_pretrained_model()
    return model


def evaluate(noisy: Tensor, clean: Tensor) -> tuple[dict[str, Row], dict[str, Tensor]]:
    """Scores of the input and of both pretrained models, and the images that each gave."""
    target = clean.float() / 255
    images = {"noisy": noisy.float() / 255}
    rows = {"noisy": scores(images["noisy"], target)}
    for name in MODELS:
        model = pretrained(name)
        images[name], rate = denoise(model, noisy)
        single, _ = denoise(model, noisy, ensemble=False)
        rows[name] = {
            "parameters": sum(value.numel() for value in parameters(model)),
            **scores(images[name], target),
            "without_ensemble_db": round(psnr_per_image(single, target), 3),
            "images_per_second": round(rate),
        }
    return rows, {**images, "clean": target}


def parameters(model: Any) -> list[Tensor]:
    """The trained tensors of either Model."""
    if isinstance(model, FirstModel):
        return list(model.network.parameters())
    return [value for value, _ in model.network.param()]


def table(rows: dict[str, Row]) -> str:
    """The rows as Markdown."""
    lines = [
        "| | PSNR per image | PSNR pooled | images/s |",
        "|---|---|---|---|",
    ]
    for name, row in rows.items():
        rate = row.get("images_per_second", "")
        per_image, pooled = row["per_image_db"], row["pooled_db"]
        lines.append(f"| {name} | {per_image:.2f} dB | {pooled:.2f} dB | {rate} |")
    return "\n".join(lines)


def save_picture(path: Path, images: dict[str, Tensor], count: int = 8, scale: int = 4) -> None:
    """A PNG with a column for each kind of image and a row for each of the first `count`."""
    from PIL import Image, ImageDraw  # not among the requirements of the miniprojects

    size = images["clean"].shape[-1] * scale
    margin, header = 6, 18
    width, height = len(images) * (size + margin) + margin, count * (size + margin) + header
    sheet = Image.new("RGB", (width, height), "white")
    draw = ImageDraw.Draw(sheet)
    for column, (name, batch) in enumerate(images.items()):
        left = margin + column * (size + margin)
        draw.text((left, 3), name, fill="black")
        for row, image in enumerate(batch[:count]):
            pixels = (image * 255).round().byte().permute(1, 2, 0).contiguous()
            shape = pixels.shape[1], pixels.shape[0]
            tile = Image.frombytes("RGB", shape, bytes(pixels.flatten().tolist()))
            tile = tile.resize((size, size), Image.Resampling.NEAREST)
            sheet.paste(tile, (left, header + row * (size + margin)))
    path.parent.mkdir(parents=True, exist_ok=True)
    write_atomically(path, lambda file: sheet.save(file, "PNG"))


def main() -> None:
    """The command line."""
    parser = argparse.ArgumentParser(prog="python -m others.evaluate", description=__doc__)
    parser.add_argument("--data", type=Path, default=Path("data"), help="folder of val_data.pkl")
    parser.add_argument("--picture", type=Path, default=Path("out/denoised.png"))
    parser.add_argument("--json", type=Path, help="also write the scores here")
    parser.add_argument("--assignment", metavar="BSDS", help="score the DnCNN assignment instead")
    options = parser.parse_args()
    if options.assignment is not None:
        json_path = ["--json", str(options.json)] if options.json else []
        return assignment.main(["--data", options.assignment, *json_path])
    try:
        noisy, clean = load_pair(options.data / VALIDATION)
        rows, images = evaluate(noisy, clean)
    except (ValueError, OSError) as error:
        sys.exit(f"{parser.prog}: {error}")
    print(
        f"{options.data / VALIDATION}: {len(noisy)} images of {noisy.shape[-1]}x{noisy.shape[-2]}"
    )
    print(table(rows))
    save_picture(options.picture, images)
    print(f"{options.picture}: noisy, denoised by each model, clean")
    if options.json:
        digest = hashlib.sha256(bytes(noisy.flatten().tolist())).hexdigest()[:16]
        versions = {"torch": torch.__version__, "python": platform.python_version()}
        content = {"images": len(noisy), "sha256_of_noisy": digest, **versions, "rows": rows}
        save_json(options.json, content)


if __name__ == "__main__":
    main()
