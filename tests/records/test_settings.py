"""Settings that check themselves: sentences for what is wrong, defaults for what is left out."""

from __future__ import annotations

from dataclasses import FrozenInstanceError, asdict, field, replace
from typing import Annotated, Any, Literal

import pytest
from pydantic import AfterValidator, Field

from others.records.settings import merged, one_of, read_settings, settings


@settings
class Inner:
    """Settings within settings."""

    name: Literal["inner"] = "inner"
    low: Annotated[float, Field(ge=0)] = 0.0
    high: float = 9.0


@settings
class Other:
    """What may stand in the place of `Inner` in a list."""

    name: Literal["other"] = "other"
    sizes: Annotated[tuple[int, ...], Field(max_length=2)] = (1,)


@settings
class Outer:
    """Settings with everything that is used."""

    count: int = 3
    on: bool = False
    kind: Annotated[str, AfterValidator(one_of(["a", "b"]))] = "a"
    inner: Inner = field(default_factory=lambda: Inner(low=2.0))
    terms: tuple[Annotated[Inner | Other, Field(discriminator="name")], ...] = ()

    def __post_init__(self) -> None:
        if self.count == 7:
            raise ValueError("count is 7; expected any other number")


def test_what_is_left_out_keeps_its_value() -> None:
    """An inner entry keeps the value in the default settings, not that of its class; a list may
    stand for a tuple and a whole number for another number."""
    found = read_settings(Outer(), {"inner": {"high": 3}, "terms": [{"name": "other"}]})
    assert found == Outer(inner=Inner(low=2.0, high=3.0), terms=(Other(),))
    assert isinstance(found.inner.high, float)
    assert read_settings(Outer(), asdict(found)) == found


def test_settings_are_frozen_dataclasses() -> None:
    """Settings cannot be changed; new ones are made of them, and checked too."""
    with pytest.raises(FrozenInstanceError):
        Outer().count = 4  # type: ignore[misc]
    assert replace(Outer(), count=4).count == 4
    with pytest.raises(ValueError, match=r"^count is 7; expected any other number$"):
        replace(Outer(), count=7)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (3, "model is 3; expected an object in braces"),
        ({"count": "3"}, "model.count is '3'; expected a whole number"),
        ({"count": 1.0}, "model.count is 1.0; expected a whole number"),
        ({"count": 7}, "model: count is 7; expected any other number"),
        ({"on": 1}, "model.on is 1; expected true or false"),
        ({"kind": "c"}, "model.kind is 'c'; expected one of a, b"),
        ({"kind": 1}, "model.kind is 1; expected a string"),
        ({"inner": []}, "model.inner is []; expected an object in braces"),
        ({"inner": {"low": -1}}, "model.inner.low is -1; expected at least 0"),
        ({"inner": {"lo": 1}}, "model.inner.lo is unknown; expected some of name, low, high"),
        ({"extra": 1}, "model.extra is unknown; expected some of count, on, kind, inner, terms"),
        ({"terms": 1}, "model.terms is 1; expected a list"),
        (
            {"terms": [{"name": "other", "size": 1}]},
            "model.terms.0.other.size is unknown; expected some of name, sizes",
        ),
        (
            {"terms": [{"name": "other", "sizes": [1, 2, 3]}]},
            "model.terms.0.other.sizes is [1, 2, 3]; expected 2 entries at most",
        ),
    ],
)
def test_a_wrong_entry_is_named_in_one_sentence(content: Any, message: str) -> None:
    """The place of the entry, what is there, and what was expected."""
    with pytest.raises(ValueError, match="expected") as caught:
        read_settings(Outer(), content, "model")
    assert str(caught.value) == message


def test_an_argument_by_position_is_named_too() -> None:
    """Whether settings are made with names or without, the sentence is the same."""
    for make in (lambda: Inner("inner", -5), lambda: Inner(low=-5)):
        with pytest.raises(ValueError, match=r"^low is -5; expected at least 0$"):
            make()


def test_merged() -> None:
    """Inner entries are replaced one by one, and nothing is changed in place."""
    base = {"a": {"b": 1, "c": 2}, "d": 3}
    assert merged(base, {"a": {"b": 9}, "e": 4}) == {"a": {"b": 9, "c": 2}, "d": 3, "e": 4}
    assert base == {"a": {"b": 1, "c": 2}, "d": 3}
