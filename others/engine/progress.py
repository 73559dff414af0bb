"""A progress bar on stderr for one epoch: loss, PSNR, images a second and the time left."""

from __future__ import annotations

import time

from tqdm import tqdm

from others.engine.stats_manager import StatsManager


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

    def __enter__(self) -> Progress:
        return self

    def __exit__(self, *error: object) -> None:
        """Remove the bar."""
        self.bar.close()
