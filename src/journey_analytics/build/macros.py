"""The published file's own functions: `sql/macros/*.sql`, for analysts who have a DuckDB shell and nothing else.

A file holds one `create or replace macro <name>(…)`, opened by a comment that says how it is called; the comment goes
into the database with it. Macros read the published tables, so whoever attaches the file under a name says `use <name>`
first.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from graphlib import TopologicalSorter
from pathlib import Path

from journey_analytics.errors import ConfigError
from journey_analytics.warehouse import SqlError, Warehouse

FOLDER = "macros"
_CREATES = re.compile(r"^create or replace macro (\w+)\s*\((?:[^()]|\([^()]*\))*\)\s+as(\s+table)?\b", re.MULTILINE)


@dataclass(frozen=True)
class Macro:
    """One function: its name, whether it gives rows or one value, how it is called, and its statement."""

    name: str
    is_table: bool
    meaning: str
    sql: str


def discover(folders: Sequence[Path]) -> list[Macro]:
    """The macros of the folders, those that others call first; a later folder's replaces an earlier one by its name.

    Raises
    ------
    ConfigError : a file does not create one macro of its own name
    """
    found: dict[str, Macro] = {}
    for path in (path for folder in folders for path in sorted((folder / FOLDER).glob("*.sql"))):
        text = path.read_text(encoding="utf-8").rstrip().removesuffix(";")
        lines = text.splitlines()
        header = [line.removeprefix("--").strip() for line in lines if line.startswith("--")]
        created = _CREATES.findall(text)
        if len(created) != 1 or created[0][0] != path.stem:
            raise ConfigError(
                "creates no macro of its name", where=f"{FOLDER}/{path.name}",
                allowed=f"one statement `create or replace macro {path.stem}(…) as …`",
            )  # fmt: skip
        found[path.stem] = Macro(path.stem, bool(created[0][1]), " ".join(header).strip(), text)
    calls = {name: set(re.findall(r"\b(\w+)\(", macro.sql)) & found.keys() - {name} for name, macro in found.items()}
    return [found[name] for name in TopologicalSorter(calls).static_order()]


def create(warehouse: Warehouse, macros: Sequence[Macro]) -> None:
    """Create the macros in the publication being built, each with its comment.

    Raises
    ------
    ConfigError : one does not run
    """
    for macro in macros:
        try:
            warehouse.execute(macro.sql)
        except SqlError as error:
            raise ConfigError(
                f"does not run: {str(error).splitlines()[0]}", where=f"{FOLDER}/{macro.name}.sql",
                allowed="a macro over the published tables",
            ) from error  # fmt: skip
        kind = "macro table" if macro.is_table else "macro"
        meaning = macro.meaning.replace("'", "''")
        warehouse.execute(f"comment on {kind} {macro.name} is '{meaning}'")
