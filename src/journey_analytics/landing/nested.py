"""Into nested values, one at a time: what a route leads to, as the text that a contract reads."""

from __future__ import annotations

import json
from typing import Any

from journey_analytics.facts.paths import Route


def text_at(value: Any, route: Route) -> str | None:
    """The text that a route leads to from a nested value, or from JSON written as text; None where it leads nowhere."""
    if isinstance(value, str):
        try:
            value = json.loads(value)
        except ValueError:
            return None
    for step in route.steps:
        value = _at(value, step)
    if route.entry is not None:
        value = _of_entry(value, route.entry)
    return value if isinstance(value, str) else as_json(value)


def _at(value: Any, step: str | int) -> Any:
    if isinstance(value, dict):
        return value.get(step)
    is_place = isinstance(value, list) and isinstance(step, int) and step < len(value)
    return value[step] if is_place else None


def _of_entry(entries: Any, name: str) -> Any:
    """The value of the entry of that name; of a value that is told by types, the one that is set."""
    objects = [entry for entry in entries if isinstance(entry, dict)] if isinstance(entries, list) else []
    named = [entry for entry in objects if name in (entry.get("key"), entry.get("name"), entry.get("field_name"))]
    value = named[0].get("value") if named else None
    if not isinstance(value, dict):
        return value
    return next((told for told in value.values() if told is not None), None)


def python_value(value: Any) -> Any:
    """An Arrow value as Python has it: a map as a dictionary, or as its pairs where it holds a key twice."""
    try:
        return value.as_py(maps_as_pydicts="strict")
    except KeyError:
        return value.as_py()


def as_json(value: Any) -> str | None:
    """A nested value as JSON; what JSON has no word for as text, and a number that is none as null."""
    if value is None:
        return None
    try:
        return json.dumps(value, default=_plain, ensure_ascii=False, separators=(",", ":"), allow_nan=False)
    except (TypeError, ValueError):  # a key that is no text, or a number that JSON has not
        return json.dumps(_plain_all(value), default=_plain, ensure_ascii=False, separators=(",", ":"))


def _plain(value: Any) -> str:
    return value.decode("utf-8", "replace") if isinstance(value, bytes) else str(value)


def _plain_all(value: Any) -> Any:
    if isinstance(value, dict):
        return {_plain(key): _plain_all(inner) for key, inner in value.items()}
    if isinstance(value, list | tuple):
        return [_plain_all(inner) for inner in value]
    return None if isinstance(value, float) and not abs(value) < float("inf") else value
