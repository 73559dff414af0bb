"""The answers of a trained model to noisy images, which another network can learn from.

An answer has far less noise than a second noisy copy, so a small network learns from a teacher in a
fraction of the time. No clean image is needed, provided that the teacher needed none.
"""

import hashlib
import os
from pathlib import Path
from typing import Any, Callable

import torch
from torch import Tensor

from Miniproject_1.noise2noise.checkpoint import read_checkpoint
from Miniproject_1.noise2noise.files import write_atomically
from others.networks.pretrained import load_denoiser, weights_file
from others.records.weights import digest, wrong_tensor

CHUNK = 100  # images that are denoised at once


def taught(teacher: str, noisy: Tensor, path: Path) -> Tensor:
    """What a teacher makes of noisy images in one pass: uint8 (N, 3, H, W), as its input.

    The answers take as long as some epochs of training, so they are kept in the file `path`. It is
    used again only for the same images and the same weights of the teacher, which it names by their
    SHA-256.

    Args:
        teacher: the name of a model that has shipped weights.

    Raises:
        ValueError: the file is damaged, or is none of answers.
    """
    weights = weights_file(teacher)
    made_from = {
        "weights": digest(weights),
        "noisy": hashlib.sha256(noisy.contiguous().numpy().tobytes()).hexdigest(),
    }
    if os.path.lexists(path):
        kept = read_checkpoint(path)
        if all(str(kept.get(name)) == value for name, value in made_from.items()):
            return check_answers(kept.get("answers"), noisy, path)
    answers = answered(load_denoiser(teacher, weights).apply, noisy)
    path.parent.mkdir(parents=True, exist_ok=True)
    content = {**made_from, "answers": answers}
    write_atomically(path, lambda file: torch.save(content, file))
    return answers


def check_answers(answers: Any, noisy: Tensor, path: Path) -> Tensor:
    """Return `answers` if they can be those to `noisy`; ValueError that names the file if not."""
    if not isinstance(answers, Tensor) or answers.dtype != noisy.dtype:
        kind = answers.dtype if isinstance(answers, Tensor) else type(answers).__name__
        raise ValueError(f"{path}: the answers are {kind}, expected {noisy.dtype}")
    wrong = wrong_tensor(answers, noisy)
    if wrong:
        raise ValueError(f"{path}: the answers cannot be those to the images: a tensor {wrong}")
    return answers


def answered(network: Callable[[Tensor], Tensor], noisy: Tensor) -> Tensor:
    """The denoised images of uint8 (N, 3, H, W), rounded to uint8."""
    return (255 * denoise(network, noisy)).round().to(torch.uint8)


@torch.no_grad()
def denoise(network: Callable[[Tensor], Tensor], noisy: Tensor, chunk: int = CHUNK) -> Tensor:
    """The denoised images of uint8 (N, 3, H, W), in [0, 1]; `chunk` images are one batch."""
    parts = [network(part.float() / 255) for part in noisy.split(chunk)]
    return torch.cat(parts).clamp(0, 1)
