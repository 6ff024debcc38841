"""Where a value stands within a record: keys joined by dots, places of a list, and the entry of a name.

`context.page.path` is a key within keys, `contacts[0].id` a place of a list (counted from 0), and
`event_params[page_location]`, at the end, the value of that name in a list of `{key, value}`, `{name, value}` or
`{field_name, value}`. A key that holds a dot or a bracket stands in double quotes.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

_STEP = r'(?:"[^"\\]+"|[^.\[\]"\\]+)(?:\[[0-9]+\])*'
_PATH = re.compile(rf'({_STEP}(?:\.{_STEP})*)(?:\[([^\[\]"\\]+)\])?')
_PARTS = re.compile(r'"([^"]+)"|\[([0-9]+)\]|([^.\[\]"]+)')


@dataclass(frozen=True)
class Route:
    """A path taken apart: the keys and places that lead to a value, and the name of an entry of the list there."""

    steps: tuple[str | int, ...]
    entry: str | None = None

    @property
    def in_duckdb(self) -> str:
        """The way to the value, or to the list with the entry, as DuckDB writes it."""
        return _in_duckdb(self.steps)

    @property
    def objects(self) -> list[str]:
        """The objects in which a key of the way is looked up, as DuckDB writes them."""
        return [_in_duckdb(self.steps[:place]) for place, step in enumerate(self.steps) if isinstance(step, str)]


def _in_duckdb(steps: Sequence[str | int]) -> str:
    return "$" + "".join(f"[{step}]" if isinstance(step, int) else f'."{step}"' for step in steps)


def parsed(text: str) -> Route:
    """Take a path apart.

    Raises
    ------
    ValueError : it is none
    """
    match = _PATH.fullmatch(text)
    if match is None:
        raise ValueError(
            f"'{text}' is not a path into a JSON object; allowed are keys joined by dots, [0] for a place of a list, "
            "and [name] at the end for the entry of that name"
        )
    parts = _PARTS.findall(match[1])
    return Route(tuple(int(place) if place else quoted or bare for quoted, place, bare in parts), match[2])
