"""Pages of Markdown whose tables come from results: what stands between two markers is rewritten.

    <!-- table NAME -->
    | network | PSNR |
    <!-- end of NAME -->

The text around the markers is written by hand, and stays.
"""

import re
from collections.abc import Mapping

MARKED = re.compile(r"<!-- table (?P<name>[^>]+) -->\n.*?<!-- end of (?P=name) -->", re.DOTALL)


def marked(name: str, content: str) -> str:
    """A table between its markers."""
    return f"<!-- table {name} -->\n{content}\n<!-- end of {name} -->"


def names_of(page: str) -> list[str]:
    """The names of the tables of a page, in their order."""
    return [found["name"] for found in MARKED.finditer(page)]


def filled(page: str, tables: Mapping[str, str]) -> str:
    """The page with these tables; ValueError unless it has a place for each and for no other."""
    names = names_of(page)
    for name in tables:
        if names.count(name) != 1:
            raise ValueError(
                f"the page has {names.count(name)} places for the table {name!r}; expected one, "
                f"between <!-- table {name} --> and <!-- end of {name} -->"
            )
    unknown = [name for name in names if name not in tables]
    if unknown:
        raise ValueError(f"nothing makes the table {unknown[0]!r} of the page")
    return MARKED.sub(lambda found: marked(found["name"], tables[found["name"]]), page)
