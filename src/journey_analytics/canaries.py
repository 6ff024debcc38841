"""A search through everything the tool has written for texts that must not be there: known addresses, names, numbers.

Databases pack their texts, so every column of every table is read; and every file is searched byte by byte, as it is.
An address is looked for in the ways it can be written down, a number to call whatever stands between its figures. What
is found is told by its place and by its line in the list, never by itself.
"""

from __future__ import annotations

import html
import json
import mmap
import re
import unicodedata
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

from journey_analytics import publish
from journey_analytics.errors import ConfigError
from journey_analytics.facts.config import Project
from journey_analytics.facts.expressions import quoted
from journey_analytics.warehouse import open_published

SHORTEST = 4
_BETWEEN_FIGURES = r"[ ()/.\-]*"


@dataclass(frozen=True)
class Sighting:
    """A place that holds one of the texts: the file, where in it, how often, and the text's line in the list."""

    file: str
    place: str
    line: int
    n: int


def read_canaries(path: Path) -> dict[int, str]:
    """The texts of a list, one a line, by the number of their line; empty lines and those with # are passed over.

    Raises
    ------
    ConfigError : it cannot be read, holds nothing, or a text is too short to mean anybody
    """
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError("the list cannot be read", where=path.name, allowed="a text file, one text a line") from error
    told = {number: line.strip() for number, line in enumerate(lines, start=1)}
    texts = {number: text for number, text in told.items() if text and not text.startswith("#")}
    short = [number for number, text in texts.items() if len(text) < SHORTEST]
    if short or not texts:
        what = f"line {short[0]} is too short to mean anybody" if short else "the list is empty"
        raise ConfigError(what, where=path.name, allowed=f"texts of at least {SHORTEST} characters, one a line")
    return texts


def scan(project: Project, texts: dict[int, str], others: Sequence[Path] = ()) -> list[Sighting]:
    """Search the warehouse, the reports and `others` (files or folders, such as logs).

    Raises
    ------
    LockHeld : a night is running; what it writes is not whole yet
    """
    patterns = {number: pattern_of(text) for number, text in texts.items()}
    with publish.lock(project.warehouse):
        found: list[Sighting] = []
        for root in (project.warehouse, project.reports, *others):
            for path in sorted(each for each in (root, *root.rglob("*")) if each.is_file() and each.name != ".lock"):
                whole = path.relative_to(root.parent).as_posix()
                name = re.sub(
                    "|".join(f"(?i:{pattern.removeprefix('(?i)')})" for pattern in patterns.values()), "…", whole
                )
                found += _in_name(whole, name, patterns)
                found += _in_bytes(path, name, patterns)
                if path.suffix == ".duckdb":
                    found += _in_tables(path, name, patterns)
    return found


def pattern_of(text: str) -> str:
    """A regular expression, for Python and for the database, of a text in the ways it can be written down."""
    figures = re.sub(r"\D", "", text)
    if len(figures) >= 7 and len(figures) >= len(re.sub(r"\s", "", text)) - 5 and "." not in text:
        return _BETWEEN_FIGURES.join(figures)
    forms = {text, unicodedata.normalize("NFC", text), unicodedata.normalize("NFD", text)}
    forms |= {form.replace("@", sign) for form in forms for sign in ("\uff20", "\\u0040")}
    ways = (str, quote, html.escape, lambda form: json.dumps(form)[1:-1], lambda form: form.replace(" ", "+"))
    written = {way(form) for form in forms for way in ways}
    return "(?i)" + "|".join(map(re.escape, sorted(written)))


def _in_name(whole: str, name: str, patterns: dict[int, str]) -> Iterator[Sighting]:
    for line, pattern in patterns.items():
        if re.search(pattern, whole):
            yield Sighting(name, "the file's name", line, 1)


def _in_bytes(path: Path, name: str, patterns: dict[int, str]) -> Iterator[Sighting]:
    if path.stat().st_size == 0:
        return
    with path.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as content:
        for line, pattern in patterns.items():
            count = sum(1 for _ in re.finditer(pattern.encode(), content))
            if count:
                yield Sighting(name, "its bytes", line, count)


def _in_tables(path: Path, name: str, patterns: dict[int, str]) -> Iterator[Sighting]:
    warehouse = open_published(path)
    try:
        columns = warehouse.rows("""
            select schema_name, table_name, list(column_name order by column_index) as names from duckdb_columns()
            where not internal group by all order by all""")
        for table in columns:
            counts = ", ".join(
                f"count(*) filter (where regexp_matches({quoted(column)}::varchar, ${place}))"
                for column in table["names"]
                for place, _ in enumerate(patterns, start=1)
            )
            relation = f"{quoted(table['schema_name'])}.{quoted(table['table_name'])}"
            row = warehouse.rows(f"select [{counts}] as counts from {relation}", list(patterns.values()))[0]
            places = [(column, line) for column in table["names"] for line in patterns]
            for (column, line), count in zip(places, row["counts"], strict=True):
                if count:
                    yield Sighting(name, f"{table['schema_name']}.{table['table_name']}.{column}", line, count)
    finally:
        warehouse.close()
