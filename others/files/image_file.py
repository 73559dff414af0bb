"""Image files with all that they have: 8 or 16 bits, grey or colour, alpha, colour profile.

Pillow reads and writes them, but for PNG of 16 bits (`others.files.png16`). Files of which it would
keep
less than they hold are refused: several frames, 16 bits in colour but PNG, 32 bits, other colours
than grey and RGB.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any, NamedTuple

import torch
from PIL import Image
from torch import Tensor

from Miniproject_1.noise2noise.files import write_atomically
from others.files import png16

QUALITY = 95  # of JPEG and WebP
EIGHT = {"L", "LA", "RGB", "RGBA"}
BITS_PER_SAMPLE = 258  # the TIFF tag
HOLDS = {  # what files of each kind can hold
    ".png": EIGHT | {f"{mode};16" for mode in EIGHT},
    ".tif": EIGHT | {"L;16"},
    ".tiff": EIGHT | {"L;16"},
    ".webp": {"RGB", "RGBA"},
    ".jpg": {"L", "RGB"},
    ".jpeg": {"L", "RGB"},
    ".bmp": {"L", "RGB"},
    ".pgm": {"L", "L;16"},
    ".ppm": {"RGB"},
}


class Picture(NamedTuple):
    """The content of an image file."""

    colour: Tensor  # int32 (1 or 3, H, W) from 0 to `white`
    alpha: Tensor | None  # int32 (1, H, W), likewise
    white: int  # 255 or 65535
    extras: dict[Any, Any]  # profile and the like: chunks of a PNG of 16 bits, options of Pillow

    @property
    def mode(self) -> str:
        """As Pillow names it, with ";16" for 16 bits."""
        name = ("L" if len(self.colour) == 1 else "RGB") + ("" if self.alpha is None else "A")
        return name if self.white == 255 else f"{name};16"


def read_picture(path: Path) -> Picture:
    """The content of a file.

    Raises:
        FileNotFoundError: no such file.
        OSError: damaged, or no image.
        ValueError: an image that this project would not keep whole.
    """
    header = png16.header_of(path)
    if header is not None and header.depth == 16:
        pixels, kept = png16.read(path)
        return _parted(pixels, png16.WHITE, kept)
    try:
        with Image.open(path) as image:
            _check_whole(image)
            image.load()
            return _from_pillow(image)
    except Image.DecompressionBombError as error:
        raise ValueError(f"{path}: {error}") from error
    except SyntaxError as error:  # what Pillow raises for a broken PNG
        raise OSError(f"{path}: {error}") from error
    except ValueError as error:
        raise ValueError(f"{path}: {error}") from error


def _check_whole(image: Image.Image) -> None:
    """ValueError if Pillow gives less than the file holds."""
    if getattr(image, "n_frames", 1) > 1:
        raise ValueError("holds several images; expected one")
    bits = getattr(image, "tag_v2", {}).get(BITS_PER_SAMPLE, (8,))
    deep = max(bits if isinstance(bits, tuple) else (bits,)) > 8
    if image.format == "PPM":
        tile: Any = getattr(image, "tile", None)
        deep = isinstance(tile[0][3], tuple) and tile[0][3][1] > 255
    if deep and image.mode not in ("I;16", "I;16B", "I", "F"):
        raise ValueError("has more than 8 bits a channel in colour; expected PNG for that")


def _from_pillow(image: Image.Image) -> Picture:
    """The content of an image that is loaded."""
    extras = {key: image.info[key] for key in ("icc_profile", "exif") if image.info.get(key)}
    if image.mode in ("I;16", "I;16B", "I"):
        return _parted(_grey16(image), png16.WHITE, extras)
    if image.mode in ("P", "PA") or "transparency" in image.info:
        clear = image.mode == "PA" or "transparency" in image.info
        grey = image.mode in ("L", "1")
        image = image.convert(("LA" if grey else "RGBA") if clear else "RGB")
    if image.mode == "1":
        image = image.convert("L")
    if image.mode not in EIGHT:
        raise ValueError(f"has pixels of the kind {image.mode}; expected grey or RGB")
    data = torch.frombuffer(bytearray(image.tobytes()), dtype=torch.uint8)
    pixels = data.view(image.height, image.width, -1).permute(2, 0, 1).int()
    return _parted(pixels.contiguous(), 255, extras)


def _grey16(image: Image.Image) -> Tensor:
    """int32 (1, H, W) of 16 bits."""
    if image.mode == "I":
        low, high = image.getextrema()
        if low < 0 or high > png16.WHITE:  # type: ignore[operator]
            raise ValueError(f"has values from {low} to {high}; expected 16 bits at most")
        values = torch.frombuffer(bytearray(image.tobytes()), dtype=torch.int32)
    else:
        data = torch.frombuffer(bytearray(image.tobytes()), dtype=torch.uint8).int()
        first, second = data.view(-1, 2).unbind(1)
        little = image.mode == "I;16"
        values = first + 256 * second if little else 256 * first + second
    return values.view(1, image.height, image.width)


def _parted(pixels: Tensor, white: int, extras: dict[Any, Any]) -> Picture:
    """Colour and alpha of (C, H, W)."""
    if len(pixels) % 2:
        return Picture(pixels, None, white, extras)
    return Picture(pixels[:-1], pixels[-1:], white, extras)


def check_holds(path: Path, picture: Picture) -> None:
    """ValueError unless a file of the kind that `path` names can hold the picture."""
    modes = HOLDS.get(path.suffix.lower())
    if modes is None:
        raise ValueError(f"{path}: expected a name that ends with one of {', '.join(HOLDS)}")
    if picture.mode not in modes:
        held = ", ".join(sorted(modes))
        raise ValueError(f"{path} cannot hold {picture.mode}, only {held}; PNG can hold everything")


def write_picture(path: Path, picture: Picture) -> None:
    """Write a file of the kind that the name says, whole or not at all.

    ValueError if it cannot hold the picture: nothing is written then.
    """
    check_holds(path, picture)
    colour, alpha, white, extras = picture
    pixels = colour if alpha is None else torch.cat([colour, alpha])
    suffix = path.suffix.lower()
    if white == png16.WHITE and suffix == ".png":
        chunks = {key: value for key, value in extras.items() if isinstance(key, bytes)}
        write_atomically(path, lambda file: png16.write(file, pixels, chunks))
        return
    size = (pixels.shape[2], pixels.shape[1])
    if white == png16.WHITE:
        values = torch.stack([pixels[0] & 255, pixels[0] >> 8], -1)
        mode = "I;16"
    else:
        values, mode = pixels.permute(1, 2, 0), picture.mode
    image = Image.frombytes(mode, size, values.to(torch.uint8).contiguous().numpy().tobytes())
    options: dict[str, Any] = {"icc_profile": extras.get("icc_profile")}
    if suffix in (".jpg", ".jpeg", ".webp", ".png") and extras.get("exif"):
        options["exif"] = extras["exif"]
    if suffix in (".jpg", ".jpeg", ".webp"):
        options["quality"] = QUALITY
    kind = Image.registered_extensions()[suffix]
    write_atomically(path, lambda file: image.save(file, kind, **options))
