"""Files to `landing.*`: each loaded once, every row accounted for, in one transaction.

For every file, read = loaded + duplicate + rejected + out of scope + late + erased; where that does not hold, nothing
is kept.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any

from journey_analytics.errors import ConfigError, InputError, VerificationError
from journey_analytics.facts.config import Project
from journey_analytics.facts.expressions import quoted
from journey_analytics.facts.feeds import Source
from journey_analytics.landing import arrivals, drift, duplicates, fast, notes
from journey_analytics.landing.chunks import chunks_of, is_worth_a_statement, one_ahead
from journey_analytics.landing.contract import contract_digest, contract_query, happened_at, landing_columns
from journey_analytics.landing.deliveries import File, files_of, name_of, new_files, remember, without_keys
from journey_analytics.landing.erasures import InForce, in_force, key_set, take_out
from journey_analytics.landing.privacy import WITHOUT_KEY
from journey_analytics.landing.readers import schema_of, table_of
from journey_analytics.landing.rowrules import LANDS
from journey_analytics.warehouse import DatabaseError, Warehouse

SMALLEST_NIGHT = 10


@dataclass(frozen=True)
class Landed:
    """What one feed brought tonight. Counts are rows of tonight's new files; `refused` are files and why, and `waiting`
    those that are not whole yet.

    `is_again`: the contract or the key has changed, so all of the feed's files were landed again.
    """

    source: str
    n_files: int
    n_new_files: int
    counts: Counter[str] = field(default_factory=Counter)
    refused: Mapping[str, str] = field(default_factory=dict)
    waiting: Mapping[str, str] = field(default_factory=dict)
    is_again: bool = False


def land(
    warehouse: Warehouse, project: Project, now: datetime, *, again: Collection[str] = (),
    check: Callable[[], None] = lambda: None,
) -> list[Landed]:  # fmt: skip
    """Load what is new of every feed.

    Parameters
    ----------
    now : the night's start (UTC); rows later than this by more than their feed's clock tolerance are refused
    again : feeds that are landed anew from all their files
    check : called when all has landed; what it raises undoes it

    Raises
    ------
    ConfigError : a condition of a feed does not fit its columns, or a changed contract cannot be applied to files
        that are gone; nothing was kept
    InputError : a required feed has no file at all, no usable row, or lost most of its rows tonight; a file lacks a
        required column; all of a feed's rows of tonight are refused; nothing was kept
    VerificationError : rows read and rows accounted for differ; nothing was kept
    """
    warehouse.execute("set variable night_at = $1::timestamp", [now.replace(tzinfo=None)])
    with key_set(warehouse, project.key):
        for source in project.sources.values():
            _check_contract(warehouse, source)
        with warehouse.transaction():
            before = _rows_of_required(warehouse, project)
            erased = in_force(warehouse, project)
            landed = [
                _land_source(warehouse, project, source, erased, anew=name in again)
                for name, source in project.sources.items()
            ]
            missing = [feed for feed in landed if not feed.n_files and project.sources[feed.source].required]
            if missing:
                lands = "; ".join(f"{feed.source}: {', '.join(project.sources[feed.source].lands)}" for feed in missing)
                waiting = sum(len(feed.waiting) for feed in missing)
                raise InputError(
                    f"no file of the required feed {', '.join(feed.source for feed in missing)} has arrived"
                    + (f"; {waiting} are still on their way" if waiting else ""), where=lands,
                    allowed="at least one file",
                    do="deliver the file, or say `required: false` in the source's YAML to go on without it",
                )  # fmt: skip
            _refuse_losses(before, _rows_of_required(warehouse, project))
            _refuse_all_bad(warehouse, landed)
            check()
    warehouse.execute("set variable night_at = $1::timestamp", [now.replace(tzinfo=None)])
    return landed


def _rows_of_required(warehouse: Warehouse, project: Project) -> dict[str, int]:
    """How many rows each required feed has landed; 0 where it has no table yet."""
    sql = "select table_name from duckdb_tables() where database_name = 'work' and schema_name = 'landing'"
    landed = {row["table_name"] for row in warehouse.rows(sql)}
    return {
        name: int(warehouse.scalar(f"select count(*) from work.landing.{quoted(name)}")) if name in landed else 0
        for name, source in project.sources.items()
        if source.required
    }


def _refuse_losses(before: Mapping[str, int], after: Mapping[str, int]) -> None:
    """A required feed without a usable row, or whose new files undo most of the old ones, ends the night."""
    for name, rows in after.items():
        if rows == 0 or rows < before[name] / 2:
            had = f"; last night it had {before[name]:,}" if before[name] else ""
            raise InputError(
                f"the required feed {name} has {rows:,} usable rows{had}", where=name,
                allowed="files whose rows keep the feed's contract",
                do="deliver the files again; nothing of tonight was kept, and the last publication is untouched",
            )  # fmt: skip


def _refuse_all_bad(warehouse: Warehouse, landed: Sequence[Landed]) -> None:
    """A feed of which every row of tonight was refused has another contract than ours."""
    for feed in landed:
        read = feed.counts["n_read"]
        if not SMALLEST_NIGHT <= read == feed.counts["n_rejected"]:
            continue
        reasons = warehouse.rows(
            """with said as (
                select split_part(unnest(rejects.reasons), ': ', 1) as reason
                from work.ops.rejects as rejects join work.ops.loads as loads using (file_id)
                where rejects.source = $1 and loads.loaded_at is null)
            select reason, count(*) as n from said group by reason order by n desc, reason limit 5""",
            [feed.source],
        )
        raise InputError(
            f"all {read:,} rows that {feed.source} brought tonight are refused: "
            + "; ".join(f"{row['reason']} ({row['n']:,})" for row in reasons),
            where=feed.source, allowed="rows that keep the feed's contract",
            do=f"ask its owner to deliver again, or mend sources/{feed.source}.yml; nothing of tonight was kept",
        )  # fmt: skip


def _check_contract(warehouse: Warehouse, source: Source) -> None:
    """Land nothing once: a condition that compares what cannot be compared shows itself before any work."""
    try:
        with warehouse.offered("incoming", table_of([], schema_of(source))):
            warehouse.rows(contract_query(source))
    except DatabaseError as error:
        reason = str(error).splitlines()[0]
        raise ConfigError(
            f"its conditions do not fit its columns: {reason}", where=f"sources/{source.source}.yml",
            allowed="comparisons of a column with values of its own type",
        ) from error  # fmt: skip


def watermark(warehouse: Warehouse, project: Project) -> datetime | None:
    """The end of the last day that is complete in every required feed (in every feed, where none is required).

    A required feed that has no rows yet holds nothing back, nor does one whose rows have no time; None where no feed
    has any. A day is complete when it has ended by the night's start: a phone whose clock is ahead completes none.
    """
    timed = [source for source in project.sources.values() if not source.timeless]
    required = [source for source in timed if source.required] or timed
    ends = [
        warehouse.scalar(f"""
            select least(date_trunc('day', max({happened_at(source)})) + interval 1 day,
                date_trunc('day', getvariable('night_at')::timestamp))
            from work.landing.{quoted(source.source)} having count({happened_at(source)}) > 0""")
        for source in required
    ]
    return min((end for end in ends if end is not None), default=None)


def _land_source(warehouse: Warehouse, project: Project, source: Source, erased: InForce, *, anew: bool) -> Landed:
    paths = files_of(project, source)
    is_again = _ensure_table(warehouse, project, source, paths, anew=anew)
    files = new_files(warehouse, project, source, paths)
    if not files:
        return Landed(source.source, len(paths), 0, is_again=is_again)
    counts = Counter[str]()
    by_contract = bool(erased.tombstones)  # whoever was erased is recognised before anything lands
    for together in arrivals.as_they_came(warehouse, project, source, files, key=lambda file: file.arrival):
        drift.compare(warehouse, source, together)
        _load(
            warehouse, source, together, lambda: take_out(warehouse, project, source, erased), by_contract=by_contract
        )
        duplicates.settle(warehouse, source)
        if project.key is None:
            _refuse_without_key(warehouse, project, source)
        counts.update(_settle(warehouse, source, together))
        notes.settle(warehouse, source, together)
    remember(warehouse, source, files)
    refused, waiting = (
        {file.name: str(file.reason) for file in files if file.status == status} for status in ("refused", "in_flight")
    )
    n_whole = len({name_of(project, path) for path in paths} - set(waiting))
    return Landed(source.source, n_whole, len(files) - len(waiting), counts, refused, waiting, is_again)


def _refuse_without_key(warehouse: Warehouse, project: Project, source: Source) -> None:
    """Without a key, ids that are addresses would all become one: nobody is merged in silence."""
    texts = [name for name, column in source.landed().items() if column.type == "text"]
    found = [
        name
        for name in texts
        if warehouse.scalar(
            f"select count(*) from work.landing.{quoted(source.source)} where {quoted(name)} = $1", [WITHOUT_KEY]
        )
    ]
    if found:
        raise ConfigError(
            f"the feed {source.source} carries addresses in {', '.join(found)}, and there is no key to hash them with",
            where="nightly.yml (key)", allowed="a pseudonymisation key, or a column without addresses",
            do=f"export {project.nightly.key.environment}; or, where nobody needs the column, leave it out of the file",
        )  # fmt: skip


def _ensure_table(warehouse: Warehouse, project: Project, source: Source, paths: Sequence[Path], *, anew: bool) -> bool:
    """Create the landing table; `anew`, or where the contract or the key has changed, start again from the files.

    Returns whether such a change was met.
    """
    table, digest = f"work.landing.{quoted(source.source)}", contract_digest(source, project.key)
    known = warehouse.scalar("select digest from work.ops.contracts where source = $1", [source.source])
    if anew or known != digest:
        _check_all_there(warehouse, project, source, paths)
        warehouse.execute(f"drop table if exists {table}")
        for ledger in ("loads", "rejects", "load_notes", "seen_files", "contracts"):
            warehouse.execute(f"delete from work.ops.{ledger} where source = $1", [source.source])
        warehouse.append("work.ops.contracts", [{"source": source.source, "digest": digest}])
    columns = ", ".join(f"{quoted(name)} {kind}" for name, kind in landing_columns(source).items())
    warehouse.execute(f"create table if not exists {table} ({columns})")
    return known not in (None, digest)


def _check_all_there(warehouse: Warehouse, project: Project, source: Source, paths: Sequence[Path]) -> None:
    """A feed can be started again only while all of its files that brought rows are still there."""
    read = "select file from work.ops.loads where source = $1 and status = 'loaded' and n_read > 0"
    rows = warehouse.rows(read, [source.source])
    there = without_keys([name_of(project, path) for path in paths])
    gone = sorted(without_keys([row["file"] for row in rows]) - there)
    if gone:
        raise ConfigError(
            f"all files must be landed again, since the contract, the key or a row changed, but {len(gone)} "
            f"{'is' if len(gone) == 1 else 'are'} gone: {', '.join(gone[:5])}", where=f"sources/{source.source}.yml",
            do="put the files back, or take the change back; to give their rows up, move work.duckdb away",
        )  # fmt: skip


def _load(
    warehouse: Warehouse, source: Source, files: Sequence[File], take_out: Callable[[], None], *, by_contract: bool
) -> None:
    """Bring the files' rows into the landing table; again without those that broke off after some rows had landed.

    `take_out` moves the rows of the erased from `staged` to `erased`, for each chunk; `by_contract`: every row goes
    through the contract, plain ones too.
    """
    while True:
        tried = [file for file in files if file.is_good]
        warehouse.execute("create or replace temp table staged_files (_index integer, _file_id varchar, _file varchar)")
        warehouse.append(
            "staged_files", [{"_index": i, "_file_id": f.file_id, "_file": f.name} for i, f in enumerate(files)]
        )
        warehouse.execute(_CHUNK_COUNTS)
        notes.begin(warehouse)
        duplicates.begin(warehouse, source)
        chunks = one_ahead(chunks_of(files, source))
        for chunk in chunks if by_contract else _careful_ones(warehouse, source, chunks):
            _load_chunk(warehouse, source, chunk, take_out)
        if not any(file.is_split and not file.is_good for file in tried):
            return
        for table in (f"work.landing.{quoted(source.source)}", "work.ops.rejects"):
            warehouse.execute(f"delete from {table} where file_id in (select _file_id from staged_files)")
        duplicates.put_back(warehouse, source)
        for file in tried:
            file.n_read, file.is_split = 0, False


def _careful_ones(warehouse: Warehouse, source: Source, chunks: Iterator[list[Any]]) -> Iterator[list[Any]]:
    """What the fast way leaves of all chunks, gathered until it is worth a statement; in the order of the files."""
    left: list[Any] = []
    is_fast = True
    for number, chunk in enumerate(chunks):
        is_fast = is_fast and sum(map(len, chunk)) >= fast.LEAST_ROWS
        left += fast.land_plain(warehouse, source, chunk, is_first=number == 0) if is_fast and chunk else chunk
        if is_worth_a_statement(left):
            yield left
            left = []
    yield left


def _load_chunk(warehouse: Warehouse, source: Source, batches: list[Any], take_out: Callable[[], None]) -> None:
    if not batches:
        return
    with warehouse.offered("incoming", table_of(batches, schema_of(source))):
        warehouse.execute(f"create or replace temp table staged as {arrivals.without_late(source)}")
        take_out()
    duplicates.find(warehouse, source)
    name, columns = quoted(source.source), ", ".join(quoted(column) for column in source.landed())
    warehouse.execute(f"""
        insert into work.landing.{name}
        select {columns}, _file_id, staged._row_number
        from staged join staged_files on _index = _file_index
        where {LANDS} and not exists (
            from repeated where repeated._file_index = staged._file_index and repeated._row_number = staged._row_number)
    """)
    warehouse.execute(
        """insert into work.ops.rejects
        select _file_id, $1, _file, staged._row_number, staged._reasons, staged._refused_row
        from staged join staged_files on _index = _file_index
        where _reasons is not null order by _file_index, _row_number""",
        [source.source],
    )
    _count(warehouse)
    notes.count(warehouse)


_CHUNK_COUNTS = """create or replace temp table chunk_counts (
    file_id varchar, n_duplicate bigint, n_rejected bigint, n_out_of_scope bigint, n_late bigint,
    n_erased bigint)"""


def _count(warehouse: Warehouse) -> None:
    """Add this chunk's per-file counts to `chunk_counts`."""
    warehouse.execute("""
        insert into chunk_counts
        with duplicates as (select _file_index, count(*) as n_duplicate from repeated group by _file_index),
        counts as (
            select _file_index, count(*) filter (_reasons is not null) as n_rejected,
                count(*) filter (_reasons is null and not _is_in_scope and not _is_late) as n_out_of_scope,
                count(*) filter (_is_late) as n_late
            from staged group by _file_index)
        select _file_id, coalesce(n_duplicate, 0), n_rejected, n_out_of_scope, n_late, 0
        from counts join staged_files on _index = _file_index left join duplicates using (_file_index)
        union all
        select _file_id, 0, 0, 0, 0, count(*)
        from erased join staged_files on _index = _file_index group by _file_id
    """)


def _settle(warehouse: Warehouse, source: Source, files: Sequence[File]) -> Counter[str]:
    """Write the ledger, and check that every row of every file is accounted for."""
    counted = {
        row["file_id"]: row
        for row in warehouse.rows("""
            select file_id, sum(n_duplicate)::bigint as n_duplicate, sum(n_rejected)::bigint as n_rejected,
                sum(n_out_of_scope)::bigint as n_out_of_scope, sum(n_late)::bigint as n_late,
                sum(n_erased)::bigint as n_erased
            from chunk_counts group by file_id""")
    }
    landed = {
        row["file_id"]: row
        for row in warehouse.rows(f"""
            select file_id, count(*) as n_loaded, min({happened_at(source)}) as first_event_at,
                max({happened_at(source)}) as last_event_at
            from work.landing.{quoted(source.source)}
            where file_id in (select _file_id from staged_files) group by file_id""")
    }
    ledger = [
        _ledger_row(source, file, {**counted.get(file.file_id, {}), **landed.get(file.file_id, {})}) for file in files
    ]
    warehouse.execute("delete from work.ops.loads where file_id in (select _file_id from staged_files)")
    warehouse.append("work.ops.loads", ledger)
    total = Counter[str]()
    for row in ledger:
        total.update({key: value for key, value in row.items() if key.startswith("n_")})
    return total


def _ledger_row(source: Source, file: File, counts: dict[str, Any]) -> dict[str, Any]:
    """One row of ops.loads; `counts` are what became of the file's rows."""
    kinds = ("n_loaded", "n_duplicate", "n_rejected", "n_out_of_scope", "n_late", "n_erased")
    rows = {name: counts.get(name) or 0 for name in kinds}
    if sum(rows.values()) != file.n_read:
        raise VerificationError(
            f"read {file.n_read} rows but can account for {sum(rows.values())} only", where=file.name,
            do="report this as a fault of the tool; nothing of tonight was kept",
        )  # fmt: skip
    return {
        "file_id": file.file_id, "source": source.source, "file": file.name, "sha256": file.print.sha256,
        "bytes": file.print.size, "n_read": file.n_read, **rows,
        "first_event_at": counts.get("first_event_at"), "last_event_at": counts.get("last_event_at"),
        "status": file.status, "reason": file.reason, "loaded_at": None,
    }  # fmt: skip
