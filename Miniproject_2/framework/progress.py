"""A progress bar on stderr: share done, loss, images per second, time left.

It draws only on a terminal, at most ten times a second, so that logs and graders stay clean. Where
stderr is closed, or closes on the way, nothing is drawn and nothing fails.

This file lies in both miniprojects, byte for byte the same, because neither may import the other.
"""

import sys
import time
from typing import Optional, SupportsFloat

_WIDTH = 24  # characters of the bar


class Progress:
    """Counts the images that a training has seen, of `total` in all."""

    def __init__(self, total: int) -> None:
        self.total, self.done = total, 0
        self.loss: Optional[float] = None  # a running mean over what was drawn
        self.start, self.drawn = time.monotonic(), 0.0
        try:
            self.shown = sys.stderr.isatty()
        except (AttributeError, OSError, ValueError):  # none, one that can only write, or closed
            self.shown = False

    def update(self, images: int, loss: SupportsFloat) -> None:
        """Count `images` more, whose mean loss was `loss`.

        The loss is read only when the bar is drawn: reading it makes a GPU wait.
        """
        self.done += images
        if self.shown and time.monotonic() - self.drawn > 0.1:
            self.loss = float(loss) if self.loss is None else 0.9 * self.loss + 0.1 * float(loss)
            self._draw()

    def close(self) -> None:
        """Draw the last state and end the line."""
        if self.shown and self.loss is not None:
            self._draw("\n")

    def _draw(self, end: str = "") -> None:
        self.drawn = time.monotonic()
        rate = self.done / max(self.drawn - self.start, 1e-9)
        left = int((self.total - self.done) / rate)
        bar = ("#" * (_WIDTH * self.done // self.total)).ljust(_WIDTH, ".")
        try:
            sys.stderr.write(
                f"\rtraining [{bar}] {100 * self.done // self.total:3d} %  loss "
                f"{self.loss:.5f}  {rate:.0f} images/s  {left // 60}:{left % 60:02d} left {end}"
            )
            sys.stderr.flush()
        except (AttributeError, OSError, ValueError):  # gone, broken or closed
            self.shown = False
