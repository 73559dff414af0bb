"""Pixels from and to the two libraries that decode and encode them, Pillow and OpenCV.

Pixels keep the type that they have in the file, uint8 or uint16: an image of 6 million pixels is
copied in a few milliseconds, and any wider type would take many times as long as decoding it.
"""

from typing import Any

import cv2
import numpy as np
import torch
from PIL import Image
from torch import Tensor

from others.files.kinds import EIGHT

# OpenCV has blue first. Its own exchange is several times faster than an index of torch.
RED_FIRST = {3: cv2.COLOR_BGR2RGB, 4: cv2.COLOR_BGRA2RGBA}
BLUE_FIRST = {3: cv2.COLOR_RGB2BGR, 4: cv2.COLOR_RGBA2BGRA}


def from_pillow(image: Image.Image) -> Tensor:
    """uint8 (C, H, W): alpha, if there is some, is the last channel.

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
    return data.permute(2, 0, 1)


def to_pillow(pixels: Tensor, mode: str) -> Image.Image:
    """An image of Pillow out of (C, H, W) from 0 to 255, of any type of number."""
    values = pixels.permute(1, 2, 0).to(torch.uint8).contiguous().numpy()
    return Image.frombytes(mode, (pixels.shape[2], pixels.shape[1]), values.tobytes())


def from_opencv(data: bytes, bits: int = 16) -> Tensor:
    """The pixels of a file, uint8 or uint16 (C, H, W); OSError if they are damaged.

    Args:
        bits: a channel, as the file declares them: 8 or 16.
    """
    logging = cv2.utils.logging
    # What OpenCV would print about a damaged file comes as an exception from here.
    level = logging.setLogLevel(logging.LOG_LEVEL_SILENT)
    try:
        array = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_UNCHANGED)
    finally:
        logging.setLogLevel(level)
    if array is None or array.dtype != (np.uint16 if bits == 16 else np.uint8):
        raise OSError("the file is truncated or damaged")
    channels = array.shape[2] if array.ndim == 3 else 1
    if channels in RED_FIRST:
        array = cv2.cvtColor(array, RED_FIRST[channels])
    return torch.from_numpy(array).view(*array.shape[:2], -1).permute(2, 0, 1)


def to_opencv(pixels: Tensor, suffix: str) -> bytes:
    """The bytes of a file with 16 bits a channel, made of (1, 3 or 4, H, W) from 0 to 65535."""
    values: Any = pixels.permute(1, 2, 0).to(torch.uint16).contiguous().numpy()
    if len(pixels) in BLUE_FIRST:
        values = cv2.cvtColor(values, BLUE_FIRST[len(pixels)])
    written, data = cv2.imencode(suffix, values)
    if not written:
        raise OSError(f"OpenCV cannot write {suffix}")
    return data.tobytes()
