"""A sheet of small images as a PNG: a column for each kind of image, a row for each image."""

from pathlib import Path

from PIL import Image, ImageDraw
from torch import Tensor

from Miniproject_1.noise2noise.files import write_atomically
from others.files.pixels import to_pillow


def save_picture(path: Path, images: dict[str, Tensor], count: int = 8, scale: int = 4) -> None:
    """A PNG with a column for each kind of image and a row for each of the first `count` images.

    Args:
        images: by the titles of their columns, float (N, 3, H, H) in [0, 1]; one is "clean".
        scale: pixels of the PNG along a side of a pixel of the images.
    """
    size = images["clean"].shape[-1] * scale
    margin, header = 6, 18
    width, height = len(images) * (size + margin) + margin, count * (size + margin) + header
    sheet = Image.new("RGB", (width, height), "white")
    draw = ImageDraw.Draw(sheet)
    for column, (name, batch) in enumerate(images.items()):
        left = margin + column * (size + margin)
        draw.text((left, 3), name, fill="black")
        for row, image in enumerate(batch[:count]):
            tile = to_pillow((image * 255).round(), "RGB")
            tile = tile.resize((size, size), Image.Resampling.NEAREST)  # pixels stay visible
            sheet.paste(tile, (left, header + row * (size + margin)))
    path.parent.mkdir(parents=True, exist_ok=True)
    write_atomically(path, lambda file: sheet.save(file, "PNG"))
