"""Files to `landing.*`: each loaded once, every row accounted for, in one transaction.

For every file, read = loaded + duplicate + rejected + out of scope; where that does not hold, nothing is kept.
"""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from journey_analytics.config import Project
from journey_analytics.contract import contract_query, happened_at, landing_columns, padded_keys
from journey_analytics.errors import InputError, VerificationError
from journey_analytics.expressions import quoted
from journey_analytics.feeds import Source, any_personal, landed_name
from journey_analytics.readers import Fingerprint, UnreadableFile, fingerprint, read_file, schema_of, table_of
from journey_analytics.warehouse import Warehouse

CHUNK_ROWS = 1_000_000
CHUNK_BYTES = 300_000_000
CLOCK_TOLERANCE = timedelta(days=1)


@dataclass
class File:
    """One file on its way in."""

    path: Path
    name: str
    print: Fingerprint
    file_id: str
    n_read: int = 0
    status: str = "loaded"
    reason: str | None = None

    def refuse(self, reason: str, status: str = "refused") -> File:
        """Keep nothing of this file, and say why."""
        self.status, self.reason, self.n_read = status, reason, 0
        return self


@dataclass(frozen=True)
class Landed:
    """What one feed brought tonight. Counts are rows of tonight's new files."""

    source: str
    n_files: int
    n_new_files: int
    counts: Counter[str] = field(default_factory=Counter)


def land(warehouse: Warehouse, project: Project, now: datetime) -> list[Landed]:
    """Load what is new of every feed.

    Parameters
    ----------
    now : the night's start (UTC); rows more than a day later than this are refused as lying in the future

    Raises
    ------
    InputError : a required feed has no file at all
    VerificationError : rows read and rows accounted for differ; nothing was kept
    """
    warehouse.execute("set variable not_after = $1::timestamp", [now.replace(tzinfo=None) + CLOCK_TOLERANCE])
    if any_personal(dict(project.sources)) and project.key is not None:
        inner, outer = padded_keys(project.key)
        warehouse.execute("set variable key_inner = $1::blob", [inner])
        warehouse.execute("set variable key_outer = $1::blob", [outer])
    with warehouse.transaction():
        landed = [_land_source(warehouse, project, source) for source in project.sources.values()]
    missing = [feed.source for feed in landed if feed.n_files == 0 and project.sources[feed.source].required]
    if missing:
        lands = "; ".join(f"{name}: {', '.join(project.sources[name].lands)}" for name in missing)
        raise InputError(
            f"no file of the required feed {', '.join(missing)} has arrived", where=lands, allowed="at least one file",
            do="deliver the file, or say `required: false` in the source's YAML to go on without it",
        )  # fmt: skip
    return landed


def files_of(project: Project, source: Source) -> list[Path]:
    """A feed's files in the landing folder, in a fixed order; hidden and temporary ones left out."""
    found: set[Path] = set()
    for glob in source.lands:
        found.update(path for path in project.landing.glob(glob) if path.is_file() and not path.name.startswith((".", "_")))
    root = project.landing.resolve()
    return sorted(path for path in found if path.resolve().is_relative_to(root) and path.suffix not in (".tmp", ".part"))


def watermark(warehouse: Warehouse, project: Project) -> datetime | None:
    """The end of the last day that is complete in every required feed (in every feed, where none is required).

    A required feed that has no rows yet holds nothing back, nor does one whose rows have no time; None where no feed
    has any.
    """
    timed = [source for source in project.sources.values() if not source.timeless]
    required = [source for source in timed if source.required] or timed
    ends = [
        warehouse.scalar(
            f"select date_trunc('day', max({happened_at(source)})) + interval 1 day "
            f"from work.landing.{quoted(source.source)}"
        )
        for source in required
    ]
    return min((end for end in ends if end is not None), default=None)


def _land_source(warehouse: Warehouse, project: Project, source: Source) -> Landed:
    _ensure_table(warehouse, source)
    paths = files_of(project, source)
    files = list(_new_files(warehouse, project, source, paths))
    counts: Counter[str] = Counter()
    if files:
        for chunk in _chunks(files, source):
            _load_chunk(warehouse, source, files, chunk)
        counts = _settle(warehouse, source, files)
    return Landed(source.source, len(paths), len(files), counts)


def _ensure_table(warehouse: Warehouse, source: Source) -> None:
    """Create the landing table; where the contract's columns have changed, start the feed again from its files."""
    table, wanted = f"work.landing.{quoted(source.source)}", landing_columns(source)
    present = warehouse.rows(
        "select column_name, lower(data_type) as data_type from duckdb_columns() "
        "where database_name = 'work' and schema_name = 'landing' and table_name = $1 order by column_index", [source.source],
    )  # fmt: skip
    if present and {row["column_name"]: row["data_type"] for row in present} != wanted:
        warehouse.execute(f"drop table {table}")
        for ledger in ("loads", "rejects", "seen_files"):
            warehouse.execute(f"delete from work.ops.{ledger} where source = $1", [source.source])
    columns = ", ".join(f"{quoted(name)} {kind}" for name, kind in wanted.items())
    warehouse.execute(f"create table if not exists {table} ({columns})")


def _new_files(warehouse: Warehouse, project: Project, source: Source, paths: Sequence[Path]) -> Iterator[File]:
    """Files whose bytes the ledger does not know; a file with the size and time it had last night is not read again."""
    seen = {
        (row["file"], row["bytes"], row["modified_ns"])
        for row in warehouse.rows("select file, bytes, modified_ns from work.ops.seen_files where source = $1", [source.source])
    }
    ledger = warehouse.rows("select file_id, file, sha256, status from work.ops.loads where source = $1", [source.source])
    known = {row["sha256"]: row["file"] for row in ledger if row["status"] == "loaded"}
    recorded = {row["file_id"] for row in ledger}
    noted: list[dict[str, Any]] = []
    for path in paths:
        name = path.relative_to(project.landing).as_posix()
        try:
            state = path.stat()
            if (name, state.st_size, state.st_mtime_ns) in seen:
                continue
            print_ = fingerprint(path)
        except (UnreadableFile, OSError) as error:
            yield File(path, name, Fingerprint("", 0), _file_id(source.source, name, "")).refuse(str(error))
            continue
        noted.append({"source": source.source, "file": name, "bytes": state.st_size, "modified_ns": state.st_mtime_ns})
        file = File(path, name, print_, _file_id(source.source, name, print_.sha256))
        original = known.setdefault(print_.sha256, name)
        if file.file_id in recorded:
            continue
        yield file if original == name else file.refuse(f"holds the same bytes as {original}", "copy")
    warehouse.append("work.ops.seen_files", noted)


def _file_id(source: str, name: str, sha256: str) -> str:
    return hashlib.sha256(f"{source}\0{name}\0{sha256}".encode()).hexdigest()[:16]


def _chunks(files: Sequence[File], source: Source) -> Iterator[list[Any]]:
    """Record batches of many files, gathered until a chunk is worth a statement."""
    batches: list[Any] = []
    rows = size = 0
    for index, file in enumerate(files):
        if file.status != "loaded":
            continue
        try:
            for batch in read_file(file.path, source, index):
                file.n_read += len(batch)
                batches.append(batch)
                rows, size = rows + len(batch), size + batch.nbytes
                if rows >= CHUNK_ROWS or size >= CHUNK_BYTES:
                    yield batches
                    batches, rows, size = [], 0, 0
        except UnreadableFile as error:
            file.refuse(str(error))
    yield batches


def _load_chunk(warehouse: Warehouse, source: Source, files: Sequence[File], batches: list[Any]) -> None:
    if not batches:
        return
    with warehouse.offered("incoming", table_of(batches, schema_of(source))):
        warehouse.execute(f"create or replace temp table staged as {contract_query(source)}")
    warehouse.execute("create or replace temp table staged_files (file_index integer, file_id varchar, file varchar)")
    warehouse.append("staged_files", [{"file_index": i, "file_id": f.file_id, "file": f.name} for i, f in enumerate(files)])
    _find_duplicates(warehouse, source)
    name, columns = quoted(source.source), ", ".join(quoted(column) for column in source.landed())
    warehouse.execute(f"""
        insert into work.landing.{name}
        select {columns}, staged_files.file_id, staged.row_number
        from staged join staged_files using (file_index)
        where reasons is null and is_in_scope
            and not exists (from repeated where repeated.file_index = staged.file_index and repeated.row_number = staged.row_number)
    """)
    warehouse.execute(
        """insert into work.ops.rejects
        select staged_files.file_id, $1, staged_files.file, staged.row_number, staged.reasons, staged.refused_row
        from staged join staged_files using (file_index) where reasons is not null order by file_index, row_number""",
        [source.source],
    )
    _count(warehouse)


def _find_duplicates(warehouse: Warehouse, source: Source) -> None:
    """`repeated`: rows of this chunk whose key landed before, or stands earlier in this chunk."""
    warehouse.execute("create or replace temp table repeated (file_index integer, row_number bigint)")
    if not source.key:
        return
    key = ", ".join(quoted(landed_name(name, source.columns[name])) for name in source.key)
    kept = "reasons is null and is_in_scope"
    warehouse.execute(f"""
        insert into repeated
        with twice as (select {key} from staged where {kept} group by {key} having count(*) > 1),
        numbered as (
            select file_index, row_number, row_number() over (partition by {key} order by file_index, row_number) as place
            from staged semi join twice using ({key}) where {kept})
        select file_index, row_number from numbered where place > 1
        union
        select file_index, row_number from staged semi join work.landing.{quoted(source.source)} using ({key}) where {kept}
    """)


def _count(warehouse: Warehouse) -> None:
    """Add this chunk's per-file counts to `chunk_counts`."""
    warehouse.execute(
        "create temp table if not exists chunk_counts (file_id varchar, n_staged bigint, n_duplicate bigint, n_rejected bigint, n_out_of_scope bigint)"
    )
    warehouse.execute("""
        insert into chunk_counts
        with duplicates as (select file_index, count(*) as n_duplicate from repeated group by file_index),
        counts as (
            select file_index, count(*) as n_staged, count(*) filter (reasons is not null) as n_rejected,
                count(*) filter (reasons is null and not is_in_scope) as n_out_of_scope
            from staged group by file_index)
        select file_id, n_staged, coalesce(n_duplicate, 0), n_rejected, n_out_of_scope
        from counts join staged_files using (file_index) left join duplicates using (file_index)
    """)


def _settle(warehouse: Warehouse, source: Source, files: Sequence[File]) -> Counter[str]:
    """Write the ledger, undo files that broke off, and check that every row is accounted for."""
    name, total = quoted(source.source), Counter[str]()
    warehouse.execute(
        "create temp table if not exists chunk_counts (file_id varchar, n_staged bigint, n_duplicate bigint, n_rejected bigint, n_out_of_scope bigint)"
    )
    counted = {
        row["file_id"]: row
        for row in warehouse.rows("""
            select file_id, sum(n_duplicate)::bigint as n_duplicate, sum(n_rejected)::bigint as n_rejected,
                sum(n_out_of_scope)::bigint as n_out_of_scope
            from chunk_counts group by file_id""")
    }
    loaded = {
        row["file_id"]: row
        for row in warehouse.rows(f"""
            select file_id, count(*) as n, min({happened_at(source)}) as first_event_at,
                max({happened_at(source)}) as last_event_at
            from work.landing.{name} group by file_id""")
    }
    ledger = []
    for file in files:
        warehouse.execute(
            "delete from work.ops.loads where source = $1 and file = $2 and status = 'refused'", [source.source, file.name]
        )
        if file.status != "loaded":
            warehouse.execute(f"delete from work.landing.{name} where file_id = $1", [file.file_id])
            warehouse.execute("delete from work.ops.rejects where file_id = $1", [file.file_id])
        row = _ledger_row(source, file, counted.get(file.file_id, {}), loaded.get(file.file_id, {}))
        ledger.append(row)
        total.update({key: value for key, value in row.items() if key.startswith("n_")})
    warehouse.append("work.ops.loads", ledger)
    warehouse.execute("drop table chunk_counts")
    return total


def _ledger_row(source: Source, file: File, counted: dict[str, Any], loaded: dict[str, Any]) -> dict[str, Any]:
    broken = file.status != "loaded"
    row = {
        "file_id": file.file_id, "source": source.source, "file": file.name, "sha256": file.print.sha256,
        "bytes": file.print.size, "n_read": file.n_read,
        "n_loaded": 0 if broken else loaded.get("n", 0), "n_duplicate": 0 if broken else counted.get("n_duplicate", 0),
        "n_rejected": 0 if broken else counted.get("n_rejected", 0),
        "n_out_of_scope": 0 if broken else counted.get("n_out_of_scope", 0),
        "first_event_at": None if broken else loaded.get("first_event_at"),
        "last_event_at": None if broken else loaded.get("last_event_at"),
        "status": file.status, "reason": file.reason, "loaded_at": None,
    }  # fmt: skip
    accounted = row["n_loaded"] + row["n_duplicate"] + row["n_rejected"] + row["n_out_of_scope"]
    if accounted != row["n_read"]:
        raise VerificationError(
            f"read {row['n_read']} rows but can account for {accounted} only", where=file.name,
            do="report this as a fault of the tool; nothing of tonight was kept",
        )  # fmt: skip
    return row
