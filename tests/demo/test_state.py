"""The state of a page, read from its address."""

from __future__ import annotations

from others.demo.state import State


def test_values_are_read() -> None:
    """Numbers, choices, subsets and switches come from the address, and else from defaults."""
    state = State({"sigma": "12.5", "n": "7", "noise": "b", "models": "c,a", "dark": "1"})
    assert state.number("sigma", 25.0, 0, 100) == 12.5
    assert state.number("n", 1, 1, 9) == 7
    assert state.choice("noise", list("abc"), "a") == "b"
    assert state.subset("models", list("abc"), ["b"]) == ["a", "c"]
    assert state.flag("dark")
    assert state.number("level", 3, 0, 5) == 3
    assert state.subset("others", list("abc"), ["b"]) == ["b"]
    assert state.problems == []


def test_an_empty_subset_is_one() -> None:
    """Choosing nothing is kept, and is not the default."""
    assert State({"models": ""}).subset("models", list("abc"), ["b"]) == []


def test_what_cannot_be_is_named() -> None:
    """A value of the wrong kind or range gives the default, and a sentence with the value."""
    wrong = {"n": "2.5", "sigma": "nan", "level": "101", "noise": "x", "models": "a,x", "dark": "y"}
    state = State({**wrong, "draw": "9" * 5000, "big": "inf"})
    assert state.number("n", 1, 1, 9) == 1
    assert state.number("sigma", 25.0, 0, 100) == 25
    assert state.number("level", 3.0, 0, 100) == 3
    assert state.choice("noise", list("abc"), "a") == "a"
    assert state.subset("models", list("abc"), ["b"]) == ["b"]
    assert not state.flag("dark")
    assert state.number("draw", 0, 0, 99) == 0
    assert state.number("big", 1.0, 0, 99) == 1
    assert len(state.problems) == 8
    assert state.problems[0] == (
        "The address has n='2.5'; expected a whole number from 1 to 9. Shown is the default."
    )
    assert all(len(problem) < 150 for problem in state.problems)
