"""What a page shows: the values in its address, and the newest request for answers to them."""

import asyncio
import json
import math
from collections.abc import Awaitable, Collection, Mapping, Sequence
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import Any, Callable
from urllib.parse import urlencode

from nicegui import run, ui

Run = Callable[..., Awaitable[Any]]  # run(work, *arguments) gives what work(*arguments) does
Draw = Callable[[Run], Awaitable[None]]


class State:
    """The values of one page in one tab, kept in its address: /denoise?noise=gaussian&level=25.

    A value that cannot be is replaced by its default, and `problems` says so in a sentence.

    Args:
        query: the parameters of the address.
        data: the folder of the course's files, which the command names and no address can.
    """

    def __init__(self, query: Mapping[str, str], data: Path = Path("data")) -> None:
        self.values = dict(query)
        self.data = data
        self.problems: list[str] = []

    def number(self, name: str, default: float, low: float, high: float) -> float:
        """A number from `low` to `high`; a whole one if the default is an int."""
        text, kind = self.values.get(name), type(default)
        if text is None:
            return default
        try:
            value = kind(text)
        except ValueError:
            value = math.nan
        if low <= value <= high:
            return value
        wanted = "a whole number" if kind is int else "a number"
        return self._refused(name, f"{wanted} from {low:g} to {high:g}", default)

    def choice(self, name: str, choices: Collection[str], default: str) -> str:
        """One of the choices."""
        text = self.values.get(name, default)
        if text in choices:
            return text
        return self._refused(name, f"one of {', '.join(choices)}", default)

    def subset(self, name: str, choices: Collection[str], default: Sequence[str]) -> list[str]:
        """Some of the choices, separated by commas in the address; none is a subset as well."""
        chosen = self.values.get(name, ",".join(default)).split(",")
        if set(chosen) <= {*choices, ""}:
            return [choice for choice in choices if choice in chosen]
        return self._refused(name, f"some of {', '.join(choices)}", list(default))

    def flag(self, name: str, default: bool = False) -> bool:
        """Yes or no: 1 or 0 in the address."""
        return self.choice(name, ("0", "1"), str(int(default))) == "1"

    def _refused(self, name: str, expected: str, default: Any) -> Any:
        """The default, after a sentence about what the address has."""
        found = self.values.pop(name)[:40]
        self.problems.append(
            f"The address has {name}={found!r}; expected {expected}. Shown is the default."
        )
        return default

    def query(self) -> str:
        """The values as they stand in an address."""
        return urlencode(self.values)

    def set(self, name: str, value: Any) -> None:
        """Write a value into the address, without loading the page anew."""
        if isinstance(value, bool):
            value = int(value)
        elif isinstance(value, Sequence) and not isinstance(value, str):
            value = ",".join(value)
        text = f"{value:.6g}" if isinstance(value, float) else str(value)
        self.values[name] = text
        ui.run_javascript(f"remember({json.dumps(name)}, {json.dumps(text)})")


class Stale(Exception):
    """A newer request has come, or the tab is closed: nobody waits for this answer any more."""


class Latest:
    """The requests of a page for its pictures: a newer one ends the older ones.

    async def draw(run: Run) -> None:
        image = await run(compute, 25)  # in a thread; Stale if a slider has moved on meanwhile
        picture.show(image)

    latest = Latest(state, draw)  # draws as soon as the page is there
    await latest.refresh()  # draws anew

    What `draw` cannot read, or a value that it refuses, gets a sentence. A sign is seen while
    somebody waits; its attribute data-shown is the query of the address whose answers are
    completely shown, so that a script can tell whether they are what it asked for.
    """

    def __init__(self, state: State, draw: Draw) -> None:
        self.state, self.draw = state, draw
        self.newest = 0
        self.turn = asyncio.Lock()
        self.client = ui.context.client
        self.alert = ui.label().props("role=alert").classes("refusal text-lg")
        # It does not move: an animation takes the processor that computes what is waited for.
        self.sign = ui.label("computing …").classes("busy fixed bottom-1 right-3 font-bold")
        ui.timer(0, self.refresh, once=True)

    async def refresh(self) -> None:
        """Draw anew, for the values that the controls have now."""
        self.newest += 1
        mine, query = self.newest, self.state.query()
        self.sign.set_visibility(True)
        with suppress(Stale):
            said = ""
            try:
                await self.draw(partial(self._run, mine))
            except (OSError, ValueError) as error:
                said = f"{error}."
            self._check(mine)
            self.alert.set_text(said)
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
