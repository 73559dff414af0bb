"""What is measured on mini-batches: the mean loss, and how well images are denoised.

The interface is that of the assignment "Image Denoising with Deep CNNs" (ECE 285, UCSD 2019):
`init`, then `accumulate` for each mini-batch, then `summarize`.

A mini-batch is kept as one row of numbers, which are sums over its images:

    images | loss | squared error | values | PSNR | SSIM
         4 | 0.08 |          1.72 |   1728 |  104 | 3.12

Sums have two merits. Where several processes each compute on a part of a mini-batch, their rows add
up to its row. And a row stays on the device, so that a GPU is waited for only in `summarize`.
"""

import math
import time
from typing import Callable

import torch
from torch import Tensor
from tqdm import tqdm

from others.engine.distributed import total
from others.engine.metrics import psnr_per_image

Figures = dict[str, float]


class StatsManager:
    """The loss, as a mean over mini-batches.

    The experiment sets `training` while it trains. Measures that take long are left out then.
    """

    training = False

    def __init__(self) -> None:
        self.init()

    def init(self) -> None:
        """Forget everything."""
        self.rows: list[Tensor] = []

    def accumulate(
        self,
        loss: Tensor | float,
        x: Tensor | None = None,
        y: Tensor | None = None,
        d: Tensor | None = None,
    ) -> None:
        """Count a mini-batch: its mean loss, and (N, C, H, W) input, output and desired output."""
        loss = torch.as_tensor(loss).detach()
        with torch.no_grad():
            self.rows.append(torch.stack([entry.float() for entry in self.measure(loss, x, y, d)]))

    def measure(
        self, loss: Tensor, x: Tensor | None, y: Tensor | None, d: Tensor | None
    ) -> list[Tensor]:
        """The row of a mini-batch: the number of its images, then sums over them."""
        count = torch.full_like(loss, 1 if d is None else len(d))
        return [count, count * loss]

    def figures(self, table: Tensor) -> Figures:
        """The figures of mini-batches, each a row of `table`."""
        return {"loss": float((table[:, 1] / table[:, 0]).mean())}

    def summarize(self) -> Figures:
        """The figures of all mini-batches since `init`, of all processes."""
        if not self.rows:
            raise ValueError("nothing to summarize: expected a mini-batch at least")
        return self.figures(total(torch.stack(self.rows).double()))

    def recent(self, batches: int = 20) -> Figures:
        """The figures of the last mini-batches in this process, for a progress bar."""
        return self.figures(torch.stack(self.rows[-batches:]).double())

    def score(self, figures: Figures) -> float:
        """The number that decides which epoch is the best: the one with the highest."""
        return -figures["loss"]

    def __repr__(self) -> str:
        return type(self).__name__


class DenoisingStatsManager(StatsManager):
    """Loss and PSNR, in dB; in evaluation also the PSNR per image and, if asked for, SSIM.

    "PSNR" is the assignment's: the mean over mini-batches of 10 log10(r² n / ‖y − d‖²), where r is
    the range, 2 by default, and n is the number of values in the mini-batch. "psnr_per_image_db" is
    `others.engine.metrics.psnr_per_image` of the clipped images. Both say how well images are
    denoised only if the desired output is clean. Against a noisy one, they measure its noise.

    Args:
        low, high: black and white of y and d.
        ssim: whether to measure the structural similarity (Wang et al., 2004) too, for images of at
            least 11x11 pixels.

    Raises:
        ValueError: `low` is not less than `high`.
    """

    def __init__(self, low: float = -1.0, high: float = 1.0, ssim: bool = False) -> None:
        super().__init__()
        if not low < high:
            raise ValueError(f"the range is [{low}, {high}]; expected low < high")
        self.low, self.high = low, high
        self.ssim = ssim

    def measure(
        self, loss: Tensor, x: Tensor | None, y: Tensor | None, d: Tensor | None
    ) -> list[Tensor]:
        """Images, loss, squared error, values; then PSNR per image and SSIM, summed over images."""
        if y is None or d is None:
            raise ValueError("a PSNR needs the output y and the desired output d")
        row = super().measure(loss, x, y, d)
        row += [(y - d).square().sum(), torch.full_like(loss, d.numel())]
        if self.training:
            return row
        images, clean = self._unit(y), self._unit(d)
        measures: list[Callable[[Tensor, Tensor], float]] = [psnr_per_image]
        if self.ssim:
            measures.append(structural_similarity)
        # A process may have no image of a mini-batch; then its sums are 0.
        means = [measure(images, clean) if len(d) else 0.0 for measure in measures]
        return row + [torch.full_like(loss, len(d) * mean) for mean in means]

    def _unit(self, images: Tensor) -> Tensor:
        return ((images.float() - self.low) / (self.high - self.low)).clamp(0, 1)

    def figures(self, table: Tensor) -> Figures:
        """Loss and PSNR as means over mini-batches, the others as means over images."""
        mean_error = table[:, 2] / table[:, 3]
        psnr = 20 * math.log10(self.high - self.low) - 10 * torch.log10(mean_error)
        result = {**super().figures(table), "PSNR": float(psnr.mean())}
        images = table[:, 0].sum()
        for column, name in enumerate(("psnr_per_image_db", "SSIM"), start=4):
            if column < table.shape[1]:
                result[name] = float(table[:, column].sum() / images)
        return result

    def score(self, figures: Figures) -> float:
        """The PSNR per image."""
        return figures["psnr_per_image_db"]

    def __repr__(self) -> str:
        ssim = ", ssim" if self.ssim else ""
        return f"{super().__repr__()}({self.low:g}, {self.high:g}{ssim})"


def structural_similarity(images: Tensor, clean: Tensor) -> float:
    """The mean SSIM of two (N, C, H, W) in [0, 1] of at least 11x11 pixels."""
    # torchmetrics takes a second to import, which trainings without SSIM need not wait for.
    from torchmetrics.functional.image import structural_similarity_index_measure

    found = structural_similarity_index_measure(images, clean, data_range=1.0)
    return float(found)  # pyright: ignore[reportArgumentType]  # a pair only if asked for


class Progress:
    """A bar that counts images and shows the figures of the last mini-batches.

    The figures are read twice a second at most, because the program waits for the GPU to read them.

    Args:
        total: images in the epoch.
        label: what stands before the bar.
        shown: whether to draw; None: on a terminal only.
    """

    def __init__(self, total: int, label: str, shown: bool | None = None) -> None:
        disable = None if shown is None else not shown  # tqdm's None: off unless on a terminal
        self.bar = tqdm(total=total, desc=label, unit=" images", disable=disable, leave=False)
        self.drawn = 0.0

    def update(self, images: int, stats: StatsManager) -> None:
        """Count `images` more."""
        self.bar.update(images)
        if not self.bar.disable and time.monotonic() - self.drawn > 0.5:
            self.bar.set_postfix({name: f"{value:.4g}" for name, value in stats.recent().items()})
            self.drawn = time.monotonic()

    def __enter__(self) -> "Progress":
        return self

    def __exit__(self, *error: object) -> None:
        """Remove the bar."""
        self.bar.close()
