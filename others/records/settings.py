"""Settings that check themselves, and that are read from JSON files.

    @settings
    class Strength:
        low: Annotated[float, Field(ge=0)] = 0.0
        high: Annotated[float, Field(ge=0)] = 0.0

    Strength(1, -2)                                   # ValueError: high is -2; expected at least 0
    read_settings(Strength(), {"low": 1, "hgih": 2})  # ValueError: hgih is unknown; expected ...

pydantic does the checks. An entry has to be of its declared type, but a whole number may stand for
another number; an entry that is not declared is refused. The result is a frozen dataclass, so that
`dataclasses.replace` and `dataclasses.asdict` work as usual.
"""

import dataclasses
import json
from collections.abc import Collection
from functools import wraps
from typing import Any, Callable, TypeVar, get_args

from pydantic import ConfigDict, TypeAdapter, ValidationError
from pydantic.dataclasses import dataclass
from typing_extensions import dataclass_transform  # comes with pydantic

from others.records.configuration import shown

Kind = TypeVar("Kind")
CONFIG = ConfigDict(extra="forbid", strict=True, allow_inf_nan=False)
EXPECTED = {  # pydantic's types of errors in the words of this project
    "int_type": "a whole number",
    "float_type": "a number",
    "finite_number": "a finite number",
    "bool_type": "true or false",
    "string_type": "a string",
    "tuple_type": "a list",
    "dataclass_type": "an object in braces",
    "model_attributes_type": "an object in braces",
    "dict_type": "an object in braces",
    "greater_than": "more than {gt:g}",
    "greater_than_equal": "at least {ge:g}",
    "less_than": "less than {lt:g}",
    "less_than_equal": "at most {le:g}",
    "too_short": "entries, at least {min_length}",
    "too_long": "{max_length} entries at most",
    "missing": "another entry",
    "literal_error": "{expected}",
    "union_tag_invalid": "{discriminator} to be one of {expected_tags}",
    "union_tag_not_found": "{discriminator} to be given",
    "string_pattern_mismatch": "a name that matches {pattern}",
}
UNKNOWN = ("unexpected_keyword_argument", "extra_forbidden")


@dataclass_transform(frozen_default=True)
def settings(kind: type[Kind]) -> type[Kind]:
    """Make a class of annotated entries a frozen dataclass that checks them.

    A wrong entry raises a ValueError of one sentence, which names the entry.
    """
    made = dataclass(kind, frozen=True, config=CONFIG)
    plain = made.__init__

    @wraps(plain)
    def checked(self: Any, *arguments: Any, **entries: Any) -> None:
        try:
            plain(self, *arguments, **entries)
        except ValidationError as error:
            raise ValueError(sentence(error, made)) from error

    made.__init__ = checked  # type: ignore[method-assign]
    return made  # type: ignore[return-value]


def read_settings(default: Kind, content: Any, place: str = "") -> Kind:
    """`default` with the entries replaced that parsed JSON has; entries may be objects themselves.

    What an inner object leaves out keeps the value that it has in `default`.

    Args:
        default: an instance of a class made by `settings`.
        content: what `json.loads` gave.
        place: where `content` stands in a larger file, for the messages: "model", say.

    Raises:
        ValueError: an entry that is unknown, of another type or out of bounds.
    """
    if not isinstance(content, dict):
        found = shown(repr(content))
        raise ValueError(f"{place or 'the file'} is {found}; expected an object in braces")
    whole = json.dumps(merged(dataclasses.asdict(default), content))  # type: ignore[call-overload]
    try:
        return TypeAdapter(type(default)).validate_json(whole)  # a list may stand for a tuple here
    except ValidationError as error:
        raise ValueError(sentence(error, type(default), place)) from error


def merged(base: dict[str, Any], changes: dict[str, Any]) -> dict[str, Any]:
    """Nested dictionaries with some entries replaced; the arguments stay as they are."""
    result = dict(base)
    for name, value in changes.items():
        inner = isinstance(value, dict) and isinstance(result.get(name), dict)
        result[name] = merged(result[name], value) if inner else value
    return result


def one_of(choices: Collection[str]) -> Callable[[str], str]:
    """A check for pydantic's AfterValidator: the entry is one of the choices, such as a table's."""

    def check(value: str) -> str:
        if value not in choices:
            raise ValueError(f"expected one of {', '.join(choices)}")
        return value

    return check


def sentence(error: ValidationError, kind: Any, place: str = "") -> str:
    """The first fault that pydantic found, in a sentence that names the entry."""
    fault = error.errors(include_url=False)[0]
    path = [str(part) for part in fault["loc"]]
    if path and isinstance(fault["loc"][0], int):  # an argument that was given by position
        path[0] = list(kind.__pydantic_fields__)[int(path[0])]
    where = ".".join([place, *path] if place else path)
    if fault["type"] in UNKNOWN:
        return f"{shown(where)} is unknown; expected some of {', '.join(known_names(kind, path))}"
    context: dict[str, Any] = fault.get("ctx", {})
    found = shown(repr(fault["input"]))
    if fault["type"] == "value_error":  # of a check that the class itself makes
        reason = str(context["error"])
        if reason.startswith("expected"):
            return f"{where} is {found}; {reason}"
        return f"{where}: {reason}" if where else reason
    expected = EXPECTED.get(fault["type"], "").format(**context) or fault["msg"]
    return f"{where} is {found}; expected {expected}"


def known_names(kind: Any, path: list[str]) -> list[str]:
    """The entries that may stand where the last part of `path` does, from the class `kind` on.

    ["regularisers", "0", "l1", "slope"] leads through a list, whose index is passed over, to the
    class among several whose `name` is l1.
    """
    kinds: list[Any] = [kind]
    for part in path[:-1]:
        below = [found for one in kinds for found in nested(one, part)]
        named = [one for one in kinds if "name" in one.__pydantic_fields__]
        tagged = [one for one in named if one.__pydantic_fields__["name"].default == part]
        kinds = below or tagged or kinds
    return list(dict.fromkeys(name for one in kinds for name in one.__pydantic_fields__))


def nested(kind: Any, entry: str) -> list[Any]:
    """The classes of settings in the declared type of an entry, also inside tuples and unions."""
    if entry not in kind.__pydantic_fields__:
        return []
    types, found = [kind.__pydantic_fields__[entry].annotation], []
    for one in types:
        types += get_args(one)  # grows while it is gone through
        found += [one] if dataclasses.is_dataclass(one) else []
    return found
