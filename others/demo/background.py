"""Work off the event loop, of which only the newest request's answer is shown."""

from __future__ import annotations

import asyncio
from typing import Callable, TypeVar

from nicegui import run, ui

Answer = TypeVar("Answer")


class Latest:
    """The requests of one part of a page: a newer one makes the answers of older ones stale.

    mine = latest.begin()
    image = await latest.run(mine, compute, 25)
    if image is None:  # a slider has moved on meanwhile, or the tab is closed
        return
    """

    def __init__(self) -> None:
        self.number = 0
        self.turn = asyncio.Lock()
        self.client = ui.context.client
        self.waiting = 0  # requests that are computed or wait for their turn
        self.sign = ui.spinner(size="2rem").classes("busy fixed bottom-3 right-3")
        self.sign.set_visibility(False)

    def begin(self) -> int:
        """A new request's number; all older requests are stale from now on."""
        self.number += 1
        return self.number

    def is_stale(self, mine: int) -> bool:
        """Whether nobody waits for this request's answer any more."""
        return mine != self.number or self.client.is_deleted

    async def run(
        self, mine: int, work: Callable[..., Answer], *arguments: object
    ) -> Answer | None:
        """What `work` gives, computed in a thread; None if the request is stale before or after.

        A tab computes one thing at a time: work that waits is dropped when it becomes stale.
        """
        self._count(1)
        try:
            async with self.turn:
                if self.is_stale(mine):
                    return None
                answer = await run.io_bound(work, *arguments)
        finally:
            self._count(-1)
        return None if self.is_stale(mine) else answer

    def _count(self, change: int) -> None:
        """Show a spinner while somebody waits."""
        self.waiting += change
        if not self.client.is_deleted:
            self.sign.set_visibility(self.waiting > 0)
