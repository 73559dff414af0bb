"""What a page shows, kept in its address: /denoise?noise=gaussian&level=25.

    state = State(request.query_params)
    level = state.number("level", 25, 0, 100)         # from the address, or 25
    noise = state.choice("noise", NOISES, "gaussian")
    state.set("level", 30)                            # the address says level=30 from now on

A value that cannot be is replaced by its default, and `problems` says so in a sentence.
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, Union
from urllib.parse import urlencode

from nicegui import ui

Value = Union[bool, int, float, str, "Sequence[str]"]


class State:
    """The values of one page in one tab.

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

    def choice(self, name: str, choices: Iterable[str], default: str) -> str:
        """One of the choices."""
        choices = list(choices)
        text = self.values.get(name, default)
        if text in choices:
            return text
        return self._refused(name, f"one of {', '.join(choices)}", default)

    def subset(self, name: str, choices: Iterable[str], default: Sequence[str]) -> list[str]:
        """Some of the choices, separated by commas in the address; none is a subset as well."""
        choices = list(choices)
        text = self.values.get(name)
        if text is None:
            return list(default)
        chosen = [part for part in text.split(",") if part]
        if set(chosen) <= set(choices):
            return [choice for choice in choices if choice in chosen]
        return self._refused(name, f"some of {', '.join(choices)}", list(default))

    def flag(self, name: str, default: bool) -> bool:
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

    def set(self, name: str, value: Value) -> None:
        """Write a value into the address, without loading the page anew."""
        if isinstance(value, bool):
            value = int(value)
        elif not isinstance(value, (str, int, float)):
            value = ",".join(value)
        self.values[name] = f"{value:.6g}" if isinstance(value, float) else str(value)
        ui.run_javascript(
            "const address = new URL(location);"
            f"address.searchParams.set({json.dumps(name)}, {json.dumps(self.values[name])});"
            "history.replaceState(history.state, '', address);"
        )
