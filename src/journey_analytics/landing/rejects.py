"""The quarantine: refused rows as they are looked at, counted by reason, and landed again after a fix.

Quarantine keeps what may be kept of a row, never the row itself, so a row is replayed from its file. A row that lands
can make another one its duplicate, so its whole feed is read again: what comes out is what a first night with today's
contract would have brought.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from journey_analytics.errors import VerificationError
from journey_analytics.facts.config import Project
from journey_analytics.facts.expressions import quoted
from journey_analytics.landing.land import land
from journey_analytics.warehouse import Warehouse

PAGE_ROWS = 20_000
COLUMNS = ("source", "file", "row_number", "reasons", "row")


@dataclass(frozen=True)
class Filter:
    """Which refused rows are meant: of a feed, with a reason that contains a text, of files whose name contains one."""

    source: str | None = None
    reason: str | None = None
    file: str | None = None

    @property
    def where(self) -> str:
        """The condition, with parameters $source, $reason and $file."""
        tests = {
            "source": "source = $source",
            "reason": "len(list_filter(reasons, lambda reason: contains(lower(reason), lower($reason)))) > 0",
            "file": "contains(file, $file)",
        }
        given = [test for name, test in tests.items() if getattr(self, name) is not None]
        return " and ".join(given) or "true"

    @property
    def parameters(self) -> dict[str, str]:
        """What the condition's parameters stand for."""
        return {name: value for name, value in vars(self).items() if value is not None}


@dataclass(frozen=True)
class Replayed:
    """What became of the rows that a feed's quarantine held: rows, by where they are now."""

    source: str
    n_before: int
    n_loaded: int
    n_refused: int

    @property
    def n_elsewhere(self) -> int:
        """Now a duplicate of a loaded row, or out of scope."""
        return self.n_before - self.n_loaded - self.n_refused


def count(warehouse: Warehouse, which: Filter, table: str = "ops.rejects") -> int:
    """How many refused rows are meant."""
    return int(warehouse.scalar(f"select count(*) from {table} where {which.where}", which.parameters or None))


def listed(warehouse: Warehouse, which: Filter, limit: int, table: str = "ops.rejects") -> list[dict[str, Any]]:
    """The first refused rows, in the order of feed, file and row."""
    return _page(warehouse, which, limit, 0, table)


def pages(warehouse: Warehouse, which: Filter, table: str = "ops.rejects") -> Iterator[list[dict[str, Any]]]:
    """All refused rows that are meant, PAGE_ROWS at a time."""
    start = 0
    while page := _page(warehouse, which, PAGE_ROWS, start, table):
        yield page
        start += len(page)


def summary(warehouse: Warehouse, which: Filter, table: str = "ops.rejects") -> list[dict[str, Any]]:
    """Reasons with what they were given for left out: feed, reason, rows, files, and the first such row."""
    return warehouse.rows(
        f"""with said as (
            select source, file, row_number, split_part(unnest(reasons), ': ', 1) as reason
            from {table} where {which.where})
        select source, reason, count(distinct (file, row_number)) as n_rows, count(distinct file) as n_files,
            min(file || ':' || row_number) as example
        from said {"where contains(lower(reason), lower($reason))" if which.reason else ""}
        group by all order by n_rows desc, source, reason""",
        which.parameters or None,
    )


def replay(warehouse: Warehouse, project: Project, now: datetime, sources: Collection[str]) -> list[Replayed]:
    """Land these feeds again from their files, under today's contract.

    Raises
    ------
    ConfigError : files of a feed are gone
    VerificationError : the same files hold another number of rows than before; nothing was kept
    """
    before = {source: _rows_read(warehouse, source) for source in sources}
    warehouse.execute("create or replace temp table quarantined as from work.ops.rejects")
    land(warehouse, project, now, again=sources, check=lambda: _same_rows(warehouse, before))
    return [_replayed(warehouse, source) for source in sources]


def _page(warehouse: Warehouse, which: Filter, limit: int, start: int, table: str) -> list[dict[str, Any]]:
    return warehouse.rows(
        f"""select {", ".join(map(quoted, COLUMNS))} from {table} where {which.where}
        order by source, file, row_number limit {int(limit)} offset {int(start)}""",
        which.parameters or None,
    )


def _rows_read(warehouse: Warehouse, source: str) -> dict[str, int]:
    """The rows that each loaded file of a feed holds, by file_id."""
    rows = warehouse.rows(
        "select file_id, n_read from work.ops.loads where source = $1 and status = 'loaded'", [source]
    )
    return {row["file_id"]: int(row["n_read"]) for row in rows}


def _same_rows(warehouse: Warehouse, before: dict[str, dict[str, int]]) -> None:
    """Reading again neither loses a row nor makes one: of every file that is still the same, as many as before."""
    for source, files in before.items():
        now = _rows_read(warehouse, source)
        other = [file_id for file_id, n_rows in files.items() if now.get(file_id, n_rows) != n_rows]
        if other:
            raise VerificationError(
                f"{len(other)} files hold another number of rows than when they were landed", where=source,
                do="journey rejects --replay again; nothing was kept",
            )  # fmt: skip


def _replayed(warehouse: Warehouse, source: str) -> Replayed:
    """Where the rows are that were in quarantine before."""
    counted = warehouse.rows(
        f"""select count(*) as n_before, count(landed.file_id) as n_loaded, count(refused.file_id) as n_refused
        from quarantined as earlier
        left join work.landing.{quoted(source)} as landed using (file_id, row_number)
        left join work.ops.rejects as refused using (file_id, row_number)
        where earlier.source = $1""",
        [source],
    )[0]
    return Replayed(source, **counted)
