"""Options, tables and JSON that every command has."""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from journey_analytics.errors import JourneyError
from journey_analytics.progress import printable

ProjectOption = Annotated[Path, typer.Option("--project", help="The shop's folder: pipelines/, optional own sql/.")]
JsonOption = Annotated[bool, typer.Option("--json", help="Print one JSON object for machines.")]

HERE = Path()


def plain(value: Any) -> dict[str, Any]:
    """A dataclass as a dictionary, one level deep."""
    return {name: getattr(value, name) for name in value.__dataclass_fields__}


def print_json(value: Any) -> None:
    """Print one JSON object."""
    print(json.dumps(value, default=str, ensure_ascii=False, indent=1))


def print_table(rows: list[dict[str, Any]], columns: Sequence[str]) -> None:
    """Print rows as a table, nothing of them able to move the cursor."""
    table = Table(box=None, pad_edge=False, header_style="bold")
    for column in columns:
        table.add_column(column, overflow="fold")
    for row in rows:
        table.add_row(*(escape(printable("" if row.get(column) is None else str(row[column]))) for column in columns))
    Console(highlight=False, width=None if sys.stdout.isatty() else 200).print(table)


def complain(error: JourneyError) -> None:
    """Say on standard error what went wrong."""
    print(f"journey: {error}", file=sys.stderr)
