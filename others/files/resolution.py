"""How many pixels of an image are shown on an inch, a centimetre or a metre."""

from __future__ import annotations

from fractions import Fraction
from typing import NamedTuple

METRES = {"inch": Fraction(254, 10000), "centimetre": Fraction(1, 100), "metre": Fraction(1)}


class Resolution(NamedTuple):
    """Pixels in a length, along a row and along a column, as exactly as the file says it."""

    x: Fraction
    y: Fraction
    per: str  # a key of METRES, or "" where the file gives the ratio of x to y alone

    def in_units(self, per: str) -> Resolution:
        """The same in another unit; a mere ratio stays one."""
        if not self.per or not per:
            return self._replace(per="")
        factor = METRES[per] / METRES[self.per]
        return Resolution(self.x * factor, self.y * factor, per)

    def turned(self) -> Resolution:
        """That of the image after a quarter turn."""
        return Resolution(self.y, self.x, self.per)
