"""A sheet of small images as a PNG: a column for each kind of image, a row for each image."""

from __future__ import annotations

from pathlib import Path

from PIL import Image, ImageDraw
from torch import Tensor

from Miniproject_1.noise2noise.files import write_atomically


def save_picture(path: Path, images: dict[str, Tensor], count: int = 8, scale: int = 4) -> None:
    """A PNG with a column for each kind of image and a row for each of the first `count`."""
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
