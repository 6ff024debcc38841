"""What the pipeline remembers: files loaded, rows refused, nights run; in `work.duckdb`, schema `ops`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from journey_analytics.warehouse import Warehouse

SCHEMA_VERSION = 1

_TABLES = (
    """create table if not exists work.ops.loads (
        file_id varchar, source varchar, file varchar, sha256 varchar, bytes bigint, n_read bigint, n_loaded bigint,
        n_duplicate bigint, n_rejected bigint, n_out_of_scope bigint, first_event_at timestamp, last_event_at timestamp,
        status varchar, reason varchar, loaded_at timestamp)""",
    """create table if not exists work.ops.rejects (
        file_id varchar, source varchar, file varchar, row_number bigint, reasons varchar[], "row" varchar)""",
    """create table if not exists work.ops.load_notes (
        file_id varchar, source varchar, file varchar, note varchar, subject varchar, follows varchar, n bigint,
        sample varchar)""",
    """create table if not exists work.ops.runs (
        run_id varchar, attempt bigint, started_at timestamp, ended_at timestamp, status varchar, exit_code integer,
        as_of timestamp, map_hash varchar, code_version varchar, schema_version integer, message varchar)""",
    """create table if not exists work.ops.erasures (
        erasure bigint, erased_at timestamp, erased_by varchar, reason varchar, n_ids bigint, n_rows bigint,
        n_refused bigint, n_rewritten bigint)""",
    "alter table work.ops.loads add column if not exists n_erased bigint default 0",
    "alter table work.ops.loads add column if not exists n_late bigint default 0",
    """create table if not exists work.ops.arrivals (
        arrival bigint, source varchar, file varchar, sha256 varchar, arrived_at timestamp, published_until timestamp,
        loaded_at timestamp)""",
    "create table if not exists work.ops.seen_files (source varchar, file varchar, bytes bigint, modified_ns bigint)",
    """create table if not exists work.ops.fetched (
        source varchar, place varchar, object varchar, stamp varchar, bytes bigint)""",
    "create table if not exists work.ops.contracts (source varchar, digest varchar)",
)

COMMENTS = {
    "runs": "One row per attempt at a night. Beside ops.erasures the only table with wall-clock times.",
    "loads": "One row per file that was looked at. "
    "n_read = n_loaded + n_duplicate + n_rejected + n_out_of_scope + n_late + n_erased.",
    "schema_version": "One row: the version of what tables and columns mean.",
    "load_notes": "One row per file, note and column: what was counted although no row was refused for it.",
    "erasures": "One row per person who was erased, without their ids: when, by whom, why, and how much it took.",
    "rejects": "One row per refused row, pseudonymised, with every reason.",
}


def ensure(warehouse: Warehouse) -> None:
    """Create the ledger's tables where they are missing."""
    warehouse.execute("create schema if not exists work.ops")
    warehouse.execute("create schema if not exists work.landing")
    for statement in _TABLES:
        warehouse.execute(statement)


def begin_run(warehouse: Warehouse, started_at: datetime, code_version: str) -> int:
    """Note that a night has started. Returns the attempt's number, one above the highest so far."""
    attempt = int(warehouse.scalar("select coalesce(max(attempt), 0) + 1 from work.ops.runs"))
    warehouse.append("work.ops.runs", [{
        "attempt": attempt, "started_at": started_at, "status": "running", "code_version": code_version,
        "schema_version": SCHEMA_VERSION,
    }])  # fmt: skip
    return attempt


def end_run(warehouse: Warehouse, attempt: int, ended_at: datetime, facts: Mapping[str, Any]) -> None:
    """Note how a night ended; `facts` are columns of ops.runs."""
    changes = {"ended_at": ended_at, **facts}
    assignments = ", ".join(f"{name} = ${name}" for name in changes)
    warehouse.execute(
        f"update work.ops.runs set {assignments} where attempt = $attempt", {**changes, "attempt": attempt}
    )


def close_abandoned(warehouse: Warehouse, attempt: int) -> int:
    """Nights that were killed left no end: mark them. Returns how many there were."""
    condition = "status = 'running' and attempt < $attempt"
    count = int(warehouse.scalar(f"select count(*) from work.ops.runs where {condition}", {"attempt": attempt}))
    warehouse.execute(
        "update work.ops.runs set status = 'failed', exit_code = 50, message = 'was killed before it could end' "
        f"where {condition}",
        {"attempt": attempt},
    )
    return count


def runs(warehouse: Warehouse, limit: int = 20) -> list[dict[str, Any]]:
    """The latest attempts, newest first."""
    return warehouse.rows("select * from ops.runs order by attempt desc limit $limit", {"limit": limit})


def input_fingerprint(warehouse: Warehouse) -> Sequence[str]:
    """What the landed data are made of: one text per loaded file, in a fixed order."""
    rows = warehouse.rows(
        "select source, file, sha256, status, n_erased from work.ops.loads order by source, file, sha256"
    )
    files = [f"{row['source']} {row['file']} {row['sha256']} {row['status']} {row['n_erased'] or ''}" for row in rows]
    erased = warehouse.rows("select erasure, erased_at, n_ids from work.ops.erasures order by erasure")
    return [*files, *(f"erased {row['erasure']} {row['erased_at']} {row['n_ids']}" for row in erased)]
