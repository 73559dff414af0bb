"""Work off the event loop, of which only the newest request's answer is shown."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from functools import partial
from typing import Any, Awaitable, Callable

from nicegui import run, ui

from others.demo.state import State

Run = Callable[..., Awaitable[Any]]  # run(work, *arguments) gives what work(*arguments) does


class Stale(Exception):
    """A newer request has come, or the tab is closed: nobody waits for this answer any more."""


class Latest:
    """The requests of a page for its pictures: a newer one ends the older ones.

    async def draw(run: Run) -> None:
        image = await run(compute, 25)  # in a thread; Stale if a slider has moved on meanwhile
        picture.show(image)

    latest = Latest(state, draw)
    await latest.refresh()  # after every change of a control

    A spinner is seen while somebody waits. Its attribute data-shown is the query of the address
    whose answers are completely shown, so that a script can tell whether these are what it asked for.
    """

    def __init__(self, state: State, draw: Callable[[Run], Awaitable[None]]) -> None:
        self.state, self.draw = state, draw
        self.newest = 0
        self.turn = asyncio.Lock()
        self.client = ui.context.client
        self.sign = ui.spinner(size="2rem").classes("busy fixed bottom-3 right-3")

    async def refresh(self) -> None:
        """Draw anew, for the values that the controls have now."""
        self.newest += 1
        mine, query = self.newest, self.state.query()
        self.sign.set_visibility(True)
        with suppress(Stale):
            await self.draw(partial(self._run, mine))
            self._check(mine)
            self.sign.props["data-shown"] = query
            self.sign.set_visibility(False)

    def _check(self, mine: int) -> None:
        if mine != self.newest or self.client.is_deleted:
            raise Stale

    async def _run(self, mine: int, work: Callable[..., Any], *arguments: object) -> Any:
        """A tab computes one thing at a time: work that waits is dropped when it becomes stale."""
        async with self.turn:
            self._check(mine)
            answer = await run.io_bound(work, *arguments)
        self._check(mine)
        return answer
