"""What a model makes of a noisy image: the denoised image, its score and where it errs."""

import time
from functools import lru_cache
from typing import NamedTuple

from torch import Tensor

from others.engine.metrics import psnr_per_image
from others.networks.pretrained import Denoiser, load_denoiser

denoiser = lru_cache(maxsize=None)(load_denoiser)  # each model is loaded once, and kept


class Answer(NamedTuple):
    """An image beside the clean one."""

    image: Tensor  # (3, H, W), clipped to [0, 1]
    errors: Tensor  # (H, W): the mean of their size over the channels, in grey levels
    score: str  # PSNR per image, in dB, and the time that it took if it was a model's answer


def judged(image: Tensor, clean: Tensor, seconds: float | None = None) -> Answer:
    """An image (1, 3, H, W) in [0, 1] beside the clean one; what lies outside is clipped."""
    image = image.clamp(0, 1)
    errors = 255 * (image - clean)[0].abs().mean(0)
    score = f"{psnr_per_image(image, clean):.2f} dB" if bool(errors.any()) else "exact"
    spent = "" if seconds is None else f" · {1000 * seconds:.0f} ms"
    return Answer(image[0], errors, score + spent)


def answer(name: str, ensemble: bool, noisy: Tensor, clean: Tensor) -> Answer:
    """What a model makes of an image (1, 3, H, W), with or without the self-ensemble."""
    model: Denoiser = denoiser(name, ensemble=ensemble)
    start = time.perf_counter()
    image = model(noisy)
    return judged(image, clean, time.perf_counter() - start)
