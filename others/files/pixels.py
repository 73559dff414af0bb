"""Pixels from and to the two libraries that decode and encode them, Pillow and OpenCV."""

from __future__ import annotations

import cv2
import numpy as np
import torch
from PIL import Image
from torch import Tensor

from others.files.kinds import EIGHT

ORDERS = {1: [0], 3: [2, 1, 0], 4: [2, 1, 0, 3]}  # OpenCV has blue first


def from_pillow(image: Image.Image) -> Tensor:
    """int32 (C, H, W) from 0 to 255: alpha, if there is some, is the last channel.

    ValueError for a mode that is neither grey nor RGB.
    """
    if image.mode in ("P", "PA"):
        clear = image.mode == "PA" or "transparency" in image.info
        four = image.palette is not None and image.palette.mode == "RGBA"
        image = image.convert("RGBA" if clear or four else "RGB")
    elif image.mode == "1":
        image = image.convert("L")
    if image.mode not in EIGHT:
        raise ValueError(f"holds pixels of mode {image.mode}; expected grey or RGB of 8 or 16 bits")
    data = torch.from_numpy(np.array(image)).view(image.height, image.width, -1)
    return data.int().permute(2, 0, 1)


def to_pillow(pixels: Tensor, mode: str) -> Image.Image:
    """An image of Pillow out of int32 (C, H, W) from 0 to 255."""
    values = pixels.permute(1, 2, 0).to(torch.uint8).contiguous().numpy()
    return Image.frombytes(mode, (pixels.shape[2], pixels.shape[1]), values.tobytes())


def from_opencv(data: bytes, bits: int = 16) -> Tensor:
    """int32 (C, H, W) of a file with 8 or 16 bits a channel; OSError if it is damaged."""
    logging = cv2.utils.logging
    # What OpenCV would print about a damaged file comes as an exception from here.
    level = logging.setLogLevel(logging.LOG_LEVEL_SILENT)
    try:
        array = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_UNCHANGED)
    finally:
        logging.setLogLevel(level)
    if array is None or array.dtype != (np.uint16 if bits == 16 else np.uint8):
        raise OSError("the file is truncated or damaged")
    channels = torch.from_numpy(array.astype(np.int32)).view(*array.shape[:2], -1)
    return channels.permute(2, 0, 1)[ORDERS[channels.shape[2]]]


def to_opencv(pixels: Tensor, suffix: str) -> bytes:
    """The bytes of a file of 16 bits out of int32 (1, 3 or 4, H, W) from 0 to 65535."""
    values = pixels[ORDERS[len(pixels)]].permute(1, 2, 0).contiguous().numpy()
    written, data = cv2.imencode(suffix, values.astype(np.uint16))
    if not written:
        raise OSError(f"OpenCV cannot write {suffix}")
    return data.tobytes()
